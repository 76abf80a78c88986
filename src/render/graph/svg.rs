//! A picture of the lineage that needs no other program.

use std::{collections::BTreeMap, fmt::Write};

use super::{label, layers::layers, subtitle};
use crate::graph::lineage::{Flow, Lineage, Looks, Node};

const HEIGHT: f64 = 46.0;
const GAP: f64 = 18.0;
const BETWEEN: f64 = 86.0;
const MARGIN: f64 = 28.0;
const LETTER: f64 = 7.4;
const SMALL: f64 = 5.6;

/// Colours of pools, one after another: the border of each statement says where it runs.
const POOLS: [&str; 6] = ["#1a73e8", "#9334e6", "#e8710a", "#12858d", "#c5221f", "#5f6368"];

/// Where a box stands.
#[derive(Clone, Copy)]
struct Spot {
    x: f64,
    y: f64,
    width: f64,
}

/// The lineage as an SVG image.
pub fn svg(lineage: &Lineage) -> String {
    let layers = layers(lineage);
    let (spots, width, height) = spots(lineage, &layers);
    let legend = legend(lineage);
    let total = height + if legend.is_empty() { 0.0 } else { 34.0 };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{total:.0}\" \
         viewBox=\"0 0 {width:.0} {total:.0}\" font-family=\"Inter, Helvetica, Arial, sans-serif\">"
    );
    text.push_str(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0.8 L7 4 L0 7.2 z\" fill=\"#80868b\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
    );
    for link in &lineage.links {
        if let (Some(from), Some(to)) = (spots.get(&link.from), spots.get(&link.to)) {
            arrow(&mut text, *from, *to, link.flow);
        }
    }
    for (node, looks) in &lineage.nodes {
        if let Some(spot) = spots.get(node) {
            shape(&mut text, node, *looks, *spot, pool_colour(lineage, node));
        }
    }
    let mut x = MARGIN;
    for (name, colour) in legend {
        let y = height + 4.0;
        let _ = writeln!(
            text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"12\" height=\"12\" rx=\"3\" fill=\"#ffffff\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#3c4043\">{}</text>",
            x + 18.0,
            y + 10.0,
            escaped(&name)
        );
        x += 42.0 + name.chars().count() as f64 * SMALL * 1.1;
    }
    text.push_str("</svg>\n");
    text
}

fn spots<'a>(lineage: &'a Lineage, layers: &[Vec<&'a Node>]) -> (BTreeMap<&'a Node, Spot>, f64, f64) {
    let column = |count: usize| count as f64 * HEIGHT + count.saturating_sub(1) as f64 * GAP;
    let tallest = layers.iter().map(|layer| column(layer.len())).fold(0.0, f64::max);
    let mut spots = BTreeMap::new();
    let mut x = MARGIN;
    for layer in layers {
        let width = layer
            .iter()
            .filter_map(|node| lineage.nodes.get(*node).map(|looks| wide(node, *looks)))
            .fold(90.0, f64::max);
        let mut y = MARGIN + (tallest - column(layer.len())) / 2.0;
        for node in layer {
            spots.insert(*node, Spot { x, y, width });
            y += HEIGHT + GAP;
        }
        x += width + BETWEEN;
    }
    let width = if layers.iter().all(Vec::is_empty) { 2.0 * MARGIN } else { x - BETWEEN + MARGIN };
    (spots, width, tallest + 2.0 * MARGIN)
}

fn wide(node: &Node, looks: Looks) -> f64 {
    let title = label(node).chars().count() as f64 * LETTER;
    let below = subtitle(node, looks).chars().count() as f64 * SMALL;
    title.max(below) + 28.0
}

fn arrow(text: &mut String, from: Spot, to: Spot, flow: Flow) {
    let (x1, y1) = (from.x + from.width, from.y + HEIGHT / 2.0);
    let (x2, y2) = (to.x - 2.0, to.y + HEIGHT / 2.0);
    let dash = if flow == Flow::Declared { " stroke-dasharray=\"2 4\"" } else { "" };
    let path = if x2 > x1 {
        let bend = ((x2 - x1) / 2.0).min(BETWEEN * 0.7);
        format!("M{x1:.1} {y1:.1} C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}", x1 + bend, x2 - bend)
    } else {
        // Back to the left, below the boxes: what a job both reads and writes.
        let low = y1.max(y2) + HEIGHT;
        format!("M{x1:.1} {y1:.1} C{:.1} {low:.1} {:.1} {low:.1} {x2:.1} {y2:.1}", x1 + 60.0, x2 - 60.0)
    };
    let _ = writeln!(
        text,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#9aa0a6\" stroke-width=\"1.4\" marker-end=\"url(#tip)\"{dash}/>"
    );
}

fn shape(text: &mut String, node: &Node, looks: Looks, spot: Spot, pool: &str) {
    let Spot { x, y, width } = spot;
    let (round, fill, line, dash) = match looks {
        Looks::Statement(_) => (8.0, "#f8fbff", pool, ""),
        Looks::Own(_) => (HEIGHT / 2.0, "#f1f8f4", "#34a853", ""),
        Looks::External(_) => (HEIGHT / 2.0, "#fafafa", "#9aa0a6", " stroke-dasharray=\"5 4\""),
    };
    let middle = x + width / 2.0;
    let full = match node {
        Node::Statement(address) => address.to_string(),
        Node::Object(object) => object.to_string(),
    };
    let _ = writeln!(
        text,
        "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" rx=\"{round}\" \
         fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"1.6\"{dash}/>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"13\" fill=\"#202124\" text-anchor=\"middle\">{}</text>\
         <text x=\"{middle:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#5f6368\" text-anchor=\"middle\">{}</text></g>",
        escaped(&full),
        y + 20.0,
        escaped(&label(node)),
        y + 35.0,
        escaped(&subtitle(node, looks))
    );
}

fn pool_colour(lineage: &Lineage, node: &Node) -> &'static str {
    let Node::Statement(address) = node else { return "#9aa0a6" };
    let number = lineage.pools.values().position(|addresses| addresses.contains(address)).unwrap_or(0);
    colour(number)
}

fn colour(number: usize) -> &'static str {
    POOLS.iter().cycle().nth(number % POOLS.len()).copied().unwrap_or("#5f6368")
}

fn legend(lineage: &Lineage) -> Vec<(String, &'static str)> {
    let name = |pool: &Option<String>| pool.as_ref().map_or("default pool".to_owned(), |pool| format!("pools.{pool}"));
    lineage.pools.keys().enumerate().map(|(number, pool)| (name(pool), colour(number))).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
