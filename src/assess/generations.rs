//! Finds generations of a statement that may run in addition to the current one.

use std::collections::BTreeSet;

use super::inputs::Evidence;
use crate::{
    live::Presence,
    resource::{Address, LiveStatement, labels},
    state::StatementRecord,
};

/// Returns the cloud names of the generations that may run in addition to the current one: unrecorded ones of ours,
/// and retired ones.
pub(super) fn unexpected_generations(evidence: Evidence, key: &str, record: &StatementRecord) -> Vec<String> {
    let Evidence { live, declared, .. } = evidence;
    let bases = [declared.statements.get(key).copied(), Some(record.declared.name.as_str())];
    let is_ours = |found: &LiveStatement| {
        record.generation_named(&found.name).is_none() && has_labels_of(declared.project, key, found)
    };
    let unknown = bases
        .into_iter()
        .flatten()
        .flat_map(|base| live.generations(base))
        .map(|(_, found)| found)
        .filter(|f| is_ours(f));
    let retired = record.retired.iter().filter_map(|retired| match live.statement(&retired.sent.name) {
        Presence::Present(found) if found.has_uid(&retired.uid) && !found.is_being_deleted() => Some(found),
        _ => None,
    });
    let names: BTreeSet<String> =
        unknown.chain(retired).filter(|found| found.may_run()).map(|found| found.name.clone()).collect();
    names.into_iter().collect()
}

/// Returns whether a live statement has the labels of this project and of the statement with this key.
pub fn has_labels_of(project: &str, key: &str, live: &LiveStatement) -> bool {
    let label = |name: &str| live.labels.get(name).map(String::as_str);
    label(labels::PROJECT) == Some(project)
        && label(labels::ADDRESS) == Some(Address::statement(key).to_string().as_str())
}
