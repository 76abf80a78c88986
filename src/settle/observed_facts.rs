//! How far recorded generations have got by themselves since the record was written.

use crate::{
    live::{Live, Presence},
    resource::{LiveStatement, Offsets, Phase, PhaseClass, Submission, properties},
    state::{Fact, FurthestPhase, GenerationRecord, Recorded, StatementRecord},
};

/// The furthest that a statement in this condition may have got. A FAILED statement that was compiled (the service
/// reports its kind) may have run: nobody can tell, so it counts as having run.
pub fn furthest_phase(live: &LiveStatement) -> FurthestPhase {
    match live.phase {
        Phase::Completed => FurthestPhase::Completed,
        Phase::Running | Phase::Degraded | Phase::Stopped | Phase::Stopping => FurthestPhase::Running,
        Phase::Failed | Phase::Failing if live.sql_kind.is_some() => FurthestPhase::Running,
        Phase::Pending | Phase::Failed | Phase::Failing | Phase::Deleting | Phase::Other(_) => FurthestPhase::Submitted,
    }
}

/// Whether what is there is what was sent. Values of secrets are not known here and match anything; what the service
/// shows of `sql.secrets.*` is not compared.
pub fn matches_sent_spec(sent: &Submission, live: &LiveStatement) -> bool {
    let expected =
        sent.properties.len() + sent.added_properties.keys().filter(|key| !sent.properties.contains_key(*key)).count();
    sent.sql.matches(&live.sql)
        && expected == live.properties.len()
        && live.properties.iter().all(|(key, value)| match (sent.added_properties.get(key), sent.properties.get(key)) {
            (Some(added), _) => added == value,
            (None, Some(template)) => properties::is_secret_key(key) || template.matches(value),
            (None, None) => false,
        })
        && (sent.pool.is_none() || sent.pool == live.pool)
        && (sent.principal.is_none() || sent.principal == live.principal)
}

/// What the snapshot tells about generations that the record knows, beyond what it has.
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

/// What a look at a generation tells beyond what its record has.
pub fn generation_facts(key: &str, generation: &GenerationRecord, found: &LiveStatement) -> Vec<Fact> {
    let mut facts = Vec::new();
    if !found.has_uid(&generation.uid) {
        return facts;
    }
    let (key, name) = (key.to_owned(), generation.sent.name.clone());
    let reached = furthest_phase(found).max(generation.reached);
    let (sql_kind, bounded) = (found.sql_kind.clone(), found.bounded == Some(true));
    // Of what is compiled, the service says at once whether it ends.
    let is_news = (sql_kind.is_some() && sql_kind != generation.sql_kind) || (bounded && !generation.bounded);
    if reached > generation.reached || is_news {
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

/// Whether a statement that stood still has been resumed since, as far as its phase tells: where it stood is not where it
/// is.
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

/// A successor, an undo or a retired generation that is confirmed gone leaves the record; a successor that runs while its predecessor
/// stands still has taken over.
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
