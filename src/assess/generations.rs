//! Finds generations of a statement that the record does not explain.

use std::collections::BTreeSet;

use super::{
    copies::{CopyEvidence, CopyFinder, JobIdentity, PossibleCopy},
    inputs::Evidence,
    labels::OwnerLabels,
};
use crate::{live::Presence, state::StatementRecord};

/// Returns the cloud names of live generations that show that the state is older than the cloud: no record, tombstone
/// or open request of this state knows them, and they may run, or this state's lineage has given them a number above
/// all that it knows.
pub(super) fn unknown_generations<'a>(
    finder: &CopyFinder<'a>,
    evidence: Evidence<'a>,
    key: &'a str,
    record: &'a StatementRecord,
) -> Vec<String> {
    let declared = evidence.declared.statements.get(key).copied();
    let job = JobIdentity { key, declared, record: Some(record), compares_inserts: false };
    let is_newer = |copy: &PossibleCopy| {
        let CopyEvidence::Generation(number) = copy.evidence_kind else { return false };
        let highest = number.base_of(&copy.live.name).and_then(|base| evidence.recorded.highest_number(base));
        OwnerLabels::of(copy.live).is_from(&evidence.recorded.lineage)
            && highest.is_none_or(|highest| number > highest)
            && number > record.last_generation
    };
    let found = finder.possible_copies(&job).into_iter();
    let unknown = found.filter(|copy| !finder.has_tombstone(copy.live) && (copy.live.may_run() || is_newer(copy)));
    unknown.map(|copy| copy.live.name.clone()).collect()
}

/// Returns the cloud names of retired generations that may run in addition to the current one.
pub(super) fn running_retired_generations(evidence: Evidence, record: &StatementRecord) -> Vec<String> {
    let retired = record.retired.iter().filter_map(|retired| match evidence.live.statement(&retired.sent.name) {
        Presence::Present(found) if found.has_uid(&retired.uid) && !found.is_being_deleted() => Some(found),
        _ => None,
    });
    let names: BTreeSet<String> = retired.filter(|found| found.may_run()).map(|found| found.name.clone()).collect();
    names.into_iter().collect()
}
