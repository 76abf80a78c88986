//! Compares desired, recorded and live, and decides what has to change and why. Pure.
//!
//! A diff with pending `lookups` must not be acted on. The snapshot has to answer them first (see
//! [`crate::live::fetch_missing`]), then the diff is computed again.

mod action;
mod confirmation;
mod context;
mod create;
mod definition;
mod dependents;
mod fields;
mod gone;
mod in_motion;
mod inputs;
mod late_submissions;
mod open_replacement;
mod pool;
mod pool_occupants;
mod removed;
mod renames;
mod replace;
mod running;
mod selection;
mod statement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::{
    live::Lookups,
    resource::{Address, LiveStatement, labels},
};

pub use action::{
    Action, AfterDeletion, AfterWait, Block, Change, ForPlanner, Note, PlacementChange, Reason, RecordedSettings,
    Strategy,
};
pub use fields::DesiredPool;
pub use inputs::{Desired, Inputs, PlanOptions};
pub use renames::resolve_moved_blocks;
pub use selection::{addresses_excluded_by, select};

/// The result of a diff: what has to change, and what people should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// One change per address. A resource that needs no change has no entry.
    pub changes: BTreeMap<Address, Change>,
    /// The number of selected resources that need no change.
    pub unchanged: usize,
    /// The number of live statements that this project does not manage.
    pub foreign: usize,
    /// The names and ids that single GETs have to confirm before anything is done.
    pub lookups: Lookups,
    /// The pool that statements run on, by the pool's key in the manifests.
    pub pools: BTreeMap<String, DesiredPool>,
}

/// Compares desired, recorded and live.
pub fn diff(inputs: Inputs) -> Diff {
    let Inputs { desired, recorded, options, .. } = inputs;
    let selected = selection::select(desired.graph, recorded, options);
    let (pool_changes, pools) = pool::pool_changes(inputs, &selected);
    let mut context = context::DiffContext {
        inputs,
        selected: &selected,
        pools: &pools.by_key,
        recreated_pools: &pools.recreated,
        tombstones: recorded.tombstones.values().map(|tombstone| (tombstone.name.as_str(), tombstone)).collect(),
        lookups: pools.lookups.clone(),
    };
    let mut diff = Diff { changes: pool_changes, pools: pools.by_key.clone(), ..Diff::default() };
    for key in selection::statement_keys(desired.graph, recorded) {
        let address = Address::statement(key);
        if !selected.contains(&address) {
            continue;
        }
        match statement::diff_statement(&mut context, key) {
            Some(change) => drop(diff.changes.insert(address, change)),
            None => diff.unchanged += 1,
        }
    }
    diff.lookups = context.lookups;
    diff.unchanged += selected.iter().filter(|address| pool::is_unchanged(inputs, address, &diff.changes)).count();
    if !options.destroy {
        renames::block_renames(inputs, &mut diff.changes);
    }
    dependents::note_stale_readers(inputs, &mut diff.changes);
    pool_occupants::block_deletions_of_occupied_pools(inputs, &diff.pools, &mut diff.changes);
    pool::block_statements_of_blocked_pools(inputs, &mut diff.changes);
    selection::block_removal_of_everything(inputs, &mut diff.changes);
    late_submissions::note_late_submissions(inputs, &mut diff.changes);
    diff.foreign = count_foreign(inputs);
    diff
}

/// Counts the live statements that are neither recorded nor labeled with this project.
fn count_foreign(inputs: Inputs) -> usize {
    let project = &inputs.desired.graph.project.name;
    let ours = inputs.recorded.statement_names();
    let is_labeled =
        |statement: &LiveStatement| statement.labels.get(labels::PROJECT).is_some_and(|label| label == project);
    inputs.live.statements().filter(|found| !ours.contains(found.name.as_str()) && !is_labeled(found)).count()
}
