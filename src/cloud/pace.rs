//! How fast requests leave: one limiter for everything that a run sends, whoever sends it.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
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

/// The limiter: exact sliding windows. No second and no minute, wherever it begins, sees more than its limit.
pub(super) struct Pace {
    limits: Limits,
    connections: Arc<Semaphore>,
    /// When the latest permits were given, oldest first; at most a minute's worth. Tokio's mutex is fair, and its holder
    /// waits with it in hand: permits are given in the order in which they were asked for.
    given: Mutex<VecDeque<Instant>>,
    /// The service asked everybody to wait until then.
    held_until: std::sync::Mutex<Option<Instant>>,
}

/// The right to one request; to be kept while it is under way.
pub(super) struct Permit {
    _connection: Option<OwnedSemaphorePermit>,
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        let limits = limits.effective();
        Pace {
            limits,
            connections: Arc::new(Semaphore::new(limits.connections as usize)),
            given: Mutex::default(),
            held_until: std::sync::Mutex::default(),
        }
    }

    /// Waits for the right to one request.
    pub(super) async fn permit(&self) -> Permit {
        // The connection first: a time of leaving that is stamped and then waits for a connection would be a lie.
        // The semaphore is never closed, so there is always a permit to come.
        let connection = Arc::clone(&self.connections).acquire_owned().await.ok();
        let mut given = self.given.lock().await;
        loop {
            let now = Instant::now();
            match self.earliest(&given) {
                Some(at) if at > now => sleep_until(at).await,
                _ => {
                    given.push_back(now);
                    while given.len() > self.limits.per_minute.max(self.limits.per_second) as usize {
                        given.pop_front();
                    }
                    return Permit { _connection: connection };
                }
            }
        }
    }

    /// Lets nothing leave for `wait`: the service said so to one, and means all.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now().checked_add(wait);
        let mut held = self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (*held).max(until);
    }

    /// When the next request may leave: a window's length after the one that fills the window, and after any hold.
    fn earliest(&self, given: &VecDeque<Instant>) -> Option<Instant> {
        let after = |limit: u32, window: Duration| {
            let filling = given.len().checked_sub(limit as usize)?;
            given.get(filling)?.checked_add(window)
        };
        let held = *self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        held.max(after(self.limits.per_second, SECOND)).max(after(self.limits.per_minute, MINUTE))
    }
}
