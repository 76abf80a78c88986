//! A compute pool as the world keeps it.

use serde::{Deserialize, Serialize};

use crate::resource::PoolPhase;

/// A compute pool of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct SimulatedPool {
    pub(in crate::simulator) id: String,
    pub(in crate::simulator) environment: String,
    pub(in crate::simulator) display_name: String,
    /// In upper case, as answers show it.
    pub(in crate::simulator) cloud: String,
    pub(in crate::simulator) region: String,
    pub(in crate::simulator) max_cfu: u32,
    pub(in crate::simulator) enable_ai: bool,
    pub(in crate::simulator) default_pool: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) network: Option<String>,
    pub(in crate::simulator) phase: PoolPhase,
    #[serde(rename = "created")]
    pub(in crate::simulator) created_at: i64,
    #[serde(rename = "updated")]
    pub(in crate::simulator) updated_at: i64,
    /// When PROVISIONING or DEPROVISIONING ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "due")]
    pub(in crate::simulator) phase_ends_at: Option<i64>,
}
