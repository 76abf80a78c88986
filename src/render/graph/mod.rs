//! Lineage as a drawing: DOT, Mermaid, JSON and SVG.

mod dot;
mod json;
mod mermaid;
mod svg;

pub use dot::graph_dot;
pub use json::graph_json;
pub use mermaid::graph_mermaid;
pub use svg::graph_svg;

use crate::graph::lineage::{LineageEdgeKind, LineageNode, LineageNodeKind};
use crate::sql::ObjectKind;

/// What a box says.
fn node_label(node: &LineageNode) -> String {
    match node {
        LineageNode::Statement(address) => address.key.clone(),
        LineageNode::Object(object) => object.name.last().map_or_else(|| object.to_string(), ToString::to_string),
    }
}

/// What a box says below, smaller.
fn node_subtitle(node: &LineageNode, looks: LineageNodeKind) -> String {
    match (node, looks) {
        (_, LineageNodeKind::Statement(kind)) => kind.api_name().replace('_', " "),
        (LineageNode::Object(object), LineageNodeKind::Managed(_) | LineageNodeKind::External(_)) => {
            let rest = object.name.split_last().map_or(&[][..], |(_, rest)| rest);
            let external = if matches!(looks, LineageNodeKind::External(_)) { "external " } else { "" };
            let place = if rest.is_empty() { String::new() } else { format!(" · {}", rest.join(".")) };
            format!("{external}{}{place}", object_kind_name(object.kind))
        }
        (LineageNode::Statement(_), _) => String::new(),
    }
}

fn object_kind_name(kind: ObjectKind) -> &'static str {
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

fn flow_name(flow: LineageEdgeKind) -> &'static str {
    match flow {
        LineageEdgeKind::Creates => "creates",
        LineageEdgeKind::Alters => "alters",
        LineageEdgeKind::Drops => "drops",
        LineageEdgeKind::Reads => "reads",
        LineageEdgeKind::Writes => "writes",
        LineageEdgeKind::Declared => "depends_on",
    }
}
