//! Every crash point: a run is stopped at each thing that it does on the disk and on the wire; the next one knows what
//! happened and goes on.
//!
//! `FLOE_CRASH=all cargo test --release --test suite crash -- --nocapture` cuts at every point, with every fate of the
//! request under way and of what the disk had not synced, and again at every point of the recovery. Without
//! `FLOE_CRASH` a part of that is done. `FLOE_MUTANTS=1` runs the mutants alone. `FLOE_AT=K` cuts at point K only, and
//! `FLOE_TELL=1` prints what the ledger is given to keep.

mod binary;
mod flaw;
mod holds;
mod machine;
mod story;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use floe::state::fake::{FakeDisk, Fault, Operation};

use flaw::{FLAWS, Flaw};
use machine::{Flight, Machine, Outcome};
use story::{STAGES, Stage};

use crate::world::World;

/// How many runs a recovery may take: one that goes on, and some that wait for what was in motion.
const RUNS: usize = 8;

/// What was counted.
#[derive(Debug, Default)]
struct Figures {
    points: usize,
    cuts: usize,
    pairs: usize,
    runs: usize,
    orphans: usize,
    lost: usize,
    most_creates: usize,
}

/// Where to cut: at which operation of a run, with what becoming of what was under way.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: usize,
    flight: Flight,
    disk: u64,
}

type Problem = String;

fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}

/// A world and a disk on which every stage before `stage` was applied undisturbed, and `stage` is declared.
async fn before(stage: usize) -> (World, FakeDisk) {
    let (mut world, disk) = (story::world(), FakeDisk::new());
    for earlier in &STAGES[..stage] {
        earlier.declare(&world);
        to_the_end(&mut world, &disk, Flaw::None, earlier, &mut Figures::default()).await.unwrap();
    }
    STAGES[stage].declare(&world);
    // What was synced is what a new disk begins with, so that points are counted from the stage's first run.
    (world, disk.restart(1))
}

/// Runs until there is nothing left to do.
async fn to_the_end(
    world: &mut World,
    disk: &FakeDisk,
    flaw: Flaw,
    stage: &Stage,
    figures: &mut Figures,
) -> Result<(), Problem> {
    let mut last = String::new();
    for _ in 0..RUNS {
        let machine = Machine::new(disk.clone(), flaw, Flight::Lost, stage.request());
        figures.runs += 1;
        match machine.run(world).await {
            Outcome::Nothing => return Ok(()),
            Outcome::Ran(report) => last = format!("{:#?}", report.failed),
            Outcome::Blocked(plan) => return Err(format!("blocked: {:#?}", plan.changes)),
            Outcome::Refused(why) => return Err(format!("refused: {why}")),
            Outcome::Cut => return Err("cut again, unasked".to_owned()),
        }
    }
    Err(format!("{RUNS} runs did not converge; the last one's failures: {last}"))
}

/// Lets the run on `disk` be cut; gives the disk that is found after it, or `None` if it came to its end before.
async fn cut(
    world: &mut World,
    disk: &FakeDisk,
    flaw: Flaw,
    stage: &Stage,
    cut: Cut,
    figures: &mut Figures,
) -> Result<Option<FakeDisk>, Problem> {
    disk.strike(cut.at, Fault::Cut, cut.disk);
    let machine = Machine::new(disk.clone(), flaw, cut.flight, stage.request());
    *machine.knowledge.lock().unwrap() = machine::Knowledge::of(machine.found().await.map_err(|e| e.to_string())?);
    figures.runs += 1;
    let outcome = machine.run(world).await;
    if !disk.has_struck() {
        return match outcome {
            Outcome::Cut => Err("it stopped by itself".to_owned()),
            _ => Ok(None),
        };
    }
    let after = disk.restart(cut.disk);
    Machine { disk: after.clone(), ..machine }.found_or(&mut figures.lost).await?;
    Ok(Some(after))
}

impl Machine {
    /// The record after a cut, in which everything that was acknowledged has to be.
    async fn found_or(self, lost: &mut usize) -> Result<(), Problem> {
        let found = self.found().await.map_err(|error| format!("the state cannot be read: {error}"))?;
        let knowledge = self.knowledge.lock().unwrap().clone();
        if knowledge.is_kept_in(&found) {
            return Ok(());
        }
        *lost += 1;
        Err(format!("what was acknowledged is lost: {knowledge:#?}\nfound: {found:#?}"))
    }
}

/// One case: the stage is cut once or twice, then brought to its end, and everything must hold.
fn case(
    stage: usize,
    flaw: Flaw,
    cuts: &[Cut],
    expected: Option<&Operation>,
    figures: &mut Figures,
) -> Result<bool, Problem> {
    let place = |why: Problem| format!("stage `{}`, {cuts:?} on {expected:?}: {why}", STAGES[stage].name);
    let work = async {
        let (mut world, mut disk) = before(stage).await;
        for one in cuts {
            match cut(&mut world, &disk, flaw, &STAGES[stage], *one, figures).await? {
                Some(after) => {
                    if let Some(expected) = expected.filter(|_| cuts.len() == 1) {
                        let struck = disk.operations().last().cloned();
                        if struck.as_ref() != Some(expected) {
                            return Err(format!("the cut fell on {struck:?}, not on {expected:?}"));
                        }
                    }
                    disk = after;
                }
                None => return Ok(false),
            }
        }
        to_the_end(&mut world, &disk, flaw, &STAGES[stage], figures).await?;
        // What was on its way lands within this time.
        tokio::time::sleep(Duration::from_secs(120)).await;
        to_the_end(&mut world, &disk, flaw, &STAGES[stage], figures).await?;
        holds::check(&world, &disk, &STAGES[stage], figures).await?;
        Ok(true)
    };
    in_time(work).map_err(place)
}

/// The operations of an undisturbed run of a stage.
fn points(stage: usize) -> Vec<Operation> {
    in_time(async {
        let (mut world, disk) = before(stage).await;
        let machine = Machine::new(disk.clone(), Flaw::None, Flight::Lost, STAGES[stage].request());
        match machine.run(&mut world).await {
            Outcome::Ran(report) => assert!(report.is_complete(), "{:#?} {:#?}", report.failed, report.skipped),
            Outcome::Blocked(plan) => panic!("{}: blocked: {:#?}", STAGES[stage].name, plan.changes),
            Outcome::Refused(why) => panic!("{}: {why}", STAGES[stage].name),
            Outcome::Nothing | Outcome::Cut => panic!("{}: nothing was done", STAGES[stage].name),
        }
        disk.operations()
    })
}

/// What can become of what is under way at a point.
fn fates(at: usize, point: &Operation) -> Vec<Cut> {
    let (kind, what) = (point.0, point.1.as_str());
    let changes = kind == "send" && !what.starts_with("GET");
    let late = [1_u64, 2_500, 25_000][at % 3];
    let flights = match changes {
        true => vec![Flight::Lost, Flight::Applied, Flight::Late(Duration::from_millis(late))],
        false => vec![Flight::Lost],
    };
    let disks = if is_everything() && kind != "send" && kind != "answer" {
        vec![0, 1, 17, 4711]
    } else {
        vec![[0, 1, 17][at % 3]]
    };
    flights.iter().flat_map(|flight| disks.iter().map(move |disk| Cut { at, flight: *flight, disk: *disk })).collect()
}

fn is_everything() -> bool {
    std::env::var("FLOE_CRASH").is_ok_and(|value| value == "all")
}

/// Every how many-th point is cut.
fn stride(usual: usize) -> usize {
    if is_everything() { 1 } else { usual }
}

#[allow(clippy::print_stdout)]
fn show(what: &str, figures: &Figures, problems: &[Problem]) {
    println!("{what}: {figures:?}, {} failed", problems.len());
    for problem in problems {
        println!("  {}", problem.chars().take(400).collect::<String>().replace('\n', " "));
    }
    assert!(
        problems.is_empty(),
        "{} failed; the first:\n{}",
        problems.len(),
        problems[0].chars().take(6_000).collect::<String>()
    );
}

fn attempt(
    stage: usize,
    flaw: Flaw,
    cuts: &[Cut],
    expected: Option<&Operation>,
    figures: &mut Figures,
) -> Result<bool, Problem> {
    let tried = catch_unwind(AssertUnwindSafe(|| case(stage, flaw, cuts, expected, figures)));
    tried.unwrap_or_else(|panic| {
        let said =
            panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("stage `{}`, {cuts:?}: it panicked: {}", STAGES[stage].name, said.unwrap_or_default()))
    })
}

fn cut_once(stage: usize) {
    let (mut figures, mut problems) = (Figures::default(), Vec::new());
    let points = points(stage);
    figures.points = points.len();
    for (at, point) in points.iter().enumerate() {
        // Reading again and again while waiting is the same point again and again.
        let is_read = point.1.starts_with("GET");
        if std::env::var("FLOE_AT").is_ok_and(|only| only != at.to_string()) {
            continue;
        }
        if is_read && at % stride(9) != 0 {
            continue;
        }
        for cut in fates(at, point) {
            figures.cuts += 1;
            match attempt(stage, Flaw::None, &[cut], Some(point), &mut figures) {
                Ok(true) => {}
                Ok(false) => problems.push(format!("{cut:?}: the run ended before its cut")),
                Err(why) => problems.push(why),
            }
        }
    }
    show(&format!("cut once in `{}`", STAGES[stage].name), &figures, &problems);
}

fn cut_twice(stage: usize) {
    let (mut figures, mut problems) = (Figures::default(), Vec::new());
    let points = points(stage);
    figures.points = points.len();
    for (at, point) in points.iter().enumerate().step_by(stride(37)) {
        let fates = fates(at, point);
        let first = fates[at % fates.len()];
        // How far the recovery goes is found by cutting it ever later.
        for again in (at % stride(41)..).step_by(stride(41)) {
            let flight = [Flight::Lost, Flight::Applied, Flight::Late(Duration::from_secs(3))][again % 3];
            let second = Cut { at: again, flight, disk: [0, 1, 23][again % 3] };
            figures.pairs += 1;
            match attempt(stage, Flaw::None, &[first, second], None, &mut figures) {
                Ok(true) => {}
                Ok(false) => break,
                Err(why) => problems.push(why),
            }
        }
    }
    show(&format!("cut twice in `{}`", STAGES[stage].name), &figures, &problems);
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_first_apply_is_cut() {
    cut_once(0);
}

#[test]
fn nothing_is_lost_or_orphaned_when_an_apply_of_every_kind_of_change_is_cut() {
    cut_once(1);
}

#[test]
fn nothing_is_lost_or_orphaned_when_jobs_are_replaced_again_and_resumed() {
    cut_once(2);
}

#[test]
fn nothing_is_lost_or_orphaned_when_destroy_is_cut() {
    cut_once(3);
}

#[test]
fn nothing_is_lost_or_orphaned_when_the_recovery_is_cut_too() {
    (0..STAGES.len()).for_each(cut_twice);
}

#[test]
fn every_point_is_the_same_point_again() {
    for (number, stage) in STAGES.iter().enumerate() {
        assert_eq!(points(number), points(number), "{}", stage.name);
    }
}

/// Each protection is taken away in turn: a suite that does not notice proves nothing. With `FLOE_MUTANTS` only.
#[test]
#[allow(clippy::print_stdout)]
fn every_mutant_is_caught() {
    if std::env::var_os("FLOE_MUTANTS").is_none() && !is_everything() {
        println!("skipped: set FLOE_MUTANTS=1");
        return;
    }
    let mut caught = 0;
    for flaw in FLAWS {
        let problem = catch(flaw);
        caught += usize::from(problem.is_some());
        let how = problem.map_or("NOT CAUGHT".to_owned(), |why| why.chars().take(200).collect());
        println!("{flaw:?}: {}", how.replace('\n', " "));
    }
    println!("mutants caught: {caught} of {}", FLAWS.len());
    assert_eq!(caught, FLAWS.len());
}

/// The first thing that fails with this flaw.
fn catch(flaw: Flaw) -> Option<Problem> {
    // What a lost answer leads to needs no cut.
    let unlucky = story::misfortunes().into_iter().step_by(3).find_map(|fault| {
        let tried = catch_unwind(AssertUnwindSafe(|| in_time(unlucky(flaw, fault, &mut Figures::default()))));
        tried.unwrap_or_else(|_| Err("it panicked".to_owned())).err()
    });
    unlucky.or_else(|| [2, 1, 0].into_iter().find_map(|stage| catch_in(stage, flaw)))
}

fn catch_in(stage: usize, flaw: Flaw) -> Option<Problem> {
    let mut figures = Figures::default();
    for (at, point) in points(stage).iter().enumerate().filter(|(_, point)| !point.1.starts_with("GET")) {
        for cut in fates(at, point) {
            if let Err(why) = attempt(stage, flaw, &[Cut { disk: 0, ..cut }], None, &mut figures) {
                return Some(why);
            }
        }
    }
    None
}

/// Every stage with one misfortune, no cut.
async fn unlucky(flaw: Flaw, fault: floe::simulator::Fault, figures: &mut Figures) -> Result<(), Problem> {
    for (number, stage) in STAGES.iter().enumerate() {
        let (mut world, disk) = before(number).await;
        world.simulator.push_fault(fault.clone());
        to_the_end(&mut world, &disk, flaw, stage, figures).await?;
        tokio::time::sleep(Duration::from_secs(120)).await;
        to_the_end(&mut world, &disk, flaw, stage, figures).await?;
        holds::check(&world, &disk, stage, figures).await?;
    }
    Ok(())
}

#[test]
fn every_stage_lives_through_every_misfortune() {
    let faults = story::misfortunes();
    for fault in faults {
        let mut figures = Figures::default();
        in_time(unlucky(Flaw::None, fault.clone(), &mut figures)).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
    }
}
