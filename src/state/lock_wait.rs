//! Waits for the lock in wall-clock time. A paused tokio clock must not shorten the wait, since another process holds
//! the lock.

use std::{thread, time::Duration};

/// The maximum time between two attempts to take the lock.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Waits for `remaining`, or until the next attempt is due, without blocking the runtime.
pub(super) async fn sleep_wall_clock(remaining: Duration) {
    let time = remaining.min(POLL_INTERVAL).max(Duration::from_millis(1));
    let (woken, wake) = tokio::sync::oneshot::channel::<()>();
    let sleeper = thread::Builder::new().name("floe-lock".to_owned()).spawn(move || {
        thread::sleep(time);
        drop(woken);
    });
    match sleeper {
        // The channel closes when the thread is done, and nothing else is sent.
        Ok(_) => drop(wake.await),
        Err(_) => thread::sleep(time),
    }
}
