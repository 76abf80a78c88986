//! Orders step groups: dependencies are created before their users, and users are removed before their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{PoolRef, StepGroup, StepRequest};
use crate::{
    diff::Inputs,
    graph::{dependencies_first, resolve},
    resource::{Address, ResourceKind, Role},
    sql::{self, Usage},
};

/// Fills in `after`, and sorts the step groups so that each comes after those that it waits for.
pub(super) fn order_groups(inputs: Inputs, groups: &mut Vec<StepGroup>) {
    let Inputs { desired, recorded, .. } = inputs;
    let present: BTreeSet<Address> = groups.iter().map(|group| group.address.clone()).collect();
    let removed: BTreeSet<Address> =
        present.iter().filter(|address| !desired.graph.project.declares(address)).cloned().collect();
    // A pool that is now declared by its id leaves only the record. Its statements still wait for nothing else.
    let stays = |address: &Address| address.kind == ResourceKind::Pool && desired.graph.project.declares(address);
    let removals =
        groups.iter().filter(|group| removes_address(group) && !(stays(&group.address) && only_forgets(group)));
    let removals = removals.map(|group| group.address.clone());
    let removals: BTreeSet<Address> = removals.chain(removed).collect();
    let undoing: BTreeSet<Address> =
        groups.iter().filter(|group| runs_undo(group)).map(|group| group.address.clone()).collect();
    let mut after: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for edge in &desired.graph.edges {
        // What is created waits for its dependencies. Removals wait the other way around, below.
        if present.contains(&edge.from) && present.contains(&edge.to) && !removals.contains(&edge.from) {
            after.entry(edge.from.clone()).or_default().insert(edge.to.clone());
        }
    }
    for (key, record) in &recorded.statements {
        let user = Address::statement(key);
        if !present.contains(&user) {
            continue;
        }
        let pools = recorded
            .pools
            .iter()
            .filter(|(_, pool)| record.generations().any(|generation| generation.sent.pool.as_ref() == Some(&pool.id)));
        let used = record.dependencies.iter().cloned().chain(pools.map(|(key, _)| Address::pool(key)));
        // An undo that precedes a new definition waits for the users that are removed, as an undo without one does.
        let has_to_wait =
            |used: &Address| removals.contains(used) || (undoing.contains(used) && removals.contains(&user));
        for used in used.filter(has_to_wait) {
            if user != used {
                after.entry(used).or_default().insert(user.clone());
            }
        }
    }
    for (creator, former) in new_and_former_creators(inputs, &removals, &present) {
        after.entry(creator).or_default().insert(former);
    }
    for group in groups.iter() {
        for pool in created_pools_needed_by(group).filter(|pool| present.contains(pool) && *pool != group.address) {
            after.entry(group.address.clone()).or_default().insert(pool);
        }
    }
    for group in groups.iter_mut() {
        group.after = after.remove(&group.address).unwrap_or_default();
    }
    sort_topologically(groups);
}

/// Returns the pools that a step group needs and that this plan creates.
fn created_pools_needed_by(group: &StepGroup) -> impl Iterator<Item = Address> {
    group.forward.iter().filter_map(|step| match &step.request {
        StepRequest::Submit { pool: Some(PoolRef::Created(key)), .. }
        | StepRequest::Update { pool: Some(PoolRef::Created(key)), .. } => Some(Address::pool(key)),
        _ => None,
    })
}

/// Returns whether a step group removes its address from the record.
fn removes_address(group: &StepGroup) -> bool {
    use crate::state::Fact::{Deleted, Forgotten};
    group
        .forward
        .iter()
        .flat_map(|step| &step.facts_on_success)
        .any(|fact| matches!(fact, Deleted { .. } | Forgotten { .. }))
}

/// Returns whether a step group sends nothing and removes its address from the record only.
fn only_forgets(group: &StepGroup) -> bool {
    group.forward.iter().all(|step| step.request == StepRequest::RecordOnly)
}

/// Returns pairs of statements that create the same object: a new one, and a former one that is removed under another
/// address. The new one waits for the removal.
fn new_and_former_creators(
    inputs: Inputs,
    removals: &BTreeSet<Address>,
    present: &BTreeSet<Address>,
) -> Vec<(Address, Address)> {
    let Inputs { desired, recorded, .. } = inputs;
    let aliases = &desired.graph.project.environment.aliases;
    let mut pairs = Vec::new();
    for former in removals.iter().filter(|address| address.kind == ResourceKind::Statement) {
        let Some(record) = recorded.statements.get(&former.key) else { continue };
        let analysis = sql::analyze(&record.declared.sql.masked());
        for mention in analysis.mentions.iter().filter(|mention| mention.usage == Usage::Creates) {
            let object = resolve(mention, &record.declared, aliases);
            let creator = desired.graph.objects.get(&object).and_then(|parties| parties.creator.as_ref());
            let creator = creator.map(Address::statement).filter(|creator| present.contains(creator));
            if let Some(creator) = creator.filter(|creator| creator != former && !removals.contains(creator)) {
                pairs.push((creator, former.clone()));
            }
        }
    }
    pairs
}

/// Sorts the step groups so that each comes after those that it waits for, and ties are broken by address. Step groups
/// on a cycle are appended, and `check` finds them. A wait for an address without a step group has no effect.
fn sort_topologically(groups: &mut Vec<StepGroup>) {
    groups.sort_by(|one, other| one.address.cmp(&other.address));
    let index_of = |address: &Address| groups.binary_search_by(|group| group.address.cmp(address)).ok();
    let waits = groups
        .iter()
        .enumerate()
        .flat_map(|(at, group)| group.after.iter().filter_map(index_of).map(move |before| (at, before)));
    let order = dependencies_first(groups.len(), waits);
    let mut pending: Vec<Option<StepGroup>> = groups.drain(..).map(Some).collect();
    groups.extend(order.into_iter().filter_map(|at| pending.get_mut(at)?.take()));
    groups.extend(pending.into_iter().flatten());
}

/// Returns whether a step group submits an undo.
pub(super) fn runs_undo(group: &StepGroup) -> bool {
    group
        .forward
        .iter()
        .any(|step| matches!(&step.request, StepRequest::Submit { submission, .. } if submission.role == Role::Undo))
}
