//! The names that all formats of the lineage share.

use crate::{
    graph::lineage::{LineageEdgeKind, LineageNode, LineageNodeKind},
    sql::ObjectKind,
};

/// Returns the label of a node: a statement's key, or an object's last name.
pub(super) fn node_label(node: &LineageNode) -> String {
    match node {
        LineageNode::Statement(address) => address.key.clone(),
        LineageNode::Object(object) => object.name.last().map_or_else(|| object.to_string(), ToString::to_string),
    }
}

/// Returns the second line of a node: the kind, and an object's catalog and database.
pub(super) fn node_subtitle(node: &LineageNode, node_kind: LineageNodeKind) -> String {
    match (node, node_kind) {
        (_, LineageNodeKind::Statement(kind)) => kind.api_name().replace('_', " "),
        (LineageNode::Object(object), LineageNodeKind::Managed(_) | LineageNodeKind::External(_)) => {
            let rest = object.name.split_last().map_or(&[][..], |(_, rest)| rest);
            let external = if matches!(node_kind, LineageNodeKind::External(_)) { "external " } else { "" };
            let place = if rest.is_empty() { String::new() } else { format!(" · {}", rest.join(".")) };
            format!("{external}{}{place}", object_kind_name(object.kind))
        }
        (LineageNode::Statement(_), _) => String::new(),
    }
}

/// Returns the name of an object kind in the output.
pub(super) fn object_kind_name(kind: ObjectKind) -> &'static str {
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

/// Returns the name of an edge kind in the output.
pub(super) fn flow_name(flow: LineageEdgeKind) -> &'static str {
    match flow {
        LineageEdgeKind::Creates => "creates",
        LineageEdgeKind::Alters => "alters",
        LineageEdgeKind::Drops => "drops",
        LineageEdgeKind::Reads => "reads",
        LineageEdgeKind::Writes => "writes",
        LineageEdgeKind::Declared => "depends_on",
    }
}
