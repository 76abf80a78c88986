//! One change under way: looked at, written down, sent, settled, and tried again where nothing came of it.
//!
//! The promise of `state` is kept here and nowhere else. An intent is durable before its request leaves; an outcome is
//! durable before anything is built on it; and it is an outcome only on evidence: an answer that says so, or a reading.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    event::{Asked, Failure},
    walk::{Footing, Tools},
};
use crate::{
    cloud::{Error, ErrorKind},
    resource::{Intent, Operation},
    settle::IntentVerdict,
    state::Outcome,
};

/// How long the service may refuse before somebody is told.
const SILENCE: Duration = Duration::from_secs(2);

/// How far the asking has got, and what it works with.
pub(super) struct Asking<'a> {
    pub footing: &'a Footing<'a>,
    pub tools: &'a Tools,
    /// Whether this passage has changed something already, by an earlier step or an earlier try.
    pub changed: bool,
    /// Whether it was tried before.
    pub again: bool,
    /// Whether the answer to an earlier try was lost. That request may still land at any later time, so what it asked
    /// for is then our own doing, and no refusal of a later one says that nothing came of it.
    pub may_land: bool,
    /// What the service said to the last try, if it said no.
    pub refusal: Option<Error>,
}

/// What a look just before a try finds.
pub(super) enum Found<R> {
    /// There is something to ask; what the request is made from.
    ToAsk(R),
    /// An earlier try, whose answer was lost, has landed meanwhile.
    Landed,
    /// It is so by itself; that is written down, and nothing is asked.
    Already,
    /// There is nothing left that it could be asked of.
    Nothing,
}

/// A change that the service is asked for.
pub(super) trait Demand: Sync {
    /// What a look gives the request that follows it.
    type Ready: Send;

    /// How often it is tried again after nothing came of it.
    const TRIES: u32;

    /// The request as it is written down.
    fn operation(&self) -> Operation;

    /// Whether it may and need be asked now: the precondition, looked at before each try.
    fn look(&self, asking: &Asking<'_>) -> impl Future<Output = Result<Found<Self::Ready>, Failure>> + Send;

    /// Sends it.
    fn send(
        &self,
        ready: Self::Ready,
        intent: &Intent,
        tools: &Tools,
    ) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// The answer was lost: reads what became of it.
    fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        tools: &Tools,
    ) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// The service said no. Without more to be known of it nothing came of the request, and that ends the asking.
    fn refused(
        &self,
        intent: &Intent,
        error: Error,
        asking: &Asking<'_>,
    ) -> impl Future<Output = Result<Outcome, Failure>> + Send {
        async { Err(no(intent, error, asking.tools).await) }
    }

    /// What was asked, once it took effect; on what is new with the id that the service gave it.
    fn asked(&self, id: Option<String>) -> Asked;

    /// It was tried often enough.
    fn given_up(&self, asking: &Asking<'_>) -> Failure;
}

/// Asks until it took effect. Returns what was asked, if anything was; `changed` tells so after a failure, too.
pub(super) async fn ask<D: Demand>(
    demand: D,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Option<Asked>, Failure> {
    let mut asking = Asking { footing, tools, changed: *changed, again: false, may_land: false, refusal: None };
    let (mut refused_since, mut told) = (None, false);
    for attempt in 0..D::TRIES {
        // Whoever wants to stop wants nothing asked again, unless what was asked has opened a passage.
        if asking.again && tools.must_stop(&footing.after(*changed)) {
            return Err(Failure::Interrupted);
        }
        let found = demand.look(&asking).await?;
        if matches!(found, Found::Nothing) {
            return Ok(None);
        }
        let intent = tools
            .record
            .intend(footing.address, demand.operation(), (&tools.setting.secrets, tools.setting.placeholders))
            .await?;
        let (outcome, asked) = match found {
            Found::ToAsk(ready) => match demand.send(ready, &intent, tools).await {
                Ok(outcome) => (outcome, true),
                Err(error) if is_lost(&error) => {
                    (asking.may_land, asking.refusal) = (true, None);
                    // Whatever a reading tells, or fails to tell: it may take effect, so there is something to take back.
                    *changed = true;
                    (demand.read_back(&intent, error, tools).await?, true)
                }
                Err(error) => {
                    asking.refusal = Some(tools.redact(error.clone()));
                    (demand.refused(&intent, error, &asking).await?, true)
                }
            },
            Found::Landed => (done(), true),
            Found::Already | Found::Nothing => (done(), false),
        };
        tools.record.settle(&intent, outcome.clone()).await?;
        if let Outcome::Applied { id, .. } = outcome {
            *changed |= asked;
            return Ok(asked.then(|| demand.asked(id)));
        }
        asking.again = true;
        if let Some(refusal) = &asking.refusal {
            let since = refused_since.get_or_insert_with(Instant::now);
            if !told && since.elapsed() >= SILENCE {
                told = true;
                tools.setting.cloud.notify_still_refused(refusal, (attempt..D::TRIES).map(pause).sum());
            }
        }
        sleep(pause(attempt)).await;
    }
    Err(demand.given_up(&asking))
}

/// It took effect on something that has its id already.
pub(super) fn done() -> Outcome {
    Outcome::Applied { id: None, created_at: None }
}

/// A refusal that excludes an effect: settled as nothing, and the reason for stopping here.
pub(super) async fn no(intent: &Intent, error: Error, tools: &Tools) -> Failure {
    let error = tools.redact(error);
    match tools.record.settle(intent, Outcome::Rejected { why: error.to_string() }).await {
        Ok(()) => Failure::Call(error),
        Err(unkept) => unkept,
    }
}

/// A reading's verdict as an outcome. Where nobody can tell the intent stays open, and `unclear` says why it ends here.
pub(super) fn evidence(verdict: IntentVerdict, unclear: impl FnOnce(String) -> Failure) -> Result<Outcome, Failure> {
    match verdict {
        IntentVerdict::Applied(outcome) => Ok(outcome),
        IntentVerdict::Rejected(why) => Ok(Outcome::Rejected { why }),
        IntentVerdict::Unclear(why) => Err(unclear(why)),
    }
}

/// Whether the request may have taken effect although no answer says so.
fn is_lost(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Uncertain | ErrorKind::InvalidResponse)
}

/// Longer after each attempt, up to three seconds.
fn pause(attempt: u32) -> Duration {
    Duration::from_millis(u64::from(attempt.saturating_add(1)).saturating_mul(300).min(3_000))
}
