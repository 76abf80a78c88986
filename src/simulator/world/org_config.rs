//! The organization's configuration of default pools.

use serde::{Deserialize, Serialize};

/// The organization's configuration of default pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::simulator) struct OrgComputePoolConfig {
    /// Whether statements without a pool get a default pool.
    pub(in crate::simulator) default_pool_enabled: bool,
    /// The `max_cfu` of new default pools.
    pub(in crate::simulator) default_pool_max_cfu: u32,
}

impl Default for OrgComputePoolConfig {
    fn default() -> Self {
        OrgComputePoolConfig { default_pool_enabled: true, default_pool_max_cfu: 50 }
    }
}
