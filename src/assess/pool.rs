//! Judges an owned pool. It is identified by the id in the record.

use super::{
    assessed_resource::{AssessedResource, ObservedState},
    condition::Condition,
    inputs::Evidence,
};
use crate::{
    live::{Live, Lookups, Presence},
    resource::{LivePool, PhaseClass, Pool, PoolPhase},
    state::{PoolRecord, Recorded},
};

/// Returns a recorded pool as it is live, with its conditions.
pub(super) fn assess_pool(evidence: Evidence, record: &PoolRecord) -> AssessedResource {
    let Evidence { recorded, live, .. } = evidence;
    let seen_as = |state, conditions| AssessedResource::new(Some(&record.id), state, conditions);
    let mut assessed = match live.pool(&record.id) {
        Presence::Present(found) => {
            seen_as(ObservedState::Phase(found.phase.to_string()), live_pool_conditions(&record.declared, found))
        }
        // It may be usable although this key cannot see it.
        Presence::Unlisted | Presence::Unknown(_) if !live.pools_listed => {
            seen_as(ObservedState::Unknown, vec![Condition::Unverified])
        }
        Presence::Unlisted => {
            AssessedResource { missing: Lookups::of_pool(&record.id), ..seen_as(ObservedState::Unknown, Vec::new()) }
        }
        Presence::Unknown(why) => seen_as(ObservedState::Unknown, vec![Condition::Unreadable { why: why.to_owned() }]),
        Presence::Absent => match hidden_pool(&record.id, recorded, live) {
            Some(why) => seen_as(ObservedState::Unknown, vec![Condition::Unreadable { why }]),
            None => seen_as(ObservedState::Gone, vec![Condition::Gone { offsets: None }]),
        },
    };
    assessed.conditions.extend(duplicate_pools(evidence, &record.declared));
    assessed
}

/// Returns the conditions of a pool that was read.
fn live_pool_conditions(sent: &Pool, found: &LivePool) -> Vec<Condition> {
    let fields = [
        ("display_name", sent.display_name.clone(), found.display_name.clone()),
        ("max_cfu", sent.max_cfu.to_string(), found.max_cfu.to_string()),
    ];
    let failed = (found.phase == PoolPhase::Failed).then_some(Condition::PoolFailed);
    let changed = fields
        .into_iter()
        .filter(|(_, sent, live)| sent != live)
        .map(|(field, sent, live)| Condition::PoolChangedOutside { field, live, sent });
    failed.into_iter().chain(changed).collect()
}

/// Returns why a pool that the service reports as not found must exist: one of our statements runs on it.
///
/// That statement would have stopped with the pool, so the pool exists and this key may not see it.
pub fn hidden_pool(id: &str, recorded: &Recorded, live: &Live) -> Option<String> {
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let found = generations.filter_map(|generation| match live.statement(&generation.sent.name) {
        Presence::Present(found) if found.has_uid(&generation.uid) => Some(found),
        _ => None,
    });
    let mut running = found.filter(|found| found.phase.class() == PhaseClass::Running);
    let runs = &running.find(|found| found.pool.as_deref() == Some(id))?.name;
    Some(format!(
        "the service reports pool `{id}` as not found although `{runs}` runs on it, so the owner of the Cloud API key may \
         lack the FlinkAdmin role on this environment"
    ))
}

/// Returns the condition that other pools look like a recorded one and are neither recorded nor declared, if there are
/// any.
fn duplicate_pools(evidence: Evidence, pool: &Pool) -> Option<Condition> {
    let Evidence { recorded, live, declared, .. } = evidence;
    let is_recorded = |id: &str| recorded.pools.values().any(|record| record.id == id);
    let is_known = |found: &&LivePool| is_recorded(&found.id) || declared.borrowed_pools.contains(found.id.as_str());
    let identity = (&pool.display_name, &pool.cloud, &pool.region);
    let same = live.pools().filter(|found| (&found.display_name, &found.cloud, &found.region) == identity);
    let ids: Vec<String> = same.filter(|found| !is_known(found)).map(|found| found.id.clone()).collect();
    (!ids.is_empty()).then_some(Condition::DuplicatePools { ids })
}
