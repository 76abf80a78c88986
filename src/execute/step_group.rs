//! Runs one step group from its first step to its last or, after a failure, through its rollback.

use super::{
    event::{Event, StepFailure},
    journal::JournalHandle,
    run::{Interrupt, RunInputs},
    step,
    watcher::Watcher,
};
use crate::{
    cloud::Error,
    plan::{RollbackGuard, Step, StepGroup},
    resource::{Address, Operation},
    state::FurthestPhase,
};

/// What every step works with.
#[derive(Clone)]
pub(super) struct RunContext {
    /// What the run works with.
    pub inputs: RunInputs,
    /// The handle on the record and the events.
    pub journal: JournalHandle,
    /// The watcher that all waits share.
    pub watcher: Watcher,
}

/// How far a step group has got, which decides whether an interrupt may stop it here.
#[derive(Clone, Copy)]
pub(super) struct InterruptScope<'a> {
    /// The address of the step group.
    pub address: &'a Address,
    /// Whether something was changed and there is a rollback. The step group is then finished or rolled back, not
    /// left as it is.
    pub is_open: bool,
    /// Whether there is a rollback, so that the first change opens the step group.
    pub has_rollback: bool,
}

impl InterruptScope<'_> {
    /// Returns the scope after a step that changed something in the cloud, or did not.
    pub fn after_change(&self, changed: bool) -> Self {
        InterruptScope { is_open: self.is_open || (changed && self.has_rollback), ..*self }
    }
}

impl RunContext {
    /// Returns how urgently the user has asked to stop.
    pub fn interrupt(&self) -> Interrupt {
        *self.inputs.interrupt.borrow()
    }

    /// Returns whether a step group in this scope has to stop where it is.
    pub fn must_stop(&self, scope: &InterruptScope) -> bool {
        match self.interrupt() {
            Interrupt::None => false,
            Interrupt::FinishOpenGroups => !scope.is_open,
            Interrupt::Abort => true,
        }
    }

    /// Shows an event to the user.
    pub fn emit(&self, event: Event) {
        self.journal.emit(event);
    }

    /// Redacts an error, since the service's message may quote SQL with a secret in it.
    pub fn redact_error(&self, error: Error) -> Error {
        error.redacted(&self.inputs.secrets)
    }

    /// Returns text with the values of secrets hidden.
    pub fn redact_text(&self, text: &str) -> String {
        self.inputs.secrets.redact(text)
    }
}

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
