//! Saved plans, and what may change elsewhere before they are applied.

use std::collections::BTreeMap;

use floe::{
    cloud::NewStatement,
    diff::{Change, PlanOptions},
    plan::{Plan, StaleReason, approved_part, check, excluded_by, options_without_foreign_blocks, stale_reasons},
    resource::Address,
    simulator::OutOfBandChange,
    state::Recorded,
};

use serde_json::{Value, json};

use crate::test_project::{TestProject, floe_toml, statement};

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
    assert_eq!(check(&approved_part(&saved, &now), &recorded), []);
}

/// Returns every way to change one value of a JSON document: each field or item removed, and each value replaced.
fn tampered(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for path in pointers(value, "") {
        let Some((parent, name)) = path.rsplit_once('/') else { continue };
        let mut removed = value.clone();
        match removed.pointer_mut(parent).unwrap() {
            Value::Object(fields) => drop(fields.remove(&name.replace("~1", "/").replace("~0", "~"))),
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!("{path}"),
        }
        all.push((format!("{path} removed"), removed));
        let replacement = match value.pointer(&path).unwrap() {
            Value::Bool(is) => json!(!is),
            Value::Number(number) => json!(number.as_u64().unwrap() + 1),
            Value::String(text) => json!(format!("{text}x")),
            Value::Null => json!("x"),
            Value::Array(_) => json!([]),
            Value::Object(_) => json!({}),
        };
        let mut replaced = value.clone();
        *replaced.pointer_mut(&path).unwrap() = replacement;
        all.push((format!("{path} replaced"), replaced));
    }
    all
}

/// Returns the JSON pointers of every value inside a document.
fn pointers(value: &Value, here: &str) -> Vec<String> {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    inside
        .into_iter()
        .flat_map(|(key, value)| {
            let path = format!("{here}/{key}");
            let below = pointers(value, &path);
            std::iter::once(path).chain(below)
        })
        .collect()
}

/// Returns the part of a plan that decides what an apply sends and records. The rest is shown and compared.
fn decisive(plan: &Plan) -> impl PartialEq + std::fmt::Debug + use<> {
    let Plan { basis, entries, groups, .. } = plan.clone();
    let actions: BTreeMap<Address, floe::diff::Action> =
        plan.changes.iter().map(|(address, change)| (address.clone(), change.action.clone())).collect();
    (basis, entries, groups, actions)
}

/// The statements of a project with a secret, before and after a change that has most kinds of steps.
const BEFORE_AND_AFTER: [&str; 2] = [
    r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
[statements.other]
sql = "INSERT INTO others SELECT id FROM orders"
"#,
    r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price + 1 FROM orders"
evolve = "restart"
[statements.more]
sql = "INSERT INTO more SELECT '${secret.s}' FROM orders"
"#,
];

#[tokio::test(start_paused = true)]
async fn no_change_of_a_plan_file_changes_what_an_apply_executes() {
    let main = floe_toml("[secrets]\ns = { env = \"S\" }\n");
    let mut project = TestProject::new(&[("floe.toml", &main), ("pools.toml", "[pools.main]\nmax_cfu = 10\n")]);
    project.declare(BEFORE_AND_AFTER[0]);
    project.converge().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    project.declare(BEFORE_AND_AFTER[1]);
    let saved = project.plan().await;
    assert_eq!(saved.changes.len(), 4, "{:#?}", saved.changes);
    let recorded = project.recorded().await;
    let (cloud, graph) = (project.cloud(), project.graph());
    let untouched = decisive(&approved_part(&saved, &saved));
    let (mut refused, mut unchanged) = (0, 0);
    let json = serde_json::to_value(&saved).unwrap();
    for (case, json) in tampered(&json) {
        // What is left out of a plan is not approved, and options are consent, which travels in the file.
        let Ok(plan) = serde_json::from_value::<Plan>(json) else {
            refused += 1;
            continue;
        };
        let options_before = plan.options.clone();
        let Ok(mut now) = project.plan_on(&cloud, &plan.options, &recorded).await else {
            refused += 1;
            continue;
        };
        if let Some(request) = options_without_foreign_blocks(&plan, &now) {
            now = project.plan_on(&cloud, &request, &recorded).await.unwrap();
        }
        let reasons = stale_reasons(&plan, &now, &excluded_by(&plan, &now, &graph, &recorded));
        if !reasons.is_empty() {
            refused += 1;
            continue;
        }
        let executed = approved_part(&plan, &now);
        if plan.changes.len() == saved.changes.len() && options_before == saved.options {
            assert_eq!(decisive(&executed), untouched, "{case}");
        } else {
            // A part of the plan, or one with other consent: exactly what a plan made now for it would do.
            assert!(
                executed.groups.iter().all(|group| now.groups.iter().any(|now| now.address == group.address
                    && (&now.forward, &now.rollback) == (&group.forward, &group.rollback))),
                "{case}"
            );
        }
        unchanged += 1;
    }
    assert!(refused > 200 && unchanged > 20, "{refused} refused, {unchanged} without effect");
}

/// A change of a plan file.
type Tampering = fn(&mut Plan);

/// Every field of the basis on its own: with another value, the plan was made for something else.
#[tokio::test(start_paused = true)]
async fn a_plan_for_another_host_or_a_simulated_environment_is_refused() {
    let changes: [(&str, Tampering); 4] = [
        ("it was made for another environment", |plan| plan.basis.simulated = !plan.basis.simulated),
        ("it was made for another host", |plan| plan.basis.hosts.push("https://flink.example".to_owned())),
        ("the declaration of statements.copy has changed\nthe declaration of statements.more has changed", |plan| {
            let reads = BTreeMap::from([("s".to_owned(), "OTHER".to_owned())]);
            plan.basis.secret_variables = Some(
                [statement("copy"), statement("more")].into_iter().map(|address| (address, reads.clone())).collect(),
            );
        }),
        // A plan of floe 0.1.0 does not have the field.
        ("", |plan| plan.basis.secret_variables = None),
    ];
    for (expected, change) in changes {
        let (project, mut saved) = project_with_saved_plan().await;
        change(&mut saved);
        assert_eq!(stale_messages(&project, &saved, &project.recorded().await).await.join("\n"), expected);
    }
}
