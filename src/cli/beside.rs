//! What stands beside a plan and is no part of it: pools in use, the service's clock, a run that was cut short.

use super::Trouble;
use crate::{
    diff::{Action, Change},
    graph::Graph,
    live::Presence,
    planning::PlanningOutput,
    render::{Beside, Interrupted, PoolNow, Runs},
    resource::{Address, PoolDeclaration},
    state::Ledger,
};

/// What is shown beside the plan.
pub(super) fn beside(graph: &Graph, planned: &PlanningOutput, interrupted: Option<Interrupted>) -> Beside {
    let (settled, live) = (&planned.settled, &planned.live);
    let declared = graph.project.pools.iter().filter_map(|(key, pool)| match &pool.spec {
        PoolDeclaration::Borrowed { id } => Some((key, id)),
        PoolDeclaration::Owned(_) => None,
    });
    let recorded = settled.pools.iter().map(|(key, record)| (key, &record.id));
    let now = |(key, id): (&String, &String)| match live.pool(id) {
        Presence::Present(pool) => {
            let now = PoolNow { id: id.clone(), current_cfu: pool.current_cfu, max_cfu: pool.max_cfu };
            Some((key.clone(), now))
        }
        _ => None,
    };
    let created = |(address, change): (&Address, &Change)| {
        let spec = &graph.project.statements.get(&address.key)?.spec;
        let runs = Runs { pool: spec.pool.clone(), principal: spec.principal.clone() };
        matches!(change.action, Action::Create { .. }).then(|| (address.clone(), runs))
    };
    Beside {
        places: planned.plan.changes.iter().filter_map(created).collect(),
        pools: declared.chain(recorded).filter_map(now).collect(),
        service_time: live.service_time.clone(),
        interrupted,
    }
}

/// The run that left its journal open, unless it goes on.
pub(super) async fn interrupted(ledger: &dyn Ledger, held_here: bool) -> Result<Option<Interrupted>, Trouble> {
    let Some(run) = ledger.interrupted_run().await? else { return Ok(None) };
    if !held_here && ledger.lock_holder().await?.is_some() {
        return Ok(None);
    }
    let since = run.since.parse::<jiff::Timestamp>().ok();
    let seconds_ago = since.map(|since| jiff::Timestamp::now().as_second().saturating_sub(since.as_second()));
    Ok(Some(Interrupted { command: run.command, seconds_ago }))
}
