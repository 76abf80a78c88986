//! Finds live statements of this project and environment whose address is neither declared nor recorded: submissions
//! that were given up and took effect after all, or what a lost state has left.

use std::collections::BTreeMap;

use super::{
    action::{Action, Change, Note},
    context::DiffContext,
};
use crate::resource::{Address, LiveStatement, is_undo_name};

/// Adds a note about each statement that runs or undoes something, has the labels of this project and environment,
/// and has an address that is no longer declared or recorded.
///
/// Generations removed with `state rm` are skipped, because this state has used their numbers.
pub(super) fn note_late_submissions(context: &DiffContext, changes: &mut BTreeMap<Address, Change>) {
    let options = context.inputs.options;
    if !options.targets.is_empty() {
        return;
    }
    let mut late: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for (address, statement) in context.finder.orphans().filter(|(_, statement)| runs_or_undid(statement)) {
        let Ok(address) = address.parse::<Address>() else { continue };
        if !options.excludes.contains(&address) {
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
