//! `floe apply` and `floe destroy`: plan under the lock, show the plan, ask for confirmation, execute it, and report.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep},
};

use super::{
    CommandError, Exit, ProcessEnvironment, Screen,
    arguments::{ApplyArguments, DestroyArguments, GlobalOptions},
    connect::{self, WorldAccess},
    interrupt,
    lock_holder::lock_holder,
    plan::print_plan,
    plan_context::{interrupted_run, plan_context},
    progress::{ProgressDisplay, StatusLine},
    project, runtime,
    saved_plan::SavedPlan,
    secret_values,
};
use crate::{
    cloud::CloudClient,
    diff::PlanOptions,
    execute::{self, Interrupt, LATE_SUBMISSION_TIMEOUT, RunInputs, RunReport},
    graph::Graph,
    plan::{Plan, check},
    planning::{self, PlanningOutput},
    render::{self, RunResult},
    resource::{Address, Operation, Secrets},
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
    let text = render::report_text(&report, &prepared_run.planning_output.plan, screen.stdout_style);
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
    let (mut planned, is_settled) =
        plan_once_settled(&apply_request, &given, &recorded, &connection.cloud, screen).await?;
    let secrets = planned.secrets.clone();
    let context = plan_context(graph, &planned, interrupted);
    if let Some(saved) = apply_request.saved {
        saved.check_unused(&graph.project, open_run.as_ref())?;
        planned.plan = saved.plan_to_execute(&planned, graph)?;
    }
    print_plan(&planned.plan, graph, &context, apply_request.command, global, screen)?;
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
        screen.eprint("Canceled. No changes were made.\n");
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

/// The interval at which resources in a transitional phase are read again.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How long apply waits for resources in a transitional phase. It is as long as a statement may take by default.
const MOTION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Returns whether an interrupted run submitted a statement that does not exist.
fn has_unseen_submission(plan: &Plan) -> bool {
    plan.interrupted_requests
        .iter()
        .any(|found| !found.applied && matches!(found.intent.operation, Operation::Submit(_)))
}

/// Plans again until nothing that the plan changes is in a transitional phase. Returns the plan, and whether that was
/// reached before the timeout. For a saved plan, blocked addresses that it does not change are excluded each time.
async fn plan_once_settled(
    apply_request: &ApplyRequest<'_>,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &CloudClient,
    screen: &Screen,
) -> Result<(PlanningOutput, bool), CommandError> {
    let began = Instant::now();
    let mut announced: Vec<Address> = Vec::new();
    loop {
        let mut planned =
            planning::make_plan(apply_request.graph, secrets, recorded, cloud, &apply_request.request).await?;
        if let Some(request) =
            apply_request.saved.as_ref().and_then(|saved| saved.options_without_unrelated_blocks(&planned.plan))
        {
            planned = planning::make_plan(apply_request.graph, secrets, recorded, cloud, &request).await?;
        }
        if has_unseen_submission(&planned.plan) && began.elapsed() < LATE_SUBMISSION_TIMEOUT {
            if announced.is_empty() {
                screen.eprint("Waiting briefly: a submission of the interrupted run may still take effect.\n");
            }
            announced = planned.plan.interrupted_requests.iter().map(|found| found.intent.address.clone()).collect();
            sleep(Duration::from_secs(3)).await;
            continue;
        }
        let moving: Vec<Address> = planned.plan.addresses_in_motion().cloned().collect();
        // There is no point in waiting for a plan that stays blocked anyway.
        if moving.is_empty() || (planned.plan.is_blocked() && !planned.plan.is_blocked_only_by_motion()) {
            return Ok((planned, true));
        }
        if began.elapsed() >= MOTION_TIMEOUT {
            return Ok((planned, false));
        }
        if moving != announced {
            let names: Vec<String> = moving.iter().map(Address::to_string).collect();
            screen.eprint(&format!("Waiting for changes in progress: {}.\n", names.join(", ")));
            announced = moving;
        }
        sleep(POLL_INTERVAL).await;
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::watch;

    use super::*;
    use crate::{
        cloud::{ApiKey, Credentials, Endpoints, RateLimits},
        manifest::LoadOptions,
        resource::{HashKey, StatementUpdate},
        simulator::{Simulator, SimulatorOptions},
        state::MemoryLedger,
    };

    const JOBS: &str = r#"
[project]
name = "p"
[environments.local]
simulator = true
[defaults]
pool = "main"
[pools.main]
max_cfu = 10
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
[statements.other]
sql = "INSERT INTO others SELECT id FROM orders"
"#;

    #[tokio::test(start_paused = true)]
    async fn a_saved_plan_waits_for_statements_in_motion_even_if_another_is_blocked() {
        let folder = tempfile::tempdir().unwrap();
        let graph = |text: &str| {
            std::fs::write(folder.path().join("floe.toml"), text).unwrap();
            planning::load_desired(&LoadOptions { root: folder.path().to_owned(), ..LoadOptions::default() }).unwrap()
        };
        let before = graph(JOBS);
        let identity = before.project.environment.identity.clone();
        let key = || Some(ApiKey::new("k", "s"));
        let credentials = Credentials { flink: key(), cloud: key() };
        let site = Endpoints::public(&identity).unwrap();
        let cloud = CloudClient::new(
            Arc::new(Simulator::new(SimulatorOptions::default())),
            site,
            credentials,
            RateLimits::default(),
            7,
        );
        let secrets = Secrets::new(BTreeMap::new());
        let empty_record = Arc::new(Recorded::new("lineage".to_owned(), identity, HashKey("key".to_owned())));
        let planned =
            planning::make_plan(&before, &secrets, &empty_record, &cloud, &PlanOptions::default()).await.unwrap();
        let mut ledger = MemoryLedger::new();
        let holder =
            LockHolder { command: "apply".into(), who: "me".into(), pid: 1, since: String::new(), saved_plan_id: None };
        ledger.lock(&holder, Duration::ZERO).await.unwrap();
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let (project, run) = ("p".to_owned(), "run".to_owned());
        let run_inputs = RunInputs {
            cloud: cloud.clone(),
            secrets: secrets.clone(),
            project,
            use_placeholders: true,
            run_id: run,
            interrupt,
        };
        let recorded = Recorded::clone(&planned.recorded);
        let report = execute::run(&planned.plan, recorded, &mut ledger, &run_inputs, &mut |_| {}).await.unwrap();
        assert!(report.is_complete(), "{:#?}", report.failed);
        let recorded = Arc::new(ledger.load().await.unwrap().unwrap());
        // The saved plan grows the pool and changes `other`. Then `copy` needs a decision, and `other` is stopped
        // outside floe.
        let grown = JOBS.replace("max_cfu = 10", "max_cfu = 20");
        let grown = grown.replace("SELECT id FROM orders\"", "SELECT UPPER(id) FROM orders\"\nevolve = \"restart\"");
        let saved =
            planning::make_plan(&graph(&grown), &secrets, &recorded, &cloud, &PlanOptions::default()).await.unwrap();
        let file = folder.path().join("plan.json");
        std::fs::write(&file, serde_json::to_string(&saved.plan).unwrap()).unwrap();
        let other = cloud.fetch_statement("other").await.unwrap().unwrap();
        cloud.update_statement(other, &StatementUpdate { stopped: true, pool: None, principal: None }).await.unwrap();
        let graph = graph(&grown.replace("SELECT id, price", "SELECT id, price + 1"));
        let request = PlanOptions::default();
        let now = planning::make_plan(&graph, &secrets, &recorded, &cloud, &request).await.unwrap();
        assert!(now.plan.is_blocked() && now.plan.addresses_in_motion().count() == 1, "{:#?}", now.plan.changes);
        let saved = Some(SavedPlan::read(&file).unwrap());
        let apply_request = ApplyRequest { command: "apply", graph: &graph, request, saved, yes: true };
        let screen = Screen {
            stdout_style: render::Style::default(),
            stderr_style: render::Style::default(),
            is_interactive: false,
        };
        let began = Instant::now();
        let (planned, is_settled) =
            plan_once_settled(&apply_request, &secrets, &recorded, &cloud, &screen).await.unwrap();
        assert!(is_settled && began.elapsed() >= POLL_INTERVAL);
        assert_eq!(planned.plan.addresses_in_motion().count(), 0, "{:#?}", planned.plan.changes);
        assert!(!planned.plan.changes.contains_key(&Address::statement("copy")), "{:#?}", planned.plan.changes);
    }
}
