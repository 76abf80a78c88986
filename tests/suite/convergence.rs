//! Random projects, random edits, random misfortunes: applies converge, and nothing runs or is made twice.
//!
//! `FLOE_CASES` says how many cases (2,000 by default), `FLOE_SEED` the first.

use std::{fmt::Write, time::Duration};

use fastrand::Rng;
use floe::{
    cloud::Method,
    diff::Request,
    plan::Plan,
    simulator::{Fault, Misfortune, Options},
};

use crate::world::{World, project};

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
fn misfortune(rng: &mut Rng) -> Fault {
    let does = match rng.u32(0..15) {
        0 => Misfortune::TooMany { retry_after: rng.bool().then_some(3) },
        1 => Misfortune::Status(500 + rng.u16(0..4)),
        2 => Misfortune::StatusAfterEffect(503),
        3 => Misfortune::Refused,
        4 => Misfortune::LostBeforeEffect,
        5 => Misfortune::LostAfterEffect,
        6 => Misfortune::LostThenDone(rng.f64() * 8.0),
        7 => Misfortune::SlowEffect(rng.f64() * 20.0),
        8 => Misfortune::SlowAnswer(rng.f64() * 20.0),
        9 => Misfortune::CutBody(rng.usize(0..200)),
        10 => Misfortune::StaleRead,
        11 => Misfortune::ListLag(rng.f64() * 15.0),
        12 => Misfortune::ShiftingPages,
        13 => Misfortune::UnknownFields,
        _ => Misfortune::Conflict,
    };
    let methods = [Method::Get, Method::Post, Method::Put, Method::Delete, Method::Patch];
    let fault = Fault::always(does.clone()).after(rng.u64(0..6)).times(rng.u64(1..4));
    match does {
        Misfortune::Conflict => fault.on(Method::Put),
        _ if rng.bool() => fault.on(methods[rng.usize(0..methods.len())]),
        _ => fault,
    }
}

async fn case(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut sketch = Sketch::new(&mut rng);
    let toml = project("").replace("pool = \"main\"", "pool = \"p0\"");
    let mut world = World::with(&[("floe.toml", &toml)], Options { seed, ..Options::default() });
    let request = Request { allow_data_loss: true, ..Request::default() };
    for round in 0..3 {
        sketch.write(&world);
        for _ in 0..rng.usize(0..9) {
            world.simulator.push_fault(misfortune(&mut rng));
        }
        let mut plan = None;
        for attempt in 0..8 {
            // A run may fail for good under its misfortunes; the ones after it have to mend what it left.
            if attempt > 3 {
                world.simulator.clear_faults();
            }
            let cloud = world.cloud();
            let Ok((next, recorded)) = world.plan_with(&cloud, &request).await else { continue };
            if next.is_blocked() && attempt > 3 || !next.has_work() {
                plan = Some(next);
                break;
            }
            if !next.is_blocked() {
                let mut silent = |_| {};
                let run = world.execute(&cloud, &next, recorded, &mut silent);
                // Some runs are killed in the middle: what is on disk by then is all that the next one has.
                let patience = if rng.u32(0..3) == 0 { rng.f64() * 120.0 } else { f64::from(u32::MAX) };
                let _ = tokio::time::timeout(Duration::from_secs_f64(patience), run).await;
            }
        }
        world.simulator.clear_faults();
        let plan = plan.unwrap_or_else(|| panic!("seed {seed}, round {round}: eight runs did not converge"));
        holds(&world, &plan, seed, round).await;
        if plan.is_blocked() {
            // What a person would have to decide is not what this is about.
            return;
        }
        for _ in 0..rng.usize(1..4) {
            sketch.edit(&mut rng);
        }
    }
}

/// What must hold after every round.
async fn holds(world: &World, plan: &Plan, seed: u64, round: u32) {
    let what = format!("seed {seed}, round {round}");
    let findings = world.simulator.audit();
    let created_twice: Vec<_> = findings.creates.iter().filter(|(_, count)| **count > 1).collect();
    assert!(created_twice.is_empty(), "{what}: created twice: {created_twice:?}");
    let ran_twice: Vec<_> = findings.most_running.iter().filter(|(_, most)| **most > 1).collect();
    assert!(ran_twice.is_empty(), "{what}: ran twice: {ran_twice:?}");
    let recorded = world.recorded().await;
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
    for (key, record) in &recorded.statements {
        let Some(current) = &record.current else { continue };
        if current.reached == floe::state::Reached::Completed {
            continue;
        }
        let phase = world.phases().get(&current.sent.name).cloned().unwrap_or_default();
        let wanted = if record.declared.stopped { "STOPPED" } else { "RUNNING" };
        assert_eq!(phase, wanted, "{what}: {key}");
    }
}

fn cases(share: u64, shares: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (cases, first) = (number("FLOE_CASES").unwrap_or(2_000), number("FLOE_SEED").unwrap_or(0));
    for seed in (first..first + cases).filter(|seed| seed % shares == share) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(case(seed));
    }
}

#[test]
fn applies_converge_under_misfortunes_first_half() {
    cases(0, 2);
}

#[test]
fn applies_converge_under_misfortunes_second_half() {
    cases(1, 2);
}
