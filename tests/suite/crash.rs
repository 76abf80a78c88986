//! Every crash point: a run is stopped at each thing that it does on the disk and on the wire; the next one knows what
//! happened and goes on.
//!
//! `FLOE_CRASH=all cargo test --release --test suite crash -- --nocapture` cuts at every point, with every fate of the
//! request under way and of what the disk had not synced, and again at every point of every recovery; it runs the mutants
//! and the program itself too, and prints the figures. Without `FLOE_CRASH` a part of that is done. `FLOE_TELL=1` prints
//! what the ledger is given to keep.
//!
//! What a cut leaves is found out beside one undisturbed run ([`lookout`]), and cuts that leave the same disk and the same
//! cloud to the byte are followed by the same runs, so each such scene is recovered from once ([`scene`]).

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
use stage_runner::{CrashSampling, StageRunner, crash_everywhere, distinct_crash_results};
use stages::{STAGES, Stage};

/// What was counted.
#[derive(Debug, Default, Clone)]
struct Figures {
    /// Things that undisturbed runs do on the disk and on the wire.
    points: usize,
    /// Cuts there: a point with one of the things that may be left of what was under way.
    crashes: usize,
    /// Points of recoveries.
    recovery_points: usize,
    /// Cuts followed by cuts of the recovery.
    crash_pairs: usize,
    /// Different scenes that cuts left and that were recovered from.
    snapshots: usize,
    runs: usize,
    orphans: usize,
    lost_records: usize,
    /// The most creations that took effect under one generation's name.
    most_creates: usize,
}

impl Figures {
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
            "{name:<9} {points:>6} {crashes:>6} {recovery_points:>9} {crash_pairs:>9} {snapshots:>8} {runs:>9} {orphans:>7} {lost_records:>5} \
             {most_creates:>8} {mutants:>8}"
        )
    }
}

const TABLE_HEADER: &str = "stage     points   cuts  recovery     pairs different      runs orphans  lost  creates  mutants\n\
                    \u{20}          cut         points cut              scenes                   records per gen.   caught";

type CrashFailure = String;

fn is_exhaustive() -> bool {
    std::env::var("FLOE_CRASH").is_ok_and(|value| value == "all")
}

/// Every how many-th point is cut.
fn stride(usual: usize) -> usize {
    if is_exhaustive() { 1 } else { usual }
}

fn assert_no_failures(what: &str, problems: &[CrashFailure]) {
    for problem in problems.iter().take(40) {
        println!("  {}", problem.chars().take(600).collect::<String>().replace('\n', " "));
    }
    assert!(
        problems.is_empty(),
        "{what}: {} failed; the first:\n{}",
        problems.len(),
        problems[0].chars().take(6_000).collect::<String>()
    );
}

#[allow(clippy::print_stdout)]
fn report_and_assert(what: &str, figures: &Figures, problems: &[CrashFailure]) {
    println!("{what}: {figures:?}, {} failed", problems.len());
    assert_no_failures(what, problems);
}

/// A part of all cuts; all of them are another test's.
fn crash_at_some_points(stage: usize) {
    if is_exhaustive() {
        return;
    }
    let (figures, problems) =
        crash_everywhere(stage, CrashSampling { snapshots: 11, recoveries: 19, second_crashes: 37, threads: 1 });
    report_and_assert(&format!("cut in `{}`", STAGES[stage].name), &figures, &problems);
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

/// Every point and every pair, and the mutants: with `FLOE_CRASH=all` only.
#[test]
#[allow(clippy::print_stdout)]
fn nothing_is_lost_or_orphaned_at_any_crash_point_or_pair() {
    if !is_exhaustive() {
        println!("skipped: set FLOE_CRASH=all");
        return;
    }
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut all, mut problems) = (Figures::default(), Vec::new());
    println!("{TABLE_HEADER}");
    for (number, stage) in STAGES.iter().enumerate() {
        let (figures, found) =
            crash_everywhere(number, CrashSampling { snapshots: 1, recoveries: 1, second_crashes: 1, threads });
        println!("{}", figures.row(stage.name, ""));
        all.add(&figures);
        problems.extend(found);
    }
    let caught = MUTANTS.into_iter().filter(|flaw| is_caught(*flaw)).count();
    println!("{}", all.row("all", &format!("{caught} of {}", MUTANTS.len())));
    println!("{} failed; {} s on {threads} threads", problems.len(), began.elapsed().as_secs());
    assert_no_failures("every point and every pair", &problems);
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

/// What was found out from beside is what a run leaves that is cut in earnest.
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
                assert_eq!(snapshot.disk.1, result.snapshot.disk.1, "{what}: the disk");
                assert_eq!(snapshot.cloud.1, result.snapshot.cloud.1, "{what}: the cloud");
            }
        }
    }
}

/// Each protection is taken away in turn: a suite that does not notice proves nothing.
#[test]
#[allow(clippy::print_stdout)]
fn every_mutant_is_caught() {
    if is_exhaustive() {
        return;
    }
    let caught = MUTANTS.into_iter().filter(|flaw| is_caught(*flaw)).count();
    println!("mutants caught: {caught} of {}", MUTANTS.len());
    assert_eq!(caught, MUTANTS.len());
}

/// The same search finds nothing where no protection was taken away: else it would prove nothing of those.
#[test]
fn the_unmodified_program_is_not_caught() {
    assert_eq!(first_failure(Mutant::Unmodified), None);
}

/// Whether a flaw leads to a failure, and to one of its kind.
#[allow(clippy::print_stdout)]
fn is_caught(mutant: Mutant) -> bool {
    let problem = first_failure(mutant);
    let how = problem.as_ref().map_or("NOT CAUGHT".to_owned(), |why| why.chars().take(200).collect());
    println!("{mutant:?}: {}", how.replace('\n', " "));
    problem.is_some_and(|why| mutant.expected_failures().iter().any(|kind| why.contains(kind)))
}

/// The first thing that fails with this flaw: what costs least is tried first.
fn first_failure(mutant: Mutant) -> Option<CrashFailure> {
    const STAGES_IN_TURN: [usize; 3] = [2, 1, 0];
    let lost = STAGES_IN_TURN.into_iter().find_map(|stage| {
        let mut runner = StageRunner::new(stage, mutant);
        let points = runner.crash_points(StageRunner::snapshot_before(stage));
        points.and_then(|points| runner.check_durability(&points)).err()
    });
    // What a lost answer leads to needs no cut.
    let failure_under_fault =
        || stages::single_faults().into_iter().step_by(7).find_map(|fault| converge_under_fault(mutant, &fault).err());
    lost.or_else(failure_under_fault)
        .or_else(|| STAGES_IN_TURN.into_iter().find_map(|stage| first_failure_in_stage(stage, mutant)))
}

/// The first scene left by a cut from which such a floe does not recover.
fn first_failure_in_stage(stage: usize, mutant: Mutant) -> Option<CrashFailure> {
    let mut runner = StageRunner::new(stage, mutant);
    let mut points = runner.crash_points(StageRunner::snapshot_before(stage)).ok()?;
    for point in &mut points {
        point.results.retain(|left| left.disk_seed == DISK_SEEDS[0] && !point.operation.1.starts_with("GET"));
    }
    // Nothing is to be found without a flaw, so a part of them is looked at there.
    let stride = if mutant == Mutant::Unmodified { stride(17) } else { 1 };
    distinct_crash_results(&points)
        .iter()
        .step_by(stride)
        .find_map(|result| runner.recover(&result.snapshot, 1, false).err())
}

/// Every stage with one misfortune, no cut.
fn converge_under_fault(mutant: Mutant, fault: &floe::simulator::FaultRule) -> Result<(), CrashFailure> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut stages = 0..STAGES.len();
        stages.try_for_each(|stage| {
            StageRunner::new(stage, mutant).converge_under_fault(StageRunner::snapshot_before(stage), fault.clone())
        })
    }));
    result.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

#[test]
fn every_stage_converges_under_every_fault() {
    for fault in stages::single_faults() {
        converge_under_fault(Mutant::Unmodified, &fault).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
    }
}
