//! Where boxes and curves lie on the page. A curve bends only in the channels between layers, where no box is, and passes
//! a layer straight on, in a lane of its own: so none runs beneath a box.

use super::{
    places::middles,
    ranks::{LANE, Sketch, at, set},
    rows::Rows,
};

/// How high every box is.
pub(super) const HEIGHT: f64 = 46.0;
/// Up to this width a drawing fits on a screen at 100 %.
const SCREEN: f64 = 1600.0;
/// Between parts that nothing links.
const APART: f64 = 44.0;

/// Points of the page, in pixels.
pub(super) type Point = (f64, f64);

/// A box's place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    pub x: f64,
    pub y: f64,
    pub width: f64,
}

/// A link's way: a start, then cubic curves and straight lines by turns.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    pub start: Point,
    pub pieces: Vec<Piece>,
    /// It runs against the rest, since it closes a circle.
    pub back: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Piece {
    Line(Point),
    Bend(Point, Point, Point),
}

/// Everything in its place; boxes and curves by the number of their box and link.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub width: f64,
    pub height: f64,
    pub frames: Vec<Frame>,
    pub curves: Vec<Curve>,
}

/// Which way the links run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Right,
    Down,
}

/// From left to right where that fits on a screen, else from top to bottom, long layers folded into several.
pub(super) fn layout(sketch: &Sketch, bundles: &[usize], groups: &[usize]) -> Picture {
    let back = sketch.backwards();
    let parts = parts(sketch);
    let all = |run: Run, room: Option<f64>| {
        packed(sketch, parts.iter().map(|part| (part, lay(sketch, part, &back, bundles, groups, run, room))).collect())
    };
    let right = all(Run::Right, None);
    if right.width <= SCREEN && right.height <= (2.0 * right.width).max(SCREEN) {
        return right;
    }
    // A box takes about this much of the page with what is around it.
    let area: f64 = sketch.widths.iter().map(|width| (width + 2.0 * LANE) * 2.2 * HEIGHT).sum();
    all(Run::Down, Some(area.sqrt().max(SCREEN * 0.85)))
}

/// Boxes and links that hang together, the first box first.
struct Part {
    nodes: Vec<usize>,
    links: Vec<usize>,
}

fn parts(sketch: &Sketch) -> Vec<Part> {
    let mut lead: Vec<usize> = (0..sketch.widths.len()).collect();
    fn root(lead: &mut [usize], mut node: usize) -> usize {
        while at(lead, node) != node {
            let above = at(lead, at(lead, node));
            set(lead, node, above);
            node = above;
        }
        node
    }
    for (from, to) in &sketch.links {
        let (one, other) = (root(&mut lead, *from), root(&mut lead, *to));
        set(&mut lead, one.max(other), one.min(other));
    }
    let mut number = vec![usize::MAX; lead.len()];
    let mut parts: Vec<Part> = Vec::new();
    for node in 0..lead.len() {
        let lead = root(&mut lead, node);
        if node == lead {
            set(&mut number, node, parts.len());
            parts.push(Part { nodes: Vec::new(), links: Vec::new() });
        }
        parts.get_mut(at(&number, lead)).into_iter().for_each(|part| part.nodes.push(node));
    }
    for (link, (from, _)) in sketch.links.iter().enumerate() {
        let lead = root(&mut lead, *from);
        parts.get_mut(at(&number, lead)).into_iter().for_each(|part| part.links.push(link));
    }
    parts
}

/// One part, its upper left corner at 0, 0; frames and curves in the order of its boxes and links.
fn lay(
    sketch: &Sketch,
    part: &Part,
    back: &[bool],
    bundles: &[usize],
    groups: &[usize],
    run: Run,
    room: Option<f64>,
) -> Picture {
    let pick = |values: &[usize]| part.nodes.iter().map(|node| at(values, *node)).collect::<Vec<_>>();
    let local = |node: usize| part.nodes.binary_search(&node).unwrap_or_default();
    let own = Sketch { widths: part.nodes.iter().map(|node| at(&sketch.widths, *node)).collect(), links: Vec::new() };
    let boxes = own.widths.len();
    let (mut arcs, mut of_arcs) = (Vec::new(), Vec::new());
    for link in &part.links {
        let (from, to) = at(&sketch.links, *link);
        let turned = at(back, *link);
        arcs.push(if turned { (local(to), local(from)) } else { (local(from), local(to)) });
        // What runs backwards has lanes of its own.
        of_arcs.push(if turned { link.saturating_add(usize::from(u8::MAX)) } else { at(bundles, *link) });
    }
    let ranks = own.ranks(&arcs, room);
    let rows = Rows::of(&ranks, &arcs, &of_arcs, &pick(groups));
    let sizes: Vec<f64> = (0..rows.above.len())
        .map(|cell| match own.widths.get(cell) {
            Some(width) if run == Run::Down => *width,
            Some(_) => HEIGHT,
            None => LANE,
        })
        .collect();
    let (middles, length) = middles(&rows, &sizes, boxes, if run == Run::Down { 22.0 } else { 18.0 });
    let mut bands = bands(&rows, &own.widths, &middles, run);
    let depth = bands.last().map_or(0.0, |band| band.1);
    // Where links run to the right, all boxes of a layer are as wide as its widest.
    let mut frames = vec![Frame::default(); boxes];
    let mut band_of = vec![(0.0, 0.0); middles.len()];
    for (layer, band) in rows.layers.iter().zip(bands.drain(..)) {
        for cell in layer {
            set(&mut band_of, *cell, band);
            let (middle, width) = (at(&middles, *cell), at(&own.widths, *cell));
            let frame = match run {
                Run::Right => Frame { x: band.0, y: middle - HEIGHT / 2.0, width: band.1 - band.0 },
                Run::Down => Frame { x: middle - width / 2.0, y: band.0, width },
            };
            set(&mut frames, *cell, frame);
        }
    }
    let turned = part.links.iter().map(|link| at(back, *link));
    let curves = rows.ways.iter().zip(turned).map(|(way, back)| curve(way, back, &middles, &sizes, &band_of, run));
    let curves = curves.collect();
    let (width, height) = if run == Run::Right { (depth, length) } else { (length, depth) };
    Picture { width, height, frames, curves }
}

/// From where to where each layer reaches, along the run. A channel is deeper where its links have further to go.
fn bands(rows: &Rows, widths: &[f64], middles: &[f64], run: Run) -> Vec<(f64, f64)> {
    let (base, most) = if run == Run::Right { (58.0, 60.0) } else { (30.0, 40.0) };
    let mut bands = Vec::with_capacity(rows.layers.len());
    let mut next = 0.0;
    for layer in &rows.layers {
        let depth = match run {
            Run::Right => layer.iter().filter_map(|cell| widths.get(*cell).copied()).fold(0.0, f64::max),
            Run::Down => HEIGHT,
        };
        let steps = layer.iter().flat_map(|cell| {
            let below = rows.below.get(*cell).into_iter().flatten();
            below.map(|lower| (at(middles, *lower) - at(middles, *cell)).abs())
        });
        let furthest = steps.fold(0.0, f64::max);
        bands.push((next, next + depth));
        next += depth + base + (furthest * 0.08).min(most);
    }
    bands
}

fn curve(way: &[usize], back: bool, middles: &[f64], sizes: &[f64], bands: &[(f64, f64)], run: Run) -> Curve {
    // Where it closes a circle it keeps beside the middle, where the link the other way may be, on the side it goes to.
    let beside = |cell: usize, next: Option<&usize>| {
        let (middle, off) = (at(middles, cell), if back { (at(sizes, cell) / 4.0).min(24.0) } else { 0.0 });
        let is_before = next.is_some_and(|next| at(middles, *next) < middle && way.len() > 2);
        if is_before { middle - off } else { middle + off }
    };
    let mut stops: Vec<(f64, f64)> = Vec::new();
    let last = way.len().saturating_sub(1);
    for (number, cell) in way.iter().enumerate() {
        let (near, far) = at(bands, *cell);
        let across = match number {
            0 => beside(*cell, way.get(1)),
            _ if number == last => beside(*cell, way.get(last.saturating_sub(1))),
            _ => at(middles, *cell),
        };
        if number > 0 {
            stops.push((if number == last && !back { near - 2.0 } else { near }, across));
        }
        if number < last {
            stops.push((if number == 0 && back { far + 2.0 } else { far }, across));
        }
    }
    if back {
        stops.reverse();
    }
    let point = |(along, across): (f64, f64)| if run == Run::Right { (along, across) } else { (across, along) };
    let mut stops = stops.into_iter();
    let mut here = stops.next().unwrap_or_default();
    let mut curve = Curve { start: point(here), pieces: Vec::new(), back };
    for (number, stop) in stops.enumerate() {
        curve.pieces.push(if number % 2 == 0 {
            let half = (here.0 + stop.0) / 2.0;
            Piece::Bend(point((half, here.1)), point((half, stop.1)), point(stop))
        } else {
            Piece::Line(point(stop))
        });
        here = stop;
    }
    curve
}

/// The parts beside and below one another, the highest first, each where it reaches down least.
fn packed(sketch: &Sketch, mut parts: Vec<(&Part, Picture)>) -> Picture {
    parts.sort_by(|one, other| other.1.height.total_cmp(&one.1.height));
    let area: f64 = parts.iter().map(|(_, part)| (part.width + APART) * (part.height + APART)).sum();
    let widest = parts.iter().map(|(_, part)| part.width + APART).fold(0.0, f64::max);
    // Beside a high part there may be as much, up to a screen's width.
    let highest = parts.first().map_or(0.0, |(_, part)| part.height);
    let room = widest.max(area.sqrt() * 1.2).max(SCREEN * 0.6).max(highest.min(SCREEN + APART));
    let mut whole = Picture {
        frames: vec![Frame::default(); sketch.widths.len()],
        curves: vec![Curve::default(); sketch.links.len()],
        ..Picture::default()
    };
    // How far down the page is taken, from left to right: from where, and how far.
    let mut taken: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    for (part, picture) in parts {
        let (wide, high) = (picture.width + APART, picture.height + APART);
        let below = |x: f64| {
            let ends = taken.iter().skip(1).map(|step| step.0).chain([room]);
            let under = taken.iter().zip(ends).filter(|(step, end)| step.0 < x + wide && *end > x);
            under.map(|(step, _)| step.1).fold(0.0, f64::max)
        };
        let spots = taken.iter().map(|step| step.0).filter(|x| x + wide <= room + 0.5);
        let (x, y) = spots
            .map(|x| (x, below(x)))
            .min_by(|one, other| one.1.total_cmp(&other.1).then(one.0.total_cmp(&other.0)))
            .unwrap_or_default();
        let after = taken.iter().rev().find(|step| step.0 <= x + wide).map_or(0.0, |step| step.1);
        taken.retain(|step| step.0 < x || step.0 > x + wide);
        taken.extend([(x, y + high), (x + wide, after)]);
        taken.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (node, frame) in part.nodes.iter().zip(picture.frames) {
            set(&mut whole.frames, *node, Frame { x: frame.x + x, y: frame.y + y, ..frame });
        }
        for (link, curve) in part.links.iter().zip(picture.curves) {
            set(&mut whole.curves, *link, curve.moved(x, y));
        }
        (whole.width, whole.height) = (whole.width.max(x + picture.width), whole.height.max(y + picture.height));
    }
    whole
}

impl Curve {
    pub fn moved(self, x: f64, y: f64) -> Curve {
        let point = |point: Point| (point.0 + x, point.1 + y);
        let piece = |piece| match piece {
            Piece::Line(to) => Piece::Line(point(to)),
            Piece::Bend(one, other, to) => Piece::Bend(point(one), point(other), point(to)),
        };
        Curve { start: point(self.start), pieces: self.pieces.into_iter().map(piece).collect(), back: self.back }
    }
}
