//! Turns Ctrl-C, SIGTERM and SIGHUP into interrupts of a run. The first asks the run to finish what is open, the second
//! to save the state and leave.

#[cfg(unix)]
use std::sync::LazyLock;

use tokio::sync::watch;

use crate::execute::Interrupt;

/// Listens for signals from now on. Before this call a signal ends the process, which is safe at any time.
pub(super) fn listen() -> watch::Receiver<Interrupt> {
    let (sender, receiver) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        for request in [Interrupt::FinishOpenGroups, Interrupt::Abort] {
            stop_requested().await;
            if sender.send(request).is_err() {
                return;
            }
        }
        // Keeps the channel open. There is nothing more to send.
        sender.closed().await;
    });
    receiver
}

/// Waits for Ctrl-C, and on Unix also for SIGTERM, or for SIGHUP when the terminal closes. Waits forever if signals
/// cannot be received.
pub(super) async fn stop_requested() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let mut hangup = if *IGNORES_SIGHUP { None } else { signal(SignalKind::hangup()).ok() };
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    biased;
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = hung_up => {}
                }
            }
            _ => std::future::pending().await,
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Whether this process was started with SIGHUP ignored, as `nohup` does. Listening for the signal would undo that.
/// This can be detected only on Linux.
#[cfg(unix)]
static IGNORES_SIGHUP: LazyLock<bool> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is the first signal.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
});
