//! The real program_harness, stopped in the middle: killed at the boundaries of its requests by a proxy between it and the
//! simulated cloud, and struck at every call to the system that touches its state by strace.

mod durability_order;
mod kill_at_request;
mod state_folder;
mod strace;

use std::{
    collections::VecDeque,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
    time::{Duration, SystemTime},
};

use floe::{
    resource::Operation,
    simulator::{PhaseDurations, SimulatedRateLimits, Simulator, SimulatorOptions},
    state::{Ledger, LocalLedger, Recorded},
};

use super::{
    CrashFailure, Figures, invariants, is_exhaustive, report_and_assert,
    stages::{STAGES, Stage},
};
use crate::{
    program_harness::{self, KillPoint, SentRequest, ServedSimulator},
    test_project::{TestProject, empty_record},
};

/// How many lives go on side by side: most of the time each waits.
fn max_parallel_cases() -> usize {
    if is_exhaustive() { 32 } else { 12 }
}

fn options() -> SimulatorOptions {
    SimulatorOptions {
        phase_durations: PhaseDurations::uniform(Duration::from_millis(20)),
        rate_limits: SimulatedRateLimits::unlimited(),
        ..SimulatorOptions::default()
    }
}

/// A project's folder, the cloud that belongs to it, and what is declared.
struct StagedProject {
    project: TestProject,
    stage: &'static Stage,
}

/// What one run of the program came to.
struct ProgramRun {
    code: Option<i32>,
    killed: bool,
    sent: Vec<SentRequest>,
    output: String,
}

impl ProgramRun {
    /// What it is to be when nothing is in its way.
    fn check_success(&self) -> Result<(), CrashFailure> {
        if self.code == Some(0) { Ok(()) } else { Err(format!("exit code {:?}:\n{}", self.code, self.output)) }
    }
}

impl StagedProject {
    /// Every stage before `stage` was applied undisturbed, and `stage` is declared.
    async fn before(stage: usize) -> Result<StagedProject, CrashFailure> {
        let mut project = TestProject::with_options(&[], options());
        let template = project_template(stage)?;
        copy_project(&template, project.folder.path()).map_err(|error| error.to_string())?;
        project.simulator =
            Simulator::open(project.folder.path().join("world"), options()).map_err(|e| e.to_string())?;
        STAGES[stage].declare(&project);
        Ok(StagedProject { project, stage: &STAGES[stage] })
    }

    fn folder(&self) -> &Path {
        self.project.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.folder().join("state/test.json")
    }

    /// Runs the program once, started by `through`.
    async fn run(&self, wrapper: &[String], kill: Option<KillPoint>) -> ProgramRun {
        self.run_against(&ServedSimulator::start(&self.project.simulator, kill).await, wrapper).await
    }

    /// Runs the program once; when request number `at` of those that change something has come, something happens.
    async fn run_with_hook(&self, at: usize, hook: impl FnOnce() + Send + 'static) -> ProgramRun {
        let service = ServedSimulator::start(&self.project.simulator, None).await;
        let mut changes = 0;
        let is_due = move |sent: &SentRequest| {
            changes += usize::from(sent.is_mutation());
            sent.is_mutation() && changes == at + 1
        };
        service.on_request(is_due, hook);
        self.run_against(&service, &[]).await
    }

    async fn run_against(&self, service: &ServedSimulator, wrapper: &[String]) -> ProgramRun {
        fs::write(self.folder().join("floe.toml"), program_harness::floe_toml_with_endpoint(&service.origin, ""))
            .unwrap();
        let command = if self.stage.destroy { "destroy" } else { "apply" };
        let arguments = [command, "--yes", "--allow-data-loss", "-e", "test"];
        let ended = service.run(program_harness::floe_command(self.folder(), wrapper, &arguments)).await;
        let (out, err) = program_harness::output(self.folder());
        ProgramRun { code: ended.status.code(), killed: service.has_killed(), sent: service.sent(), output: out + &err }
    }

    /// Runs until there is nothing left to do; then everything has to hold.
    async fn check_convergence(&self, figures: &mut Figures) -> Result<(), CrashFailure> {
        for _ in 0..2 {
            // What was in motion comes to rest; then the next run finds out what happened and goes on.
            tokio::time::sleep(Duration::from_millis(100)).await;
            figures.runs += 1;
            self.run(&[], None).await.check_success()?;
        }
        if self.state().with_extension("journal").exists() {
            return Err("the last run left a journal, so the snapshot alone is not the record".to_owned());
        }
        invariants::check_record(&self.project, self.load_record().await?, self.stage, figures)
    }

    /// The state as the next run will find it.
    async fn load_record(&self) -> Result<Recorded, CrashFailure> {
        let found =
            LocalLedger::at(self.state()).load().await.map_err(|why| format!("the state cannot be read: {why}"))?;
        Ok(found.unwrap_or_else(empty_record))
    }

    /// Right after the program was stopped: whatever the cloud holds is in the state, as an object or as an intent.
    async fn check_durability(&self, figures: &mut Figures) -> Result<(), CrashFailure> {
        // A request that had left may still arrive.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let found = self.load_record().await?;
        let operations = || found.open_intents.values().map(|open| &open.intent.operation);
        let has_submit_intent =
            |name: &str| operations().any(|it| matches!(it, Operation::Submit(sent) if sent.name == name));
        let has_pool_intent = |name: &str| {
            operations().any(|it| matches!(it, Operation::CreatePool { pool, .. } if pool.display_name == name))
        };
        let names = found.statements.values().flat_map(|record| record.generations()).map(|one| one.sent.name.clone());
        let ids = found.pools.values().map(|pool| pool.id.clone());
        let known: Vec<String> = names.chain(ids).collect();
        let live = self.project.simulator.world_view();
        let statements = live.statements.into_iter().map(|it| it.name).filter(|name| !has_submit_intent(name));
        let pools = live.pools.into_iter().filter(|pool| !has_pool_intent(&pool.display_name)).map(|pool| pool.id);
        let lost: Vec<String> = statements.chain(pools).filter(|id| !known.contains(id)).collect();
        figures.lost_records += lost.len();
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!("the cloud has {lost:?}, and the state knows {known:?} and intends {:#?}", found.open_intents))
    }
}

/// The folder of a project to which every stage before `stage` was applied, with its cloud's log.
fn project_template(stage: usize) -> Result<PathBuf, CrashFailure> {
    static TEMPLATES: OnceLock<Result<Vec<tempfile::TempDir>, CrashFailure>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| {
        // Whoever comes first may be on a runtime, which may not start another.
        let builder = std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(build_templates())
        });
        builder.join().unwrap_or_else(|_| Err("the templates could not be made".to_owned()))
    });
    templates.as_ref().map(|made| made[stage].path().to_owned()).map_err(Clone::clone)
}

async fn build_templates() -> Result<Vec<tempfile::TempDir>, CrashFailure> {
    let describe = |error: std::io::Error| error.to_string();
    let mut templates = Vec::new();
    let mut project = TestProject::with_options(&[], options());
    project.simulator = Simulator::open(project.folder.path().join("world"), options()).map_err(describe)?;
    let mut staged = StagedProject { project, stage: &STAGES[0] };
    for stage in &STAGES {
        let template = tempfile::tempdir().map_err(describe)?;
        copy_project(staged.folder(), template.path()).map_err(describe)?;
        templates.push(template);
        // What is usually done begins before the second stage at the latest.
        if templates.len() == 2 && !is_exhaustive() {
            break;
        }
        stage.declare(&staged.project);
        staged.stage = stage;
        staged.run(&[], None).await.check_success()?;
        // Where the log of the cloud is copied, nothing is in motion.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(templates)
}

fn copy_project(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if entry.is_dir() {
            copy_project(&entry, &to.join(name))?;
        } else if !name.to_string_lossy().ends_with(".lock") {
            fs::copy(&entry, to.join(name))?;
        }
    }
    Ok(())
}

/// Lives the cases side by side, each with figures of its own, until one says that there are no more of its kind.
/// `next` gives the case that follows one that was lived through.
fn run_in_parallel<C: Send, L>(cases: Vec<C>, figures: &mut Figures, run_case: L) -> Vec<CrashFailure>
where
    L: Fn(&C, &tokio::runtime::Runtime, &mut Figures) -> (Result<(), CrashFailure>, Option<C>) + Sync,
{
    let (queue, problems) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Vec::new()));
    let total = Mutex::new(figures);
    std::thread::scope(|scope| {
        for _ in 0..max_parallel_cases() {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let Some(case) = queue.lock().unwrap().pop_front() else { return };
                    let mut own = Figures::default();
                    let (result, next) = run_case(&case, &runtime, &mut own);
                    queue.lock().unwrap().extend(next);
                    problems.lock().unwrap().extend(result.err());
                    total.lock().unwrap().add(&own);
                }
            });
        }
    });
    problems.into_inner().unwrap()
}
