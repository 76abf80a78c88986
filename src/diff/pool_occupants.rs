//! Blocks deleting a pool while statements managed by floe still run on it, since the service would stop them.

use std::collections::BTreeMap;

use super::{
    action::{Action, Block, Change, Reason},
    fields::DesiredPool,
    inputs::Inputs,
};
use crate::{
    live::{Live, Presence},
    resource::{Address, LiveStatement, Phase, ResourceKind},
    state::{GenerationRecord, StatementRecord},
};

/// Blocks the deletion of each pool that still has one of our statements on it after this plan.
pub(super) fn block_deletions_of_occupied_pools(
    inputs: Inputs,
    pools: &BTreeMap<String, DesiredPool>,
    changes: &mut BTreeMap<Address, Change>,
) {
    let Inputs { desired, recorded, live, .. } = inputs;
    let is_deleted = |(address, change): &(&Address, &Change)| {
        address.kind == ResourceKind::Pool && matches!(change.action, Action::Delete { .. })
    };
    let mut blocked: Vec<(Address, Vec<Address>)> = Vec::new();
    for (address, _) in changes.iter().filter(is_deleted) {
        let Some(pool) = recorded.pools.get(&address.key) else { continue };
        let stays = |key: &str, record: &StatementRecord| {
            let change = changes.get(&Address::statement(key)).map(|change| &change.action);
            let desired_pool = desired.graph.project.statements.get(key);
            let desired_pool =
                desired_pool.and_then(|declared| declared.spec.pool.as_ref()).and_then(|key| pools.get(key));
            stays_on_pool(&pool.id, record, change, desired_pool, live)
        };
        let statements = recorded.statements.iter().filter(|(key, record)| stays(key, record));
        let statements = statements.map(|(key, _)| Address::statement(key)).collect();
        blocked.push((address.clone(), statements));
    }
    for (address, mut statements) in blocked.into_iter().filter(|(_, statements)| !statements.is_empty()) {
        statements.sort();
        if let Some(change) = changes.get_mut(&address) {
            let why: Vec<Reason> = std::mem::take(&mut change.reasons);
            *change = Change::new(Action::Blocked { by: vec![Block::PoolHasStatements { statements }] }, why);
        }
    }
}

/// Returns whether a statement runs on the pool `id`, or is resumed there, after `change`.
///
/// A statement without a pool in the manifest stays where it is.
fn stays_on_pool(
    id: &str,
    record: &StatementRecord,
    change: Option<&Action>,
    desired_pool: Option<&DesiredPool>,
    live: &Live,
) -> bool {
    let is_on = |generation: &GenerationRecord, runs: bool| match live.statement(&generation.sent.name) {
        Presence::Present(found) => {
            found.has_uid(&generation.uid) && found.pool.as_deref() == Some(id) && (!runs || may_keep_running(found))
        }
        // It may run on the pool that it was sent to.
        Presence::Unknown(_) => generation.sent.pool.as_deref() == Some(id),
        Presence::Absent | Presence::Unlisted => false,
    };
    let is_desired_on_pool = matches!(desired_pool, Some(DesiredPool::Id(wanted)) if wanted == id);
    match change {
        Some(Action::Delete { .. } | Action::Stop) => false,
        Some(Action::Create { .. } | Action::Replace { .. }) => is_desired_on_pool,
        Some(Action::Restart { .. } | Action::Resume { .. }) => {
            let moves = desired_pool.is_some() && !is_desired_on_pool;
            !moves && record.current.iter().any(|current| is_on(current, false))
        }
        // One of the two generations runs in the end, on the pool that it is on now.
        Some(Action::FinishReplacement { .. } | Action::RollBackReplacement { .. }) => {
            record.generations().any(|generation| is_on(generation, false))
        }
        _ => record.generations().any(|generation| is_on(generation, true)),
    }
}

/// Returns whether the statement runs, or may start to run on its own.
fn may_keep_running(found: &LiveStatement) -> bool {
    found.may_run() && !matches!(found.phase, Phase::Stopping | Phase::Deleting)
}
