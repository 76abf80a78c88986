//! Waits for a statement: for the phase that the plan names, until the timeout, or until there are signs that the
//! phase will not come.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    context::{InterruptScope, RunContext},
    event::{Event, NotReached, NotReachedCause, StepFailure},
    read::fetch,
    refusal::Refusal,
    watcher::Observation,
};
use crate::{
    plan::Until,
    resource::{LiveStatement, Phase, PhaseClass, WarningSeverity},
};

/// How long a read may still show the phase from before a change. Until then the old phase does not end the wait.
const STALE_READ_GRACE: Duration = Duration::from_secs(20);
/// How long a pool may have no CFU left before the wait ends.
const POOL_EXHAUSTED_GRACE: Duration = Duration::from_secs(30);

/// What an observation means to a wait.
enum WaitJudgment {
    /// The condition has been reached.
    Arrived,
    /// The condition may still be reached.
    InProgress,
    /// The condition will not be reached.
    NotReached(NotReachedCause),
}

/// What was requested before the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriorAction {
    /// A resume, after which a read may still show why the statement did not run.
    Resume,
    /// Any other request, or none.
    Other,
}

/// What to wait for, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatementCondition<'a> {
    /// The cloud name of the statement.
    pub name: &'a str,
    /// The condition to wait for.
    pub until: Until,
    /// What was requested before the wait.
    pub prior_action: PriorAction,
    /// The longest time that the wait may take, in seconds.
    pub timeout: u64,
}

/// A wait in progress for one statement.
struct PhaseWait<'a> {
    /// What the wait is for.
    condition: StatementCondition<'a>,
    /// The recorded uid, if there is one.
    uid: Option<String>,
    /// When the wait began.
    since: Instant,
    /// Since when the pool has had no CFU left.
    exhausted_since: Option<Instant>,
}

/// The failure of a wait, with the last observation.
type WaitFailure = (StepFailure, Option<LiveStatement>);

/// Waits for `condition`. Returns the statement as it reached the condition, confirmed by a GET, or `None` if
/// it is gone.
pub(super) async fn wait_for_statement(
    condition: StatementCondition<'_>,
    scope: &InterruptScope<'_>,
    context: &RunContext,
) -> Result<Option<LiveStatement>, WaitFailure> {
    let StatementCondition { name, timeout, .. } = condition;
    let uid = context
        .journal
        .lock_recorded()
        .statements
        .get(&scope.address.key)
        .and_then(|record| record.generation_named(name))
        .map(|g| g.uid.clone());
    let since = Instant::now();
    let mut wait = PhaseWait { condition, uid, since, exhausted_since: None };
    let deadline = since + Duration::from_secs(timeout);
    let mut observations = context.watcher.subscribe(name);
    let mut refusal = Refusal::default();
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
            Observation::Unreadable(Some(error)) if refusal.has_lasted(Some(&error), name, scope, context) => {
                return Err((StepFailure::RequestFailed(context.redact_error(error)), last));
            }
            // A failed read says nothing. The deadline ends the wait.
            Observation::NotYetRead | Observation::Unreadable(_) if !timed_out => continue,
            Observation::NotYetRead | Observation::Unreadable(_) => (None, false),
        };
        if !timed_out {
            refusal = Refusal::default();
        }
        if timed_out {
            confirmed = false;
        }
        let mut judgment = wait.judge(live.as_ref());
        if !confirmed && (timed_out || !matches!(judgment, WaitJudgment::InProgress)) {
            // A list lags, so what it shows is acted on only after a GET confirms it.
            live = match fetch(name, context).await {
                Ok(fetched) => fetched.map(|fetched| fetched.live),
                Err(failure) if timed_out => return Err((failure, last)),
                // As after a failed list, the deadline ends the wait.
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
    /// Judges what an observation means to this wait.
    fn judge(&mut self, live: Option<&LiveStatement>) -> WaitJudgment {
        let is_fresh = self.since.elapsed() < STALE_READ_GRACE;
        let Some(live) = live else {
            return match self.condition.until {
                Until::Gone | Until::Inactive => WaitJudgment::Arrived,
                // It may take a moment after a submission until the name can be read.
                _ if is_fresh => WaitJudgment::InProgress,
                _ => WaitJudgment::NotReached(NotReachedCause::UnexpectedPhase),
            };
        };
        if self.uid.as_ref().is_some_and(|uid| !live.has_uid(uid)) {
            return if self.condition.until == Until::Gone {
                WaitJudgment::Arrived
            } else {
                WaitJudgment::NotReached(NotReachedCause::UnexpectedPhase)
            };
        }
        let class = live.phase.class();
        match (self.condition.until, class) {
            // The statement is being resumed, outside floe if it should be stopped.
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
                WaitJudgment::NotReached(NotReachedCause::UnexpectedPhase)
            }
            (Until::Running | Until::Completed, PhaseClass::Transitional) => self.judge_pending(live),
            _ => WaitJudgment::InProgress,
        }
    }

    /// Judges a FAILED or STOPPED statement that should run: it may be its phase from before the resume, or what has
    /// become of it.
    fn judge_failed_or_stopped(&self, live: &LiveStatement, is_fresh: bool) -> WaitJudgment {
        let may_be_stale = is_fresh && self.condition.prior_action == PriorAction::Resume;
        match live.phase {
            _ if may_be_stale => WaitJudgment::InProgress,
            Phase::Failed => WaitJudgment::NotReached(NotReachedCause::UnexpectedPhase),
            // It was stopped outside floe in the meantime. (A statement that is not asked to stop is about to start.)
            _ if live.stopped => WaitJudgment::NotReached(NotReachedCause::UnexpectedPhase),
            _ => WaitJudgment::InProgress,
        }
    }

    /// Judges a PENDING statement by the signs that it will stay PENDING.
    fn judge_pending(&mut self, live: &LiveStatement) -> WaitJudgment {
        if live.warnings.iter().any(|warning| warning.severity == WarningSeverity::Critical) {
            return WaitJudgment::NotReached(NotReachedCause::CriticalWarning);
        }
        if !live.is_pool_exhausted() {
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

    /// Returns the statement that reached the condition. One with another uid does not count.
    fn arrived_statement(&self, live: Option<LiveStatement>) -> Option<LiveStatement> {
        live.filter(|live| self.condition.until != Until::Gone && self.uid.as_ref().is_none_or(|uid| live.has_uid(uid)))
    }

    /// Returns the failure of this wait, with the service's messages and the job's exceptions.
    async fn failure(&self, cause: NotReachedCause, live: Option<&LiveStatement>, context: &RunContext) -> StepFailure {
        let mut detail = live.map(|live| context.redact_foreign(&live.detail)).unwrap_or_default();
        if cause == NotReachedCause::CriticalWarning {
            let critical = live.into_iter().flat_map(|live| &live.warnings);
            let critical = critical.filter(|warning| warning.severity == WarningSeverity::Critical);
            let messages: Vec<_> = critical.map(|warning| context.redact_text(&warning.message)).collect();
            let parts = [detail.into(), messages.join("; ")].into_iter().filter(|part: &String| !part.is_empty());
            detail = parts.collect::<Vec<_>>().join("; ").into();
        }
        // Exceptions help. If they cannot be read, the rest is still reported.
        let exceptions = match live {
            Some(_) => context.inputs.cloud.list_exceptions(self.condition.name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        StepFailure::NotReached(Box::new(NotReached {
            name: self.condition.name.to_owned(),
            until: self.condition.until,
            cause,
            phase: live.map(|live| live.phase.redacted(&context.inputs.secrets)),
            detail,
            exceptions: exceptions.into_iter().map(|exception| exception.redacted(&context.inputs.secrets)).collect(),
        }))
    }
}

/// Emits an event if the phase or its message has changed.
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
            phase: live.map(|live| live.phase.redacted(&context.inputs.secrets)),
            detail: live.map(|live| context.redact_foreign(&live.detail)).unwrap_or_default(),
        });
    }
}
