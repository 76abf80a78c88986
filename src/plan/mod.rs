//! In what order: steps and passages that leave nothing to decide. Pure; equal inputs give byte-equal plans.

mod check;
mod order;
mod removal;
mod replacement;
mod saved;
mod step;
mod step_group;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    diff::{Action, Block, Change, Desired, Diff, PlanOptions},
    live::Live,
    resource::{Address, EnvironmentIdentity, Fingerprint, SeenPool, SeenStatement},
    settle::{InterruptedRequest, Settlement},
    state::{Entry, Recorded},
};

pub use check::{Violation, check};
pub use saved::{StaleReason, excluded_by, options_without_foreign_blocks, rebase_onto, stale_reasons};
pub use step::{PoolRef, RollbackGuard, Step, StepGroup, StepRequest, Until};

/// The version of the plan's JSON.
pub const FORMAT_VERSION: u32 = 1;

/// What would happen, as data that people read, tools compare, and `execute` runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT_VERSION`] of the build that made it.
    pub format_version: u32,
    /// What it is for.
    pub basis: Basis,
    /// What was asked for.
    #[serde(rename = "request")]
    pub options: PlanOptions,
    /// What an interrupted run left, and what became of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "found")]
    pub interrupted_requests: Vec<InterruptedRequest>,
    /// What is recorded before the first step: what settling found, and `[[moved]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// What people approve, by address.
    pub changes: BTreeMap<Address, Change>,
    /// How many things are as they should be.
    pub unchanged: usize,
    /// How many live statements are not this project's.
    pub foreign: usize,
    /// What runs.
    #[serde(rename = "passages")]
    pub groups: Vec<StepGroup>,
}

/// What a plan rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The project's name.
    pub project: String,
    /// The environment's key.
    pub environment: String,
    /// Which Confluent Cloud environment.
    pub identity: EnvironmentIdentity,
    /// Whether it is simulated.
    pub simulated: bool,
    /// The lineage of the state.
    pub lineage: String,
    /// The declaration of each changed address, digested; none for what is not declared.
    pub declared: BTreeMap<Address, Option<Fingerprint>>,
    /// What was recorded of each changed address, digested; none for what is not recorded.
    pub recorded: BTreeMap<Address, Option<Fingerprint>>,
    /// What was seen of each statement that a changed address has.
    pub seen: BTreeMap<String, SeenStatement>,
    /// Those of them that a single reading has confirmed to be gone.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub absent: BTreeSet<String>,
    /// What was seen of each recorded pool that is a changed address, by its id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen_pools: BTreeMap<String, SeenPool>,
}

/// Makes the plan of a diff that asks nothing more. `recorded` has been settled, and moved facts applied; `entries`
/// are those that made it so.
pub fn plan(
    desired: &Desired,
    recorded: &Recorded,
    settlement: &Settlement,
    entries: Vec<Entry>,
    live: &Live,
    options: &PlanOptions,
    diff: Diff,
) -> Plan {
    let context = step_group::GroupContext { desired, recorded, live, pools: &diff.pools };
    let mut groups: Vec<StepGroup> = if diff.changes.values().any(Change::is_blocked) {
        // A person decides first: nothing runs.
        Vec::new()
    } else {
        diff.changes
            .iter()
            .filter_map(|(address, change)| step_group::group_for_change(&context, address, change))
            .collect()
    };
    order::order_groups(desired, recorded, &mut groups);
    let project = &desired.graph.project;
    let names = saved::statement_names(recorded, &diff.changes, &entries);
    Plan {
        format_version: FORMAT_VERSION,
        basis: Basis {
            project: project.name.clone(),
            environment: project.environment.name.clone(),
            identity: project.environment.identity.clone(),
            simulated: project.environment.simulator.is_some(),
            lineage: recorded.lineage.clone(),
            declared: diff.changes.keys().map(|a| (a.clone(), saved::declared_fingerprint(desired, a))).collect(),
            recorded: diff.changes.keys().map(|a| (a.clone(), saved::recorded_fingerprint(recorded, a))).collect(),
            seen: saved::seen_statements(&names, live),
            absent: saved::absent_statements(names, live),
            seen_pools: diff.changes.keys().filter_map(|address| saved::seen_pool(recorded, live, address)).collect(),
        },
        options: options.clone(),
        interrupted_requests: settlement.interrupted_requests.clone(),
        entries,
        changes: diff.changes,
        unchanged: diff.unchanged,
        foreign: diff.foreign,
        groups,
    }
}

impl Plan {
    /// Whether a person has to decide something before anything can be applied.
    pub fn is_blocked(&self) -> bool {
        self.changes.values().any(Change::is_blocked)
    }

    /// Whether an apply would change anything: what `--detailed-exitcode` reports.
    pub fn has_changes(&self) -> bool {
        self.changes.values().any(Change::is_pending)
    }

    /// Whether an apply has anything to do or to write down.
    pub fn has_work(&self) -> bool {
        !self.groups.is_empty() || !self.entries.is_empty()
    }

    /// The blocked addresses: what `--exclude` would take so that the rest can go through.
    pub fn blocked_addresses(&self) -> impl Iterator<Item = &Address> {
        self.changes.iter().filter(|(_, change)| change.is_blocked()).map(|(address, _)| address)
    }

    /// What cannot be decided until a phase has passed: an apply waits for it, then plans again.
    pub fn addresses_in_motion(&self) -> impl Iterator<Item = &Address> {
        self.changes.iter().filter(|(_, change)| change.is_undecided()).map(|(address, _)| address)
    }

    /// Whether all that is blocked is so until a phase has passed, and no person has to decide.
    pub fn is_blocked_only_by_motion(&self) -> bool {
        let is_in_motion = |block: &Block| match block {
            Block::InMotion { .. } => true,
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
