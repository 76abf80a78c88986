//! The time of the service, by which it is decided how long a request may still be in flight.

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment by the service's clock, as its `Date` header shows it. The clocks of two machines that run floe are never
/// compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceTime(Timestamp);

impl ServiceTime {
    /// Returns this moment, rounded down to whole seconds.
    pub fn of(time: Timestamp) -> Self {
        ServiceTime(Timestamp::from_second(time.as_second()).unwrap_or(time))
    }

    /// Returns how much time has passed since `earlier`, or `None` if `earlier` lies in the future.
    pub fn since(self, earlier: ServiceTime) -> Option<Duration> {
        Duration::try_from(self.0.duration_since(earlier.0)).ok()
    }

    /// Returns the moment that is this much earlier.
    pub fn before(self, span: Duration) -> Self {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        ServiceTime(self.0.checked_sub(span).unwrap_or(Timestamp::MIN))
    }

    /// Returns the moment that is this much later.
    pub fn after(self, span: Duration) -> Self {
        let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        ServiceTime(self.0.checked_add(span).unwrap_or(Timestamp::MAX))
    }
}

impl fmt::Display for ServiceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for ServiceTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServiceTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(ServiceTime).map_err(serde::de::Error::custom)
    }
}
