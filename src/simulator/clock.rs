//! The world's time: tokio's clock from a start time of its own, plus the jumps that a test makes.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock that counts microseconds since 1970.
#[derive(Debug)]
pub(super) struct Clock {
    /// The tokio instant at which the clock was created.
    started: Instant,
    /// The world's time at `started`, plus all jumps since.
    start: i64,
}

impl Clock {
    /// Creates a clock that shows `start` now.
    pub(super) fn starting_at(start: i64) -> Self {
        Clock { started: Instant::now(), start }
    }

    /// Returns the world's time now.
    pub(super) fn now(&self) -> i64 {
        self.start.saturating_add(micros(self.started.elapsed()))
    }

    /// Moves the clock forward by `span`.
    pub(super) fn advance_by(&mut self, span: Duration) {
        self.start = self.start.saturating_add(micros(span));
    }
}

/// Converts a duration to microseconds, capped at the largest `i64`.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Formats a time as RFC 3339 in UTC, in microseconds without trailing zeros, as the service does.
pub(super) fn rfc3339(time: i64) -> String {
    timestamp(time).to_string()
}

/// Formats a time as RFC 3339 in UTC, rounded down to whole seconds.
pub(super) fn rfc3339_seconds(time: i64) -> String {
    timestamp(time.div_euclid(1_000_000).saturating_mul(1_000_000)).to_string()
}

/// Formats a time as in HTTP's `Date` header.
pub(super) fn http_date(time: i64) -> String {
    timestamp(time).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Converts microseconds since 1970 to a timestamp.
fn timestamp(time: i64) -> Timestamp {
    Timestamp::from_microsecond(time).unwrap_or_default()
}
