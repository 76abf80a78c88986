//! The order of what stands in a layer: boxes, and the lanes of the links that pass between them; few links crossing.

use std::collections::BTreeMap;

use super::ranks::{at, set};

/// Rounds of putting everything next to its neighbours.
const ROUNDS: usize = 16;
/// Rounds of changing places with the one beside.
const SWAPS: usize = 6;

/// Layers of cells. A cell is a box (the first ones, by the box's number) or a lane.
pub(super) struct Rows {
    /// The cells of each layer, in order.
    pub layers: Vec<Vec<usize>>,
    /// Neighbours of each cell in the layer before.
    pub above: Vec<Vec<usize>>,
    /// Neighbours of each cell in the layer after.
    pub below: Vec<Vec<usize>>,
    /// The cells that each arc passes, from box to box.
    pub ways: Vec<Vec<usize>>,
}

impl Rows {
    /// `bundles` says which arcs leave a box as one and part late: those of the same box and bundle.
    pub fn of(ranks: &[usize], arcs: &[(usize, usize)], bundles: &[usize], groups: &[usize]) -> Rows {
        let depth = ranks.iter().max().map_or(0, |last| last.saturating_add(1));
        let mut rows = Rows {
            layers: vec![Vec::new(); depth],
            above: vec![Vec::new(); ranks.len()],
            below: vec![Vec::new(); ranks.len()],
            ways: Vec::new(),
        };
        let mut lanes: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
        let mut layer_of = ranks.to_vec();
        for ((from, to), bundle) in arcs.iter().zip(bundles) {
            let mut way = vec![*from];
            let mut last = *from;
            for layer in at(ranks, *from).saturating_add(1)..at(ranks, *to) {
                let lane = *lanes.entry((*from, *bundle, layer)).or_insert_with(|| {
                    rows.above.push(Vec::new());
                    rows.below.push(Vec::new());
                    layer_of.push(layer);
                    layer_of.len().saturating_sub(1)
                });
                rows.join(last, lane);
                way.push(lane);
                last = lane;
            }
            rows.join(last, *to);
            way.push(*to);
            rows.ways.push(way);
        }
        // Neighbours of one group follow one another from the start.
        for side in [&mut rows.above, &mut rows.below] {
            side.iter_mut().for_each(|cells| cells.sort_by_key(|cell| (groups.get(*cell), *cell)));
        }
        rows.fill(&layer_of);
        rows.settle(groups);
        rows
    }

    fn join(&mut self, upper: usize, lower: usize) {
        if let (Some(below), Some(above)) = (self.below.get_mut(upper), self.above.get_mut(lower))
            && !below.contains(&lower)
        {
            below.push(lower);
            above.push(upper);
        }
    }

    /// Each layer in the order in which a walk in depth meets its cells, so that what belongs together starts together.
    fn fill(&mut self, layer_of: &[usize]) {
        let mut seen = vec![false; layer_of.len()];
        let mut starts: Vec<usize> = (0..layer_of.len()).collect();
        starts.sort_by_key(|cell| at(layer_of, *cell));
        for start in starts {
            let mut open = vec![start];
            while let Some(cell) = open.pop() {
                if at(&seen, cell) {
                    continue;
                }
                set(&mut seen, cell, true);
                self.layers.get_mut(at(layer_of, cell)).into_iter().for_each(|layer| layer.push(cell));
                for side in [&self.above, &self.below] {
                    open.extend(side.get(cell).into_iter().flatten().rev().filter(|next| !at(&seen, **next)));
                }
            }
        }
    }

    fn settle(&mut self, groups: &[usize]) {
        let mut spots = vec![0.0; self.above.len()];
        for layer in &self.layers {
            spot(layer, &mut spots);
        }
        let (mut best, mut least) = (self.layers.clone(), self.crossings(&spots));
        for round in 0..ROUNDS {
            if least == 0 {
                break;
            }
            let down = round % 2 == 0;
            let order: Vec<usize> =
                if down { (0..self.layers.len()).collect() } else { (0..self.layers.len()).rev().collect() };
            for number in order {
                let side = if down { &self.above } else { &self.below };
                let Some(layer) = self.layers.get_mut(number) else { continue };
                let mut keyed: Vec<(f64, usize)> = layer
                    .iter()
                    .map(|cell| (mean(side.get(*cell), &spots).unwrap_or(at(&spots, *cell)), *cell))
                    .collect();
                // Stable: what has the same mean keeps its order.
                keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
                *layer = keyed.into_iter().map(|(_, cell)| cell).collect();
                spot(layer, &mut spots);
            }
            let crossings = self.crossings(&spots);
            if crossings < least {
                (best, least) = (self.layers.clone(), crossings);
            }
        }
        self.layers = best;
        for layer in &self.layers {
            spot(layer, &mut spots);
        }
        self.swap(&mut spots, groups);
    }

    /// Lets two cells side by side change places where that takes a crossing away, or brings boxes of one group together
    /// and adds none.
    fn swap(&mut self, spots: &mut [f64], groups: &[usize]) {
        let apart = |one: Option<&usize>, other: Option<&usize>| match (one, other) {
            (Some(one), Some(other)) => usize::from(groups.get(*one) != groups.get(*other)),
            _ => 0,
        };
        for _ in 0..SWAPS {
            let mut changed = false;
            for layer in &mut self.layers {
                for left in 0..layer.len().saturating_sub(1) {
                    let right = left.saturating_add(1);
                    let (Some(one), Some(other)) = (layer.get(left).copied(), layer.get(right).copied()) else {
                        continue;
                    };
                    let (mut now, mut then) = (0, 0);
                    for side in [&self.above, &self.below] {
                        let (ours, theirs) = (side.get(one), side.get(other));
                        now += crossed(ours, theirs, spots);
                        then += crossed(theirs, ours, spots);
                    }
                    let (outer_left, outer_right) =
                        (left.checked_sub(1).and_then(|at| layer.get(at)), layer.get(right.saturating_add(1)));
                    let closer = apart(outer_left, Some(&other)) + apart(Some(&one), outer_right)
                        < apart(outer_left, Some(&one)) + apart(Some(&other), outer_right);
                    if then < now || (then == now && closer) {
                        layer.swap(left, right);
                        let spot = at(spots, one);
                        set(spots, one, at(spots, other));
                        set(spots, other, spot);
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// How many links cross, with everything where it is.
    fn crossings(&self, spots: &[f64]) -> usize {
        let mut sum = 0_usize;
        for layer in self.layers.iter().skip(1) {
            // Links by their lower end, then their upper; each crosses those before it that began further on.
            let width = layer.iter().flat_map(|cell| self.above.get(*cell).into_iter().flatten());
            let most = width.map(|cell| at(spots, *cell)).fold(0.0, f64::max);
            let mut tree = vec![0_usize; (most as usize).saturating_add(2)];
            let mut so_far = 0_usize;
            for cell in layer {
                let mut uppers: Vec<usize> =
                    self.above.get(*cell).into_iter().flatten().map(|upper| at(spots, *upper) as usize).collect();
                uppers.sort_unstable();
                for upper in &uppers {
                    let mut place = upper.saturating_add(1);
                    let mut not_after = 0_usize;
                    while place > 0 {
                        not_after = not_after.saturating_add(at(&tree, place));
                        place &= place.saturating_sub(1);
                    }
                    sum = sum.saturating_add(so_far.saturating_sub(not_after));
                }
                for upper in uppers {
                    let mut place = upper.saturating_add(1);
                    while place < tree.len() {
                        let known = at(&tree, place);
                        set(&mut tree, place, known.saturating_add(1));
                        place = place.saturating_add(place & place.wrapping_neg());
                    }
                    so_far = so_far.saturating_add(1);
                }
            }
        }
        sum
    }
}

fn spot(layer: &[usize], spots: &mut [f64]) {
    for (row, cell) in layer.iter().enumerate() {
        set(spots, *cell, row as f64);
    }
}

fn mean(cells: Option<&Vec<usize>>, spots: &[f64]) -> Option<f64> {
    let cells = cells.filter(|cells| !cells.is_empty())?;
    Some(cells.iter().map(|cell| at(spots, *cell)).sum::<f64>() / cells.len() as f64)
}

/// Pairs that cross when the first stands left of the second.
fn crossed(left: Option<&Vec<usize>>, right: Option<&Vec<usize>>, spots: &[f64]) -> usize {
    let sorted = |cells: Option<&Vec<usize>>| {
        let mut found: Vec<f64> = cells.into_iter().flatten().map(|cell| at(spots, *cell)).collect();
        found.sort_by(f64::total_cmp);
        found
    };
    let (left, right) = (sorted(left), sorted(right));
    let mut passed = 0_usize;
    left.iter()
        .map(|one| {
            while right.get(passed).is_some_and(|other| other < one) {
                passed = passed.saturating_add(1);
            }
            passed
        })
        .sum()
}
