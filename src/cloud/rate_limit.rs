//! Limits how fast requests are sent, with one limiter for all requests of a run.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

/// The length of the shorter window.
const SECOND: Duration = Duration::from_secs(1);
/// The length of the longer window.
const MINUTE: Duration = Duration::from_secs(60);

/// How much of the service's rate limits to use. The service allows an address 50 requests a second, 1,000 a minute
/// and 100 connections (Confluent's page "Flink SQL REST API"). A colleague's session may share that address, so the
/// default is 80 % of each. Limits can be lowered but not raised: values above the default count as the default, and
/// 0 counts as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// The most requests in any second.
    pub per_second: u32,
    /// The most requests in any minute.
    pub per_minute: u32,
    /// The most requests in flight at once.
    pub connections: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        RateLimits { per_second: 40, per_minute: 800, connections: 80 }
    }
}

impl RateLimits {
    /// Returns the limits that apply: none above the default, and none of 0.
    pub fn effective(self) -> RateLimits {
        let most = RateLimits::default();
        RateLimits {
            per_second: self.per_second.clamp(1, most.per_second),
            per_minute: self.per_minute.clamp(1, most.per_minute),
            connections: self.connections.clamp(1, most.connections),
        }
    }
}

/// A limiter with sliding windows that hold exactly at the service. Only the service knows when a request arrives,
/// but this happens between sending the request and receiving its response. A request therefore counts in every
/// window from when it is sent until one window length after it ends.
pub(super) struct RateLimiter {
    /// The limits that apply.
    limits: RateLimits,
    /// The permits for requests in flight.
    connections: Arc<Semaphore>,
    /// The queue of requests. Tokio's mutex is fair and its holder keeps it while waiting, so permits are given in
    /// the order in which they were requested.
    queue: Mutex<()>,
    /// The requests that count against the limits.
    window: std::sync::Mutex<RequestWindow>,
    /// Signals that a request in flight has ended.
    request_finished: Notify,
}

/// The requests that count against the limits.
#[derive(Default)]
struct RequestWindow {
    /// The number of requests in flight.
    in_flight: usize,
    /// The times at which the latest requests ended, oldest first, at most as many as a minute allows.
    finished_at: VecDeque<Instant>,
    /// The time until which the service asked all calls to wait.
    held_until: Option<Instant>,
}

/// When the next request may be sent.
enum NextSlot {
    /// It may be sent now.
    Now,
    /// It may be sent at this time.
    At(Instant),
    /// It may be sent when a request in flight has ended.
    AfterCompletion,
}

/// The permission to send one request, which is held while the request is in flight.
pub(super) struct RequestPermit<'a> {
    /// The limiter that gave the permission.
    limiter: &'a RateLimiter,
    /// The permit for one request in flight.
    _connection: Option<OwnedSemaphorePermit>,
}

impl RateLimiter {
    /// Creates a limiter for `limits`, which can only lower the defaults.
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

    /// Waits for the permission to send one request.
    pub(super) async fn acquire(&self) -> RequestPermit<'_> {
        // The semaphore is never closed, so a permit always becomes available.
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

    /// Pauses all requests for `wait`. The service rejected one call, but its limit applies to all of them.
    pub(super) fn pause_all(&self, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        let mut window = self.lock_window();
        window.held_until = window.held_until.max(until);
    }

    /// Returns when the next request may be sent. If that is now, the request is counted.
    fn next_slot(&self) -> NextSlot {
        let mut window = self.lock_window();
        let mut at = window.held_until;
        for (limit, length) in [(self.limits.per_second, SECOND), (self.limits.per_minute, MINUTE)] {
            // The part of the limit that requests in flight leave to finished requests and to the next one.
            let Some(remaining) = (limit as usize).checked_sub(window.in_flight).filter(|beside| *beside > 0) else {
                return NextSlot::AfterCompletion;
            };
            let blocking =
                window.finished_at.len().checked_sub(remaining).and_then(|index| window.finished_at.get(index));
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

    /// Locks the window, even if a thread panicked while it held the lock.
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
