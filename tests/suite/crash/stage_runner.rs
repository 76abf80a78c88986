//! Runs from scene to scene: a stage is applied undisturbed or cut, brought to its end, and held against what must hold.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use floe::{
    simulator::{FaultRule as Misfortune, Simulator},
    state::fake_disk::{DiskFault, FakeDisk},
};

use super::{
    CrashFailure, Figures, invariants,
    machine::{Machine, MachineOutcome, load_record},
    mutants::Mutant,
    observer::{CrashObserver, CrashPoint, CrashResult},
    stages::{self, STAGES, Stage},
    system_snapshot::{SnapshotHash, SystemSnapshot},
};
use crate::test_project::TestProject;

/// How many runs a recovery may take: one that goes on, and some that wait for what was in motion.
const MAX_RUNS: usize = 8;
/// What was on its way lands within this time.
const LATE_EFFECTS_DEADLINE: Duration = Duration::from_secs(240);

/// Work on a clock that stands still while nobody waits.
pub fn on_paused_clock<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// A stage that is declared, for a floe with a flaw or without.
pub struct StageRunner {
    project: TestProject,
    pub stage: &'static Stage,
    pub mutant: Mutant,
    pub figures: Figures,
}

impl StageRunner {
    pub fn new(stage: usize, mutant: Mutant) -> StageRunner {
        let (project, stage) = (stages::new_project(), &STAGES[stage]);
        stage.declare(&project);
        StageRunner { project, stage, mutant, figures: Figures::default() }
    }

    /// What is found when every stage before `stage` was applied undisturbed.
    pub fn snapshot_before(stage: usize) -> &'static SystemSnapshot {
        static SNAPSHOTS: LazyLock<Vec<SystemSnapshot>> = LazyLock::new(|| {
            let first =
                on_paused_clock(async { SystemSnapshot::new(FakeDisk::new(), &stages::new_project().simulator) });
            let mut snapshots = vec![first];
            for stage in 0..STAGES.len() - 1 {
                let mut runner = StageRunner::new(stage, Mutant::Unmodified);
                let snapshot = on_paused_clock(async {
                    let disk = runner.start_from(&snapshots[stage], 0);
                    runner.run_until_nothing_to_do(&disk, None).await.unwrap();
                    SystemSnapshot::new(disk.restart(1), &runner.project.simulator)
                });
                snapshots.push(snapshot);
            }
            snapshots
        });
        &SNAPSHOTS[stage]
    }

    /// Stands in the scene. Runs are named after how many cuts there were before, so that equal scenes have equal runs.
    fn start_from(&mut self, snapshot: &SystemSnapshot, cuts: u32) -> FakeDisk {
        self.project.simulator = Simulator::from_snapshot(&snapshot.cloud.0);
        self.project.run_number = cuts * 100;
        snapshot.disk.0.fork()
    }

    fn machine(&self, disk: &FakeDisk) -> Machine {
        Machine::new(disk.clone(), self.mutant, self.stage.request())
    }

    /// The points of one undisturbed run from `scene`, which has all to do.
    pub fn crash_points(&mut self, snapshot: &SystemSnapshot) -> Result<Vec<CrashPoint>, CrashFailure> {
        on_paused_clock(async {
            let disk = self.start_from(snapshot, 0);
            let machine = self.machine(&disk);
            let observer = CrashObserver::new(&self.project.simulator, &machine.acknowledged);
            self.figures.runs += 1;
            match machine.observed_by(observer.clone()).run(&mut self.project).await {
                MachineOutcome::Applied(report) if report.is_complete() => Ok(observer.take_points()),
                MachineOutcome::Applied(report) => Err(format!("{:#?} {:#?}", report.failed, report.skipped)),
                MachineOutcome::Blocked(plan) => Err(format!("blocked: {:#?}", plan.changes)),
                MachineOutcome::FailedToStart(why) => Err(format!("refused: {why}")),
                MachineOutcome::NothingToDo | MachineOutcome::Crashed => Err("nothing was done".to_owned()),
            }
        })
    }

    /// The same run, cut at `at` in earnest: the scene that it leaves.
    pub fn crash_at(&mut self, snapshot: &SystemSnapshot, at: usize, result: &CrashResult) -> SystemSnapshot {
        on_paused_clock(async {
            let disk = self.start_from(snapshot, 0);
            disk.inject_fault(at, DiskFault::Crash, result.disk_seed);
            let machine = Machine { request_fate: result.request_fate, ..self.machine(&disk) };
            let outcome = machine.run(&mut self.project).await;
            assert!(
                disk.fault_occurred() && matches!(outcome, MachineOutcome::Crashed),
                "it ended before its cut at {at}"
            );
            SystemSnapshot::new(disk.restart(result.disk_seed), &self.project.simulator)
        })
    }

    /// Brings a scene that `cuts` cuts have left to its end, where everything has to hold. Told are the points of the
    /// recovery, up to the last run that did something.
    pub fn recover(
        &mut self,
        snapshot: &SystemSnapshot,
        cuts: u32,
        observes: bool,
    ) -> Result<Vec<CrashPoint>, CrashFailure> {
        let result = catch_unwind(AssertUnwindSafe(|| {
            on_paused_clock(async {
                let disk = self.start_from(snapshot, cuts);
                let mut points = observes.then(Vec::new);
                self.run_until_nothing_to_do(&disk, points.as_mut()).await?;
                tokio::time::sleep(LATE_EFFECTS_DEADLINE).await;
                self.run_until_nothing_to_do(&disk, None).await?;
                invariants::check_disk(&self.project, &disk, self.stage, &mut self.figures).await?;
                Ok(points.unwrap_or_default())
            })
        }));
        result.unwrap_or_else(|panic| {
            let said =
                panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("it panicked: {}", said.unwrap_or_default()))
        })
    }

    /// The whole stage with one misfortune and no cut.
    pub fn converge_under_fault(&mut self, snapshot: &SystemSnapshot, fault: Misfortune) -> Result<(), CrashFailure> {
        on_paused_clock(async {
            let disk = self.start_from(snapshot, 0);
            self.project.simulator.push_fault(fault);
            self.run_until_nothing_to_do(&disk, None).await?;
            tokio::time::sleep(LATE_EFFECTS_DEADLINE).await;
            self.run_until_nothing_to_do(&disk, None).await?;
            invariants::check_disk(&self.project, &disk, self.stage, &mut self.figures).await
        })
    }

    /// Runs until there is nothing left to do.
    async fn run_until_nothing_to_do(
        &mut self,
        disk: &FakeDisk,
        mut points: Option<&mut Vec<CrashPoint>>,
    ) -> Result<(), CrashFailure> {
        let mut last = String::new();
        for _ in 0..MAX_RUNS {
            let mut machine = self.machine(disk);
            let observer = CrashObserver::new(&self.project.simulator, &machine.acknowledged);
            if points.is_some() {
                machine = machine.observed_by(observer.clone());
            }
            self.figures.runs += 1;
            match machine.run(&mut self.project).await {
                MachineOutcome::NothingToDo => return Ok(()),
                MachineOutcome::Applied(report) => last = format!("{:#?}", report.failed),
                MachineOutcome::Blocked(plan) => return Err(format!("blocked: {:#?}", plan.changes)),
                MachineOutcome::FailedToStart(why) => return Err(format!("refused: {why}")),
                MachineOutcome::Crashed => return Err("it stopped by itself".to_owned()),
            }
            if let Some(points) = &mut points {
                points.extend(observer.take_points());
            }
        }
        Err(format!("{MAX_RUNS} runs did not converge; the last one's failures: {last}"))
    }

    /// Whether everything that was acknowledged by then is in every record that a cut at one of `points` leaves.
    pub fn check_durability(&mut self, points: &[CrashPoint]) -> Result<(), CrashFailure> {
        // The same disks are met again and again, with the same knowledge.
        let mut known = HashSet::new();
        on_paused_clock(async {
            for point in points {
                for result in &point.results {
                    let acknowledged = std::sync::Arc::as_ptr(&point.acknowledged) as usize;
                    if !known.insert((result.snapshot.disk.1, acknowledged)) {
                        continue;
                    }
                    let place = |why| {
                        format!(
                            "cut on {:?}, {:?}, disk {}: {why}",
                            point.operation, result.request_fate, result.disk_seed
                        )
                    };
                    let found = load_record(&result.snapshot.disk.0.fork()).await;
                    let found = found.map_err(|error| place(format!("the state cannot be read: {error}")))?;
                    if !point.acknowledged.survives_in(&found) {
                        self.figures.lost_records += 1;
                        let what =
                            format!("what was acknowledged is lost: {:#?}\nfound: {found:#?}", point.acknowledged);
                        return Err(place(what));
                    }
                }
            }
            Ok(())
        })
    }
}

/// A scene that a cut left, and how many cuts leave the very same.
pub struct DistinctCrashResult {
    pub snapshot: SystemSnapshot,
    pub description: String,
    pub count: usize,
}

/// The scenes that cuts at `points` leave, each once, in order.
pub fn distinct_crash_results(points: &[CrashPoint]) -> Vec<DistinctCrashResult> {
    let mut results: Vec<DistinctCrashResult> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for (at, point) in points.iter().enumerate() {
        for result in &point.results {
            let describe =
                || format!("cut at {at}, {:?}, {:?}, disk {}", point.operation, result.request_fate, result.disk_seed);
            let number = *known.entry(result.snapshot.snapshot_hash()).or_insert_with(|| {
                results.push(DistinctCrashResult {
                    snapshot: result.snapshot.clone(),
                    description: describe(),
                    count: 0,
                });
                results.len() - 1
            });
            results[number].count += 1;
        }
    }
    results
}

/// Which part of all cuts is made: every so many-th scene, and of the recoveries every so many-th, cut again into every
/// so many-th scene.
#[derive(Debug, Clone, Copy)]
pub struct CrashSampling {
    pub snapshots: usize,
    pub recoveries: usize,
    pub second_crashes: usize,
    pub threads: usize,
}

/// Cuts a stage at every point, and its recovery at every point again, as far as `share` goes.
pub fn crash_everywhere(stage: usize, sampling: CrashSampling) -> (Figures, Vec<CrashFailure>) {
    let mut first = StageRunner::new(stage, Mutant::Unmodified);
    let points = first.crash_points(StageRunner::snapshot_before(stage)).unwrap();
    let mut problems: Vec<CrashFailure> = first.check_durability(&points).err().into_iter().collect();
    let results = distinct_crash_results(&points);
    first.figures.points = points.len();
    first.figures.crashes = points.iter().map(|point| point.results.len()).sum();
    drop(points);
    let (next, known) = (AtomicUsize::new(0), Mutex::new(HashSet::<SnapshotHash>::new()));
    let work = || {
        let (mut runner, mut problems) = (StageRunner::new(stage, Mutant::Unmodified), Vec::new());
        while let Some(result) = results.get(next.fetch_add(sampling.snapshots, Ordering::Relaxed)) {
            let number = next.load(Ordering::Relaxed) / sampling.snapshots;
            let again = sampling.recoveries > 0 && number.is_multiple_of(sampling.recoveries);
            if let Err(why) = recover_from(&mut runner, result, again.then_some(sampling.second_crashes), &known) {
                problems.push(format!("stage `{}`, {why}", runner.stage.name));
            }
        }
        (runner.figures, problems)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..sampling.threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (figures, found) = worker.join().unwrap();
            first.figures.add(&figures);
            problems.extend(found);
        }
    });
    (first.figures, problems)
}

/// Recovers from a wreck; with `again`, cuts that recovery too and recovers from every so many-th scene that is new.
fn recover_from(
    runner: &mut StageRunner,
    result: &DistinctCrashResult,
    again: Option<usize>,
    known: &Mutex<HashSet<SnapshotHash>>,
) -> Result<(), CrashFailure> {
    let place = |why: CrashFailure| format!("{}: {why}", result.description);
    runner.figures.snapshots += 1;
    let points = runner.recover(&result.snapshot, 1, again.is_some()).map_err(place)?;
    let Some(stride) = again else { return Ok(()) };
    runner.check_durability(&points).map_err(place)?;
    runner.figures.recovery_points += points.len() * result.count;
    for second in distinct_crash_results(&points).iter().step_by(stride) {
        runner.figures.crash_pairs += second.count * result.count;
        if !known.lock().unwrap().insert(second.snapshot.snapshot_hash()) {
            continue;
        }
        runner.figures.snapshots += 1;
        let place = |why: CrashFailure| format!("{}; recovery {}: {why}", result.description, second.description);
        runner.recover(&second.snapshot, 2, false).map_err(place)?;
    }
    Ok(())
}
