//! A picture of the lineage that needs no other program.
//!
//! `ranks` says in which layer a box stands, `rows` in which order, `places` where, `layout` puts all of it on the page, and
//! `legend` says below what colours and lines mean.

mod layout;
mod legend;
mod places;
mod ranks;
mod rows;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;

use std::{collections::BTreeMap, fmt::Write};

use self::{
    layout::{Curve, Frame, HEIGHT, Picture, Piece, layout},
    legend::{Colours, Legend, colours},
    ranks::Sketch,
};
use super::{flow, label, subtitle};
use crate::graph::lineage::{Lineage, LineageEdgeKind, LineageNode, LineageNodeKind};

const MARGIN: f64 = 28.0;
/// Mean widths of a letter of the title, and of the line below.
const LETTER: f64 = 7.4;
const SMALL: f64 = 6.2;
/// Letters of a title that are shown; the whole name is in the box's tooltip.
const LONGEST: usize = 34;

/// The lineage as an SVG image.
pub fn svg(lineage: &Lineage) -> String {
    if lineage.nodes.is_empty() {
        return nothing();
    }
    let drawing = Drawing::of(lineage);
    let Picture { width, height, frames, curves } = &drawing.picture;
    let legend = Legend::of(lineage, drawing.lines.iter().any(Line::is_declared), *width);
    let (width, total) = (width.max(legend.width) + 2.0 * MARGIN, height + 2.0 * MARGIN + legend.height);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{total:.0}\" \
         viewBox=\"0 0 {width:.0} {total:.0}\" font-family=\"Inter, Helvetica, Arial, sans-serif\">"
    );
    text.push_str("<defs>");
    for (id, colour) in [("tip", "#80868b"), ("back", "#c26401")] {
        let _ = write!(
            text,
            "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path d=\"M0 0.8 L7 4 L0 7.2 z\" fill=\"{colour}\"/></marker>"
        );
    }
    text.push_str("</defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    for (line, way) in drawing.lines.iter().zip(curves) {
        arrow(&mut text, line, way);
    }
    let pools = pool_numbers(lineage);
    for ((node, looks), frame) in lineage.nodes.iter().zip(frames) {
        let number = pools.get(node).copied().unwrap_or_default();
        shape(&mut text, lineage, node, *looks, *frame, &colours(number, lineage.pools.len()));
    }
    legend.draw(&mut text, height + MARGIN);
    text.push_str("</svg>\n");
    text
}

/// What is drawn where there is nothing to draw.
fn nothing() -> String {
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"420\" height=\"80\" viewBox=\"0 0 420 80\" \
     font-family=\"Inter, Helvetica, Arial, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
     <text x=\"28\" y=\"45\" font-size=\"14\" fill=\"#3c4043\">Nothing to draw: there are no statements here.</text>\n</svg>\n"
        .to_owned()
}

/// Boxes in the order of `Lineage::nodes`, and the lines between them, in their places.
struct Drawing<'a> {
    lines: Vec<Line<'a>>,
    picture: Picture,
}

/// All that flows from one box to another.
struct Line<'a> {
    from: &'a LineageNode,
    to: &'a LineageNode,
    flows: Vec<LineageEdgeKind>,
}

impl Drawing<'_> {
    fn of(lineage: &Lineage) -> Drawing<'_> {
        let numbers: BTreeMap<&LineageNode, usize> =
            lineage.nodes.keys().enumerate().map(|(number, node)| (node, number)).collect();
        let mut lines: BTreeMap<(usize, usize), Line<'_>> = BTreeMap::new();
        for link in &lineage.edges {
            if let (Some(from), Some(to)) = (numbers.get(&link.from), numbers.get(&link.to))
                && from != to
            {
                let line = Line { from: &link.from, to: &link.to, flows: Vec::new() };
                lines.entry((*from, *to)).or_insert(line).flows.push(link.kind);
            }
        }
        let sketch = Sketch {
            widths: lineage.nodes.iter().map(|(node, looks)| wide(lineage, node, *looks)).collect(),
            links: lines.keys().copied().collect(),
        };
        let lines: Vec<Line<'_>> = lines.into_values().collect();
        let bundles: Vec<usize> = lines.iter().map(|line| usize::from(line.is_declared())).collect();
        let pools: BTreeMap<&LineageNode, usize> = pool_numbers(lineage);
        let groups: Vec<usize> =
            lineage.nodes.keys().map(|node| pools.get(node).map_or(0, |number| number.saturating_add(1))).collect();
        Drawing { picture: layout(&sketch, &bundles, &groups).framed(), lines }
    }
}

impl Line<'_> {
    /// Whether only the manifest says it.
    fn is_declared(&self) -> bool {
        self.flows.iter().all(|flow| !flow.is_inferred())
    }
}

impl Picture {
    /// The same within a margin.
    fn framed(mut self) -> Picture {
        for frame in &mut self.frames {
            (frame.x, frame.y) = (frame.x + MARGIN, frame.y + MARGIN);
        }
        self.curves = self.curves.into_iter().map(|curve| curve.moved(MARGIN, MARGIN)).collect();
        self
    }
}

fn wide(lineage: &Lineage, node: &LineageNode, looks: LineageNodeKind) -> f64 {
    let title = shown(node).chars().count() as f64 * LETTER;
    let below = below(lineage, node, looks).chars().count() as f64 * SMALL;
    (title.max(below) + 26.0).max(90.0)
}

/// The line below the title: of a statement also its pool, where there are several.
fn below(lineage: &Lineage, node: &LineageNode, looks: LineageNodeKind) -> String {
    let said = subtitle(node, looks);
    let LineageNode::Statement(address) = node else { return said };
    let pool =
        lineage.pools.iter().find(|(_, addresses)| addresses.contains(address)).and_then(|(pool, _)| pool.as_ref());
    match pool.filter(|_| lineage.pools.len() > 1) {
        Some(pool) => format!("{said} · {}", cut(pool)),
        None => said,
    }
}

/// The title, as much of it as has room.
fn shown(node: &LineageNode) -> String {
    cut(&label(node))
}

/// A name without its middle where it is too long: names of one kind often begin alike and differ in their ends.
fn cut(name: &str) -> String {
    let length = name.chars().count();
    if length <= LONGEST {
        return name.to_owned();
    }
    let (ahead, behind) = (LONGEST / 2, LONGEST.saturating_sub(1).saturating_sub(LONGEST / 2));
    let end = name.chars().skip(length.saturating_sub(behind));
    name.chars().take(ahead).chain(['…']).chain(end).collect()
}

fn full(node: &LineageNode) -> String {
    match node {
        LineageNode::Statement(address) => address.to_string(),
        LineageNode::Object(object) => object.to_string(),
    }
}

fn arrow(text: &mut String, line: &Line<'_>, way: &Curve) {
    let mut path = format!("M{:.1} {:.1}", way.start.0, way.start.1);
    for piece in &way.pieces {
        let _ = match piece {
            Piece::Line((x, y)) => write!(path, " L{x:.1} {y:.1}"),
            Piece::Bend((x1, y1), (x2, y2), (x, y)) => write!(path, " C{x1:.1} {y1:.1} {x2:.1} {y2:.1} {x:.1} {y:.1}"),
        };
    }
    let dash = if line.is_declared() { " stroke-dasharray=\"2 4\"" } else { "" };
    let (stroke, tip) = if way.back { ("#d98a3d", "back") } else { ("#9aa0a6", "tip") };
    let flows: Vec<&str> = line.flows.iter().map(|known| flow(*known)).collect();
    let _ = writeln!(
        text,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"1.4\" marker-end=\"url(#{tip})\"{dash}>\
         <title>{} → {}: {}</title></path>",
        escaped(&full(line.from)),
        escaped(&full(line.to)),
        flows.join(", ")
    );
}

fn shape(
    text: &mut String,
    lineage: &Lineage,
    node: &LineageNode,
    looks: LineageNodeKind,
    frame: Frame,
    pool: &Colours,
) {
    let Frame { x, y, width } = frame;
    let (round, fill, line, dash) = match looks {
        LineageNodeKind::Statement(_) => (8.0, pool.tint.as_str(), pool.line.as_str(), ""),
        LineageNodeKind::Managed(_) => (HEIGHT / 2.0, "#f1f8f4", "#34a853", ""),
        LineageNodeKind::External(_) => (HEIGHT / 2.0, "#fafafa", "#9aa0a6", " stroke-dasharray=\"5 4\""),
    };
    let middle = x + width / 2.0;
    let _ = writeln!(
        text,
        "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"{round}\" \
         fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"1.6\"{dash}/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"13\" fill=\"#202124\" text-anchor=\"middle\">{}</text>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#5f6368\" text-anchor=\"middle\">{}</text></g>",
        escaped(&full(node)),
        y + 20.0,
        escaped(&shown(node)),
        y + 36.0,
        escaped(&below(lineage, node, looks))
    );
}

/// The number of each statement's pool.
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
