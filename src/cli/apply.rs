//! `floe apply` and `floe destroy`: plan under the lock, show, ask, execute, report.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep},
};

use super::{
    Ambient, Exit, Screen, Trouble,
    arguments::{ApplyArguments, DestroyArguments, Global},
    beside::{beside, interrupted},
    door::{self, Access},
    holder::holder,
    interrupt,
    plan::show,
    progress::{Progress, Voice},
    project, runtime,
    saved::Saved,
    values,
};
use crate::{
    cloud::Cloud,
    diff::PlanOptions,
    execute::{self, Interrupt, RunInputs, RunReport},
    graph::Graph,
    plan::{Plan, check},
    planning::{self, Planned},
    render::{self, Outcome},
    resource::{Address, Operation, Secrets},
    state::{Holder, Ledger, Local, Recorded},
};

/// What is to be done, and by whose leave.
struct Errand<'a> {
    command: &'a str,
    graph: &'a Graph,
    request: PlanOptions,
    saved: Option<Saved>,
    yes: bool,
}

/// `floe apply [FILE]`.
pub fn apply(arguments: &ApplyArguments, global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    let saved = arguments.file.as_deref().map(Saved::read).transpose()?;
    let mut global = global.clone();
    if let (Some(saved), None) = (&saved, &global.environment) {
        global.environment = Some(saved.plan.basis.environment.clone());
    }
    let graph = project::to_be_sent(&project::inputs(&global, ambient))?;
    let request = saved.as_ref().map_or_else(|| arguments.request(), |saved| saved.plan.options.clone());
    let yes = arguments.yes || saved.is_some();
    let errand = Errand { command: "apply", graph: &graph, request, saved, yes };
    runtime::block_on(&graph.project.environment, carry_out(errand, &global, ambient, screen))?
}

/// `floe destroy`.
pub fn destroy(
    arguments: &DestroyArguments,
    global: &Global,
    ambient: &Ambient,
    screen: &Screen,
) -> Result<Exit, Trouble> {
    let graph = project::desired(&project::inputs(global, ambient))?;
    let errand =
        Errand { command: "destroy", graph: &graph, request: arguments.request(), saved: None, yes: arguments.yes };
    runtime::block_on(&graph.project.environment, carry_out(errand, global, ambient, screen))?
}

/// Everything that a run needs, with nothing sent yet.
struct Ready {
    planned: Planned,
    ledger: Local,
    cloud: Cloud,
    secrets: Secrets,
    voice: Voice,
    /// What the run comes to even if all goes well.
    unsettled: Exit,
}

async fn carry_out(errand: Errand<'_>, global: &Global, ambient: &Ambient, screen: &Screen) -> Result<Exit, Trouble> {
    // From the first moment on, so that nobody who stops a run before its first request is told anything but that.
    let mut interrupt = interrupt::listen();
    let prepared = tokio::select! {
        biased;
        _ = interrupt.wait_for(|wish| *wish != Interrupt::None) => {
            return Err(Trouble::new("interrupted while planning; nothing was sent").exiting(Exit::Interrupted));
        }
        prepared = prepare(errand, global, ambient, screen) => prepared?,
    };
    let mut ready = match prepared {
        Ok(ready) => ready,
        Err(exit) => return Ok(exit),
    };
    let report = execute(&mut ready, interrupt).await?;
    let text = render::report(&report, &ready.planned.plan, screen.out);
    match global.format {
        super::arguments::Format::Text => screen.out(&format!("\n{text}"))?,
        _ => screen.err(&text),
    }
    Ok(exit(&report).or(ready.unsettled))
}

/// Plans, shows and asks. The inner error is an exit: there is nothing to run, or it is not to be run.
async fn prepare(
    errand: Errand<'_>,
    global: &Global,
    ambient: &Ambient,
    screen: &Screen,
) -> Result<Result<Ready, Exit>, Trouble> {
    let graph = errand.graph;
    let mut ledger = project::ledger(graph);
    let plan = errand.saved.as_ref().map(|saved| saved.id.clone());
    ledger.lock(&Holder { plan, ..holder(errand.command, ambient) }, global.lock_timeout).await?;
    let (begun, interrupted) = (ledger.begun_by().await?, interrupted(&ledger, true).await?);
    let lineage = errand.saved.as_ref().map(|saved| saved.plan.basis.lineage.clone());
    let recorded = project::recorded(&ledger, &graph.project.environment, ambient, lineage.as_deref()).await?;
    let world = door::world(&graph.project.root, &graph.project.environment, &recorded, Access::Writes)?;
    let voice = Voice::new(*screen);
    let door = door::open(&graph.project, &recorded, ambient, world, &voice).await?;
    let given = ambient.secrets(&graph.project);
    let (mut planned, settled) = still(&errand, &given, &recorded, &door.cloud, screen).await?;
    let secrets = planned.secrets.clone();
    let beside = beside(graph, &planned, interrupted);
    if let Some(saved) = errand.saved {
        saved.is_unused(&graph.project, begun.as_ref())?;
        planned.plan = saved.still_holds(&planned, graph)?;
    }
    show(&planned.plan, graph, &beside, errand.command, global, screen)?;
    let unsettled = if settled { Exit::Done } else { Exit::Unhealthy };
    if planned.plan.is_blocked() || !planned.plan.has_work() {
        // What an interrupted run left would stay unfolded as long as there is nothing else to do.
        ledger.fold_interrupted(&recorded).await?;
        return Ok(Err(if planned.plan.is_blocked() { Exit::Blocked } else { unsettled }));
    }
    is_sound(&planned)?;
    // On the simulator a placeholder stands in for what is not set.
    if !planned.plan.basis.simulated {
        values::are_set(&planned.plan, graph, &secrets)?;
    }
    values::fit(&planned.plan, graph, &secrets)?;
    if !errand.yes && planned.plan.has_changes() && !consents(errand.command, &planned.plan, screen).await? {
        screen.err("Nothing was done.\n");
        return Ok(Err(Exit::Error));
    }
    Ok(Ok(Ready { planned, ledger, cloud: door.cloud, secrets, voice, unsettled }))
}

/// How often what is in motion is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
/// How long apply waits for what is in motion: as long as a statement may take by default.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long a submission of an interrupted run that is not there is looked for: it may still be on its way.
const LANDING: Duration = Duration::from_secs(12);

/// Whether an interrupted run submitted something that is not there.
fn may_land(plan: &Plan) -> bool {
    plan.interrupted_requests
        .iter()
        .any(|found| !found.applied && matches!(found.intent.operation, Operation::Submit(_)))
}

/// The plan once nothing that it is to change is in motion any more, and whether that came about in time. For a saved
/// plan, what is blocked elsewhere is left out each time.
async fn still(
    errand: &Errand<'_>,
    secrets: &Secrets,
    recorded: &Arc<Recorded>,
    cloud: &Cloud,
    screen: &Screen,
) -> Result<(Planned, bool), Trouble> {
    let began = Instant::now();
    let mut told: Vec<Address> = Vec::new();
    loop {
        let mut planned = planning::planned(errand.graph, secrets, recorded, cloud, &errand.request).await?;
        if let Some(request) = errand.saved.as_ref().and_then(|saved| saved.without_blocks_elsewhere(&planned.plan)) {
            planned = planning::planned(errand.graph, secrets, recorded, cloud, &request).await?;
        }
        if may_land(&planned.plan) && began.elapsed() < LANDING {
            if told.is_empty() {
                screen.err("Waiting a moment for what the interrupted run may still have under way.\n");
            }
            told = planned.plan.interrupted_requests.iter().map(|found| found.intent.address.clone()).collect();
            sleep(Duration::from_secs(3)).await;
            continue;
        }
        let moving: Vec<Address> = planned.plan.addresses_in_motion().cloned().collect();
        // A plan that is blocked anyway is not worth waiting for.
        if moving.is_empty() || (planned.plan.is_blocked() && !planned.plan.is_blocked_only_by_motion()) {
            return Ok((planned, true));
        }
        if began.elapsed() >= PATIENCE {
            return Ok((planned, false));
        }
        if moving != told {
            let names: Vec<String> = moving.iter().map(Address::to_string).collect();
            screen.err(&format!("Waiting for what is under way: {}.\n", names.join(", ")));
            told = moving;
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Someone other than the planner looks at the plan.
fn is_sound(planned: &Planned) -> Result<(), Trouble> {
    let violations = check(&planned.plan, &planned.recorded);
    if violations.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = violations.iter().map(|violation| format!("- {violation}")).collect();
    Err(Trouble::new(format!("this plan must not run; nothing was done\n{}", named.join("\n")))
        .help("unless its file was edited, this is a bug in floe: please report it with the plan (`--format json`)"))
}

/// Asks on a terminal; elsewhere says what is needed instead.
async fn consents(command: &str, plan: &Plan, screen: &Screen) -> Result<bool, Trouble> {
    if !screen.interactive {
        let otherwise = if command == "apply" { " or a plan file (`floe apply FILE`)" } else { "" };
        return Err(Trouble::new(format!("`floe {command}` asks on a terminal, and here is none; nothing was done"))
            .help(format!("add `--yes`{otherwise}")));
    }
    let place = &plan.basis.environment;
    let question = if command == "destroy" {
        format!("\nRemove all of this from {place}? Only \"yes\" or \"y\" goes on: ")
    } else {
        format!("\nApply this to {place}? [y/N] ")
    };
    Ok(screen.ask(&question).await)
}

async fn execute(ready: &mut Ready, interrupt: Receiver<Interrupt>) -> Result<RunReport, Trouble> {
    let Ready { planned, ledger, cloud, secrets, voice, .. } = ready;
    let basis = &planned.plan.basis;
    let setting = RunInputs {
        cloud: cloud.clone(),
        secrets: secrets.clone(),
        project: basis.project.clone(),
        use_placeholders: basis.simulated,
        run_id: format!("{:08x}", fastrand::u32(..)),
        interrupt,
    };
    let mut progress = Progress::new(voice);
    let mut events = |event| progress.take(&event);
    let report = execute::run(&planned.plan, Recorded::clone(&planned.recorded), ledger, &setting, &mut events).await;
    progress.end();
    Ok(report?)
}

fn exit(report: &RunReport) -> Exit {
    match Outcome::of(report) {
        Outcome::Done => Exit::Done,
        Outcome::Unhealthy => Exit::Unhealthy,
        Outcome::Failed => Exit::Error,
        Outcome::Interrupted => Exit::Interrupted,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::sync::watch;

    use super::*;
    use crate::{
        cloud::{Credentials, Key, Limits, Site},
        manifest::Inputs,
        resource::{Amendment, HashKey},
        simulator::{Simulator, SimulatorOptions},
        state::Memory,
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
    async fn a_saved_plan_waits_for_what_moves_also_where_another_is_blocked() {
        let folder = tempfile::tempdir().unwrap();
        let graph = |text: &str| {
            std::fs::write(folder.path().join("floe.toml"), text).unwrap();
            planning::desired(&Inputs { root: folder.path().to_owned(), ..Inputs::default() }).unwrap()
        };
        let before = graph(JOBS);
        let identity = before.project.environment.identity.clone();
        let key = || Some(Key::new("k", "s"));
        let credentials = Credentials { flink: key(), cloud: key() };
        let site = Site::public(&identity).unwrap();
        let cloud =
            Cloud::new(Arc::new(Simulator::new(SimulatorOptions::default())), site, credentials, Limits::default(), 7);
        let secrets = Secrets::new(BTreeMap::new());
        let made = Arc::new(Recorded::new("lineage".to_owned(), identity, HashKey("key".to_owned())));
        let planned = planning::planned(&before, &secrets, &made, &cloud, &PlanOptions::default()).await.unwrap();
        let mut ledger = Memory::new();
        let holder = Holder { command: "apply".into(), who: "me".into(), pid: 1, since: String::new(), plan: None };
        ledger.lock(&holder, Duration::ZERO).await.unwrap();
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let (project, run) = ("p".to_owned(), "run".to_owned());
        let setting = RunInputs {
            cloud: cloud.clone(),
            secrets: secrets.clone(),
            project,
            use_placeholders: true,
            run_id: run,
            interrupt,
        };
        let recorded = Recorded::clone(&planned.recorded);
        let report = execute::run(&planned.plan, recorded, &mut ledger, &setting, &mut |_| {}).await.unwrap();
        assert!(report.is_complete(), "{:#?}", report.failed);
        let recorded = Arc::new(ledger.load().await.unwrap().unwrap());
        // The plan that is saved lets the pool grow and changes `other`. Then `copy` needs a decision, and somebody stops
        // `other`.
        let grown = JOBS.replace("max_cfu = 10", "max_cfu = 20");
        let grown = grown.replace("SELECT id FROM orders\"", "SELECT UPPER(id) FROM orders\"\nevolve = \"restart\"");
        let saved =
            planning::planned(&graph(&grown), &secrets, &recorded, &cloud, &PlanOptions::default()).await.unwrap();
        let file = folder.path().join("plan.json");
        std::fs::write(&file, serde_json::to_string(&saved.plan).unwrap()).unwrap();
        let other = cloud.statement("other").await.unwrap().unwrap();
        cloud.amend(other, &Amendment { stopped: true, pool: None, principal: None }).await.unwrap();
        let graph = graph(&grown.replace("SELECT id, price", "SELECT id, price + 1"));
        let request = PlanOptions::default();
        let now = planning::planned(&graph, &secrets, &recorded, &cloud, &request).await.unwrap();
        assert!(now.plan.is_blocked() && now.plan.addresses_in_motion().count() == 1, "{:#?}", now.plan.changes);
        let saved = Some(Saved::read(&file).unwrap());
        let errand = Errand { command: "apply", graph: &graph, request, saved, yes: true };
        let screen = Screen { out: render::Style::default(), err: render::Style::default(), interactive: false };
        let began = Instant::now();
        let (planned, settled) = still(&errand, &secrets, &recorded, &cloud, &screen).await.unwrap();
        assert!(settled && began.elapsed() >= BETWEEN_LOOKS);
        assert_eq!(planned.plan.addresses_in_motion().count(), 0, "{:#?}", planned.plan.changes);
        assert!(!planned.plan.changes.contains_key(&Address::statement("copy")), "{:#?}", planned.plan.changes);
    }
}
