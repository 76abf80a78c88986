//! `floe status`: shows the phase of everything that the project owns.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    plan::{PreparedPlan, prepare_plan},
    project, runtime,
};
use crate::{
    diff::PlanOptions,
    render::{self, StatusView},
};

/// Prints the table of resources. Exits with 4 if something is unhealthy.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let environment = &project_context.environment.clone();
    let PreparedPlan { graph, planning_output: planned, context } = runtime::block_on(
        environment,
        prepare_plan(project_context, project::desired, process, &PlanOptions::default(), screen),
    )??;
    let rows = render::status_rows(&planned.assessment, &context);
    let view = StatusView {
        project: &graph.project.name,
        environment: &environment.name,
        identity: &environment.identity,
        simulated: environment.simulator.is_some(),
        hosts: &environment.hosts_outside_confluent(),
        rows: &rows,
        context: &context,
    };
    match global.format {
        OutputFormat::Json => {
            screen.print(&render::status_json(&view)?)?;
        }
        OutputFormat::Text => {
            screen.print(&render::status_text(&view, screen.stdout_style))?;
        }
        _ => return Err(CommandError::new("`floe status` supports only the formats `text` and `json`")),
    }
    Ok(if rows.iter().any(|row| row.unhealthy) { Exit::Unhealthy } else { Exit::Done })
}
