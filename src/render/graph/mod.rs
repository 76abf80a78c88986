//! Lineage as a drawing: DOT, Mermaid, JSON and SVG.

mod dot;
mod json;
mod mermaid;
mod svg;

pub use dot::dot;
pub use json::graph_json;
pub use mermaid::mermaid;
pub use svg::svg;

use crate::graph::lineage::{Flow, Looks, Node};
use crate::sql::ObjectKind;

/// What a box says.
fn label(node: &Node) -> String {
    match node {
        Node::Statement(address) => address.key.clone(),
        Node::Object(object) => object.name.last().map_or_else(|| object.to_string(), ToString::to_string),
    }
}

/// What a box says below, smaller.
fn subtitle(node: &Node, looks: Looks) -> String {
    match (node, looks) {
        (_, Looks::Statement(kind)) => kind.api_name().replace('_', " "),
        (Node::Object(object), Looks::Own(_) | Looks::External(_)) => {
            let rest = object.name.split_last().map_or(&[][..], |(_, rest)| rest);
            let external = if matches!(looks, Looks::External(_)) { "external " } else { "" };
            let place = if rest.is_empty() { String::new() } else { format!(" · {}", rest.join(".")) };
            format!("{external}{}{place}", kind(object.kind))
        }
        (Node::Statement(_), _) => String::new(),
    }
}

fn kind(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "table",
        ObjectKind::Function => "function",
        ObjectKind::Model => "model",
        ObjectKind::Connection => "connection",
        ObjectKind::Agent => "agent",
        ObjectKind::Tool => "tool",
        ObjectKind::Database => "database",
        ObjectKind::Catalog => "catalog",
    }
}

fn flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Creates => "creates",
        Flow::Alters => "alters",
        Flow::Drops => "drops",
        Flow::Reads => "reads",
        Flow::Writes => "writes",
        Flow::Declared => "depends_on",
    }
}
