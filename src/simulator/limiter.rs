//! The rate limits of each client address, as exact sliding windows over tokio's time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::options::SimulatedRateLimits;

/// The requests of the last minute and those in flight, by client address.
#[derive(Debug, Default)]
pub(super) struct AddressRateLimiter {
    /// When the requests of the last minute were admitted, oldest first.
    recent_requests: BTreeMap<String, VecDeque<Instant>>,
    /// The number of requests that are being handled.
    in_flight: BTreeMap<String, usize>,
}

/// A request that exceeded a rate limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LimitExceeded {
    /// The limit that was exceeded.
    pub(super) limit: usize,
    /// Whole seconds until one more request would be admitted.
    pub(super) retry_after_seconds: u64,
}

impl AddressRateLimiter {
    /// Admits a request, or returns the limit that it exceeds. Every admitted request must be ended with `release`. A
    /// rejected request does not count.
    pub(super) fn try_acquire(&mut self, address: &str, limits: &SimulatedRateLimits) -> Result<(), LimitExceeded> {
        let in_flight = self.in_flight.entry(address.to_owned()).or_default();
        if !limits.enabled {
            *in_flight = in_flight.saturating_add(1);
            return Ok(());
        }
        if *in_flight >= limits.concurrent {
            return Err(LimitExceeded { limit: limits.concurrent, retry_after_seconds: 1 });
        }
        let now = Instant::now();
        let recent_requests = self.recent_requests.entry(address.to_owned()).or_default();
        let minute = Duration::from_secs(60);
        while recent_requests.front().is_some_and(|at| now.duration_since(*at) >= minute) {
            recent_requests.pop_front();
        }
        let exceeded = |(limit, window): (usize, Duration)| {
            // The request that must leave the window before one more fits.
            let oldest = limit.checked_sub(1).and_then(|back| recent_requests.iter().rev().nth(back)).copied();
            let age = oldest.map(|at| now.duration_since(at)).filter(|age| *age < window);
            let left = window.saturating_sub(age.unwrap_or_default());
            let retry_after_seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
            (limit == 0 || age.is_some()).then_some(LimitExceeded { limit, retry_after_seconds })
        };
        let windows = [(limits.per_second, Duration::from_secs(1)), (limits.per_minute, minute)];
        if let Some(exceeded) = windows.into_iter().filter_map(exceeded).max_by_key(|excess| excess.retry_after_seconds)
        {
            return Err(exceeded);
        }
        recent_requests.push_back(now);
        *in_flight = in_flight.saturating_add(1);
        Ok(())
    }

    /// Ends a request that was admitted.
    pub(super) fn release(&mut self, address: &str) {
        if let Some(count) = self.in_flight.get_mut(address) {
            *count = count.saturating_sub(1);
        }
    }
}
