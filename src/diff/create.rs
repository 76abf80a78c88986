//! Decides what happens to a desired statement that has no current generation: it is created, adopted or kept
//! unsubmitted.

use super::{
    action::{Action, Block, Change, Note},
    adoption::{LiveComparison, number_of},
    context::{DiffContext, await_end_of_phase},
    lookups::{ConfirmedPresence, Decision},
    replace::restart_note,
};
use crate::{
    assess::{CopyEvidence, JobIdentity, PossibleCopy},
    manifest::DeclaredStatement,
    resource::{LiveStatement, PhaseClass, properties},
    sql::StatementClass,
    state::StatementRecord,
};

/// Decides what happens to a desired statement that has no current generation in the record.
pub(super) fn unrecorded_statement<'a>(
    context: &DiffContext<'a>,
    key: &'a str,
    declared: &'a DeclaredStatement,
    record: Option<&'a StatementRecord>,
) -> Decision {
    let base = declared.spec.name.as_str();
    let next = context.next_generation(key, base, record);
    let name = next.name(base);
    let stopped = declared.spec.stopped;
    if !stopped && let ConfirmedPresence::Unknown(why) = context.confirmed_presence(&name)? {
        return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
    }
    let job = JobIdentity { key, declared: Some(&declared.spec), record, compares_inserts: false };
    let found = context.finder.possible_copies(&job);
    if let Some(change) = existing_statement(context, declared, found) {
        return Ok(Some(change));
    }
    Ok(match (stopped, record) {
        (true, Some(record)) => context.without_cloud_change(key, declared, record, Vec::new()),
        (true, None) => Some(Change::new(Action::KeepUnsubmitted, Vec::new())),
        (false, _) => {
            let sql = declared.spec.sql.clone();
            let change = Change::new(Action::Create { sql, name, generation: next }, Vec::new());
            Some(recreate_notes(context, key, declared, record).into_iter().fold(change, Change::with_note))
        }
    })
}

/// Decides what happens to a statement that exists without a record: one with this address's labels is adopted if it
/// is equal to the declaration. `None` if there is no such statement.
fn existing_statement(
    context: &DiffContext,
    declared: &DeclaredStatement,
    mut found: Vec<PossibleCopy>,
) -> Option<Change> {
    found.sort_by_key(number_of);
    // Under another name, a statement that has COMPLETED says nothing, unless it is what is declared.
    found.retain(|copy| {
        let is_done = copy.live.phase.class() == PhaseClass::Completed;
        copy.evidence_kind != CopyEvidence::Labels
            || !is_done
            || compare(context, declared, copy.live).reasons.is_empty()
    });
    let is_dry_run = |copy: &&PossibleCopy| copy.live.properties.contains_key(properties::DRY_RUN);
    if let Some(foreign) = found.iter().find(|copy| !copy.is_labeled || is_dry_run(copy)) {
        return Some(foreign_statement(context, declared, foreign.live));
    }
    let running: Vec<&PossibleCopy> = found.iter().filter(|copy| copy.live.may_run()).collect();
    if running.len() > 1 {
        let names = running.iter().map(|copy| copy.live.name.clone()).collect();
        return Some(Change::blocked(Block::UnexpectedGenerations { names }));
    }
    let chosen = running.first().copied().or(found.last())?;
    let (live, name) = (chosen.live, chosen.live.name.clone());
    if live.is_being_deleted() {
        return Some(await_end_of_phase(live));
    }
    let LiveComparison { reasons, import, exposes_secret } = compare(context, declared, live);
    if exposes_secret {
        return Some(Change::blocked(Block::AdoptionExposesSecret { name }));
    }
    if !reasons.is_empty() {
        return Some(Change::new(Action::Blocked { by: vec![Block::AdoptionDiffers { name, import }] }, reasons));
    }
    let generation = number_of(chosen);
    let others = found.iter().filter(|copy| copy.live.name != name && !copy.live.is_being_deleted());
    let retired = others.map(|copy| copy.live.name.clone()).collect();
    Some(Change::new(Action::Adopt { name, generation, retired }, Vec::new()))
}

/// Compares a declared statement with a live one.
fn compare(context: &DiffContext, declared: &DeclaredStatement, live: &LiveStatement) -> LiveComparison {
    let pool = declared.spec.pool.as_ref().and_then(|key| context.pools.get(key));
    LiveComparison::of(context.inputs, &declared.spec, pool, live)
}

/// Blocks a statement whose name belongs to one that this project did not submit, and shows what differs.
fn foreign_statement(context: &DiffContext, declared: &DeclaredStatement, live: &LiveStatement) -> Change {
    let LiveComparison { reasons, import, .. } = compare(context, declared, live);
    Change::new(Action::Blocked { by: vec![Block::ForeignStatement { name: live.name.clone(), import }] }, reasons)
}

/// Returns the notes about a job that is submitted after a statement of its name was removed: its output is written
/// again.
pub(super) fn recreate_notes(
    context: &DiffContext,
    key: &str,
    declared: &DeclaredStatement,
    record: Option<&StatementRecord>,
) -> Vec<Note> {
    let tombstone = context.tombstones.get(declared.spec.name.as_str());
    let last_offsets = record
        .and_then(|record| record.last_offsets.as_ref())
        .or(tombstone.and_then(|tombstone| tombstone.offsets.as_ref()));
    if declared.analysis.kind.class() != StatementClass::Job || (last_offsets.is_none() && tombstone.is_none()) {
        return Vec::new();
    }
    let topics = last_offsets.map(|offsets| offsets.topics.clone()).unwrap_or_default();
    vec![Note::PreviouslyRemoved { topics }, restart_note(context, key, &declared.spec)]
}
