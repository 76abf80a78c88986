//! Positions of cells within their layers: close to their neighbors, in order, without overlap.

use super::{
    ordering::LayerOrder,
    ranks::{get_or_default, set_if_present},
};

/// The total number of moves of cells toward their neighbors. In a large drawing each cell moves less often, which
/// limits the time.
const MAX_MOVES: usize = 200_000;
/// The factor by which a drawing may be longer than its fullest layer, for straighter lines.
const SLACK: f64 = 1.08;
/// The weight of a link between two lanes, compared to a link of a box. Lanes should be straight.
const LANE_WEIGHT: f64 = 8.0;

/// Returns the center of each cell and the length of the longest layer. `sizes` are the lengths of the
/// cells without gaps.
pub(super) fn center_positions(layer_order: &LayerOrder, sizes: &[f64], boxes: usize, gap: f64) -> (Vec<f64>, f64) {
    let space = |cell: usize| get_or_default(sizes, cell) + if cell < boxes { gap } else { 0.0 };
    let length = |layer: &Vec<usize>| layer.iter().map(|cell| space(*cell)).sum::<f64>();
    let fullest = layer_order.layers.iter().map(length).fold(0.0, f64::max);
    let room = fullest * SLACK;
    let mut centers = vec![0.0; layer_order.upper_neighbors.len()];
    for layer in &layer_order.layers {
        let mut next = (room - length(layer)) / 2.0;
        for cell in layer {
            set_if_present(&mut centers, *cell, next + space(*cell) / 2.0);
            next += space(*cell);
        }
    }
    let rounds = MAX_MOVES.checked_div(centers.len()).unwrap_or(0).clamp(8, 60);
    for round in 0..rounds {
        let order: Vec<&Vec<usize>> = if round % 2 == 0 {
            layer_order.layers.iter().collect()
        } else {
            layer_order.layers.iter().rev().collect()
        };
        for layer in order {
            let preferred: Vec<(f64, f64, f64)> = layer
                .iter()
                .map(|cell| preferred_position(layer_order, *cell, boxes, &centers, space(*cell)))
                .collect();
            let found = spaced_positions(&preferred, room - length(layer));
            for (cell, middle) in layer.iter().zip(found) {
                set_if_present(&mut centers, *cell, middle);
            }
        }
    }
    let low = layer_order
        .layers
        .iter()
        .flatten()
        .map(|cell| get_or_default(&centers, *cell) - space(*cell) / 2.0)
        .fold(room, f64::min);
    let high = layer_order
        .layers
        .iter()
        .flatten()
        .map(|cell| get_or_default(&centers, *cell) + space(*cell) / 2.0)
        .fold(0.0, f64::max);
    centers.iter_mut().for_each(|middle| *middle -= low + gap / 2.0);
    (centers, (high - low - gap).max(0.0))
}

/// Returns the preferred center of a cell, the weight of that preference, and the space of the cell.
fn preferred_position(
    layer_order: &LayerOrder,
    cell: usize,
    boxes: usize,
    centers: &[f64],
    space: f64,
) -> (f64, f64, f64) {
    let near = [&layer_order.upper_neighbors, &layer_order.lower_neighbors]
        .into_iter()
        .flat_map(|side| side.get(cell).into_iter().flatten());
    let (mut sum, mut weight) = (0.0, 0.0);
    for other in near {
        let pull = if *other >= boxes && cell >= boxes { LANE_WEIGHT } else { 1.0 };
        (sum, weight) = (sum + pull * get_or_default(centers, *other), weight + pull);
    }
    if weight > 0.0 { (sum / weight, weight, space) } else { (get_or_default(centers, cell), 0.1, space) }
}

/// Returns the centers closest to the preferred ones (least squares) that keep the order and the space of the cells
/// and shift by at most `free`. Neighbors with conflicting preferences move as one block.
fn spaced_positions(preferred: &[(f64, f64, f64)], free: f64) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    let mut before = 0.0;
    let mut starts = Vec::with_capacity(preferred.len());
    for (preferred_center, weight, space) in preferred {
        let start = before + space / 2.0;
        starts.push(start);
        before += space;
        let mut block = (preferred_center - start, *weight, 1_usize);
        while let Some((mean, heavy, count)) = blocks.last().copied().filter(|last| last.0 > block.0) {
            let both = heavy + block.1;
            block = ((mean * heavy + block.0 * block.1) / both, both, block.2.saturating_add(count));
            blocks.pop();
        }
        blocks.push(block);
    }
    let shifts =
        blocks.into_iter().flat_map(|(mean, _, count)| std::iter::repeat_n(mean.clamp(0.0, free.max(0.0)), count));
    starts.into_iter().zip(shifts).map(|(start, shift)| start + shift).collect()
}
