//! Builds the steps that replace a job, from the start or after an interrupted run. What is left to do follows from
//! what the two generations do now.

use super::{
    context::{ForwardAndRollback, StatementPlanner, if_gone, if_never_ran},
    removal::{clear_step, stop_steps},
    step::{Placement, Step, StepRequest, Until},
};
use crate::{
    resource::{Generation, PhaseClass, Properties, Role, SeenStatement, properties},
    state::{Fact, FurthestPhase, GenerationRecord},
};

/// Returns the steps that stop the predecessor and submit the successor.
///
/// A FAILED successor that an interrupted run left is deleted first.
pub(super) fn restart_replacement(planner: &StatementPlanner, to: Generation) -> Option<ForwardAndRollback> {
    let current = planner.current()?;
    let mut forward = Vec::new();
    if let Some(leftover) = planner.record.and_then(|record| record.successor.as_ref()) {
        forward.push(clear_step(planner.context, planner.key, leftover));
    }
    forward.extend(ensure_predecessor_inactive(planner, current));
    let submit = planner.submit_step(to, Role::Successor, Properties::new());
    let name = to.name(&planner.declared.spec.name);
    forward.push(submit.recording(takeover_facts(planner)));
    forward.extend(clear_retired_steps(planner));
    Some((forward, rollback_steps(planner, current, &name)))
}

/// Returns the steps that finish a replacement with the successor that exists. The predecessor is stopped first,
/// in any phase.
pub(super) fn finish_replacement(planner: &StatementPlanner) -> Option<ForwardAndRollback> {
    let successor = planner.record?.successor.as_ref()?;
    let name = successor.sent.name.clone();
    let mut forward = Vec::new();
    if let Some(current) = planner.current() {
        forward.extend(ensure_predecessor_inactive(planner, current));
    }
    let timeout = planner.declared.spec.timeout;
    let is_stopped = planner.live_statement(successor).is_some_and(|live| live.phase.class() == PhaseClass::Stopped);
    let bring_into_force = if is_stopped {
        Step::resume(&name, None, Placement::default(), timeout)
    } else {
        Step::wait(&name, Until::Running, timeout)
    };
    // The successor runs what was sent. A declaration that has changed since then is left for the next plan.
    let mut facts = takeover_facts(planner);
    if successor.sent.sql != planner.declared.spec.sql {
        facts.retain(|fact| !matches!(fact, Fact::Declared { .. }));
    }
    forward.push(bring_into_force.recording(facts));
    let rollback = planner.current().map(|current| rollback_steps(planner, current, &name)).unwrap_or_default();
    Some((forward, rollback))
}

/// Returns the steps that roll back an open replacement: delete the successor or the undo, and resume the
/// predecessor.
pub(super) fn roll_back_replacement(planner: &StatementPlanner) -> Option<ForwardAndRollback> {
    let record = planner.record?;
    let mut forward = Vec::new();
    for leftover in record.undo.iter().chain(&record.successor) {
        forward.push(clear_step(planner.context, planner.key, leftover));
    }
    if record.successor.is_some()
        && let Some(current) = planner.current()
        && current.stopped
        && !planner.declared.spec.stopped
        && !record.declared.stopped
    {
        forward.push(resume_step(current, planner.declared.spec.timeout));
    }
    Some((forward, Vec::new()))
}

/// Returns the steps that replace a predecessor that is gone. It stays in the record, with its offsets, until the
/// successor runs.
pub(super) fn replace_gone(planner: &StatementPlanner, to: Generation, at_offsets: bool) -> Option<ForwardAndRollback> {
    let current = planner.current()?;
    let added = match current.offsets.as_ref().and_then(|offsets| offsets.specific_offsets()).filter(|_| at_offsets) {
        Some(offsets) => Properties::from_iter([
            (properties::STARTUP_MODE.to_owned(), properties::SPECIFIC_OFFSETS.to_owned()),
            (properties::STARTUP_SPECIFIC_OFFSETS.to_owned(), offsets),
        ]),
        None => Properties::new(),
    };
    let name = to.name(&planner.declared.spec.name);
    let gone = Fact::GenerationGone { key: planner.key.to_owned(), name: current.sent.name.clone() };
    let submit = planner.submit_step(to, Role::Successor, added).recording(takeover_facts(planner)).recording([gone]);
    Some((vec![submit], vec![Step::delete_unused(&name, None).guarded_by(if_never_ran(&name))]))
}

/// Returns the facts that make the successor current and record what it was made from.
fn takeover_facts(planner: &StatementPlanner) -> Vec<Fact> {
    vec![Fact::Promoted { key: planner.key.to_owned() }, planner.declared_fact()]
}

/// Returns the steps that delete retired generations, which are no longer needed for a rollback.
fn clear_retired_steps(planner: &StatementPlanner) -> Vec<Step> {
    let retired = planner.record.map(|record| record.retired.as_slice()).unwrap_or_default();
    retired.iter().map(|generation| clear_step(planner.context, planner.key, generation)).collect()
}

/// Returns the steps that stop the predecessor, or that verify that it is still stopped, since it may have been
/// resumed outside floe.
fn ensure_predecessor_inactive(planner: &StatementPlanner, current: &GenerationRecord) -> Vec<Step> {
    let steps = stop_steps(planner.context, current);
    match planner.live_statement(current) {
        Some(live) if steps.is_empty() => {
            let verify =
                StepRequest::VerifyUnchanged { name: current.sent.name.clone(), seen: SeenStatement::of(live) };
            vec![Step::new(verify, Until::Nothing, 0)]
        }
        _ => steps,
    }
}

/// Returns the steps of a rollback.
///
/// A successor that never ran is deleted. Once it is confirmed to be gone, the predecessor is resumed. A successor
/// that ran, or whose fate is unknown, is left as it is: resuming the predecessor as well could run the job twice.
fn rollback_steps(planner: &StatementPlanner, current: &GenerationRecord, successor: &str) -> Vec<Step> {
    let delete = Step::delete_unused(successor, None).guarded_by(if_never_ran(successor));
    let was_stopped = planner.record.is_some_and(|record| record.declared.stopped);
    let could_run = current.reached >= FurthestPhase::Running
        && planner.live_statement(current).is_some_and(|live| {
            live.may_run()
                // A job that was stopped on purpose stays stopped.
                || (live.phase.class() == PhaseClass::Stopped && current.stopped && !was_stopped)
        });
    let resume = could_run.then(|| resume_step(current, planner.declared.spec.timeout).guarded_by(if_gone(successor)));
    std::iter::once(delete).chain(resume).collect()
}

/// Returns the step that resumes a generation where it ran before.
fn resume_step(current: &GenerationRecord, timeout: u64) -> Step {
    Step::resume(&current.sent.name, None, Placement::default(), timeout)
}
