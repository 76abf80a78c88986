//! `floe graph`: draws dependencies and table lineage.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    project,
};
use crate::{
    graph::lineage::lineage,
    render,
    resource::{Address, ResourceKind},
};

/// Draws the lineage of the project, or only what is upstream and downstream of `targets`.
pub fn run(
    targets: &[Address],
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let graph = project::desired(&project::manifest_inputs(global, process))?;
    for address in targets {
        let project = &graph.project;
        let is_declared = match address.kind {
            ResourceKind::Pool => project.pools.contains_key(&address.key),
            ResourceKind::Statement => project.statements.contains_key(&address.key),
        };
        if !is_declared {
            return Err(CommandError::new(format!("`{address}` is not declared in the manifests")));
        }
    }
    let lineage = lineage(&graph, targets);
    let text = match global.format {
        OutputFormat::Dot | OutputFormat::Text => render::graph_dot(&lineage),
        OutputFormat::Mermaid => render::graph_mermaid(&lineage),
        OutputFormat::Markdown => format!("```mermaid\n{}```\n", render::graph_mermaid(&lineage)),
        OutputFormat::Svg => render::graph_svg(&lineage),
        OutputFormat::Json => render::graph_json(&lineage)?,
    };
    screen.print(&text)?;
    Ok(Exit::Done)
}
