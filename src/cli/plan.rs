//! `floe plan`: shows what an apply would do.

use std::{fs, io::Write, path::Path};

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat, PlanArguments},
    connect, moved_blocks,
    plan_context::{interrupted_run, plan_context},
    project::{self, OpenProject, ProjectCheck, ProjectContext},
    runtime,
    saved_plan::SavedPlan,
};
use crate::{
    diff::PlanOptions,
    graph::Graph,
    plan::Plan,
    planning::{self, PlanRequest, PlanningOutput},
    render::{self, PlanContext, PlanView, RunFlags},
    resource::one_line,
    state::{Disk, Ledger, RealDisk},
};

/// Makes a plan, prints it, and saves it if `--out` is given.
pub fn run(
    arguments: &PlanArguments,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let environment = project_context.environment.clone();
    let inputs = project_context.inputs.clone();
    let work = async {
        let prepared =
            prepare_plan(project_context, project::desired_for_sending, process, &arguments.plan_options(), screen)
                .await?;
        let notices =
            moved_blocks::obsolete_block_notices(&prepared.graph.project, &inputs, &prepared.planning_output.live)
                .await;
        Ok::<_, CommandError>((prepared, notices))
    };
    let (prepared, notices) = runtime::block_on(&environment, work)??;
    let PreparedPlan { graph, planning_output: planned, context } = &prepared;
    print_plan(&PrintedPlan { plan: &planned.plan, graph, context, command: "plan" }, global, screen)?;
    if let Some(path) = &arguments.out {
        let id = format!("{:016x}", process.seed);
        save_plan(path, &render::saved_plan_json(&planned.plan, graph, context, &id)?)?;
        screen.notify(&saved_notice(path, &planned.plan, &global.run_flags()));
    }
    notices.iter().for_each(|notice| screen.notify(notice));
    let exit = plan_exit(&planned.plan, arguments.detailed_exitcode);
    // The process ends here. Freeing the memory of a large project piece by piece would only take time.
    std::mem::forget(prepared);
    Ok(exit)
}

/// Returns the sentences that say where a plan was saved and whether it can be applied.
fn saved_notice(path: &Path, plan: &Plan, flags: &RunFlags) -> String {
    let apply = flags.command("apply").path(path);
    let path = path.display();
    let blocked: Vec<String> = plan.blocked_addresses().map(ToString::to_string).collect();
    match blocked.as_slice() {
        [] => format!("Saved to `{path}`. `{apply}` applies exactly this plan."),
        names => {
            let (are, them) = if names.len() == 1 { ("is", "it") } else { ("are", "them") };
            format!(
                "Saved to `{path}` for review only. `{apply}` will not apply it, because {} {are} blocked. \
                 Unblock {them}, then plan again.",
                names.join(", ")
            )
        }
    }
}

/// Returns the exit of a plan: blocked, pending changes if `detailed`, or done.
fn plan_exit(plan: &Plan, detailed: bool) -> Exit {
    let blocked = if plan.is_blocked() { Exit::Blocked } else { Exit::Done };
    let pending = if detailed && plan.has_changes() { Exit::Pending } else { Exit::Done };
    blocked.worse_of(pending)
}

/// A plan with the project that it is for and the context that is shown with it.
pub(super) struct PreparedPlan {
    /// The checked project with its dependencies.
    pub graph: Graph,
    /// The plan, and the record and live resources that it was made from.
    pub planning_output: PlanningOutput,
    /// What is shown with the plan but is not part of it.
    pub context: PlanContext,
}

/// Makes a plan without the lock. If another run holds the lock, a note on standard error names that run.
pub(super) async fn prepare_plan(
    project_context: ProjectContext,
    check: ProjectCheck,
    process: &ProcessEnvironment,
    options: &PlanOptions,
    screen: &Screen,
) -> Result<PreparedPlan, CommandError> {
    let OpenProject { graph, ledger, recorded, connection, live } =
        project_context.open(check, process, screen).await?;
    if let Some(holder) = ledger.lock_holder().await? {
        screen.notify(&format!(
            "A run is in progress: `{}` by {} since {}. The following may change while it runs.",
            one_line(&holder.command),
            one_line(&holder.who),
            one_line(&holder.since)
        ));
    }
    if let Some((message, help)) = project::missing_state_notice(&ledger, &graph.project.environment, process).await? {
        screen.notify(&format!("Note: {message}. {help}"));
    }
    let secrets = process.secrets(&graph.project);
    let request = PlanRequest { graph: &graph, secrets: &secrets, recorded: &recorded, options };
    let planned = planning::plan_from(&connection.cloud, live, request).await?;
    let context = plan_context(&graph, &planned, interrupted_run(&ledger, false).await?);
    // The memory of the simulated world is not freed either.
    std::mem::forget(connection);
    Ok(PreparedPlan { graph, planning_output: planned, context })
}

/// A plan to print, with what is shown along with it.
pub(super) struct PrintedPlan<'a> {
    /// The plan that is printed.
    pub plan: &'a Plan,
    /// The graph of the project that was planned.
    pub graph: &'a Graph,
    /// The facts that are shown with the plan.
    pub context: &'a PlanContext,
    /// The command in the header: `plan`, `apply` or `destroy`.
    pub command: &'a str,
}

/// Prints a plan in the requested format.
pub(super) fn print_plan(
    printed: &PrintedPlan<'_>,
    global: &GlobalOptions,
    screen: &Screen,
) -> Result<(), CommandError> {
    let PrintedPlan { plan, graph, context, command } = *printed;
    let run_flags = global.run_flags();
    let view =
        PlanView { plan, context, command, run_flags: &run_flags, verbose: global.verbose, style: screen.stdout_style };
    match global.format {
        OutputFormat::Text => screen.print(&render::plan_text(&view)),
        OutputFormat::Markdown => screen.print(&render::plan_markdown(&view)),
        OutputFormat::Json => screen.print(&render::plan_json(plan, graph, context)?),
        OutputFormat::Dot | OutputFormat::Mermaid | OutputFormat::Svg => {
            Err(CommandError::new("a plan can be printed only as `text`, `markdown` or `json`")
                .with_help("The formats `dot`, `mermaid` and `svg` are for `floe graph`."))
        }
    }
}

/// Writes a plan to a file atomically. Only the owner can read the file. An existing file is replaced only if it is a
/// plan, or empty.
fn save_plan(path: &Path, text: &str) -> Result<(), CommandError> {
    let refused = |error: &std::io::Error| connect::file_error("write", path, error);
    check_replaceable(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| refused(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| refused(&error))?;
    file.persist(path).map_err(|error| refused(&error.error)).map(drop)
}

/// Checks that `path` does not exist, or is a regular file that a plan may replace. A typing error, such as
/// `--out floe.toml`, must not cost a file.
fn check_replaceable(path: &Path) -> Result<(), CommandError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.is_dir() => {
            return Err(CommandError::new(format!("cannot write `{}`: it is a folder", path.display())));
        }
        Ok(_) | Err(_) => {}
    }
    let content = RealDisk.read(path).map_err(|error| {
        connect::file_error("write", path, &error).with_help("Name another file in `--out`, or remove this one first.")
    })?;
    if content.trim_ascii().is_empty() || SavedPlan::is_plan(&content) {
        return Ok(());
    }
    Err(CommandError::new(format!("`{}` exists and is not a plan, so it was not replaced", path.display()))
        .with_help("Name another file in `--out`, or remove this one first."))
}
