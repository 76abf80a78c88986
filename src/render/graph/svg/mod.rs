//! The lineage as an SVG image, drawn without another program.
//!
//! `ranks` assigns each box to a layer, `ordering` orders the layers, `coordinates` computes positions within them,
//! `layout` places everything on the page, and `legend` explains colors and lines below the drawing.

mod coordinates;
mod layout;
mod legend;
mod ordering;
mod page;
mod ranks;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;

use std::{collections::BTreeMap, fmt::Write};

use self::{
    layout::{BOX_HEIGHT, Curve, CurveSegment, Frame, GraphLayout, lay_out},
    legend::{Legend, PoolColors, pool_colors},
    page::{MARGIN, SUBTITLE_CHAR_WIDTH, escape_xml},
    ranks::LayoutGraph,
};
use super::labels::{flow_name, node_label, node_subtitle};
use crate::graph::lineage::{Lineage, LineageEdgeKind, LineageNode, LineageNodeKind};

/// The mean width of a character of a box's title, in pixels.
const TITLE_CHAR_WIDTH: f64 = 7.4;
/// The most characters of a title that are shown. The tooltip of the box has the whole name.
const MAX_TITLE_CHARS: usize = 34;

/// Returns the lineage as an SVG image.
pub fn graph_svg(lineage: &Lineage) -> String {
    if lineage.nodes.is_empty() {
        return empty_image();
    }
    let drawing = Drawing::of(lineage);
    let GraphLayout { width, height, frames, curves } = &drawing.layout;
    let legend = Legend::of(lineage, drawing.links.iter().any(DrawnLink::is_declared), *width);
    let (width, total) = (width.max(legend.width) + 2.0 * MARGIN, height + 2.0 * MARGIN + legend.height);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{total:.0}\" \
         viewBox=\"0 0 {width:.0} {total:.0}\" font-family=\"Inter, Helvetica, Arial, sans-serif\">"
    );
    text.push_str("<defs>");
    for (id, color) in [("tip", "#80868b"), ("back", "#c26401")] {
        let _ = write!(
            text,
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path d=\"M0 0.8 L7 4 L0 7.2 z\" fill=\"{color}\"/></marker>"
        );
    }
    text.push_str("</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    for (link, curve) in drawing.links.iter().zip(curves) {
        write_arrow(&mut text, link, curve);
    }
    let pools = pool_numbers(lineage);
    for ((node, looks), frame) in lineage.nodes.iter().zip(frames) {
        let number = pools.get(node).copied().unwrap_or_default();
        let placed = PlacedNode { node, kind: *looks, frame: *frame };
        write_box(&mut text, lineage, &placed, &pool_colors(number, lineage.pools.len()));
    }
    legend.draw(&mut text, height + MARGIN);
    text.push_str("</svg>\n");
    text
}

/// Returns the image for a lineage without nodes.
fn empty_image() -> String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"420\" height=\"80\" viewBox=\"0 0 420 80\" \
     font-family=\"Inter, Helvetica, Arial, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
     <text x=\"28\" y=\"45\" font-size=\"14\" fill=\"#3c4043\">Nothing to draw: there are no statements.</text>\n</svg>\n"
        .to_owned()
}

/// The boxes, in the order of `Lineage::nodes`, and the links between them, with their positions.
struct Drawing<'a> {
    /// The links, in the order of the layout's curves.
    links: Vec<DrawnLink<'a>>,
    /// The positions of boxes and links.
    layout: GraphLayout,
}

/// All edges from one box to another, drawn as one line.
struct DrawnLink<'a> {
    /// The box where the link starts.
    from: &'a LineageNode,
    /// The box where the link ends.
    to: &'a LineageNode,
    /// The kinds of the edges that it stands for.
    flows: Vec<LineageEdgeKind>,
}

impl Drawing<'_> {
    /// Lays out the nodes and edges of a lineage.
    fn of(lineage: &Lineage) -> Drawing<'_> {
        let numbers: BTreeMap<&LineageNode, usize> =
            lineage.nodes.keys().enumerate().map(|(number, node)| (node, number)).collect();
        let mut links_by_ends: BTreeMap<(usize, usize), DrawnLink<'_>> = BTreeMap::new();
        for link in &lineage.edges {
            if let (Some(from), Some(to)) = (numbers.get(&link.from), numbers.get(&link.to))
                && from != to
            {
                let drawn_link = DrawnLink { from: &link.from, to: &link.to, flows: Vec::new() };
                links_by_ends.entry((*from, *to)).or_insert(drawn_link).flows.push(link.kind);
            }
        }
        let layout_graph = LayoutGraph {
            widths: lineage.nodes.iter().map(|(node, looks)| box_width(lineage, node, *looks)).collect(),
            links: links_by_ends.keys().copied().collect(),
        };
        let links: Vec<DrawnLink<'_>> = links_by_ends.into_values().collect();
        let bundles: Vec<usize> = links.iter().map(|line| usize::from(line.is_declared())).collect();
        let pools: BTreeMap<&LineageNode, usize> = pool_numbers(lineage);
        let groups: Vec<usize> =
            lineage.nodes.keys().map(|node| pools.get(node).map_or(0, |number| number.saturating_add(1))).collect();
        Drawing { layout: lay_out(&layout_graph, &bundles, &groups).with_margin(), links }
    }
}

impl DrawnLink<'_> {
    /// Returns whether the link is only declared in a manifest.
    fn is_declared(&self) -> bool {
        self.flows.iter().all(|flow| !flow.is_inferred())
    }
}

impl GraphLayout {
    /// Returns the layout moved right and down by the margin.
    fn with_margin(mut self) -> GraphLayout {
        for frame in &mut self.frames {
            (frame.x, frame.y) = (frame.x + MARGIN, frame.y + MARGIN);
        }
        self.curves = self.curves.into_iter().map(|curve| curve.translated(MARGIN, MARGIN)).collect();
        self
    }
}

/// Returns the width that the text of a box needs.
fn box_width(lineage: &Lineage, node: &LineageNode, node_kind: LineageNodeKind) -> f64 {
    let title_width = box_title(node).chars().count() as f64 * TITLE_CHAR_WIDTH;
    let subtitle_width = box_subtitle(lineage, node, node_kind).chars().count() as f64 * SUBTITLE_CHAR_WIDTH;
    (title_width.max(subtitle_width) + 26.0).max(90.0)
}

/// Returns the line below the title. For a statement it includes the pool, if there are several pools.
fn box_subtitle(lineage: &Lineage, node: &LineageNode, node_kind: LineageNodeKind) -> String {
    let subtitle = node_subtitle(node, node_kind);
    let LineageNode::Statement(address) = node else { return subtitle };
    let pool =
        lineage.pools.iter().find(|(_, addresses)| addresses.contains(address)).and_then(|(pool, _)| pool.as_ref());
    match pool.filter(|_| lineage.pools.len() > 1) {
        Some(pool) => format!("{subtitle} · {}", shorten_middle(pool)),
        None => subtitle,
    }
}

/// Returns the title, shortened to fit.
fn box_title(node: &LineageNode) -> String {
    shorten_middle(&node_label(node))
}

/// Returns a name without its middle if it is too long. Names of one kind often start alike and differ at the end.
fn shorten_middle(name: &str) -> String {
    let length = name.chars().count();
    if length <= MAX_TITLE_CHARS {
        return name.to_owned();
    }
    let (ahead, behind) = (MAX_TITLE_CHARS / 2, MAX_TITLE_CHARS.saturating_sub(1).saturating_sub(MAX_TITLE_CHARS / 2));
    let end = name.chars().skip(length.saturating_sub(behind));
    name.chars().take(ahead).chain(['…']).chain(end).collect()
}

/// Returns the full name of a node.
fn full_name(node: &LineageNode) -> String {
    match node {
        LineageNode::Statement(address) => address.to_string(),
        LineageNode::Object(object) => object.to_string(),
    }
}

/// Writes a link as a path with an arrowhead and a tooltip.
fn write_arrow(text: &mut String, link: &DrawnLink<'_>, curve: &Curve) {
    let mut path = format!("M{:.1} {:.1}", curve.start.0, curve.start.1);
    for piece in &curve.segments {
        let _ = match piece {
            CurveSegment::Line((x, y)) => write!(path, " L{x:.1} {y:.1}"),
            CurveSegment::Cubic((x1, y1), (x2, y2), (x, y)) => {
                write!(path, " C{x1:.1} {y1:.1} {x2:.1} {y2:.1} {x:.1} {y:.1}")
            }
        };
    }
    let dash = if link.is_declared() { " stroke-dasharray=\"2 4\"" } else { "" };
    let (stroke, tip) = if curve.is_back { ("#d98a3d", "back") } else { ("#9aa0a6", "tip") };
    let flows: Vec<&str> = link.flows.iter().map(|known| flow_name(*known)).collect();
    let _ = writeln!(
        text,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"1.4\" marker-end=\"url(#{tip})\"{dash}>\
         <title>{} → {}: {}</title></path>",
        escape_xml(&full_name(link.from)),
        escape_xml(&full_name(link.to)),
        flows.join(", ")
    );
}

/// A node with the position of its box.
struct PlacedNode<'a> {
    /// The node that the box shows.
    node: &'a LineageNode,
    /// The kind of the node, which decides its shape.
    kind: LineageNodeKind,
    /// The position of the box.
    frame: Frame,
}

/// Writes the box of a node with its two lines and a tooltip.
fn write_box(text: &mut String, lineage: &Lineage, placed: &PlacedNode, pool: &PoolColors) {
    let PlacedNode { node, kind: node_kind, frame: Frame { x, y, width } } = *placed;
    let (round, fill, border, dash) = match node_kind {
        LineageNodeKind::Statement(_) => (8.0, pool.fill.as_str(), pool.border.as_str(), ""),
        LineageNodeKind::Managed(_) => (BOX_HEIGHT / 2.0, "#f1f8f4", "#34a853", ""),
        LineageNodeKind::External(_) => (BOX_HEIGHT / 2.0, "#fafafa", "#9aa0a6", " stroke-dasharray=\"5 4\""),
    };
    let middle = x + width / 2.0;
    let _ = writeln!(
        text,
        "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BOX_HEIGHT}\" rx=\"{round}\" \
         fill=\"{fill}\" stroke=\"{border}\" stroke-width=\"1.6\"{dash}/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"13\" fill=\"#202124\" text-anchor=\"middle\">{}</text>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#5f6368\" text-anchor=\"middle\">{}</text></g>",
        escape_xml(&full_name(node)),
        y + 20.0,
        escape_xml(&box_title(node)),
        y + 36.0,
        escape_xml(&box_subtitle(lineage, node, node_kind))
    );
}

/// Returns the pool number of each statement.
fn pool_numbers(lineage: &Lineage) -> BTreeMap<&LineageNode, usize> {
    let mut pools = BTreeMap::new();
    for (number, addresses) in lineage.pools.values().enumerate() {
        pools.extend(addresses.iter().map(|address| (address, number)));
    }
    let numbers = lineage.nodes.keys().filter_map(|node| match node {
        LineageNode::Statement(address) => pools.get(address).map(|number| (node, *number)),
        LineageNode::Object(_) => None,
    });
    numbers.collect()
}
