//! Records what a crash would leave at each point of a run, on forks of its disk and its cloud, while the run goes on
//! undisturbed. One run shows what would otherwise take hundreds of runs: a crash at every point, with every fate.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{HttpRequest, Method, Transport},
    simulator::{FaultRule, InjectedFault, Simulator, WorldSnapshot},
    state::{
        Disk, DiskFile,
        fake_disk::{DiskFault, DiskOperation, FakeDisk, FakeFile},
        hooked_disk::{DiskChange, DiskHook, Synced},
    },
};
use tokio::time::Instant;

use super::{
    machine::AcknowledgedRecord,
    mutants::Mutant,
    system_snapshot::{SnapshotHash, SystemSnapshot, hash_cloud, hash_disk},
};

/// What happens to a request that is in flight when the machine crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFate {
    /// The request never takes effect.
    Lost,
    /// The request takes effect at once.
    Applied,
    /// The request takes effect this long after the crash, even if another run is active by then.
    AppliedLate(Duration),
}

/// The fates that are tried for each request.
pub const REQUEST_FATES: [RequestFate; 6] = [
    RequestFate::Lost,
    RequestFate::Applied,
    RequestFate::AppliedLate(Duration::from_millis(1)),
    RequestFate::AppliedLate(Duration::from_millis(2_500)),
    RequestFate::AppliedLate(Duration::from_secs(25)),
    RequestFate::AppliedLate(Duration::from_secs(100)),
];

/// How long floe searches for a pool after a lost response to its creation. No name prevents a second pool, and no
/// name prevents a second undo once the first one is done and deleted. A later effect is therefore reported and not
/// prevented. `late_effects` has tests of both.
const POOL_SEARCH_TIME: Duration = Duration::from_secs(60);

/// Returns true if floe prevents a duplicate creation under `fate`.
fn is_covered_fate(change: &HttpRequest, fate: RequestFate) -> bool {
    let body = String::from_utf8_lossy(&change.body);
    let may_create_twice = change.url.contains("/compute-pools") || body.contains("-undo-");
    !(change.method == Method::POST
        && may_create_twice
        && matches!(fate, RequestFate::AppliedLate(after) if after > POOL_SEARCH_TIME))
}

/// The seeds that select which unsynced data survives a crash: nothing, everything, and two random selections.
pub const DISK_SEEDS: [u64; 4] = [0, 1, 17, 4711];

/// Lets a request meet its fate: drops it, or sends it to the simulator.
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

/// One of the results that a crash at a point may leave.
#[derive(Clone)]
pub struct CrashResult {
    /// The fate of the request in flight.
    pub request_fate: RequestFate,
    /// The seed that selects which unsynced data survives.
    pub disk_seed: u64,
    /// The disk and the cloud after the crash.
    pub snapshot: SystemSnapshot,
}

/// An operation of a run on the disk or on the wire.
pub struct CrashPoint {
    /// The operation at which the machine may crash.
    pub operation: DiskOperation,
    /// The results that a crash here may leave, without duplicates.
    pub results: Vec<CrashResult>,
    /// What the run may claim to know by then.
    pub acknowledged: Arc<AcknowledgedRecord>,
}

/// Records the crash points of a run.
#[derive(Clone)]
pub struct CrashObserver {
    /// The simulator that answers the run.
    pub simulator: Simulator,
    /// What the run may claim to know.
    pub acknowledged: Arc<Mutex<Arc<AcknowledgedRecord>>>,
    /// The crash points so far, shared by the clones of the observer.
    observations: Arc<Mutex<Observations>>,
}

/// The crash points so far, and caches of what a crash leaves.
#[derive(Default)]
struct Observations {
    /// The crash points so far.
    points: Vec<CrashPoint>,
    /// How many disk operations there were. Only these, mutations and time change what a crash leaves.
    disk_operation_count: usize,
    /// How many mutations were sent to the cloud.
    mutation_count: usize,
    /// The disks that a crash may leave, at this number of disk operations.
    disks: Option<(usize, DiskSnapshots)>,
    /// The cloud at this number of mutations and this time.
    cloud: Option<(usize, Instant, CloudSnapshot)>,
}

/// The cloud at one moment, with its hash.
type CloudSnapshot = Arc<(WorldSnapshot, SnapshotHash)>;
/// The disks that a crash may leave, each with the seed that selects it.
type DiskSnapshots = Vec<(u64, Arc<(FakeDisk, SnapshotHash)>)>;

impl CrashObserver {
    /// Returns an observer of a run against `simulator`.
    pub fn new(simulator: &Simulator, acknowledged: &Arc<Mutex<Arc<AcknowledgedRecord>>>) -> CrashObserver {
        CrashObserver {
            simulator: simulator.clone(),
            acknowledged: Arc::clone(acknowledged),
            observations: Arc::default(),
        }
    }

    /// Takes the crash points recorded so far.
    pub fn take_points(&self) -> Vec<CrashPoint> {
        std::mem::take(&mut self.observations.lock().unwrap().points)
    }

    /// Records the crash point of a disk operation, which `attempt` performs on a fork of the disk.
    fn observe_disk(&self, disk: &FakeDisk, attempt: impl Fn(&FakeDisk)) {
        let mut operation = None;
        let mut disks: DiskSnapshots = Vec::new();
        for seed in DISK_SEEDS {
            let fork = disk.fork();
            fork.inject_fault(0, DiskFault::Crash, seed);
            attempt(&fork);
            // An attempt that fails before it does anything is not an operation.
            let Some(operation_name) = fork.operations().pop() else { return };
            operation = Some(operation_name);
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

    /// Records the crash point before a request is sent, or after a response has arrived. `change` is the request if
    /// it changes something.
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
            for fate in
                REQUEST_FATES.into_iter().filter(|fate| *fate != RequestFate::Lost && is_covered_fate(change, *fate))
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

    /// Returns the disks that a crash may leave now.
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

    /// Returns the cloud as it is now.
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

/// Adds `disk` unless an equal disk is already there.
fn push_if_distinct(disks: &mut DiskSnapshots, seed: u64, disk: FakeDisk) {
    let disk = hash_disk(disk);
    if disks.iter().all(|(_, known)| known.1 != disk.1) {
        disks.push((seed, Arc::new(disk)));
    }
}

/// A hook that observes the operations of a disk, without the syncs that the mutant lacks.
#[derive(Clone)]
pub struct ObservingHook {
    /// The observer of the operations, if there is one.
    pub observer: Option<CrashObserver>,
    /// The mutant that uses the disk.
    pub mutant: Mutant,
}

impl DiskHook<FakeDisk> for ObservingHook {
    fn before_change(&self, disk: &FakeDisk, change: &DiskChange<'_, FakeFile>) {
        if let Some(observer) = &self.observer {
            observer.observe_disk(disk, |fork| drop(attempt_on(fork, change)));
        }
    }

    fn skips_sync(&self, _: &FakeDisk, synced: Synced<'_>) -> bool {
        match synced {
            Synced::File(path) => self.mutant.skips_syncs_of(path),
            Synced::Folder(_) => self.mutant == Mutant::FolderNotSynced,
        }
    }
}

/// Makes a change on a fork of the disk that it is about to be made on.
fn attempt_on(fork: &FakeDisk, change: &DiskChange<'_, FakeFile>) -> io::Result<()> {
    match change {
        DiskChange::MakeFolder(path) => fork.make_folder(path),
        DiskChange::CreateNew(path) => fork.create_new(path).map(drop),
        DiskChange::Rename(from, to) => fork.rename(from, to),
        DiskChange::Remove(path) => fork.remove(path),
        DiskChange::SyncFolder(path) => fork.sync_folder(path),
        DiskChange::Lock(path, content) => fork.lock(path, content).map(drop),
        DiskChange::Append(file, bytes) => file.on_fork(fork).append(bytes),
        DiskChange::Sync(file) => file.on_fork(fork).sync(),
    }
}
