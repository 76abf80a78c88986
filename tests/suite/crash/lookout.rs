//! What a cut would leave at each point of a run, found out from beside while the run goes on undisturbed: on forks of its
//! disk and of its cloud. One run shows what cutting it at every point, with every fate, would take hundreds for.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{Method, Request, Transport},
    simulator::{FaultRule, InjectedFault, Simulator, WorldSnapshot},
    state::{
        Disk, DiskFile,
        fake::{FakeDisk, FakeFile, Fault as DiskFault, Operation},
    },
};
use tokio::time::Instant;

use super::{
    machine::Knowledge,
    scene::{Mark, Scene, marked, moment},
};

/// What becomes of a request that is on its way when the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flight {
    Lost,
    Applied,
    /// So long after the machine stopped, whoever runs by then.
    Late(Duration),
}

pub const FLIGHTS: [Flight; 6] = [
    Flight::Lost,
    Flight::Applied,
    Flight::Late(Duration::from_millis(1)),
    Flight::Late(Duration::from_millis(2_500)),
    Flight::Late(Duration::from_secs(25)),
    Flight::Late(Duration::from_secs(100)),
];

/// For so long floe looks for a pool whose creation nobody answered. No name keeps a second one from being made, nor an undo
/// from being made again once it is done and deleted, so what lands later than that is told and not prevented; `late` has
/// tests of both.
const LOOKED_FOR: Duration = Duration::from_secs(60);

fn may_fly(change: &Request, flight: Flight) -> bool {
    let body = String::from_utf8_lossy(&change.body);
    let makes_again = change.url.contains("/compute-pools") || body.contains("-undo-");
    !(change.method == Method::Post && makes_again && matches!(flight, Flight::Late(after) if after > LOOKED_FOR))
}

/// Which part of what was not synced survives: nothing, all, and two selections by chance.
pub const DISKS: [u64; 4] = [0, 1, 17, 4711];

/// Lets a request meet its fate.
pub async fn fly(request: Request, flight: Flight, simulator: &Simulator) {
    match flight {
        Flight::Lost => return,
        Flight::Applied => {}
        Flight::Late(after) => {
            simulator.push_fault(FaultRule::once(InjectedFault::LostThenApplied(after.as_secs_f64())))
        }
    }
    drop(simulator.send(request).await);
}

/// One of the things that may be left if the machine stops at a point.
#[derive(Clone)]
pub struct Left {
    pub flight: Flight,
    pub disk: u64,
    pub scene: Scene,
}

/// Something that a run does on the disk or on the wire.
pub struct Point {
    pub operation: Operation,
    /// What a cut there may leave; never twice the same.
    pub left: Vec<Left>,
    /// What the run may say that it knows by then.
    pub knowledge: Arc<Knowledge>,
}

/// Looks at a run.
#[derive(Clone)]
pub struct Lookout {
    pub simulator: Simulator,
    pub knowledge: Arc<Mutex<Arc<Knowledge>>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    points: Vec<Point>,
    /// How much was done on the disk and asked of the cloud: what is left changes with that and with time only.
    written: usize,
    asked: usize,
    disks: Option<(usize, Disks)>,
    cloud: Option<(usize, Instant, Cloud)>,
}

/// A cloud at a moment.
type Cloud = Arc<(WorldSnapshot, Mark)>;
/// The disks that may be found, each with the seed that selects it.
type Disks = Vec<(u64, Arc<(FakeDisk, Mark)>)>;

impl Lookout {
    pub fn new(simulator: &Simulator, knowledge: &Arc<Mutex<Arc<Knowledge>>>) -> Lookout {
        Lookout { simulator: simulator.clone(), knowledge: Arc::clone(knowledge), seen: Arc::default() }
    }

    /// The points so far.
    pub fn take(&self) -> Vec<Point> {
        std::mem::take(&mut self.seen.lock().unwrap().points)
    }

    /// The disk is about to be asked for what `attempt` asks of a fork.
    fn at_disk(&self, disk: &FakeDisk, attempt: impl Fn(&FakeDisk)) {
        let mut operation = None;
        let mut disks: Disks = Vec::new();
        for seed in DISKS {
            let fork = disk.fork();
            fork.strike(0, DiskFault::Cut, seed);
            attempt(&fork);
            // What fails before it does anything is no operation.
            let Some(struck) = fork.operations().pop() else { return };
            operation = Some(struck);
            distinct(&mut disks, seed, fork.restart(seed));
        }
        let cloud = self.cloud();
        let mut seen = self.seen.lock().unwrap();
        seen.written += 1;
        let left = disks.into_iter().map(|(seed, disk)| Left {
            flight: Flight::Lost,
            disk: seed,
            scene: Scene { disk, cloud: Arc::clone(&cloud) },
        });
        let (left, knowledge) = (left.collect(), Arc::clone(&self.knowledge.lock().unwrap()));
        seen.points.extend(operation.map(|operation| Point { operation, left, knowledge }));
    }

    /// A request is about to leave, which changes something if it is given here; or an answer has come in.
    pub async fn at_wire(&self, disk: &FakeDisk, name: &'static str, what: &str, change: Option<&Request>) {
        let disks = self.disks(disk);
        let mut clouds = vec![(Flight::Lost, self.cloud())];
        if let Some(change) = change {
            for flight in FLIGHTS.into_iter().filter(|flight| *flight != Flight::Lost && may_fly(change, *flight)) {
                let fork = Simulator::from_snapshot(&clouds[0].1.0);
                fly(change.clone(), flight, &fork).await;
                clouds.push((flight, Arc::new(moment(&fork))));
            }
        }
        let mut left = Vec::new();
        for (flight, cloud) in &clouds {
            for (seed, disk) in &disks {
                let scene = Scene { disk: Arc::clone(disk), cloud: Arc::clone(cloud) };
                left.push(Left { flight: *flight, disk: *seed, scene });
            }
        }
        let knowledge = Arc::clone(&self.knowledge.lock().unwrap());
        let mut seen = self.seen.lock().unwrap();
        seen.asked += usize::from(change.is_some());
        seen.points.push(Point { operation: (name, what.to_owned()), left, knowledge });
    }

    fn disks(&self, disk: &FakeDisk) -> Disks {
        let mut seen = self.seen.lock().unwrap();
        let written = seen.written;
        if let Some((_, disks)) = seen.disks.as_ref().filter(|(at, _)| *at == written) {
            return disks.clone();
        }
        let mut disks = Vec::new();
        DISKS.into_iter().for_each(|seed| distinct(&mut disks, seed, disk.restart(seed)));
        seen.disks = Some((written, disks.clone()));
        disks
    }

    fn cloud(&self) -> Cloud {
        let mut seen = self.seen.lock().unwrap();
        let (asked, now) = (seen.asked, Instant::now());
        if let Some((_, _, cloud)) = seen.cloud.as_ref().filter(|(at, when, _)| (*at, *when) == (asked, now)) {
            return Arc::clone(cloud);
        }
        let cloud = Arc::new(moment(&self.simulator));
        seen.cloud = Some((asked, now, Arc::clone(&cloud)));
        cloud
    }
}

fn distinct(disks: &mut Disks, seed: u64, disk: FakeDisk) {
    let disk = marked(disk);
    if disks.iter().all(|(_, known)| known.1 != disk.1) {
        disks.push((seed, Arc::new(disk)));
    }
}

/// A disk that is looked at.
#[derive(Clone)]
pub struct WatchedDisk {
    pub disk: FakeDisk,
    pub lookout: Option<Lookout>,
}

pub struct WatchedFile {
    file: FakeFile,
    disk: WatchedDisk,
}

impl WatchedDisk {
    fn look(&self, attempt: impl Fn(&FakeDisk)) {
        if let Some(lookout) = &self.lookout {
            lookout.at_disk(&self.disk, attempt);
        }
    }
}

impl Disk for WatchedDisk {
    type File = WatchedFile;
    type Lock = <FakeDisk as Disk>::Lock;

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
        self.look(|fork| drop(fork.make_folder(path)));
        self.disk.make_folder(path)
    }
    fn create(&self, path: &Path) -> io::Result<WatchedFile> {
        self.look(|fork| drop(fork.create(path)));
        Ok(WatchedFile { file: self.disk.create(path)?, disk: self.clone() })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.look(|fork| drop(fork.rename(from, to)));
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.look(|fork| drop(fork.remove(path)));
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.look(|fork| drop(fork.sync_folder(path)));
        self.disk.sync_folder(path)
    }
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>> {
        self.look(|fork| drop(fork.lock(path, content)));
        self.disk.lock(path, content)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl DiskFile for WatchedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.look(|fork| drop(self.file.on(fork).append(bytes)));
        self.file.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.disk.look(|fork| drop(self.file.on(fork).sync()));
        self.file.sync()
    }
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}
