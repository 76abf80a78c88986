//! Implements `--target` and `--exclude`: decides which addresses a run covers.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    action::{Block, Change},
    inputs::{Inputs, PlanOptions},
    renames,
};
use crate::{graph::Graph, resource::Address, state::Recorded};

/// Returns every address that is desired or recorded.
pub(super) fn all_addresses(graph: &Graph, recorded: &Recorded) -> BTreeSet<Address> {
    let pools = graph.project.pools.keys().chain(recorded.pools.keys()).map(Address::pool);
    pools.chain(statement_keys(graph, recorded).into_iter().map(Address::statement)).collect()
}

/// Returns the keys of all statements that are desired or recorded.
pub(super) fn statement_keys<'a>(graph: &'a Graph, recorded: &'a Recorded) -> BTreeSet<&'a String> {
    graph.project.statements.keys().chain(recorded.statements.keys()).collect()
}

/// Returns the addresses that a run covers.
///
/// These are the targets with their dependencies (in `destroy`, with their dependents), without the excluded
/// addresses and their dependents (in `destroy`, their dependencies).
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

/// Returns what is selected along with a target: its dependencies or, if it is to be removed, its users, which have
/// to be removed first.
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

/// Returns every address that excluding `excludes` removes from a run, each with the excluded address that causes it.
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

/// Returns what is excluded along with an address. In `destroy`, a resource that stays keeps its dependencies.
/// Otherwise, a resource that is left out leaves out its dependents.
fn exclude_adjacency(graph: &Graph, recorded: &Recorded, options: &PlanOptions) -> AddressAdjacency {
    if options.destroy { dependencies(graph, recorded) } else { dependents(graph, recorded) }
}

/// For each address, the addresses that are one step away.
type AddressAdjacency = BTreeMap<Address, BTreeSet<Address>>;

/// Returns the declared dependencies, and the recorded ones of statements that are no longer declared.
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

/// Returns the dependencies in reverse: for each address, what depends on it.
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

/// Returns every address that can be reached from `from`, including `from`.
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

/// Blocks a plan that would remove everything recorded. Its cause is more often a wrong folder or branch than intent.
pub(super) fn block_removal_of_everything(inputs: Inputs, changes: &mut BTreeMap<Address, Change>) {
    let Inputs { desired, recorded, options, .. } = inputs;
    let project = &desired.graph.project;
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
