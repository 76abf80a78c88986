//! Sorts addresses so that dependencies come before their dependents, or reports the cycles that prevent an order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque, btree_map::Entry},
};

use petgraph::{
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
};

use super::{Edge, EdgeReason, edges::edge_place};
use crate::{
    manifest::Project,
    resource::{Address, Problem},
};

/// Returns every address of the project in order. Ties are broken by address.
///
/// # Errors
///
/// Returns one problem for each group of addresses that depend on each other, with a shortest cycle of that group.
pub(super) fn topological_order(project: &Project, edges: &[Edge]) -> Result<Vec<Address>, Vec<Problem>> {
    let dependencies = DependencyGraph::new(project, edges);
    let ends = dependencies.graph.raw_edges().iter().map(|edge| (edge.source().index(), edge.target().index()));
    let order = dependencies_first(dependencies.addresses.len(), ends);
    if order.len() == dependencies.addresses.len() {
        return Ok(order.into_iter().filter_map(|index| dependencies.addresses.get(index).cloned()).collect());
    }
    let mut components: Vec<BTreeSet<NodeIndex>> = kosaraju_scc(&dependencies.graph)
        .into_iter()
        .filter(|component| component.len() > 1)
        .map(|component| component.into_iter().collect())
        .collect();
    components.sort();
    Err(components
        .iter()
        .map(|component| cycle_problem(project, edges, &dependencies.shortest_cycle(component)))
        .collect())
}

/// Sorts the indices below `count` so that each comes after its dependencies. Of those that may come next, the smallest
/// does, so indices in the order of addresses break ties by address. petgraph's `toposort` promises no such order.
///
/// Each of `dependencies` is a pair of an index and one that it depends on. Indices on a cycle, and those that depend
/// on them, are left out.
pub fn dependencies_first(count: usize, dependencies: impl IntoIterator<Item = (usize, usize)>) -> Vec<usize> {
    let mut unmet_dependencies = vec![0_usize; count];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in dependencies {
        if let (Some(unmet), Some(waiting)) = (unmet_dependencies.get_mut(from), dependents.get_mut(to)) {
            *unmet = unmet.saturating_add(1);
            waiting.push(from);
        }
    }
    let is_free = |(at, unmet): (usize, &usize)| (*unmet == 0).then_some(Reverse(at));
    let mut ready: BinaryHeap<Reverse<usize>> = unmet_dependencies.iter().enumerate().filter_map(is_free).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for dependent in dependents.get(at).into_iter().flatten() {
            if let Some(unmet) = unmet_dependencies.get_mut(*dependent) {
                *unmet = unmet.saturating_sub(1);
                if *unmet == 0 {
                    ready.push(Reverse(*dependent));
                }
            }
        }
    }
    order
}

/// The addresses in order, with an edge from each address to each of its dependencies.
struct DependencyGraph {
    /// Every address. Its index is its node.
    addresses: Vec<Address>,
    /// The edges between the indices of addresses.
    graph: DiGraph<(), ()>,
}

impl DependencyGraph {
    /// Returns the graph over the addresses of the project, with one edge for each pair that has edges.
    fn new(project: &Project, edges: &[Edge]) -> Self {
        let pools = project.pools.keys().map(Address::pool);
        let addresses: Vec<Address> = pools.chain(project.statements.keys().map(Address::statement)).collect();
        let indices: BTreeMap<&Address, usize> =
            addresses.iter().enumerate().map(|(at, address)| (address, at)).collect();
        let mut graph = DiGraph::with_capacity(addresses.len(), edges.len());
        for _ in &addresses {
            graph.add_node(());
        }
        let mut last = None;
        for edge in edges {
            let ends = (indices.get(&edge.from), indices.get(&edge.to));
            // Edges are sorted, so several reasons for one dependency follow each other.
            if let (Some(from), Some(to)) = ends
                && last != Some(ends)
            {
                graph.add_edge(NodeIndex::new(*from), NodeIndex::new(*to), ());
                last = Some(ends);
            }
        }
        DependencyGraph { addresses, graph }
    }

    /// Returns a shortest cycle through the first address of a component.
    fn shortest_cycle(&self, within: &BTreeSet<NodeIndex>) -> Vec<Address> {
        let Some(start) = within.first().copied() else { return Vec::new() };
        let mut predecessors: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            let mut next: Vec<NodeIndex> = self.graph.neighbors(node).filter(|other| within.contains(other)).collect();
            next.sort();
            for other in next {
                if other == start {
                    let mut path = vec![node];
                    while let Some(before) = path.last().and_then(|last| predecessors.get(last)) {
                        path.push(*before);
                    }
                    path.reverse();
                    return path.iter().filter_map(|node| self.addresses.get(node.index()).cloned()).collect();
                }
                if let Entry::Vacant(first) = predecessors.entry(other) {
                    first.insert(node);
                    open.push_back(other);
                }
            }
        }
        Vec::new()
    }
}

/// Returns a problem with the whole cycle, and the place of each of its edges.
fn cycle_problem(project: &Project, edges: &[Edge], path: &[Address]) -> Problem {
    let steps = path.iter().zip(path.iter().cycle().skip(1));
    let cycle: Vec<String> = path.iter().chain(path.first()).map(|address| format!("`{address}`")).collect();
    let mut problem = Problem::new(format!("dependency cycle: {}", cycle.join(" → ")));
    let mut any_declared = false;
    for (from, to) in steps {
        let start = edges.partition_point(|edge| (&edge.from, &edge.to) < (from, to));
        let Some(edge) = edges.get(start) else { continue };
        any_declared |= edge.reason == EdgeReason::Declared;
        let label = match &edge.reason {
            EdgeReason::Inferred { object, .. } => format!("`{from}` needs `{to}` for `{object}`"),
            EdgeReason::Pool | EdgeReason::Declared => format!("`{from}` needs `{to}`"),
        };
        if let Some(place) = edge_place(project, edge) {
            problem = problem.at(place, label);
        }
    }
    problem.help(if any_declared {
        "Remove one of the `depends_on` entries. Dependencies that the SQL shows need no declaration."
    } else {
        "Let one of them read or write a different object, or split a `CREATE TABLE … AS` into a `CREATE TABLE` and \
         an `INSERT INTO`."
    })
}
