//! Judges a statement: its current generation, the generations next to it, and an open replacement.

use super::{
    assessed_resource::{AssessedResource, ObservedState},
    condition::{Condition, LastOffsets},
    copies::{CopyFinder, copy_consent},
    generations::{running_retired_generations, unknown_generations},
    inputs::Evidence,
};
use crate::{
    live::{Live, Lookups, Presence},
    resource::{Address, LiveStatement, Phase, PhaseClass},
    settle,
    sql::{self, StatementClass},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// The number of days after which the service deletes a statement that no longer runs (source: Confluent's page "Flink
/// SQL statements").
const PURGE_DAYS: i64 = 30;

/// Returns a recorded statement as it is live, with its conditions.
pub(super) fn assess_statement<'a>(
    evidence: Evidence<'a>,
    finder: &CopyFinder<'a>,
    key: &'a str,
    record: &'a StatementRecord,
) -> AssessedResource {
    let mut assessed = match &record.current {
        Some(current) => current_generation(evidence.live, record, current),
        None if record.successor.is_some() => AssessedResource::new(None, ObservedState::Open, Vec::new()),
        None => AssessedResource::new(None, ObservedState::Held, Vec::new()),
    };
    // A declared statement without a current generation may adopt what runs.
    if record.current.is_some() || !evidence.declared.statements.contains_key(key) {
        let current = assessed.name.clone();
        let names = unknown_generations(finder, evidence, key, record);
        let unknown = Condition::StateOlderThanCloud { current: current.clone(), names };
        let retired =
            Condition::UnexpectedGenerations { current, names: running_retired_generations(evidence, record) };
        assessed.conditions.extend([unknown, retired].into_iter().filter(|condition| !condition.names_nothing()));
    }
    assessed.conditions.extend(runs_twice(evidence, finder, key, record));
    assessed.conditions.extend(record.successor.as_deref().map(|successor| open_replacement(evidence.live, successor)));
    assessed.conditions.extend(record.undo.iter().map(|undo| Condition::OpenUndo { name: undo.sent.name.clone() }));
    assessed
}

/// Returns the condition that other statements run an `INSERT` of this one too, if they do. Those that a person has
/// consented to, and those of jobs that only generate rows, are no reason to act.
fn runs_twice<'a>(
    evidence: Evidence<'a>,
    finder: &CopyFinder<'a>,
    key: &'a str,
    record: &'a StatementRecord,
) -> Option<Condition> {
    let copies = finder.running_copies(key, record.current.as_deref()?);
    let consents = evidence.declared.consents.get(key).map(Vec::as_slice).unwrap_or_default();
    let is_accepted = |live: &LiveStatement| consents.contains(&&copy_consent(&Address::statement(key), live));
    let names: Vec<String> =
        copies.into_iter().filter(|live| !is_accepted(live)).map(|live| live.name.clone()).collect();
    (!names.is_empty() && !finder.only_generates_rows(&record.declared)).then_some(Condition::RunsTwice { names })
}

/// Returns the current generation as it is live.
fn current_generation(live: &Live, record: &StatementRecord, current: &GenerationRecord) -> AssessedResource {
    let name = current.sent.name.as_str();
    let seen_as = |state, conditions| AssessedResource::new(Some(name), state, conditions);
    match live.statement(name) {
        Presence::Present(found) if !found.has_uid(&current.uid) => {
            let (recorded_uid, live_uid) = (current.uid.clone(), found.uid.clone());
            seen_as(ObservedState::Foreign, vec![Condition::Recreated { recorded_uid, live_uid }])
        }
        Presence::Present(found) => AssessedResource {
            since: found.updated_at.clone(),
            ..seen_as(
                ObservedState::Phase(found.phase.as_str().to_owned()),
                live_conditions(live, record, current, found),
            )
        },
        // What has completed stays in force, whether or not its statement can be read.
        Presence::Unknown(_) if has_finished(current) => seen_as(ObservedState::Unknown, Vec::new()),
        Presence::Unknown(why) => seen_as(ObservedState::Unknown, vec![Condition::Unreadable { why: why.to_owned() }]),
        // The service deletes what has completed, and nothing is lost.
        Presence::Absent | Presence::Unlisted if has_finished(current) => seen_as(ObservedState::Done, Vec::new()),
        Presence::Absent | Presence::Unlisted if current.stopped => {
            let offsets = last_offsets(current);
            let state = if offsets == LastOffsets::Kept { ObservedState::Purged } else { ObservedState::Gone };
            seen_as(state, vec![Condition::GoneWhileStopped { offsets }])
        }
        Presence::Absent => {
            seen_as(ObservedState::Gone, vec![Condition::Gone { offsets: Some(last_offsets(current)) }])
        }
        Presence::Unlisted => {
            AssessedResource { missing: Lookups::of_statement(name), ..seen_as(ObservedState::Unknown, Vec::new()) }
        }
    }
}

/// Returns the conditions of a current generation that was read.
fn live_conditions(
    live: &Live,
    record: &StatementRecord,
    current: &GenerationRecord,
    found: &LiveStatement,
) -> Vec<Condition> {
    let mut conditions = phase_conditions(current, found);
    conditions.extend(stop_condition(live, record, current, found));
    if found.is_pool_exhausted() {
        conditions.push(Condition::PoolExhausted);
    }
    conditions.extend(found.warnings.iter().map(|warning| Condition::Warning {
        severity: warning.severity.clone(),
        reason: warning.reason.clone(),
        message: warning.message.clone(),
    }));
    if matches!(found.phase, Phase::Stopped | Phase::Failed)
        && let Some(day) = found.updated_at.as_deref().and_then(purge_day)
    {
        conditions.push(Condition::Leaving { phase: found.phase.clone(), day });
    }
    conditions.extend(spec_conditions(current, found));
    conditions
}

/// Returns the conditions that follow from the phase and the service's message about it.
fn phase_conditions(current: &GenerationRecord, found: &LiveStatement) -> Vec<Condition> {
    let detail = found.detail.clone();
    let has_detail = !detail.trim().is_empty();
    match found.phase {
        Phase::Running => Vec::new(),
        Phase::Degraded => vec![Condition::Degraded { detail }],
        Phase::Failing => vec![Condition::Failing { detail }],
        Phase::Failed => {
            let has_run = current.reached > FurthestPhase::Submitted;
            vec![Condition::Failed { has_run, detail, since: found.updated_at.clone() }]
        }
        Phase::Completed if is_endless_job(current, found) => vec![Condition::CompletedUnexpectedly],
        Phase::Completed => Vec::new(),
        Phase::Pending | Phase::Stopping | Phase::Stopped | Phase::Deleting | Phase::Other(_) => {
            has_detail.then_some(Condition::PhaseMessage { detail }).into_iter().collect()
        }
    }
}

/// Returns the condition of a job that is stopped or runs although it should not, if any.
fn stop_condition(
    live: &Live,
    record: &StatementRecord,
    current: &GenerationRecord,
    found: &LiveStatement,
) -> Option<Condition> {
    // A job whose pool is gone stays stopped, even if it was asked to run.
    let is_stopped = found.phase == Phase::Stopped && (found.stopped || has_lost_pool(live, found) == Some(true));
    let is_running = found.phase.class() == PhaseClass::Running;
    match current.stopped {
        false if is_stopped => Some(Condition::StoppedOutside),
        true if is_running => Some(Condition::ResumedOutside),
        // While a replacement is open, its predecessor is stopped on purpose.
        true if is_stopped && !record.declared.stopped && record.successor.is_none() => {
            Some(Condition::StoppedByInterruptedRun)
        }
        true | false => None,
    }
}

/// Returns the conditions of a statement whose pool, principal, SQL or properties are not those that were sent.
fn spec_conditions(current: &GenerationRecord, found: &LiveStatement) -> Vec<Condition> {
    // While the service deletes a statement, it may report nothing but its name. What has ended runs nowhere.
    if found.uid.is_empty() {
        return Vec::new();
    }
    let sent = &current.sent;
    let placement = [("pool", &sent.pool, &found.pool), ("principal", &sent.principal, &found.principal)];
    let moved = placement.into_iter().filter(|_| found.phase != Phase::Completed).filter_map(|(field, sent, live)| {
        match (sent, live) {
            (Some(sent), Some(live)) if sent != live => {
                Some(Condition::MovedOutside { field, live: live.clone(), sent: sent.clone() })
            }
            _ => None,
        }
    });
    let fields = settle::spec_differences(sent, found);
    let differs = (!fields.is_empty()).then_some(Condition::SpecDiffers { fields });
    moved.chain(differs).collect()
}

/// Returns the condition of an open replacement.
fn open_replacement(live: &Live, successor: &GenerationRecord) -> Condition {
    let name = successor.sent.name.clone();
    match live.statement(&name) {
        Presence::Present(found) if found.phase == Phase::Failed && successor.reached > FurthestPhase::Submitted => {
            Condition::FailedSuccessor { successor: name, detail: found.detail.clone() }
        }
        Presence::Present(found) => Condition::OpenReplacement { successor: name, phase: Some(found.phase.clone()) },
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => {
            Condition::OpenReplacement { successor: name, phase: None }
        }
    }
}

/// Returns whether the pool of a statement no longer exists, or `None` if nothing is known of the pool yet.
pub fn has_lost_pool(live: &Live, statement: &LiveStatement) -> Option<bool> {
    let Some(id) = statement.pool.as_deref().filter(|_| live.pools_listed) else { return Some(false) };
    match live.pool(id) {
        Presence::Absent => Some(true),
        Presence::Present(_) | Presence::Unknown(_) => Some(false),
        Presence::Unlisted => None,
    }
}

/// Returns whether a generation has done its work: a definition or a bounded job that COMPLETED.
fn has_finished(current: &GenerationRecord) -> bool {
    current.reached == FurthestPhase::Completed && !is_endless(current, current.bounded, current.sql_kind.as_deref())
}

/// Returns whether a live statement is a job that should never complete.
fn is_endless_job(current: &GenerationRecord, found: &LiveStatement) -> bool {
    let kind = found.sql_kind.as_deref().or(current.sql_kind.as_deref());
    is_endless(current, current.bounded || found.bounded == Some(true), kind)
}

/// Returns whether a generation is a job whose sources have no end. What the service says about that is not trusted
/// for a streaming CREATE TABLE … AS.
fn is_endless(current: &GenerationRecord, is_bounded: bool, sql_kind: Option<&str>) -> bool {
    // Most statements that have completed are definitions. Their kind is known without reading their SQL.
    if current.sent.properties.has_bounded_mode() || sql_kind.is_some_and(sql::is_definition_kind) {
        return false;
    }
    let analysis = sql::analyze(&current.sent.sql.masked());
    match analysis.kind.class() {
        StatementClass::Definition => false,
        StatementClass::Job | StatementClass::Unsupported(_) => !is_bounded && !analysis.is_bounded,
        StatementClass::TableJob => !analysis.is_bounded,
    }
}

/// Returns what is known of the offsets of a generation that is gone. They are certain only if floe stopped the job.
fn last_offsets(current: &GenerationRecord) -> LastOffsets {
    match &current.offsets {
        Some(_) if current.stopped => LastOffsets::Kept,
        Some(offsets) => LastOffsets::Uncertain(offsets.topics.clone()),
        None if current.reached == FurthestPhase::Submitted => LastOffsets::NeverRan,
        None => LastOffsets::Unknown,
    }
}

/// Returns the day on which the service deletes a statement that stopped or failed at `since`.
fn purge_day(since: &str) -> Option<String> {
    let since: jiff::Timestamp = since.parse().ok()?;
    let purged = jiff::Timestamp::from_second(since.as_second().checked_add(PURGE_DAYS.checked_mul(86_400)?)?).ok()?;
    purged.to_string().split('T').next().map(str::to_owned)
}
