//! Where each box of a drawing stands: in columns from left to right, few arrows crossing.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::lineage::{Lineage, Node};

/// Rounds of putting boxes next to their neighbours.
const ROUNDS: usize = 12;

/// The boxes of a lineage in columns; what flows into a box stands left of it, but for circles.
pub(super) fn layers(lineage: &Lineage) -> Vec<Vec<&Node>> {
    let mut depths = depths(lineage);
    pull(lineage, &mut depths);
    let last = depths.values().copied().max().unwrap_or(0);
    let mut layers: Vec<Vec<&Node>> = vec![Vec::new(); last.saturating_add(1)];
    for (node, depth) in &depths {
        if let Some(layer) = layers.get_mut(*depth) {
            layer.push(node);
        }
    }
    uncross(lineage, &mut layers);
    layers
}

/// The longest way to each box. Links that close a circle do not count.
fn depths(lineage: &Lineage) -> BTreeMap<&Node, usize> {
    let mut into: BTreeMap<&Node, BTreeSet<&Node>> = BTreeMap::new();
    for link in lineage.links.iter().filter(|link| link.from != link.to) {
        into.entry(&link.to).or_default().insert(&link.from);
    }
    let mut depths: BTreeMap<&Node, usize> = BTreeMap::new();
    let mut open: BTreeSet<&Node> = lineage.nodes.keys().collect();
    while !open.is_empty() {
        let ready =
            |node: &&&Node| into.get(**node).is_none_or(|before| before.iter().all(|node| !open.contains(node)));
        let mut next: Vec<&Node> = open.iter().filter(ready).copied().collect();
        if next.is_empty() {
            // A circle (a job that reads what it writes): its first box begins it.
            next.extend(open.iter().next().copied());
        }
        for node in next {
            let before = into.get(node).into_iter().flatten().filter_map(|node| depths.get(*node)).max();
            depths.insert(node, before.map_or(0, |depth| depth.saturating_add(1)));
            open.remove(node);
        }
    }
    depths
}

/// What nothing flows into (a `CREATE TABLE`, a topic from outside) stands just left of what it flows into, and not at the
/// far left with all others of its sort.
fn pull<'a>(lineage: &'a Lineage, depths: &mut BTreeMap<&'a Node, usize>) {
    let reached: BTreeSet<&Node> =
        lineage.links.iter().filter(|link| link.from != link.to).map(|link| &link.to).collect();
    let mut nearest: BTreeMap<&Node, usize> = BTreeMap::new();
    for link in lineage.links.iter().filter(|link| !reached.contains(&link.from)) {
        if let Some(depth) = depths.get(&link.to).copied() {
            nearest.entry(&link.from).and_modify(|known| *known = depth.min(*known)).or_insert(depth);
        }
    }
    for (node, depth) in nearest {
        depths.insert(node, depth.saturating_sub(1));
    }
}

/// Sorts each column by the mean place of its boxes' neighbours, forth and back.
fn uncross<'a>(lineage: &'a Lineage, layers: &mut [Vec<&'a Node>]) {
    let mut neighbours: BTreeMap<&Node, Vec<&Node>> = BTreeMap::new();
    for link in &lineage.links {
        neighbours.entry(&link.from).or_default().push(&link.to);
        neighbours.entry(&link.to).or_default().push(&link.from);
    }
    let mut places = places(layers);
    for round in 0..ROUNDS {
        let order: Vec<usize> =
            if round % 2 == 0 { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for at in order {
            let Some(layer) = layers.get_mut(at) else { continue };
            let mean = |node: &Node| -> f64 {
                let near: Vec<f64> =
                    neighbours.get(node).into_iter().flatten().filter_map(|node| places.get(node).copied()).collect();
                if near.is_empty() {
                    places.get(node).copied().unwrap_or(0.0)
                } else {
                    near.iter().sum::<f64>() / near.len() as f64
                }
            };
            let mut keyed: Vec<(f64, &Node)> = layer.iter().map(|node| (mean(node), *node)).collect();
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(other.1)));
            *layer = keyed.into_iter().map(|(_, node)| node).collect();
            for (row, node) in layer.iter().enumerate() {
                places.insert(node, middle(row, layer.len()));
            }
        }
    }
}

fn places<'a>(layers: &[Vec<&'a Node>]) -> BTreeMap<&'a Node, f64> {
    let rows =
        layers.iter().flat_map(|layer| layer.iter().enumerate().map(|(row, node)| (*node, middle(row, layer.len()))));
    rows.collect()
}

/// A row's place, counted from the column's middle.
fn middle(row: usize, of: usize) -> f64 {
    row as f64 - (of as f64 - 1.0) / 2.0
}
