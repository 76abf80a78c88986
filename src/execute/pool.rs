//! Sends requests for compute pools, and waits for them.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    context::{Interrupt, InterruptScope, RunContext},
    event::{NotReached, NotReachedCause, RequestAccepted, StepFailure},
    mutation::{Attempt, Mutation, Precheck, applied, outcome_from},
    read::read_verdict,
    refusal::Refusal,
};
use crate::{
    cloud::Error,
    plan::{Plan, Step, StepRequest, Until},
    resource::{
        Address, IN_FLIGHT, Intent, LivePool, LiveStatement, Operation, Phase, PhaseClass, Pool, PoolPhase, PoolUpdate,
    },
    settle::IntentVerdict,
    state::Outcome,
};

/// The maximum number of attempts for a request that has no effect.
const MAX_POOL_ATTEMPTS: u32 = 10;
/// How long the CFU count may lag behind statements that have stopped.
const CFU_DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// The creation of a pool. The service accepts two pools of one name, so a pool that was requested once is looked for
/// until it can be ruled out.
pub(super) struct CreatePool<'a> {
    /// The pool to create.
    pub pool: &'a Pool,
    /// The ids of the pools that had its name when the plan was made.
    pub existing_ids: &'a BTreeSet<String>,
}

impl Mutation for CreatePool<'_> {
    type RequestInput = ();
    const MAX_ATTEMPTS: u32 = MAX_POOL_ATTEMPTS;

    fn operation(&self) -> Operation {
        Operation::CreatePool { pool: self.pool.clone(), existing_ids: self.existing_ids.clone() }
    }

    async fn precheck(&self, _: &Attempt<'_>) -> Result<Precheck<()>, StepFailure> {
        Ok(Precheck::Send(()))
    }

    async fn send(&self, (): (), _: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        let live = context.inputs.cloud.create_pool(self.pool).await?;
        Ok(Outcome::Applied { id: Some(live.id), created_at: live.created_at })
    }

    async fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> Result<Option<Outcome>, StepFailure> {
        resolve_lost_creation(intent, error, context).await.map(Some)
    }

    fn accepted(&self, id: Option<String>) -> RequestAccepted {
        RequestAccepted::PoolCreated(id.unwrap_or_default())
    }

    fn attempts_exhausted(&self, _: &Attempt<'_>) -> StepFailure {
        lost_too_often(&self.pool.display_name)
    }
}

/// Returns the outcome of a creation whose response was lost with `error`. The one new pool with that name and spec is
/// ours. No unique name would prevent a second one, so it is looked for until the request can no longer take effect.
async fn resolve_lost_creation(intent: &Intent, error: Error, context: &RunContext) -> Result<Outcome, StepFailure> {
    let deadline = Instant::now() + IN_FLIGHT;
    loop {
        let is_over = Instant::now() >= deadline;
        let read = read_verdict(intent, context).await;
        match read.map_err(|_| StepFailure::RequestFailed(context.redact_error(error.clone())))? {
            IntentVerdict::Applied(outcome) => return Ok(outcome),
            IntentVerdict::NotApplied(why) | IntentVerdict::NotSeen(why) if is_over => {
                return Ok(Outcome::NotApplied { why });
            }
            IntentVerdict::NotApplied(_) | IntentVerdict::NotSeen(_) => {}
            IntentVerdict::Unclear(why) => return Err(StepFailure::Unclear { name: intent.address.to_string(), why }),
        }
        if context.interrupt() == Interrupt::Abort {
            return Err(StepFailure::Interrupted);
        }
        sleep(Duration::from_secs(5)).await;
    }
}

/// Returns the unrecorded pools with the name of a pool that `plan` created.
///
/// Such a pool comes from a creation that lost its response and took effect after it was given up, or it was created
/// outside floe in the meantime. If the list cannot be read, nothing is returned.
pub(super) async fn duplicate_pools(plan: &Plan, context: &RunContext) -> Vec<(Address, String)> {
    let mut created: Vec<(&Address, &Pool, &BTreeSet<String>)> = Vec::new();
    for group in &plan.groups {
        for step in &group.forward {
            if let StepRequest::CreatePool { pool, existing_ids } = &step.request {
                created.push((&group.address, pool, existing_ids));
            }
        }
    }
    created.retain(|(address, ..)| context.journal.lock_recorded().pools.contains_key(&address.key));
    if created.is_empty() {
        return Vec::new();
    }
    let Ok(pools) = context.inputs.cloud.list_pools().await else { return Vec::new() };
    let recorded = context.journal.lock_recorded();
    let is_known = |id: &String| recorded.pools.values().any(|record| record.id == *id);
    let new = pools.items.into_values().filter(|live| !is_known(&live.id) && live.phase != PoolPhase::Deprovisioning);
    new.filter_map(|live| {
        let looks_alike = |pool: &Pool| pool.display_name == live.display_name && pool.region == live.region;
        let creation = created.iter().find(|(_, pool, before)| looks_alike(pool) && !before.contains(&live.id));
        creation.map(|(address, ..)| (Address::clone(address), live.id))
    })
    .collect()
}

/// The update of a pool.
pub(super) struct UpdatePool<'a> {
    /// The id of the pool.
    pub id: &'a str,
    /// The fields to change.
    pub to: &'a PoolUpdate,
}

impl Mutation for UpdatePool<'_> {
    type RequestInput = ();
    const MAX_ATTEMPTS: u32 = MAX_POOL_ATTEMPTS;

    fn operation(&self) -> Operation {
        Operation::UpdatePool { id: self.id.to_owned(), to: self.to.clone() }
    }

    async fn precheck(&self, _: &Attempt<'_>) -> Result<Precheck<()>, StepFailure> {
        Ok(Precheck::Send(()))
    }

    async fn send(&self, (): (), _: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        context.inputs.cloud.update_pool(self.id, self.to).await.map(|_| applied())
    }

    async fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> Result<Option<Outcome>, StepFailure> {
        read_back_pool(intent, self.id, error, context).await
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        RequestAccepted::PoolUpdated(self.id.to_owned())
    }

    fn attempts_exhausted(&self, _: &Attempt<'_>) -> StepFailure {
        lost_too_often(self.id)
    }
}

/// The deletion of a pool, if nothing runs on it.
pub(super) struct DeletePool<'a> {
    /// The id of the pool.
    pub id: &'a str,
}

impl Mutation for DeletePool<'_> {
    type RequestInput = ();
    const MAX_ATTEMPTS: u32 = MAX_POOL_ATTEMPTS;

    fn operation(&self) -> Operation {
        Operation::DeletePool { id: self.id.to_owned() }
    }

    async fn precheck(&self, attempt: &Attempt<'_>) -> Result<Precheck<()>, StepFailure> {
        if let Some(how) = foreign_statement_on(self.id, attempt.context).await? {
            return Err(StepFailure::ChangedSincePlan { name: self.id.to_owned(), how });
        }
        wait_until_empty(self.id, attempt).await?;
        Ok(Precheck::Send(()))
    }

    async fn send(&self, (): (), _: &Intent, context: &RunContext) -> Result<Outcome, Error> {
        context.inputs.cloud.delete_pool(self.id).await.map(|()| applied())
    }

    async fn read_back(
        &self,
        intent: &Intent,
        error: Error,
        context: &RunContext,
    ) -> Result<Option<Outcome>, StepFailure> {
        read_back_pool(intent, self.id, error, context).await
    }

    fn accepted(&self, _: Option<String>) -> RequestAccepted {
        RequestAccepted::PoolDeleted(self.id.to_owned())
    }

    fn attempts_exhausted(&self, _: &Attempt<'_>) -> StepFailure {
        lost_too_often(self.id)
    }
}

/// Describes an unrecorded statement that runs on a pool, if there is one. Deleting the pool would stop it.
async fn foreign_statement_on(id: &str, context: &RunContext) -> Result<Option<String>, StepFailure> {
    let running = statements_running_on(id, context).await?;
    let recorded = context.journal.lock_recorded();
    let ours = recorded.statement_names();
    Ok(running
        .into_iter()
        .find(|live| !ours.contains(live.name.as_str()))
        .map(|live| format!("`{}` runs on it and is not managed by this project", live.name)))
}

/// Returns the name of a recorded statement that runs on a pool.
async fn own_statement_on(id: &str, context: &RunContext) -> Result<Option<String>, StepFailure> {
    let running = statements_running_on(id, context).await?;
    let recorded = context.journal.lock_recorded();
    let ours = recorded.statement_names();
    Ok(running.into_iter().map(|live| live.name).find(|name| ours.contains(name.as_str())))
}

/// Returns the visible statements that run on a pool, or are about to.
async fn statements_running_on(id: &str, context: &RunContext) -> Result<Vec<LiveStatement>, StepFailure> {
    let listed = context
        .inputs
        .cloud
        .list_statements(Some(id))
        .await
        .map_err(|error| StepFailure::RequestFailed(context.redact_error(error)))?;
    if let Some((name, why)) = listed.unreadable.into_iter().next() {
        // It is on the pool, and it is not known whether it runs.
        return Err(StepFailure::Unclear { name, why: context.redact_text(&why) });
    }
    let is_running = |live: &LiveStatement| {
        matches!(live.phase.class(), PhaseClass::Running | PhaseClass::Transitional) && live.phase != Phase::Deleting
    };
    Ok(listed.items.into_values().map(|live| *live).filter(is_running).collect())
}

/// Waits until a pool is empty.
///
/// Our statements that this run stopped or moved leave the pool, and the CFU count lags a little behind them. If one of
/// them stayed, the deletion would stop it. CFU that are still in use after they have left belong to statements that
/// this key cannot see.
async fn wait_until_empty(id: &str, attempt: &Attempt<'_>) -> Result<(), StepFailure> {
    let context = attempt.context;
    let deadline = Instant::now() + CFU_DRAIN_TIMEOUT;
    loop {
        let ours = own_statement_on(id, context).await?;
        let found = context
            .inputs
            .cloud
            .fetch_pool(id)
            .await
            .map_err(|error| StepFailure::RequestFailed(context.redact_error(error)))?;
        let Some(pool) = found else { return Ok(()) };
        let how = match ours {
            None if pool.current_cfu == 0 => return Ok(()),
            None => format!("{} CFU are in use on it by statements that this API key cannot see", pool.current_cfu),
            Some(name) => format!("`{name}` runs on it and would be stopped by the deletion"),
        };
        if Instant::now() >= deadline {
            return Err(StepFailure::ChangedSincePlan { name: id.to_owned(), how });
        }
        if context.must_stop(attempt.scope) {
            return Err(StepFailure::Interrupted);
        }
        sleep(Duration::from_secs(5)).await;
    }
}

/// Waits until a pool is provisioned or gone. Pools are few and slow, so each is read on its own.
pub(super) async fn wait_for_pool(
    step: &Step,
    scope: &InterruptScope<'_>,
    context: &RunContext,
) -> Result<(), StepFailure> {
    let recorded = context.journal.lock_recorded().pools.get(&scope.address.key).map(|record| record.id.clone());
    let Some(id) = recorded else {
        return Err(StepFailure::Incoherent(format!("{} has no recorded id yet", scope.address)));
    };
    let deadline = Instant::now() + Duration::from_secs(step.timeout);
    let mut interrupt = context.inputs.interrupt.clone();
    let mut refusal = Refusal::default();
    loop {
        let read = context.inputs.cloud.fetch_pool(&id).await;
        let is_refused = refusal.has_lasted(read.as_ref().err(), &id, scope, context);
        if let Err(error) = &read
            && (is_refused || Instant::now() >= deadline)
        {
            return Err(StepFailure::RequestFailed(context.redact_error(error.clone())));
        }
        // A failed read says nothing. The deadline ends the wait.
        let is_read = read.is_ok();
        let found = read.ok().flatten();
        let cause = match (step.until, &found) {
            _ if !is_read => None,
            (Until::PoolGone, None) => return Ok(()),
            (_, Some(pool)) if step.until == Until::Provisioned && pool.phase == PoolPhase::Provisioned => {
                return Ok(());
            }
            (Until::Provisioned, Some(pool)) if pool.phase == PoolPhase::Failed => {
                Some(NotReachedCause::UnexpectedPhase)
            }
            (Until::Provisioned, None) => Some(NotReachedCause::UnexpectedPhase),
            _ if Instant::now() >= deadline => Some(NotReachedCause::TimedOut(step.timeout)),
            _ => None,
        };
        if let Some(cause) = cause {
            return Err(pool_not_reached(id, step.until, cause, found));
        }
        if context.must_stop(scope) {
            return Err(StepFailure::Interrupted);
        }
        tokio::select! {
            biased;
            Ok(()) = interrupt.changed() => {}
            () = sleep(Duration::from_secs(3)) => {}
        }
    }
}

/// Returns the failure of a wait for a pool.
fn pool_not_reached(id: String, until: Until, cause: NotReachedCause, found: Option<LivePool>) -> StepFailure {
    let phase = found.map(|pool| Phase::from(pool.phase.as_str().to_owned()));
    let not_reached = NotReached { name: id, until, cause, phase, detail: Default::default(), exceptions: Vec::new() };
    StepFailure::NotReached(Box::new(not_reached))
}

/// Returns the outcome of a request whose response was lost, from a read of the pool.
async fn read_back_pool(
    intent: &Intent,
    id: &str,
    error: Error,
    context: &RunContext,
) -> Result<Option<Outcome>, StepFailure> {
    let read = read_verdict(intent, context).await;
    let verdict = read.map_err(|_| StepFailure::RequestFailed(context.redact_error(error)))?;
    outcome_from(verdict, |cause| StepFailure::Unclear { name: id.to_owned(), why: cause })
}

/// Returns the failure of a request whose responses were lost.
fn lost_too_often(name: &str) -> StepFailure {
    StepFailure::Unclear {
        name: name.to_owned(),
        why: "no response was received, and the request may still take effect".to_owned(),
    }
}
