//! Positions of boxes and curves on the page. A curve bends only in the channels between layers, which have no boxes,
//! and crosses a layer straight in its own lane. Therefore no curve runs beneath a box.

use super::{
    coordinates::center_positions,
    ordering::LayerOrder,
    ranks::{LANE_WIDTH, LayoutGraph, get_or_default, set_if_present},
};

/// The height of every box.
pub(super) const BOX_HEIGHT: f64 = 46.0;
/// The maximum width at which a drawing fits on a screen at 100 %.
const SCREEN_WIDTH: f64 = 1600.0;
/// The gap between components that no link connects.
const COMPONENT_GAP: f64 = 44.0;

/// A point on the page, in pixels.
pub(super) type Point = (f64, f64);

/// The position and width of a box.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    /// The left edge of the box.
    pub x: f64,
    /// The top edge of the box.
    pub y: f64,
    /// The width of the box.
    pub width: f64,
}

/// The path of a link: a start, then cubic curves and straight lines in alternation.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve {
    /// The point where the curve starts.
    pub start: Point,
    /// The segments, each starting where the previous one ends.
    pub segments: Vec<CurveSegment>,
    /// Whether it runs against the direction of the other links, since it closes a cycle.
    pub is_back: bool,
}

/// One segment of a curve.
#[derive(Debug, Clone, Copy)]
pub(super) enum CurveSegment {
    /// A straight line to this point.
    Line(Point),
    /// A cubic Bézier curve: two control points and the end.
    Cubic(Point, Point, Point),
}

/// The positions of all boxes and curves, by the number of their box and link.
#[derive(Debug, Default)]
pub(super) struct GraphLayout {
    /// The width of the whole drawing.
    pub width: f64,
    /// The height of the whole drawing.
    pub height: f64,
    /// The position of each box.
    pub frames: Vec<Frame>,
    /// The path of each link.
    pub curves: Vec<Curve>,
}

/// The direction of the links.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LayoutDirection {
    /// The layers are columns.
    LeftToRight,
    /// The layers are rows.
    TopToBottom,
}

/// Lays out a graph from left to right if that fits on a screen, otherwise from top to bottom with long
/// layers folded into several.
pub(super) fn lay_out(graph: &LayoutGraph, bundles: &[usize], groups: &[usize]) -> GraphLayout {
    let back = graph.back_links();
    let inputs = LayoutInputs { graph, back: &back, bundles, groups };
    let components = components(graph);
    let arrange = |direction: LayoutDirection, room: Option<f64>| {
        pack(graph, components.iter().map(|part| (part, lay_out_component(inputs, part, direction, room))).collect())
    };
    let right = arrange(LayoutDirection::LeftToRight, None);
    if right.width <= SCREEN_WIDTH && right.height <= (2.0 * right.width).max(SCREEN_WIDTH) {
        return right;
    }
    // The approximate area of a box with the space around it.
    let area: f64 = graph.widths.iter().map(|width| (width + 2.0 * LANE_WIDTH) * 2.2 * BOX_HEIGHT).sum();
    arrange(LayoutDirection::TopToBottom, Some(area.sqrt().max(SCREEN_WIDTH * 0.85)))
}

/// The whole graph, and what the order of its boxes and links depends on.
#[derive(Clone, Copy)]
struct LayoutInputs<'a> {
    /// The boxes and links of the whole graph.
    graph: &'a LayoutGraph,
    /// For each link, whether it runs against the direction of the others.
    back: &'a [bool],
    /// The bundle of each link.
    bundles: &'a [usize],
    /// The group of each box.
    groups: &'a [usize],
}

/// Boxes and links that are connected with each other, in ascending order.
struct Component {
    /// The numbers of the boxes.
    nodes: Vec<usize>,
    /// The numbers of the links.
    links: Vec<usize>,
}

/// Returns the connected components of a graph, found with union-find.
fn components(graph: &LayoutGraph) -> Vec<Component> {
    let mut parent: Vec<usize> = (0..graph.widths.len()).collect();
    /// Returns the root of a box's set, and shortens the path to it.
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

/// Lays out one component with its upper left corner at 0, 0. Frames and curves are in the order of its
/// boxes and links.
fn lay_out_component(
    inputs: LayoutInputs,
    component: &Component,
    direction: LayoutDirection,
    room: Option<f64>,
) -> GraphLayout {
    let LayoutInputs { graph, back, bundles, groups } = inputs;
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
        // Links that run backward have their own lanes.
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
    // If links run to the right, all boxes of a layer are as wide as the widest one.
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
    let cells = CellPositions { middles: &middles, sizes: &sizes, bands: &band_of, direction };
    let turned = component.links.iter().map(|link| get_or_default(back, *link));
    let curves = layer_order.paths.iter().zip(turned).map(|(way, back)| route_curve(&cells, way, back));
    let curves = curves.collect();
    let (width, height) = if direction == LayoutDirection::LeftToRight { (depth, length) } else { (length, depth) };
    GraphLayout { width, height, frames, curves }
}

/// Returns the start and the end of each layer in the direction of the links. The channel after a layer is deeper if
/// its links have a longer way.
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

/// Where the cells of a component are, by the number of the cell.
struct CellPositions<'a> {
    /// The middle of each cell across the direction of the links.
    middles: &'a [f64],
    /// The size of each cell across the direction of the links.
    sizes: &'a [f64],
    /// The start and end of each cell in the direction of the links.
    bands: &'a [(f64, f64)],
    /// The direction of the links.
    direction: LayoutDirection,
}

/// Returns the curve of a link through the cells of its path.
fn route_curve(cells: &CellPositions, path: &[usize], is_back: bool) -> Curve {
    let CellPositions { middles, sizes, bands, direction } = *cells;
    // A link that closes a cycle is placed off center, on the side to which it goes, since the link in the other
    // direction may be at the center.
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

/// Places the components next to and below each other, the highest first, each where its bottom edge is highest.
fn pack(graph: &LayoutGraph, mut components: Vec<(&Component, GraphLayout)>) -> GraphLayout {
    components.sort_by(|one, other| other.1.height.total_cmp(&one.1.height));
    let area: f64 =
        components.iter().map(|(_, part)| (part.width + COMPONENT_GAP) * (part.height + COMPONENT_GAP)).sum();
    let widest = components.iter().map(|(_, part)| part.width + COMPONENT_GAP).fold(0.0, f64::max);
    // The page may be as wide as its highest component is high, up to the width of a screen.
    let highest = components.first().map_or(0.0, |(_, part)| part.height);
    let room = widest.max(area.sqrt() * 1.2).max(SCREEN_WIDTH * 0.6).max(highest.min(SCREEN_WIDTH + COMPONENT_GAP));
    let mut combined = GraphLayout {
        frames: vec![Frame::default(); graph.widths.len()],
        curves: vec![Curve::default(); graph.links.len()],
        ..GraphLayout::default()
    };
    // The skyline: how far down the page is used, from left to right, as pairs of x and the used height
    // from there on.
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
    /// Returns the curve moved by `x` and `y`.
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
