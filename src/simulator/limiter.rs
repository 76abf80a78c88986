//! The rate limits of each address: exact sliding windows over tokio's time.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use super::options::Limits;

/// The requests of the last minute, by address.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    recent: BTreeMap<String, VecDeque<Instant>>,
    at_once: BTreeMap<String, usize>,
}

/// A request over a limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excess {
    pub(super) limit: usize,
    /// Whole seconds until one more would be let through.
    pub(super) wait: u64,
}

impl Limiter {
    /// A request comes in. Whoever is let in has to `leave`; a request over a limit does not count.
    pub(super) fn enter(&mut self, address: &str, limits: &Limits) -> Result<(), Excess> {
        let at_once = self.at_once.entry(address.to_owned()).or_default();
        if !limits.on {
            *at_once = at_once.saturating_add(1);
            return Ok(());
        }
        if *at_once >= limits.at_once {
            return Err(Excess { limit: limits.at_once, wait: 1 });
        }
        let now = Instant::now();
        let recent = self.recent.entry(address.to_owned()).or_default();
        let minute = Duration::from_secs(60);
        while recent.front().is_some_and(|at| now.duration_since(*at) >= minute) {
            recent.pop_front();
        }
        let excess = |(limit, window): (usize, Duration)| {
            // The request that has to leave the window before one more fits.
            let oldest = limit.checked_sub(1).and_then(|back| recent.iter().rev().nth(back)).copied();
            let age = oldest.map(|at| now.duration_since(at)).filter(|age| *age < window);
            let left = window.saturating_sub(age.unwrap_or_default());
            let wait = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
            (limit == 0 || age.is_some()).then_some(Excess { limit, wait })
        };
        let windows = [(limits.per_second, Duration::from_secs(1)), (limits.per_minute, minute)];
        if let Some(excess) = windows.into_iter().filter_map(excess).max_by_key(|excess| excess.wait) {
            return Err(excess);
        }
        recent.push_back(now);
        *at_once = at_once.saturating_add(1);
        Ok(())
    }

    /// A request that was let in is over.
    pub(super) fn leave(&mut self, address: &str) {
        if let Some(count) = self.at_once.get_mut(address) {
            *count = count.saturating_sub(1);
        }
    }
}
