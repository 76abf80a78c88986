//! Compares desired, recorded and live, and decides what has to change and why. Pure.
//!
//! A fact that the snapshot lacks is never assumed. The diff is then incomplete, and says which GETs it needs.

mod action;
mod adoption;
mod confirmation;
mod context;
mod copies;
mod create;
mod definition;
mod dependents;
mod fields;
mod gone;
mod health;
mod in_flight;
mod in_motion;
mod inputs;
mod late_submissions;
mod lookups;
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

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    assess::{self, Assessment, CopyFinder, Evidence},
    live::Lookups,
    resource::{Address, LiveStatement, labels},
};

pub use action::{
    Action, AfterDeletion, AfterWait, Block, Change, ForPlanner, ImportMode, Note, PlacementChange, Reason,
    RecordedSettings, Strategy,
};
pub use adoption::{LiveComparison, differences_from_live, is_added_property, older_generations, recorded_property};
pub use fields::DesiredPool;
pub use inputs::{Desired, Inputs, PlanOptions};
pub use renames::resolve_moved_blocks;
pub use selection::{addresses_excluded_by, select};

/// What comparing desired, recorded and live leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffOutcome {
    /// Every fact was there, and everything is decided.
    Complete(Diff),
    /// Facts are missing. These lookups give them (see [`crate::live::fetch_missing`]), then the diff is computed again.
    Incomplete(Lookups),
}

/// What has to change, and what people should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// One change per address. A resource that needs no change has no entry.
    pub changes: BTreeMap<Address, Change>,
    /// The number of selected resources that need no change.
    pub unchanged: usize,
    /// The number of live statements that this project does not manage.
    pub foreign: usize,
    /// The pool that statements run on, by the pool's key in the manifests.
    pub pools: BTreeMap<String, DesiredPool>,
    /// The uids of running copies of jobs that are started all the same: a person consented to them, or they do no
    /// harm.
    pub accepted_copies: BTreeSet<String>,
    /// The conditions that the changes were decided on.
    pub assessment: Assessment,
}

/// Compares desired, recorded and live.
pub fn diff(inputs: Inputs) -> DiffOutcome {
    diff_assessed(inputs, assess_inputs(inputs))
}

/// Returns the conditions of all recorded addresses.
fn assess_inputs(inputs: Inputs) -> Assessment {
    let Inputs { recorded, settlement, live, .. } = inputs;
    assess::assess(Evidence { recorded, settlement, live, declared: &inputs.declared_names() })
}

/// Decides what has to change, given the conditions of all recorded addresses.
fn diff_assessed(inputs: Inputs, assessment: Assessment) -> DiffOutcome {
    let Inputs { desired, recorded, settlement, live, options } = inputs;
    let declared = inputs.declared_names();
    let finder = CopyFinder::new(Evidence { recorded, settlement, live, declared: &declared });
    let selected = selection::select(desired.graph, recorded, options);
    let pool_diff = pool::diff_pools(inputs, &selected, &assessment);
    let context = context::DiffContext {
        inputs,
        assessment: &assessment,
        finder: &finder,
        selected: &selected,
        pools: &pool_diff.by_key,
        recreated_pools: &pool_diff.recreated,
        used_numbers: recorded.used_numbers(),
        tombstones: recorded.tombstones.values().map(|tombstone| (tombstone.name.as_str(), tombstone)).collect(),
    };
    // All lookups are collected, so that one round of GETs answers them.
    let (mut changes, mut unchanged, mut missing) = (pool_diff.changes, 0, pool_diff.missing);
    for key in selection::statement_keys(desired.graph, recorded) {
        let address = Address::statement(key);
        if !selected.contains(&address) {
            continue;
        }
        match statement::diff_statement(&context, key) {
            Ok(Some(change)) => drop(changes.insert(address, change)),
            Ok(None) if assessment.is_unhealthy(&address) => {}
            Ok(None) => unchanged += usize::from(inputs.counts_as_unchanged(&address)),
            Err(lookups) => missing.merge(lookups),
        }
    }
    missing.merge(live.pending_lookups(&assessment.missing_lookups(&selected)));
    if !missing.is_empty() {
        return DiffOutcome::Incomplete(missing);
    }
    health::mark_unhealthy(&assessment, &selected, &mut changes);
    unchanged += selected.iter().filter(|address| pool::is_unchanged(inputs, address, &changes)).count();
    if !options.destroy {
        renames::block_renames(inputs, &mut changes);
    }
    in_flight::block_until_requests_land(inputs, &pool_diff.by_key, &mut changes);
    copies::run_again_on_new_objects(&context, &mut changes);
    let accepted_copies = copies::block_copies(&context, &mut changes);
    dependents::note_stale_readers(inputs, &mut changes);
    pool_occupants::block_deletions_of_occupied_pools(inputs, &pool_diff.by_key, &mut changes);
    pool::block_statements_of_blocked_pools(inputs, &mut changes);
    selection::block_removal_of_everything(inputs, &mut changes);
    late_submissions::note_late_submissions(&context, &mut changes);
    DiffOutcome::Complete(Diff {
        changes,
        unchanged,
        foreign: count_foreign(inputs),
        pools: pool_diff.by_key,
        accepted_copies,
        assessment,
    })
}

/// Counts the live statements that are neither recorded nor labeled with this project.
fn count_foreign(inputs: Inputs) -> usize {
    let project = &inputs.desired.graph.project.name;
    let ours = inputs.recorded.statement_names();
    let is_labeled =
        |statement: &LiveStatement| statement.labels.get(labels::PROJECT).is_some_and(|label| label == project);
    inputs.live.statements().filter(|found| !ours.contains(found.name.as_str()) && !is_labeled(found)).count()
}
