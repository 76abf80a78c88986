//! Saved plans, and what may change elsewhere before they are applied.

use std::collections::BTreeMap;

use floe::{
    cloud::NewStatement,
    diff::{Change, PlanOptions},
    plan::{Plan, StaleReason, check, excluded_by, options_without_foreign_blocks, rebase_onto, stale_reasons},
    resource::Address,
    simulator::OutOfBandChange,
    state::Recorded,
};

use crate::test_project::{TestProject, statement};

/// The manifest of a table and of two jobs that read it.
const JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
[statements.other]
sql = "INSERT INTO others SELECT id FROM orders"
"#;

/// Returns a converged project and a saved plan that only enlarges its pool. The decision about `copy` is left for
/// later.
async fn project_with_saved_pool_plan() -> (TestProject, floe::plan::Plan) {
    let mut project = TestProject::with_statements(JOBS);
    project.converge().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    let saved = project.plan().await;
    (project, saved)
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_ignores_unrelated_blocks() {
    let (project, saved) = project_with_saved_pool_plan().await;
    project.declare(&JOBS.replace("SELECT id, price", "SELECT id, price + 1"));
    let now = project.plan().await;
    assert_eq!(now.blocked_addresses().collect::<Vec<_>>(), [&statement("copy")]);
    let request = options_without_foreign_blocks(&saved, &now).unwrap();
    let (now, _) = project.plan_with(&project.cloud(), &request).await.unwrap();
    assert_eq!(stale_reasons(&saved, &now, &BTreeMap::new()), []);
    assert_eq!(now.groups, saved.groups);
}

#[tokio::test(start_paused = true)]
async fn a_block_on_a_planned_change_is_the_only_reason() {
    let (project, _) = project_with_saved_pool_plan().await;
    project.declare(
        &JOBS.replace("FROM orders\"\n[statements.other]", "FROM orders\"\nstopped = true\n[statements.other]"),
    );
    let saved = project.plan().await;
    assert_eq!(saved.changes.len(), 2, "{:#?}", saved.changes);
    project.declare(&JOBS.replace("SELECT id, price", "SELECT id, price + 1"));
    let (now, _) = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap();
    assert!(now.changes.get(&statement("copy")).is_some_and(Change::is_blocked));
    assert_eq!(options_without_foreign_blocks(&saved, &now), None);
    let reasons = stale_reasons(&saved, &now, &BTreeMap::new());
    assert_eq!(reasons, [StaleReason::DeclarationChanged(statement("copy"))], "not {}", Address::pool("main"));
}

#[tokio::test(start_paused = true)]
async fn a_block_on_a_dependency_makes_a_saved_plan_stale() {
    let mut project = TestProject::with_statements(JOBS);
    let mut saved = project.plan().await;
    // In the meantime, another user takes the table's name.
    project.apply_with_options(PlanOptions { targets: [Address::pool("main")].into(), ..PlanOptions::default() }).await;
    let theirs = NewStatement {
        name: "orders".into(),
        sql: "CREATE TABLE orders (id STRING, price INT)".into(),
        pool: Some(project.recorded().await.pools["main"].id.clone()),
        ..NewStatement::default()
    };
    project.cloud().submit_statement(&theirs).await.unwrap();
    saved.changes.retain(|address, _| *address == statement("copy"));
    let now = project.plan().await;
    assert_eq!(now.blocked_addresses().collect::<Vec<_>>(), [&statement("orders")]);
    let request = options_without_foreign_blocks(&saved, &now).unwrap();
    let (now, recorded) = project.plan_with(&project.cloud(), &request).await.unwrap();
    let reasons = stale_reasons(&saved, &now, &excluded_by(&saved, &now, &project.graph(), &recorded));
    assert_eq!(reasons, [StaleReason::Blocked { address: statement("copy"), by: statement("orders") }]);
    let said = reasons[0].to_string();
    assert!(said.contains("statements.orders is now blocked") && said.contains("statements.copy"), "{said}");
}

/// The manifest after the changes that the saved plans below contain: a stopped job and a new job.
const CHANGED_JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
stopped = true
[statements.other]
sql = "INSERT INTO others SELECT id FROM orders"
[statements.more]
sql = "INSERT INTO more SELECT price FROM orders"
"#;

/// A change between a plan and its application.
type ChangeAfterPlanning = fn(&TestProject, &mut Plan, &mut Recorded);

/// Returns the id of the simulated pool.
fn pool_id(project: &TestProject) -> String {
    project.simulator.world_view().pools[0].id.clone()
}

/// The reasons that are reported when a dependency is blocked.
const BLOCKED_DEPENDENCY: &str = "statements.orders is now blocked, and statements.copy has to wait for it\n\
                    statements.orders is now blocked, and statements.more has to wait for it";

/// Every kind of reason to reject a saved plan: the message, and the change that causes it.
const CHANGES_AFTER_PLANNING: [(&str, ChangeAfterPlanning); 11] = [
    ("it was made for another project", |_, saved, _| saved.basis.project = "other".to_owned()),
    ("it was made for another environment", |_, saved, _| saved.basis.environment = "prod".to_owned()),
    ("it was made for another environment", |_, saved, _| saved.basis.identity.environment = "env-other".to_owned()),
    ("it was made for another state", |_, _, recorded| recorded.lineage = "another".to_owned()),
    ("the declaration of statements.more has changed", |project, _, _| {
        project.declare(&CHANGED_JOBS.replace("SELECT price FROM", "SELECT id FROM"));
    }),
    ("the record of statements.copy has changed", |_, _, recorded| {
        recorded.statements.get_mut("copy").unwrap().dependencies.clear();
    }),
    ("statement `copy` has changed in Confluent Cloud", |_, saved, _| {
        saved.basis.seen.get_mut("copy").unwrap().uid = "another".to_owned();
    }),
    ("pool `POOL` has changed in Confluent Cloud", |project, _, _| {
        project.simulator.apply_out_of_band(OutOfBandChange::SetPoolMaxCfu(pool_id(project), 20)).unwrap();
    }),
    ("the action for statements.more has changed", |_, saved, _| {
        saved.groups.retain(|group| group.address != statement("more"));
    }),
    ("statements.copy no longer needs a change", |project, _, _| {
        project.declare(&CHANGED_JOBS.replace("stopped = true\n", ""));
    }),
    (BLOCKED_DEPENDENCY, |project, _, _| project.declare(&CHANGED_JOBS.replace("price INT", "price BIGINT"))),
];

/// Returns a converged project and a saved plan for its changed manifests.
async fn project_with_saved_plan() -> (TestProject, Plan) {
    let mut project = TestProject::with_statements(JOBS);
    project.converge().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 30\n");
    project.declare(CHANGED_JOBS);
    let saved = project.plan().await;
    assert_eq!(saved.changes.len(), 3, "{:#?}", saved.changes);
    (project, saved)
}

/// Returns the reasons to reject `saved` if it were applied now, on `recorded`.
async fn stale_messages(project: &TestProject, saved: &Plan, recorded: &Recorded) -> Vec<String> {
    let cloud = project.cloud();
    let mut now = project.plan_on(&cloud, &saved.options, recorded).await.unwrap();
    if let Some(request) = options_without_foreign_blocks(saved, &now) {
        now = project.plan_on(&cloud, &request, recorded).await.unwrap();
    }
    let reasons = stale_reasons(saved, &now, &excluded_by(saved, &now, &project.graph(), recorded));
    reasons.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn every_reason_to_refuse_a_saved_plan_is_reported_alone() {
    for (expected, change) in CHANGES_AFTER_PLANNING {
        let (project, mut saved) = project_with_saved_plan().await;
        let mut recorded = project.recorded().await;
        assert_eq!(stale_messages(&project, &saved, &recorded).await, [""; 0]);
        change(&project, &mut saved, &mut recorded);
        let expected = expected.replace("POOL", &pool_id(&project));
        assert_eq!(stale_messages(&project, &saved, &recorded).await.join("\n"), expected);
    }
}

/// A new dependency does not change a step group: a pool that is enlarged by now comes before the jobs that run on it.
#[tokio::test(start_paused = true)]
async fn an_unrelated_new_change_does_not_make_a_saved_plan_stale() {
    let mut project = TestProject::with_statements(JOBS);
    project.converge().await;
    project.declare(CHANGED_JOBS);
    let saved = project.plan().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    let more = project.plan().await.groups.into_iter().find(|group| group.address == statement("more")).unwrap();
    assert!(more.after.contains(&Address::pool("main")), "{more:#?}");
    let recorded = project.recorded().await;
    assert_eq!(stale_messages(&project, &saved, &recorded).await, [""; 0]);
}

/// Confluent Cloud purges stopped statements after 30 days, regardless of what a saved plan contains.
#[tokio::test(start_paused = true)]
async fn a_purged_generation_of_another_job_does_not_make_a_saved_plan_stale() {
    let mut project = TestProject::with_statements(JOBS);
    project.converge().await;
    let evolved =
        JOBS.replace("SELECT id, price FROM orders\"", "SELECT id, price + 1 FROM orders\"\nevolve = \"restart\"");
    project.declare(&evolved);
    project.converge().await;
    assert_eq!(project.phases()["copy"], "STOPPED");
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    let saved = project.plan().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Purge("copy".into())).unwrap();
    let (now, recorded) = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap();
    assert!(!now.entries.is_empty(), "the plan first records that the generation is gone");
    assert_eq!(stale_reasons(&saved, &now, &BTreeMap::new()), []);
    assert_eq!(check(&rebase_onto(saved, &now), &recorded), []);
}
