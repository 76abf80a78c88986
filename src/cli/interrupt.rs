//! Ctrl-C, a terminal that goes away, and a pipeline's wish to stop: the first asks a run to finish what is open, the second to leave.

#[cfg(unix)]
use std::sync::LazyLock;

use tokio::sync::watch;

use crate::execute::Interrupt;

/// Listens from now on; until then a signal ends the process, which is safe at any instant.
pub(super) fn listen() -> watch::Receiver<Interrupt> {
    let (sender, receiver) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        for request in [Interrupt::FinishOpenGroups, Interrupt::Abort] {
            stop_requested().await;
            if sender.send(request).is_err() {
                return;
            }
        }
        // Keeps the channel open: a closed one would say nothing more anyway.
        sender.closed().await;
    });
    receiver
}

/// Waits for Ctrl-C or, where there are such, SIGTERM, or SIGHUP of a terminal that went away. Where signals cannot be
/// heard, for ever.
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

/// Whether whoever started this process has it ignore SIGHUP, as `nohup` does: to listen would undo that. Only Linux tells.
#[cfg(unix)]
static IGNORES_SIGHUP: LazyLock<bool> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is the first signal.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
});
