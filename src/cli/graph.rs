//! `floe graph`: dependencies and table lineage.

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::{Format, Global},
    project,
};
use crate::{
    graph::lineage::lineage,
    render,
    resource::{Address, ResourceKind},
};

/// Draws the lineage of the project, or of what lies around `targets`.
pub fn run(targets: &[Address], global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let graph = project::desired(&project::inputs(global, ambient))?;
    for address in targets {
        let project = &graph.project;
        let known = match address.kind {
            ResourceKind::Pool => project.pools.contains_key(&address.key),
            ResourceKind::Statement => project.statements.contains_key(&address.key),
        };
        if !known {
            return Err(Trouble::new(format!("{address} is not declared")));
        }
    }
    let lineage = lineage(&graph, targets);
    let text = match global.format {
        Format::Dot | Format::Text => render::dot(&lineage),
        Format::Mermaid => render::mermaid(&lineage),
        Format::Markdown => format!("```mermaid\n{}```\n", render::mermaid(&lineage)),
        Format::Svg => render::svg(&lineage),
        Format::Json => render::graph_json(&lineage)?,
    };
    screen.out(&text)?;
    Ok(Exit::Done)
}
