//! `floe graph`: draws dependencies and table lineage.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    project,
};
use crate::{graph::lineage::lineage, render, resource::Address};

/// Draws the lineage of the project, or only what is upstream and downstream of `targets`.
pub fn run(
    targets: &[Address],
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let graph = project::desired(&project::manifest_inputs(global, process))?;
    for address in targets {
        if !graph.project.declares(address) {
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
