//! Runs stages from one snapshot to the next, undisturbed or with a crash, until nothing is left to do, and checks the
//! invariants.

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
    simulator::{FaultRule, Simulator},
    state::fake_disk::{DiskFault, FakeDisk},
};

use super::{
    CrashFailure, Figures, invariants,
    machine::{MachineOutcome, MachineRun, load_record},
    mutants::Mutant,
    observer::{CrashObserver, CrashPoint, CrashResult},
    stages::{self, STAGES, Stage},
    system_snapshot::{SnapshotHash, SystemSnapshot},
};
use crate::test_project::TestProject;

/// How many runs a recovery may take: one that continues, and some that wait for resources in motion.
const MAX_RUNS: usize = 8;
/// The time within which every delayed effect takes place.
const LATE_EFFECTS_DEADLINE: Duration = Duration::from_secs(240);

/// Runs `future` on a clock that advances only while every task waits.
pub fn on_paused_clock<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// Runs one declared stage with floe or with a mutant.
pub struct StageRunner {
    /// The project that declares the stage.
    project: TestProject,
    /// The stage that is run.
    pub stage: &'static Stage,
    /// The version of floe that runs it.
    pub mutant: Mutant,
    /// The figures of these runs.
    pub figures: Figures,
}

impl StageRunner {
    /// Returns a runner of stage number `stage`, which is declared.
    pub fn new(stage: usize, mutant: Mutant) -> StageRunner {
        let (project, stage) = (stages::new_project(), &STAGES[stage]);
        stage.declare(&project);
        StageRunner { project, stage, mutant, figures: Figures::default() }
    }

    /// Returns the snapshot after every stage before `stage` was applied undisturbed.
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

    /// Restores a snapshot and returns its disk. Runs are named after the number of crashes before, so that equal
    /// snapshots have equal runs.
    fn start_from(&mut self, snapshot: &SystemSnapshot, crashes: u32) -> FakeDisk {
        self.project.simulator = Simulator::from_snapshot(&snapshot.cloud.0);
        self.project.run_number = crashes * 100;
        snapshot.disk.0.fork()
    }

    /// Returns a machine with `disk` that runs the stage.
    fn machine(&self, disk: &FakeDisk) -> MachineRun {
        MachineRun::new(disk.clone(), self.mutant, self.stage.request())
    }

    /// Returns the crash points of one undisturbed run from `snapshot`. The run must have work to do.
    pub fn crash_points(&mut self, snapshot: &SystemSnapshot) -> Result<Vec<CrashPoint>, CrashFailure> {
        on_paused_clock(async {
            let disk = self.start_from(snapshot, 0);
            let machine = self.machine(&disk);
            let observer = CrashObserver::new(&self.project.simulator, &machine.acknowledged);
            self.figures.runs += 1;
            match machine.observed_by(observer.clone()).run(&mut self.project).await {
                MachineOutcome::Applied(report) if report.is_complete() => Ok(observer.take_points()),
                MachineOutcome::Applied(report) => Err(format!("{:#?} {:#?}", report.failed, report.skipped)),
                MachineOutcome::Blocked(plan) => Err(format!("the plan is blocked: {:#?}", plan.changes)),
                MachineOutcome::FailedToStart(why) => Err(format!("the run failed to start: {why}")),
                MachineOutcome::NothingToDo | MachineOutcome::Crashed => Err("the run did nothing".to_owned()),
            }
        })
    }

    /// Crashes the same run at point `at`, and returns the snapshot that it leaves.
    pub fn crash_at(&mut self, snapshot: &SystemSnapshot, at: usize, result: &CrashResult) -> SystemSnapshot {
        on_paused_clock(async {
            let disk = self.start_from(snapshot, 0);
            disk.inject_fault(at, DiskFault::Crash, result.disk_seed);
            let machine = MachineRun { request_fate: result.request_fate, ..self.machine(&disk) };
            let outcome = machine.run(&mut self.project).await;
            assert!(
                disk.fault_occurred() && matches!(outcome, MachineOutcome::Crashed),
                "the run ended before its crash at point {at}"
            );
            SystemSnapshot::new(disk.restart(result.disk_seed), &self.project.simulator)
        })
    }

    /// Recovers from a snapshot that `cuts` crashes have left, and checks the invariants. If `observes` is true,
    /// returns the crash points of the recovery, up to the last run that did something.
    pub fn recover(
        &mut self,
        snapshot: &SystemSnapshot,
        crashes: u32,
        observes: bool,
    ) -> Result<Vec<CrashPoint>, CrashFailure> {
        let result = catch_unwind(AssertUnwindSafe(|| {
            on_paused_clock(async {
                let disk = self.start_from(snapshot, crashes);
                let mut points = observes.then(Vec::new);
                self.run_until_nothing_to_do(&disk, points.as_mut()).await?;
                tokio::time::sleep(LATE_EFFECTS_DEADLINE).await;
                self.run_until_nothing_to_do(&disk, None).await?;
                invariants::check_invariants(&self.project, &disk, self.stage, &mut self.figures).await?;
                Ok(points.unwrap_or_default())
            })
        }));
        result.unwrap_or_else(|panic| {
            let said =
                panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("the run panicked: {}", said.unwrap_or_default()))
        })
    }

    /// Runs the whole stage under one fault, without a crash.
    pub fn converge_under_fault(&mut self, snapshot: &SystemSnapshot, fault: FaultRule) -> Result<(), CrashFailure> {
        on_paused_clock(async {
            let disk = self.start_from(snapshot, 0);
            self.project.simulator.push_fault(fault);
            self.run_until_nothing_to_do(&disk, None).await?;
            tokio::time::sleep(LATE_EFFECTS_DEADLINE).await;
            self.run_until_nothing_to_do(&disk, None).await?;
            invariants::check_invariants(&self.project, &disk, self.stage, &mut self.figures).await
        })
    }

    /// Runs floe until there is nothing left to do, and adds the crash points of these runs to `points`.
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
                MachineOutcome::Blocked(plan) => return Err(format!("the plan is blocked: {:#?}", plan.changes)),
                MachineOutcome::FailedToStart(why) => return Err(format!("the run failed to start: {why}")),
                MachineOutcome::Crashed => return Err("the machine crashed without a fault".to_owned()),
            }
            if let Some(points) = &mut points {
                points.extend(observer.take_points());
            }
        }
        Err(format!("{MAX_RUNS} runs did not converge, failures of the last one: {last}"))
    }

    /// Checks that every record that a crash at one of `points` leaves holds everything that was acknowledged by then.
    pub fn check_durability(&mut self, points: &[CrashPoint]) -> Result<(), CrashFailure> {
        // Many results have the same disk and the same acknowledged record, so each combination is checked once.
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
                            "crash at {:?}, {:?}, disk {}: {why}",
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

/// A snapshot that a crash left, and how many crashes leave the same one.
pub struct DistinctCrashResult {
    /// The disk and the cloud after the crash.
    pub snapshot: SystemSnapshot,
    /// The first crash that leaves this snapshot.
    pub description: String,
    /// How many crashes leave this snapshot.
    pub count: usize,
}

/// Returns the distinct snapshots that crashes at `points` leave, in order.
pub fn distinct_crash_results(points: &[CrashPoint]) -> Vec<DistinctCrashResult> {
    let mut results: Vec<DistinctCrashResult> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for (at, point) in points.iter().enumerate() {
        for result in &point.results {
            let describe =
                || format!("point {at}, {:?}, {:?}, disk {}", point.operation, result.request_fate, result.disk_seed);
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

/// The sample of all crashes that is run. A stride of 1 runs all of them.
#[derive(Debug, Clone, Copy)]
pub struct CrashSampling {
    /// The stride over the snapshots that are recovered from.
    pub snapshots: usize,
    /// The stride over these recoveries that crash again, or 0 for none.
    pub recoveries: usize,
    /// The stride over the snapshots that the second crashes leave.
    pub second_crashes: usize,
    /// How many threads recover in parallel.
    pub threads: usize,
}

/// Crashes a stage at every point, and its recovery again at every point, as far as `sampling` goes.
pub fn recover_from_sampled_crashes(stage: usize, sampling: CrashSampling) -> (Figures, Vec<CrashFailure>) {
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

/// Recovers from a crash. With `again`, crashes that recovery too, and uses `again` as the stride over the new
/// snapshots to recover from.
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
        let place =
            |why: CrashFailure| format!("{}, and in the recovery {}: {why}", result.description, second.description);
        runner.recover(&second.snapshot, 2, false).map_err(place)?;
    }
    Ok(())
}
