//! The plan as data that people read, tools compare, and `execute` runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{copy_check::CopyCheck, step::StepGroup};
use crate::{
    diff::{Action, Block, Change, PlanOptions},
    resource::{Address, EnvironmentIdentity, Fingerprint, SeenPool, SeenStatement},
    settle::InterruptedRequest,
    state::Entry,
};

/// The version of the plan's JSON format.
pub const FORMAT_VERSION: u32 = 1;

/// What would happen, as data that people read, tools compare, and `execute` runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The [`FORMAT_VERSION`] of the build that made the plan.
    pub format_version: u32,
    /// What the plan is based on.
    pub basis: Basis,
    /// What the user asked of the plan.
    #[serde(rename = "request")]
    pub options: PlanOptions,
    /// The requests of an interrupted run, and what became of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "found")]
    pub interrupted_requests: Vec<InterruptedRequest>,
    /// The entries to record before the first step: what settling found, and `[[moved]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// The changes that people approve, by address.
    pub changes: BTreeMap<Address, Change>,
    /// The number of resources that need no change.
    pub unchanged: usize,
    /// The number of live statements that this project does not manage.
    pub foreign: usize,
    /// How jobs are told from copies just before they are submitted. It is not saved, because applying a saved plan
    /// makes a new one to compare it with.
    #[serde(skip)]
    pub copy_check: CopyCheck,
    /// The step groups that run.
    #[serde(rename = "passages")]
    pub groups: Vec<StepGroup>,
}

/// What a plan is based on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The name of the project.
    pub project: String,
    /// The key of the environment.
    pub environment: String,
    /// The identity of the Confluent Cloud environment.
    pub identity: EnvironmentIdentity,
    /// Whether the environment is simulated.
    pub simulated: bool,
    /// The origins outside Confluent Cloud that requests are sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The lineage of the state.
    pub lineage: String,
    /// A digest of the declaration of each changed address, or `None` if it is not declared.
    pub declared: BTreeMap<Address, Option<Fingerprint>>,
    /// A digest of the record of each changed address, or `None` if it is not recorded.
    pub recorded: BTreeMap<Address, Option<Fingerprint>>,
    /// What was seen of each statement of a changed address, by cloud name.
    pub seen: BTreeMap<String, SeenStatement>,
    /// The names of those statements that a single read has confirmed to be gone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent: BTreeSet<String>,
    /// The environment variable of each secret that a changed statement declares, by address and the secret's name.
    /// `None` in a plan of floe 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_variables: Option<BTreeMap<Address, BTreeMap<String, String>>>,
    /// What was seen of each recorded pool whose address changes, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen_pools: BTreeMap<String, SeenPool>,
}

impl Plan {
    /// Returns whether something is blocked, so that nothing can be applied.
    pub fn is_blocked(&self) -> bool {
        self.changes.values().any(Change::is_blocked)
    }

    /// Returns whether an apply would change anything. `--detailed-exitcode` reports this.
    pub fn has_changes(&self) -> bool {
        self.changes.values().any(Change::is_pending)
    }

    /// Returns whether an apply has anything to run or to record.
    pub fn has_work(&self) -> bool {
        !self.groups.is_empty() || !self.entries.is_empty()
    }

    /// Returns the blocked addresses. The rest can be applied if `--exclude` names them.
    pub fn blocked_addresses(&self) -> impl Iterator<Item = &Address> {
        self.changes.iter().filter(|(_, change)| change.is_blocked()).map(|(address, _)| address)
    }

    /// Returns the addresses that cannot be decided until a phase has passed. An apply waits for it, then plans
    /// again.
    pub fn addresses_in_motion(&self) -> impl Iterator<Item = &Address> {
        self.changes.iter().filter(|(_, change)| change.is_undecided()).map(|(address, _)| address)
    }

    /// Returns for how many more seconds a request that blocks this plan may still take effect, if there is one.
    pub fn seconds_in_flight(&self) -> Option<u64> {
        let blocks = self.changes.values().filter_map(|change| match &change.action {
            Action::Blocked { by } => Some(by),
            _ => None,
        });
        let seconds = blocks.flatten().filter_map(|block| match block {
            Block::RequestInFlight { seconds_left, .. } => Some(*seconds_left),
            _ => None,
        });
        seconds.max()
    }

    /// Returns whether everything that is blocked only waits for a phase to pass, so that no person has to decide.
    pub fn is_blocked_only_by_motion(&self) -> bool {
        let is_in_motion = |block: &Block| match block {
            Block::InMotion { .. } | Block::RequestInFlight { .. } => true,
            Block::PoolBlocked { pool } => self.changes.get(pool).is_some_and(Change::is_undecided),
            _ => false,
        };
        let mut blocks = self.changes.values().filter_map(|change| match &change.action {
            Action::Blocked { by } => Some(by),
            _ => None,
        });
        self.is_blocked() && blocks.all(|by| by.iter().all(is_in_motion))
    }
}
