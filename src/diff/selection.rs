//! `--target` and `--exclude`: which addresses a run looks at.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    PlanOptions,
    action::{Block, Change},
    renames,
};
use crate::{graph::Graph, resource::Address, state::Recorded};

/// Every address that is desired or recorded.
pub(super) fn all_addresses(graph: &Graph, recorded: &Recorded) -> BTreeSet<Address> {
    let pools = graph.project.pools.keys().chain(recorded.pools.keys()).map(Address::pool);
    pools.chain(statement_keys(graph, recorded).into_iter().map(Address::statement)).collect()
}

/// The keys of every statement that is desired or recorded.
pub(super) fn statement_keys<'a>(graph: &'a Graph, recorded: &'a Recorded) -> BTreeSet<&'a String> {
    graph.project.statements.keys().chain(recorded.statements.keys()).collect()
}

/// The addresses that a run looks at: the targets with what they need (in `destroy`, with what needs them), without
/// the excluded and what needs those.
pub fn select(graph: &Graph, recorded: &Recorded, options: &PlanOptions) -> BTreeSet<Address> {
    let mut selected = if options.targets.is_empty() {
        all_addresses(graph, recorded)
    } else if options.destroy {
        reachable(&options.targets, &dependents(graph, recorded))
    } else {
        reachable(&options.targets, &target_adjacency(graph, recorded))
    };
    if !options.excludes.is_empty() {
        for address in reachable(&options.excludes, &exclude_adjacency(graph, recorded, options)) {
            selected.remove(&address);
        }
    }
    selected
}

/// What comes along with a target: what it needs, or, if it is to go, what uses it and has to go first.
fn target_adjacency(graph: &Graph, recorded: &Recorded) -> AddressAdjacency {
    let mut adjacency = dependencies(graph, recorded);
    adjacency.retain(|from, _| graph.project.declares(from));
    for (used, mut users) in dependents(graph, recorded) {
        if !graph.project.declares(&used) {
            users.retain(|user| !graph.project.declares(user));
            adjacency.insert(used, users);
        }
    }
    adjacency
}

/// Every address that excluding `excludes` takes out of a run, each with the one of them that does.
pub fn addresses_excluded_by<'a>(
    graph: &Graph,
    recorded: &Recorded,
    options: &PlanOptions,
    excludes: impl Iterator<Item = &'a Address>,
) -> BTreeMap<Address, Address> {
    let adjacency = exclude_adjacency(graph, recorded, options);
    let mut excluded = BTreeMap::new();
    for by in excludes {
        for address in reachable(&BTreeSet::from([by.clone()]), &adjacency) {
            excluded.entry(address).or_insert_with(|| by.clone());
        }
    }
    excluded
}

/// What is kept keeps what it needs; what is not made leaves out what needs it.
fn exclude_adjacency(graph: &Graph, recorded: &Recorded, options: &PlanOptions) -> AddressAdjacency {
    if options.destroy { dependencies(graph, recorded) } else { dependents(graph, recorded) }
}

type AddressAdjacency = BTreeMap<Address, BTreeSet<Address>>;

/// Declared dependencies, and for what is no longer declared the recorded ones.
fn dependencies(graph: &Graph, recorded: &Recorded) -> AddressAdjacency {
    let mut dependencies = AddressAdjacency::new();
    for edge in &graph.edges {
        dependencies.entry(edge.from.clone()).or_default().insert(edge.to.clone());
    }
    for (key, record) in &recorded.statements {
        if !graph.project.statements.contains_key(key) {
            dependencies.insert(Address::statement(key), record.dependencies.iter().cloned().collect());
        }
    }
    dependencies
}

fn dependents(graph: &Graph, recorded: &Recorded) -> AddressAdjacency {
    let mut dependents = AddressAdjacency::new();
    for (from, to) in dependencies(graph, recorded)
        .into_iter()
        .flat_map(|(from, to)| to.into_iter().map(move |to| (from.clone(), to)))
    {
        dependents.entry(to).or_default().insert(from);
    }
    dependents
}

fn reachable(from: &BTreeSet<Address>, adjacency: &AddressAdjacency) -> BTreeSet<Address> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<&Address> = from.iter().collect();
    while let Some(address) = pending.pop() {
        if reached.insert(address.clone()) {
            pending.extend(adjacency.get(address).into_iter().flatten());
        }
    }
    reached
}

/// A plan that would remove everything recorded is more often a wrong folder or branch than a wish.
pub(super) fn block_removal_of_everything(
    graph: &Graph,
    recorded: &Recorded,
    options: &PlanOptions,
    changes: &mut BTreeMap<Address, Change>,
) {
    let project = &graph.project;
    let is_any_declared = recorded.statements.keys().any(|key| project.statements.contains_key(key))
        || recorded.pools.keys().any(|key| project.pools.contains_key(key));
    if options.destroy || !options.targets.is_empty() || is_any_declared {
        return;
    }
    for (address, change) in changes.iter_mut() {
        if recorded.contains(address) && !renames::is_rename(change) {
            *change = Change::blocked(Block::RemovesEverything);
        }
    }
}
