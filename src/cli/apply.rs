//! `floe apply` and `floe destroy`: plan under the lock, show the plan, ask for confirmation, execute it, and report.

use tokio::sync::watch::Receiver;

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{ApplyArguments, DestroyArguments, GlobalOptions},
    connect::{self, WorldAccess},
    interrupt,
    lock_holder::lock_holder,
    plan::{PrintedPlan, print_plan},
    plan_context::{interrupted_run, plan_context},
    progress::{ProgressDisplay, StatusLine},
    project, runtime,
    saved_plan::SavedPlan,
    secret_values,
};
use crate::{
    cloud::CloudClient,
    diff::PlanOptions,
    execute::{self, Interrupt, RunInputs, RunReport, RunResult},
    graph::Graph,
    plan::{Plan, check},
    planning::{self, PlanRequest, PlanningOutput, Waiting},
    render,
    resource::{Address, Secrets},
    state::{Ledger, LocalLedger, LockHolder, Recorded},
};

/// What a run is asked to do.
struct ApplyRequest<'a> {
    /// The name of the command, `apply` or `destroy`.
    command: &'a str,
    /// The checked project with its dependencies.
    graph: &'a Graph,
    /// The options to plan with.
    request: PlanOptions,
    /// The saved plan to apply, if a file was given.
    saved: Option<SavedPlan>,
    /// Whether to skip the confirmation prompt.
    yes: bool,
}

/// Runs `floe apply [FILE]`.
pub fn apply(
    arguments: &ApplyArguments,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let saved = arguments.file.as_deref().map(SavedPlan::read).transpose()?;
    let mut global = global.clone();
    if let (Some(saved), None) = (&saved, &global.environment) {
        global.environment = Some(saved.plan.basis.environment.clone());
    }
    let graph = project::desired_for_sending(&project::manifest_inputs(&global, process))?;
    let request = saved.as_ref().map_or_else(|| arguments.plan_options(), |saved| saved.plan.options.clone());
    let yes = arguments.yes || saved.is_some();
    let apply_request = ApplyRequest { command: "apply", graph: &graph, request, saved, yes };
    runtime::block_on(&graph.project.environment, run_request(apply_request, &global, process, screen))?
}

/// Runs the command `floe destroy`.
pub fn destroy(
    arguments: &DestroyArguments,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    let graph = project::desired(&project::manifest_inputs(global, process))?;
    let apply_request = ApplyRequest {
        command: "destroy",
        graph: &graph,
        request: arguments.plan_options(),
        saved: None,
        yes: arguments.yes,
    };
    runtime::block_on(&graph.project.environment, run_request(apply_request, global, process, screen))?
}

/// Everything that a run needs. Nothing has been sent yet.
struct PreparedRun {
    /// The plan to execute, and the record and live resources that it was made from.
    planning_output: PlanningOutput,
    /// The ledger of the environment, locked by this run.
    ledger: LocalLedger,
    /// The client for all API calls.
    cloud: CloudClient,
    /// The secret values that the run sends or redacts.
    secrets: Secrets,
    /// The status line for retries and progress.
    status_line: StatusLine,
    /// The exit of the run even if every step succeeds.
    minimum_exit: Exit,
}

/// Prepares the run, executes it and prints its report.
async fn run_request(
    apply_request: ApplyRequest<'_>,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Exit, CommandError> {
    // Listens from the start, so that an interrupt before the first request is reported as exactly that.
    let mut interrupt = interrupt::listen();
    let prepared = tokio::select! {
        biased;
        _ = interrupt.wait_for(|requested| *requested != Interrupt::None) => {
            return Err(CommandError::new("interrupted before anything was sent").with_exit(Exit::Interrupted));
        }
        prepared = prepare(apply_request, global, process, screen) => prepared?,
    };
    let mut prepared_run = match prepared {
        Ok(ready) => ready,
        Err(exit) => return Ok(exit),
    };
    let report = execute_plan(&mut prepared_run, interrupt).await?;
    let text =
        render::report_text(&report, &prepared_run.planning_output.plan, &global.run_flags(), screen.stdout_style);
    match global.format {
        super::arguments::OutputFormat::Text => screen.print(&format!("\n{text}"))?,
        _ => screen.eprint(&text),
    }
    Ok(run_exit(&report).worse_of(prepared_run.minimum_exit))
}

/// Plans under the lock, prints the plan and asks for confirmation. The inner error is the exit of a command that runs
/// nothing: there is nothing to do, the plan is blocked, or the answer was no.
async fn prepare(
    apply_request: ApplyRequest<'_>,
    global: &GlobalOptions,
    process: &ProcessEnvironment,
    screen: &Screen,
) -> Result<Result<PreparedRun, Exit>, CommandError> {
    let graph = apply_request.graph;
    let mut ledger = project::ledger(graph);
    project::check_may_create_state(&ledger, &graph.project.environment, process).await?;
    let saved_plan_id = apply_request.saved.as_ref().map(|saved| saved.id.clone());
    ledger
        .lock(&LockHolder { saved_plan_id, ..lock_holder(apply_request.command, process) }, global.lock_timeout)
        .await?;
    let (open_run, interrupted) = (ledger.interrupted_run().await?, interrupted_run(&ledger, true).await?);
    let lineage = apply_request.saved.as_ref().map(|saved| saved.plan.basis.lineage.clone());
    let recorded = project::recorded_or_new(&ledger, &graph.project.environment, process, lineage.as_deref()).await?;
    let world =
        connect::open_world(&graph.project.root, &graph.project.environment, &recorded, WorldAccess::ReadWrite)?;
    let status_line = StatusLine::new(*screen);
    let connection = connect::connect(&graph.project, &recorded, process, world, &status_line).await?;
    let given = process.secrets(&graph.project);
    let plan_request = PlanRequest { graph, secrets: &given, recorded: &recorded, options: &apply_request.request };
    let saved_plan = apply_request.saved.as_ref().map(|saved| &saved.plan);
    let mut announce = |waiting: Waiting| screen.notify(&waiting_line(&waiting));
    let (mut planned, is_settled) =
        planning::plan_once_settled(&connection.cloud, plan_request, saved_plan, &mut announce).await?;
    let secrets = planned.secrets.clone();
    let context = plan_context(graph, &planned, interrupted);
    if let Some(saved) = apply_request.saved {
        saved.check_unused(&graph.project, open_run.as_ref())?;
        planned.plan = saved.plan_to_execute(&planned, graph)?;
    }
    let printed = PrintedPlan { plan: &planned.plan, graph, context: &context, command: apply_request.command };
    print_plan(&printed, global, screen)?;
    let minimum_exit = if is_settled { Exit::Done } else { Exit::Unhealthy };
    if planned.plan.is_blocked() || !planned.plan.has_work() {
        // Otherwise the journal of an interrupted run would stay until there is something else to do.
        ledger.compact_interrupted(&recorded).await?;
        return Ok(Err(if planned.plan.is_blocked() { Exit::Blocked } else { minimum_exit }));
    }
    check_plan(&planned)?;
    // The simulator gets a placeholder for a secret that is not set.
    if !planned.plan.basis.simulated {
        secret_values::check_all_set(&planned.plan, graph, &secrets)?;
    }
    secret_values::check_quotes(&planned.plan, graph, &secrets)?;
    if !apply_request.yes
        && planned.plan.has_changes()
        && !user_consents(apply_request.command, &planned.plan, screen).await?
    {
        screen.notify("Canceled. No changes were made.");
        return Ok(Err(Exit::Error));
    }
    Ok(Ok(PreparedRun {
        planning_output: planned,
        ledger,
        cloud: connection.cloud,
        secrets,
        status_line,
        minimum_exit,
    }))
}

/// Returns the line that says what a plan waits for.
fn waiting_line(waiting: &Waiting) -> String {
    let (addresses, at_most) = match waiting {
        Waiting::InMotion(addresses) => (addresses, String::new()),
        Waiting::InFlight { addresses, seconds_left } => {
            (addresses, format!(" A request without a response may still take effect for up to {seconds_left} s."))
        }
    };
    let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
    format!("Waiting for changes in progress: {}.{at_most}", names.join(", "))
}

/// Checks the invariants of the plan, with code other than the planner's.
fn check_plan(planned: &PlanningOutput) -> Result<(), CommandError> {
    let violations = check(&planned.plan, &planned.recorded);
    if violations.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = violations.iter().map(|violation| format!("- {violation}")).collect();
    Err(CommandError::new(format!("this plan violates safety rules\n{}", named.join("\n"))).with_help(
        "No changes were made. Unless the plan file was edited, this is a bug in floe. Please report it with the plan \
         (`--format json`).",
    ))
}

/// Asks for confirmation on a terminal. Returns an error with the alternatives if there is none.
async fn user_consents(command: &str, plan: &Plan, screen: &Screen) -> Result<bool, CommandError> {
    if !screen.is_interactive {
        let alternative = if command == "apply" { ", or apply a saved plan with `floe apply FILE`" } else { "" };
        return Err(CommandError::new(format!("`floe {command}` cannot ask for confirmation without a terminal"))
            .with_help(format!("No changes were made. Add `--yes`{alternative}.")));
    }
    let environment = &plan.basis.environment;
    let question = if command == "destroy" {
        format!("\nDestroy these resources in {environment}? Only \"yes\" or \"y\" is accepted: ")
    } else {
        format!("\nApply these changes to {environment}? [y/N] ")
    };
    Ok(screen.confirm(&question).await)
}

/// Executes the plan and shows its progress.
async fn execute_plan(
    prepared_run: &mut PreparedRun,
    interrupt: Receiver<Interrupt>,
) -> Result<RunReport, CommandError> {
    let PreparedRun { planning_output: planned, ledger, cloud, secrets, status_line, .. } = prepared_run;
    let basis = &planned.plan.basis;
    let run_inputs = RunInputs {
        cloud: cloud.clone(),
        secrets: secrets.clone(),
        project: basis.project.clone(),
        environment: basis.environment.clone(),
        use_placeholders: basis.simulated,
        run_id: format!("{:08x}", fastrand::u32(..)),
        interrupt,
    };
    let mut progress = ProgressDisplay::new(status_line);
    let mut events = |event| progress.handle_event(&event);
    let report =
        execute::run(&planned.plan, Recorded::clone(&planned.recorded), ledger, &run_inputs, &mut events).await;
    progress.finish();
    Ok(report?)
}

/// Returns the exit for the result of a run.
fn run_exit(report: &RunReport) -> Exit {
    match RunResult::of(report) {
        RunResult::Done => Exit::Done,
        RunResult::Unhealthy => Exit::Unhealthy,
        RunResult::Failed => Exit::Error,
        RunResult::Interrupted => Exit::Interrupted,
    }
}
