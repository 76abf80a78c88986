//! Values of secrets: one that is set later, or changes after its statement was adopted, is a change.

use std::{collections::BTreeMap, time::Duration};

use floe::{
    diff::{Action, Block, PlanOptions, Reason},
    plan::stale_reasons,
    planning,
    resource::{HashKey, Secrets},
    simulator::OutOfBandChange,
    state::MemoryLedger,
};

use crate::test_project::{TestProject, empty_record, floe_toml, statement};

const JOB_WITH_SECRET: &str = r#"
[statements.job]
sql = "INSERT INTO t SELECT ML_PREDICT('m', '${secret.s}') FROM o"
evolve = "restart"
"#;

fn project_with_secret() -> TestProject {
    let main = floe_toml("[secrets]\ns = { env = \"S\" }\n");
    TestProject::new(&[
        ("floe.toml", &main),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
        ("statements/s.toml", JOB_WITH_SECRET),
    ])
}

fn secrets_with_value(text: &str) -> Secrets {
    Secrets::new(BTreeMap::from([("s".to_owned(), text.to_owned())]))
}

fn assert_secret_change_is_planned(plan: &floe::plan::Plan) {
    let change = &plan.changes[&statement("job")];
    assert!(change.reasons.contains(&Reason::SecretChanged { name: "s".to_owned() }), "{change:#?}");
}

#[tokio::test(start_paused = true)]
async fn setting_a_secret_after_a_placeholder_was_sent_is_a_change() {
    let mut project = project_with_secret();
    project.converge().await;
    project.secrets = secrets_with_value("hunter2hunter2");
    assert_secret_change_is_planned(&project.plan().await);
    project.converge().await;
    assert_eq!(project.phases()["job-g2"], "RUNNING");
    // Where it is not set nobody can tell, and nothing is done.
    project.secrets = Secrets::default();
    assert!(!project.plan().await.has_changes());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_changes_after_adoption_is_a_change() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("hunter2hunter2");
    project.converge().await;
    let pool = project.recorded().await.pools["main"].id.clone();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    project.ledger = MemoryLedger::new();
    let run = project.converge().await;
    assert!(matches!(run.plan.changes[&statement("job")].action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
    project.secrets = secrets_with_value("correct-horse");
    assert_secret_change_is_planned(&project.plan().await);
}

/// The service quotes what was submitted. Where the variable is not set the value is still read off what the cloud shows.
#[tokio::test(start_paused = true)]
async fn an_unset_secret_is_redacted_where_the_service_quotes_it() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("hunter2hunter2");
    project.converge().await;
    let detail = "cannot read ML_PREDICT('m', 'hunter2hunter2')".to_owned();
    project.simulator.apply_out_of_band(OutOfBandChange::Fail("job".to_owned(), detail)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    for secrets in [secrets_with_value("hunter2hunter2"), Secrets::default()] {
        project.secrets = secrets;
        let recorded = std::sync::Arc::new(project.recorded().await);
        let (cloud, request) = (project.cloud(), PlanOptions::default());
        let planned =
            planning::make_plan(&project.graph(), &project.secrets, &recorded, &cloud, &request).await.unwrap();
        let written = serde_json::to_string(&planned.plan).unwrap();
        assert!(written.contains("cannot read ML_PREDICT('m', '${secret.s}')"), "{written}");
        assert!(!written.contains("hunter2") && planned.secrets.redact("hunter2hunter2") == "${secret.s}", "{written}");
    }
}

/// `world` as somebody finds it whose state is gone: its pool is given by its id.
async fn lose_state(project: &mut TestProject) {
    let pool = project.recorded().await.pools["main"].id.clone();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    project.ledger = MemoryLedger::new();
}

/// Everything that a plan says and that is kept of it.
async fn plan_and_record_json(project: &TestProject, run: &crate::test_project::ApplyResult) -> String {
    serde_json::to_string(&run.plan).unwrap() + &serde_json::to_string(&project.recorded().await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_secret_removed_from_the_manifest_is_not_adopted_into_a_new_state() {
    for (option, more, known) in [
        // Its value is known here, whatever the option is called.
        ("x.what", "", "hunter2hunter2"),
        // Nobody knows the value here, and the option's name says what it is.
        ("x.api-key", "", ""),
        // A property, and the SQL is as declared.
        ("x.what", "[statements.m.properties]\n'x.y' = '${secret.s}'\n", "hunter2hunter2"),
    ] {
        let table =
            |with: &str, more: &str| format!("[statements.m]\nsql = \"CREATE TABLE m (id STRING){with}\"\n{more}");
        let main = floe_toml("[secrets]\ns = { env = \"S\" }\n");
        let pools = ("pools.toml", "[pools.main]\nmax_cfu = 10\n");
        let with = if more.is_empty() { format!(" WITH ('{option}' = '${{secret.s}}')") } else { String::new() };
        let mut project = TestProject::new(&[("floe.toml", &main), pools, ("statements/s.toml", &table(&with, more))]);
        project.secrets = secrets_with_value("hunter2hunter2");
        project.converge().await;
        lose_state(&mut project).await;
        project.declare(&table("", ""));
        project.secrets = secrets_with_value(known);
        let run = project.apply().await;
        assert!(!plan_and_record_json(&project, &run).await.contains("hunter2"), "{option} {more}");
        let blocked = Action::Blocked { by: vec![Block::AdoptionExposesSecret { name: "m".to_owned() }] };
        assert_eq!(run.plan.changes[&statement("m")].action, blocked, "{option} {more}");
        // What the block says to do: declare what runs; it is taken over, and changed by the plan after that.
        project.declare(&table(&with, more));
        let run = project.converge().await;
        assert!(matches!(run.plan.changes[&statement("m")].action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
        assert!(!plan_and_record_json(&project, &run).await.contains("hunter2"), "{option} {more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_option_that_is_not_a_secret_is_adopted() {
    let mut project = project_with_secret();
    project.declare("[statements.m]\nsql = \"CREATE TABLE m (id STRING) WITH ('x.y' = 'plain')\"\n");
    project.secrets = secrets_with_value("hunter2hunter2");
    project.converge().await;
    lose_state(&mut project).await;
    project.declare("[statements.m]\nsql = \"CREATE TABLE m (id STRING)\"\n");
    let plan = project.plan().await;
    assert!(matches!(plan.changes[&statement("m")].action, Action::Adopt { .. }), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_that_adopts_does_not_depend_on_the_hash_key() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("hunter2hunter2");
    project.converge().await;
    lose_state(&mut project).await;
    // A state that has yet to be begun has a key of its own in each run.
    let new_record = |key: &str| floe::state::Recorded { hash_key: HashKey(key.to_owned()), ..empty_record() };
    let (saved, now) = (new_record("that of plan"), new_record("that of apply"));
    let cloud = project.cloud();
    let saved = project.plan_on(&cloud, &PlanOptions::default(), &saved).await.unwrap();
    let plan = project.plan_on(&cloud, &PlanOptions::default(), &now).await.unwrap();
    assert!(matches!(saved.changes[&statement("job")].action, Action::Adopt { .. }), "{:#?}", saved.changes);
    assert_eq!(stale_reasons(&saved, &plan, &BTreeMap::new()), []);
    let report = project.execute(&cloud, &saved, now, &mut |_| {}).await;
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert!(!project.plan().await.has_changes());
    // And the next value is a change all the same.
    project.secrets = secrets_with_value("correct-horse");
    assert_secret_change_is_planned(&project.plan().await);
}
