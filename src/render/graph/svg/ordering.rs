//! The order of boxes and lanes within each layer, chosen so that few links cross. A lane is where a link
//! passes a layer.

use std::collections::BTreeMap;

use super::ranks::{get_or_default, set_if_present};

/// The rounds that move each cell to the mean position of its neighbors.
const MEAN_ROUNDS: usize = 16;
/// The rounds that swap adjacent cells.
const SWAP_ROUNDS: usize = 6;

/// The layers of cells. A cell is a box or a lane. The boxes come first and keep their numbers.
pub(super) struct LayerOrder {
    /// The cells of each layer, in order.
    pub layers: Vec<Vec<usize>>,
    /// The neighbors of each cell in the layer above.
    pub upper_neighbors: Vec<Vec<usize>>,
    /// The neighbors of each cell in the layer below.
    pub lower_neighbors: Vec<Vec<usize>>,
    /// The cells on the path of each arc, from box to box.
    pub paths: Vec<Vec<usize>>,
}

impl LayerOrder {
    /// Orders the cells of all layers. Arcs of the same box and the same number in `bundles` share their
    /// lanes and part late.
    pub fn of(ranks: &[usize], arcs: &[(usize, usize)], bundles: &[usize], groups: &[usize]) -> LayerOrder {
        let depth = ranks.iter().max().map_or(0, |last| last.saturating_add(1));
        let mut order = LayerOrder {
            layers: vec![Vec::new(); depth],
            upper_neighbors: vec![Vec::new(); ranks.len()],
            lower_neighbors: vec![Vec::new(); ranks.len()],
            paths: Vec::new(),
        };
        let mut lanes: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
        let mut layer_of = ranks.to_vec();
        for ((from, to), bundle) in arcs.iter().zip(bundles) {
            let mut path = vec![*from];
            let mut last = *from;
            for layer in get_or_default(ranks, *from).saturating_add(1)..get_or_default(ranks, *to) {
                let lane = *lanes.entry((*from, *bundle, layer)).or_insert_with(|| {
                    order.upper_neighbors.push(Vec::new());
                    order.lower_neighbors.push(Vec::new());
                    layer_of.push(layer);
                    layer_of.len().saturating_sub(1)
                });
                order.connect(last, lane);
                path.push(lane);
                last = lane;
            }
            order.connect(last, *to);
            path.push(*to);
            order.paths.push(path);
        }
        // Neighbors of the same group are adjacent from the start.
        for side in [&mut order.upper_neighbors, &mut order.lower_neighbors] {
            side.iter_mut().for_each(|cells| cells.sort_by_key(|cell| (groups.get(*cell), *cell)));
        }
        order.order_depth_first(&layer_of);
        order.reduce_crossings(groups);
        order
    }

    /// Makes two cells neighbors, if they are not yet.
    fn connect(&mut self, upper: usize, lower: usize) {
        if let (Some(below), Some(above)) = (self.lower_neighbors.get_mut(upper), self.upper_neighbors.get_mut(lower))
            && !below.contains(&lower)
        {
            below.push(lower);
            above.push(upper);
        }
    }

    /// Orders each layer by a depth-first search, so that connected cells start close to each other.
    fn order_depth_first(&mut self, layer_of: &[usize]) {
        let mut seen = vec![false; layer_of.len()];
        let mut starts: Vec<usize> = (0..layer_of.len()).collect();
        starts.sort_by_key(|cell| get_or_default(layer_of, *cell));
        for start in starts {
            let mut open = vec![start];
            while let Some(cell) = open.pop() {
                if get_or_default(&seen, cell) {
                    continue;
                }
                set_if_present(&mut seen, cell, true);
                self.layers.get_mut(get_or_default(layer_of, cell)).into_iter().for_each(|layer| layer.push(cell));
                for side in [&self.upper_neighbors, &self.lower_neighbors] {
                    open.extend(
                        side.get(cell).into_iter().flatten().rev().filter(|next| !get_or_default(&seen, **next)),
                    );
                }
            }
        }
    }

    /// Moves cells to the mean position of their neighbors, keeps the order with the fewest crossings, then
    /// swaps adjacent cells.
    fn reduce_crossings(&mut self, groups: &[usize]) {
        let mut positions = vec![0.0; self.upper_neighbors.len()];
        for layer in &self.layers {
            assign_positions(layer, &mut positions);
        }
        let (mut best, mut fewest) = (self.layers.clone(), self.count_crossings(&positions));
        for round in 0..MEAN_ROUNDS {
            if fewest == 0 {
                break;
            }
            let down = round % 2 == 0;
            let order: Vec<usize> =
                if down { (0..self.layers.len()).collect() } else { (0..self.layers.len()).rev().collect() };
            for number in order {
                let side = if down { &self.upper_neighbors } else { &self.lower_neighbors };
                let Some(layer) = self.layers.get_mut(number) else { continue };
                let mut keyed: Vec<(f64, usize)> = layer
                    .iter()
                    .map(|cell| {
                        (mean_position(side.get(*cell), &positions).unwrap_or(get_or_default(&positions, *cell)), *cell)
                    })
                    .collect();
                // The sort is stable: cells with the same mean keep their order.
                keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
                *layer = keyed.into_iter().map(|(_, cell)| cell).collect();
                assign_positions(layer, &mut positions);
            }
            let crossings = self.count_crossings(&positions);
            if crossings < fewest {
                (best, fewest) = (self.layers.clone(), crossings);
            }
        }
        self.layers = best;
        for layer in &self.layers {
            assign_positions(layer, &mut positions);
        }
        self.swap_adjacent(&mut positions, groups);
    }

    /// Swaps two adjacent cells if that removes a crossing, or if it brings boxes of one group together and
    /// adds no crossing.
    fn swap_adjacent(&mut self, positions: &mut [f64], groups: &[usize]) {
        let is_other_group = |one: Option<&usize>, other: Option<&usize>| match (one, other) {
            (Some(one), Some(other)) => usize::from(groups.get(*one) != groups.get(*other)),
            _ => 0,
        };
        for _ in 0..SWAP_ROUNDS {
            let mut changed = false;
            for layer in &mut self.layers {
                for left in 0..layer.len().saturating_sub(1) {
                    let right = left.saturating_add(1);
                    let (Some(one), Some(other)) = (layer.get(left).copied(), layer.get(right).copied()) else {
                        continue;
                    };
                    let (mut now, mut then) = (0, 0);
                    for side in [&self.upper_neighbors, &self.lower_neighbors] {
                        let (ours, theirs) = (side.get(one), side.get(other));
                        now += crossing_pairs(ours, theirs, positions);
                        then += crossing_pairs(theirs, ours, positions);
                    }
                    let (outer_left, outer_right) =
                        (left.checked_sub(1).and_then(|at| layer.get(at)), layer.get(right.saturating_add(1)));
                    let closer = is_other_group(outer_left, Some(&other)) + is_other_group(Some(&one), outer_right)
                        < is_other_group(outer_left, Some(&one)) + is_other_group(Some(&other), outer_right);
                    if then < now || (then == now && closer) {
                        layer.swap(left, right);
                        let position = get_or_default(positions, one);
                        set_if_present(positions, one, get_or_default(positions, other));
                        set_if_present(positions, other, position);
                        changed = true;
                    }
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// Returns the number of crossing links in the current order.
    fn count_crossings(&self, positions: &[f64]) -> usize {
        let mut sum = 0_usize;
        for layer in self.layers.iter().skip(1) {
            // The links are sorted by their lower end, then by their upper end. Each one crosses the earlier links
            // with a greater upper end.
            let width = layer.iter().flat_map(|cell| self.upper_neighbors.get(*cell).into_iter().flatten());
            let most = width.map(|cell| get_or_default(positions, *cell)).fold(0.0, f64::max);
            let mut tree = vec![0_usize; (most as usize).saturating_add(2)];
            let mut so_far = 0_usize;
            for cell in layer {
                let mut uppers: Vec<usize> = self
                    .upper_neighbors
                    .get(*cell)
                    .into_iter()
                    .flatten()
                    .map(|upper| get_or_default(positions, *upper) as usize)
                    .collect();
                uppers.sort_unstable();
                for upper in &uppers {
                    let mut place = upper.saturating_add(1);
                    let mut not_after = 0_usize;
                    while place > 0 {
                        not_after = not_after.saturating_add(get_or_default(&tree, place));
                        place &= place.saturating_sub(1);
                    }
                    sum = sum.saturating_add(so_far.saturating_sub(not_after));
                }
                for upper in uppers {
                    let mut place = upper.saturating_add(1);
                    while place < tree.len() {
                        let known = get_or_default(&tree, place);
                        set_if_present(&mut tree, place, known.saturating_add(1));
                        place = place.saturating_add(place & place.wrapping_neg());
                    }
                    so_far = so_far.saturating_add(1);
                }
            }
        }
        sum
    }
}

/// Sets the position of each cell to its index in the layer.
fn assign_positions(layer: &[usize], positions: &mut [f64]) {
    for (row, cell) in layer.iter().enumerate() {
        set_if_present(positions, *cell, row as f64);
    }
}

/// Returns the mean position of cells, or `None` if there are none.
fn mean_position(cells: Option<&Vec<usize>>, positions: &[f64]) -> Option<f64> {
    let cells = cells.filter(|cells| !cells.is_empty())?;
    Some(cells.iter().map(|cell| get_or_default(positions, *cell)).sum::<f64>() / cells.len() as f64)
}

/// Returns the number of crossing links if the first cell is left of the second.
fn crossing_pairs(left: Option<&Vec<usize>>, right: Option<&Vec<usize>>, positions: &[f64]) -> usize {
    let sorted = |cells: Option<&Vec<usize>>| {
        let mut found: Vec<f64> = cells.into_iter().flatten().map(|cell| get_or_default(positions, *cell)).collect();
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
