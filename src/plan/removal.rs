//! Builds the steps of a removal: stop, clear, undo, delete. Nothing leaves the record that is not confirmed to be
//! gone.

use super::{
    context::GroupContext,
    step::{PoolRef, STOP_TIMEOUT, Step, StepRequest, Until},
};
use crate::{
    diff::DesiredPool,
    live::Presence,
    resource::{Address, Phase, Properties, Role, SeenStatement, Submission, Template, undo_name},
    state::{Fact, FurthestPhase, GenerationRecord, StatementRecord},
};

/// Returns the steps that stop what runs, delete every generation, and leave a tombstone with the last offsets.
pub(super) fn delete_steps(
    context: &GroupContext,
    key: &str,
    record: &StatementRecord,
    undo_sql: Option<&Template>,
) -> Vec<Step> {
    let tombstone = Fact::Deleted { address: Address::statement(key) };
    let mut steps = Vec::new();
    if undo_sql.is_some() || record.undo.is_some() {
        steps.extend(undo_steps(context, key, record, undo_sql, pool_for_undo(context, record)));
    } else {
        let passing = record.successor.as_deref().into_iter().chain(&record.retired);
        for generation in passing.chain(record.current.as_deref()) {
            steps.extend(stop_and_clear_steps(context, key, generation));
        }
    }
    // In one group with the last deletion, so that a crash in between loses no offsets.
    match steps.last_mut() {
        Some(last) => last.facts_on_success.push(tombstone),
        None => steps.push(Step::record_only(vec![tombstone])),
    }
    steps
}

/// Returns the facts that remove an address from the record. Generations that are confirmed to be gone are recorded
/// as such first, so that their offsets are kept.
pub(super) fn forget_facts(context: &GroupContext, key: &str, record: Option<&StatementRecord>) -> Vec<Fact> {
    let is_gone = |name: &String| context.inputs.live.statement(name) == Presence::Absent;
    let names = record.into_iter().flat_map(|record| record.generations()).map(|found| found.sent.name.clone());
    let gone_facts = names.filter(is_gone).map(|name| Fact::GenerationGone { key: key.to_owned(), name });
    gone_facts.chain([Fact::Forgotten { address: Address::statement(key) }]).collect()
}

/// Returns the steps that run an undo (or wait for the one that an interrupted run left), then delete the statement
/// of the definition and that of the undo, in that order.
///
/// As long as the undo is in the record, a later run knows that it was run. An undo that can no longer complete is
/// deleted first, and then it is submitted again.
pub(super) fn undo_steps(
    context: &GroupContext,
    key: &str,
    record: &StatementRecord,
    sql: Option<&Template>,
    pool: Option<PoolRef>,
) -> Vec<Step> {
    let timeout = record.declared.timeout;
    // The job of a `CREATE TABLE … AS` is stopped before its table is undone.
    let current = record.current.as_deref();
    let mut steps: Vec<Step> = current.map(|current| stop_steps(context, current)).unwrap_or_default();
    let is_changed = !steps.is_empty();
    let mut leftover = record.undo.as_deref();
    if let Some(failed) = leftover.take_if(|undo| undo_will_not_complete(context, undo)) {
        steps.push(clear_step(context, key, failed));
    }
    let name = match (leftover, sql) {
        (Some(leftover), _) => {
            steps.push(Step::wait(&leftover.sent.name, Until::Completed, timeout));
            Some(leftover.sent.name.clone())
        }
        (None, Some(sql)) => {
            let name = undo_name(&record.declared.name, record.undo_count.saturating_add(1));
            let submission = Submission {
                name: name.clone(),
                generation: record.last_generation,
                role: Role::Undo,
                sql: sql.clone(),
                properties: record.declared.properties.clone(),
                added_properties: Properties::new(),
                pool: None,
                principal: record.declared.principal.clone(),
            };
            steps.push(Step::new(StepRequest::Submit { submission, pool }, Until::Completed, timeout));
            Some(name)
        }
        (None, None) => None,
    };
    steps.extend(current.map(|current| {
        if is_changed { clear_changed_step(context, key, current) } else { clear_step(context, key, current) }
    }));
    steps.extend(name.map(|name| Step::delete(&name, None)));
    steps
}

/// Returns whether an undo that an interrupted run left can no longer complete.
fn undo_will_not_complete(context: &GroupContext, undo: &GenerationRecord) -> bool {
    match context.inputs.live.statement(&undo.sent.name) {
        Presence::Present(live) => live.will_not_complete(&undo.uid),
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => false,
    }
}

/// Returns the pool on which to undo a statement that may no longer name a pool.
///
/// It is the pool of the statement's key, or else the pool that the statement ran on, if that pool still exists.
pub(super) fn pool_for_undo(context: &GroupContext, record: &StatementRecord) -> Option<PoolRef> {
    let key = record.declared.pool.as_ref();
    let declared = key.and_then(|key| match context.pools.get(key)? {
        DesiredPool::Id(id) => Some(PoolRef::Id(id.clone())),
        DesiredPool::ToCreate => Some(PoolRef::Created(key.clone())),
    });
    let is_there = |id: &&String| match context.inputs.live.pool(id) {
        Presence::Present(_) => true,
        Presence::Absent => false,
        // Without a Cloud API key its existence cannot be checked, so the record is trusted.
        Presence::Unlisted | Presence::Unknown(_) => !context.inputs.live.pools_listed,
    };
    let recorded = key.and_then(|key| context.inputs.recorded.pools.get(key)).map(|pool| &pool.id);
    let sent = record.current.as_ref().and_then(|current| current.sent.pool.as_ref());
    declared.or_else(|| recorded.into_iter().chain(sent).find(is_there).cloned().map(PoolRef::Id))
}

/// Returns the step that deletes a generation, or that removes it from the record if it is confirmed to be gone.
pub(super) fn clear_step(context: &GroupContext, key: &str, generation: &GenerationRecord) -> Step {
    let name = &generation.sent.name;
    let remove = |seen| match generation.reached {
        FurthestPhase::Submitted => Step::delete_unused(name, seen),
        FurthestPhase::Running | FurthestPhase::Completed => Step::delete(name, seen),
    };
    match context.inputs.live.statement(name) {
        Presence::Present(live) if live.has_uid(&generation.uid) => remove(Some(SeenStatement::of(live))),
        Presence::Present(_) | Presence::Absent => {
            Step::record_only(vec![Fact::GenerationGone { key: key.to_owned(), name: name.clone() }])
        }
        // `execute` reads it again, and does not continue without an answer.
        Presence::Unlisted | Presence::Unknown(_) => remove(None),
    }
}

/// Returns the steps that stop a generation and delete it.
///
/// A PENDING generation that never ran has no offsets to lose. It is deleted as it is, unless it runs by then.
fn stop_and_clear_steps(context: &GroupContext, key: &str, generation: &GenerationRecord) -> Vec<Step> {
    if let Presence::Present(live) = context.inputs.live.statement(&generation.sent.name)
        && live.phase == Phase::Pending
        && generation.reached == FurthestPhase::Submitted
    {
        return vec![clear_step(context, key, generation)];
    }
    let mut steps = stop_steps(context, generation);
    steps.push(if steps.is_empty() {
        clear_step(context, key, generation)
    } else {
        clear_changed_step(context, key, generation)
    });
    steps
}

/// Returns the step of [`clear_step`] for a generation that an earlier step of the step group has changed.
fn clear_changed_step(context: &GroupContext, key: &str, generation: &GenerationRecord) -> Step {
    let mut step = clear_step(context, key, generation);
    if let StepRequest::Delete { seen, .. } = &mut step.request {
        *seen = None;
    }
    step
}

/// Returns the steps that stop a generation that runs or may start to run, in any phase. Its offsets are
/// recorded when it has stopped.
pub(super) fn stop_steps(context: &GroupContext, generation: &GenerationRecord) -> Vec<Step> {
    let name = &generation.sent.name;
    let stop = |seen| Step::stop(name, seen, Until::Inactive);
    let wait = |until| Step::wait(name, until, STOP_TIMEOUT);
    let live = match context.inputs.live.statement(name) {
        Presence::Present(live) if live.has_uid(&generation.uid) => live,
        Presence::Present(_) | Presence::Absent => return Vec::new(),
        // `execute` stops what it finds, and does not continue without an answer.
        Presence::Unlisted | Presence::Unknown(_) => return vec![stop(None)],
    };
    match &live.phase {
        Phase::Stopped if live.stopped => Vec::new(),
        Phase::Stopping if live.stopped => vec![wait(Until::Inactive)],
        // A PENDING statement may wait for room on its pool indefinitely.
        Phase::Stopped | Phase::Stopping | Phase::Running | Phase::Degraded | Phase::Pending => {
            vec![stop(Some(SeenStatement::of(live)))]
        }
        Phase::Failing => vec![wait(Until::Inactive)],
        Phase::Deleting => vec![wait(Until::Gone)],
        // floe does not know this phase, so the statement may run. It is stopped once its phase is stable.
        Phase::Other(_) => vec![wait(Until::Stable), stop(None)],
        Phase::Completed | Phase::Failed => Vec::new(),
    }
}
