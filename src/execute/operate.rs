//! One step: ask, wait, record. Which request a step is, what it waits for, and what is then recorded are the plan's.

use super::{
    asking::ask,
    event::{Event, Failure},
    pools, statements,
    wait::{self, After},
    walk::{Footing, Tools},
};
use crate::{
    plan::{Act, PoolRef, Step, Until},
    resource::{LiveStatement, StatementUpdate},
    settle,
    state::{Fact, Recorded},
};

/// Carries out one step. `changed` tells, also after a failure, whether something was asked of the cloud.
pub(super) async fn operate(
    step: &Step,
    footing: &Footing<'_>,
    tools: &Tools,
    changed: &mut bool,
) -> Result<(), Failure> {
    let asked = match &step.act {
        Act::Record | Act::Wait { .. } => None,
        Act::Look { name, seen } => {
            statements::look(name, seen, tools).await?;
            None
        }
        Act::Submit { submission, pool } => {
            let submit = statements::Submit::of(submission, resolve(pool.as_ref(), tools)?, tools)?;
            ask(submit, footing, tools, changed).await?
        }
        Act::Amend { name, seen, to, pool } => {
            let pool = resolve(pool.as_ref(), tools)?;
            let amend = statements::Amend {
                name,
                uid: statements::recorded_uid(name, footing, tools).ok_or_else(|| statements::went(name))?,
                seen: seen.as_ref(),
                to: StatementUpdate { pool, ..to.clone() },
                to_stand_still: matches!(step.until, Until::Still | Until::Stopped),
            };
            ask(amend, footing, tools, changed).await?
        }
        Act::Remove { name, seen, unless_in_force } => {
            let Some(uid) = statements::recorded_uid(name, footing, tools) else {
                // It went while an earlier step waited for it.
                return tools.record.learn(step.then.iter().cloned()).await;
            };
            let (seen, unless_in_force) = (seen.as_ref(), *unless_in_force);
            ask(statements::Remove { name, uid, seen, unless_in_force }, footing, tools, changed).await?
        }
        Act::CreatePool { pool, before } => pools::create(pool, before, footing, tools, changed).await?,
        Act::AmendPool { id, to } => ask(pools::Amend { id, to }, footing, tools, changed).await?,
        Act::RemovePool { id } => ask(pools::Remove { id }, footing, tools, changed).await?,
    };
    if let Some(what) = asked {
        tools.tell(Event::Asked { address: footing.address.clone(), what });
    }
    // A passage that this very step opened is not left by its wait.
    let mut facts = arrive(step, &footing.after(*changed), tools).await?;
    facts.extend(step.then.iter().map(|fact| tools.record.hashed(fact, &tools.setting.secrets)));
    tools.record.learn(facts).await
}

/// Waits for what the step waits for, and says what was seen there.
async fn arrive(step: &Step, footing: &Footing<'_>, tools: &Tools) -> Result<Vec<Fact>, Failure> {
    match (step.until, step.act.statement()) {
        (Until::Nothing, _) => Ok(Vec::new()),
        (Until::Provisioned | Until::PoolGone, _) => pools::wait(step, footing, tools).await.map(|()| Vec::new()),
        (_, None) => Ok(Vec::new()),
        (until, Some(name)) => {
            let resuming = matches!(&step.act, Act::Amend { to, .. } if !to.stopped);
            let after = if resuming { After::Resuming } else { After::Other };
            let result = wait::statement(name, until, after, step.timeout, footing, tools).await;
            let told = |live| observed(&footing.address.key, name, live, &tools.record.now());
            match result {
                Ok(live) => Ok(told(live.as_ref())),
                Err((failure, live)) => {
                    // How far it got decides about the way back, so it is recorded first.
                    if let Some(live) = live {
                        tools.record.learn(told(Some(&live))).await?;
                    }
                    Err(failure)
                }
            }
        }
    }
}

/// What a look at a generation tells its record; nothing where there is none of it.
fn observed(key: &str, name: &str, live: Option<&LiveStatement>, recorded: &Recorded) -> Vec<Fact> {
    let Some(generation) = recorded.statements.get(key).and_then(|record| record.generation_named(name)) else {
        return Vec::new();
    };
    match live {
        Some(live) => settle::generation_facts(key, generation, live),
        None => vec![Fact::GenerationGone { key: key.to_owned(), name: name.to_owned() }],
    }
}

/// The id of a pool, which an earlier passage of this plan may have created.
fn resolve(pool: Option<&PoolRef>, tools: &Tools) -> Result<Option<String>, Failure> {
    match pool {
        None => Ok(None),
        Some(PoolRef::Id(id)) => Ok(Some(id.clone())),
        Some(PoolRef::Created(key)) => match tools.record.now().pools.get(key) {
            Some(record) => Ok(Some(record.id.clone())),
            None => Err(Failure::Incoherent(format!("pools.{key} has no id yet"))),
        },
    }
}
