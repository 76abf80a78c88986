//! Desired, recorded and live meet once: what has to change, and why. Pure.
//!
//! A diff that still `asks` is not to be acted on: the snapshot has to answer first (see [`crate::live::confirm`]),
//! then the diff is taken again.

mod action;
mod confirmation;
mod dependents;
mod evolution;
mod fields;
mod late_submissions;
mod pool;
mod pool_occupants;
mod renames;
mod selection;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    graph::Graph,
    live::{Live, Lookups},
    resource::{Address, KeyedHash, LiveStatement, labels},
    settle::Settlement,
    state::Recorded,
};

pub use action::{
    Action, AfterDeletion, AfterWait, Block, Change, ForPlanner, Note, PlacementChange, Reason, RecordedSettings,
    Strategy,
};
pub use fields::DesiredPool;
pub use renames::resolve_moved_blocks;
pub use selection::{addresses_excluded_by, select};

/// What is wanted of this run, beyond what the manifests say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    /// Remove everything that is selected.
    #[serde(default)]
    pub destroy: bool,
    /// Only these and what they need; empty for everything.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<Address>,
    /// Not these, nor what needs them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub excludes: BTreeSet<Address>,
    /// Replace these even if nothing changed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replace: BTreeSet<Address>,
    /// Consent to undos that drop data.
    #[serde(default)]
    pub allow_data_loss: bool,
    /// Undo what was changed outside.
    #[serde(default)]
    pub fix_drift: bool,
}

/// What is desired, with what is known of secrets.
#[derive(Debug, Clone, Copy)]
pub struct Desired<'a> {
    /// The checked project.
    pub graph: &'a Graph,
    /// Keyed hashes of the secrets that have a value here.
    pub secrets: &'a BTreeMap<String, KeyedHash>,
}

/// Everything that has to change, and everything that people should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// By address; what is as it should be has no entry.
    pub changes: BTreeMap<Address, Change>,
    /// How many selected things are as they should be.
    pub unchanged: usize,
    /// How many live statements are not this project's.
    pub foreign: usize,
    /// What single GETs have to confirm before anything is done.
    pub lookups: Lookups,
    /// The pool of each desired statement that names one, by the pool's key.
    pub pools: BTreeMap<String, DesiredPool>,
}

/// Takes the difference. `recorded` has been settled, and `[[moved]]` applied to it (see [`moves`]).
pub fn diff(
    desired: &Desired,
    recorded: &Recorded,
    settlement: &Settlement,
    live: &Live,
    options: &PlanOptions,
) -> Diff {
    let selected = selection::select(desired.graph, recorded, options);
    let (pool_changes, pools) = pool::pool_changes(desired, recorded, settlement, live, options, &selected);
    let mut context = statement::DiffContext {
        desired,
        recorded,
        live,
        options,
        selected: &selected,
        settlement,
        pools: &pools.by_key,
        recreated_pools: &pools.recreated,
        tombstones: recorded.tombstones.values().map(|buried| (buried.name.as_str(), buried)).collect(),
        lookups: pools.lookups.clone(),
    };
    let mut diff = Diff { changes: pool_changes, pools: pools.by_key.clone(), ..Diff::default() };
    for key in selection::statement_keys(desired.graph, recorded) {
        let address = Address::statement(key);
        if !selected.contains(&address) {
            continue;
        }
        match context.diff_statement(key) {
            Some(change) => drop(diff.changes.insert(address, change)),
            None => diff.unchanged += 1,
        }
    }
    diff.lookups = context.lookups;
    diff.unchanged +=
        selected.iter().filter(|address| pool::is_unchanged(address, &diff.changes, desired, recorded)).count();
    if !options.destroy {
        renames::block_renames(desired, recorded, &mut diff.changes);
    }
    dependents::note_stale_readers(desired, recorded, live, options, &mut diff.changes);
    pool_occupants::block_deletions_of_occupied_pools(desired, recorded, live, &diff.pools, &mut diff.changes);
    pool::block_statements_of_blocked_pools(desired, &mut diff.changes);
    selection::block_removal_of_everything(desired.graph, recorded, options, &mut diff.changes);
    late_submissions::note_late_submissions(desired, recorded, live, options, &mut diff.changes);
    diff.foreign = count_foreign(&desired.graph.project.name, recorded, live);
    diff
}

/// Live statements that no record names and that do not bear the project's label.
fn count_foreign(project: &str, recorded: &Recorded, live: &Live) -> usize {
    let ours = recorded.statement_names();
    let is_labeled =
        |statement: &LiveStatement| statement.labels.get(labels::PROJECT).is_some_and(|label| label == project);
    live.statements().filter(|found| !ours.contains(found.name.as_str()) && !is_labeled(found)).count()
}
