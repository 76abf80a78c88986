//! Waiting for a lock, in real time: what holds it is another process, which no paused clock hurries.

use std::{thread, time::Duration};

/// The longest time between two looks at a lock.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Waits for `remaining`, or until the next look is due, without holding up the runtime.
pub(super) async fn sleep_wall_clock(remaining: Duration) {
    let time = remaining.min(POLL_INTERVAL).max(Duration::from_millis(1));
    let (woken, wake) = tokio::sync::oneshot::channel::<()>();
    let sleeper = thread::Builder::new().name("floe-lock".to_owned()).spawn(move || {
        thread::sleep(time);
        drop(woken);
    });
    match sleeper {
        // The channel closes when the sleeper is done; that is all there is to learn from it.
        Ok(_) => drop(wake.await),
        Err(_) => thread::sleep(time),
    }
}
