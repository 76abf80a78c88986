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
pub struct Limits {
    /// Requests in any second.
    pub per_second: u32,
    /// Requests in any minute.
    pub per_minute: u32,
    /// Requests under way at once.
    pub connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { per_second: 40, per_minute: 800, connections: 80 }
    }
}

impl Limits {
    /// The limits that hold: none above the default, none of 0.
    pub fn effective(self) -> Limits {
        let most = Limits::default();
        Limits {
            per_second: self.per_second.clamp(1, most.per_second),
            per_minute: self.per_minute.clamp(1, most.per_minute),
            connections: self.connections.clamp(1, most.connections),
        }
    }
}

/// The limiter: exact sliding windows at the service. When a request arrives there is unknown here, but it lies between
/// its leaving and its answer; so it counts in every window from its leaving until a window's length after its end.
pub(super) struct Pace {
    limits: Limits,
    connections: Arc<Semaphore>,
    /// Tokio's mutex is fair, and its holder waits with it in hand: permits are given in the order in which they were
    /// asked for.
    turn: Mutex<()>,
    window: std::sync::Mutex<Window>,
    /// One under way has ended.
    ended: Notify,
}

#[derive(Default)]
struct Window {
    under_way: usize,
    /// When the latest ones ended, oldest first; at most a minute's worth.
    ends: VecDeque<Instant>,
    /// The service asked everybody to wait until then.
    held_until: Option<Instant>,
}

/// When the next request may leave.
enum Next {
    Now,
    At(Instant),
    /// When one that is under way has ended.
    AfterAnEnd,
}

/// The right to one request; to be kept while it is under way.
pub(super) struct Permit<'a> {
    pace: &'a Pace,
    _connection: Option<OwnedSemaphorePermit>,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        let limits = limits.effective();
        Pace {
            limits,
            connections: Arc::new(Semaphore::new(limits.connections as usize)),
            turn: Mutex::default(),
            window: std::sync::Mutex::default(),
            ended: Notify::new(),
        }
    }

    /// Waits for the right to one request.
    pub(super) async fn permit(&self) -> Permit<'_> {
        // The semaphore is never closed, so there is always a permit to come.
        let connection = Arc::clone(&self.connections).acquire_owned().await.ok();
        let _turn = self.turn.lock().await;
        loop {
            match self.next() {
                Next::Now => return Permit { pace: self, _connection: connection },
                Next::At(time) => sleep_until(time).await,
                Next::AfterAnEnd => self.ended.notified().await,
            }
        }
    }

    /// Lets nothing leave for `wait`: the service said so to one, and means all.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        let mut window = self.window();
        window.held_until = window.held_until.max(until);
    }

    /// Whether the next request may leave now, and then it counts; else when to ask again.
    fn next(&self) -> Next {
        let mut window = self.window();
        let mut at = window.held_until;
        for (limit, length) in [(self.limits.per_second, SECOND), (self.limits.per_minute, MINUTE)] {
            // So many of those that ended may still count beside those that are under way, and one more.
            let Some(beside) = (limit as usize).checked_sub(window.under_way).filter(|beside| *beside > 0) else {
                return Next::AfterAnEnd;
            };
            let filling = window.ends.len().checked_sub(beside).and_then(|index| window.ends.get(index));
            at = at.max(filling.and_then(|end| end.checked_add(length)));
        }
        match at {
            Some(at) if at > Instant::now() => Next::At(at),
            _ => {
                window.under_way = window.under_way.saturating_add(1);
                Next::Now
            }
        }
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let most = self.pace.limits.per_minute.max(self.pace.limits.per_second) as usize;
        let mut window = self.pace.window();
        window.under_way = window.under_way.saturating_sub(1);
        window.ends.push_back(Instant::now());
        while window.ends.len() > most {
            window.ends.pop_front();
        }
        drop(window);
        self.pace.ended.notify_one();
    }
}
