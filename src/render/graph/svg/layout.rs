//! Where boxes and curves lie on the page. A curve bends only in the channels between layers, where no box is, and passes
//! a layer straight on, in a lane of its own: so none runs beneath a box.

use super::{
    coordinates::center_positions,
    ordering::LayerOrder,
    ranks::{LANE_WIDTH, LayoutGraph, get_or_default, set_if_present},
};

/// How high every box is.
pub(super) const BOX_HEIGHT: f64 = 46.0;
/// Up to this width a drawing fits on a screen at 100 %.
const SCREEN_WIDTH: f64 = 1600.0;
/// Between parts that nothing links.
const COMPONENT_GAP: f64 = 44.0;

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
    pub segments: Vec<CurveSegment>,
    /// It runs against the rest, since it closes a circle.
    pub is_back: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum CurveSegment {
    Line(Point),
    Cubic(Point, Point, Point),
}

/// Everything in its place; boxes and curves by the number of their box and link.
#[derive(Debug, Default)]
pub(super) struct GraphLayout {
    pub width: f64,
    pub height: f64,
    pub frames: Vec<Frame>,
    pub curves: Vec<Curve>,
}

/// Which way the links run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LayoutDirection {
    LeftToRight,
    TopToBottom,
}

/// From left to right where that fits on a screen, else from top to bottom, long layers folded into several.
pub(super) fn lay_out(graph: &LayoutGraph, bundles: &[usize], groups: &[usize]) -> GraphLayout {
    let back = graph.back_links();
    let components = components(graph);
    let arrange = |direction: LayoutDirection, room: Option<f64>| {
        pack(
            graph,
            components
                .iter()
                .map(|part| (part, lay_out_component(graph, part, &back, bundles, groups, direction, room)))
                .collect(),
        )
    };
    let right = arrange(LayoutDirection::LeftToRight, None);
    if right.width <= SCREEN_WIDTH && right.height <= (2.0 * right.width).max(SCREEN_WIDTH) {
        return right;
    }
    // A box takes about this much of the page with what is around it.
    let area: f64 = graph.widths.iter().map(|width| (width + 2.0 * LANE_WIDTH) * 2.2 * BOX_HEIGHT).sum();
    arrange(LayoutDirection::TopToBottom, Some(area.sqrt().max(SCREEN_WIDTH * 0.85)))
}

/// Boxes and links that hang together, the first box first.
struct Component {
    nodes: Vec<usize>,
    links: Vec<usize>,
}

fn components(graph: &LayoutGraph) -> Vec<Component> {
    let mut parent: Vec<usize> = (0..graph.widths.len()).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while get_or_default(parent, node) != node {
            let above = get_or_default(parent, get_or_default(parent, node));
            set_if_present(parent, node, above);
            node = above;
        }
        node
    }
    for (from, to) in &graph.links {
        let (one, other) = (root(&mut parent, *from), root(&mut parent, *to));
        set_if_present(&mut parent, one.max(other), one.min(other));
    }
    let mut component_number = vec![usize::MAX; parent.len()];
    let mut components: Vec<Component> = Vec::new();
    for node in 0..parent.len() {
        let root_node = root(&mut parent, node);
        if node == root_node {
            set_if_present(&mut component_number, node, components.len());
            components.push(Component { nodes: Vec::new(), links: Vec::new() });
        }
        components
            .get_mut(get_or_default(&component_number, root_node))
            .into_iter()
            .for_each(|part| part.nodes.push(node));
    }
    for (link, (from, _)) in graph.links.iter().enumerate() {
        let root_node = root(&mut parent, *from);
        components
            .get_mut(get_or_default(&component_number, root_node))
            .into_iter()
            .for_each(|part| part.links.push(link));
    }
    components
}

/// One part, its upper left corner at 0, 0; frames and curves in the order of its boxes and links.
fn lay_out_component(
    graph: &LayoutGraph,
    component: &Component,
    back: &[bool],
    bundles: &[usize],
    groups: &[usize],
    direction: LayoutDirection,
    room: Option<f64>,
) -> GraphLayout {
    let pick = |values: &[usize]| component.nodes.iter().map(|node| get_or_default(values, *node)).collect::<Vec<_>>();
    let local = |node: usize| component.nodes.binary_search(&node).unwrap_or_default();
    let local_graph = LayoutGraph {
        widths: component.nodes.iter().map(|node| get_or_default(&graph.widths, *node)).collect(),
        links: Vec::new(),
    };
    let boxes = local_graph.widths.len();
    let (mut arcs, mut of_arcs) = (Vec::new(), Vec::new());
    for link in &component.links {
        let (from, to) = get_or_default(&graph.links, *link);
        let turned = get_or_default(back, *link);
        arcs.push(if turned { (local(to), local(from)) } else { (local(from), local(to)) });
        // What runs backwards has lanes of its own.
        of_arcs.push(if turned { link.saturating_add(usize::from(u8::MAX)) } else { get_or_default(bundles, *link) });
    }
    let ranks = local_graph.ranks(&arcs, room);
    let layer_order = LayerOrder::of(&ranks, &arcs, &of_arcs, &pick(groups));
    let sizes: Vec<f64> = (0..layer_order.upper_neighbors.len())
        .map(|cell| match local_graph.widths.get(cell) {
            Some(width) if direction == LayoutDirection::TopToBottom => *width,
            Some(_) => BOX_HEIGHT,
            None => LANE_WIDTH,
        })
        .collect();
    let (middles, length) = center_positions(
        &layer_order,
        &sizes,
        boxes,
        if direction == LayoutDirection::TopToBottom { 22.0 } else { 18.0 },
    );
    let mut bands = layer_bands(&layer_order, &local_graph.widths, &middles, direction);
    let depth = bands.last().map_or(0.0, |band| band.1);
    // Where links run to the right, all boxes of a layer are as wide as its widest.
    let mut frames = vec![Frame::default(); boxes];
    let mut band_of = vec![(0.0, 0.0); middles.len()];
    for (layer, band) in layer_order.layers.iter().zip(bands.drain(..)) {
        for cell in layer {
            set_if_present(&mut band_of, *cell, band);
            let (middle, width) = (get_or_default(&middles, *cell), get_or_default(&local_graph.widths, *cell));
            let frame = match direction {
                LayoutDirection::LeftToRight => {
                    Frame { x: band.0, y: middle - BOX_HEIGHT / 2.0, width: band.1 - band.0 }
                }
                LayoutDirection::TopToBottom => Frame { x: middle - width / 2.0, y: band.0, width },
            };
            set_if_present(&mut frames, *cell, frame);
        }
    }
    let turned = component.links.iter().map(|link| get_or_default(back, *link));
    let curves = layer_order
        .paths
        .iter()
        .zip(turned)
        .map(|(way, back)| route_curve(way, back, &middles, &sizes, &band_of, direction));
    let curves = curves.collect();
    let (width, height) = if direction == LayoutDirection::LeftToRight { (depth, length) } else { (length, depth) };
    GraphLayout { width, height, frames, curves }
}

/// From where to where each layer reaches, along the run. A channel is deeper where its links have further to go.
fn layer_bands(
    layer_order: &LayerOrder,
    widths: &[f64],
    middles: &[f64],
    direction: LayoutDirection,
) -> Vec<(f64, f64)> {
    let (base, most) = if direction == LayoutDirection::LeftToRight { (58.0, 60.0) } else { (30.0, 40.0) };
    let mut bands = Vec::with_capacity(layer_order.layers.len());
    let mut next = 0.0;
    for layer in &layer_order.layers {
        let depth = match direction {
            LayoutDirection::LeftToRight => {
                layer.iter().filter_map(|cell| widths.get(*cell).copied()).fold(0.0, f64::max)
            }
            LayoutDirection::TopToBottom => BOX_HEIGHT,
        };
        let steps = layer.iter().flat_map(|cell| {
            let below = layer_order.lower_neighbors.get(*cell).into_iter().flatten();
            below.map(|lower| (get_or_default(middles, *lower) - get_or_default(middles, *cell)).abs())
        });
        let furthest = steps.fold(0.0, f64::max);
        bands.push((next, next + depth));
        next += depth + base + (furthest * 0.08).min(most);
    }
    bands
}

fn route_curve(
    path: &[usize],
    is_back: bool,
    middles: &[f64],
    sizes: &[f64],
    bands: &[(f64, f64)],
    direction: LayoutDirection,
) -> Curve {
    // Where it closes a circle it keeps beside the middle, where the link the other way may be, on the side it goes to.
    let end_position = |cell: usize, next: Option<&usize>| {
        let (middle, off) =
            (get_or_default(middles, cell), if is_back { (get_or_default(sizes, cell) / 4.0).min(24.0) } else { 0.0 });
        let is_before = next.is_some_and(|next| get_or_default(middles, *next) < middle && path.len() > 2);
        if is_before { middle - off } else { middle + off }
    };
    let mut stops: Vec<(f64, f64)> = Vec::new();
    let last = path.len().saturating_sub(1);
    for (number, cell) in path.iter().enumerate() {
        let (near, far) = get_or_default(bands, *cell);
        let across = match number {
            0 => end_position(*cell, path.get(1)),
            _ if number == last => end_position(*cell, path.get(last.saturating_sub(1))),
            _ => get_or_default(middles, *cell),
        };
        if number > 0 {
            stops.push((if number == last && !is_back { near - 2.0 } else { near }, across));
        }
        if number < last {
            stops.push((if number == 0 && is_back { far + 2.0 } else { far }, across));
        }
    }
    if is_back {
        stops.reverse();
    }
    let point = |(along, across): (f64, f64)| {
        if direction == LayoutDirection::LeftToRight { (along, across) } else { (across, along) }
    };
    let mut stops = stops.into_iter();
    let mut here = stops.next().unwrap_or_default();
    let mut curve = Curve { start: point(here), segments: Vec::new(), is_back };
    for (number, stop) in stops.enumerate() {
        curve.segments.push(if number % 2 == 0 {
            let half = (here.0 + stop.0) / 2.0;
            CurveSegment::Cubic(point((half, here.1)), point((half, stop.1)), point(stop))
        } else {
            CurveSegment::Line(point(stop))
        });
        here = stop;
    }
    curve
}

/// The parts beside and below one another, the highest first, each where it reaches down least.
fn pack(graph: &LayoutGraph, mut components: Vec<(&Component, GraphLayout)>) -> GraphLayout {
    components.sort_by(|one, other| other.1.height.total_cmp(&one.1.height));
    let area: f64 =
        components.iter().map(|(_, part)| (part.width + COMPONENT_GAP) * (part.height + COMPONENT_GAP)).sum();
    let widest = components.iter().map(|(_, part)| part.width + COMPONENT_GAP).fold(0.0, f64::max);
    // Beside a high part there may be as much, up to a screen's width.
    let highest = components.first().map_or(0.0, |(_, part)| part.height);
    let room = widest.max(area.sqrt() * 1.2).max(SCREEN_WIDTH * 0.6).max(highest.min(SCREEN_WIDTH + COMPONENT_GAP));
    let mut combined = GraphLayout {
        frames: vec![Frame::default(); graph.widths.len()],
        curves: vec![Curve::default(); graph.links.len()],
        ..GraphLayout::default()
    };
    // How far down the page is taken, from left to right: from where, and how far.
    let mut skyline: Vec<(f64, f64)> = vec![(0.0, 0.0)];
    for (part, picture) in components {
        let (wide, high) = (picture.width + COMPONENT_GAP, picture.height + COMPONENT_GAP);
        let below = |x: f64| {
            let ends = skyline.iter().skip(1).map(|step| step.0).chain([room]);
            let under = skyline.iter().zip(ends).filter(|(step, end)| step.0 < x + wide && *end > x);
            under.map(|(step, _)| step.1).fold(0.0, f64::max)
        };
        let candidates = skyline.iter().map(|step| step.0).filter(|x| x + wide <= room + 0.5);
        let (x, y) = candidates
            .map(|x| (x, below(x)))
            .min_by(|one, other| one.1.total_cmp(&other.1).then(one.0.total_cmp(&other.0)))
            .unwrap_or_default();
        let after = skyline.iter().rev().find(|step| step.0 <= x + wide).map_or(0.0, |step| step.1);
        skyline.retain(|step| step.0 < x || step.0 > x + wide);
        skyline.extend([(x, y + high), (x + wide, after)]);
        skyline.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (node, frame) in part.nodes.iter().zip(picture.frames) {
            set_if_present(&mut combined.frames, *node, Frame { x: frame.x + x, y: frame.y + y, ..frame });
        }
        for (link, curve) in part.links.iter().zip(picture.curves) {
            set_if_present(&mut combined.curves, *link, curve.translated(x, y));
        }
        (combined.width, combined.height) =
            (combined.width.max(x + picture.width), combined.height.max(y + picture.height));
    }
    combined
}

impl Curve {
    pub fn translated(self, x: f64, y: f64) -> Curve {
        let point = |point: Point| (point.0 + x, point.1 + y);
        let piece = |piece| match piece {
            CurveSegment::Line(to) => CurveSegment::Line(point(to)),
            CurveSegment::Cubic(one, other, to) => CurveSegment::Cubic(point(one), point(other), point(to)),
        };
        Curve {
            start: point(self.start),
            segments: self.segments.into_iter().map(piece).collect(),
            is_back: self.is_back,
        }
    }
}
