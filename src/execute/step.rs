//! Runs one step: sends its request, waits, and records. The plan says which request, which condition and which
//! facts.

use super::{
    context::{InterruptScope, RunContext},
    event::{Event, StepFailure},
    mutation::mutate,
    pool, statement,
    wait::{self, PriorAction, StatementCondition},
};
use crate::{
    plan::{PoolRef, Step, StepRequest, Until},
    resource::{Intent, LiveStatement, Operation, StatementUpdate},
    settle,
    state::{Entry, Fact, Outcome, Recorded},
};

/// Runs one step. `changed` is set if something was requested from the cloud, even after a failure.
pub(super) async fn run_step(
    step: &Step,
    scope: &InterruptScope<'_>,
    context: &RunContext,
    changed: &mut bool,
) -> Result<(), StepFailure> {
    let accepted = match &step.request {
        StepRequest::RecordOnly | StepRequest::Wait { .. } => None,
        StepRequest::VerifyUnchanged { name, seen } => {
            statement::verify_unchanged(name, seen, context).await?;
            None
        }
        StepRequest::Submit { submission, pool } => {
            // Only a job runs on, so only a job can have a copy.
            if step.until == Until::Running {
                statement::check_no_copy(submission, context).await?;
            }
            let submit =
                statement::SubmitStatement::prepare(submission, resolve_pool_id(pool.as_ref(), context)?, context)?;
            mutate(submit, scope, context, changed).await?
        }
        StepRequest::Update { name, seen, to, pool } => {
            let pool = resolve_pool_id(pool.as_ref(), context)?;
            let update = statement::UpdateStatement {
                name,
                uid: statement::recorded_uid(name, scope, context).ok_or_else(|| statement::missing_statement(name))?,
                seen: seen.as_ref(),
                to: StatementUpdate { pool, ..to.clone() },
                is_satisfied_when_inactive: matches!(step.until, Until::Inactive | Until::Stopped),
            };
            mutate(update, scope, context, changed).await?
        }
        StepRequest::Delete { name, seen, unless_in_force } => {
            let Some(uid) = statement::recorded_uid(name, scope, context) else {
                // It disappeared while an earlier step waited for it.
                return record_facts(step.facts_on_success.clone(), context).await;
            };
            let (seen, unless_in_force) = (seen.as_ref(), *unless_in_force);
            mutate(statement::DeleteStatement { name, uid, seen, unless_in_force }, scope, context, changed).await?
        }
        StepRequest::CreatePool { pool, existing_ids } => {
            mutate(pool::CreatePool { pool, existing_ids }, scope, context, changed).await?
        }
        StepRequest::UpdatePool { id, to } => mutate(pool::UpdatePool { id, to }, scope, context, changed).await?,
        StepRequest::DeletePool { id } => mutate(pool::DeletePool { id }, scope, context, changed).await?,
    };
    if let Some(request) = accepted {
        context.emit(Event::RequestAccepted { address: scope.address.clone(), request });
    }
    // An interrupt does not end the wait of the step that has just opened the step group.
    let mut facts = await_condition(step, &scope.after_change(*changed), context).await?;
    facts.extend(
        step.facts_on_success.iter().map(|fact| context.journal.with_secret_hashes(fact, &context.inputs.secrets)),
    );
    record_facts(facts, context).await
}

/// Records facts. A request that is still in flight for what is gone has no effect, so it is settled with them.
async fn record_facts(facts: Vec<Fact>, context: &RunContext) -> Result<(), StepFailure> {
    let moot: Vec<Entry> = {
        let recorded = context.journal.lock_recorded();
        let open = recorded.open_intents.values().map(|open| &open.intent);
        let moot = open.filter(|intent| facts.iter().any(|fact| is_moot_after(intent, fact)));
        let outcome = || Outcome::NotApplied { why: "what it was to change no longer exists".to_owned() };
        moot.map(|intent| Entry::IntentSettled { intent_id: intent.id.clone(), outcome: outcome() }).collect()
    };
    let facts = facts.into_iter().map(|fact| Entry::FactRecorded { fact });
    context.journal.append(moot.into_iter().chain(facts).collect()).await
}

/// Returns whether the request can have no effect once the fact holds.
fn is_moot_after(intent: &Intent, fact: &Fact) -> bool {
    match (&intent.operation, fact) {
        (
            Operation::Update { name: changed, .. } | Operation::Delete { name: changed, .. },
            Fact::GenerationGone { key, name },
        ) => intent.address.key == *key && changed == name,
        (
            Operation::Update { .. }
            | Operation::Delete { .. }
            | Operation::UpdatePool { .. }
            | Operation::DeletePool { .. },
            Fact::Deleted { address },
        ) => intent.address == *address,
        _ => false,
    }
}

/// Waits for the condition of a step, and returns the facts from what was observed.
async fn await_condition(
    step: &Step,
    scope: &InterruptScope<'_>,
    context: &RunContext,
) -> Result<Vec<Fact>, StepFailure> {
    match (step.until, step.request.statement_name()) {
        (Until::Nothing, _) => Ok(Vec::new()),
        (Until::Provisioned | Until::PoolGone, _) => {
            pool::wait_for_pool(step, scope, context).await.map(|()| Vec::new())
        }
        (_, None) => Ok(Vec::new()),
        (until, Some(name)) => {
            let is_resuming = matches!(&step.request, StepRequest::Update { to, .. } if !to.stopped);
            let prior_action = if is_resuming { PriorAction::Resume } else { PriorAction::Other };
            let condition = StatementCondition { name, until, prior_action, timeout: step.timeout };
            let result = wait::wait_for_statement(condition, scope, context).await;
            let facts = |live| facts_from_observation(&scope.address.key, name, live, &context.journal.lock_recorded());
            match result {
                Ok(live) => Ok(facts(live.as_ref())),
                Err((failure, live)) => {
                    // How far it got decides about the rollback, so it is recorded first.
                    if let Some(live) = live {
                        context.journal.record_facts(facts(Some(&live))).await?;
                    }
                    Err(failure)
                }
            }
        }
    }
}

/// Returns the facts from an observation of a generation, or none if the generation is not recorded.
fn facts_from_observation(key: &str, name: &str, live: Option<&LiveStatement>, recorded: &Recorded) -> Vec<Fact> {
    let Some(generation) = recorded.statements.get(key).and_then(|record| record.generation_named(name)) else {
        return Vec::new();
    };
    match live {
        Some(live) => settle::generation_facts(key, generation, live),
        None => vec![Fact::GenerationGone { key: key.to_owned(), name: name.to_owned() }],
    }
}

/// Returns the id of a pool, which an earlier step group of this plan may have created.
fn resolve_pool_id(pool: Option<&PoolRef>, context: &RunContext) -> Result<Option<String>, StepFailure> {
    match pool {
        None => Ok(None),
        Some(PoolRef::Id(id)) => Ok(Some(id.clone())),
        Some(PoolRef::Created(key)) => match context.journal.lock_recorded().pools.get(key) {
            Some(record) => Ok(Some(record.id.clone())),
            None => Err(StepFailure::Incoherent(format!("pools.{key} has no recorded id yet"))),
        },
    }
}
