//! The lineage in Mermaid, which GitHub and GitLab draw in Markdown.

use std::{collections::BTreeMap, fmt::Write};

use super::labels::{flow_name, node_label};
use crate::graph::lineage::{Lineage, LineageEdgeKind, LineageNode, LineageNodeKind};

/// Returns the lineage as a Mermaid flowchart. Statements are boxes in their pool's group, objects are rounded.
/// External objects have a dashed border, declared edges are dotted.
pub fn graph_mermaid(lineage: &Lineage) -> String {
    let ids: BTreeMap<&LineageNode, String> =
        lineage.nodes.keys().enumerate().map(|(n, node)| (node, format!("n{n}"))).collect();
    let mut text = String::from("flowchart LR\n");
    for (number, (pool, addresses)) in lineage.pools.iter().enumerate() {
        let name = pool.as_ref().map_or("default pool".to_owned(), |pool| format!("pools.{pool}"));
        let _ = writeln!(text, "  subgraph p{number}[{}]", quoted(&name));
        for node in addresses.iter().map(|address| LineageNode::Statement(address.clone())) {
            if let Some(id) = ids.get(&node) {
                let _ = writeln!(text, "    {id}[{}]", quoted(&node_label(&node)));
            }
        }
        text.push_str("  end\n");
    }
    let mut external = Vec::new();
    for (node, looks) in &lineage.nodes {
        let (Some(id), LineageNode::Object(_)) = (ids.get(node), node) else { continue };
        let _ = writeln!(text, "  {id}([{}])", quoted(&node_label(node)));
        if matches!(looks, LineageNodeKind::External(_)) {
            external.push(id.as_str());
        }
    }
    for link in &lineage.edges {
        let (Some(from), Some(to)) = (ids.get(&link.from), ids.get(&link.to)) else { continue };
        let arrow = if link.kind == LineageEdgeKind::Declared { "-.->" } else { "-->" };
        let _ = writeln!(text, "  {from} {arrow}|{}| {to}", flow_name(link.kind));
    }
    if !external.is_empty() {
        let _ = writeln!(text, "  classDef external stroke-dasharray: 4 3\n  class {} external", external.join(","));
    }
    text
}

/// Returns the text as a Mermaid label in double quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "#quot;").replace('\n', " "))
}
