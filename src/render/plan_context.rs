//! What is shown beside a plan: what the cloud said that decides nothing and changes by itself.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::resource::Address;

/// What lies beside a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanContext {
    /// Pools of the project that could be looked at, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolUsage>,
    /// Where what is created is to run, and as whom, by address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "places")]
    pub placements: BTreeMap<Address, DeclaredPlacement>,
    /// The service's clock at the snapshot (RFC 3339): ages are counted from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_time: Option<String>,
    /// The run that left its journal open, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<InterruptedRun>,
}

/// Where a statement is to run, and as whom, as the manifests say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeclaredPlacement {
    /// The key of its pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Its principal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// A pool as it is now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PoolUsage {
    /// Its id.
    pub id: String,
    /// CFU in use.
    pub current_cfu: u32,
    /// The most CFU it may use.
    pub max_cfu: u32,
}

/// A run that began and did not end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterruptedRun {
    /// `apply`, `destroy` …
    pub command: String,
    /// Seconds since it began, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_ago: Option<i64>,
}

impl PlanContext {
    /// ` · pool main, principal sa-abc123`, as far as it is declared.
    pub(super) fn placement_suffix(&self, address: &Address) -> String {
        let Some(placement) = self.placements.get(address) else { return String::new() };
        let pool = placement.pool.as_ref().map(|pool| format!("pool {pool}"));
        let principal = placement.principal.as_ref().map(|principal| format!("principal {principal}"));
        let parts: Vec<String> = pool.into_iter().chain(principal).collect();
        if parts.is_empty() { String::new() } else { format!(" · {}", parts.join(", ")) }
    }

    /// The key of the pool with this id, or the text itself where there is none.
    pub(super) fn pool_key_or_id<'a>(&'a self, id: &'a str) -> &'a str {
        self.pools.iter().find(|(_, pool)| pool.id == id).map_or(id, |(key, _)| key.as_str())
    }

    /// How long ago `moment` was by the service's clock: `3 h ago`.
    pub(super) fn age(&self, moment: &str) -> Option<String> {
        let then: jiff::Timestamp = moment.parse().ok()?;
        let now: jiff::Timestamp = self.service_time.as_deref()?.parse().ok()?;
        Some(time_ago(now.as_second().saturating_sub(then.as_second())))
    }
}

/// `14 min ago`.
pub fn time_ago(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
