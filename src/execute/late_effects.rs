//! What happens to requests whose answer is not known: how long they are looked for, and what waits for them.
//!
//! A lost response does not show whether the request arrived. It may be under way, or the service may be acting on it.
//! Until [`IN_FLIGHT`](crate::resource::IN_FLIGHT) has passed, a resource that is not there yet does not prove that
//! nothing happened. The same request may be sent again in the meantime, but nothing that it could meet.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    context::{Interrupt, InterruptScope, RunContext},
    event::{Event, StepFailure},
    read::read_verdict,
};
use crate::{
    resource::{Intent, Operation, Role},
    settle::IntentVerdict,
    state::Outcome,
};

/// The interval at which a statement that may appear is read.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Waits until no open request is in flight that could meet `next`, and records what has become of those requests.
///
/// # Errors
/// When one of them has taken effect, so that the plan no longer holds, or when this cannot be read.
pub(super) async fn await_requests_in_flight(
    next: &Operation,
    scope: &InterruptScope<'_>,
    context: &RunContext,
) -> Result<(), StepFailure> {
    let could_meet = |intent: &Intent| intent.could_meet(scope.address, next);
    for intent in open_intents(context, could_meet) {
        let has_applied = settle_in_flight(&intent, scope, context).await?;
        if let (true, Operation::Submit(submission)) = (has_applied, &intent.operation) {
            let how = "it took effect late, after its response was lost".to_owned();
            return Err(StepFailure::ChangedSincePlan { name: submission.name.clone(), how });
        }
    }
    Ok(())
}

/// Waits until no submission of this step group is in flight, before the group is rolled back. What took effect is
/// recorded, and the rollback then deletes it.
pub(super) async fn await_submissions(scope: &InterruptScope<'_>, context: &RunContext) -> Result<(), StepFailure> {
    let is_unseen = |intent: &Intent| {
        intent.address == *scope.address
            && matches!(&intent.operation, Operation::Submit(submission)
                if submission.role != Role::Undo && !is_recorded(intent, &submission.name, context))
    };
    for intent in open_intents(context, is_unseen) {
        settle_in_flight(&intent, scope, context).await?;
    }
    Ok(())
}

/// Returns the open intents for which `condition` holds.
fn open_intents(context: &RunContext, condition: impl Fn(&Intent) -> bool) -> Vec<Intent> {
    let open: Vec<Intent> = {
        let recorded = context.journal.lock_recorded();
        recorded.open_intents.values().map(|open| open.intent.clone()).collect()
    };
    open.into_iter().filter(condition).collect()
}

/// Returns whether the record has a generation called `name` under the address of the intent.
fn is_recorded(intent: &Intent, name: &str, context: &RunContext) -> bool {
    let recorded = context.journal.lock_recorded();
    let record = recorded.statements.get(&intent.address.key);
    record.is_some_and(|record| record.generation_named(name).is_some())
}

/// Waits until the outcome of a request is known, or until it can no longer take effect. Records the outcome, and
/// returns whether the request took effect.
async fn settle_in_flight(
    intent: &Intent,
    scope: &InterruptScope<'_>,
    context: &RunContext,
) -> Result<bool, StepFailure> {
    let left = intent.in_flight_for(context.inputs.cloud.service_clock()).unwrap_or_default();
    let deadline = Instant::now() + left;
    let mut is_announced = false;
    loop {
        let is_over = Instant::now() >= deadline;
        let outcome = match verdict(intent, context).await {
            Ok(IntentVerdict::Applied(outcome)) => outcome,
            Ok(IntentVerdict::NotApplied(why)) => Outcome::NotApplied { why },
            Ok(IntentVerdict::NotSeen(why)) if is_over => Outcome::NotApplied { why },
            Ok(IntentVerdict::Unclear(why)) => {
                return Err(StepFailure::Unclear { name: intent.address.to_string(), why });
            }
            Err(StepFailure::RequestFailed(error)) if !is_over && !error.refuses_key() => {
                sleep(POLL_INTERVAL).await;
                continue;
            }
            Err(failure) => return Err(failure),
            Ok(IntentVerdict::NotSeen(_)) => {
                // A user who wants to exit does not wait. The next run does.
                if context.must_stop(scope) || context.interrupt() == Interrupt::Abort {
                    return Err(StepFailure::Interrupted);
                }
                if !is_announced {
                    is_announced = true;
                    let (address, operation) = (scope.address.clone(), Box::new(intent.operation.clone()));
                    context.emit(Event::AwaitingRequest { address, operation, at_most: left });
                }
                sleep(POLL_INTERVAL.min(deadline.saturating_duration_since(Instant::now()))).await;
                continue;
            }
        };
        let has_applied = matches!(outcome, Outcome::Applied { .. });
        context.journal.record_outcome(intent, outcome).await?;
        return Ok(has_applied);
    }
}

/// Returns the verdict on an open request. It is read, unless a later copy of the request has created the statement.
async fn verdict(intent: &Intent, context: &RunContext) -> Result<IntentVerdict, StepFailure> {
    match &intent.operation {
        Operation::Submit(submission) if is_recorded(intent, &submission.name, context) => {
            Ok(IntentVerdict::NotSeen("the statement was created by another request".to_owned()))
        }
        _ => read_verdict(intent, context).await,
    }
}
