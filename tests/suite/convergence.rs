//! Applies random projects with random edits, faults, kills and two runs at once. Applies must converge, and nothing
//! may run twice at once or be created twice.
//!
//! `FLOE_CASES` sets how many cases there are (2,000 by default), and `FLOE_SEED` the first one.

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
    resource::IN_FLIGHT,
    simulator::{Effect, FaultRule, InjectedFault, SimulatorOptions},
    state::{Ledger, LedgerError, LocalLedger, MemoryLedger, Recorded, fake_disk::FakeDisk},
};
use tokio::sync::watch;

use crate::test_project::{TestProject, empty_record, floe_toml, holder, statement};

/// A project that can be edited at random and written to manifests.
#[derive(Clone)]
struct RandomProject {
    /// The `max_cfu` of each pool.
    pools: Vec<u32>,
    /// The tables by number, where declared.
    tables: Vec<Option<RandomTable>>,
    /// The jobs by number, where declared.
    jobs: Vec<Option<RandomJob>>,
}

/// A table of a random project.
#[derive(Clone)]
struct RandomTable {
    /// How many columns the table has.
    columns: u32,
    /// True if the table declares an undo.
    has_undo: bool,
}

/// A job of a random project.
#[derive(Clone)]
struct RandomJob {
    /// The number of the table that the job reads.
    source: usize,
    /// The constant that the job selects, which edits increment.
    constant: u32,
    /// The number of the pool.
    pool: usize,
    /// True if the job is declared stopped.
    stopped: bool,
    /// True if the job declares `evolve = "restart"`.
    restarts_on_change: bool,
    /// True if the job declares another principal.
    has_other_principal: bool,
}

impl RandomProject {
    /// Returns a project after ten random edits.
    fn new(rng: &mut Rng) -> RandomProject {
        let mut random_project = RandomProject { pools: vec![10, 20], tables: vec![None; 3], jobs: vec![None; 4] };
        for _ in 0..10 {
            random_project.edit(rng);
        }
        random_project
    }

    /// Makes one random edit.
    fn edit(&mut self, rng: &mut Rng) {
        let (table, job) = (rng.usize(0..self.tables.len()), rng.usize(0..self.jobs.len()));
        let pools = self.pools.len();
        match (rng.u32(0..13), &mut self.jobs[job]) {
            (0, _) => {
                let next = self.tables[table].as_ref().map_or(1, |table| table.columns + 1);
                self.tables[table] = Some(RandomTable { columns: next, has_undo: rng.bool() });
            }
            (1, _) => self.tables[table] = None,
            (2, _) => self.pools[rng.usize(0..pools)] += 10,
            (3, job) => *job = None,
            (4 | 10, Some(job)) => job.stopped ^= true,
            (5, Some(job)) => job.pool = rng.usize(0..pools),
            (6, Some(job)) => job.has_other_principal ^= true,
            (7 | 8, Some(job)) => job.constant += 1,
            (9, Some(job)) => job.restarts_on_change ^= true,
            (_, job) => {
                let (source, pool) = (rng.usize(0..3), rng.usize(0..pools));
                let restarts_on_change = rng.u32(0..4) > 0;
                *job = Some(RandomJob {
                    source,
                    constant: 0,
                    pool,
                    stopped: rng.u32(0..5) == 0,
                    restarts_on_change,
                    has_other_principal: false,
                });
            }
        }
    }

    /// Returns the manifest of the pools.
    fn pools(&self) -> String {
        self.pools.iter().enumerate().fold(String::new(), |mut text, (index, cfu)| {
            let _ = write!(text, "[pools.p{index}]\nmax_cfu = {}\n", cfu.min(&50));
            text
        })
    }

    /// Returns the manifest of the statements.
    fn statements(&self) -> String {
        let mut text = String::new();
        for (index, table) in self.tables.iter().enumerate() {
            let Some(table) = table else { continue };
            let columns: Vec<_> = (0..table.columns).map(|column| format!("c{column} INT")).collect();
            let _ = write!(text, "[statements.t{index}]\nsql = \"CREATE TABLE t{index} ({})\"\n", columns.join(", "));
            if table.has_undo {
                let _ = writeln!(text, "undo = \"DROP TABLE t{index}\"");
            }
        }
        for (index, job) in self.jobs.iter().enumerate() {
            let Some(job) = job else { continue };
            // An undeclared table is a topic from outside the project, and never a table that was dropped here.
            let declared = self.tables.get(job.source).is_some_and(Option::is_some);
            let table = if declared { "t" } else { "topic" };
            let _ = write!(
                text,
                "[statements.j{index}]\nsql = \"INSERT INTO out{index} SELECT {} FROM {table}{}\"\npool = \"p{}\"\nstopped = {}\n",
                job.constant, job.source, job.pool, job.stopped
            );
            if job.restarts_on_change {
                text.push_str("evolve = \"restart\"\n");
            }
            if job.has_other_principal {
                text.push_str("principal = \"sa-other\"\n");
            }
        }
        text
    }

    /// Writes the manifests into `project`.
    fn write(&self, project: &TestProject) {
        project.write("pools.toml", &self.pools());
        project.declare(&self.statements());
    }
}

/// Returns a random fault that an apply must survive.
fn random_fault(rng: &mut Rng) -> FaultRule {
    let fault_kind = match rng.u32(0..15) {
        0 => InjectedFault::TooManyRequests { retry_after: rng.bool().then_some(3) },
        1 => InjectedFault::Status(500 + rng.u16(0..4)),
        2 => InjectedFault::StatusAfterEffect(503),
        3 => InjectedFault::ConnectionRefused,
        4 => InjectedFault::LostBeforeEffect,
        5 => InjectedFault::LostAfterEffect,
        // The effect may be delayed for far longer than floe searches for it.
        6 => {
            InjectedFault::LostThenApplied(if rng.bool() { rng.f64() * 8.0 } else { rng.f64() * LATEST_EFFECT_SECONDS })
        }
        7 => InjectedFault::SlowEffect(rng.f64() * 20.0),
        8 => InjectedFault::SlowResponse(rng.f64() * 20.0),
        9 => InjectedFault::TruncatedBody(rng.usize(0..200)),
        10 => InjectedFault::StaleRead,
        11 => InjectedFault::ListLag(rng.f64() * 15.0),
        12 => InjectedFault::ShiftingPages,
        13 => InjectedFault::UnknownFields,
        _ => InjectedFault::Conflict,
    };
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
    let fault = FaultRule::always(fault_kind.clone()).after(rng.u64(0..6)).times(rng.u64(1..4));
    match fault_kind {
        InjectedFault::Conflict => fault.on(Method::PUT),
        _ if rng.bool() => fault.on(methods[rng.usize(0..methods.len())].clone()),
        _ => fault,
    }
}

/// The seconds within which every delayed effect takes place.
///
/// It is shorter than floe waits for a request without a response. A later creation of a pool makes a second one, as no
/// name prevents it. `late_effects` has tests of what is reported then.
const LATEST_EFFECT_SECONDS: f64 = 140.0;

/// The minimum percentage of cases that end without a decision for a person, since a blocked case shows little.
const MINIMUM_CONVERGED_PERCENT: u64 = 70;

/// Runs that did not start because another run held the lock.
static LOCKED_OUT_RUNS: AtomicUsize = AtomicUsize::new(0);
/// Runs that continued where another run was killed.
static RUNS_AFTER_A_KILL: AtomicUsize = AtomicUsize::new(0);

/// Jobs that are stopped although they should run, which the plan reports. There may be ten in a thousand cases.
static REPORTED_STOPPED_JOBS: AtomicUsize = AtomicUsize::new(0);

/// Where the record is kept.
enum RecordStorage {
    /// In memory, where a kill loses nothing.
    Memory(MemoryLedger),
    /// On a disk whose machine may crash and lose what is not synced.
    Disk(FakeDisk),
}

impl RecordStorage {
    /// Returns a ledger on this storage.
    fn ledger(&self) -> Box<dyn Ledger> {
        match self {
            RecordStorage::Memory(memory) => Box::new(memory.clone()),
            RecordStorage::Disk(disk) => Box::new(LocalLedger::on_disk(disk.clone(), "state/prod.json")),
        }
    }

    /// Handles the kill of a run: if the record is on a disk, its machine crashes as well.
    fn restart_machine(&mut self, rng: &mut Rng) {
        if let RecordStorage::Disk(disk) = self {
            *disk = disk.restart(rng.u64(0..4));
        }
    }
}

/// The outcome of one run.
enum RunOutcome {
    /// Another run holds the lock.
    LockedOut,
    /// The cloud could not be read.
    CloudUnreadable,
    /// The plan is blocked or has nothing to do.
    Idle(Box<Plan>),
    /// The plan was applied, possibly with failures.
    Applied,
}

/// Runs floe as a pipeline does: the lock is held from reading the record to the last compaction. `is_locked` is true
/// meanwhile.
async fn run_under_lock(
    project: &mut TestProject,
    storage: &RecordStorage,
    request: &PlanOptions,
    is_locked: &Cell<bool>,
) -> RunOutcome {
    struct ClearOnDrop<'a>(&'a Cell<bool>);
    impl Drop for ClearOnDrop<'_> {
        fn drop(&mut self) {
            self.0.set(false);
        }
    }
    let mut ledger = storage.ledger();
    match ledger.lock(&holder(), Duration::ZERO).await {
        Ok(()) => {}
        Err(LedgerError::Locked(_)) => return RunOutcome::LockedOut,
        Err(error) => panic!("{error}"),
    }
    assert!(!is_locked.replace(true), "two runs hold the lock at once");
    let _leaves = ClearOnDrop(is_locked);
    let recorded = ledger.load().await.unwrap().unwrap_or_else(empty_record);
    let cloud = project.cloud();
    let Ok(plan) = project.plan_decided(&cloud, request, &recorded).await else { return RunOutcome::CloudUnreadable };
    if plan.is_blocked() || !plan.has_work() {
        ledger.compact_interrupted(&recorded).await.unwrap();
        return RunOutcome::Idle(Box::new(plan));
    }
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let inputs = project.run_inputs(&cloud, interrupt);
    execute::run(&plan, recorded, &mut *ledger, &inputs, &mut |_| {}).await.unwrap();
    RunOutcome::Applied
}

/// Returns a second pipeline on the same state and cloud.
fn second_pipeline(project: &TestProject, toml: &str) -> TestProject {
    let mut second = TestProject::with_options(&[("floe.toml", toml)], SimulatorOptions::default());
    second.simulator = project.simulator.clone();
    second.ledger = project.ledger.clone();
    second.run_number = 1_000_000;
    second
}

/// Runs one case. Returns true if it ended without a decision for a person.
async fn run_case(seed: u64) -> bool {
    let mut rng = Rng::with_seed(seed);
    let mut random_project = RandomProject::new(&mut rng);
    let toml = floe_toml("").replace("pool = \"main\"", "pool = \"p0\"");
    let mut project =
        TestProject::with_options(&[("floe.toml", &toml)], SimulatorOptions { seed, ..SimulatorOptions::default() });
    let mut second_project = second_pipeline(&project, &toml);
    let mut storage = match seed % 16 {
        3 | 10 => RecordStorage::Disk(FakeDisk::new()),
        _ => RecordStorage::Memory(project.ledger.clone()),
    };
    let request = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let is_locked = Cell::new(false);
    for round in 0..3 {
        random_project.write(&project);
        random_project.write(&second_project);
        for _ in 0..rng.usize(0..9) {
            project.simulator.push_fault(random_fault(&mut rng));
        }
        let mut idle = None;
        for attempt in 0..8 {
            // A run may fail under its faults. The runs after it must repair what it left.
            if attempt > 3 {
                project.simulator.clear_faults();
            }
            // Some runs are killed midway. The next run has only what is on disk by then.
            let seconds_until_kill = if rng.u32(0..3) == 0 { rng.f64() * 120.0 } else { f64::from(u32::MAX) };
            // Waiting for a lock on a disk takes real time, so there is no second run in that case.
            let is_shared = rng.u32(0..3) == 0 && matches!(storage, RecordStorage::Memory(_));
            let second_starts_after = is_shared.then(|| Duration::from_secs_f64(rng.f64() * 60.0));
            let first = tokio::time::timeout(
                Duration::from_secs_f64(seconds_until_kill),
                run_under_lock(&mut project, &storage, &request, &is_locked),
            );
            let second = async {
                tokio::time::sleep(second_starts_after?).await;
                let first_runs = is_locked.get();
                let ran = run_under_lock(&mut second_project, &storage, &request, &is_locked).await;
                assert_eq!(
                    matches!(ran, RunOutcome::LockedOut),
                    first_runs,
                    "seed {seed}, round {round}: the second run is locked out exactly while the first one runs"
                );
                Some(ran)
            };
            let (first, second) = tokio::join!(first, second);
            if first.is_err() {
                storage.restart_machine(&mut rng);
            }
            match &second {
                Some(RunOutcome::LockedOut) => drop(LOCKED_OUT_RUNS.fetch_add(1, Ordering::Relaxed)),
                Some(_) if first.is_err() => drop(RUNS_AFTER_A_KILL.fetch_add(1, Ordering::Relaxed)),
                _ => {}
            }
            if let Ok(RunOutcome::Idle(plan)) = first
                && (!plan.is_blocked() || attempt > 3)
                && second.is_none_or(|second| matches!(second, RunOutcome::LockedOut | RunOutcome::Idle(_)))
            {
                idle = Some(plan);
                break;
            }
        }
        project.simulator.clear_faults();
        assert!(idle.is_some(), "seed {seed}, round {round}: eight runs did not converge");
        // Every delayed effect has taken place. The result still holds, or a run repairs it, or a person is told what
        // to check.
        tokio::time::sleep(IN_FLIGHT + Duration::from_secs(1)).await;
        let mut plan = None;
        for _ in 0..6 {
            match run_under_lock(&mut project, &storage, &request, &is_locked).await {
                RunOutcome::Idle(idle) => plan = Some(idle),
                _ => tokio::time::sleep(Duration::from_secs(30)).await,
            }
        }
        let plan = plan
            .unwrap_or_else(|| panic!("seed {seed}, round {round}: runs did not converge after the delayed effects"));
        let recorded = storage.ledger().load().await.unwrap().unwrap_or_else(empty_record);
        assert_invariants(&project, &recorded, &plan, &format!("seed {seed}, round {round}"));
        if plan.is_blocked() {
            // A blocked plan needs a decision of a person, which is outside the scope of this test.
            return false;
        }
        for _ in 0..rng.usize(1..4) {
            random_project.edit(&mut rng);
        }
    }
    true
}

/// Asserts what must hold after every round.
fn assert_invariants(project: &TestProject, recorded: &Recorded, plan: &Plan, what: &str) {
    let findings = project.simulator.audit_report();
    let creates = findings.creations.iter().chain(&findings.pool_creations);
    let created_twice: Vec<_> = creates.filter(|(_, count)| **count > 1).collect();
    assert!(created_twice.is_empty(), "{what}: created twice: {created_twice:?}");
    let ran_twice: Vec<_> = findings.peak_running.iter().filter(|(_, most)| **most > 1).collect();
    assert!(ran_twice.is_empty(), "{what}: ran twice at once: {ran_twice:?}");
    let known: Vec<&str> =
        recorded.statements.values().flat_map(|record| record.generations()).map(|g| g.sent.name.as_str()).collect();
    for (name, phase) in project.phases() {
        // A definition without undo is forgotten on purpose. The service will purge its statement.
        let forgotten = name.starts_with('t') && phase == "COMPLETED";
        assert!(forgotten || known.contains(&name.as_str()), "{what}: `{name}` ({phase}) is an orphan");
    }
    if plan.is_blocked() {
        return;
    }
    for name in &known {
        assert!(project.phases().contains_key(*name), "{what}: `{name}` is recorded but does not exist");
    }
    let pools: BTreeSet<String> = project.simulator.world_view().pools.into_iter().map(|pool| pool.id).collect();
    let known_pools: BTreeSet<String> = recorded.pools.values().map(|record| record.id.clone()).collect();
    assert_eq!(pools, known_pools, "{what}: the live pools differ from the recorded ones");
    assert!(recorded.open_intents.is_empty(), "{what}: open intents: {:#?}", recorded.open_intents);
    for (key, record) in &recorded.statements {
        let Some(current) = &record.current else { continue };
        if current.reached == floe::state::FurthestPhase::Completed {
            continue;
        }
        let phase = project.phases().get(&current.sent.name).cloned().unwrap_or_default();
        let wanted = if record.declared.stopped { "STOPPED" } else { "RUNNING" };
        let change = plan.changes.get(&statement(key));
        // An interrupted run requested this stop, which took effect long after a read showed no sign of it.
        if phase == "STOPPED" && change.is_some_and(|change| change.notes.contains(&Note::StoppedOutside)) {
            REPORTED_STOPPED_JOBS.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let is_current = |effect: &Effect| effect.name == current.sent.name;
        let effects: Vec<_> = project.simulator.effects().into_iter().filter(is_current).collect();
        assert_eq!(phase, wanted, "{what}: {key}: {change:#?} {effects:#?} {record:#?}");
    }
}

/// Runs the cases whose seed has the remainder `share` when divided by `shares`.
fn run_cases(share: u64, shares: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (cases, first) = (number("FLOE_CASES").unwrap_or(2_000), number("FLOE_SEED").unwrap_or(0));
    let (mut run_count, mut converged_count) = (0_u64, 0_u64);
    for seed in (first..first + cases).filter(|seed| seed % shares == share) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        run_count += 1;
        converged_count += u64::from(runtime.block_on(run_case(seed)));
    }
    println!("{converged_count} of {run_count} cases ended without a decision for a person");
    assert!(
        run_count < 100 || converged_count * 100 >= run_count * MINIMUM_CONVERGED_PERCENT,
        "only {converged_count} of {run_count} cases ended without a decision for a person"
    );
    let (locked_out, after_a_kill) =
        (LOCKED_OUT_RUNS.load(Ordering::Relaxed), RUNS_AFTER_A_KILL.load(Ordering::Relaxed));
    let reported_stopped = REPORTED_STOPPED_JOBS.load(Ordering::Relaxed);
    println!("so far, {reported_stopped} jobs are stopped, as the plan reports");
    assert!(cases < 200 || reported_stopped as u64 * 100 <= cases, "{reported_stopped} stopped jobs in {cases} cases");
    println!("so far, {locked_out} runs were locked out, and {after_a_kill} continued where one was killed");
    assert!(
        cases < 200 || (locked_out > 0 && after_a_kill > 0),
        "no run was locked out, or no run continued where one was killed"
    );
}

#[test]
fn applies_converge_under_faults_first_half() {
    run_cases(0, 2);
}

#[test]
fn applies_converge_under_faults_second_half() {
    run_cases(1, 2);
}
