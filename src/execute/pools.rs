//! What is asked about compute pools, and the wait for them.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    event::{Asked, Ended, Failure, NotReached},
    statements::{pause, redact, refused},
    walk::{Footing, Tools},
};
use crate::{
    cloud::{Error, ErrorKind},
    live::Live,
    plan::{Step, Until},
    resource::{Intent, LivePool, LiveStatement, Operation, Phase, PhaseClass, Pool, PoolAmendment, PoolPhase},
    settle::{Verdict, verdict},
    state::Outcome,
};

/// How often a request that came to nothing is tried again.
const TRIES: u32 = 10;
/// How long a creation whose answer was lost is looked for. Pools have no name that would keep a second one from being
/// made, so this is longer than for statements.
const LANDING: Duration = Duration::from_secs(60);

/// Creates a pool. One that an interrupted run asked for may still be on its way: it is looked for first.
pub(super) async fn create(
    pool: &Pool,
    before: &BTreeSet<String>,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Asked, Failure> {
    if let Some(intent) = asked_before(footing, tools) {
        let outcome = created(&intent, None, tools).await?;
        let id = if let Outcome::Applied { id, .. } = &outcome { id.clone() } else { None };
        tools.record.settle(&intent, outcome).await?;
        if let Some(id) = id {
            *changed = true;
            return Ok(Asked::PoolCreated(id));
        }
    }
    for attempt in 0..TRIES {
        let operation = Operation::CreatePool { pool: pool.clone(), before: before.clone() };
        let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
        let outcome = match tools.setting.cloud.create_pool(pool).await {
            Ok(live) => Outcome::Applied { id: Some(live.id), created_at: live.created_at },
            Err(error) if is_lost(&error) => created(&intent, Some(error), tools).await?,
            Err(error) => return Err(refused(&intent, error, tools).await?),
        };
        let id = if let Outcome::Applied { id, .. } = &outcome { id.clone() } else { None };
        tools.record.settle(&intent, outcome).await?;
        if let Some(id) = id {
            *changed = true;
            return Ok(Asked::PoolCreated(id));
        }
        pause(attempt).await;
    }
    Err(lost(&pool.display_name))
}

/// The creation of this pool that an interrupted run left open.
fn asked_before(footing: &Footing, tools: &Tools) -> Option<Intent> {
    let recorded = tools.record.now();
    let mut open = recorded.open.values().map(|open| &open.intent);
    open.find(|intent| intent.address == *footing.address && matches!(intent.operation, Operation::CreatePool { .. }))
        .cloned()
}

/// The answer was lost, with that error or with the run that asked: the one new pool with that name and spec is ours.
async fn created(intent: &Intent, error: Option<Error>, tools: &Tools) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + LANDING;
    loop {
        let listed = tools.setting.cloud.pools().await;
        let pools = listed.map_err(|unread| Failure::Call(redact(tools, error.clone().unwrap_or(unread))))?;
        match verdict(intent, &tools.record.now(), &Live::of([], Some(pools))) {
            Verdict::Applied(outcome) => return Ok(outcome),
            Verdict::Rejected(why) if Instant::now() >= deadline => return Ok(Outcome::Rejected { why }),
            Verdict::Rejected(_) => {}
            Verdict::Unclear(why) => return Err(Failure::Unclear { name: intent.address.to_string(), why }),
        }
        sleep(Duration::from_secs(5)).await;
    }
}

/// Changes a pool.
pub(super) async fn amend(
    id: &str,
    to: &PoolAmendment,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Asked, Failure> {
    for attempt in 0..TRIES {
        let operation = Operation::AmendPool { id: id.to_owned(), to: to.clone() };
        let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
        let outcome = match tools.setting.cloud.amend_pool(id, to).await {
            Ok(_) => Outcome::Applied { id: None, created_at: None },
            Err(error) if is_lost(&error) => read_back(&intent, id, error, tools).await?,
            Err(error) => return Err(refused(&intent, error, tools).await?),
        };
        let applied = matches!(outcome, Outcome::Applied { .. });
        tools.record.settle(&intent, outcome).await?;
        if applied {
            *changed = true;
            return Ok(Asked::PoolAmended(id.to_owned()));
        }
        pause(attempt).await;
    }
    Err(lost(id))
}

/// Deletes a pool.
pub(super) async fn remove(
    id: &str,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<Asked, Failure> {
    for attempt in 0..TRIES {
        if let Some(other) = somebody_elses(id, tools).await? {
            return Err(Failure::Changed {
                name: id.to_owned(),
                how: format!("`{other}` runs on it, which is not ours"),
            });
        }
        let operation = Operation::RemovePool { id: id.to_owned() };
        let intent = tools.record.intend(footing.address, operation, &tools.setting.secrets).await?;
        let outcome = match tools.setting.cloud.remove_pool(id).await {
            Ok(()) => Outcome::Applied { id: None, created_at: None },
            Err(error) if is_lost(&error) => read_back(&intent, id, error, tools).await?,
            Err(error) => return Err(refused(&intent, error, tools).await?),
        };
        let applied = matches!(outcome, Outcome::Applied { .. });
        tools.record.settle(&intent, outcome).await?;
        if applied {
            *changed = true;
            return Ok(Asked::PoolRemoved(id.to_owned()));
        }
        pause(attempt).await;
    }
    Err(lost(id))
}

/// A statement that runs on a pool and is in no record: deleting the pool would stop it.
async fn somebody_elses(id: &str, tools: &Tools) -> Result<Option<String>, Failure> {
    let there = tools.setting.cloud.statements(Some(id)).await.map_err(|error| Failure::Call(redact(tools, error)))?;
    let recorded = tools.record.now();
    let ours = recorded.statement_names();
    let runs = |live: &LiveStatement| matches!(live.phase.class(), PhaseClass::Running | PhaseClass::Moving);
    let deleting = |live: &LiveStatement| live.phase == Phase::Deleting;
    Ok(there
        .into_iter()
        .find(|live| runs(live) && !deleting(live) && !ours.contains(live.name.as_str()))
        .map(|live| live.name))
}

/// Waits for a pool to be provisioned or gone. Pools are few and slow, so each is read by itself.
pub(super) async fn wait(step: &Step, footing: &Footing<'_>, tools: &Tools) -> Result<(), Failure> {
    let recorded = tools.record.now().pools.get(&footing.address.key).map(|record| record.id.clone());
    let Some(id) = recorded else {
        return Err(Failure::Incoherent(format!("{} has no id yet", footing.address)));
    };
    let deadline = Instant::now() + Duration::from_secs(step.timeout);
    let mut interrupt = tools.setting.interrupt.clone();
    loop {
        let found = tools.setting.cloud.pool(&id).await.map_err(|error| Failure::Call(redact(tools, error)))?;
        let ended = match (step.until, &found) {
            (Until::PoolGone, None) => return Ok(()),
            (_, Some(pool)) if step.until == Until::Provisioned && pool.phase == PoolPhase::Provisioned => {
                return Ok(());
            }
            (Until::Provisioned, Some(pool)) if pool.phase == PoolPhase::Failed => Some(Ended::Stuck),
            (Until::Provisioned, None) => Some(Ended::Stuck),
            _ if Instant::now() >= deadline => Some(Ended::TimedOut(step.timeout)),
            _ => None,
        };
        if let Some(why) = ended {
            return Err(not_reached(id, step.until, why, found));
        }
        if tools.must_stop(footing) {
            return Err(Failure::Interrupted);
        }
        tokio::select! {
            biased;
            Ok(()) = interrupt.changed() => {}
            () = sleep(Duration::from_secs(3)) => {}
        }
    }
}

fn not_reached(id: String, until: Until, why: Ended, found: Option<LivePool>) -> Failure {
    let phase = found.map(|pool| Phase::from(pool.phase.as_str().to_owned()));
    let not = NotReached { name: id, until, why, phase, detail: String::new(), exceptions: Vec::new() };
    Failure::NotReached(Box::new(not))
}

async fn read_back(intent: &Intent, id: &str, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
    let found = tools.setting.cloud.pool(id).await.map_err(|_| Failure::Call(redact(tools, error.clone())))?;
    let mut live = Live::default();
    live.learn_pool(id, Ok(found));
    match verdict(intent, &tools.record.now(), &live) {
        Verdict::Applied(outcome) => Ok(outcome),
        Verdict::Rejected(why) => Ok(Outcome::Rejected { why }),
        Verdict::Unclear(why) => Err(Failure::Unclear { name: id.to_owned(), why }),
    }
}

fn is_lost(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Uncertain | ErrorKind::Garbled)
}

fn lost(name: &str) -> Failure {
    Failure::Unclear { name: name.to_owned(), why: "the service kept losing the request".to_owned() }
}
