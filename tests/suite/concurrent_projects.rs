//! Two pipelines that do not know of each other: another project with the same names, or another checkout of the same
//! project with its own state. Neither may create a name twice, nor touch a resource that it did not create or adopt.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{BoxFuture, HttpRequest, HttpResponse, Method, Transport, TransportError},
    diff::{self, Action, Block, ImportMode},
    execute::{self, Interrupt},
    resource::{HashKey, labels},
    simulator::{FaultRule, InjectedFault, Simulator},
    state::{Ledger, MemoryLedger, Recorded},
};
use tokio::sync::watch;

use crate::{
    sample_statements::{CHANGED_SQL, ORIGINAL_SQL, TABLE},
    test_project::{TestProject, floe_toml, holder, identity},
};

/// The manifest of the pool.
const POOLS: &str = "[pools.main]\nmax_cfu = 10\n";

/// Returns a manifest of the table and of a job with this SQL.
fn job(sql: &str) -> String {
    format!("{TABLE}[statements.copy]\nsql = \"{sql}\"\nevolve = \"restart\"\n")
}

/// A transport that records the changes of its pipeline to statements that have the label of another project.
#[derive(Clone)]
struct LabelCheckingTransport {
    /// The simulator that answers the requests.
    simulator: Simulator,
    /// The name of the project of this pipeline.
    project_name: String,
    /// The changes to statements of other projects.
    violations: Arc<Mutex<Vec<String>>>,
}

impl Transport for LabelCheckingTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let name = request.url.rsplit('/').next().unwrap_or_default().split('?').next().unwrap_or_default();
        if matches!(request.method, Method::PUT | Method::DELETE) {
            let now = self.simulator.world_view();
            let label = now.statements.iter().find(|it| it.name == name).map(|it| it.labels.get(labels::PROJECT));
            if label.is_some_and(|label| label != Some(&self.project_name)) {
                self.violations.lock().unwrap().push(format!("{} {}", request.method, request.url));
            }
        }
        self.simulator.send(request)
    }
}

/// A pipeline of one project that has its own state and shares the cloud with others.
struct IsolatedPipeline {
    /// The project with its own state.
    project: TestProject,
    /// The transport of its requests.
    transport: LabelCheckingTransport,
}

impl IsolatedPipeline {
    /// Returns a pipeline of the project `name`, with an empty record of this lineage.
    fn new(name: &str, lineage: &str, simulator: &Simulator, violations: &Arc<Mutex<Vec<String>>>) -> IsolatedPipeline {
        let toml = floe_toml("").replace("name = \"test\"", &format!("name = \"{name}\""));
        let mut project = TestProject::new(&[("floe.toml", &toml), ("pools.toml", POOLS)]);
        let recorded = Recorded::new(lineage.to_owned(), identity(), HashKey("key".to_owned()));
        project.simulator = simulator.clone();
        project.ledger = MemoryLedger::with_record(recorded);
        let transport = LabelCheckingTransport {
            simulator: simulator.clone(),
            project_name: name.to_owned(),
            violations: Arc::clone(violations),
        };
        IsolatedPipeline { project, transport }
    }

    /// Runs the pipeline once, and returns what blocked it, if anything did.
    async fn run(&mut self) -> Vec<Block> {
        let mut ledger = self.project.ledger.clone();
        ledger.lock(&holder(), Duration::ZERO).await.unwrap();
        let recorded = ledger.load().await.unwrap().unwrap();
        let cloud = self.project.cloud_through(Arc::new(self.transport.clone()));
        let request = diff::PlanOptions { allow_data_loss: true, ..diff::PlanOptions::default() };
        let Ok(plan) = self.project.plan_on(&cloud, &request, &recorded).await else { return Vec::new() };
        if plan.is_blocked() {
            let blocks = plan.changes.into_values().map(|change| match change.action {
                Action::Blocked { by } => by,
                _ => Vec::new(),
            });
            return blocks.flatten().collect();
        }
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let inputs = execute::RunInputs {
            project: self.transport.project_name.clone(),
            run_id: format!("{}-{}", recorded.lineage, self.project.run_number),
            ..self.project.run_inputs(&cloud, interrupt)
        };
        execute::run(&plan, recorded, &mut ledger, &inputs, &mut |_| {}).await.unwrap();
        Vec::new()
    }
}

/// Asserts that no name was created more than once.
fn assert_each_name_was_created_once(simulator: &Simulator) {
    let creates = simulator.audit_report().creations;
    assert!(creates.values().all(|count| *count == 1), "{creates:?}");
}

#[tokio::test(start_paused = true)]
async fn another_project_with_the_same_names_is_never_touched() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (simulator, violations) = (TestProject::new(&[]).simulator, Arc::default());
        let mut one = IsolatedPipeline::new("one", "lineage-one", &simulator, &violations);
        let mut two = IsolatedPipeline::new("two", "lineage-two", &simulator, &violations);
        let mut was_blocked = false;
        for round in 0..4 {
            one.project.declare(&job(if round % 2 == 0 { ORIGINAL_SQL } else { CHANGED_SQL }));
            two.project.declare(&job(if rng.bool() { ORIGINAL_SQL } else { CHANGED_SQL }));
            if rng.bool() {
                let does = [InjectedFault::LostAfterEffect, InjectedFault::LostThenApplied(rng.f64() * 60.0)];
                simulator.push_fault(FaultRule::once(does[rng.usize(0..2)].clone()).on(Method::POST).name("copy*"));
            }
            let delay = Duration::from_secs_f64(rng.f64() * 30.0);
            let time_until_kill = Duration::from_secs_f64(if rng.bool() { rng.f64() * 60.0 } else { 1e6 });
            let second = async {
                tokio::time::sleep(delay).await;
                two.run().await
            };
            let (_, blocks) = tokio::join!(tokio::time::timeout(time_until_kill, one.run()), second);
            was_blocked |= !blocks.is_empty();
            tokio::time::sleep(Duration::from_secs(120)).await;
        }
        let (mine, theirs) = (owned_ids(&one.project).await, owned_ids(&two.project).await);
        assert!(mine.is_disjoint(&theirs), "seed {seed}: {mine:?} {theirs:?}");
        assert!(was_blocked, "seed {seed}: no run was blocked");
        assert_eq!(*violations.lock().unwrap(), Vec::<String>::new(), "seed {seed}");
        assert_each_name_was_created_once(&simulator);
    }
}

/// Returns the statements and pools that a pipeline manages.
async fn owned_ids(project: &TestProject) -> BTreeSet<String> {
    let recorded = project.recorded().await;
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let statements = generations.map(|generation| generation.uid.clone());
    statements.chain(recorded.pools.values().map(|pool| pool.id.clone())).collect()
}

/// Without a shared state, only the names in the service keep the two checkouts apart. The second checkout is told
/// what the first one did.
#[tokio::test(start_paused = true)]
async fn a_second_checkout_with_its_own_state_adopts_and_is_blocked_by_changes() {
    let (simulator, violations) = (TestProject::new(&[]).simulator, Arc::default());
    let mut one = IsolatedPipeline::new("one", "lineage-one", &simulator, &violations);
    one.project.declare(&job(ORIGINAL_SQL));
    assert_eq!(one.run().await, []);
    let pool = one.project.recorded().await.pools["main"].id.clone();
    let mut two = IsolatedPipeline::new("one", "lineage-two", &simulator, &violations);
    two.project.declare(&job(ORIGINAL_SQL));
    // Pools have no labels, so floe does not assume that a pool of this name belongs to the project.
    assert_eq!(two.run().await[0], Block::PoolExists { id: pool.clone() });
    two.project.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    assert_eq!(two.run().await, []);
    assert_each_name_was_created_once(&simulator);
    let names_of = |recorded: &Recorded| recorded.statement_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names_of(&two.project.recorded().await), ["copy", "orders"]);
    // The first checkout replaces the job. The second one still declares the old SQL, and neither resumes nor replaces
    // a job.
    one.project.declare(&job(CHANGED_SQL));
    assert_eq!(one.run().await, []);
    let import = Some(("copy-g2".to_owned(), ImportMode::AsIs));
    let older = Block::StateOlderThanCloud { names: vec!["copy-g2".to_owned()], import };
    assert_eq!(two.run().await, [older]);
    assert_eq!(simulator.audit_report().peak_running["copy"], 1);
    // The second checkout removes the job. It deletes what it adopted and keeps what it never knew.
    two.project.declare(TABLE);
    two.run().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(one.project.phases()["copy-g2"], "RUNNING");
    assert!(violations.lock().unwrap().is_empty());
    assert_each_name_was_created_once(&simulator);
}

/// Both checkouts start at once. Each name is created once, by one of them, and the other one adopts it or reports
/// whose it is.
#[tokio::test(start_paused = true)]
async fn two_concurrent_checkouts_create_each_name_once() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (simulator, violations) = (TestProject::new(&[]).simulator, Arc::default());
        let mut one = IsolatedPipeline::new("one", "lineage-one", &simulator, &violations);
        let mut two = IsolatedPipeline::new("one", "lineage-two", &simulator, &violations);
        for pipeline in [&mut one, &mut two] {
            pipeline.project.declare(&job(ORIGINAL_SQL));
        }
        if rng.bool() {
            let lost = InjectedFault::LostThenApplied(rng.f64() * 60.0);
            simulator.push_fault(FaultRule::once(lost).on(Method::POST).name("copy"));
        }
        let delay = Duration::from_secs_f64(rng.f64() * 3.0);
        let second = async {
            tokio::time::sleep(delay).await;
            two.run().await
        };
        drop(tokio::join!(one.run(), second));
        tokio::time::sleep(Duration::from_secs(120)).await;
        drop((one.run().await, two.run().await));
        assert_each_name_was_created_once(&simulator);
        let most = simulator.audit_report().peak_running;
        assert!(most.values().all(|most| *most <= 1), "seed {seed}: {most:?}");
    }
}
