//! What the journal costs.
//!
//! `cargo bench --bench journal` applies projects of 100, 1,000 and 10,000 statements to the simulated cloud on a clock that
//! does not make anybody wait, and counts what is written to the state's folder: it has to grow with the number of entries
//! and stay below three times the final state. Then it applies 1,000 statements at the API's limits, in real time, over
//! HTTP on this machine, once with the state in memory and once with it on this disk. What is held against the bound of 5 %
//! is the time that the second run spends inside the ledger: the owner loop does nothing else meanwhile, so that is the most
//! that the ledger adds. The two runs as wholes say less: the limits let so many requests through in a minute, and one that
//! needs a few more than the other, since phases took a little longer, waits for the next. `-- bytes` and `-- time` do one
//! of both.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[allow(dead_code, reason = "growth needs the rest of it")]
mod generated;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use floe::{
    cloud::{Cloud, Credentials, Https, Key, Limits, Site, Transport},
    diff::PlanOptions,
    execute::{self, Interrupt, RunInputs},
    graph::{self, Graph},
    manifest::{self, Inputs},
    planning::planned,
    resource::{HashKey, Secrets},
    simulator::{PhaseDurations, Simulator, SimulatorOptions, serve},
    state::{BoxFuture, Disk, DiskFile, Entry, Holder, Ledger, LedgerError, Local, Memory, RealDisk, Recorded},
};
use generated::{Shape, write};
use tokio::sync::watch;

/// The most that may be written, in sizes of the final state.
const SIZES: f64 = 3.0;
/// The largest share of an apply that may be spent in the ledger.
const SHARE: f64 = 0.05;
/// How much more may be written per entry where there are a hundred times as many.
const GROWTH: f64 = 1.1;

fn main() -> ExitCode {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let wanted = |what: &str| only.as_deref().is_none_or(|only| only == what);
    let held = [wanted("bytes").then(bytes), wanted("time").then(time)].into_iter().flatten().all(|held| held);
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is written to the state's folder, by the size of the project.
fn bytes() -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (mut held, mut fewest): (bool, Option<f64>) = (true, None);
    for count in [100, 1_000, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let graph = project(folder.path(), count);
        let written = Arc::new(AtomicU64::new(0));
        let path = folder.path().join("state.json");
        let disk = Counting { disk: RealDisk, written: Arc::clone(&written) };
        let mut ledger = Timed::around(Local::on(disk, &path));
        let cloud = cloud(&graph, Arc::new(Simulator::new(SimulatorOptions::default())), None);
        runtime.block_on(apply(&graph, &cloud, &mut ledger));
        let (state, written) = (fs::metadata(&path).unwrap().len(), written.load(Ordering::Relaxed));
        let (sizes, each) = (written as f64 / state as f64, written as f64 / ledger.entries as f64);
        println!(
            "{count} statements: {written} bytes written for {} entries in {} groups, {each:.0} each; the state has {state}: \
             {sizes:.2} times as much",
            ledger.entries, ledger.groups
        );
        held &= sizes <= SIZES && each <= fewest.unwrap_or(each) * GROWTH;
        fewest = Some(fewest.unwrap_or(each).min(each));
    }
    if !held {
        println!("that is more than {SIZES} times the state, or grows faster than the number of entries");
    }
    held
}

/// What the ledger adds to an apply of 1,000 statements at the API's limits.
fn time() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let graph = project(folder.path(), 1_000);
    let (in_memory, _) = timed(&graph, "in memory", Memory::new());
    let (on_disk, share) = timed(&graph, "on this disk", Local::at(folder.path().join("state.json")));
    let difference = on_disk.as_secs_f64() / in_memory.as_secs_f64() - 1.0;
    println!("the whole of the one and of the other: {:+.2} %, which is mostly chance", difference * 100.0);
    if share >= SHARE {
        println!("that is {} % or more in the ledger", SHARE * 100.0);
    }
    share < SHARE
}

/// How long an apply takes in real time, and which share of it is spent in the ledger.
fn timed(graph: &Graph, place: &str, ledger: impl Ledger) -> (Duration, f64) {
    let mut ledger = Timed::around(ledger);
    let cloud = cloud(graph, Arc::new(Https::new().unwrap()), Some(&served()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let began = Instant::now();
    runtime.block_on(apply(graph, &cloud, &mut ledger));
    let took = began.elapsed();
    let share = ledger.spent.as_secs_f64() / took.as_secs_f64();
    println!(
        "1,000 statements, state {place}: {:.2} s, {} requests; {} ms of it in the ledger ({:.2} %), for {} entries in {} \
         groups, the slowest {:.1} ms",
        took.as_secs_f64(),
        cloud.requests(),
        ledger.spent.as_millis(),
        share * 100.0,
        ledger.entries,
        ledger.groups,
        ledger.slowest.as_secs_f64() * 1_000.0
    );
    (took, share)
}

fn project(folder: &Path, count: usize) -> Graph {
    write(folder, Shape::Wide, count);
    let inputs = Inputs { root: folder.to_owned(), ..Inputs::default() };
    graph::build(manifest::load(&inputs).unwrap()).unwrap()
}

/// A simulated cloud in a thread of its own, with the limits that the API documents. Its phases are short: the time that
/// an apply waits for them would hide what the ledger takes.
fn served() -> String {
    let (told, origin) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
            let options = SimulatorOptions {
                phase_durations: PhaseDurations::uniform(Duration::from_millis(500)),
                ..SimulatorOptions::default()
            };
            serve(listener, Simulator::new(options)).await
        })
    });
    origin.recv().unwrap()
}

fn cloud(graph: &Graph, wire: Arc<dyn Transport>, origin: Option<&str>) -> Cloud {
    let mut site = Site::public(&graph.project.environment.identity).unwrap();
    if let Some(origin) = origin {
        site = site.with_flink(origin).unwrap().with_cloud(origin).unwrap();
    }
    let credentials = Credentials { flink: Some(Key::new("key", "secret")), cloud: Some(Key::new("key", "secret")) };
    Cloud::new(wire, site, credentials, Limits::default(), 7)
}

/// One apply as `floe apply` does it, from the lock to the fold.
async fn apply(graph: &Graph, cloud: &Cloud, ledger: &mut dyn Ledger) {
    let holder = Holder { command: "apply".into(), who: "me".into(), pid: 1, since: String::new(), plan: None };
    ledger.lock(&holder, Duration::ZERO).await.unwrap();
    let identity = graph.project.environment.identity.clone();
    let recorded = Arc::new(Recorded::new("lineage".to_owned(), identity, HashKey("key".to_owned())));
    let planned = planned(graph, &Secrets::default(), &recorded, cloud, &PlanOptions::default()).await.unwrap();
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let setting = RunInputs {
        cloud: cloud.clone(),
        secrets: Secrets::default(),
        project: graph.project.name.clone(),
        use_placeholders: true,
        run_id: "run1".to_owned(),
        interrupt,
    };
    let report = execute::run(&planned.plan, Recorded::clone(&recorded), ledger, &setting, &mut |_| {}).await.unwrap();
    assert!(report.is_complete(), "{:?} {:?}", report.failed.first(), report.ledger_error);
}

/// A disk that counts the bytes that are written to it.
struct Counting {
    disk: RealDisk,
    written: Arc<AtomicU64>,
}

struct CountedFile {
    file: File,
    written: Arc<AtomicU64>,
}

impl Disk for Counting {
    type File = CountedFile;
    type Lock = File;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }
    fn link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.disk.link(path)
    }
    fn is_folder(&self, path: &Path) -> bool {
        self.disk.is_folder(path)
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.make_folder(path)
    }
    fn create(&self, path: &Path) -> io::Result<CountedFile> {
        Ok(CountedFile { file: self.disk.create(path)?, written: Arc::clone(&self.written) })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_folder(path)
    }
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<File>> {
        self.written.fetch_add(content.len() as u64, Ordering::Relaxed);
        self.disk.lock(path, content)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl DiskFile for CountedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

/// A ledger that is timed.
struct Timed<L> {
    ledger: L,
    spent: Duration,
    slowest: Duration,
    groups: usize,
    entries: usize,
}

impl<L> Timed<L> {
    fn around(ledger: L) -> Self {
        Timed { ledger, spent: Duration::ZERO, slowest: Duration::ZERO, groups: 0, entries: 0 }
    }

    fn count(&mut self, began: Instant) {
        self.spent += began.elapsed();
        self.slowest = self.slowest.max(began.elapsed());
    }
}

impl<L: Ledger> Ledger for Timed<L> {
    fn load(&self) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        self.ledger.load()
    }
    fn lock<'a>(&'a mut self, holder: &'a Holder, patience: Duration) -> BoxFuture<'a, Result<(), LedgerError>> {
        self.ledger.lock(holder, patience)
    }
    fn held_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        self.ledger.held_by()
    }
    fn begun_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        self.ledger.begun_by()
    }
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async {
            let began = Instant::now();
            let done = self.ledger.begin(recorded).await;
            self.count(began);
            done
        })
    }
    fn fold_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        self.ledger.fold_interrupted(recorded)
    }
    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async {
            let began = Instant::now();
            let done = self.ledger.append(entries).await;
            self.count(began);
            self.groups += 1;
            self.entries += entries.len();
            done
        })
    }
    fn fold<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async {
            let began = Instant::now();
            let done = self.ledger.fold(recorded).await;
            self.count(began);
            done
        })
    }
}
