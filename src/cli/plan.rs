//! `floe plan`: shows what an apply would do.

use std::{fs, io::Write, path::Path};

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{GlobalOptions, OutputFormat, PlanArguments},
    connect, moved_blocks,
    plan_context::{interrupted_run, plan_context},
    project::{self, OpenProject, ProjectCheck, ProjectContext},
    runtime,
};
use crate::{
    diff::PlanOptions,
    graph::Graph,
    plan::Plan,
    planning::{self, PlanRequest, PlanningOutput},
    render::{self, PlanContext, PlanView},
    resource::one_line,
    state::Ledger,
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
        let notices = moved_blocks::obsolete_block_notices(&prepared.graph.project, &inputs).await;
        Ok::<_, CommandError>((prepared, notices))
    };
    let (prepared, notices) = runtime::block_on(&environment, work)??;
    let PreparedPlan { graph, planning_output: planned, context } = &prepared;
    print_plan(&planned.plan, graph, context, "plan", global, screen)?;
    if let Some(path) = &arguments.out {
        let id = format!("{:016x}", process.seed);
        save_plan(path, &render::saved_plan_json(&planned.plan, graph, context, &id)?)?;
        screen.eprint(&saved_notice(&path.display().to_string(), &planned.plan));
    }
    notices.iter().for_each(|line| screen.eprint(line));
    let exit = plan_exit(&planned.plan, arguments.detailed_exitcode);
    // The process ends here. Freeing the memory of a large project piece by piece would only take time.
    std::mem::forget(prepared);
    Ok(exit)
}

/// Returns the line that says where a plan was saved and whether it can be applied.
fn saved_notice(path: &str, plan: &Plan) -> String {
    let blocked: Vec<String> = plan.blocked_addresses().map(ToString::to_string).collect();
    match blocked.as_slice() {
        [] => format!("Saved to `{path}`. `floe apply {path}` applies exactly this plan.\n"),
        names => {
            let (are, them) = if names.len() == 1 { ("is", "it") } else { ("are", "them") };
            format!(
                "Saved to `{path}` for review only. `floe apply {path}` will not apply it, because {} {are} blocked. \
                 Unblock {them}, then plan again.\n",
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
        screen.eprint(&format!(
            "A run is in progress: `{}` by {} since {}. The following may change while it runs.\n",
            one_line(&holder.command),
            one_line(&holder.who),
            one_line(&holder.since)
        ));
    }
    let secrets = process.secrets(&graph.project);
    let request = PlanRequest { graph: &graph, secrets: &secrets, recorded: &recorded, options };
    let planned = planning::plan_from(&connection.cloud, live, request).await?;
    let context = plan_context(&graph, &planned, interrupted_run(&ledger, false).await?);
    // The memory of the simulated world is not freed either.
    std::mem::forget(connection);
    Ok(PreparedPlan { graph, planning_output: planned, context })
}

/// Prints a plan in the requested format.
pub(super) fn print_plan(
    plan: &Plan,
    graph: &Graph,
    context: &PlanContext,
    command: &str,
    global: &GlobalOptions,
    screen: &Screen,
) -> Result<(), CommandError> {
    let global_flags = global_flags(global);
    let view = PlanView {
        plan,
        context,
        command,
        global_flags: &global_flags,
        verbose: global.verbose,
        style: screen.stdout_style,
    };
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

/// Returns the global flags that suggested commands repeat, because the plan does not contain them. Values that come
/// from the process's environment are not repeated.
fn global_flags(global: &GlobalOptions) -> String {
    let mut flags = Vec::new();
    if global.folder != Path::new(".") {
        flags.push(format!("-C {}", shell_quoted(&global.folder.to_string_lossy())));
    }
    flags.extend(
        global.variables.iter().map(|(name, value)| format!("--var {}", shell_quoted(&format!("{name}={value}")))),
    );
    flags.join(" ")
}

/// Returns a word with shell quotes where it needs them.
fn shell_quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Writes a plan to a file atomically. Only the owner can read the file.
fn save_plan(path: &Path, text: &str) -> Result<(), CommandError> {
    let refused = |error: &std::io::Error| connect::file_error("write", path, error);
    if path.is_dir() {
        return Err(CommandError::new(format!("cannot write `{}`: it is a folder", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A device or a pipe cannot be replaced, so it is written in place.
    if path.exists() && !path.is_file() {
        return fs::write(path, text).map_err(|error| refused(&error));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| refused(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| refused(&error))?;
    file.persist(path).map_err(|error| refused(&error.error)).map(drop)
}
