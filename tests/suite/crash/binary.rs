//! The real program, stopped in the middle: killed at the boundaries of its requests by a proxy between it and the
//! simulated cloud, and struck at every call to the system that touches its state by strace.

mod folder;
mod order;
mod requests;
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
    state::{Ledger, Local, Recorded},
};

use super::{
    Figures, Problem, holds, is_everything, show,
    story::{STAGES, Stage},
};
use crate::{
    program::{self, Kill, Sent, Service},
    world::{World, nothing_recorded},
};

/// How many lives go on side by side: most of the time each waits.
fn side_by_side_at_most() -> usize {
    if is_everything() { 32 } else { 12 }
}

fn options() -> SimulatorOptions {
    SimulatorOptions {
        phase_durations: PhaseDurations::uniform(Duration::from_millis(20)),
        rate_limits: SimulatedRateLimits::unlimited(),
        ..SimulatorOptions::default()
    }
}

/// A project's folder, the cloud that belongs to it, and what is declared.
struct Scene {
    world: World,
    stage: &'static Stage,
}

/// What one run of the program came to.
struct Run {
    code: Option<i32>,
    killed: bool,
    sent: Vec<Sent>,
    said: String,
}

impl Run {
    /// What it is to be when nothing is in its way.
    fn went_well(&self) -> Result<(), Problem> {
        if self.code == Some(0) { Ok(()) } else { Err(format!("exit code {:?}:\n{}", self.code, self.said)) }
    }
}

impl Scene {
    /// Every stage before `stage` was applied undisturbed, and `stage` is declared.
    async fn before(stage: usize) -> Result<Scene, Problem> {
        let mut world = World::with(&[], options());
        let template = template(stage)?;
        copy(&template, world.folder.path()).map_err(|error| error.to_string())?;
        world.simulator = Simulator::open(world.folder.path().join("world"), options()).map_err(|e| e.to_string())?;
        STAGES[stage].declare(&world);
        Ok(Scene { world, stage: &STAGES[stage] })
    }

    fn folder(&self) -> &Path {
        self.world.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.folder().join("state/test.json")
    }

    /// Runs the program once, started by `through`.
    async fn run(&self, through: &[String], kill: Option<Kill>) -> Run {
        self.run_before(&Service::of(&self.world.simulator, kill).await, through).await
    }

    /// Runs the program once; when request number `at` of those that change something has come, something happens.
    async fn run_while(&self, at: usize, happens: impl FnOnce() + Send + 'static) -> Run {
        let service = Service::of(&self.world.simulator, None).await;
        let mut changes = 0;
        let is_due = move |sent: &Sent| {
            changes += usize::from(sent.changes());
            sent.changes() && changes == at + 1
        };
        service.meanwhile(is_due, happens);
        self.run_before(&service, &[]).await
    }

    async fn run_before(&self, service: &Service, through: &[String]) -> Run {
        fs::write(self.folder().join("floe.toml"), program::manifest(&service.origin, "")).unwrap();
        let command = if self.stage.destroy { "destroy" } else { "apply" };
        let arguments = [command, "--yes", "--allow-data-loss", "-e", "test"];
        let ended = service.run(program::floe(self.folder(), through, &arguments)).await;
        let (out, err) = program::said(self.folder());
        Run { code: ended.status.code(), killed: service.has_killed(), sent: service.sent(), said: out + &err }
    }

    /// Runs until there is nothing left to do; then everything has to hold.
    async fn comes_to_its_end(&self, figures: &mut Figures) -> Result<(), Problem> {
        for _ in 0..2 {
            // What was in motion comes to rest; then the next run finds out what happened and goes on.
            tokio::time::sleep(Duration::from_millis(100)).await;
            figures.runs += 1;
            self.run(&[], None).await.went_well()?;
        }
        if self.state().with_extension("journal").exists() {
            return Err("the last run left a journal, so the snapshot alone is not the record".to_owned());
        }
        holds::check_record(&self.world, self.found().await?, self.stage, figures)
    }

    /// The state as the next run will find it.
    async fn found(&self) -> Result<Recorded, Problem> {
        let found = Local::at(self.state()).load().await.map_err(|why| format!("the state cannot be read: {why}"))?;
        Ok(found.unwrap_or_else(nothing_recorded))
    }

    /// Right after the program was stopped: whatever the cloud holds is in the state, as an object or as an intent.
    async fn nothing_is_lost(&self, figures: &mut Figures) -> Result<(), Problem> {
        // A request that had left may still arrive.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let found = self.found().await?;
        let operations = || found.open.values().map(|open| &open.intent.operation);
        let is_submitted =
            |name: &str| operations().any(|it| matches!(it, Operation::Submit(sent) if sent.name == name));
        let is_pool_asked = |name: &str| {
            operations().any(|it| matches!(it, Operation::CreatePool { pool, .. } if pool.display_name == name))
        };
        let names = found.statements.values().flat_map(|record| record.generations()).map(|one| one.sent.name.clone());
        let ids = found.pools.values().map(|pool| pool.id.clone());
        let known: Vec<String> = names.chain(ids).collect();
        let there = self.world.simulator.world_view();
        let statements = there.statements.into_iter().map(|it| it.name).filter(|name| !is_submitted(name));
        let pools = there.pools.into_iter().filter(|pool| !is_pool_asked(&pool.display_name)).map(|pool| pool.id);
        let lost: Vec<String> = statements.chain(pools).filter(|id| !known.contains(id)).collect();
        figures.lost += lost.len();
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!("the cloud has {lost:?}, and the state knows {known:?} and intends {:#?}", found.open))
    }
}

/// The folder of a project to which every stage before `stage` was applied, with its cloud's log.
fn template(stage: usize) -> Result<PathBuf, Problem> {
    static MADE: OnceLock<Result<Vec<tempfile::TempDir>, Problem>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        // Whoever comes first may be on a runtime, which may not start another.
        let making = std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(templates())
        });
        making.join().unwrap_or_else(|_| Err("the templates could not be made".to_owned()))
    });
    made.as_ref().map(|made| made[stage].path().to_owned()).map_err(Clone::clone)
}

async fn templates() -> Result<Vec<tempfile::TempDir>, Problem> {
    let said = |error: std::io::Error| error.to_string();
    let mut made = Vec::new();
    let mut world = World::with(&[], options());
    world.simulator = Simulator::open(world.folder.path().join("world"), options()).map_err(said)?;
    let mut scene = Scene { world, stage: &STAGES[0] };
    for stage in &STAGES {
        let kept = tempfile::tempdir().map_err(said)?;
        copy(scene.folder(), kept.path()).map_err(said)?;
        made.push(kept);
        // What is usually done begins before the second stage at the latest.
        if made.len() == 2 && !is_everything() {
            break;
        }
        stage.declare(&scene.world);
        scene.stage = stage;
        scene.run(&[], None).await.went_well()?;
        // Where the log of the cloud is copied, nothing is in motion.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(made)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if entry.is_dir() {
            copy(&entry, &to.join(name))?;
        } else if !name.to_string_lossy().ends_with(".lock") {
            fs::copy(&entry, to.join(name))?;
        }
    }
    Ok(())
}

/// Lives the cases side by side, each with figures of its own, until one says that there are no more of its kind.
/// `next` gives the case that follows one that was lived through.
fn side_by_side<C: Send, L>(cases: Vec<C>, figures: &mut Figures, live: L) -> Vec<Problem>
where
    L: Fn(&C, &tokio::runtime::Runtime, &mut Figures) -> (Result<(), Problem>, Option<C>) + Sync,
{
    let (queue, problems) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Vec::new()));
    let total = Mutex::new(figures);
    std::thread::scope(|scope| {
        for _ in 0..side_by_side_at_most() {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let Some(case) = queue.lock().unwrap().pop_front() else { return };
                    let mut own = Figures::default();
                    let (result, next) = live(&case, &runtime, &mut own);
                    queue.lock().unwrap().extend(next);
                    problems.lock().unwrap().extend(result.err());
                    total.lock().unwrap().add(&own);
                }
            });
        }
    });
    problems.into_inner().unwrap()
}
