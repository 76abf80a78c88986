//! What a cut would leave at each point of a run, found out from beside while the run goes on undisturbed: on forks of its
//! disk and of its cloud. One run shows what cutting it at every point, with every fate, would take hundreds for.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{HttpRequest, Method, Transport},
    simulator::{FaultRule, InjectedFault, Simulator, WorldSnapshot},
    state::{
        Disk, DiskFile,
        fake_disk::{DiskFault, DiskOperation, FakeDisk, FakeFile},
    },
};
use tokio::time::Instant;

use super::{
    machine::AcknowledgedRecord,
    system_snapshot::{SnapshotHash, SystemSnapshot, hash_cloud, hash_disk},
};

/// What becomes of a request that is on its way when the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFate {
    Lost,
    Applied,
    /// So long after the machine stopped, whoever runs by then.
    AppliedLate(Duration),
}

pub const REQUEST_FATES: [RequestFate; 6] = [
    RequestFate::Lost,
    RequestFate::Applied,
    RequestFate::AppliedLate(Duration::from_millis(1)),
    RequestFate::AppliedLate(Duration::from_millis(2_500)),
    RequestFate::AppliedLate(Duration::from_secs(25)),
    RequestFate::AppliedLate(Duration::from_secs(100)),
];

/// For so long floe looks for a pool whose creation nobody answered. No name keeps a second one from being made, nor an undo
/// from being made again once it is done and deleted, so what lands later than that is told and not prevented; `late` has
/// tests of both.
const POOL_SEARCH_TIME: Duration = Duration::from_secs(60);

fn is_covered_fate(change: &HttpRequest, fate: RequestFate) -> bool {
    let body = String::from_utf8_lossy(&change.body);
    let may_create_twice = change.url.contains("/compute-pools") || body.contains("-undo-");
    !(change.method == Method::Post
        && may_create_twice
        && matches!(fate, RequestFate::AppliedLate(after) if after > POOL_SEARCH_TIME))
}

/// Which part of what was not synced survives: nothing, all, and two selections by chance.
pub const DISK_SEEDS: [u64; 4] = [0, 1, 17, 4711];

/// Lets a request meet its fate.
pub async fn deliver(request: HttpRequest, fate: RequestFate, simulator: &Simulator) {
    match fate {
        RequestFate::Lost => return,
        RequestFate::Applied => {}
        RequestFate::AppliedLate(after) => {
            simulator.push_fault(FaultRule::once(InjectedFault::LostThenApplied(after.as_secs_f64())))
        }
    }
    drop(simulator.send(request).await);
}

/// One of the things that may be left if the machine stops at a point.
#[derive(Clone)]
pub struct CrashResult {
    pub request_fate: RequestFate,
    pub disk_seed: u64,
    pub snapshot: SystemSnapshot,
}

/// Something that a run does on the disk or on the wire.
pub struct CrashPoint {
    pub operation: DiskOperation,
    /// What a cut there may leave; never twice the same.
    pub results: Vec<CrashResult>,
    /// What the run may say that it knows by then.
    pub acknowledged: Arc<AcknowledgedRecord>,
}

/// Looks at a run.
#[derive(Clone)]
pub struct CrashObserver {
    pub simulator: Simulator,
    pub acknowledged: Arc<Mutex<Arc<AcknowledgedRecord>>>,
    observations: Arc<Mutex<Observations>>,
}

#[derive(Default)]
struct Observations {
    points: Vec<CrashPoint>,
    /// How much was done on the disk and asked of the cloud: what is left changes with that and with time only.
    disk_operation_count: usize,
    mutation_count: usize,
    disks: Option<(usize, DiskSnapshots)>,
    cloud: Option<(usize, Instant, CloudSnapshot)>,
}

/// A cloud at a moment.
type CloudSnapshot = Arc<(WorldSnapshot, SnapshotHash)>;
/// The disks that may be found, each with the seed that selects it.
type DiskSnapshots = Vec<(u64, Arc<(FakeDisk, SnapshotHash)>)>;

impl CrashObserver {
    pub fn new(simulator: &Simulator, acknowledged: &Arc<Mutex<Arc<AcknowledgedRecord>>>) -> CrashObserver {
        CrashObserver {
            simulator: simulator.clone(),
            acknowledged: Arc::clone(acknowledged),
            observations: Arc::default(),
        }
    }

    /// The points so far.
    pub fn take_points(&self) -> Vec<CrashPoint> {
        std::mem::take(&mut self.observations.lock().unwrap().points)
    }

    /// The disk is about to be asked for what `attempt` asks of a fork.
    fn observe_disk(&self, disk: &FakeDisk, attempt: impl Fn(&FakeDisk)) {
        let mut operation = None;
        let mut disks: DiskSnapshots = Vec::new();
        for seed in DISK_SEEDS {
            let fork = disk.fork();
            fork.inject_fault(0, DiskFault::Crash, seed);
            attempt(&fork);
            // What fails before it does anything is no operation.
            let Some(struck) = fork.operations().pop() else { return };
            operation = Some(struck);
            push_if_distinct(&mut disks, seed, fork.restart(seed));
        }
        let cloud = self.cloud();
        let mut observations = self.observations.lock().unwrap();
        observations.disk_operation_count += 1;
        let results = disks.into_iter().map(|(seed, disk)| CrashResult {
            request_fate: RequestFate::Lost,
            disk_seed: seed,
            snapshot: SystemSnapshot { disk, cloud: Arc::clone(&cloud) },
        });
        let (results, acknowledged) = (results.collect(), Arc::clone(&self.acknowledged.lock().unwrap()));
        observations.points.extend(operation.map(|operation| CrashPoint { operation, results, acknowledged }));
    }

    /// A request is about to leave, which changes something if it is given here; or an answer has come in.
    pub async fn observe_exchange(
        &self,
        disk: &FakeDisk,
        name: &'static str,
        what: &str,
        change: Option<&HttpRequest>,
    ) {
        let disks = self.disks(disk);
        let mut clouds = vec![(RequestFate::Lost, self.cloud())];
        if let Some(change) = change {
            for fate in REQUEST_FATES
                .into_iter()
                .filter(|flight| *flight != RequestFate::Lost && is_covered_fate(change, *flight))
            {
                let fork = Simulator::from_snapshot(&clouds[0].1.0);
                deliver(change.clone(), fate, &fork).await;
                clouds.push((fate, Arc::new(hash_cloud(&fork))));
            }
        }
        let mut results = Vec::new();
        for (fate, cloud) in &clouds {
            for (seed, disk) in &disks {
                let snapshot = SystemSnapshot { disk: Arc::clone(disk), cloud: Arc::clone(cloud) };
                results.push(CrashResult { request_fate: *fate, disk_seed: *seed, snapshot });
            }
        }
        let acknowledged = Arc::clone(&self.acknowledged.lock().unwrap());
        let mut observations = self.observations.lock().unwrap();
        observations.mutation_count += usize::from(change.is_some());
        observations.points.push(CrashPoint { operation: (name, what.to_owned()), results, acknowledged });
    }

    fn disks(&self, disk: &FakeDisk) -> DiskSnapshots {
        let mut observations = self.observations.lock().unwrap();
        let disk_operation_count = observations.disk_operation_count;
        if let Some((_, disks)) = observations.disks.as_ref().filter(|(at, _)| *at == disk_operation_count) {
            return disks.clone();
        }
        let mut disks = Vec::new();
        DISK_SEEDS.into_iter().for_each(|seed| push_if_distinct(&mut disks, seed, disk.restart(seed)));
        observations.disks = Some((disk_operation_count, disks.clone()));
        disks
    }

    fn cloud(&self) -> CloudSnapshot {
        let mut observations = self.observations.lock().unwrap();
        let (mutation_count, now) = (observations.mutation_count, Instant::now());
        if let Some((_, _, cloud)) =
            observations.cloud.as_ref().filter(|(at, when, _)| (*at, *when) == (mutation_count, now))
        {
            return Arc::clone(cloud);
        }
        let cloud = Arc::new(hash_cloud(&self.simulator));
        observations.cloud = Some((mutation_count, now, Arc::clone(&cloud)));
        cloud
    }
}

fn push_if_distinct(disks: &mut DiskSnapshots, seed: u64, disk: FakeDisk) {
    let disk = hash_disk(disk);
    if disks.iter().all(|(_, known)| known.1 != disk.1) {
        disks.push((seed, Arc::new(disk)));
    }
}

/// A disk that is looked at.
#[derive(Clone)]
pub struct ObservedDisk {
    pub disk: FakeDisk,
    pub observer: Option<CrashObserver>,
}

pub struct ObservedFile {
    file: FakeFile,
    disk: ObservedDisk,
}

impl ObservedDisk {
    fn observe(&self, attempt: impl Fn(&FakeDisk)) {
        if let Some(observer) = &self.observer {
            observer.observe_disk(&self.disk, attempt);
        }
    }
}

impl Disk for ObservedDisk {
    type File = ObservedFile;
    type Lock = <FakeDisk as Disk>::Lock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
    }
    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.disk.read_link(path)
    }
    fn is_folder(&self, path: &Path) -> bool {
        self.disk.is_folder(path)
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.observe(|fork| drop(fork.make_folder(path)));
        self.disk.make_folder(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<ObservedFile> {
        self.observe(|fork| drop(fork.create_new(path)));
        Ok(ObservedFile { file: self.disk.create_new(path)?, disk: self.clone() })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.observe(|fork| drop(fork.rename(from, to)));
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.observe(|fork| drop(fork.remove(path)));
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.observe(|fork| drop(fork.sync_folder(path)));
        self.disk.sync_folder(path)
    }
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>> {
        self.observe(|fork| drop(fork.lock(path, content)));
        self.disk.lock(path, content)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl DiskFile for ObservedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.observe(|fork| drop(self.file.on_fork(fork).append(bytes)));
        self.file.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.disk.observe(|fork| drop(self.file.on_fork(fork).sync()));
        self.file.sync()
    }
    fn is_still_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_still_at(path)
    }
}
