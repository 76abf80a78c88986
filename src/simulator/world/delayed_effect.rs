//! A request whose effect takes place after its response was lost.

use serde::{Deserialize, Serialize};

/// A request whose response was lost and whose effect takes place later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct DelayedEffect {
    /// When the effect takes place, in microseconds since 1970.
    pub(in crate::simulator) due: i64,
    /// The HTTP method of the request.
    pub(in crate::simulator) method: String,
    /// The absolute URL of the request.
    pub(in crate::simulator) url: String,
    /// The principal that sent the request.
    #[serde(rename = "owner")]
    pub(in crate::simulator) principal: String,
    /// The body of the request as text.
    pub(in crate::simulator) body: String,
}
