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
mod flaw;
mod holds;
mod lookout;
mod machine;
mod scene;
mod story;
mod travel;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use flaw::{FLAWS, Flaw};
use lookout::DISKS;
use story::{STAGES, Stage};
use travel::{Share, Traveller, cut_everywhere, wrecks};

/// What was counted.
#[derive(Debug, Default, Clone)]
struct Figures {
    /// Things that undisturbed runs do on the disk and on the wire.
    points: usize,
    /// Cuts there: a point with one of the things that may be left of what was under way.
    cuts: usize,
    /// Points of recoveries.
    recovery_points: usize,
    /// Cuts followed by cuts of the recovery.
    pairs: usize,
    /// Different scenes that cuts left and that were recovered from.
    scenes: usize,
    runs: usize,
    orphans: usize,
    lost: usize,
    /// The most creations that took effect under one generation's name.
    most_creates: usize,
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.points += other.points;
        self.cuts += other.cuts;
        self.recovery_points += other.recovery_points;
        self.pairs += other.pairs;
        self.scenes += other.scenes;
        self.runs += other.runs;
        self.orphans += other.orphans;
        self.lost += other.lost;
        self.most_creates = self.most_creates.max(other.most_creates);
    }

    fn row(&self, name: &str, mutants: &str) -> String {
        let Figures { points, cuts, recovery_points, pairs, scenes, runs, orphans, lost, most_creates } = self;
        format!(
            "{name:<9} {points:>6} {cuts:>6} {recovery_points:>9} {pairs:>9} {scenes:>8} {runs:>9} {orphans:>7} {lost:>5} \
             {most_creates:>8} {mutants:>8}"
        )
    }
}

const HEAD: &str = "stage     points   cuts  recovery     pairs different      runs orphans  lost  creates  mutants\n\
                    \u{20}          cut         points cut              scenes                   records per gen.   caught";

type Problem = String;

fn is_everything() -> bool {
    std::env::var("FLOE_CRASH").is_ok_and(|value| value == "all")
}

/// Every how many-th point is cut.
fn stride(usual: usize) -> usize {
    if is_everything() { 1 } else { usual }
}

fn none(what: &str, problems: &[Problem]) {
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
fn show(what: &str, figures: &Figures, problems: &[Problem]) {
    println!("{what}: {figures:?}, {} failed", problems.len());
    none(what, problems);
}

/// A part of all cuts; all of them are another test's.
fn cut_some(stage: usize) {
    if is_everything() {
        return;
    }
    let (figures, problems) = cut_everywhere(stage, Share { scenes: 11, recoveries: 19, again: 37, threads: 1 });
    show(&format!("cut in `{}`", STAGES[stage].name), &figures, &problems);
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_first_apply_is_cut() {
    cut_some(0);
}

#[test]
fn nothing_is_lost_or_orphaned_when_an_apply_of_every_kind_of_change_is_cut() {
    cut_some(1);
}

#[test]
fn nothing_is_lost_or_orphaned_when_jobs_are_replaced_again_and_resumed() {
    cut_some(2);
}

#[test]
fn nothing_is_lost_or_orphaned_when_destroy_is_cut() {
    cut_some(3);
}

/// Every point and every pair, and the mutants: with `FLOE_CRASH=all` only.
#[test]
#[allow(clippy::print_stdout)]
fn every_point_and_every_pair() {
    if !is_everything() {
        println!("skipped: set FLOE_CRASH=all");
        return;
    }
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut all, mut problems) = (Figures::default(), Vec::new());
    println!("{HEAD}");
    for (number, stage) in STAGES.iter().enumerate() {
        let (figures, found) = cut_everywhere(number, Share { scenes: 1, recoveries: 1, again: 1, threads });
        println!("{}", figures.row(stage.name, ""));
        all.add(&figures);
        problems.extend(found);
    }
    let caught = FLAWS.into_iter().filter(|flaw| is_caught(*flaw)).count();
    println!("{}", all.row("all", &format!("{caught} of {}", FLAWS.len())));
    println!("{} failed; {} s on {threads} threads", problems.len(), began.elapsed().as_secs());
    none("every point and every pair", &problems);
    assert_eq!(caught, FLAWS.len());
}

#[test]
fn every_point_is_the_same_point_again() {
    for (stage, Stage { name, .. }) in STAGES.iter().enumerate() {
        let before = Traveller::before(stage);
        let [one, two] = [(); 2].map(|()| Traveller::new(stage, Flaw::None).look(before).unwrap());
        let told = |points: &[lookout::Point]| -> Vec<_> {
            let marks = |point: &lookout::Point| point.left.iter().map(|left| left.scene.mark()).collect::<Vec<_>>();
            points.iter().map(|point| (point.operation.clone(), marks(point))).collect()
        };
        assert!(told(&one) == told(&two), "{name}");
    }
}

/// What was found out from beside is what a run leaves that is cut in earnest.
#[test]
fn what_a_cut_would_leave_is_what_a_cut_leaves() {
    for (stage, Stage { name, .. }) in STAGES.iter().enumerate() {
        let before = Traveller::before(stage);
        let mut traveller = Traveller::new(stage, Flaw::None);
        let points = traveller.look(before).unwrap();
        for (at, point) in points.iter().enumerate().skip(stage).step_by(stride(29)) {
            for left in &point.left {
                let scene = traveller.cut(before, at, left);
                let what = format!("{name}, {at}: {:?}, {:?}, {}", point.operation, left.flight, left.disk);
                assert_eq!(scene.disk.1, left.scene.disk.1, "{what}: the disk");
                assert_eq!(scene.cloud.1, left.scene.cloud.1, "{what}: the cloud");
            }
        }
    }
}

/// Each protection is taken away in turn: a suite that does not notice proves nothing.
#[test]
#[allow(clippy::print_stdout)]
fn every_mutant_is_caught() {
    if is_everything() {
        return;
    }
    let caught = FLAWS.into_iter().filter(|flaw| is_caught(*flaw)).count();
    println!("mutants caught: {caught} of {}", FLAWS.len());
    assert_eq!(caught, FLAWS.len());
}

/// The same search finds nothing where no protection was taken away: else it would prove nothing of those.
#[test]
fn a_floe_without_a_flaw_is_not_caught() {
    assert_eq!(catch(Flaw::None), None);
}

/// Whether a flaw leads to a failure, and to one of its kind.
#[allow(clippy::print_stdout)]
fn is_caught(flaw: Flaw) -> bool {
    let problem = catch(flaw);
    let how = problem.as_ref().map_or("NOT CAUGHT".to_owned(), |why| why.chars().take(200).collect());
    println!("{flaw:?}: {}", how.replace('\n', " "));
    problem.is_some_and(|why| flaw.leads_to().iter().any(|kind| why.contains(kind)))
}

/// The first thing that fails with this flaw: what costs least is tried first.
fn catch(flaw: Flaw) -> Option<Problem> {
    const STAGES_IN_TURN: [usize; 3] = [2, 1, 0];
    let lost = STAGES_IN_TURN.into_iter().find_map(|stage| {
        let mut traveller = Traveller::new(stage, flaw);
        let points = traveller.look(Traveller::before(stage));
        points.and_then(|points| traveller.nothing_is_lost(&points)).err()
    });
    // What a lost answer leads to needs no cut.
    let unlucky = || story::misfortunes().into_iter().step_by(7).find_map(|fault| live_through(flaw, &fault).err());
    lost.or_else(unlucky).or_else(|| STAGES_IN_TURN.into_iter().find_map(|stage| catch_in(stage, flaw)))
}

/// The first scene left by a cut from which such a floe does not recover.
fn catch_in(stage: usize, flaw: Flaw) -> Option<Problem> {
    let mut traveller = Traveller::new(stage, flaw);
    let mut points = traveller.look(Traveller::before(stage)).ok()?;
    for point in &mut points {
        point.left.retain(|left| left.disk == DISKS[0] && !point.operation.1.starts_with("GET"));
    }
    // Nothing is to be found without a flaw, so a part of them is looked at there.
    let stride = if flaw == Flaw::None { stride(17) } else { 1 };
    wrecks(&points).iter().step_by(stride).find_map(|wreck| traveller.recover(&wreck.scene, 1, false).err())
}

/// Every stage with one misfortune, no cut.
fn live_through(flaw: Flaw, fault: &floe::simulator::FaultRule) -> Result<(), Problem> {
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let mut stages = 0..STAGES.len();
        stages.try_for_each(|stage| Traveller::new(stage, flaw).live_through(Traveller::before(stage), fault.clone()))
    }));
    tried.unwrap_or_else(|_| Err("it panicked".to_owned()))
}

#[test]
fn every_stage_lives_through_every_misfortune() {
    for fault in story::misfortunes() {
        live_through(Flaw::None, &fault).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
    }
}
