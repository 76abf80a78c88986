//! Where in its layer each cell stands: near its neighbours, in order, not touching.

use super::{
    ranks::{at, set},
    rows::Rows,
};

/// How often cells are drawn to their neighbours, all together; in a large drawing each less often, so that it takes no
/// longer than it is worth.
const MOVES: usize = 200_000;
/// How much more room a drawing may take than its fullest layer, for straighter lines.
const SLACK: f64 = 1.08;
/// How much more a lane cares for being straight than a box.
const STRAIGHT: f64 = 8.0;

/// The middle of each cell, and the length of the longest layer. `sizes` are the cells' own lengths, gaps not included.
pub(super) fn middles(rows: &Rows, sizes: &[f64], boxes: usize, gap: f64) -> (Vec<f64>, f64) {
    let space = |cell: usize| at(sizes, cell) + if cell < boxes { gap } else { 0.0 };
    let length = |layer: &Vec<usize>| layer.iter().map(|cell| space(*cell)).sum::<f64>();
    let fullest = rows.layers.iter().map(length).fold(0.0, f64::max);
    let room = fullest * SLACK;
    let mut middles = vec![0.0; rows.above.len()];
    for layer in &rows.layers {
        let mut next = (room - length(layer)) / 2.0;
        for cell in layer {
            set(&mut middles, *cell, next + space(*cell) / 2.0);
            next += space(*cell);
        }
    }
    let rounds = MOVES.checked_div(middles.len()).unwrap_or(0).clamp(8, 60);
    for round in 0..rounds {
        let order: Vec<&Vec<usize>> =
            if round % 2 == 0 { rows.layers.iter().collect() } else { rows.layers.iter().rev().collect() };
        for layer in order {
            let wished: Vec<(f64, f64, f64)> =
                layer.iter().map(|cell| wish(rows, *cell, boxes, &middles, space(*cell))).collect();
            let found = in_order(&wished, room - length(layer));
            for (cell, middle) in layer.iter().zip(found) {
                set(&mut middles, *cell, middle);
            }
        }
    }
    let low = rows.layers.iter().flatten().map(|cell| at(&middles, *cell) - space(*cell) / 2.0).fold(room, f64::min);
    let high = rows.layers.iter().flatten().map(|cell| at(&middles, *cell) + space(*cell) / 2.0).fold(0.0, f64::max);
    middles.iter_mut().for_each(|middle| *middle -= low + gap / 2.0);
    (middles, (high - low - gap).max(0.0))
}

/// Where a cell would like to be, how much, and the space it takes.
fn wish(rows: &Rows, cell: usize, boxes: usize, middles: &[f64], space: f64) -> (f64, f64, f64) {
    let near = [&rows.above, &rows.below].into_iter().flat_map(|side| side.get(cell).into_iter().flatten());
    let (mut sum, mut weight) = (0.0, 0.0);
    for other in near {
        let care = if *other >= boxes && cell >= boxes { STRAIGHT } else { 1.0 };
        (sum, weight) = (sum + care * at(middles, *other), weight + care);
    }
    if weight > 0.0 { (sum / weight, weight, space) } else { (at(middles, cell), 0.1, space) }
}

/// The places nearest to the wished ones (least squares) that keep order and space, none beyond `free` room: neighbours whose
/// wishes conflict move as one block.
fn in_order(wished: &[(f64, f64, f64)], free: f64) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    let mut before = 0.0;
    let mut starts = Vec::with_capacity(wished.len());
    for (wish, weight, space) in wished {
        let start = before + space / 2.0;
        starts.push(start);
        before += space;
        let mut block = (wish - start, *weight, 1_usize);
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
