//! Two pipelines that know nothing of each other: another project with the same names, and another checkout of the same
//! project with a state of its own. Neither may make a name twice, nor touch what it did not make or adopt.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{BoxFuture, Lost, Method, Request, Response, Transport},
    diff::{self, Action, Block},
    execute::{self, Interrupt},
    resource::{HashKey, labels},
    simulator::{FaultRule, InjectedFault, Simulator},
    state::{Ledger, Memory, Recorded},
};
use tokio::sync::watch;

use crate::world::{World, holder, identity, project};

const POOLS: &str = "[pools.main]\nmax_cfu = 10\n";
const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n";
const OLD: &str = "INSERT INTO target SELECT id, price FROM orders";
const NEW: &str = "INSERT INTO target SELECT id, price FROM orders WHERE price > 1";

fn job(sql: &str) -> String {
    format!("{TABLE}[statements.copy]\nsql = \"{sql}\"\nevolve = \"restart\"\n")
}

/// A wire that notes what its pipeline changed that bears another project's label.
#[derive(Clone)]
struct Witnessed {
    simulator: Simulator,
    project: String,
    wrongs: Arc<Mutex<Vec<String>>>,
}

impl Transport for Witnessed {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Lost>> {
        let name = request.url.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default();
        if matches!(request.method, Method::Put | Method::Delete) {
            let world = self.simulator.world_view();
            let whose = world.statements.iter().find(|it| it.name == name).map(|it| it.labels.get(labels::PROJECT));
            if whose.is_some_and(|label| label != Some(&self.project)) {
                self.wrongs.lock().unwrap().push(format!("{} {}", request.method, request.url));
            }
        }
        self.simulator.send(request)
    }
}

/// A pipeline of a project of that name, with a state of its own, beside others.
struct Pipeline {
    world: World,
    wire: Witnessed,
}

impl Pipeline {
    fn new(name: &str, lineage: &str, simulator: &Simulator, wrongs: &Arc<Mutex<Vec<String>>>) -> Pipeline {
        let toml = project("").replace("name = \"test\"", &format!("name = \"{name}\""));
        let mut world = World::new(&[("floe.toml", &toml), ("pools.toml", POOLS)]);
        let recorded = Recorded::new(lineage.to_owned(), identity(), HashKey("key".to_owned()));
        world.simulator = simulator.clone();
        world.ledger = Memory::keeping(recorded);
        let wire = Witnessed { simulator: simulator.clone(), project: name.to_owned(), wrongs: Arc::clone(wrongs) };
        Pipeline { world, wire }
    }

    /// A whole run; what blocked it, if anything did.
    async fn run(&mut self) -> Vec<Block> {
        let mut ledger = self.world.ledger.clone();
        ledger.lock(&holder(), Duration::ZERO).await.unwrap();
        let recorded = ledger.load().await.unwrap().unwrap();
        let cloud = self.world.cloud_through(Arc::new(self.wire.clone()));
        let request = diff::PlanOptions { allow_data_loss: true, ..diff::PlanOptions::default() };
        let Ok(plan) = self.world.plan_on(&cloud, &request, &recorded).await else { return Vec::new() };
        if plan.is_blocked() {
            let blocks = plan.changes.into_values().map(|change| match change.action {
                Action::Blocked { by } => by,
                _ => Vec::new(),
            });
            return blocks.flatten().collect();
        }
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let setting = execute::RunInputs {
            project: self.wire.project.clone(),
            run_id: format!("{}-{}", recorded.lineage, self.world.run),
            ..self.world.setting(&cloud, interrupt)
        };
        execute::run(&plan, recorded, &mut ledger, &setting, &mut |_| {}).await.unwrap();
        Vec::new()
    }
}

fn made_once(simulator: &Simulator) {
    let creates = simulator.audit_report().creations;
    assert!(creates.values().all(|count| *count == 1), "{creates:?}");
}

#[tokio::test(start_paused = true)]
async fn another_project_with_the_same_names_is_never_touched() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (simulator, wrongs) = (World::new(&[]).simulator, Arc::default());
        let mut one = Pipeline::new("one", "lineage-one", &simulator, &wrongs);
        let mut two = Pipeline::new("two", "lineage-two", &simulator, &wrongs);
        let mut told = false;
        for round in 0..4 {
            one.world.declare(&job(if round % 2 == 0 { OLD } else { NEW }));
            two.world.declare(&job(if rng.bool() { OLD } else { NEW }));
            if rng.bool() {
                let does = [InjectedFault::LostAfterEffect, InjectedFault::LostThenApplied(rng.f64() * 60.0)];
                simulator.push_fault(FaultRule::once(does[rng.usize(0..2)].clone()).on(Method::Post).name("copy*"));
            }
            let apart = Duration::from_secs_f64(rng.f64() * 30.0);
            let killed = Duration::from_secs_f64(if rng.bool() { rng.f64() * 60.0 } else { 1e6 });
            let second = async {
                tokio::time::sleep(apart).await;
                two.run().await
            };
            let (_, blocks) = tokio::join!(tokio::time::timeout(killed, one.run()), second);
            told |= !blocks.is_empty();
            tokio::time::sleep(Duration::from_secs(120)).await;
        }
        let (mine, theirs) = (names(&one.world).await, names(&two.world).await);
        assert!(mine.is_disjoint(&theirs), "seed {seed}: {mine:?} {theirs:?}");
        assert!(told, "seed {seed}: nobody was told");
        assert_eq!(*wrongs.lock().unwrap(), Vec::<String>::new(), "seed {seed}");
        made_once(&simulator);
    }
}

/// The statements and pools that a pipeline takes for its own.
async fn names(world: &World) -> BTreeSet<String> {
    let recorded = world.recorded().await;
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let statements = generations.map(|generation| generation.uid.clone());
    statements.chain(recorded.pools.values().map(|pool| pool.id.clone())).collect()
}

/// Without shared state the two checkouts rest on the service's names alone. What one did is told to the other.
#[tokio::test(start_paused = true)]
async fn another_checkout_with_a_state_of_its_own_adopts_and_is_told_what_changed() {
    let (simulator, wrongs) = (World::new(&[]).simulator, Arc::default());
    let mut one = Pipeline::new("one", "lineage-one", &simulator, &wrongs);
    one.world.declare(&job(OLD));
    assert_eq!(one.run().await, []);
    let pool = one.world.recorded().await.pools["main"].id.clone();
    let mut two = Pipeline::new("one", "lineage-two", &simulator, &wrongs);
    two.world.declare(&job(OLD));
    // Pools bear no labels, so a pool of this name is not taken for granted.
    assert_eq!(two.run().await[0], Block::PoolExists { id: pool.clone() });
    two.world.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    assert_eq!(two.run().await, []);
    made_once(&simulator);
    let names_of = |recorded: &Recorded| recorded.statement_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names_of(&two.world.recorded().await), ["copy", "orders"]);
    // The first one replaces the job; the other, which still wants the old text, neither resumes nor replaces anything.
    one.world.declare(&job(NEW));
    assert_eq!(one.run().await, []);
    assert_eq!(two.run().await, [Block::UnexpectedGenerations { names: vec!["copy-g2".to_owned()] }]);
    assert_eq!(simulator.audit_report().peak_running["copy"], 1);
    // The other one removes it: it removes what it has adopted, and leaves what it never knew.
    two.world.declare(TABLE);
    two.run().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(one.world.phases()["copy-g2"], "RUNNING");
    assert!(wrongs.lock().unwrap().is_empty());
    made_once(&simulator);
}

/// Both begin at once: each name is made once, by one of them, and the other one says whose it is or adopts it.
#[tokio::test(start_paused = true)]
async fn two_checkouts_that_begin_at_once_make_each_name_once() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (simulator, wrongs) = (World::new(&[]).simulator, Arc::default());
        let mut one = Pipeline::new("one", "lineage-one", &simulator, &wrongs);
        let mut two = Pipeline::new("one", "lineage-two", &simulator, &wrongs);
        for pipeline in [&mut one, &mut two] {
            pipeline.world.declare(&job(OLD));
        }
        if rng.bool() {
            let lost = InjectedFault::LostThenApplied(rng.f64() * 60.0);
            simulator.push_fault(FaultRule::once(lost).on(Method::Post).name("copy"));
        }
        let apart = Duration::from_secs_f64(rng.f64() * 3.0);
        let second = async {
            tokio::time::sleep(apart).await;
            two.run().await
        };
        drop(tokio::join!(one.run(), second));
        tokio::time::sleep(Duration::from_secs(120)).await;
        drop((one.run().await, two.run().await));
        made_once(&simulator);
        let most = simulator.audit_report().peak_running;
        assert!(most.values().all(|most| *most <= 1), "seed {seed}: {most:?}");
    }
}
