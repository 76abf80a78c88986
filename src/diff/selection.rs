//! `--target` and `--exclude`: which addresses a run looks at.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Request,
    action::{Block, Change},
    moved,
};
use crate::{
    graph::Graph,
    resource::{Address, ResourceKind},
    state::Recorded,
};

/// Every address that is desired or recorded.
pub(super) fn every(graph: &Graph, recorded: &Recorded) -> BTreeSet<Address> {
    let pools = graph.project.pools.keys().chain(recorded.pools.keys()).map(Address::pool);
    pools.chain(statement_keys(graph, recorded).into_iter().map(Address::statement)).collect()
}

/// The keys of every statement that is desired or recorded.
pub(super) fn statement_keys<'a>(graph: &'a Graph, recorded: &'a Recorded) -> BTreeSet<&'a String> {
    graph.project.statements.keys().chain(recorded.statements.keys()).collect()
}

/// The addresses that a run looks at: the targets with what they need (in `destroy`, with what needs them), without
/// the excluded and what needs those.
pub fn select(graph: &Graph, recorded: &Recorded, request: &Request) -> BTreeSet<Address> {
    let mut selected = if request.targets.is_empty() {
        every(graph, recorded)
    } else if request.destroy {
        reach(&request.targets, &needed_by(graph, recorded))
    } else {
        reach(&request.targets, &comes_along(graph, recorded))
    };
    if !request.excludes.is_empty() {
        for address in reach(&request.excludes, &neighbours_left_out(graph, recorded, request)) {
            selected.remove(&address);
        }
    }
    selected
}

/// What comes along with a target: what it needs, or, if it is to go, what uses it and has to go first.
fn comes_along(graph: &Graph, recorded: &Recorded) -> Neighbours {
    let mut along = needs(graph, recorded);
    along.retain(|from, _| is_declared(graph, from));
    for (used, mut users) in needed_by(graph, recorded) {
        if !is_declared(graph, &used) {
            users.retain(|user| !is_declared(graph, user));
            along.insert(used, users);
        }
    }
    along
}

fn is_declared(graph: &Graph, address: &Address) -> bool {
    match address.kind {
        ResourceKind::Pool => graph.project.pools.contains_key(&address.key),
        ResourceKind::Statement => graph.project.statements.contains_key(&address.key),
    }
}

/// Every address that excluding `excludes` takes out of a run, each with the one of them that does.
pub fn left_out<'a>(
    graph: &Graph,
    recorded: &Recorded,
    request: &Request,
    excludes: impl Iterator<Item = &'a Address>,
) -> BTreeMap<Address, Address> {
    let neighbours = neighbours_left_out(graph, recorded, request);
    let mut left_out = BTreeMap::new();
    for by in excludes {
        for address in reach(&BTreeSet::from([by.clone()]), &neighbours) {
            left_out.entry(address).or_insert_with(|| by.clone());
        }
    }
    left_out
}

/// What is kept keeps what it needs; what is not made leaves out what needs it.
fn neighbours_left_out(graph: &Graph, recorded: &Recorded, request: &Request) -> Neighbours {
    if request.destroy { needs(graph, recorded) } else { needed_by(graph, recorded) }
}

type Neighbours = BTreeMap<Address, BTreeSet<Address>>;

/// Declared dependencies, and for what is no longer declared the recorded ones.
fn needs(graph: &Graph, recorded: &Recorded) -> Neighbours {
    let mut needs = Neighbours::new();
    for edge in &graph.edges {
        needs.entry(edge.from.clone()).or_default().insert(edge.to.clone());
    }
    for (key, record) in &recorded.statements {
        if !graph.project.statements.contains_key(key) {
            needs.insert(Address::statement(key), record.dependencies.iter().cloned().collect());
        }
    }
    needs
}

fn needed_by(graph: &Graph, recorded: &Recorded) -> Neighbours {
    let mut needed_by = Neighbours::new();
    for (from, to) in
        needs(graph, recorded).into_iter().flat_map(|(from, to)| to.into_iter().map(move |to| (from.clone(), to)))
    {
        needed_by.entry(to).or_default().insert(from);
    }
    needed_by
}

fn reach(from: &BTreeSet<Address>, neighbours: &Neighbours) -> BTreeSet<Address> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Address> = from.iter().collect();
    while let Some(address) = waiting.pop() {
        if reached.insert(address.clone()) {
            waiting.extend(neighbours.get(address).into_iter().flatten());
        }
    }
    reached
}

/// A plan that would remove everything recorded is more often a wrong folder or branch than a wish.
pub(super) fn block_removal_of_everything(
    graph: &Graph,
    recorded: &Recorded,
    request: &Request,
    changes: &mut BTreeMap<Address, Change>,
) {
    let project = &graph.project;
    let still_declared = recorded.statements.keys().any(|key| project.statements.contains_key(key))
        || recorded.pools.keys().any(|key| project.pools.contains_key(key));
    if request.destroy || !request.targets.is_empty() || still_declared {
        return;
    }
    for (address, change) in changes.iter_mut() {
        let is_recorded = match address.kind {
            ResourceKind::Pool => recorded.pools.contains_key(&address.key),
            ResourceKind::Statement => recorded.statements.contains_key(&address.key),
        };
        if is_recorded && !moved::is_rename(change) {
            *change = Change::blocked(Block::RemovesEverything);
        }
    }
}
