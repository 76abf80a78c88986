//! Stops runs at every crash point, that is, at each operation on the disk and on the wire, and asserts that the next
//! run finds out what happened and continues.
//!
//! `FLOE_CRASH=all cargo test --release --test suite crash -- --nocapture` crashes at every point, with every fate of
//! the request in flight and of the data that is not synced to disk, and again at every point of every recovery. It
//! also runs the mutants and the binary, and prints the figures. Without `FLOE_CRASH`, a sample of that runs.
//! `FLOE_TELL=1` prints the entries that the ledger is asked to append.
//!
//! What a crash leaves is found out during one undisturbed run ([`observer`]). Crashes that leave the same bytes on
//! the disk and in the cloud are followed by the same runs, so each distinct snapshot is recovered from once
//! ([`system_snapshot`]).

mod binary;
mod invariants;
mod machine;
mod mutants;
mod observer;
mod stage_runner;
mod stages;
mod system_snapshot;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use mutants::{MUTANTS, Mutant};
use observer::DISK_SEEDS;
use stage_runner::{CrashSampling, StageRunner, distinct_crash_results, recover_from_sampled_crashes};
use stages::{STAGES, Stage};

/// The figures of a part of the suite.
#[derive(Debug, Default, Clone)]
struct Figures {
    /// Operations of undisturbed runs on the disk and on the wire.
    points: usize,
    /// Crashes at these points. Each point counts once for each result that a crash there may leave.
    crashes: usize,
    /// Operations of the recoveries on the disk and on the wire.
    recovery_points: usize,
    /// Crashes that were followed by a crash of the recovery.
    crash_pairs: usize,
    /// Distinct snapshots that crashes left and that were recovered from.
    snapshots: usize,
    /// Runs that were started in all.
    runs: usize,
    /// Resources in the cloud that no record knows.
    orphans: usize,
    /// Acknowledged records that a crash lost.
    lost_records: usize,
    /// The most creations that took effect under the name of one generation or pool.
    most_creates: usize,
}

impl Figures {
    /// Adds the figures of `other`.
    fn add(&mut self, other: &Figures) {
        self.points += other.points;
        self.crashes += other.crashes;
        self.recovery_points += other.recovery_points;
        self.crash_pairs += other.crash_pairs;
        self.snapshots += other.snapshots;
        self.runs += other.runs;
        self.orphans += other.orphans;
        self.lost_records += other.lost_records;
        self.most_creates = self.most_creates.max(other.most_creates);
    }

    /// Returns the figures as a row of the table.
    fn row(&self, name: &str, mutants: &str) -> String {
        let Figures {
            points,
            crashes,
            recovery_points,
            crash_pairs,
            snapshots,
            runs,
            orphans,
            lost_records,
            most_creates,
        } = self;
        format!(
            "{name:<9} {points:>6} {crashes:>7} {recovery_points:>9} {crash_pairs:>9} {snapshots:>9} {runs:>9} \
             {orphans:>7} {lost_records:>7} {most_creates:>8} {mutants:>8}"
        )
    }
}

/// The header of the printed table.
const TABLE_HEADER: &str = "\
    stage     points crashes  recovery     crash  distinct      runs orphans    lost  creates  mutants\n\
    \u{20}                           points     pairs snapshots                   records per name   caught";

/// A message that says what went wrong after a crash.
type CrashFailure = String;

/// Returns true if `FLOE_CRASH=all` is set.
fn is_exhaustive() -> bool {
    std::env::var("FLOE_CRASH").is_ok_and(|value| value == "all")
}

/// Returns `usual` as the stride over the crash points, or 1 if all of them are tested.
fn stride(usual: usize) -> usize {
    if is_exhaustive() { 1 } else { usual }
}

/// Prints the first problems and panics if there are any.
fn assert_no_failures(what: &str, problems: &[CrashFailure]) {
    for problem in problems.iter().take(40) {
        println!("  {}", problem.chars().take(600).collect::<String>().replace('\n', " "));
    }
    assert!(
        problems.is_empty(),
        "{what}: {} failed, the first one:\n{}",
        problems.len(),
        problems[0].chars().take(6_000).collect::<String>()
    );
}

/// Prints the figures and panics if there are problems.
#[allow(clippy::print_stdout)]
fn report_and_assert(what: &str, figures: &Figures, problems: &[CrashFailure]) {
    println!("{what}: {figures:?}, {} failed", problems.len());
    assert_no_failures(what, problems);
}

/// Crashes a stage at a sample of its points. With `FLOE_CRASH=all`, another test crashes it at all of them.
fn crash_at_some_points(stage: usize) {
    if is_exhaustive() {
        return;
    }
    let (figures, problems) = recover_from_sampled_crashes(
        stage,
        CrashSampling { snapshots: 11, recoveries: 19, second_crashes: 37, threads: 1 },
    );
    report_and_assert(&format!("crashes in stage `{}`", STAGES[stage].name), &figures, &problems);
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_first_apply_crashes() {
    crash_at_some_points(0);
}

#[test]
fn nothing_is_lost_or_orphaned_when_an_apply_of_every_kind_of_change_crashes() {
    crash_at_some_points(1);
}

#[test]
fn nothing_is_lost_or_orphaned_when_a_second_replacement_and_a_resume_crash() {
    crash_at_some_points(2);
}

#[test]
fn nothing_is_lost_or_orphaned_when_destroy_crashes() {
    crash_at_some_points(3);
}

/// Crashes at every point and every pair of points, and runs the mutants. Runs only with `FLOE_CRASH=all`.
#[test]
#[allow(clippy::print_stdout)]
fn nothing_is_lost_or_orphaned_at_any_crash_point_or_pair() {
    if !is_exhaustive() {
        println!("skipped: set `FLOE_CRASH=all` to run this test");
        return;
    }
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut all, mut problems) = (Figures::default(), Vec::new());
    println!("{TABLE_HEADER}");
    for (number, stage) in STAGES.iter().enumerate() {
        let (figures, found) = recover_from_sampled_crashes(
            number,
            CrashSampling { snapshots: 1, recoveries: 1, second_crashes: 1, threads },
        );
        println!("{}", figures.row(stage.name, ""));
        all.add(&figures);
        problems.extend(found);
    }
    let caught = MUTANTS.into_iter().filter(|mutant| is_caught(*mutant)).count();
    println!("{}", all.row("all", &format!("{caught} of {}", MUTANTS.len())));
    println!("{} failed, {} s on {threads} threads", problems.len(), began.elapsed().as_secs());
    assert_no_failures("every crash point and every pair", &problems);
    assert_eq!(caught, MUTANTS.len());
}

#[test]
fn crash_points_are_deterministic() {
    for (stage, Stage { name, .. }) in STAGES.iter().enumerate() {
        let before = StageRunner::snapshot_before(stage);
        let [one, two] = [(); 2].map(|()| StageRunner::new(stage, Mutant::Unmodified).crash_points(before).unwrap());
        let fingerprint = |points: &[observer::CrashPoint]| -> Vec<_> {
            let hashes = |point: &observer::CrashPoint| {
                point.results.iter().map(|left| left.snapshot.snapshot_hash()).collect::<Vec<_>>()
            };
            points.iter().map(|point| (point.operation.clone(), hashes(point))).collect()
        };
        assert!(fingerprint(&one) == fingerprint(&two), "{name}");
    }
}

/// A run that really crashes leaves what the observer predicted.
#[test]
fn predicted_crash_results_equal_real_ones() {
    for (stage, Stage { name, .. }) in STAGES.iter().enumerate() {
        let before = StageRunner::snapshot_before(stage);
        let mut runner = StageRunner::new(stage, Mutant::Unmodified);
        let points = runner.crash_points(before).unwrap();
        for (at, point) in points.iter().enumerate().skip(stage).step_by(stride(29)) {
            for result in &point.results {
                let snapshot = runner.crash_at(before, at, result);
                let what =
                    format!("{name}, {at}: {:?}, {:?}, {}", point.operation, result.request_fate, result.disk_seed);
                assert_eq!(snapshot.disk.1, result.snapshot.disk.1, "{what}: the disk differs from the prediction");
                assert_eq!(snapshot.cloud.1, result.snapshot.cloud.1, "{what}: the cloud differs from the prediction");
            }
        }
    }
}

/// Removes each protection in turn. A suite that does not notice a missing protection proves nothing.
#[test]
#[allow(clippy::print_stdout)]
fn every_mutant_is_caught() {
    if is_exhaustive() {
        return;
    }
    let caught = MUTANTS.into_iter().filter(|mutant| is_caught(*mutant)).count();
    println!("mutants caught: {caught} of {}", MUTANTS.len());
    assert_eq!(caught, MUTANTS.len());
}

/// The same search finds nothing in the unmodified program. Otherwise, catching the mutants would prove nothing.
#[test]
fn the_unmodified_program_is_not_caught() {
    assert_eq!(first_failure(Mutant::Unmodified), None);
}

/// Returns true if `mutant` leads to one of the failures that are expected of it.
#[allow(clippy::print_stdout)]
fn is_caught(mutant: Mutant) -> bool {
    let problem = first_failure(mutant);
    let how = problem.as_ref().map_or("NOT CAUGHT".to_owned(), |why| why.chars().take(200).collect());
    println!("{mutant:?}: {}", how.replace('\n', " "));
    problem.is_some_and(|why| mutant.expected_failures().iter().any(|kind| why.contains(kind)))
}

/// Returns the first failure of `mutant`. The cheapest searches come first.
fn first_failure(mutant: Mutant) -> Option<CrashFailure> {
    const STAGES_IN_TURN: [usize; 3] = [2, 1, 0];
    let lost = STAGES_IN_TURN.into_iter().find_map(|stage| {
        let mut runner = StageRunner::new(stage, mutant);
        let points = runner.crash_points(StageRunner::snapshot_before(stage));
        points.and_then(|points| runner.check_durability(&points)).err()
    });
    // The effects of a lost response show without a crash.
    let failure_under_fault =
        || stages::single_faults().into_iter().step_by(7).find_map(|fault| converge_under_fault(mutant, &fault).err());
    lost.or_else(failure_under_fault)
        .or_else(|| STAGES_IN_TURN.into_iter().find_map(|stage| first_failure_in_stage(stage, mutant)))
}

/// Returns the first failure of `mutant` to recover from a crash of `stage`.
fn first_failure_in_stage(stage: usize, mutant: Mutant) -> Option<CrashFailure> {
    let mut runner = StageRunner::new(stage, mutant);
    let mut points = runner.crash_points(StageRunner::snapshot_before(stage)).ok()?;
    for point in &mut points {
        point.results.retain(|left| left.disk_seed == DISK_SEEDS[0] && !point.operation.1.starts_with("GET"));
    }
    // The unmodified program is expected to show no failure, so a sample is enough for it.
    let stride = if mutant == Mutant::Unmodified { stride(17) } else { 1 };
    distinct_crash_results(&points)
        .iter()
        .step_by(stride)
        .find_map(|result| runner.recover(&result.snapshot, 1, false).err())
}

/// Runs every stage under one fault, without a crash.
fn converge_under_fault(mutant: Mutant, fault: &floe::simulator::FaultRule) -> Result<(), CrashFailure> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut stages = 0..STAGES.len();
        stages.try_for_each(|stage| {
            StageRunner::new(stage, mutant).converge_under_fault(StageRunner::snapshot_before(stage), fault.clone())
        })
    }));
    result.unwrap_or_else(|_| Err("the run panicked".to_owned()))
}

#[test]
fn every_stage_converges_under_every_fault() {
    for fault in stages::single_faults() {
        converge_under_fault(Mutant::Unmodified, &fault).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
    }
}
