//! Decides what happens to a desired statement that has no current generation: it is created, adopted or kept
//! unsubmitted.

use super::{
    action::{Action, Block, Change, Note},
    context::{DiffContext, await_end_of_phase},
    fields,
    lookups::{ConfirmedPresence, Decision},
    replace::restart_note,
};
use crate::{manifest::DeclaredStatement, resource::LiveStatement, sql::StatementClass, state::StatementRecord};

/// Decides what happens to a desired statement that has no current generation in the record.
pub(super) fn unrecorded_statement(
    context: &DiffContext,
    key: &str,
    declared: &DeclaredStatement,
    record: Option<&StatementRecord>,
) -> Decision {
    let base = declared.spec.name.as_str();
    let next = context.next_generation(key, base, record);
    let name = next.name(base);
    let stopped = declared.spec.stopped;
    if !stopped && let ConfirmedPresence::Unknown(why) = context.confirmed_presence(&name)? {
        return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
    }
    // Retired generations are recorded. Any other statement with such a name must have our labels.
    let is_recorded = |live: &LiveStatement| record.is_some_and(|record| record.generation_named(&live.name).is_some());
    let mut found = context.inputs.live.generations(base);
    found.retain(|(_, live)| !is_recorded(live));
    if let Some((_, foreign)) = found.iter().find(|(_, live)| !context.has_our_labels(key, live)) {
        return Ok(Some(Change::blocked(Block::ForeignStatement { name: foreign.name.clone() })));
    }
    let running: Vec<_> = found.iter().filter(|(_, live)| live.may_run()).collect();
    if running.len() > 1 {
        let names = running.iter().map(|(_, live)| live.name.clone()).collect();
        return Ok(Some(Change::blocked(Block::UnexpectedGenerations { names })));
    }
    if let Some((generation, live)) = running.first().copied().or(found.last()) {
        if fields::adoption_exposes_secret(&declared.spec, live, context.inputs.live.secret_locations(&live.name)) {
            return Ok(Some(Change::blocked(Block::AdoptionExposesSecret { name: live.name.clone() })));
        }
        if live.is_being_deleted() {
            return Ok(Some(await_end_of_phase(live)));
        }
        return Ok(Some(Change::new(Action::Adopt { name: live.name.clone(), generation: *generation }, Vec::new())));
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

/// Returns the notes about a job that is submitted after a statement of its name was removed: its output is written
/// again.
fn recreate_notes(
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
