//! Random projects, random edits, random misfortunes, random kills, and two runs at once: applies converge, and nothing
//! runs or is made twice.
//!
//! `FLOE_CASES` says how many cases (2,000 by default), `FLOE_SEED` the first.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fmt::Write,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use fastrand::Rng;
use floe::{
    cloud::Method,
    diff::{Note, PlanOptions},
    execute::{self, Interrupt},
    plan::Plan,
    simulator::{Effect, FaultRule, InjectedFault, SimulatorOptions},
    state::{Ledger, LedgerError, Local, Memory, Recorded, fake::FakeDisk},
};
use tokio::sync::watch;

use crate::world::{World, holder, nothing_recorded, project, statement};

/// A project that can be edited at random and written out.
#[derive(Clone)]
struct Sketch {
    pools: Vec<u32>,
    tables: Vec<Option<Table>>,
    jobs: Vec<Option<Job>>,
}

#[derive(Clone)]
struct Table {
    columns: u32,
    undo: bool,
}

#[derive(Clone)]
struct Job {
    reads: usize,
    constant: u32,
    pool: usize,
    stopped: bool,
    restart: bool,
    principal: bool,
}

impl Sketch {
    fn new(rng: &mut Rng) -> Sketch {
        let mut sketch = Sketch { pools: vec![10, 20], tables: vec![None; 3], jobs: vec![None; 4] };
        for _ in 0..10 {
            sketch.edit(rng);
        }
        sketch
    }

    fn edit(&mut self, rng: &mut Rng) {
        let (table, job) = (rng.usize(0..self.tables.len()), rng.usize(0..self.jobs.len()));
        let pools = self.pools.len();
        match (rng.u32(0..13), &mut self.jobs[job]) {
            (0, _) => {
                let next = self.tables[table].as_ref().map_or(1, |table| table.columns + 1);
                self.tables[table] = Some(Table { columns: next, undo: rng.bool() });
            }
            (1, _) => self.tables[table] = None,
            (2, _) => self.pools[rng.usize(0..pools)] += 10,
            (3, job) => *job = None,
            (4 | 10, Some(job)) => job.stopped ^= true,
            (5, Some(job)) => job.pool = rng.usize(0..pools),
            (6, Some(job)) => job.principal ^= true,
            (7 | 8, Some(job)) => job.constant += 1,
            (9, Some(job)) => job.restart ^= true,
            (_, job) => {
                let (reads, pool) = (rng.usize(0..3), rng.usize(0..pools));
                let restart = rng.u32(0..4) > 0;
                *job = Some(Job { reads, constant: 0, pool, stopped: rng.u32(0..5) == 0, restart, principal: false });
            }
        }
    }

    fn pools(&self) -> String {
        self.pools.iter().enumerate().fold(String::new(), |mut text, (index, cfu)| {
            let _ = write!(text, "[pools.p{index}]\nmax_cfu = {}\n", cfu.min(&50));
            text
        })
    }

    fn statements(&self) -> String {
        let mut text = String::new();
        for (index, table) in self.tables.iter().enumerate() {
            let Some(table) = table else { continue };
            let columns: Vec<_> = (0..table.columns).map(|column| format!("c{column} INT")).collect();
            let _ = write!(text, "[statements.t{index}]\nsql = \"CREATE TABLE t{index} ({})\"\n", columns.join(", "));
            if table.undo {
                let _ = writeln!(text, "undo = \"DROP TABLE t{index}\"");
            }
        }
        for (index, job) in self.jobs.iter().enumerate() {
            let Some(job) = job else { continue };
            // A table that nobody declares is a topic from outside, and never one that was dropped here.
            let declared = self.tables.get(job.reads).is_some_and(Option::is_some);
            let table = if declared { "t" } else { "topic" };
            let _ = write!(
                text,
                "[statements.j{index}]\nsql = \"INSERT INTO out{index} SELECT {} FROM {table}{}\"\npool = \"p{}\"\nstopped = {}\n",
                job.constant, job.reads, job.pool, job.stopped
            );
            if job.restart {
                text.push_str("evolve = \"restart\"\n");
            }
            if job.principal {
                text.push_str("principal = \"sa-other\"\n");
            }
        }
        text
    }

    fn write(&self, world: &World) {
        world.write("pools.toml", &self.pools());
        world.declare(&self.statements());
    }
}

/// Misfortunes that an apply has to live with.
fn misfortune(rng: &mut Rng) -> FaultRule {
    let does = match rng.u32(0..15) {
        0 => InjectedFault::TooManyRequests { retry_after: rng.bool().then_some(3) },
        1 => InjectedFault::Status(500 + rng.u16(0..4)),
        2 => InjectedFault::StatusAfterEffect(503),
        3 => InjectedFault::ConnectionRefused,
        4 => InjectedFault::LostBeforeEffect,
        5 => InjectedFault::LostAfterEffect,
        // Also far longer than floe looks for it.
        6 => InjectedFault::LostThenApplied(if rng.bool() { rng.f64() * 8.0 } else { rng.f64() * LANDED }),
        7 => InjectedFault::SlowEffect(rng.f64() * 20.0),
        8 => InjectedFault::SlowResponse(rng.f64() * 20.0),
        9 => InjectedFault::TruncatedBody(rng.usize(0..200)),
        10 => InjectedFault::StaleRead,
        11 => InjectedFault::ListLag(rng.f64() * 15.0),
        12 => InjectedFault::ShiftingPages,
        13 => InjectedFault::UnknownFields,
        _ => InjectedFault::Conflict,
    };
    let methods = [Method::Get, Method::Post, Method::Put, Method::Delete, Method::Patch];
    let fault = FaultRule::always(does.clone()).after(rng.u64(0..6)).times(rng.u64(1..4));
    match does {
        InjectedFault::Conflict => fault.on(Method::Put),
        InjectedFault::LostThenApplied(after) if after > POOL_LANDED => fault.path("*/statements*"),
        _ if rng.bool() => fault.on(methods[rng.usize(0..methods.len())]),
        _ => fault,
    }
}

/// Seconds within which everything lands that is under way.
const LANDED: f64 = 90.0;

/// Seconds within which the creation of a pool lands. What comes after floe has looked for it for a minute makes a second
/// one, as no name keeps that from being made; `late` has tests of what is told then.
const POOL_LANDED: f64 = 55.0;

/// Of a hundred cases at least so many end with nothing for a person to decide: what is blocked shows little.
const FLOOR: u64 = 70;

/// Runs that were turned away since another one held the lock, and runs that went on where one was killed.
static TURNED_AWAY: AtomicUsize = AtomicUsize::new(0);
static WENT_ON: AtomicUsize = AtomicUsize::new(0);

/// Jobs that stand still though they are not meant to, and the plan says so: of a thousand cases in ten at most.
static STANDS_AND_IS_TOLD: AtomicUsize = AtomicUsize::new(0);

/// Where the record is kept: in memory, or on a disk whose machine may go down with what is not synced.
enum Kept {
    Memory(Memory),
    Disk(FakeDisk),
}

impl Kept {
    fn ledger(&self) -> Box<dyn Ledger> {
        match self {
            Kept::Memory(memory) => Box::new(memory.clone()),
            Kept::Disk(disk) => Box::new(Local::on(disk.clone(), "state/prod.json")),
        }
    }

    /// A run was killed in the middle; on a disk its machine goes down as well.
    fn go_down(&mut self, rng: &mut Rng) {
        if let Kept::Disk(disk) = self {
            *disk = disk.restart(rng.u64(0..4));
        }
    }
}

/// What a run came to.
enum Ran {
    /// Another run holds the lock.
    TurnedAway,
    /// The cloud could not be read.
    Unread,
    /// The plan is blocked, or there is nothing to do.
    Idle(Box<Plan>),
    Worked,
}

/// A whole run as a pipeline does it: under the lock from the reading of the record to the last fold.
async fn whole_run(world: &mut World, kept: &Kept, request: &PlanOptions, inside: &Cell<bool>) -> Ran {
    struct Leaves<'a>(&'a Cell<bool>);
    impl Drop for Leaves<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    let mut ledger = kept.ledger();
    match ledger.lock(&holder(), Duration::ZERO).await {
        Ok(()) => {}
        Err(LedgerError::Locked(_)) => return Ran::TurnedAway,
        Err(error) => panic!("{error}"),
    }
    assert!(!inside.replace(true), "two runs at once hold the lock");
    let _leaves = Leaves(inside);
    let recorded = ledger.load().await.unwrap().unwrap_or_else(nothing_recorded);
    let cloud = world.cloud();
    let Ok(plan) = world.plan_on(&cloud, request, &recorded).await else { return Ran::Unread };
    if plan.is_blocked() || !plan.has_work() {
        ledger.fold_interrupted(&recorded).await.unwrap();
        return Ran::Idle(Box::new(plan));
    }
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let setting = world.setting(&cloud, interrupt);
    execute::run(&plan, recorded, &mut *ledger, &setting, &mut |_| {}).await.unwrap();
    Ran::Worked
}

/// Another pipeline on the same state and cloud.
fn pipeline_beside(world: &World, toml: &str) -> World {
    let mut beside = World::with(&[("floe.toml", toml)], SimulatorOptions::default());
    beside.simulator = world.simulator.clone();
    beside.ledger = world.ledger.clone();
    beside.run = 1_000_000;
    beside
}

/// Whether it ended with nothing for a person to decide.
async fn case(seed: u64) -> bool {
    let mut rng = Rng::with_seed(seed);
    let mut sketch = Sketch::new(&mut rng);
    let toml = project("").replace("pool = \"main\"", "pool = \"p0\"");
    let mut world = World::with(&[("floe.toml", &toml)], SimulatorOptions { seed, ..SimulatorOptions::default() });
    let mut beside = pipeline_beside(&world, &toml);
    let mut kept = match seed % 16 {
        3 | 10 => Kept::Disk(FakeDisk::new()),
        _ => Kept::Memory(world.ledger.clone()),
    };
    let request = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let inside = Cell::new(false);
    for round in 0..3 {
        sketch.write(&world);
        sketch.write(&beside);
        for _ in 0..rng.usize(0..9) {
            world.simulator.push_fault(misfortune(&mut rng));
        }
        let mut idle = None;
        for attempt in 0..8 {
            // A run may fail for good under its misfortunes; the ones after it have to mend what it left.
            if attempt > 3 {
                world.simulator.clear_faults();
            }
            // Some runs are killed in the middle: what is on disk by then is all that the next one has.
            let patience = if rng.u32(0..3) == 0 { rng.f64() * 120.0 } else { f64::from(u32::MAX) };
            // A lock on a disk is waited for in real time, so nobody else comes there.
            let is_shared = rng.u32(0..3) == 0 && matches!(kept, Kept::Memory(_));
            let later = is_shared.then(|| Duration::from_secs_f64(rng.f64() * 60.0));
            let first = tokio::time::timeout(
                Duration::from_secs_f64(patience),
                whole_run(&mut world, &kept, &request, &inside),
            );
            let second = async {
                tokio::time::sleep(later?).await;
                let first_runs = inside.get();
                let ran = whole_run(&mut beside, &kept, &request, &inside).await;
                assert_eq!(matches!(ran, Ran::TurnedAway), first_runs, "seed {seed}, round {round}: the lock");
                Some(ran)
            };
            let (first, second) = tokio::join!(first, second);
            if first.is_err() {
                kept.go_down(&mut rng);
            }
            match &second {
                Some(Ran::TurnedAway) => drop(TURNED_AWAY.fetch_add(1, Ordering::Relaxed)),
                Some(_) if first.is_err() => drop(WENT_ON.fetch_add(1, Ordering::Relaxed)),
                _ => {}
            }
            if let Ok(Ran::Idle(plan)) = first
                && (!plan.is_blocked() || attempt > 3)
                && second.is_none_or(|second| matches!(second, Ran::TurnedAway | Ran::Idle(_)))
            {
                idle = Some(plan);
                break;
            }
        }
        world.simulator.clear_faults();
        assert!(idle.is_some(), "seed {seed}, round {round}: eight runs did not converge");
        // What was on its way has landed; then it still holds, or a run mends it, or a person is told what to look at.
        tokio::time::sleep(Duration::from_secs_f64(LANDED)).await;
        let mut plan = None;
        for _ in 0..6 {
            match whole_run(&mut world, &kept, &request, &inside).await {
                Ran::Idle(idle) => plan = Some(idle),
                _ => tokio::time::sleep(Duration::from_secs(30)).await,
            }
        }
        let plan = plan.unwrap_or_else(|| panic!("seed {seed}, round {round}: it did not converge after the landing"));
        let recorded = kept.ledger().load().await.unwrap().unwrap_or_else(nothing_recorded);
        holds(&world, &recorded, &plan, &format!("seed {seed}, round {round}"));
        if plan.is_blocked() {
            // What a person would have to decide is not what this is about.
            return false;
        }
        for _ in 0..rng.usize(1..4) {
            sketch.edit(&mut rng);
        }
    }
    true
}

/// What must hold after every round.
fn holds(world: &World, recorded: &Recorded, plan: &Plan, what: &str) {
    let findings = world.simulator.audit_report();
    let creates = findings.creations.iter().chain(&findings.pool_creations);
    let created_twice: Vec<_> = creates.filter(|(_, count)| **count > 1).collect();
    assert!(created_twice.is_empty(), "{what}: created twice: {created_twice:?}");
    let ran_twice: Vec<_> = findings.peak_running.iter().filter(|(_, most)| **most > 1).collect();
    assert!(ran_twice.is_empty(), "{what}: ran twice: {ran_twice:?}");
    let known: Vec<&str> =
        recorded.statements.values().flat_map(|record| record.generations()).map(|g| g.sent.name.as_str()).collect();
    for (name, phase) in world.phases() {
        // A definition without undo is forgotten on purpose; its statement is left for the service to purge.
        let forgotten = name.starts_with('t') && phase == "COMPLETED";
        assert!(forgotten || known.contains(&name.as_str()), "{what}: `{name}` ({phase}) is an orphan");
    }
    if plan.is_blocked() {
        return;
    }
    for name in &known {
        assert!(world.phases().contains_key(*name), "{what}: `{name}` is recorded and not there");
    }
    let pools: BTreeSet<String> = world.simulator.world_view().pools.into_iter().map(|pool| pool.id).collect();
    let known_pools: BTreeSet<String> = recorded.pools.values().map(|record| record.id.clone()).collect();
    assert_eq!(pools, known_pools, "{what}: the pools there and those that are recorded");
    assert!(recorded.open.is_empty(), "{what}: {:#?}", recorded.open);
    for (key, record) in &recorded.statements {
        let Some(current) = &record.current else { continue };
        if current.reached == floe::state::Reached::Completed {
            continue;
        }
        let phase = world.phases().get(&current.sent.name).cloned().unwrap_or_default();
        let wanted = if record.declared.stopped { "STOPPED" } else { "RUNNING" };
        let change = plan.changes.get(&statement(key));
        // A stop that an interrupted run asked for, and that landed long after a reading had found nothing of it.
        if phase == "STOPPED" && change.is_some_and(|change| change.notes.contains(&Note::StoppedOutside)) {
            STANDS_AND_IS_TOLD.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let of_it = |effect: &Effect| effect.name == current.sent.name;
        let effects: Vec<_> = world.simulator.effects().into_iter().filter(of_it).collect();
        assert_eq!(phase, wanted, "{what}: {key}: {change:#?} {effects:#?} {record:#?}");
    }
}

fn cases(share: u64, shares: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (cases, first) = (number("FLOE_CASES").unwrap_or(2_000), number("FLOE_SEED").unwrap_or(0));
    let (mut lived, mut to_their_end) = (0_u64, 0_u64);
    for seed in (first..first + cases).filter(|seed| seed % shares == share) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        lived += 1;
        to_their_end += u64::from(runtime.block_on(case(seed)));
    }
    println!("{to_their_end} of {lived} cases ended with nothing for a person to decide");
    assert!(lived < 100 || to_their_end * 100 >= lived * FLOOR, "{to_their_end} of {lived}");
    let (turned_away, went_on) = (TURNED_AWAY.load(Ordering::Relaxed), WENT_ON.load(Ordering::Relaxed));
    let told = STANDS_AND_IS_TOLD.load(Ordering::Relaxed);
    println!("so far {told} jobs that stand still, as the plan says");
    assert!(cases < 200 || told as u64 * 100 <= cases, "{told} of {cases} stand still");
    println!("so far {turned_away} runs turned away, {went_on} went on where one was killed");
    assert!(cases < 200 || (turned_away > 0 && went_on > 0), "no two runs were there at once");
}

#[test]
fn applies_converge_under_misfortunes_first_half() {
    cases(0, 2);
}

#[test]
fn applies_converge_under_misfortunes_second_half() {
    cases(1, 2);
}
