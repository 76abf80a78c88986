//! Runs from scene to scene: a stage is applied undisturbed or cut, brought to its end, and held against what must hold.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use floe::{
    simulator::{FaultRule as Misfortune, Simulator},
    state::fake::{FakeDisk, Fault},
};

use super::{
    Figures, Problem,
    flaw::Flaw,
    holds,
    lookout::{Left, Lookout, Point},
    machine::{Machine, Outcome, found},
    scene::{Mark, Scene},
    story::{self, STAGES, Stage},
};
use crate::world::World;

/// How many runs a recovery may take: one that goes on, and some that wait for what was in motion.
const RUNS: usize = 8;
/// What was on its way lands within this time.
const LANDED: Duration = Duration::from_secs(240);

/// Work on a clock that stands still while nobody waits.
pub fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// A stage that is declared, for a floe with a flaw or without.
pub struct Traveller {
    world: World,
    pub stage: &'static Stage,
    pub flaw: Flaw,
    pub figures: Figures,
}

impl Traveller {
    pub fn new(stage: usize, flaw: Flaw) -> Traveller {
        let (world, stage) = (story::world(), &STAGES[stage]);
        stage.declare(&world);
        Traveller { world, stage, flaw, figures: Figures::default() }
    }

    /// What is found when every stage before `stage` was applied undisturbed.
    pub fn before(stage: usize) -> &'static Scene {
        static SCENES: LazyLock<Vec<Scene>> = LazyLock::new(|| {
            let beginning = in_time(async { Scene::new(FakeDisk::new(), &story::world().simulator) });
            let mut scenes = vec![beginning];
            for stage in 0..STAGES.len() - 1 {
                let mut traveller = Traveller::new(stage, Flaw::None);
                let scene = in_time(async {
                    let disk = traveller.enter(&scenes[stage], 0);
                    traveller.finish(&disk, None).await.unwrap();
                    Scene::new(disk.restart(1), &traveller.world.simulator)
                });
                scenes.push(scene);
            }
            scenes
        });
        &SCENES[stage]
    }

    /// Stands in the scene. Runs are named after how many cuts there were before, so that equal scenes have equal runs.
    fn enter(&mut self, scene: &Scene, cuts: u32) -> FakeDisk {
        self.world.simulator = Simulator::from_snapshot(&scene.cloud.0);
        self.world.run = cuts * 100;
        scene.disk.0.fork()
    }

    fn machine(&self, disk: &FakeDisk) -> Machine {
        Machine::new(disk.clone(), self.flaw, self.stage.request())
    }

    /// The points of one undisturbed run from `scene`, which has all to do.
    pub fn look(&mut self, scene: &Scene) -> Result<Vec<Point>, Problem> {
        in_time(async {
            let disk = self.enter(scene, 0);
            let machine = self.machine(&disk);
            let lookout = Lookout::new(&self.world.simulator, &machine.knowledge);
            self.figures.runs += 1;
            match machine.seen_from(lookout.clone()).run(&mut self.world).await {
                Outcome::Ran(report) if report.is_complete() => Ok(lookout.take()),
                Outcome::Ran(report) => Err(format!("{:#?} {:#?}", report.failed, report.skipped)),
                Outcome::Blocked(plan) => Err(format!("blocked: {:#?}", plan.changes)),
                Outcome::Refused(why) => Err(format!("refused: {why}")),
                Outcome::Nothing | Outcome::Cut => Err("nothing was done".to_owned()),
            }
        })
    }

    /// The same run, cut at `at` in earnest: the scene that it leaves.
    pub fn cut(&mut self, scene: &Scene, at: usize, left: &Left) -> Scene {
        in_time(async {
            let disk = self.enter(scene, 0);
            disk.strike(at, Fault::Cut, left.disk);
            let machine = Machine { flight: left.flight, ..self.machine(&disk) };
            let outcome = machine.run(&mut self.world).await;
            assert!(disk.has_struck() && matches!(outcome, Outcome::Cut), "it ended before its cut at {at}");
            Scene::new(disk.restart(left.disk), &self.world.simulator)
        })
    }

    /// Brings a scene that `cuts` cuts have left to its end, where everything has to hold. Told are the points of the
    /// recovery, up to the last run that did something.
    pub fn recover(&mut self, scene: &Scene, cuts: u32, looks: bool) -> Result<Vec<Point>, Problem> {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            in_time(async {
                let disk = self.enter(scene, cuts);
                let mut points = looks.then(Vec::new);
                self.finish(&disk, points.as_mut()).await?;
                tokio::time::sleep(LANDED).await;
                self.finish(&disk, None).await?;
                holds::check(&self.world, &disk, self.stage, &mut self.figures).await?;
                Ok(points.unwrap_or_default())
            })
        }));
        tried.unwrap_or_else(|panic| {
            let said =
                panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("it panicked: {}", said.unwrap_or_default()))
        })
    }

    /// The whole stage with one misfortune and no cut.
    pub fn live_through(&mut self, scene: &Scene, misfortune: Misfortune) -> Result<(), Problem> {
        in_time(async {
            let disk = self.enter(scene, 0);
            self.world.simulator.push_fault(misfortune);
            self.finish(&disk, None).await?;
            tokio::time::sleep(LANDED).await;
            self.finish(&disk, None).await?;
            holds::check(&self.world, &disk, self.stage, &mut self.figures).await
        })
    }

    /// Runs until there is nothing left to do.
    async fn finish(&mut self, disk: &FakeDisk, mut points: Option<&mut Vec<Point>>) -> Result<(), Problem> {
        let mut last = String::new();
        for _ in 0..RUNS {
            let mut machine = self.machine(disk);
            let lookout = Lookout::new(&self.world.simulator, &machine.knowledge);
            if points.is_some() {
                machine = machine.seen_from(lookout.clone());
            }
            self.figures.runs += 1;
            match machine.run(&mut self.world).await {
                Outcome::Nothing => return Ok(()),
                Outcome::Ran(report) => last = format!("{:#?}", report.failed),
                Outcome::Blocked(plan) => return Err(format!("blocked: {:#?}", plan.changes)),
                Outcome::Refused(why) => return Err(format!("refused: {why}")),
                Outcome::Cut => return Err("it stopped by itself".to_owned()),
            }
            if let Some(points) = &mut points {
                points.extend(lookout.take());
            }
        }
        Err(format!("{RUNS} runs did not converge; the last one's failures: {last}"))
    }

    /// Whether everything that was acknowledged by then is in every record that a cut at one of `points` leaves.
    pub fn nothing_is_lost(&mut self, points: &[Point]) -> Result<(), Problem> {
        // The same disks are met again and again, with the same knowledge.
        let mut known = HashSet::new();
        in_time(async {
            for point in points {
                for left in &point.left {
                    let knowledge = std::sync::Arc::as_ptr(&point.knowledge) as usize;
                    if !known.insert((left.scene.disk.1, knowledge)) {
                        continue;
                    }
                    let place =
                        |why| format!("cut on {:?}, {:?}, disk {}: {why}", point.operation, left.flight, left.disk);
                    let found = found(&left.scene.disk.0.fork()).await;
                    let found = found.map_err(|error| place(format!("the state cannot be read: {error}")))?;
                    if !point.knowledge.is_kept_in(&found) {
                        self.figures.lost += 1;
                        let what = format!("what was acknowledged is lost: {:#?}\nfound: {found:#?}", point.knowledge);
                        return Err(place(what));
                    }
                }
            }
            Ok(())
        })
    }
}

/// A scene that a cut left, and how many cuts leave the very same.
pub struct Wreck {
    pub scene: Scene,
    pub place: String,
    pub times: usize,
}

/// The scenes that cuts at `points` leave, each once, in order.
pub fn wrecks(points: &[Point]) -> Vec<Wreck> {
    let mut wrecks: Vec<Wreck> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for (at, point) in points.iter().enumerate() {
        for left in &point.left {
            let place = || format!("cut at {at}, {:?}, {:?}, disk {}", point.operation, left.flight, left.disk);
            let number = *known.entry(left.scene.mark()).or_insert_with(|| {
                wrecks.push(Wreck { scene: left.scene.clone(), place: place(), times: 0 });
                wrecks.len() - 1
            });
            wrecks[number].times += 1;
        }
    }
    wrecks
}

/// Which part of all cuts is made: every so many-th scene, and of the recoveries every so many-th, cut again into every
/// so many-th scene.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub scenes: usize,
    pub recoveries: usize,
    pub again: usize,
    pub threads: usize,
}

/// Cuts a stage at every point, and its recovery at every point again, as far as `share` goes.
pub fn cut_everywhere(stage: usize, share: Share) -> (Figures, Vec<Problem>) {
    let mut first = Traveller::new(stage, Flaw::None);
    let points = first.look(Traveller::before(stage)).unwrap();
    let mut problems: Vec<Problem> = first.nothing_is_lost(&points).err().into_iter().collect();
    let wrecks = wrecks(&points);
    first.figures.points = points.len();
    first.figures.cuts = points.iter().map(|point| point.left.len()).sum();
    drop(points);
    let (next, known) = (AtomicUsize::new(0), Mutex::new(HashSet::<Mark>::new()));
    let work = || {
        let (mut traveller, mut problems) = (Traveller::new(stage, Flaw::None), Vec::new());
        while let Some(wreck) = wrecks.get(next.fetch_add(share.scenes, Ordering::Relaxed)) {
            let number = next.load(Ordering::Relaxed) / share.scenes;
            let again = share.recoveries > 0 && number.is_multiple_of(share.recoveries);
            if let Err(why) = from_wreck(&mut traveller, wreck, again.then_some(share.again), &known) {
                problems.push(format!("stage `{}`, {why}", traveller.stage.name));
            }
        }
        (traveller.figures, problems)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..share.threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (figures, found) = worker.join().unwrap();
            first.figures.add(&figures);
            problems.extend(found);
        }
    });
    (first.figures, problems)
}

/// Recovers from a wreck; with `again`, cuts that recovery too and recovers from every so many-th scene that is new.
fn from_wreck(
    traveller: &mut Traveller,
    wreck: &Wreck,
    again: Option<usize>,
    known: &Mutex<HashSet<Mark>>,
) -> Result<(), Problem> {
    let place = |why: Problem| format!("{}: {why}", wreck.place);
    traveller.figures.scenes += 1;
    let points = traveller.recover(&wreck.scene, 1, again.is_some()).map_err(place)?;
    let Some(stride) = again else { return Ok(()) };
    traveller.nothing_is_lost(&points).map_err(place)?;
    traveller.figures.recovery_points += points.len() * wreck.times;
    for second in wrecks(&points).iter().step_by(stride) {
        traveller.figures.pairs += second.times * wreck.times;
        if !known.lock().unwrap().insert(second.scene.mark()) {
            continue;
        }
        traveller.figures.scenes += 1;
        let place = |why: Problem| format!("{}; recovery {}: {why}", wreck.place, second.place);
        traveller.recover(&second.scene, 2, false).map_err(place)?;
    }
    Ok(())
}
