//! The wait for a statement: for the phase that the plan names, for the end of its patience, or for the signs that it
//! will not come.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    event::{Event, NotReached, NotReachedCause, StepFailure},
    statement::fetch,
    step_group::{InterruptScope, RunContext},
    watcher::Observation,
};
use crate::{
    plan::Until,
    resource::{LiveStatement, Phase, PhaseClass, WarningSeverity},
};

/// A read just after a change may show what was before it; for this long the old phase is not held against it.
const STALE_READ_GRACE: Duration = Duration::from_secs(20);
/// A pool without CFU left gets this long to find some.
const POOL_EXHAUSTED_GRACE: Duration = Duration::from_secs(30);
/// The service's word for a pool without CFU left (`scaling_status.scaling_state`, the gateway's OpenAPI document).
const POOL_EXHAUSTED: &str = "POOL_EXHAUSTED";

/// What a sight means to a wait.
enum WaitJudgment {
    Arrived,
    InProgress,
    NotReached(NotReachedCause),
}

/// What was asked before the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriorAction {
    /// To run again: a read may still show why it did not.
    Resume,
    /// Anything else.
    Other,
}

/// A wait under way.
struct PhaseWait<'a> {
    name: &'a str,
    until: Until,
    prior_action: PriorAction,
    uid: Option<String>,
    since: Instant,
    exhausted_since: Option<Instant>,
}

/// A wait that failed, with what was seen last.
type WaitFailure = (StepFailure, Option<LiveStatement>);

/// Waits up to `timeout` seconds. Returns what was seen on arrival, confirmed by a GET; `None` if it is gone.
pub(super) async fn wait_for_statement(
    name: &str,
    until: Until,
    prior_action: PriorAction,
    timeout: u64,
    scope: &InterruptScope<'_>,
    context: &RunContext,
) -> Result<Option<LiveStatement>, WaitFailure> {
    let uid = context
        .journal
        .lock_recorded()
        .statements
        .get(&scope.address.key)
        .and_then(|record| record.generation_named(name))
        .map(|g| g.uid.clone());
    let since = Instant::now();
    let mut wait = PhaseWait { name, until, prior_action, uid, since, exhausted_since: None };
    let deadline = since + Duration::from_secs(timeout);
    let mut observations = context.watcher.subscribe(name);
    let mut interrupt = context.inputs.interrupt.clone();
    let (mut last, mut can_be_interrupted): (Option<LiveStatement>, bool) = (None, true);
    loop {
        if context.must_stop(scope) {
            return Err((StepFailure::Interrupted, last));
        }
        let timed_out = tokio::select! {
            biased;
            changed = interrupt.changed(), if can_be_interrupted => {
                can_be_interrupted = changed.is_ok();
                continue;
            }
            Ok(()) = observations.changed() => false,
            () = sleep_until(deadline) => true,
        };
        let observation = observations.borrow_and_update().clone();
        let (mut live, mut confirmed) = match observation {
            Observation::Statement { live, confirmed } => (live.map(|live| *live), confirmed),
            // Nothing is concluded from what could not be read; the deadline ends it.
            Observation::NotYetRead | Observation::Unreadable if !timed_out => continue,
            Observation::NotYetRead | Observation::Unreadable => (None, false),
        };
        if timed_out {
            confirmed = false;
        }
        let mut judgment = wait.judge(live.as_ref());
        if !confirmed && (timed_out || !matches!(judgment, WaitJudgment::InProgress)) {
            // A list lags: what it tells is acted on only after a GET says the same.
            live = match fetch(name, context).await {
                Ok(fetched) => fetched.map(|fetched| fetched.live),
                Err(failure) if timed_out => return Err((failure, last)),
                // As with a list that could not be read: the deadline ends it.
                Err(_) => continue,
            };
            judgment = wait.judge(live.as_ref());
        }
        emit_if_changed(scope, context, name, last.as_ref(), live.as_ref());
        last.clone_from(&live);
        let cause = match judgment {
            WaitJudgment::Arrived => return Ok(wait.arrived_statement(live)),
            WaitJudgment::NotReached(cause) => cause,
            WaitJudgment::InProgress if timed_out => NotReachedCause::TimedOut(timeout),
            WaitJudgment::InProgress => continue,
        };
        return Err((wait.failure(cause, live.as_ref(), context).await, live));
    }
}

impl PhaseWait<'_> {
    fn judge(&mut self, live: Option<&LiveStatement>) -> WaitJudgment {
        let is_fresh = self.since.elapsed() < STALE_READ_GRACE;
        let Some(live) = live else {
            return match self.until {
                Until::Gone | Until::Inactive => WaitJudgment::Arrived,
                // A name may take a moment to be readable after it was submitted.
                _ if is_fresh => WaitJudgment::InProgress,
                _ => WaitJudgment::NotReached(NotReachedCause::Stuck),
            };
        };
        if self.uid.as_ref().is_some_and(|uid| !live.has_uid(uid)) {
            return if self.until == Until::Gone {
                WaitJudgment::Arrived
            } else {
                WaitJudgment::NotReached(NotReachedCause::Stuck)
            };
        }
        let class = live.phase.class();
        match (self.until, class) {
            // It is being resumed, by somebody else where it is to stand still.
            (Until::Stopped | Until::Inactive | Until::Stable, PhaseClass::Stopped) if !live.stopped => {
                WaitJudgment::InProgress
            }
            (Until::Running, PhaseClass::Running | PhaseClass::Completed)
            | (Until::Completed, PhaseClass::Completed)
            | (Until::Stopped, PhaseClass::Stopped)
            | (Until::Inactive, PhaseClass::Stopped | PhaseClass::Completed | PhaseClass::Failed)
            | (Until::Stable, PhaseClass::Running | PhaseClass::Stopped | PhaseClass::Completed | PhaseClass::Failed) => {
                WaitJudgment::Arrived
            }
            (Until::Running | Until::Completed, PhaseClass::Failed | PhaseClass::Stopped) => {
                self.judge_failed_or_stopped(live, is_fresh)
            }
            (Until::Stopped, PhaseClass::Failed | PhaseClass::Completed) => {
                WaitJudgment::NotReached(NotReachedCause::Stuck)
            }
            (Until::Running | Until::Completed, PhaseClass::Transitional) => self.judge_pending(live),
            _ => WaitJudgment::InProgress,
        }
    }

    /// FAILED or STOPPED while it is to run: what it was before it was resumed, or what has become of it.
    fn judge_failed_or_stopped(&self, live: &LiveStatement, is_fresh: bool) -> WaitJudgment {
        let may_be_stale = is_fresh && self.prior_action == PriorAction::Resume;
        match live.phase {
            _ if may_be_stale => WaitJudgment::InProgress,
            Phase::Failed => WaitJudgment::NotReached(NotReachedCause::Stuck),
            // Somebody stopped it meanwhile. (One that is not asked to stand still is about to start.)
            _ if live.stopped => WaitJudgment::NotReached(NotReachedCause::Stuck),
            _ => WaitJudgment::InProgress,
        }
    }

    /// PENDING, with signs that it will stay so.
    fn judge_pending(&mut self, live: &LiveStatement) -> WaitJudgment {
        if live.warnings.iter().any(|warning| warning.severity == WarningSeverity::Critical) {
            return WaitJudgment::NotReached(NotReachedCause::CriticalWarning);
        }
        if live.scaling_state.as_deref() != Some(POOL_EXHAUSTED) {
            self.exhausted_since = None;
            return WaitJudgment::InProgress;
        }
        let since = *self.exhausted_since.get_or_insert_with(Instant::now);
        if since.elapsed() < POOL_EXHAUSTED_GRACE {
            WaitJudgment::InProgress
        } else {
            WaitJudgment::NotReached(NotReachedCause::PoolExhausted)
        }
    }

    /// What there is on arrival; one of another uid is not it.
    fn arrived_statement(&self, live: Option<LiveStatement>) -> Option<LiveStatement> {
        live.filter(|live| self.until != Until::Gone && self.uid.as_ref().is_none_or(|uid| live.has_uid(uid)))
    }

    async fn failure(&self, cause: NotReachedCause, live: Option<&LiveStatement>, context: &RunContext) -> StepFailure {
        let mut detail = live.map(|live| context.redact_text(&live.detail)).unwrap_or_default();
        if cause == NotReachedCause::CriticalWarning {
            let critical = live.into_iter().flat_map(|live| &live.warnings);
            let critical = critical.filter(|warning| warning.severity == WarningSeverity::Critical);
            let messages: Vec<_> = critical.map(|warning| context.redact_text(&warning.message)).collect();
            detail = [detail, messages.join("; ")]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; ");
        }
        // They help, and their absence is no reason to say less.
        let exceptions = match live {
            Some(_) => context.inputs.cloud.list_exceptions(self.name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let redact = |mut exception: crate::cloud::StatementException| {
            exception.message = context.redact_text(&exception.message);
            exception.name = context.redact_text(&exception.name);
            exception
        };
        StepFailure::NotReached(Box::new(NotReached {
            name: self.name.to_owned(),
            until: self.until,
            cause,
            phase: live.map(|live| context.redacted_phase(live)),
            detail,
            exceptions: exceptions.into_iter().map(redact).collect(),
        }))
    }
}

fn emit_if_changed(
    scope: &InterruptScope,
    context: &RunContext,
    name: &str,
    last: Option<&LiveStatement>,
    live: Option<&LiveStatement>,
) {
    let phase_and_detail = |live: Option<&LiveStatement>| live.map(|live| (live.phase.clone(), live.detail.clone()));
    if phase_and_detail(last) != phase_and_detail(live) {
        context.emit(Event::PhaseObserved {
            address: scope.address.clone(),
            name: name.to_owned(),
            phase: live.map(|live| context.redacted_phase(live)),
            detail: live.map(|live| context.redact_text(&live.detail)).unwrap_or_default(),
        });
    }
}
