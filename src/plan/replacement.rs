//! Replacing a job, fresh or interrupted: what is left to do follows from what the two generations do now.

use super::{
    removal::{clear_step, stop_steps},
    step::{Placement, Step, StepRequest, Until},
    step_group::{ForwardAndRollback, StatementPlanner, if_gone, if_never_ran},
};
use crate::{
    resource::{Generation, PhaseClass, Properties, Role, SeenStatement, properties},
    state::{Fact, FurthestPhase, GenerationRecord},
};

/// Restart: stop the old one where it stands, submit the new one. A successor that an interrupted run left FAILED is
/// cleared away first.
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

/// Go on with the successor that is there: the old one stands still first, whatever it does now.
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
    // What is in force then is what was sent; a desired spec that has moved on is the next plan's.
    let mut facts = takeover_facts(planner);
    if successor.sent.sql != planner.declared.spec.sql {
        facts.retain(|fact| !matches!(fact, Fact::Declared { .. }));
    }
    forward.push(bring_into_force.recording(facts));
    let rollback = planner.current().map(|current| rollback_steps(planner, current, &name)).unwrap_or_default();
    Some((forward, rollback))
}

/// Take an open replacement back: the successor or the undo goes, the old one runs again.
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

/// A replacement without a predecessor: it is gone. It stays in the record, with its offsets, until the new one runs.
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

/// The successor is in force, and what is declared is what runs.
fn takeover_facts(planner: &StatementPlanner) -> Vec<Fact> {
    vec![Fact::Promoted { key: planner.key.to_owned() }, planner.declared_fact()]
}

/// Predecessors of the predecessor have served as a way back long enough.
fn clear_retired_steps(planner: &StatementPlanner) -> Vec<Step> {
    let retired = planner.record.map(|record| record.retired.as_slice()).unwrap_or_default();
    retired.iter().map(|generation| clear_step(planner.context, planner.key, generation)).collect()
}

/// Lets the predecessor stand still, or makes sure that it still does: somebody may have resumed it since.
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

/// A successor that never ran is deleted; once it is confirmed to be gone, the old one is resumed. A successor that ran,
/// or of which nobody knows, is left as it is: resuming the old one beside it could run the job twice.
fn rollback_steps(planner: &StatementPlanner, current: &GenerationRecord, successor: &str) -> Vec<Step> {
    let delete = Step::delete_unused(successor, None).guarded_by(if_never_ran(successor));
    let was_stopped = planner.record.is_some_and(|record| record.declared.stopped);
    let could_run = current.reached >= FurthestPhase::Running
        && planner.live_statement(current).is_some_and(|live| {
            live.may_run()
                // One that was stopped on purpose stays so.
                || (live.phase.class() == PhaseClass::Stopped && current.stopped && !was_stopped)
        });
    let resume = could_run.then(|| resume_step(current, planner.declared.spec.timeout).guarded_by(if_gone(successor)));
    std::iter::once(delete).chain(resume).collect()
}

fn resume_step(current: &GenerationRecord, timeout: u64) -> Step {
    Step::resume(&current.sent.name, None, Placement::default(), timeout)
}
