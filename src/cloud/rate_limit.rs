//! How fast requests leave: one limiter for everything that a run sends, whoever sends it.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How much of the service's patience to use. It allows an address 50 requests a second, 1,000 a minute and 100
/// connections (Confluent's page "Flink SQL REST API"); a colleague's session may share that address, so the default
/// is 80 % of each. Limits can be lowered, not raised: values above the default count as the default, 0 as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests in any second.
    pub per_second: u32,
    /// Requests in any minute.
    pub per_minute: u32,
    /// Requests under way at once.
    pub connections: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        RateLimits { per_second: 40, per_minute: 800, connections: 80 }
    }
}

impl RateLimits {
    /// The limits that hold: none above the default, none of 0.
    pub fn effective(self) -> RateLimits {
        let most = RateLimits::default();
        RateLimits {
            per_second: self.per_second.clamp(1, most.per_second),
            per_minute: self.per_minute.clamp(1, most.per_minute),
            connections: self.connections.clamp(1, most.connections),
        }
    }
}

/// The limiter: exact sliding windows at the service. When a request arrives there is unknown here, but it lies between
/// its leaving and its answer; so it counts in every window from its leaving until a window's length after its end.
pub(super) struct RateLimiter {
    limits: RateLimits,
    connections: Arc<Semaphore>,
    /// Tokio's mutex is fair, and its holder waits with it in hand: permits are given in the order in which they were
    /// asked for.
    queue: Mutex<()>,
    window: std::sync::Mutex<RequestWindow>,
    /// One under way has ended.
    request_finished: Notify,
}

#[derive(Default)]
struct RequestWindow {
    in_flight: usize,
    /// When the latest ones ended, oldest first; at most a minute's worth.
    finished_at: VecDeque<Instant>,
    /// The service asked everybody to wait until then.
    held_until: Option<Instant>,
}

/// When the next request may leave.
enum NextSlot {
    Now,
    At(Instant),
    /// When one that is under way has ended.
    AfterCompletion,
}

/// The right to one request; to be kept while it is under way.
pub(super) struct RequestPermit<'a> {
    limiter: &'a RateLimiter,
    _connection: Option<OwnedSemaphorePermit>,
}

impl RateLimiter {
    pub(super) fn new(limits: RateLimits) -> Self {
        let limits = limits.effective();
        RateLimiter {
            limits,
            connections: Arc::new(Semaphore::new(limits.connections as usize)),
            queue: Mutex::default(),
            window: std::sync::Mutex::default(),
            request_finished: Notify::new(),
        }
    }

    /// Waits for the right to one request.
    pub(super) async fn acquire(&self) -> RequestPermit<'_> {
        // The semaphore is never closed, so there is always a permit to come.
        let connection = Arc::clone(&self.connections).acquire_owned().await.ok();
        let _queue = self.queue.lock().await;
        loop {
            match self.next_slot() {
                NextSlot::Now => return RequestPermit { limiter: self, _connection: connection },
                NextSlot::At(time) => sleep_until(time).await,
                NextSlot::AfterCompletion => self.request_finished.notified().await,
            }
        }
    }

    /// Lets nothing leave for `wait`: the service said so to one, and means all.
    pub(super) fn pause_all(&self, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        let mut window = self.lock_window();
        window.held_until = window.held_until.max(until);
    }

    /// Whether the next request may leave now, and then it counts; else when to ask again.
    fn next_slot(&self) -> NextSlot {
        let mut window = self.lock_window();
        let mut at = window.held_until;
        for (limit, length) in [(self.limits.per_second, SECOND), (self.limits.per_minute, MINUTE)] {
            // So many of those that ended may still count beside those that are under way, and one more.
            let Some(beside) = (limit as usize).checked_sub(window.in_flight).filter(|beside| *beside > 0) else {
                return NextSlot::AfterCompletion;
            };
            let blocking = window.finished_at.len().checked_sub(beside).and_then(|index| window.finished_at.get(index));
            at = at.max(blocking.and_then(|end| end.checked_add(length)));
        }
        match at {
            Some(at) if at > Instant::now() => NextSlot::At(at),
            _ => {
                window.in_flight = window.in_flight.saturating_add(1);
                NextSlot::Now
            }
        }
    }

    fn lock_window(&self) -> std::sync::MutexGuard<'_, RequestWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestPermit<'_> {
    fn drop(&mut self) {
        let most = self.limiter.limits.per_minute.max(self.limiter.limits.per_second) as usize;
        let mut window = self.limiter.lock_window();
        window.in_flight = window.in_flight.saturating_sub(1);
        window.finished_at.push_back(Instant::now());
        while window.finished_at.len() > most {
            window.finished_at.pop_front();
        }
        drop(window);
        self.limiter.request_finished.notify_one();
    }
}
