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
    live::{Live, Lookups},
    resource::{Address, LiveStatement, labels},
    settle::Settlement,
    state::Recorded,
};

pub use action::{
    Action, AfterDeletion, AfterWait, Block, Change, ForPlanner, Note, PlacementChange, Reason, RecordedSettings,
    Strategy,
};
pub use fields::DesiredPool;
pub use inputs::{Desired, PlanOptions};
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

/// Compares desired, recorded and live. `recorded` must be settled, with `[[moved]]` blocks applied (see
/// [`resolve_moved_blocks`]).
pub fn diff(
    desired: &Desired,
    recorded: &Recorded,
    settlement: &Settlement,
    live: &Live,
    options: &PlanOptions,
) -> Diff {
    let selected = selection::select(desired.graph, recorded, options);
    let (pool_changes, pools) = pool::pool_changes(desired, recorded, settlement, live, options, &selected);
    let mut context = context::DiffContext {
        desired,
        recorded,
        live,
        options,
        selected: &selected,
        settlement,
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

/// Counts the live statements that are neither recorded nor labeled with this project.
fn count_foreign(project: &str, recorded: &Recorded, live: &Live) -> usize {
    let ours = recorded.statement_names();
    let is_labeled =
        |statement: &LiveStatement| statement.labels.get(labels::PROJECT).is_some_and(|label| label == project);
    live.statements().filter(|found| !ours.contains(found.name.as_str()) && !is_labeled(found)).count()
}
