//! Finds unrecorded live statements of this state: submissions that were given up and took effect after all.

use std::collections::BTreeMap;

use super::{
    action::{Action, Change, Note},
    inputs::Inputs,
};
use crate::{
    resource::{Address, Generation, LiveStatement, ResourceKind, is_undo_name, labels},
    state::Recorded,
};

/// Adds a note about each statement that runs or undoes something, has the labels of this project and this state,
/// and has an address that is no longer declared or recorded.
///
/// Generations removed with `state rm` are skipped, because this state has used their numbers.
pub(super) fn note_late_submissions(inputs: Inputs, changes: &mut BTreeMap<Address, Change>) {
    let Inputs { desired, recorded, live, options, .. } = inputs;
    if !options.targets.is_empty() {
        return;
    }
    let known = recorded.statement_names();
    let mut late: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for statement in
        live.statements().filter(|statement| runs_or_undid(statement) && !known.contains(statement.name.as_str()))
    {
        let label = |name: &str| statement.labels.get(name).map(String::as_str);
        let is_ours = label(labels::PROJECT) == Some(desired.graph.project.name.as_str())
            && label(labels::LINEAGE) == Some(recorded.lineage.as_str());
        let key = label(labels::ADDRESS)
            .and_then(|address| address.strip_prefix(ResourceKind::Statement.manifest_table())?.strip_prefix('.'));
        let Some(key) = key.filter(|_| is_ours && !is_number_used(recorded, &statement.name)) else { continue };
        let address = Address::statement(key);
        let is_declared = desired.graph.project.statements.contains_key(key) && !options.destroy;
        if !is_declared && !recorded.statements.contains_key(key) && !options.excludes.contains(&address) {
            late.entry(address).or_default().push(statement.name.clone());
        }
    }
    for (address, names) in late {
        let change = changes.entry(address).or_insert_with(|| Change::new(Action::Inform, Vec::new()));
        change.notes.push(Note::LateSubmissions { names });
        change.unhealthy = true;
    }
}

/// Returns whether the statement runs, or is an undo that ran once more.
fn runs_or_undid(statement: &LiveStatement) -> bool {
    (statement.may_run() || is_undo_name(&statement.name)) && !statement.is_being_deleted()
}

/// Returns whether the generation number in `name` took effect once, as far as the record knows. The number of a
/// submission that was given up is free again.
fn is_number_used(recorded: &Recorded, name: &str) -> bool {
    recorded.tombstones.values().any(|tombstone| {
        Generation::from_name(&tombstone.name, name).is_some_and(|number| number <= tombstone.last_generation)
    })
}
