//! The lineage as JSON for programs.

use serde_json::{Value, json};

use super::labels::{flow_name, object_kind_name};
use crate::{
    graph::lineage::{Lineage, LineageEdge, LineageNode, LineageNodeKind},
    render::place_json::LineIndex,
};

/// Returns the lineage as JSON with a `format_version`. Each link says whether it was inferred, and where
/// it is written.
///
/// # Errors
/// If the lineage cannot be written as JSON, which is a bug.
pub fn graph_json(lineage: &Lineage) -> Result<String, serde_json::Error> {
    let nodes: Vec<Value> = lineage
        .nodes
        .iter()
        .map(|(node, looks)| match looks {
            LineageNodeKind::Statement(kind) => {
                json!({ "id": node_id(node), "is": "statement", "kind": kind.api_name() })
            }
            LineageNodeKind::Managed(of) => {
                json!({ "id": node_id(node), "is": object_kind_name(*of), "external": false })
            }
            LineageNodeKind::External(of) => {
                json!({ "id": node_id(node), "is": object_kind_name(*of), "external": true })
            }
        })
        .collect();
    let mut line_index = LineIndex::default();
    let link = |link: &LineageEdge| {
        let mut value = json!({
            "from": node_id(&link.from), "to": node_id(&link.to), "flow": flow_name(link.kind), "inferred": link.kind.is_inferred(),
        });
        line_index.add_place(&mut value, link.place.as_ref());
        value
    };
    let links: Vec<Value> = lineage.edges.iter().map(link).collect();
    let pools: Vec<Value> = lineage
        .pools
        .iter()
        .map(|(pool, addresses)| json!({ "pool": pool.as_ref().map(|pool| format!("pools.{pool}")), "statements": addresses }))
        .collect();
    let value = json!({ "format_version": 1, "nodes": nodes, "links": links, "pools": pools });
    serde_json::to_string_pretty(&value).map(|text| text + "\n")
}

/// Returns the id of a node: an address, or an object's kind and name.
fn node_id(node: &LineageNode) -> String {
    match node {
        LineageNode::Statement(address) => address.to_string(),
        LineageNode::Object(object) => format!("{}:{}", object_kind_name(object.kind), object.quoted_name()),
    }
}
