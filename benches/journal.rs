//! Measures what the journal costs.
//!
//! `cargo bench --bench journal` first applies projects of 100, 1,000 and 10,000 statements to the simulated cloud,
//! on a paused clock, and counts the bytes that are written to the state's folder. They have to grow with the number
//! of entries and stay below three times the size of the final state. Then it applies 1,000 statements at the API's
//! limits, in real time, over HTTP on this machine, once with the state in memory and once with the state on this
//! disk. The bound of 5 % applies to the time that the second run spends inside the ledger. The scheduler does
//! nothing else during that time, so this is the most that the ledger adds. The total times of the two runs say less:
//! the limits allow a fixed number of requests per minute, and a run that needs a few more requests, because phases
//! took a little longer, waits for the next minute. `-- bytes` and `-- time` run only one of the two parts.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "only the growth benchmark uses all of it")]
mod generated;

use std::{
    fs::{self, File},
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use floe::{
    cloud::{AllowedOrigins, ApiKey, CloudClient, Credentials, Endpoints, HttpsTransport, RateLimits, Transport},
    diff::PlanOptions,
    execute::{self, Interrupt, RunInputs},
    graph::{self, Graph},
    manifest::{self, LoadOptions},
    planning::make_plan,
    resource::{HashKey, Secrets},
    simulator::{PhaseDurations, Simulator, SimulatorOptions, serve},
    state::{
        Entry, Ledger, LedgerError, LedgerFuture, LocalLedger, LockHolder, MemoryLedger, RealDisk, Recorded, RunLedger,
        hooked_disk::{DiskChange, DiskHook, HookedDisk},
    },
};
use generated::{Shape, write};
use tokio::sync::watch;

/// The most bytes that may be written, as a multiple of the size of the final state.
const MAX_WRITE_AMPLIFICATION: f64 = 3.0;
/// The largest share of an apply that may be spent in the ledger.
const MAX_LEDGER_SHARE: f64 = 0.05;
/// How much the bytes per entry may grow while the number of statements grows a hundredfold.
const MAX_GROWTH_PER_ENTRY: f64 = 1.1;

fn main() -> ExitCode {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let is_selected = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let passed = [is_selected("bytes").then(measure_bytes), is_selected("time").then(measure_time)]
        .into_iter()
        .flatten()
        .all(|held| held);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures the bytes that are written to the state's folder, by the size of the project. Returns whether they are
/// within the limits.
fn measure_bytes() -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (mut passed, mut fewest_per_entry): (bool, Option<f64>) = (true, None);
    for count in [100, 1_000, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let graph = project(folder.path(), count);
        let written = Arc::new(AtomicU64::new(0));
        let path = folder.path().join("state.json");
        let disk = HookedDisk::new(RealDisk, WrittenBytes(Arc::clone(&written)));
        let mut ledger = TimedLedger::new(LocalLedger::on_disk(disk, &path));
        let cloud = cloud(&graph, Arc::new(Simulator::new(SimulatorOptions::default())), None);
        runtime.block_on(run_apply(&graph, &cloud, &mut ledger));
        let (state, written) = (fs::metadata(&path).unwrap().len(), written.load(Ordering::Relaxed));
        let (amplification, bytes_per_entry) = (written as f64 / state as f64, written as f64 / ledger.entries as f64);
        println!(
            "{count} statements: {written} bytes written for {} entries in {} groups ({bytes_per_entry:.0} per entry), \
             {amplification:.2} times the {state} bytes of the final state",
            ledger.entries, ledger.groups
        );
        passed &= amplification <= MAX_WRITE_AMPLIFICATION
            && bytes_per_entry <= fewest_per_entry.unwrap_or(bytes_per_entry) * MAX_GROWTH_PER_ENTRY;
        fewest_per_entry = Some(fewest_per_entry.unwrap_or(bytes_per_entry).min(bytes_per_entry));
    }
    if !passed {
        println!(
            "failed: more than {MAX_WRITE_AMPLIFICATION} times the final state, or growth faster than the number of \
             entries"
        );
    }
    passed
}

/// Measures what the ledger adds to an apply of 1,000 statements at the API's limits. Returns whether it is within
/// the limit.
fn measure_time() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let graph = project(folder.path(), 1_000);
    let (in_memory, _) = time_apply(&graph, "in memory", MemoryLedger::new());
    let (on_disk, share) = time_apply(&graph, "on this disk", LocalLedger::at(folder.path().join("state.json")));
    let difference = on_disk.as_secs_f64() / in_memory.as_secs_f64() - 1.0;
    println!("total time on disk compared to memory: {:+.2} %, which is mostly noise", difference * 100.0);
    if share >= MAX_LEDGER_SHARE {
        println!("failed: {} % of the time or more was spent in the ledger", MAX_LEDGER_SHARE * 100.0);
    }
    share < MAX_LEDGER_SHARE
}

/// Returns how long an apply takes in real time, and which share of it is spent in the ledger.
fn time_apply(graph: &Graph, location: &str, ledger: impl Ledger) -> (Duration, f64) {
    let mut ledger = TimedLedger::new(ledger);
    let cloud = cloud(graph, Arc::new(HttpsTransport::new().unwrap()), Some(&start_simulator()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = Instant::now();
    runtime.block_on(run_apply(graph, &cloud, &mut ledger));
    let elapsed = started.elapsed();
    let share = ledger.time_spent.as_secs_f64() / elapsed.as_secs_f64();
    println!(
        "1,000 statements, state {location}: {:.2} s, {} requests, {} ms in the ledger ({:.2} %), for {} entries in {} \
         groups, the slowest {:.1} ms",
        elapsed.as_secs_f64(),
        cloud.request_count(),
        ledger.time_spent.as_millis(),
        share * 100.0,
        ledger.entries,
        ledger.groups,
        ledger.slowest.as_secs_f64() * 1_000.0
    );
    (elapsed, share)
}

/// Returns the graph of a generated project of `count` statements in `folder`.
fn project(folder: &Path, count: usize) -> Graph {
    write(folder, Shape::Wide, count);
    let inputs = LoadOptions { root: folder.to_owned(), ..LoadOptions::default() };
    graph::build(manifest::load(&inputs).unwrap()).unwrap()
}

/// Starts a simulated cloud in a thread of its own, with the limits that the API documents, and returns its origin.
/// Its phases are short, because the time that an apply waits for them would hide the cost of the ledger.
fn start_simulator() -> String {
    let (origin_sender, origin_receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            origin_sender.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
            let options = SimulatorOptions {
                phase_durations: PhaseDurations::uniform(Duration::from_millis(500)),
                ..SimulatorOptions::default()
            };
            serve(listener, Simulator::new(options)).await
        })
    });
    origin_receiver.recv().unwrap()
}

/// Returns a client of the cloud at `origin`, or at the public endpoints.
fn cloud(graph: &Graph, transport: Arc<dyn Transport>, origin: Option<&str>) -> CloudClient {
    let mut endpoints = Endpoints::public(&graph.project.environment.identity).unwrap();
    if let Some(origin) = origin {
        endpoints = endpoints.allowing(AllowedOrigins::parse(origin).unwrap());
        endpoints = endpoints.with_origins(Some(origin), Some(origin)).unwrap();
    }
    let credentials =
        Credentials { flink: Some(ApiKey::new("key", "secret")), cloud: Some(ApiKey::new("key", "secret")) };
    CloudClient::new(transport, endpoints, credentials, RateLimits::default(), 7)
}

/// Runs one apply like `floe apply`, from taking the lock to compacting the journal.
async fn run_apply(graph: &Graph, cloud: &CloudClient, ledger: &mut TimedLedger<impl Ledger>) {
    let holder =
        LockHolder { command: "apply".into(), who: "me".into(), pid: 1, since: String::new(), saved_plan_id: None };
    ledger.inner.lock(&holder, Duration::ZERO).await.unwrap();
    let identity = graph.project.environment.identity.clone();
    let recorded = Arc::new(Recorded::new("lineage".to_owned(), identity, HashKey("key".to_owned())));
    let planned = make_plan(graph, &Secrets::default(), &recorded, cloud, &PlanOptions::default()).await.unwrap();
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let inputs = RunInputs {
        cloud: cloud.clone(),
        secrets: Secrets::default(),
        project: graph.project.name.clone(),
        environment: graph.project.environment.name.clone(),
        use_placeholders: true,
        run_id: "run1".to_owned(),
        interrupt,
    };
    let report = execute::run(&planned.plan, Recorded::clone(&recorded), ledger, &inputs, &mut |_| {}).await.unwrap();
    assert!(report.is_complete(), "{:?} {:?}", report.failed.first(), report.ledger_error);
}

/// A hook that counts the bytes that are written to a disk.
#[derive(Clone)]
struct WrittenBytes(Arc<AtomicU64>);

impl DiskHook<RealDisk> for WrittenBytes {
    fn before_change(&self, _: &RealDisk, change: &DiskChange<'_, File>) {
        if let DiskChange::Lock(_, bytes) | DiskChange::Append(_, bytes) = change {
            self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }
}

/// A ledger that measures the time spent in it.
struct TimedLedger<L> {
    /// The ledger that does the work.
    inner: L,
    /// The time spent in the ledger so far.
    time_spent: Duration,
    /// The longest time of one call.
    slowest: Duration,
    /// The number of groups appended so far.
    groups: usize,
    /// The number of entries appended so far.
    entries: usize,
}

impl<L> TimedLedger<L> {
    /// Returns a ledger that has measured nothing yet.
    fn new(inner: L) -> Self {
        TimedLedger { inner, time_spent: Duration::ZERO, slowest: Duration::ZERO, groups: 0, entries: 0 }
    }

    /// Records the time of one call.
    fn record_time(&mut self, started: Instant) {
        self.time_spent += started.elapsed();
        self.slowest = self.slowest.max(started.elapsed());
    }
}

impl<L: RunLedger> RunLedger for TimedLedger<L> {
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async {
            let started = Instant::now();
            let result = self.inner.begin(recorded).await;
            self.record_time(started);
            result
        })
    }
    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async {
            let started = Instant::now();
            let result = self.inner.append(entries).await;
            self.record_time(started);
            self.groups += 1;
            self.entries += entries.len();
            result
        })
    }
    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async {
            let started = Instant::now();
            let result = self.inner.compact(recorded).await;
            self.record_time(started);
            result
        })
    }
}
