//! Decides what happens to a job in a stable phase: running, stopped, FAILED or COMPLETED.

use super::{
    action::{Action, Block, Change, Note, PlacementChange, Reason, RecordedSettings},
    context::{DiffContext, StatementContext, due_notes, restart, with_due_notes},
    in_motion::statement_in_motion,
    replace::{
        blocked_with_restart_note, has_consent, replace_job, replace_never_ran, replacement_reasons, required_consent,
    },
};
use crate::{
    assess::Condition,
    resource::{LiveStatement, PhaseClass, UnexpectedPhasePolicy},
    sql::StatementClass,
    state::FurthestPhase,
};

/// Decides what happens to a job in a stable phase.
pub(super) fn job_in_stable_phase(
    context: &DiffContext,
    statement: &StatementContext,
    live: &LiveStatement,
) -> Option<Change> {
    let is_replace_requested = context.inputs.options.replace.contains(&statement.address);
    let wants_stop = statement.declared.spec.stopped;
    let is_resumed_outside = statement.conditions.contains(&Condition::ResumedOutside);
    match live.phase.class() {
        PhaseClass::Failed if statement.current.reached == FurthestPhase::Submitted && !wants_stop => {
            Some(replace_never_ran(context, statement, live))
        }
        PhaseClass::Failed => failed_job(context, statement, live),
        PhaseClass::Completed => completed_job(context, statement),
        PhaseClass::Running if wants_stop && is_resumed_outside => Some(resumed_outside(context, statement)),
        PhaseClass::Running if wants_stop => {
            Some(with_due_notes(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), statement))
        }
        PhaseClass::Running if statement.differences.need_replacement() || is_replace_requested => {
            Some(replace_job(context, statement))
        }
        PhaseClass::Running if is_resumed_outside => {
            let resume = Action::resume(PlacementChange::default(), RecordedSettings::Declared);
            Some(Change::new(resume, vec![Reason::StoppedChanged { to: false }]))
        }
        PhaseClass::Running if !statement.differences.placement_change.is_empty() => Some(restart(statement)),
        PhaseClass::Running => running_job(context, statement),
        PhaseClass::Stopped if wants_stop => stays_stopped(context, statement),
        PhaseClass::Stopped => Some(stopped_job(context, statement, is_replace_requested)),
        PhaseClass::Transitional => Some(statement_in_motion(context, statement, live)),
    }
}

/// Decides what happens to a job that runs although it should be stopped.
fn resumed_outside(context: &DiffContext, statement: &StatementContext) -> Change {
    if context.inputs.options.fix_drift {
        Change::new(Action::Stop, vec![Reason::ResumedOutside])
    } else {
        with_due_notes(Change::new(Action::Inform, Vec::new()).with_note(Note::ResumedOutside), statement)
    }
}

/// Decides what happens to a job that runs as desired. It may have been moved outside floe, or need attention.
fn running_job(context: &DiffContext, statement: &StatementContext) -> Option<Change> {
    let (mut moved, mut reasons) = (PlacementChange::default(), Vec::new());
    for condition in statement.conditions {
        if let Condition::MovedOutside { field, live, sent } = condition {
            moved.pool |= *field == "pool";
            moved.principal |= *field == "principal";
            let (live, sent) = (live.clone(), sent.clone());
            reasons.push(Reason::MovedOutside { field: (*field).to_owned(), live, sent });
        }
    }
    if !moved.is_empty() && context.inputs.options.fix_drift {
        return Some(Change::new(Action::restart(moved), reasons));
    }
    let notes = statement.notes_about(Condition::is_unhealthy);
    context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes)
}

/// Decides what happens to a stopped job that should stay stopped.
fn stays_stopped(context: &DiffContext, statement: &StatementContext) -> Option<Change> {
    if statement.conditions.contains(&Condition::StoppedOutside) {
        // It was already stopped outside floe. The PUT records the stop as floe's own and changes nothing else.
        return Some(with_due_notes(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), statement));
    }
    context.without_cloud_change(&statement.address.key, statement.declared, statement.record, due_notes(statement))
}

/// Decides what happens to a stopped job that should run.
fn stopped_job(context: &DiffContext, statement: &StatementContext, is_replace_requested: bool) -> Change {
    let was_stopped_by_interrupted_run = statement.conditions.contains(&Condition::StoppedByInterruptedRun);
    if statement.differences.need_replacement() || is_replace_requested {
        let change = replace_job(context, statement);
        // A job that an interrupted run stopped must not stay stopped while a person decides.
        if !(was_stopped_by_interrupted_run && change.is_blocked()) {
            return change;
        }
        let fields = statement.differences.field_names();
        let resume = Action::resume(PlacementChange::default(), RecordedSettings::Unchanged);
        return Change::new(resume, vec![Reason::StoppedByInterruptedRun])
            .with_note(Note::ChangesLeftForNextPlan { fields });
    }
    let was_stopped_by_us = !statement.conditions.contains(&Condition::StoppedOutside);
    let was_stopped_with_pool =
        statement.declared.spec.pool.as_ref().is_some_and(|pool| context.recreated_pools.contains(pool));
    if was_stopped_by_us
        || was_stopped_with_pool
        || statement.declared.spec.on_stopped == UnexpectedPhasePolicy::Resume
        || context.inputs.options.fix_drift
    {
        let reason = match (was_stopped_by_us, was_stopped_by_interrupted_run) {
            (true, true) => Reason::StoppedByInterruptedRun,
            (true, false) => Reason::StoppedChanged { to: false },
            (false, _) => Reason::StoppedOutside,
        };
        let mut reasons = vec![reason];
        reasons.extend(statement.differences.placement.iter().cloned());
        let placement = statement.differences.placement_change;
        return Change::new(Action::resume(placement, RecordedSettings::Declared), reasons);
    }
    with_due_notes(Change::new(Action::Inform, Vec::new()).with_note(Note::StoppedOutside), statement)
}

/// Decides what happens to a job that FAILED after having run.
fn failed_job(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Option<Change> {
    let detail = live.detail.clone();
    let is_replace_requested = context.inputs.options.replace.contains(&statement.address);
    let mut notes = statement.notes_about(|condition| matches!(condition, Condition::Failed { .. }));
    notes.extend(due_notes(statement));
    if statement.declared.spec.stopped {
        return context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes);
    }
    if statement.differences.need_replacement() || is_replace_requested {
        let accept = required_consent(statement);
        if statement.class() != StatementClass::TableJob && !has_consent(context, statement, &accept) {
            let by = Block::FailedPredecessor { detail, accept };
            return Some(blocked_with_restart_note(context, by, replacement_reasons(context, statement), statement));
        }
        return Some(replace_job(context, statement));
    }
    if statement.declared.spec.on_failed == UnexpectedPhasePolicy::Resume || context.inputs.options.fix_drift {
        let mut reasons = vec![Reason::Failed { detail }];
        reasons.extend(statement.differences.placement.iter().cloned());
        let placement = statement.differences.placement_change;
        return Some(Change::new(Action::resume(placement, RecordedSettings::Declared), reasons));
    }
    context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes)
}

/// Decides what happens to a job that COMPLETED. A bounded job has done its work. Any other job has ended
/// unexpectedly.
fn completed_job(context: &DiffContext, statement: &StatementContext) -> Option<Change> {
    if statement.differences.need_replacement() || context.inputs.options.replace.contains(&statement.address) {
        return Some(replace_job(context, statement));
    }
    let mut notes = statement.notes_about(|condition| *condition == Condition::CompletedUnexpectedly);
    notes.extend(due_notes(statement));
    context.without_cloud_change(&statement.address.key, statement.declared, statement.record, notes)
}
