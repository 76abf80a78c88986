//! Which passage waits for which: what is needed is made first, and what needs something goes before it.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{Act, Passage, PoolRef};
use crate::{
    diff::Desired,
    graph::resolve,
    resource::{Address, ResourceKind, Role},
    sql::{self, Usage},
    state::Recorded,
};

/// Fills in `after`, and puts the passages in an order in which each comes after what it waits for.
pub(super) fn order(desired: &Desired, recorded: &Recorded, passages: &mut Vec<Passage>) {
    let present: BTreeSet<Address> = passages.iter().map(|passage| passage.address.clone()).collect();
    let removed: BTreeSet<Address> = present.iter().filter(|address| !is_desired(desired, address)).cloned().collect();
    let removals = passages.iter().filter(|passage| removes(passage)).map(|passage| passage.address.clone());
    let removals: BTreeSet<Address> = removals.chain(removed).collect();
    let undone: BTreeSet<Address> =
        passages.iter().filter(|passage| undoes(passage)).map(|passage| passage.address.clone()).collect();
    let mut after: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for edge in &desired.graph.edges {
        // What is made waits for what it needs; among removals it is the other way about, below.
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
        // An undo that goes before a new definition waits for the users that go, as one that is all there is does.
        let waits = |used: &Address| removals.contains(used) || (undone.contains(used) && removals.contains(&user));
        for used in used.filter(waits) {
            if user != used {
                after.entry(used).or_default().insert(user.clone());
            }
        }
    }
    for (creator, former) in successors_in_office(desired, recorded, &removals, &present) {
        after.entry(creator).or_default().insert(former);
    }
    for passage in passages.iter() {
        for pool in pools_to_come(passage).filter(|pool| present.contains(pool) && *pool != passage.address) {
            after.entry(passage.address.clone()).or_default().insert(pool);
        }
    }
    for passage in passages.iter_mut() {
        passage.after = after.remove(&passage.address).unwrap_or_default();
    }
    sort(passages);
}

fn is_desired(desired: &Desired, address: &Address) -> bool {
    let project = &desired.graph.project;
    match address.kind {
        ResourceKind::Pool => project.pools.contains_key(&address.key),
        ResourceKind::Statement => project.statements.contains_key(&address.key),
    }
}

/// The pools that a passage needs and that this plan creates.
fn pools_to_come(passage: &Passage) -> impl Iterator<Item = Address> {
    passage.forward.iter().filter_map(|step| match &step.act {
        Act::Submit { pool: Some(PoolRef::Created(key)), .. }
        | Act::Amend { pool: Some(PoolRef::Created(key)), .. } => Some(Address::pool(key)),
        _ => None,
    })
}

/// Whether a passage takes its address away altogether.
fn removes(passage: &Passage) -> bool {
    use crate::state::Fact::{Deleted, Forgotten};
    passage.forward.iter().flat_map(|step| &step.then).any(|fact| matches!(fact, Deleted { .. } | Forgotten { .. }))
}

/// A statement that creates an object waits for the removal of the one that created it before, under another address.
fn successors_in_office(
    desired: &Desired,
    recorded: &Recorded,
    removals: &BTreeSet<Address>,
    present: &BTreeSet<Address>,
) -> Vec<(Address, Address)> {
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

/// Kahn's algorithm over ordered sets: ties break by address. What a cycle would leave over is appended; `check` finds it.
fn sort(passages: &mut Vec<Passage>) {
    let mut waiting: BTreeMap<Address, Passage> =
        passages.drain(..).map(|passage| (passage.address.clone(), passage)).collect();
    let mut waits_for: BTreeMap<Address, usize> = BTreeMap::new();
    let mut frees: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
    for (address, passage) in &waiting {
        waits_for.insert(address.clone(), passage.after.len());
        for before in &passage.after {
            frees.entry(before.clone()).or_default().push(address.clone());
        }
    }
    let mut ready: BTreeSet<Address> =
        waits_for.iter().filter(|(_, count)| **count == 0).map(|(address, _)| address.clone()).collect();
    while let Some(address) = ready.pop_first() {
        for freed in frees.remove(&address).unwrap_or_default() {
            if let Some(count) = waits_for.get_mut(&freed) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(freed);
                }
            }
        }
        passages.extend(waiting.remove(&address));
    }
    passages.extend(waiting.into_values());
}

/// Whether a passage submits an undo.
pub(super) fn undoes(passage: &Passage) -> bool {
    passage
        .forward
        .iter()
        .any(|step| matches!(&step.act, Act::Submit { submission, .. } if submission.role == Role::Undo))
}
