//! What is shown with a plan but decides nothing: facts from the service that change on their own.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    resource::Address,
    sql::{Analysis, ObjectKind, StatementClass, StatementKind, Usage},
};

/// Facts that are shown with a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanContext {
    /// The project's pools that could be read, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolUsage>,
    /// The declared pool and principal of each statement to create, by address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "places")]
    pub placements: BTreeMap<Address, DeclaredPlacement>,
    /// The service's clock when the snapshot was read (RFC 3339). Ages are counted from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_time: Option<String>,
    /// What each statement of the plan is, by address.
    #[serde(skip)]
    pub roles: BTreeMap<Address, StatementRole>,
    /// The interrupted run that left its journal open, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<InterruptedRun>,
}

/// The pool and the principal that the manifests declare for a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeclaredPlacement {
    /// The manifest key of its pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The principal that it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// What a statement is, as far as the words of a plan depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementRole {
    /// It reads and writes rows until it is stopped or its sources end.
    Job,
    /// It writes rows that its SQL contains, and completes.
    WritesConstants,
    /// It creates a table and fills it until it is stopped.
    TableJob,
    /// It creates an object.
    Creates,
    /// It changes an object of this kind.
    Alters(ObjectKind),
    /// It drops an object.
    Drops,
}

impl StatementRole {
    /// Returns whether the statement reads rows until it is stopped, so that it has offsets, state and readers.
    pub(super) fn reads_rows(self) -> bool {
        matches!(self, StatementRole::Job | StatementRole::TableJob)
    }

    /// Returns the role of a statement from its SQL.
    pub fn of(analysis: &Analysis) -> Self {
        let altered = analysis.mentions.iter().find(|mention| mention.usage == Usage::Alters);
        let drops = analysis.mentions.iter().any(|mention| mention.usage == Usage::Drops);
        match analysis.kind.class() {
            _ if analysis.kind == StatementKind::InsertValues => StatementRole::WritesConstants,
            StatementClass::Job if analysis.is_bounded && analysis.reads_nothing() => StatementRole::WritesConstants,
            StatementClass::Job | StatementClass::Unsupported(_) => StatementRole::Job,
            StatementClass::TableJob => StatementRole::TableJob,
            StatementClass::Definition => match altered {
                Some(altered) => StatementRole::Alters(altered.kind),
                None if drops => StatementRole::Drops,
                None => StatementRole::Creates,
            },
        }
    }
}

/// The current usage of a pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PoolUsage {
    /// The id of the pool.
    pub id: String,
    /// The number of CFU in use.
    pub current_cfu: u32,
    /// The most CFU it may use.
    pub max_cfu: u32,
}

/// A run that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterruptedRun {
    /// The command: `apply`, `destroy` …
    pub command: String,
    /// The seconds since it started, by this machine's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_ago: Option<i64>,
}

impl PlanContext {
    /// Returns ` · pool main, principal sa-abc123`, as far as they are declared.
    pub(super) fn placement_suffix(&self, address: &Address) -> String {
        let Some(placement) = self.placements.get(address) else { return String::new() };
        let pool = placement.pool.as_ref().map(|pool| format!("pool {pool}"));
        let principal = placement.principal.as_ref().map(|principal| format!("principal {principal}"));
        let parts: Vec<String> = pool.into_iter().chain(principal).collect();
        if parts.is_empty() { String::new() } else { format!(" · {}", parts.join(", ")) }
    }

    /// Returns what a statement is. A statement that is not known counts as a job.
    pub(super) fn role_of(&self, address: &Address) -> StatementRole {
        self.roles.get(address).copied().unwrap_or(StatementRole::Job)
    }

    /// Returns the key of the pool with this id, or the text itself if there is no such pool.
    pub(super) fn pool_key_or_id<'a>(&'a self, id: &'a str) -> &'a str {
        self.pools.iter().find(|(_, pool)| pool.id == id).map_or(id, |(key, _)| key.as_str())
    }

    /// Returns how long ago `moment` was by the service's clock: `3 h ago`.
    pub(super) fn age(&self, moment: &str) -> Option<String> {
        let then: jiff::Timestamp = moment.parse().ok()?;
        let now: jiff::Timestamp = self.service_time.as_deref()?.parse().ok()?;
        Some(time_ago(now.as_second().saturating_sub(then.as_second())))
    }
}

/// Returns a duration in the past, such as `14 min ago`.
pub fn time_ago(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
