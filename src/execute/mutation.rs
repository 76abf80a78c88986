//! One change under way: looked at, written down, sent, settled, and tried again where nothing came of it.
//!
//! The promise of `state` is kept here and nowhere else. An intent is durable before its request leaves; an outcome is
//! durable before anything is built on it; and it is an outcome only on evidence: an answer that says so, or a reading.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    event::{RequestAccepted, StepFailure},
    step_group::{InterruptScope, RunContext},
};
use crate::{
    cloud::{Error, ErrorKind},
    resource::{Intent, Operation},
    settle::IntentVerdict,
    state::Outcome,
};

/// How long the service may refuse before somebody is told.
const REPORT_REFUSALS_AFTER: Duration = Duration::from_secs(2);

/// How far the asking has got, and what it works with.
pub(super) struct Attempt<'a> {
    pub scope: &'a InterruptScope<'a>,
    pub context: &'a RunContext,
    /// Whether this passage has changed something already, by an earlier step or an earlier try.
    pub group_has_changed: bool,
    /// Whether it was tried before.
    pub is_retry: bool,
    /// Whether the answer to an earlier try was lost. That request may still land at any later time, so what it asked
    /// for is then our own doing, and no refusal of a later one says that nothing came of it.
    pub may_apply_late: bool,
    /// What the service said to the last try, if it said no.
    pub last_refusal: Option<Error>,
}

/// What a look just before a try finds.
pub(super) enum Precheck<R> {
    /// There is something to ask; what the request is made from.
    Send(R),
    /// An earlier try, whose answer was lost, has landed meanwhile.
    EarlierAttemptApplied,
    /// It is so by itself; that is written down, and nothing is asked.
    AlreadyAsDesired,
    /// There is nothing left that it could be asked of.
    NothingToChange,
}

/// A change that the service is asked for.
pub(super) trait Mutation: Sync {
    /// What a look gives the request that follows it.
    type RequestInput: Send;

    /// How often it is tried again after nothing came of it.
    const MAX_ATTEMPTS: u32;

    /// The request as it is written down.
    fn operation(&self) -> Operation;

    /// Whether it may and need be asked now: the precondition, looked at before each try.
    fn precheck(
        &self,
        attempt: &Attempt<'_>,
    ) -> impl Future<Output = Result<Precheck<Self::RequestInput>, StepFailure>> + Send;

    /// Sends it.
    fn send(
        &self,
        input: Self::RequestInput,
        intent: &Intent,
        context: &RunContext,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// The answer was lost: reads what became of it.
    fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> impl Future<Output = Result<Outcome, StepFailure>> + Send;

    /// The service said no. Without more to be known of it nothing came of the request, and that ends the asking.
    fn on_refused(
        &self,
        intent: &Intent,
        error: Error,
        attempt: &Attempt<'_>,
    ) -> impl Future<Output = Result<Outcome, StepFailure>> + Send {
        async { Err(settle_rejected(intent, error, attempt.context).await) }
    }

    /// What was asked, once it took effect; on what is new with the id that the service gave it.
    fn accepted(&self, id: Option<String>) -> RequestAccepted;

    /// It was tried often enough.
    fn attempts_exhausted(&self, attempt: &Attempt<'_>) -> StepFailure;
}

/// Asks until it took effect. Returns what was asked, if anything was; `changed` tells so after a failure, too.
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
        last_refusal: None,
    };
    let (mut refused_since, mut is_reported) = (None, false);
    for number in 0..D::MAX_ATTEMPTS {
        // Whoever wants to stop wants nothing asked again, unless what was asked has opened a passage.
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
                (&context.inputs.secrets, context.inputs.use_placeholders),
            )
            .await?;
        let (outcome, was_sent) = match precheck {
            Precheck::Send(input) => match mutation.send(input, &intent, context).await {
                Ok(outcome) => (outcome, true),
                Err(error) if is_answer_lost(&error) => {
                    (attempt.may_apply_late, attempt.last_refusal) = (true, None);
                    // Whatever a reading tells, or fails to tell: it may take effect, so there is something to take back.
                    *changed = true;
                    (mutation.read_back(&intent, error, context).await?, true)
                }
                Err(error) => {
                    attempt.last_refusal = Some(context.redact_error(error.clone()));
                    (mutation.on_refused(&intent, error, &attempt).await?, true)
                }
            },
            Precheck::EarlierAttemptApplied => (applied(), true),
            Precheck::AlreadyAsDesired | Precheck::NothingToChange => (applied(), false),
        };
        context.journal.record_outcome(&intent, outcome.clone()).await?;
        if let Outcome::Applied { id, .. } = outcome {
            *changed |= was_sent;
            return Ok(was_sent.then(|| mutation.accepted(id)));
        }
        attempt.is_retry = true;
        if let Some(refusal) = &attempt.last_refusal {
            let since = refused_since.get_or_insert_with(Instant::now);
            if !is_reported && since.elapsed() >= REPORT_REFUSALS_AFTER {
                is_reported = true;
                context.inputs.cloud.notify_still_refused(refusal, (number..D::MAX_ATTEMPTS).map(backoff).sum());
            }
        }
        sleep(backoff(number)).await;
    }
    Err(mutation.attempts_exhausted(&attempt))
}

/// It took effect on something that has its id already.
pub(super) fn applied() -> Outcome {
    Outcome::Applied { id: None, created_at: None }
}

/// A refusal that excludes an effect: settled as nothing, and the reason for stopping here.
pub(super) async fn settle_rejected(intent: &Intent, error: Error, context: &RunContext) -> StepFailure {
    let error = context.redact_error(error);
    match context.journal.record_outcome(intent, Outcome::Rejected { why: error.to_string() }).await {
        Ok(()) => StepFailure::RequestFailed(error),
        Err(ledger_failure) => ledger_failure,
    }
}

/// A reading's verdict as an outcome. Where nobody can tell the intent stays open, and `unclear` says why it ends here.
pub(super) fn outcome_from(
    verdict: IntentVerdict,
    unclear: impl FnOnce(String) -> StepFailure,
) -> Result<Outcome, StepFailure> {
    match verdict {
        IntentVerdict::Applied(outcome) => Ok(outcome),
        IntentVerdict::Rejected(why) => Ok(Outcome::Rejected { why }),
        IntentVerdict::Unclear(why) => Err(unclear(why)),
    }
}

/// Whether the request may have taken effect although no answer says so.
fn is_answer_lost(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Uncertain | ErrorKind::InvalidResponse)
}

/// Longer after each attempt, up to three seconds.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(u64::from(attempt.saturating_add(1)).saturating_mul(300).min(3_000))
}
