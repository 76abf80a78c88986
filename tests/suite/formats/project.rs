//! Projects of version 0.1.0: one with a saved plan to apply, and one with the journal of an interrupted run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use floe::{
    cli::connect::{self, WorldAccess},
    cloud::{ApiKey, CloudClient, Credentials, Endpoints, Method, RateLimits},
    diff::PlanOptions,
    execute::{self, Interrupt, RunInputs},
    planning,
    resource::Secrets,
    simulator::{FaultRule, InjectedFault},
    state::{Ledger, LocalLedger},
};
use tokio::sync::{OnceCell, watch};

use super::{fixture, holder, load_graph, writes_fixtures};
use crate::test_project::has_phase;

/// The part of the manifest that does not change.
const HEAD: &str = r#"
[project]
name = "shop"

[environments.local]
simulator = true

[secrets]
openai = { env = "OPENAI_API_KEY" }

[defaults]
pool = "main"

[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"

[statements.ask]
sql = "INSERT INTO answers SELECT id FROM orders"
properties = { "sql.secrets.openai" = "${secret.openai}" }
principal = "sa-1"
"#;

/// The part of the manifest that is applied first.
const BEFORE: &str = r#"
[pools.main]
max_cfu = 10
[pools.spare]
max_cfu = 5

[statements.users]
sql = "CREATE TABLE users (id STRING)"
undo = "DROP TABLE users"
[statements.cheap]
sql = "CREATE VIEW cheap AS SELECT id FROM orders WHERE price < 10"
undo = "DROP VIEW cheap"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
evolve = "restart"
[statements.steady]
sql = "INSERT INTO steady SELECT id FROM orders"
[statements.held]
sql = "INSERT INTO held SELECT id FROM orders"
stopped = true
[statements.halted]
sql = "INSERT INTO halted SELECT id FROM orders"
[statements.old]
sql = "INSERT INTO old SELECT id FROM orders"
[statements.sales]
sql = "INSERT INTO sales SELECT id FROM orders"
"#;

/// The part of the manifest that replaces [`BEFORE`] and that the saved plan applies.
const AFTER: &str = r#"
[[moved]]
from = "statements.sales"
to = "statements.purchases"

[pools.main]
max_cfu = 20
[pools.second]
max_cfu = 5

[statements.cheap]
sql = "CREATE VIEW cheap AS SELECT id FROM orders WHERE price < 20"
undo = "DROP VIEW cheap"
[statements.copy]
sql = "INSERT INTO target SELECT id, price + 1 FROM orders"
evolve = "restart"
[statements.steady]
sql = "INSERT INTO steady SELECT id FROM orders"
pool = "second"
[statements.held]
sql = "INSERT INTO held SELECT id FROM orders"
[statements.halted]
sql = "INSERT INTO halted SELECT id FROM orders"
stopped = true
[statements.purchases]
sql = "INSERT INTO sales SELECT id FROM orders"
name = "sales"
[statements.fresh]
sql = "INSERT INTO fresh SELECT id FROM orders"
pool = "second"
"#;

/// Returns the folders of both projects.
pub async fn folders() -> [PathBuf; 2] {
    [applied_project().await, interrupted_project().await]
}

/// Returns the folder of a project with its state, its simulated world, and a saved plan that was not applied yet.
pub async fn applied_project() -> PathBuf {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    FOLDER
        .get_or_init(|| async {
            let folder = fixture("applied");
            if writes_fixtures() && !folder.exists() {
                let project = changed_project();
                let (code, text) = floe(project.path(), &["plan", "--allow-data-loss", "--out", "change.plan"]);
                assert_eq!(code, Some(0), "{text}");
                copy_files(project.path(), &folder);
            }
            folder
        })
        .await
        .clone()
}

/// Returns the folder of the same project with the journal of a run that was killed.
pub async fn interrupted_project() -> PathBuf {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    FOLDER
        .get_or_init(|| async {
            let folder = fixture("interrupted");
            if writes_fixtures() && !folder.exists() {
                let project = changed_project();
                fs::remove_file(project.path().join("first.plan")).unwrap();
                kill_while_the_successor_is_submitted(project.path()).await;
                copy_files(project.path(), &folder);
            }
            folder
        })
        .await
        .clone()
}

/// Creates a project that was applied from a saved plan, and changes its manifest afterwards.
fn changed_project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("floe.toml"), format!("{HEAD}{BEFORE}").trim_start()).unwrap();
    for arguments in [&["plan", "--out", "first.plan"][..], &["apply", "first.plan", "--yes"]] {
        let (code, text) = floe(at, arguments);
        assert_eq!(code, Some(0), "{text}");
    }
    fs::write(at.join("floe.toml"), format!("{HEAD}{AFTER}").trim_start()).unwrap();
    folder
}

/// Applies, and drops the run when the simulated world has the successor of `copy` but the run has no response yet.
async fn kill_while_the_successor_is_submitted(root: &Path) {
    let graph = load_graph(root);
    let environment = &graph.project.environment;
    let mut ledger = LocalLedger::at(connect::state_file(root, environment));
    ledger.lock(&holder(Some("0123456789abcdef")), Duration::ZERO).await.unwrap();
    let recorded = ledger.load().await.unwrap().unwrap();
    let simulator = connect::open_world(root, environment, &recorded, WorldAccess::ReadWrite).unwrap().unwrap();
    simulator.push_fault(FaultRule::once(InjectedFault::SlowResponse(3_000.0)).on(Method::POST).name("copy-g2"));
    let key = || Some(ApiKey::new("key", "secret"));
    let endpoints = Endpoints::public(&recorded.environment).unwrap();
    let credentials = Credentials { flink: key(), cloud: key() };
    let cloud = CloudClient::new(Arc::new(simulator.clone()), endpoints, credentials, RateLimits::default(), 7);
    let request = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let secrets = Secrets::default();
    let planned = planning::make_plan(&graph, &secrets, &Arc::new(recorded.clone()), &cloud, &request).await.unwrap();
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let inputs = RunInputs {
        cloud,
        secrets,
        project: "shop".to_owned(),
        environment: "local".to_owned(),
        use_placeholders: true,
        run_id: "run1".to_owned(),
        interrupt,
    };
    let condition_met = async {
        while !has_phase(&simulator.world_view(), "copy-g2", "PENDING") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut ignore_event = |_| {};
    tokio::select! {
        biased;
        () = condition_met => {}
        run = execute::run(&planned.plan, recorded, &mut ledger, &inputs, &mut ignore_event) => panic!("{run:#?}"),
    }
}

/// Runs the real program without this machine's environment variables. Returns its exit code and output.
pub fn floe(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_floe"))
        .env_clear()
        .envs([("USER", "ana"), ("HOSTNAME", "build-7")])
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Asserts that the next plan is empty, and that `status` and `drift` find nothing wrong.
pub fn assert_converged(folder: &Path) {
    for command in [&["plan", "--detailed-exitcode"][..], &["status"], &["drift"]] {
        let (code, text) = floe(folder, command);
        assert_eq!(code, Some(0), "{command:?}: {text}");
    }
    let (_, text) = floe(folder, &["plan"]);
    assert!(text.contains("No changes: everything is as declared."), "{text}");
}

/// Returns a temporary copy of a folder.
pub fn copy(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_files(folder, copy.path());
    copy
}

/// Copies all files except for locks.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_files(&path, &to.join(name));
        } else if path.extension().is_none_or(|extension| extension != "lock") {
            fs::write(to.join(name), fs::read(&path).unwrap()).unwrap();
        }
    }
}
