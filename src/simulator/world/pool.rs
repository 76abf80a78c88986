//! A compute pool as the world stores it.

use serde::{Deserialize, Serialize};

use crate::resource::PoolPhase;

/// A compute pool as the world stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct SimulatedPool {
    /// The id, such as `lfcp-1a2b3c`.
    pub(in crate::simulator) id: String,
    /// The environment that holds the pool.
    pub(in crate::simulator) environment: String,
    /// The display name, which may be shared.
    pub(in crate::simulator) display_name: String,
    /// The cloud in upper case, as responses show it.
    pub(in crate::simulator) cloud: String,
    /// The region within the cloud.
    pub(in crate::simulator) region: String,
    /// The most CFUs that the pool may use.
    pub(in crate::simulator) max_cfu: u32,
    /// The value of `spec.enable_ai`, which is only stored.
    pub(in crate::simulator) enable_ai: bool,
    /// Whether the pool is its region's default.
    pub(in crate::simulator) default_pool: bool,
    /// The id of its network, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) network: Option<String>,
    /// The current phase of the pool.
    pub(in crate::simulator) phase: PoolPhase,
    /// When the pool was created, in microseconds since 1970.
    #[serde(rename = "created")]
    pub(in crate::simulator) created_at: i64,
    /// When the pool last changed, in microseconds since 1970.
    #[serde(rename = "updated")]
    pub(in crate::simulator) updated_at: i64,
    /// When PROVISIONING or DEPROVISIONING ends, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "due")]
    pub(in crate::simulator) phase_ends_at: Option<i64>,
}
