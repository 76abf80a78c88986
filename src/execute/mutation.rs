//! Sends one mutation: checks its precondition, records the intent, sends it, records the outcome, and retries if it
//! had no effect.
//!
//! This module alone keeps the promise of `state`. An intent is durable before its request is sent. An outcome is
//! durable before anything is built on it. An outcome is recorded only from a definite response or a read.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    context::{InterruptScope, RunContext},
    event::{RequestAccepted, StepFailure},
    late_effects::await_requests_in_flight,
};
use crate::{
    cloud::{Error, ErrorKind},
    resource::{Intent, Operation},
    settle::IntentVerdict,
    state::Outcome,
};

/// How long the service may reject a request before the user is told.
const REPORT_REJECTIONS_AFTER: Duration = Duration::from_secs(2);

/// The progress of a mutation, and what it works with.
pub(super) struct Attempt<'a> {
    /// How far the step group has progressed.
    pub scope: &'a InterruptScope<'a>,
    /// What every step works with.
    pub context: &'a RunContext,
    /// Whether this step group has already changed something, in an earlier step or an earlier attempt.
    pub group_has_changed: bool,
    /// Whether it was attempted before.
    pub is_retry: bool,
    /// Whether the response to an earlier attempt was lost.
    ///
    /// The lost request may still take effect. If its effect shows up later, this mutation caused it, and a
    /// later rejection does not prove that nothing happened.
    pub may_apply_late: bool,
    /// The service's rejection of the last attempt, if it was rejected.
    pub last_rejection: Option<Error>,
}

/// What the check just before an attempt finds.
pub(super) enum Precheck<R> {
    /// There is something to send, made from this input.
    Send(R),
    /// An earlier attempt, whose response was lost, has taken effect in the meantime.
    EarlierAttemptApplied,
    /// The resource is already as desired. That is recorded, and nothing is sent.
    AlreadyAsDesired,
    /// There is nothing left to change.
    NothingToChange,
}

/// A request that changes something in the cloud.
pub(super) trait Mutation: Sync + Sized {
    /// What the precheck gives to the request.
    type RequestInput: Send;

    /// The maximum number of attempts.
    const MAX_ATTEMPTS: u32;

    /// Returns the request as it is recorded.
    fn operation(&self) -> Operation;

    /// Checks the precondition before each attempt: whether the request may and need be sent now.
    fn precheck(
        &self,
        attempt: &Attempt<'_>,
    ) -> impl Future<Output = Result<Precheck<Self::RequestInput>, StepFailure>> + Send;

    /// Sends the request to the service.
    fn send(
        &self,
        input: Self::RequestInput,
        intent: &Intent,
        context: &RunContext,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// Finds out with a read whether a request whose response was lost took effect. Returns `None` if no effect can be
    /// seen: then its intent stays open, and the request is sent again.
    fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> impl Future<Output = Result<Option<Outcome>, StepFailure>> + Send;

    /// Handles a rejection. By default the mutation fails, unless a read shows that the request took effect although
    /// somebody rejected it.
    fn on_error_response(
        &self,
        intent: &Intent,
        error: Error,
        attempt: &Attempt<'_>,
    ) -> impl Future<Output = Result<Outcome, StepFailure>> + Send {
        confirm_effect(self, intent, error, attempt.context)
    }

    /// Returns the request that took effect. `id` is the id that the service gave to a new resource.
    fn accepted(&self, id: Option<String>) -> RequestAccepted;

    /// Returns the failure after the last attempt.
    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure;
}

/// Sends a mutation until it takes effect.
///
/// Returns the request that took effect, if one was sent. `changed` is set if something may have changed, even after
/// a failure.
pub(super) async fn mutate<D: Mutation>(
    mutation: D,
    scope: &InterruptScope<'_>,
    context: &RunContext,
    changed: &mut bool,
) -> Result<Option<RequestAccepted>, StepFailure> {
    let mut attempt = Attempt {
        scope,
        context,
        group_has_changed: *changed,
        is_retry: false,
        may_apply_late: false,
        last_rejection: None,
    };
    let (mut rejected_since, mut is_reported) = (None, false);
    let mut lost: Vec<Intent> = Vec::new();
    await_requests_in_flight(&mutation.operation(), scope, context).await?;
    for number in 0..D::MAX_ATTEMPTS {
        // A user who wants to stop wants no retries, unless an earlier attempt has opened the step group.
        if attempt.is_retry && context.must_stop(&scope.after_change(*changed)) {
            return Err(StepFailure::Interrupted);
        }
        let precheck = mutation.precheck(&attempt).await?;
        if matches!(precheck, Precheck::NothingToChange) {
            return Ok(None);
        }
        let intent = context
            .journal
            .record_intent(
                scope.address,
                mutation.operation(),
                context.inputs.cloud.service_clock(),
                (&context.inputs.secrets, context.inputs.use_placeholders),
            )
            .await?;
        let (outcome, was_sent) = match precheck {
            Precheck::Send(input) => match mutation.send(input, &intent, context).await {
                Ok(outcome) => (Some(outcome), true),
                Err(error) if is_response_lost(&error) => {
                    (attempt.may_apply_late, attempt.last_rejection) = (true, None);
                    // Regardless of the read that follows, the request may take effect, so there is something to roll
                    // back.
                    *changed = true;
                    (mutation.read_back(&intent, error, context).await?, true)
                }
                Err(error) => {
                    // A rejection that is no proof may hide an effect, so there is something to roll back.
                    *changed |= !error.proves_no_effect();
                    attempt.last_rejection = Some(context.redact_error(error.clone()));
                    (Some(mutation.on_error_response(&intent, error, &attempt).await?), true)
                }
            },
            Precheck::EarlierAttemptApplied => (Some(applied()), true),
            Precheck::AlreadyAsDesired | Precheck::NothingToChange => (Some(applied()), false),
        };
        match outcome {
            None => lost.push(intent),
            Some(outcome) => {
                context.journal.record_outcome(&intent, outcome.clone()).await?;
                if let Outcome::Applied { id, .. } = outcome {
                    *changed |= was_sent;
                    settle_earlier_copies(&lost, context).await?;
                    return Ok(was_sent.then(|| mutation.accepted(id)));
                }
            }
        }
        attempt.is_retry = true;
        if let Some(refusal) = &attempt.last_rejection {
            let since = rejected_since.get_or_insert_with(Instant::now);
            if !is_reported && since.elapsed() >= REPORT_REJECTIONS_AFTER {
                is_reported = true;
                context.inputs.cloud.notify_still_rejected(refusal, (number..D::MAX_ATTEMPTS).map(backoff).sum());
            }
        }
        sleep(backoff(number)).await;
    }
    Err(mutation.attempts_exhausted(&attempt))
}

/// Settles the earlier copies of a request that has taken effect, as far as they can have no effect any more: an update
/// carries the version that was read, and a deletion finds nothing. An earlier copy of a submission stays open. It
/// could create the statement once more if that is deleted.
async fn settle_earlier_copies(lost: &[Intent], context: &RunContext) -> Result<(), StepFailure> {
    for intent in lost.iter().filter(|intent| !matches!(intent.operation, Operation::Submit(_))) {
        let why = "it was sent again, and the later request took effect".to_owned();
        context.journal.record_outcome(intent, Outcome::NotApplied { why }).await?;
    }
    Ok(())
}

/// Returns the outcome of a request that took effect on a resource whose id is known.
pub(super) fn applied() -> Outcome {
    Outcome::Applied { id: None, created_at: None }
}

/// Returns the outcome of a rejected request that took effect nevertheless, as far as a read shows. Otherwise the
/// rejection is the failure.
pub(super) async fn confirm_effect<D: Mutation>(
    mutation: &D,
    intent: &Intent,
    error: Error,
    context: &RunContext,
) -> Result<Outcome, StepFailure> {
    if error.proves_no_effect() {
        return Err(record_rejection(intent, error, context).await);
    }
    // If nothing can be read, the intent stays open, and the next run finds out what became of it.
    let failure = StepFailure::RequestFailed(context.redact_error(error.clone()));
    mutation.read_back(intent, error, context).await.ok().flatten().ok_or(failure)
}

/// Returns the rejection of a request as the failure. If the rejection proves that the request had no effect, that is
/// recorded. Otherwise its intent stays open.
pub(super) async fn record_rejection(intent: &Intent, error: Error, context: &RunContext) -> StepFailure {
    let error = context.redact_error(error);
    if !error.proves_no_effect() {
        return StepFailure::RequestFailed(error);
    }
    match context.journal.record_outcome(intent, Outcome::NotApplied { why: error.to_string() }).await {
        Ok(()) => StepFailure::RequestFailed(error),
        Err(ledger_failure) => ledger_failure,
    }
}

/// Returns the outcome for the verdict of a read, or `None` if no effect can be seen. If the verdict is unclear, the
/// intent stays open, and `unclear` gives the failure.
pub(super) fn outcome_from(
    verdict: IntentVerdict,
    unclear: impl FnOnce(String) -> StepFailure,
) -> Result<Option<Outcome>, StepFailure> {
    match verdict {
        IntentVerdict::Applied(outcome) => Ok(Some(outcome)),
        IntentVerdict::NotSeen(_) => Ok(None),
        IntentVerdict::NotApplied(why) => Ok(Some(Outcome::NotApplied { why })),
        IntentVerdict::Unclear(why) => Err(unclear(why)),
    }
}

/// Returns whether the request may have taken effect although no response says so.
fn is_response_lost(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Uncertain | ErrorKind::InvalidResponse)
}

/// Returns the pause after an attempt, which grows up to three seconds.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(u64::from(attempt.saturating_add(1)).saturating_mul(300).min(3_000))
}
