//! Runs one step group from its first step to its last or, after a failure, through its rollback.

use super::{
    context::{Interrupt, InterruptScope, RunContext},
    event::{Event, StepFailure},
    late_effects::await_submissions,
    step,
};
use crate::{
    plan::{RollbackGuard, Step, StepGroup},
    resource::{Address, Operation},
    state::FurthestPhase,
};

/// Runs a step group. The error is that of the step that failed, whether or not the rollback succeeded.
pub(super) async fn run_step_group(group: StepGroup, context: RunContext) -> Result<(), StepFailure> {
    let address = &group.address;
    context.emit(Event::Started { address: address.clone() });
    let (mut changed, mut result) = (false, Ok(()));
    let initial_scope = InterruptScope { address, is_open: false, has_rollback: !group.rollback.is_empty() };
    for step in &group.forward {
        let scope = initial_scope.after_change(changed);
        result = if context.must_stop(&scope) {
            Err(StepFailure::Interrupted)
        } else {
            step::run_step(step, &scope, &context, &mut changed).await
        };
        if result.is_err() {
            break;
        }
    }
    let Err(failure) = result else { return Ok(()) };
    let can_roll_back = !matches!(failure, StepFailure::Ledger(_) | StepFailure::Incoherent(_));
    if changed && can_roll_back && !group.rollback.is_empty() && context.interrupt() < Interrupt::Abort {
        roll_back(&group, &context).await;
    }
    Err(failure)
}

/// Runs every rollback step whose guard holds, in order, until one fails. That failure is reported in addition to the
/// one that led here.
async fn roll_back(group: &StepGroup, context: &RunContext) {
    let address = &group.address;
    context.emit(Event::RollbackStarted { address: address.clone() });
    let scope = InterruptScope { address, is_open: true, has_rollback: true };
    // Nothing is resumed beside a successor that may still come to life.
    if let Err(failure) = await_submissions(&scope, context).await {
        context.journal.report_rollback_failure(address, failure);
        return;
    }
    let mut steps_taken = 0_usize;
    for step in &group.rollback {
        if !guard_holds(step, address, context) {
            continue;
        }
        let mut changed = false;
        if let Err(failure) = step::run_step(step, &scope, context, &mut changed).await {
            context.journal.report_rollback_failure(address, failure);
            return;
        }
        steps_taken = steps_taken.saturating_add(1);
    }
    if steps_taken > 0 {
        context.emit(Event::RolledBack { address: address.clone() });
    }
}

/// Returns whether the guard of a step holds on the current record.
fn guard_holds(step: &Step, address: &Address, context: &RunContext) -> bool {
    let recorded = context.journal.lock_recorded();
    let generation =
        |name: &str| recorded.statements.get(&address.key).and_then(|record| record.generation_named(name));
    match &step.guard {
        None => true,
        Some(RollbackGuard::NeverRan { name }) => {
            generation(name).is_some_and(|found| found.reached == FurthestPhase::Submitted)
        }
        Some(RollbackGuard::Gone { name }) => {
            // An open submission of the generation may still take effect. No other open request creates a generation.
            let submits =
                |operation: &Operation| matches!(operation, Operation::Submit(submission) if submission.name == *name);
            let may_still_apply = recorded.open_intents.values().any(|open| submits(&open.intent.operation));
            generation(name).is_none() && !may_still_apply
        }
    }
}
