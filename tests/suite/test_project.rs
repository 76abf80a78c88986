//! Sets up a project in a temporary folder, with a simulated cloud and a record in memory. A test creates one in
//! three lines, changes it in one, and applies it in one.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use floe::{
    cloud::{ApiKey, CloudClient, Credentials, Endpoints, RateLimits, Transport},
    diff::PlanOptions,
    execute::{self, Interrupt, RunInputs, RunReport},
    graph::Graph,
    manifest::LoadOptions,
    plan::{self, Plan},
    planning::{self, PlanningError},
    resource::{Address, EnvironmentIdentity, HashKey, Pool, Secrets},
    simulator::{Simulator, SimulatorOptions, WorldView},
    state::{Ledger, LockHolder, MemoryLedger, Recorded},
};
use tokio::sync::watch;

use crate::sample_statements::{ORIGINAL_SQL, job};

/// A project in a temporary folder, with the simulated cloud and the record that it is applied to.
pub struct TestProject {
    /// The folder of the manifests, which is deleted on drop.
    pub folder: tempfile::TempDir,
    /// The simulated cloud that the project is applied to.
    pub simulator: Simulator,
    /// The ledger, which keeps the record in memory.
    pub ledger: MemoryLedger,
    /// The secret values that plans and runs use.
    pub secrets: Secrets,
    /// The number of runs so far, from which each run gets its id.
    pub run_number: u32,
    /// The environment to load. `None` means the only one, or `local`.
    pub environment: Option<String>,
}

/// The result of one plan and apply.
pub struct ApplyResult {
    /// The plan that was made for this run.
    pub plan: Plan,
    /// The report of the run, or `None` if the plan was blocked.
    pub report: Option<RunReport>,
}

/// Returns the identity of the simulated environment.
pub fn identity() -> EnvironmentIdentity {
    EnvironmentIdentity {
        organization: "00000000-0000-0000-0000-000000000000".to_owned(),
        environment: "env-sim".to_owned(),
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

/// Returns a pool with this display name that can be created.
pub fn pool(display_name: &str) -> Pool {
    Pool {
        display_name: display_name.to_owned(),
        max_cfu: 5,
        network: None,
        cloud: identity().cloud,
        region: identity().region,
        prevent_destroy: false,
    }
}

/// Returns the record of a project that was never applied.
pub fn empty_record() -> Recorded {
    Recorded::new("lineage".to_owned(), identity(), HashKey("key".to_owned()))
}

/// Returns the holder that the tests write into the lock.
pub fn holder() -> LockHolder {
    LockHolder { command: "apply".into(), who: "me".into(), pid: 1, since: String::new(), saved_plan_id: None }
}

/// Returns a `floe.toml` with one simulated environment and the default pool `main`, followed by `more`.
pub fn floe_toml(more: &str) -> String {
    format!(
        "[project]\nname = \"test\"\n\n[environments.local]\nsimulator = true\n\n[defaults]\npool = \"main\"\n\n{more}\n"
    )
}

impl TestProject {
    /// Creates a project from pairs of path and text, with the default simulator.
    pub fn new(files: &[(&str, &str)]) -> TestProject {
        TestProject::with_options(files, SimulatorOptions::default())
    }

    /// Creates a project from pairs of path and text, with a simulator that has these options.
    pub fn with_options(files: &[(&str, &str)], options: SimulatorOptions) -> TestProject {
        let project = TestProject {
            folder: tempfile::tempdir().unwrap(),
            simulator: Simulator::new(options),
            ledger: MemoryLedger::new(),
            secrets: Secrets::default(),
            run_number: 0,
            environment: None,
        };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// Creates a project with these statements, the usual `floe.toml` and the pool `main` of 10 CFU.
    pub fn with_statements(statements: &str) -> TestProject {
        TestProject::new(&[
            ("floe.toml", &floe_toml("")),
            ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
            ("statements/s.toml", statements),
        ])
    }

    /// Writes a file of the project. The path is relative to its folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces the statements that `with_statements` was given.
    pub fn declare(&self, statements: &str) {
        self.write("statements/s.toml", statements);
    }

    /// Returns a client of the simulated cloud.
    pub fn cloud(&self) -> CloudClient {
        self.cloud_through(Arc::new(self.simulator.clone()))
    }

    /// Returns a client that sends its requests through this transport.
    pub fn cloud_through(&self, transport: Arc<dyn Transport>) -> CloudClient {
        let credentials =
            Credentials { flink: Some(ApiKey::new("key", "secret")), cloud: Some(ApiKey::new("key", "secret")) };
        CloudClient::new(transport, Endpoints::public(&identity()).unwrap(), credentials, RateLimits::default(), 7)
    }

    /// Creates a pool that no project manages. It shows that the key may see pools, so that the absence of another pool
    /// can be confirmed.
    pub async fn create_unmanaged_pool(&self) {
        self.cloud().create_pool(&pool("unmanaged")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(300)).await;
    }

    /// Loads the manifests and returns their graph. Panics if they have problems.
    pub fn graph(&self) -> Graph {
        let (root, environment) = (self.folder.path().to_owned(), self.environment.clone());
        let inputs = LoadOptions { root, environment, ..LoadOptions::default() };
        planning::load_desired(&inputs).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Returns the record, which is empty before the first apply.
    pub async fn recorded(&self) -> Recorded {
        self.ledger.load().await.unwrap().unwrap_or_else(empty_record)
    }

    /// Makes a plan with these options, and returns it with the record that it was made from.
    pub async fn plan_with(
        &self,
        cloud: &CloudClient,
        options: &PlanOptions,
    ) -> Result<(Plan, Recorded), floe::cloud::Error> {
        let recorded = self.recorded().await;
        let plan = self.plan_on(cloud, options, &recorded).await?;
        Ok((plan, recorded))
    }

    /// Makes a plan from this record, and asserts that the plan holds its invariants.
    pub async fn plan_on(
        &self,
        cloud: &CloudClient,
        options: &PlanOptions,
        recorded: &Recorded,
    ) -> Result<Plan, floe::cloud::Error> {
        let recorded = Arc::new(recorded.clone());
        let planned = match planning::make_plan(&self.graph(), &self.secrets, &recorded, cloud, options).await {
            Ok(planned) => planned,
            Err(PlanningError::Cloud(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        };
        let plan = planned.plan;
        assert_eq!(plan::check(&plan, &recorded), [], "{plan:#?}");
        Ok(plan)
    }

    /// Makes a plan from this record as `floe apply` does: while a request in flight is all that blocks the plan, waits
    /// and plans again.
    pub async fn plan_decided(
        &self,
        cloud: &CloudClient,
        options: &PlanOptions,
        recorded: &Recorded,
    ) -> Result<Plan, floe::cloud::Error> {
        let mut recorded = recorded.clone();
        loop {
            let plan = self.plan_on(cloud, options, &recorded).await?;
            if let Some(now) = cloud.service_clock()
                && recorded.has_undated_intents(now)
            {
                recorded.date_open_intents(now);
                continue;
            }
            if plan.seconds_in_flight().is_none() || !plan.is_blocked_only_by_motion() {
                return Ok(plan);
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }

    /// Makes a plan with the default options.
    pub async fn plan(&self) -> Plan {
        self.plan_with(&self.cloud(), &PlanOptions::default()).await.unwrap().0
    }

    /// Makes a plan with the default options and applies it.
    pub async fn apply(&mut self) -> ApplyResult {
        self.apply_with(&self.cloud(), &PlanOptions::default()).await
    }

    /// Makes a plan with these options and applies it.
    pub async fn apply_with_options(&mut self, options: PlanOptions) -> ApplyResult {
        self.apply_with(&self.cloud(), &options).await
    }

    /// Makes a plan with these options and applies it through this client. A blocked plan is not applied.
    pub async fn apply_with(&mut self, cloud: &CloudClient, options: &PlanOptions) -> ApplyResult {
        let recorded = self.recorded().await;
        let plan = self.plan_decided(cloud, options, &recorded).await.unwrap();
        if plan.is_blocked() {
            return ApplyResult { plan, report: None };
        }
        let report = self.execute(cloud, &plan, recorded, &mut |_| {}).await;
        ApplyResult { plan, report: Some(report) }
    }

    /// Applies, and drops the run as soon as the simulated cloud meets the condition. Panics if the run ends before
    /// that.
    pub async fn apply_until_killed(&mut self, options: PlanOptions, condition: impl Fn(&WorldView) -> bool) {
        let simulator = self.simulator.clone();
        let condition_met = async move {
            while !condition(&simulator.world_view()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            biased;
            () = condition_met => {}
            run = self.apply_with_options(options) => panic!("the run ended before it was killed: {:#?}", run.report),
        }
    }

    /// Executes a plan that nothing interrupts.
    pub async fn execute(
        &mut self,
        cloud: &CloudClient,
        plan: &Plan,
        recorded: Recorded,
        events: &mut (dyn FnMut(execute::Event) + Send),
    ) -> RunReport {
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        self.execute_with_interrupt(interrupt, cloud, plan, recorded, events).await
    }

    /// Executes a plan that `interrupt` can interrupt, as Ctrl-C does.
    pub async fn execute_with_interrupt(
        &mut self,
        interrupt: watch::Receiver<Interrupt>,
        cloud: &CloudClient,
        plan: &Plan,
        recorded: Recorded,
        events: &mut (dyn FnMut(execute::Event) + Send),
    ) -> RunReport {
        let inputs = self.run_inputs(cloud, interrupt);
        let mut ledger = self.ledger.clone();
        ledger.lock(&holder(), Duration::ZERO).await.unwrap();
        execute::run(plan, recorded, &mut ledger, &inputs, events).await.unwrap()
    }

    /// Returns the inputs of the next run, which gets a run id of its own.
    pub fn run_inputs(&mut self, cloud: &CloudClient, interrupt: watch::Receiver<Interrupt>) -> RunInputs {
        self.run_number += 1;
        RunInputs {
            cloud: cloud.clone(),
            secrets: self.secrets.clone(),
            project: "test".to_owned(),
            environment: "local".to_owned(),
            use_placeholders: true,
            run_id: format!("run{}", self.run_number),
            interrupt,
        }
    }

    /// Applies, and asserts that nothing failed or was skipped and that the next plan is empty.
    pub async fn converge(&mut self) -> ApplyResult {
        let run = self.apply().await;
        let report = run.report.as_ref().unwrap_or_else(|| panic!("the plan is blocked: {:#?}", run.plan.changes));
        assert!(report.is_complete(), "{:#?} {:#?}", report.failed, report.skipped);
        let next = self.plan().await;
        assert!(!next.has_changes() && !next.is_blocked(), "the next plan is not empty: {:#?}", next.changes);
        run
    }

    /// Returns the phases of the statements in the simulated cloud by their names.
    pub fn phases(&self) -> BTreeMap<String, String> {
        self.simulator.world_view().statements.into_iter().map(|s| (s.name, s.phase.as_str().to_owned())).collect()
    }
}

/// Returns a project whose job runs, declared with `more` keys.
pub async fn project_with_running_job(more: &str) -> TestProject {
    let mut project = TestProject::with_statements(&job(ORIGINAL_SQL, more));
    project.converge().await;
    project
}

/// Waits on the paused clock.
pub async fn wait_seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Returns whether the simulated cloud has this statement in that phase.
pub fn has_phase(now: &WorldView, name: &str, phase: &str) -> bool {
    now.statements.iter().any(|it| it.name == name && it.phase.as_str() == phase)
}

/// Returns the address of the statement with this key.
pub fn statement(key: &str) -> Address {
    Address::statement(key)
}
