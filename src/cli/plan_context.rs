//! Collects what is shown with a plan but is not part of it: the usage of pools, the service's clock, and an
//! interrupted run.

use super::CommandError;
use crate::{
    diff::{Action, Change},
    graph::Graph,
    live::Presence,
    planning::PlanningOutput,
    render::{DeclaredPlacement, InterruptedRun, PlanContext, PoolUsage, StatementRole},
    resource::{Address, PoolDeclaration, ResourceKind},
    sql,
    state::Ledger,
};

/// Returns the context that is shown with a plan.
pub(super) fn plan_context(
    graph: &Graph,
    planned: &PlanningOutput,
    interrupted: Option<InterruptedRun>,
) -> PlanContext {
    let (settled, live) = (&planned.settled, &planned.live);
    let declared = graph.project.pools.iter().filter_map(|(key, pool)| match &pool.spec {
        PoolDeclaration::Borrowed { id } => Some((key, id)),
        PoolDeclaration::Owned(_) => None,
    });
    let recorded = settled.pools.iter().map(|(key, record)| (key, &record.id));
    let usage = |(key, id): (&String, &String)| match live.pool(id) {
        Presence::Present(pool) => {
            let usage = PoolUsage { id: id.clone(), current_cfu: pool.current_cfu, max_cfu: pool.max_cfu };
            Some((key.clone(), usage))
        }
        _ => None,
    };
    let placement = |(address, change): (&Address, &Change)| {
        let spec = &graph.project.statements.get(&address.key)?.spec;
        let placement = DeclaredPlacement { pool: spec.pool.clone(), principal: spec.principal.clone() };
        matches!(change.action, Action::Create { .. }).then(|| (address.clone(), placement))
    };
    // What is removed is no longer declared, and what runs is what the record says.
    let role = |address: &Address| {
        let recorded = settled.statements.get(&address.key).map(|record| sql::analyze(&record.declared.sql.masked()));
        let analysis = recorded.as_ref().or_else(|| graph.analysis(&address.key))?;
        Some((address.clone(), StatementRole::of(analysis)))
    };
    let statements = planned.plan.changes.keys().filter(|address| address.kind == ResourceKind::Statement);
    PlanContext {
        roles: statements.filter_map(role).collect(),
        placements: planned.plan.changes.iter().filter_map(placement).collect(),
        pools: declared.chain(recorded).filter_map(usage).collect(),
        service_time: live.service_time.clone(),
        interrupted,
    }
}

/// Returns the run that was interrupted and left its journal, if there is one. A run that still holds the lock is not
/// interrupted, unless `lock_is_held_here` says that the lock is this process's own.
pub(super) async fn interrupted_run(
    ledger: &dyn Ledger,
    lock_is_held_here: bool,
) -> Result<Option<InterruptedRun>, CommandError> {
    let Some(run) = ledger.interrupted_run().await? else { return Ok(None) };
    if !lock_is_held_here && ledger.lock_holder().await?.is_some() {
        return Ok(None);
    }
    let since = run.since.parse::<jiff::Timestamp>().ok();
    let seconds_ago = since.map(|since| jiff::Timestamp::now().as_second().saturating_sub(since.as_second()));
    Ok(Some(InterruptedRun { command: run.command, seconds_ago }))
}
