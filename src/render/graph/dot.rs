//! The lineage in the DOT language of Graphviz.

use std::{collections::BTreeMap, fmt::Write};

use super::labels::{flow_name, node_label, node_subtitle};
use crate::graph::lineage::{Lineage, LineageEdgeKind, LineageNode, LineageNodeKind};

/// Returns the lineage in the DOT language. Statements are boxes in their pool's cluster, objects are ellipses.
/// External objects are dashed, declared edges are dotted.
pub fn graph_dot(lineage: &Lineage) -> String {
    let ids: BTreeMap<&LineageNode, String> =
        lineage.nodes.keys().enumerate().map(|(n, node)| (node, format!("n{n}"))).collect();
    let mut text = String::from(
        "digraph floe {\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=11];\n  edge [fontname=\"Helvetica\", fontsize=9];\n",
    );
    for (number, (pool, addresses)) in lineage.pools.iter().enumerate() {
        let name = pool.as_ref().map_or("default pool".to_owned(), |pool| format!("pools.{pool}"));
        let _ = writeln!(
            text,
            "  subgraph cluster_{number} {{\n    label={};\n    style=rounded;\n    color=gray;",
            quoted(&name)
        );
        for address in addresses {
            if let Some(id) = ids.get(&LineageNode::Statement(address.clone())) {
                let _ = writeln!(text, "    {id};");
            }
        }
        text.push_str("  }\n");
    }
    for (node, looks) in &lineage.nodes {
        let Some(id) = ids.get(node) else { continue };
        let shape = match looks {
            LineageNodeKind::Statement(_) => "shape=box, style=\"rounded,filled\", fillcolor=\"#e8f0fe\"",
            LineageNodeKind::Managed(_) => "shape=ellipse",
            LineageNodeKind::External(_) => "shape=ellipse, style=dashed",
        };
        let label_text = quoted(&format!("{}\n{}", node_label(node), node_subtitle(node, *looks)));
        let _ = writeln!(text, "  {id} [label={label_text}, {shape}];");
    }
    for link in &lineage.edges {
        let (Some(from), Some(to)) = (ids.get(&link.from), ids.get(&link.to)) else { continue };
        let style = if link.kind == LineageEdgeKind::Declared { ", style=dotted" } else { "" };
        let _ = writeln!(text, "  {from} -> {to} [label={}{style}];", quoted(flow_name(link.kind)));
    }
    text.push_str("}\n");
    text
}

/// Returns the text as a DOT string in double quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
