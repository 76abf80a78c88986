//! Ctrl-C, a terminal that goes away, and a pipeline's wish to stop: the first asks a run to finish what is open, the second to leave.

use tokio::sync::watch;

use crate::execute::Interrupt;

/// Listens from now on; until then a signal ends the process, which is safe at any instant.
pub(super) fn listen() -> watch::Receiver<Interrupt> {
    let (said, heard) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        for wish in [Interrupt::Finish, Interrupt::Leave] {
            asked().await;
            if said.send(wish).is_err() {
                return;
            }
        }
        // Keeps the channel open: a closed one would say nothing more anyway.
        said.closed().await;
    });
    heard
}

/// Waits for Ctrl-C or, where there are such, SIGTERM, or SIGHUP of a terminal that went away. Where signals cannot be
/// heard, for ever.
pub(super) async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let heard = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        match heard {
            [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] => {
                tokio::select! {
                    biased;
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
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
