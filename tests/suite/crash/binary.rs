//! Stops the real program. A proxy between it and the simulated cloud kills it at the boundaries of its requests, and
//! `strace` kills it or makes it fail at every system call that touches its state.

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

/// Returns how many cases run in parallel. Each of them waits most of the time.
fn max_parallel_cases() -> usize {
    if is_exhaustive() { 32 } else { 12 }
}

/// Returns the options of a fast simulator without rate limits.
fn options() -> SimulatorOptions {
    SimulatorOptions {
        phase_durations: PhaseDurations::uniform(Duration::from_millis(20)),
        rate_limits: SimulatedRateLimits::unlimited(),
        ..SimulatorOptions::default()
    }
}

/// The folder of a project, its cloud, and the stage that it declares.
struct StagedProject {
    /// The project with its folder and its cloud.
    project: TestProject,
    /// The stage that is declared.
    stage: &'static Stage,
}

/// The outcome of one run of the program.
struct ProgramRun {
    /// The exit code, or none if a signal ended the run.
    code: Option<i32>,
    /// True if the proxy killed the run.
    killed: bool,
    /// The requests that the proxy saw.
    sent: Vec<SentRequest>,
    /// Standard output, followed by standard error.
    output: String,
}

impl ProgramRun {
    /// Checks for the exit code 0, which an undisturbed run must have.
    fn check_success(&self) -> Result<(), CrashFailure> {
        if self.code == Some(0) { Ok(()) } else { Err(format!("exit code {:?}:\n{}", self.code, self.output)) }
    }
}

impl StagedProject {
    /// Returns a project that declares `stage`, and to which every stage before it was applied undisturbed.
    async fn before(stage: usize) -> Result<StagedProject, CrashFailure> {
        let mut project = TestProject::with_options(&[], options());
        let template = project_template(stage)?;
        copy_project(&template, project.folder.path()).map_err(|error| error.to_string())?;
        project.simulator =
            Simulator::open(project.folder.path().join("world"), options()).map_err(|e| e.to_string())?;
        STAGES[stage].declare(&project);
        Ok(StagedProject { project, stage: &STAGES[stage] })
    }

    /// Returns the folder of the project.
    fn folder(&self) -> &Path {
        self.project.folder.path()
    }

    /// Returns the path of the state file.
    fn state(&self) -> PathBuf {
        self.folder().join("state/test.json")
    }

    /// Runs the program once, started by the command `wrapper` unless that is empty.
    async fn run(&self, wrapper: &[String], kill: Option<KillPoint>) -> ProgramRun {
        self.run_against(&ServedSimulator::start(&self.project.simulator, kill).await, wrapper).await
    }

    /// Runs the program once, and calls `hook` when mutation number `at` arrives, counted from 0.
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

    /// Runs the program once against `service`.
    async fn run_against(&self, service: &ServedSimulator, wrapper: &[String]) -> ProgramRun {
        fs::write(self.folder().join("floe.toml"), program_harness::floe_toml_with_endpoint(&service.origin, ""))
            .unwrap();
        let command = if self.stage.destroy { "destroy" } else { "apply" };
        let arguments = [command, "--yes", "--allow-data-loss", "-e", "test"];
        let ended = service.run(program_harness::floe_command(self.folder(), wrapper, &arguments)).await;
        let (out, err) = program_harness::output(self.folder());
        ProgramRun { code: ended.status.code(), killed: service.has_killed(), sent: service.sent(), output: out + &err }
    }

    /// Runs the program twice so that nothing is left to do, and then checks the invariants.
    async fn check_convergence(&self, figures: &mut Figures) -> Result<(), CrashFailure> {
        for _ in 0..2 {
            // Resources in motion come to rest. Then the next run finds out what happened and continues.
            tokio::time::sleep(Duration::from_millis(100)).await;
            figures.runs += 1;
            self.run(&[], None).await.check_success()?;
        }
        if self.state().with_extension("journal").exists() {
            return Err("the last run left a journal, so the snapshot alone is not the record".to_owned());
        }
        invariants::check_record(&self.project, &self.load_record().await?, self.stage, figures)
    }

    /// Returns the record as the next run will find it.
    async fn load_record(&self) -> Result<Recorded, CrashFailure> {
        let found =
            LocalLedger::at(self.state()).load().await.map_err(|why| format!("the state cannot be read: {why}"))?;
        Ok(found.unwrap_or_else(empty_record))
    }

    /// Checks, right after the program was stopped, that everything in the cloud is in the state as a record or as an
    /// open intent.
    async fn check_durability(&self, figures: &mut Figures) -> Result<(), CrashFailure> {
        // A request that was already sent may still arrive.
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
        Err(format!(
            "the cloud has {lost:?}, but the state has {known:?} and the open intents {:#?}",
            found.open_intents
        ))
    }
}

/// Returns the folder of a project to which every stage before `stage` was applied, including the log of its cloud.
fn project_template(stage: usize) -> Result<PathBuf, CrashFailure> {
    static TEMPLATES: OnceLock<Result<Vec<tempfile::TempDir>, CrashFailure>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| {
        // The first caller may be on a runtime, which cannot start another one.
        let builder = std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(build_templates())
        });
        builder.join().unwrap_or_else(|_| Err("the templates could not be built".to_owned()))
    });
    templates.as_ref().map(|made| made[stage].path().to_owned()).map_err(Clone::clone)
}

/// Builds the template of each stage by applying the stages in order.
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
        // Without `FLOE_CRASH=all`, every case starts from the first or the second stage.
        if templates.len() == 2 && !is_exhaustive() {
            break;
        }
        stage.declare(&staged.project);
        staged.stage = stage;
        staged.run(&[], None).await.check_success()?;
        // Nothing may be in motion when the log of the cloud is copied.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(templates)
}

/// Copies the folder of a project, except for its locks.
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

/// Runs the cases in parallel, each with its own figures, and returns the failures. `run_case` returns its result, and
/// the case that follows if there is one.
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
