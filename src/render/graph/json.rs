//! For programs.

use serde_json::{Value, json};

use super::{flow, kind};
use crate::{
    graph::lineage::{Lineage, LineageEdge, LineageNode, LineageNodeKind},
    render::place::Lines,
};

/// The lineage as JSON, with a `format_version`; of each link, whether it was inferred, and where it is written.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn graph_json(lineage: &Lineage) -> Result<String, serde_json::Error> {
    let nodes: Vec<Value> = lineage
        .nodes
        .iter()
        .map(|(node, looks)| match looks {
            LineageNodeKind::Statement(kind) => json!({ "id": id(node), "is": "statement", "kind": kind.api_name() }),
            LineageNodeKind::Managed(of) => json!({ "id": id(node), "is": kind(*of), "external": false }),
            LineageNodeKind::External(of) => json!({ "id": id(node), "is": kind(*of), "external": true }),
        })
        .collect();
    let mut lines = Lines::default();
    let link = |link: &LineageEdge| {
        let mut value = json!({
            "from": id(&link.from), "to": id(&link.to), "flow": flow(link.kind), "inferred": link.kind.is_inferred(),
        });
        lines.add(&mut value, link.place.as_ref());
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

fn id(node: &LineageNode) -> String {
    match node {
        LineageNode::Statement(address) => address.to_string(),
        LineageNode::Object(object) => format!("{}:{object}", kind(object.kind)),
    }
}
