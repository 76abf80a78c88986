//! `floe drift`: compares what is live with what was sent, regardless of the manifests. It is well suited to a
//! nightly job.

use serde_json::json;

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat},
    plan::{PreparedPlan, prepare_plan},
    project, runtime,
};
use crate::{diff::PlanOptions, render};

/// Prints the differences. Exits with 2 if there are any.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let environment = &project_context.environment.clone();
    // The plan shows which differences `--fix-drift` would revert.
    let options = PlanOptions { fix_drift: true, ..PlanOptions::default() };
    let PreparedPlan { planning_output: planned, context, .. } =
        runtime::block_on(environment, prepare_plan(project_context, project::desired, process, &options, screen))??;
    let rows = render::drift_rows(&planned.assessment, &planned.plan, &context, &global.run_flags());
    match global.format {
        OutputFormat::Json => {
            let mut value = json!({
                "format_version": 1,
                "environment": environment.name,
                "simulated": environment.simulator.is_some(),
                "drift": rows,
            });
            let hosts = environment.hosts_outside_confluent();
            if let (Some(fields), false) = (value.as_object_mut(), hosts.is_empty()) {
                fields.insert("hosts".to_owned(), json!(hosts));
            }
            screen.print(&render::json_text(&value)?)?;
        }
        OutputFormat::Text => {
            let flags = global.run_flags();
            screen.print(&render::drift_text(environment, &rows, &flags, screen.stdout_style))?;
        }
        _ => return Err(CommandError::new("`floe drift` supports only the formats `text` and `json`")),
    }
    Ok(if rows.is_empty() { Exit::Done } else { Exit::Pending })
}
