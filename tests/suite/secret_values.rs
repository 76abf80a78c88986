//! Secret values: a value that is set later, or that changes after its statement was adopted, is a change.

use std::{collections::BTreeMap, time::Duration};

use floe::{
    diff::{Action, Block, ImportMode, PlanOptions, Reason},
    plan::stale_reasons,
    planning,
    resource::{HashKey, Secrets},
    simulator::OutOfBandChange,
    state::MemoryLedger,
};

use crate::test_project::{TestProject, empty_record, floe_toml, statement};

/// The manifest of a job whose SQL contains a secret.
const JOB_WITH_SECRET: &str = r#"
[statements.job]
sql = "INSERT INTO t SELECT ML_PREDICT('m', '${secret.s}') FROM o"
evolve = "restart"
"#;

/// Returns a project with that job and no value for its secret.
fn project_with_secret() -> TestProject {
    let main = floe_toml("[secrets]\ns = { env = \"S\" }\n");
    TestProject::new(&[
        ("floe.toml", &main),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
        ("statements/s.toml", JOB_WITH_SECRET),
    ])
}

/// Returns secrets in which `s` has the value `text`.
fn secrets_with_value(text: &str) -> Secrets {
    Secrets::new(BTreeMap::from([("s".to_owned(), text.to_owned())]))
}

/// Asserts that the plan changes the job because of its secret.
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
    // Where the value is not set, floe cannot compare it and changes nothing.
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

/// The service quotes what was submitted. Where the variable is not set, floe still learns the value from the live SQL.
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

/// Discards the state, and declares the pool by its id, as a user would who has lost the state.
async fn lose_state(project: &mut TestProject) {
    let pool = project.recorded().await.pools["main"].id.clone();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    project.ledger = MemoryLedger::new();
}

/// Returns the plan and the record as JSON.
async fn plan_and_record_json(project: &TestProject, run: &crate::test_project::ApplyResult) -> String {
    serde_json::to_string(&run.plan).unwrap() + &serde_json::to_string(&project.recorded().await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_secret_removed_from_the_manifest_is_not_adopted_into_a_new_state() {
    for (option, more, known) in [
        // The value is available here, so the option's name does not matter.
        ("x.what", "", "hunter2hunter2"),
        // The value is not available here, but the option's name shows that it is a secret.
        ("x.api-key", "", ""),
        // The secret is in a property, and the SQL is as declared.
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
        // Do what the block says: declare the statement as it runs. It is adopted, and the next plan can change it.
        project.declare(&table(&with, more));
        let run = project.converge().await;
        assert!(matches!(run.plan.changes[&statement("m")].action, Action::Adopt { .. }), "{:#?}", run.plan.changes);
        assert!(!plan_and_record_json(&project, &run).await.contains("hunter2"), "{option} {more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_is_not_a_secret_is_shown_and_not_adopted() {
    let mut project = project_with_secret();
    project.declare("[statements.m]\nsql = \"CREATE TABLE m (id STRING) WITH ('x.y' = 'plain')\"\n");
    project.secrets = secrets_with_value("hunter2hunter2");
    project.converge().await;
    lose_state(&mut project).await;
    project.declare("[statements.m]\nsql = \"CREATE TABLE m (id STRING)\"\n");
    let plan = project.plan().await;
    let block = Block::AdoptionDiffers { name: "m".to_owned(), import: ImportMode::AsIs };
    let change = &plan.changes[&statement("m")];
    assert_eq!(change.action, Action::Blocked { by: vec![block] });
    assert!(matches!(&change.reasons[..], [Reason::SqlChanged { .. }]), "{change:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_that_adopts_does_not_depend_on_the_hash_key() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("hunter2hunter2");
    project.converge().await;
    lose_state(&mut project).await;
    // A state that does not exist yet gets a new hash key in each run.
    let new_record = |key: &str| floe::state::Recorded { hash_key: HashKey(key.to_owned()), ..empty_record() };
    let (saved, now) = (new_record("the key of plan"), new_record("the key of apply"));
    let cloud = project.cloud();
    let saved = project.plan_on(&cloud, &PlanOptions::default(), &saved).await.unwrap();
    let plan = project.plan_on(&cloud, &PlanOptions::default(), &now).await.unwrap();
    assert!(matches!(saved.changes[&statement("job")].action, Action::Adopt { .. }), "{:#?}", saved.changes);
    assert_eq!(stale_reasons(&saved, &plan, &BTreeMap::new()), []);
    let report = project.execute(&cloud, &saved, now, &mut |_| {}).await;
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert!(!project.plan().await.has_changes());
    // The next value is still a change.
    project.secrets = secrets_with_value("correct-horse");
    assert_secret_change_is_planned(&project.plan().await);
}

/// Returns the record with the hash that floe 0.1.0 stored for the value `sesame` of `s`, under the key `key`.
fn with_weak_hash(recorded: &floe::state::Recorded) -> floe::state::Recorded {
    let mut value = serde_json::to_value(recorded).unwrap();
    value["statements"]["job"]["current"]["secrets"]["s"] = "cd91ff0322095dc25c0f7eda2be6d55e".into();
    serde_json::from_value(value).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hash_of_0_1_0_is_compared_and_then_replaced_by_an_apply_that_has_the_value() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("sesame");
    project.converge().await;
    project.ledger = MemoryLedger::with_record(with_weak_hash(&project.recorded().await));
    // Another value is a change, and no value is no change.
    project.secrets = secrets_with_value("other");
    assert_secret_change_is_planned(&project.plan().await);
    project.secrets = Secrets::default();
    assert!(!project.plan().await.has_work());
    // The same value is no change either, and its hash is replaced.
    project.secrets = secrets_with_value("sesame");
    let plan = project.converge().await.plan;
    assert!(!plan.has_changes() && plan.has_work(), "{plan:#?}");
    let written = serde_json::to_string(&project.recorded().await).unwrap();
    assert!(!written.contains("cd91ff03") && written.contains("\"s\":\"argon2id-m19456-t2:"), "{written}");
    assert!(!project.plan().await.has_work());
}

#[tokio::test(start_paused = true)]
async fn a_state_and_a_plan_hold_no_hash_that_can_be_guessed_quickly() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("hunter2hunter2");
    let run = project.converge().await;
    let written = plan_and_record_json(&project, &run).await;
    let recorded = project.recorded().await;
    let hashes = &recorded.statements["job"].current.as_ref().unwrap().secrets;
    assert!(hashes.values().all(|hash| !hash.is_weak()) && hashes.len() == 1, "{hashes:?}");
    assert!(!written.contains("hunter2"), "{written}");
}

/// A proxy may return what was submitted in another spelling.
#[tokio::test(start_paused = true)]
async fn a_secret_is_redacted_in_every_spelling_of_a_message() {
    let mut project = project_with_secret();
    project.secrets = secrets_with_value("it''s/correct horse+battery");
    project.converge().await;
    let spellings = "it's/correct horse+battery, it%27%27s%2Fcorrect%20horse%2bbattery, it''s\\/correct horse+battery, \
                     aXQnJ3MvY29ycmVjdCBob3JzZStiYXR0ZXJ5, it''s/correct\n  horse+battery, it''s/correct ho";
    project.simulator.apply_out_of_band(OutOfBandChange::Fail("job".to_owned(), spellings.to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let written = serde_json::to_string(&project.plan().await.changes).unwrap();
    let hidden = ["${secret.s}"; 6].join(", ");
    assert!(written.contains(&hidden), "{written}");
    assert!(!written.contains("horse") && !written.contains("aXQn"), "{written}");
}
