//! The world's time: tokio's, from a start of its own, with the leaps that a test makes.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock in microseconds since 1970.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    start: i64,
}

impl Clock {
    /// A clock that shows `start` now.
    pub(super) fn starting_at(start: i64) -> Self {
        Clock { started: Instant::now(), start }
    }

    /// The world's time.
    pub(super) fn now(&self) -> i64 {
        self.start.saturating_add(micros(self.started.elapsed()))
    }

    /// Moves it forward.
    pub(super) fn advance_by(&mut self, span: Duration) {
        self.start = self.start.saturating_add(micros(span));
    }
}

/// A span in microseconds, cut at what fits.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, microseconds with trailing zeros trimmed, as the service writes it.
pub(super) fn rfc3339(time: i64) -> String {
    timestamp(time).to_string()
}

/// The same in whole seconds.
pub(super) fn rfc3339_seconds(time: i64) -> String {
    timestamp(time.div_euclid(1_000_000).saturating_mul(1_000_000)).to_string()
}

/// The form of HTTP's `Date`.
pub(super) fn http_date(time: i64) -> String {
    timestamp(time).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn timestamp(time: i64) -> Timestamp {
    Timestamp::from_microsecond(time).unwrap_or_default()
}
