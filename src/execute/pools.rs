//! What is asked about compute pools, and the wait for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    asking::{Asking, Demand, Found, ask, done, evidence},
    event::{Asked, Ended, Failure, NotReached},
    walk::{Footing, Tools},
};
use crate::{
    cloud::{Error, Listing},
    live::Live,
    plan::{Act, Plan, Step, Until},
    resource::{Address, Intent, LivePool, LiveStatement, Operation, Phase, PhaseClass, Pool, PoolPhase, PoolUpdate},
    settle::{IntentVerdict, judge_intent},
    state::Outcome,
};

/// How often a request that came to nothing is tried again.
const TRIES: u32 = 10;
/// How long the count of CFU may lag behind statements that have stopped.
const DRAINING: Duration = Duration::from_secs(120);
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
) -> Result<Option<Asked>, Failure> {
    let demand = Create { pool, before };
    if let Some(intent) = asked_before(footing, tools) {
        let outcome = created(&intent, None, tools).await?;
        tools.record.settle(&intent, outcome.clone()).await?;
        if let Outcome::Applied { id, .. } = outcome {
            *changed = true;
            return Ok(Some(demand.asked(id)));
        }
        // The user may have asked to stop while it was looked for.
        if tools.must_stop(footing) {
            return Err(Failure::Interrupted);
        }
    }
    ask(demand, footing, tools, changed).await
}

/// A pool to create. The service takes two of one name, so what was sent once is looked for until it can be ruled out.
struct Create<'a> {
    pool: &'a Pool,
    before: &'a BTreeSet<String>,
}

impl Demand for Create<'_> {
    type Ready = ();
    const TRIES: u32 = TRIES;

    fn operation(&self) -> Operation {
        Operation::CreatePool { pool: self.pool.clone(), existing_ids: self.before.clone() }
    }

    async fn look(&self, _: &Asking<'_>) -> Result<Found<()>, Failure> {
        Ok(Found::ToAsk(()))
    }

    async fn send(&self, (): (), _: &Intent, tools: &Tools) -> Result<Outcome, Error> {
        let live = tools.setting.cloud.create_pool(self.pool).await?;
        Ok(Outcome::Applied { id: Some(live.id), created_at: live.created_at })
    }

    async fn read_back(&self, intent: &Intent, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
        created(intent, Some(error), tools).await
    }

    fn asked(&self, id: Option<String>) -> Asked {
        Asked::PoolCreated(id.unwrap_or_default())
    }

    fn given_up(&self, _: &Asking<'_>) -> Failure {
        lost(&self.pool.display_name)
    }
}

/// The creation of this pool that an interrupted run left open.
fn asked_before(footing: &Footing, tools: &Tools) -> Option<Intent> {
    let recorded = tools.record.now();
    let mut open = recorded.open_intents.values().map(|open| &open.intent);
    open.find(|intent| intent.address == *footing.address && matches!(intent.operation, Operation::CreatePool { .. }))
        .cloned()
}

/// The answer was lost, with that error or with the run that asked: the one new pool with that name and spec is ours.
async fn created(intent: &Intent, error: Option<Error>, tools: &Tools) -> Result<Outcome, Failure> {
    let deadline = Instant::now() + LANDING;
    loop {
        let listed = tools.setting.cloud.list_pools().await;
        let pools = listed.map_err(|unread| Failure::Call(tools.redact(error.clone().unwrap_or(unread))))?;
        let nothing = Listing { items: BTreeMap::new(), unreadable: BTreeMap::new() };
        match judge_intent(intent, &tools.record.now(), &Live::from_lists(nothing, Some(pools))) {
            IntentVerdict::Applied(outcome) => return Ok(outcome),
            IntentVerdict::Rejected(why) if Instant::now() >= deadline => return Ok(Outcome::Rejected { why }),
            IntentVerdict::Rejected(_) => {}
            IntentVerdict::Unclear(why) => return Err(Failure::Unclear { name: intent.address.to_string(), why }),
        }
        sleep(Duration::from_secs(5)).await;
    }
}

/// Pools that are in no record and bear the name of one that `plan` created: a creation whose answer was lost has landed
/// after it was given up, or somebody made them meanwhile. A list that cannot be read tells nothing.
pub(super) async fn twins(plan: &Plan, tools: &Tools) -> Vec<(Address, String)> {
    let mut created: Vec<(&Address, &Pool, &BTreeSet<String>)> = Vec::new();
    for passage in &plan.passages {
        for step in &passage.forward {
            if let Act::CreatePool { pool, before } = &step.act {
                created.push((&passage.address, pool, before));
            }
        }
    }
    created.retain(|(address, ..)| tools.record.now().pools.contains_key(&address.key));
    if created.is_empty() {
        return Vec::new();
    }
    let Ok(pools) = tools.setting.cloud.list_pools().await else { return Vec::new() };
    let recorded = tools.record.now();
    let is_known = |id: &String| recorded.pools.values().any(|record| record.id == *id);
    let new = pools.items.into_values().filter(|live| !is_known(&live.id) && live.phase != PoolPhase::Deprovisioning);
    new.filter_map(|live| {
        let named = |pool: &Pool| pool.display_name == live.display_name && pool.region == live.region;
        let twin = created.iter().find(|(_, pool, before)| named(pool) && !before.contains(&live.id));
        twin.map(|(address, ..)| (Address::clone(address), live.id))
    })
    .collect()
}

/// A pool to change.
pub(super) struct Amend<'a> {
    pub id: &'a str,
    pub to: &'a PoolUpdate,
}

impl Demand for Amend<'_> {
    type Ready = ();
    const TRIES: u32 = TRIES;

    fn operation(&self) -> Operation {
        Operation::UpdatePool { id: self.id.to_owned(), to: self.to.clone() }
    }

    async fn look(&self, _: &Asking<'_>) -> Result<Found<()>, Failure> {
        Ok(Found::ToAsk(()))
    }

    async fn send(&self, (): (), _: &Intent, tools: &Tools) -> Result<Outcome, Error> {
        tools.setting.cloud.update_pool(self.id, self.to).await.map(|_| done())
    }

    async fn read_back(&self, intent: &Intent, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
        read_back(intent, self.id, error, tools).await
    }

    fn asked(&self, _: Option<String>) -> Asked {
        Asked::PoolAmended(self.id.to_owned())
    }

    fn given_up(&self, _: &Asking<'_>) -> Failure {
        lost(self.id)
    }
}

/// A pool to delete, if nothing runs on it.
pub(super) struct Remove<'a> {
    pub id: &'a str,
}

impl Demand for Remove<'_> {
    type Ready = ();
    const TRIES: u32 = TRIES;

    fn operation(&self) -> Operation {
        Operation::DeletePool { id: self.id.to_owned() }
    }

    async fn look(&self, asking: &Asking<'_>) -> Result<Found<()>, Failure> {
        if let Some(how) = somebody_elses(self.id, asking.tools).await? {
            return Err(Failure::Changed { name: self.id.to_owned(), how });
        }
        is_empty(self.id, asking).await?;
        Ok(Found::ToAsk(()))
    }

    async fn send(&self, (): (), _: &Intent, tools: &Tools) -> Result<Outcome, Error> {
        tools.setting.cloud.delete_pool(self.id).await.map(|()| done())
    }

    async fn read_back(&self, intent: &Intent, error: Error, tools: &Tools) -> Result<Outcome, Failure> {
        read_back(intent, self.id, error, tools).await
    }

    fn asked(&self, _: Option<String>) -> Asked {
        Asked::PoolRemoved(self.id.to_owned())
    }

    fn given_up(&self, _: &Asking<'_>) -> Failure {
        lost(self.id)
    }
}

/// A statement that runs on a pool and is in no record: deleting the pool would stop it.
async fn somebody_elses(id: &str, tools: &Tools) -> Result<Option<String>, Failure> {
    let there = running_on(id, tools).await?;
    let recorded = tools.record.now();
    let ours = recorded.statement_names();
    Ok(there
        .into_iter()
        .find(|live| !ours.contains(live.name.as_str()))
        .map(|live| format!("`{}` runs on it, which is not ours", live.name)))
}

/// A recorded statement that runs on a pool.
async fn ours_on(id: &str, tools: &Tools) -> Result<Option<String>, Failure> {
    let there = running_on(id, tools).await?;
    let recorded = tools.record.now();
    let ours = recorded.statement_names();
    Ok(there.into_iter().map(|live| live.name).find(|name| ours.contains(name.as_str())))
}

/// The visible statements that run on a pool, or are about to.
async fn running_on(id: &str, tools: &Tools) -> Result<Vec<LiveStatement>, Failure> {
    let listed =
        tools.setting.cloud.list_statements(Some(id)).await.map_err(|error| Failure::Call(tools.redact(error)))?;
    if let Some((name, why)) = listed.unreadable.into_iter().next() {
        // It is on the pool, and whether it runs nobody can tell.
        return Err(Failure::Unclear { name, why: tools.redacted(&why) });
    }
    let runs = |live: &LiveStatement| {
        matches!(live.phase.class(), PhaseClass::Running | PhaseClass::Transitional) && live.phase != Phase::Deleting
    };
    Ok(listed.items.into_values().map(|live| *live).filter(runs).collect())
}

/// Waits until a pool is empty. Those of ours that this run stopped or moved leave it, and the count of CFU lags a
/// little behind them. One of ours that stays would be stopped by the deletion; and what the pool still uses after ours
/// have gone, somebody else's statements use that this key cannot see.
async fn is_empty(id: &str, asking: &Asking<'_>) -> Result<(), Failure> {
    let tools = asking.tools;
    let deadline = Instant::now() + DRAINING;
    loop {
        let ours = ours_on(id, tools).await?;
        let found = tools.setting.cloud.fetch_pool(id).await.map_err(|error| Failure::Call(tools.redact(error)))?;
        let Some(pool) = found else { return Ok(()) };
        let how = match ours {
            None if pool.current_cfu == 0 => return Ok(()),
            None => format!("{} CFU are in use on it by something that this key cannot see", pool.current_cfu),
            Some(name) => format!("`{name}` runs on it, and deleting it would stop that job"),
        };
        if Instant::now() >= deadline {
            return Err(Failure::Changed { name: id.to_owned(), how });
        }
        if tools.must_stop(asking.footing) {
            return Err(Failure::Interrupted);
        }
        sleep(Duration::from_secs(5)).await;
    }
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
        let read = tools.setting.cloud.fetch_pool(&id).await;
        if let Err(error) = &read
            && Instant::now() >= deadline
        {
            return Err(Failure::Call(tools.redact(error.clone())));
        }
        // Nothing is concluded from what could not be read; the deadline ends it.
        let is_read = read.is_ok();
        let found = read.ok().flatten();
        let ended = match (step.until, &found) {
            _ if !is_read => None,
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
    let found = tools.setting.cloud.fetch_pool(id).await.map_err(|_| Failure::Call(tools.redact(error.clone())))?;
    let mut live = Live::default();
    live.add_pool_answer(id, Ok(found));
    let verdict = judge_intent(intent, &tools.record.now(), &live);
    evidence(verdict, |why| Failure::Unclear { name: id.to_owned(), why })
}

fn lost(name: &str) -> Failure {
    Failure::Unclear { name: name.to_owned(), why: "the service kept losing the request".to_owned() }
}
