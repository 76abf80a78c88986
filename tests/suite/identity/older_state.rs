//! A state that is older than the cloud: restored from a backup, not pulled, or lost with a runner.

use std::{sync::Arc, time::Duration};

use floe::{
    cloud::{BoxFuture, HttpRequest, HttpResponse, Method, Transport, TransportError},
    diff::{Block, ImportMode, PlanOptions},
    plan::Plan,
    simulator::{OutOfBandChange, Simulator},
    state::Recorded,
};

use super::{TABLE, block_of, import, put_state, running};
use crate::test_project::{TestProject, statement};

/// A transport of a service that keeps no labels.
struct LabellessTransport(Simulator);

impl Transport for LabellessTransport {
    fn send(&self, mut request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        if request.method == Method::POST
            && let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(&request.body)
        {
            if let Some(metadata) = value.get_mut("metadata").and_then(|metadata| metadata.as_object_mut()) {
                metadata.remove("labels");
            }
            request.body = serde_json::to_vec(&value).unwrap();
        }
        self.0.send(request)
    }
}

/// How the state came to be older than the cloud.
#[derive(Debug, Clone, Copy, PartialEq)]
enum History {
    /// One replacement is missing.
    OneBehind,
    /// Two replacements are missing.
    TwoBehind,
    /// Two replacements and a `[[moved]]` are missing.
    Moved,
    /// Two replacements are missing, and the service keeps no labels.
    WithoutLabels,
    /// Two replacements are missing, and the project was renamed since.
    RenamedProject,
}

/// What would start, resume, submit or drop something under the name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// The SQL has changed, and the policy allows a restart.
    Replace,
    /// The job is unchanged.
    Nothing,
    /// The flag `--replace` is given.
    ReplaceFlag,
    /// The recorded generation is stopped, and `on_stopped = "resume"`.
    OnStopped,
    /// The recorded generation is stopped, and `--fix-drift` is given.
    FixDrift,
    /// The recorded generation is gone.
    Gone,
    /// The job is no longer declared.
    Removal,
}

/// Returns a job under `key` that keeps the name `j`, with the n-th version of its SQL.
fn job(key: &str, version: u32, more: &str) -> String {
    format!(
        "{TABLE}[statements.{key}]\nname = \"j\"\nevolve = \"restart\"\n{more}sql = \"INSERT INTO target SELECT id, price \
         FROM orders WHERE price > {version}\"\n"
    )
}

/// Returns the client of the simulated cloud in this history.
fn cloud(project: &TestProject, history: History) -> floe::cloud::CloudClient {
    match history {
        History::WithoutLabels => project.cloud_through(Arc::new(LabellessTransport(project.simulator.clone()))),
        _ => project.cloud(),
    }
}

/// Returns a project whose state is older than the cloud, the key of its job, and the last version of its SQL.
async fn older_state(history: History) -> (TestProject, &'static str, u32) {
    let mut project = TestProject::with_statements(&job("j", 1, ""));
    let options = PlanOptions::default();
    let run = project.apply_with(&cloud(&project, history), &options).await;
    assert!(run.report.unwrap().is_complete());
    let old = project.recorded().await;
    let versions = if history == History::OneBehind { 2..=2 } else { 2..=3 };
    for version in versions.clone() {
        project.declare(&job("j", version, ""));
        let run = project.apply_with(&cloud(&project, history), &options).await;
        assert!(run.report.unwrap().is_complete());
    }
    let moved = "[[moved]]\nfrom = \"statements.j\"\nto = \"statements.k\"\n";
    let key = if history == History::Moved { "k" } else { "j" };
    project.declare(&format!("{}{}", job(key, *versions.end(), ""), if key == "k" { moved } else { "" }));
    let run = project.apply_with(&cloud(&project, history), &options).await;
    assert!(run.report.unwrap().is_complete());
    if history == History::RenamedProject {
        project.write("floe.toml", &crate::test_project::floe_toml("").replace("\"test\"", "\"renamed\""));
    }
    put_state(&mut project, &old).await;
    (project, key, *versions.end())
}

/// Changes the project so that it would act, and returns the options of the plan.
fn prepare(project: &TestProject, history: History, way: Way, version: u32) -> PlanOptions {
    let key = if history == History::Moved { "k" } else { "j" };
    let moved = if key == "k" { "[[moved]]\nfrom = \"statements.j\"\nto = \"statements.k\"\n" } else { "" };
    let declare = |version, more| project.declare(&format!("{}{moved}", job(key, version, more)));
    let mut options = PlanOptions::default();
    match way {
        Way::Nothing => declare(1, ""),
        Way::Replace => declare(version + 1, ""),
        Way::ReplaceFlag => {
            declare(1, "");
            options.replace.insert(statement(key));
        }
        Way::OnStopped => declare(1, "on_stopped = \"resume\"\n"),
        Way::FixDrift => {
            declare(1, "");
            options.fix_drift = true;
        }
        Way::Gone => {
            declare(1, "");
            let purge = OutOfBandChange::Purge("j".to_owned());
            project.simulator.apply_out_of_band(purge).unwrap();
        }
        Way::Removal => project.declare(TABLE),
    }
    options
}

/// Plans, and asserts that the statement is blocked because the state is older, and that an apply changes nothing.
async fn assert_blocked(project: &mut TestProject, options: &PlanOptions, key: &str, newest: &str) -> Plan {
    let before = project.simulator.world_view().statements;
    let run = project.apply_with(&project.cloud(), options).await;
    assert!(run.report.is_none());
    match block_of(&run.plan, key) {
        Block::StateOlderThanCloud { names, .. } => assert!(names.contains(&newest.to_owned()), "{names:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(project.simulator.world_view().statements, before);
    run.plan
}

#[tokio::test(start_paused = true)]
async fn no_way_to_act_on_a_job_is_open_while_the_state_is_older_than_the_cloud() {
    use History::{Moved, OneBehind, RenamedProject, TwoBehind, WithoutLabels};
    use Way::{FixDrift, Gone, Nothing, OnStopped, Removal, Replace, ReplaceFlag};
    for history in [OneBehind, TwoBehind, Moved, WithoutLabels, RenamedProject] {
        for way in [Replace, Nothing, ReplaceFlag, OnStopped, FixDrift, Gone, Removal] {
            let (mut project, key, version) = older_state(history).await;
            let options = prepare(&project, history, way, version);
            // What is removed is still under its recorded address.
            let key = if way == Removal { "j" } else { key };
            let newest = format!("j-g{version}");
            assert_blocked(&mut project, &options, key, &newest).await;
            assert_eq!(running(&project), [newest], "{history:?} {way:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn importing_the_named_generation_brings_an_older_state_up_to_date() {
    for history in [History::OneBehind, History::TwoBehind, History::Moved, History::WithoutLabels] {
        let (mut project, key, version) = older_state(history).await;
        let newest = format!("j-g{version}");
        let plan = project.plan().await;
        let Block::StateOlderThanCloud { import: Some((name, mode)), .. } = block_of(&plan, key) else { panic!() };
        assert_eq!((name.as_str(), mode), (newest.as_str(), ImportMode::AsDeclared), "{history:?}");
        import(&project, &[(key, &newest)], false).await.unwrap();
        let recorded = project.recorded().await;
        let record = &recorded.statements[key];
        assert_eq!(record.current.as_ref().unwrap().sent.name, newest);
        assert_eq!(record.last_generation.0, version);
        let plan = project.plan().await;
        assert!(!plan.has_changes() && !plan.is_blocked(), "{history:?} {:#?}", plan.changes);
        assert_eq!(running(&project), [newest]);
        // The next change counts on from there, and runs alone.
        project.declare(&job(key, 9, ""));
        project.converge().await;
        assert_eq!(running(&project), [format!("j-g{}", version + 1)]);
        assert!(project.simulator.audit_report().peak_running.values().all(|peak| *peak <= 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_state_that_declares_other_sql_imports_as_is_and_then_plans_the_change() {
    let (mut project, _, version) = older_state(History::TwoBehind).await;
    project.declare(&job("j", 1, "").replace("evolve = \"restart\"\n", ""));
    let plan = project.plan().await;
    let newest = format!("j-g{version}");
    let Block::StateOlderThanCloud { import: Some((name, mode)), .. } = block_of(&plan, "j") else { panic!() };
    assert_eq!((name.as_str(), mode), (newest.as_str(), ImportMode::AsIs));
    let refused = import(&project, &[("j", &newest)], false).await.unwrap_err();
    assert!(refused.to_string().contains("is not what `statements.j` declares"), "{refused}");
    import(&project, &[("j", &newest)], true).await.unwrap();
    assert!(matches!(block_of(&project.plan().await, "j"), Block::LosesOffsets { .. }));
    project.declare(&job("j", 1, ""));
    project.converge().await;
    assert_eq!(running(&project), ["j-g4"]);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_an_older_state_does_not_know_is_not_dropped() {
    let table =
        |columns: &str| format!("[statements.t]\nsql = \"CREATE TABLE t ({columns})\"\nundo = \"DROP TABLE t\"\n");
    let mut project = TestProject::with_statements(&table("id STRING"));
    project.converge().await;
    let old: Recorded = project.recorded().await;
    let options = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    project.declare(&table("id STRING, price INT"));
    assert!(project.apply_with_options(options.clone()).await.report.unwrap().is_complete());
    put_state(&mut project, &old).await;
    for declared in [table("id STRING"), table("id INT"), TABLE.to_owned()] {
        project.declare(&declared);
        let run = project.apply_with_options(options.clone()).await;
        assert!(matches!(block_of(&run.plan, "t"), Block::StateOlderThanCloud { .. }));
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(project.phases().contains_key("t-g2"));
}
