//! Finds out how far the recorded generations have progressed since the record was written.

use crate::{
    live::{Live, Presence},
    resource::{LiveStatement, Offsets, Phase, PhaseClass},
    state::{Fact, FurthestPhase, GenerationRecord, Recorded, StatementRecord},
};

/// Returns the furthest phase that a statement in this condition may have reached. A FAILED statement that was
/// compiled (the service reports its kind) may have run. There is no way to tell, so it counts as having run.
pub fn furthest_phase(live: &LiveStatement) -> FurthestPhase {
    match live.phase {
        Phase::Completed => FurthestPhase::Completed,
        Phase::Running | Phase::Degraded | Phase::Stopped | Phase::Stopping => FurthestPhase::Running,
        Phase::Failed | Phase::Failing if live.sql_kind.is_some() => FurthestPhase::Running,
        Phase::Pending | Phase::Failed | Phase::Failing | Phase::Deleting | Phase::Other(_) => FurthestPhase::Submitted,
    }
}

/// Returns what the snapshot shows about the recorded generations that the record does not have yet.
pub(super) fn observed_facts(recorded: &Recorded, live: &Live) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (key, record) in &recorded.statements {
        for generation in record.generations() {
            if let Presence::Present(found) = live.statement(&generation.sent.name) {
                facts.extend(generation_facts(key, generation, found));
            }
        }
        push_handover_facts(key, record, live, &mut facts);
    }
    facts
}

/// Returns what `found` shows about a generation that its record does not have yet.
pub fn generation_facts(key: &str, generation: &GenerationRecord, found: &LiveStatement) -> Vec<Fact> {
    let mut facts = Vec::new();
    if !found.has_uid(&generation.uid) {
        return facts;
    }
    let (key, name) = (key.to_owned(), generation.sent.name.clone());
    let reached = furthest_phase(found).max(generation.reached);
    let (sql_kind, bounded) = (found.sql_kind.clone(), found.bounded == Some(true));
    // As soon as a statement is compiled, the service reports whether it is bounded.
    let has_new_traits = (sql_kind.is_some() && sql_kind != generation.sql_kind) || (bounded && !generation.bounded);
    if reached > generation.reached || has_new_traits {
        facts.push(Fact::PhaseReached { key: key.clone(), name: name.clone(), reached, sql_kind, bounded });
    }
    if let Some(offsets) = found.stopped_offsets() {
        if generation.offsets.as_ref() != Some(offsets) {
            facts.push(Fact::OffsetsSet { key, name, offsets: offsets.clone() });
        }
    } else if generation.offsets.is_some() && has_resumed(found) {
        facts.push(Fact::OffsetsSet { key, name, offsets: Offsets::default() });
    }
    facts
}

/// Returns whether a stopped statement has been resumed since, according to its phase. Then its recorded offsets are
/// out of date.
fn has_resumed(found: &LiveStatement) -> bool {
    match found.phase {
        Phase::Stopped => !found.stopped,
        Phase::Deleting => false,
        Phase::Pending
        | Phase::Running
        | Phase::Degraded
        | Phase::Stopping
        | Phase::Failing
        | Phase::Failed
        | Phase::Completed
        | Phase::Other(_) => true,
    }
}

/// Adds the facts of a replacement. A successor, an undo or a retired generation that is confirmed to be gone leaves
/// the record. A successor that runs while its predecessor is inactive has taken over.
fn push_handover_facts(key: &str, record: &StatementRecord, live: &Live, facts: &mut Vec<Fact>) {
    for generation in record.other_generations() {
        let gone = match live.statement(&generation.sent.name) {
            Presence::Absent => true,
            Presence::Present(found) => !found.has_uid(&generation.uid),
            Presence::Unlisted | Presence::Unknown(_) => false,
        };
        if gone {
            facts.push(Fact::GenerationGone { key: key.to_owned(), name: generation.sent.name.clone() });
        }
    }
    let Some(successor) = &record.successor else { return };
    let Presence::Present(found) = live.statement(&successor.sent.name) else { return };
    let successor_runs =
        found.has_uid(&successor.uid) && matches!(found.phase.class(), PhaseClass::Running | PhaseClass::Completed);
    let predecessor_is_inactive =
        record.current.as_ref().is_none_or(|current| match live.statement(&current.sent.name) {
            Presence::Present(found) => !found.may_run(),
            Presence::Absent => true,
            Presence::Unlisted | Presence::Unknown(_) => false,
        });
    if successor_runs && predecessor_is_inactive {
        facts.push(Fact::Promoted { key: key.to_owned() });
    }
}
