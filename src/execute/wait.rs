//! The wait for a statement: for the phase that the plan names, for the end of its patience, or for the signs that it
//! will not come.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    event::{Ended, Event, Failure, NotReached},
    statements::fetch,
    walk::{Footing, Tools},
    watch::Sight,
};
use crate::{
    plan::Until,
    resource::{LiveStatement, Phase, PhaseClass, WarningSeverity},
};

/// A read just after a change may show what was before it; for this long the old phase is not held against it.
const GRACE: Duration = Duration::from_secs(20);
/// A pool without CFU left gets this long to find some.
const EXHAUSTED: Duration = Duration::from_secs(30);
/// The service's word for a pool without CFU left (`scaling_status.scaling_state`, the gateway's OpenAPI document).
const POOL_EXHAUSTED: &str = "POOL_EXHAUSTED";

/// What a sight means to a wait.
enum Judgement {
    Arrived,
    OnTheWay,
    Ended(Ended),
}

/// What was asked before the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// To run again: a read may still show why it did not.
    Resuming,
    /// Anything else.
    Other,
}

/// A wait under way.
struct Wait<'a> {
    name: &'a str,
    until: Until,
    after: After,
    uid: Option<String>,
    since: Instant,
    exhausted_since: Option<Instant>,
}

/// A wait that failed, with what was seen last.
type Failed = (Failure, Option<LiveStatement>);

/// Waits up to `timeout` seconds. Returns what was seen on arrival, confirmed by a GET; `None` if it is gone.
pub(super) async fn statement(
    name: &str,
    until: Until,
    after: After,
    timeout: u64,
    footing: &Footing<'_>,
    tools: &Tools,
) -> Result<Option<LiveStatement>, Failed> {
    let uid = tools
        .record
        .now()
        .statements
        .get(&footing.address.key)
        .and_then(|record| record.generation_named(name))
        .map(|g| g.uid.clone());
    let since = Instant::now();
    let mut wait = Wait { name, until, after, uid, since, exhausted_since: None };
    let deadline = since + Duration::from_secs(timeout);
    let mut sights = tools.watch.on(name);
    let mut interrupt = tools.setting.interrupt.clone();
    let (mut last, mut listening): (Option<LiveStatement>, bool) = (None, true);
    loop {
        if tools.must_stop(footing) {
            return Err((Failure::Interrupted, last));
        }
        let timed_out = tokio::select! {
            biased;
            changed = interrupt.changed(), if listening => {
                listening = changed.is_ok();
                continue;
            }
            Ok(()) = sights.changed() => false,
            () = sleep_until(deadline) => true,
        };
        let sight = sights.borrow_and_update().clone();
        let (mut live, mut confirmed) = match sight {
            Sight::Statement { live, confirmed } => (live.map(|live| *live), confirmed),
            // Nothing is concluded from what could not be read; the deadline ends it.
            Sight::Nothing | Sight::Unreadable if !timed_out => continue,
            Sight::Nothing | Sight::Unreadable => (None, false),
        };
        if timed_out {
            confirmed = false;
        }
        let mut judgement = wait.judge(live.as_ref());
        if !confirmed && (timed_out || !matches!(judgement, Judgement::OnTheWay)) {
            // A list lags: what it tells is acted on only after a GET says the same.
            live = match fetch(name, tools).await {
                Ok(fetched) => fetched.map(|fetched| fetched.live),
                Err(failure) if timed_out => return Err((failure, last)),
                // As with a list that could not be read: the deadline ends it.
                Err(_) => continue,
            };
            judgement = wait.judge(live.as_ref());
        }
        tell_if_new(footing, tools, name, last.as_ref(), live.as_ref());
        last.clone_from(&live);
        let why = match judgement {
            Judgement::Arrived => return Ok(wait.arrived(live)),
            Judgement::Ended(why) => why,
            Judgement::OnTheWay if timed_out => Ended::TimedOut(timeout),
            Judgement::OnTheWay => continue,
        };
        return Err((wait.failure(why, live.as_ref(), tools).await, live));
    }
}

impl Wait<'_> {
    fn judge(&mut self, live: Option<&LiveStatement>) -> Judgement {
        let fresh = self.since.elapsed() < GRACE;
        let Some(live) = live else {
            return match self.until {
                Until::Gone | Until::Still => Judgement::Arrived,
                // A name may take a moment to be readable after it was submitted.
                _ if fresh => Judgement::OnTheWay,
                _ => Judgement::Ended(Ended::Stuck),
            };
        };
        if self.uid.as_ref().is_some_and(|uid| !live.has_uid(uid)) {
            return if self.until == Until::Gone { Judgement::Arrived } else { Judgement::Ended(Ended::Stuck) };
        }
        let class = live.phase.class();
        match (self.until, class) {
            // It is being resumed, by somebody else where it is to stand still.
            (Until::Stopped | Until::Still | Until::Settled, PhaseClass::Stopped) if !live.stopped => {
                Judgement::OnTheWay
            }
            (Until::Running, PhaseClass::Running | PhaseClass::Completed)
            | (Until::Completed, PhaseClass::Completed)
            | (Until::Stopped, PhaseClass::Stopped)
            | (Until::Still, PhaseClass::Stopped | PhaseClass::Completed | PhaseClass::Failed)
            | (
                Until::Settled,
                PhaseClass::Running | PhaseClass::Stopped | PhaseClass::Completed | PhaseClass::Failed,
            ) => Judgement::Arrived,
            (Until::Running | Until::Completed, PhaseClass::Failed | PhaseClass::Stopped) => self.fallen(live, fresh),
            (Until::Stopped, PhaseClass::Failed | PhaseClass::Completed) => Judgement::Ended(Ended::Stuck),
            (Until::Running | Until::Completed, PhaseClass::Transitional) => self.ailing(live),
            _ => Judgement::OnTheWay,
        }
    }

    /// FAILED or STOPPED while it is to run: what it was before it was resumed, or what has become of it.
    fn fallen(&self, live: &LiveStatement, fresh: bool) -> Judgement {
        let may_be_old = fresh && self.after == After::Resuming;
        match live.phase {
            _ if may_be_old => Judgement::OnTheWay,
            Phase::Failed => Judgement::Ended(Ended::Stuck),
            // Somebody stopped it meanwhile. (One that is not asked to stand still is about to start.)
            _ if live.stopped => Judgement::Ended(Ended::Stuck),
            _ => Judgement::OnTheWay,
        }
    }

    /// PENDING, with signs that it will stay so.
    fn ailing(&mut self, live: &LiveStatement) -> Judgement {
        if live.warnings.iter().any(|warning| warning.severity == WarningSeverity::Critical) {
            return Judgement::Ended(Ended::Critical);
        }
        if live.scaling_state.as_deref() != Some(POOL_EXHAUSTED) {
            self.exhausted_since = None;
            return Judgement::OnTheWay;
        }
        let since = *self.exhausted_since.get_or_insert_with(Instant::now);
        if since.elapsed() < EXHAUSTED { Judgement::OnTheWay } else { Judgement::Ended(Ended::PoolExhausted) }
    }

    /// What there is on arrival; one of another uid is not it.
    fn arrived(&self, live: Option<LiveStatement>) -> Option<LiveStatement> {
        live.filter(|live| self.until != Until::Gone && self.uid.as_ref().is_none_or(|uid| live.has_uid(uid)))
    }

    async fn failure(&self, why: Ended, live: Option<&LiveStatement>, tools: &Tools) -> Failure {
        let mut detail = live.map(|live| tools.redacted(&live.detail)).unwrap_or_default();
        if why == Ended::Critical {
            let critical = live.into_iter().flat_map(|live| &live.warnings);
            let critical = critical.filter(|warning| warning.severity == WarningSeverity::Critical);
            let messages: Vec<_> = critical.map(|warning| tools.redacted(&warning.message)).collect();
            detail = [detail, messages.join("; ")]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("; ");
        }
        // They help, and their absence is no reason to say less.
        let exceptions = match live {
            Some(_) => tools.setting.cloud.list_exceptions(self.name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let redact = |mut exception: crate::cloud::StatementException| {
            exception.message = tools.redacted(&exception.message);
            exception.name = tools.redacted(&exception.name);
            exception
        };
        Failure::NotReached(Box::new(NotReached {
            name: self.name.to_owned(),
            until: self.until,
            why,
            phase: live.map(|live| tools.phase(live)),
            detail,
            exceptions: exceptions.into_iter().map(redact).collect(),
        }))
    }
}

fn tell_if_new(
    footing: &Footing,
    tools: &Tools,
    name: &str,
    last: Option<&LiveStatement>,
    live: Option<&LiveStatement>,
) {
    let what = |live: Option<&LiveStatement>| live.map(|live| (live.phase.clone(), live.detail.clone()));
    if what(last) != what(live) {
        tools.tell(Event::Seen {
            address: footing.address.clone(),
            name: name.to_owned(),
            phase: live.map(|live| tools.phase(live)),
            detail: live.map(|live| tools.redacted(&live.detail)).unwrap_or_default(),
        });
    }
}
