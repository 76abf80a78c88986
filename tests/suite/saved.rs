//! A saved plan, and what may change elsewhere before it is applied.

use std::collections::BTreeMap;

use floe::{
    cloud::NewStatement,
    diff::{Change, PlanOptions},
    plan::{Plan, StaleReason, check, excluded_by, options_without_foreign_blocks, rebase_onto, stale_reasons},
    resource::Address,
    simulator::OutOfBandChange,
    state::Recorded,
};

use crate::world::{World, statement};

const JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
[statements.other]
sql = "INSERT INTO others SELECT id FROM orders"
"#;

/// Somebody decides later about `copy`; the pool is to grow now.
async fn a_plan_for_the_pool() -> (World, floe::plan::Plan) {
    let mut world = World::of(JOBS);
    world.converge().await;
    world.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    let saved = world.plan().await;
    (world, saved)
}

#[tokio::test(start_paused = true)]
async fn a_block_elsewhere_is_no_concern_of_a_saved_plan() {
    let (world, saved) = a_plan_for_the_pool().await;
    world.declare(&JOBS.replace("SELECT id, price", "SELECT id, price + 1"));
    let now = world.plan().await;
    assert_eq!(now.blocked_addresses().collect::<Vec<_>>(), [&statement("copy")]);
    let request = options_without_foreign_blocks(&saved, &now).unwrap();
    let (now, _) = world.plan_with(&world.cloud(), &request).await.unwrap();
    assert_eq!(stale_reasons(&saved, &now, &BTreeMap::new()), []);
    assert_eq!(now.groups, saved.groups);
}

#[tokio::test(start_paused = true)]
async fn a_block_of_what_it_changes_is_named_alone() {
    let (world, _) = a_plan_for_the_pool().await;
    world.declare(
        &JOBS.replace("FROM orders\"\n[statements.other]", "FROM orders\"\nstopped = true\n[statements.other]"),
    );
    let saved = world.plan().await;
    assert_eq!(saved.changes.len(), 2, "{:#?}", saved.changes);
    world.declare(&JOBS.replace("SELECT id, price", "SELECT id, price + 1"));
    let (now, _) = world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap();
    assert!(now.changes.get(&statement("copy")).is_some_and(Change::is_blocked));
    assert_eq!(options_without_foreign_blocks(&saved, &now), None);
    let moved = stale_reasons(&saved, &now, &BTreeMap::new());
    assert_eq!(moved, [StaleReason::DeclarationChanged(statement("copy"))], "not {}", Address::pool("main"));
}

#[tokio::test(start_paused = true)]
async fn a_block_of_what_it_needs_is_the_reason() {
    let mut world = World::of(JOBS);
    let mut saved = world.plan().await;
    // Meanwhile somebody else takes the table's name.
    world.request(PlanOptions { targets: [Address::pool("main")].into(), ..PlanOptions::default() }).await;
    let theirs = NewStatement {
        name: "orders".into(),
        sql: "CREATE TABLE orders (id STRING, price INT)".into(),
        pool: Some(world.recorded().await.pools["main"].id.clone()),
        ..NewStatement::default()
    };
    world.cloud().submit(&theirs).await.unwrap();
    saved.changes.retain(|address, _| *address == statement("copy"));
    let now = world.plan().await;
    assert_eq!(now.blocked_addresses().collect::<Vec<_>>(), [&statement("orders")]);
    let request = options_without_foreign_blocks(&saved, &now).unwrap();
    let (now, recorded) = world.plan_with(&world.cloud(), &request).await.unwrap();
    let moved = stale_reasons(&saved, &now, &excluded_by(&saved, &now, &world.graph(), &recorded));
    assert_eq!(moved, [StaleReason::Blocked { address: statement("copy"), by: statement("orders") }]);
    let said = moved[0].to_string();
    assert!(said.contains("statements.orders is blocked now") && said.contains("statements.copy"), "{said}");
}

/// A replaced pool size and a new job: what the plans below are of.
const CHANGED: &str = r#"
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

/// What moves between the plan and its application.
type Moves = fn(&World, &mut Plan, &mut Recorded);

fn pool(world: &World) -> String {
    world.simulator.world_view().pools[0].id.clone()
}

const WAIT: &str = "statements.orders is blocked now, and statements.copy has to wait for it\n\
                    statements.orders is blocked now, and statements.more has to wait for it";

/// A row for each kind of refusal: what moves, and what is told of it.
const MOVES: [(&str, Moves); 11] = [
    ("it was made for another project", |_, saved, _| saved.basis.project = "other".to_owned()),
    ("it was made for another environment", |_, saved, _| saved.basis.environment = "prod".to_owned()),
    ("it was made for another environment", |_, saved, _| saved.basis.identity.environment = "env-other".to_owned()),
    ("it was made for another state", |_, _, recorded| recorded.lineage = "another".to_owned()),
    ("statements.more is declared differently now", |world, _, _| {
        world.declare(&CHANGED.replace("SELECT price FROM", "SELECT id FROM"));
    }),
    ("the state records something else of statements.copy now", |_, _, recorded| {
        recorded.statements.get_mut("copy").unwrap().needs.clear();
    }),
    ("statement `copy` is not what it was when the plan was made", |_, saved, _| {
        saved.basis.seen.get_mut("copy").unwrap().uid = "another".to_owned();
    }),
    ("pool POOL is not what it was when the plan was made", |world, _, _| {
        world.simulator.apply_out_of_band(OutOfBandChange::SetPoolMaxCfu(pool(world), 20)).unwrap();
    }),
    ("something else would be done to statements.more now", |_, saved, _| {
        saved.groups.retain(|passage| passage.address != statement("more"));
    }),
    ("nothing is to be done to statements.copy any more", |world, _, _| {
        world.declare(&CHANGED.replace("stopped = true\n", ""));
    }),
    (WAIT, |world, _, _| world.declare(&CHANGED.replace("price INT", "price BIGINT"))),
];

async fn applied_with_a_plan_to_go_on() -> (World, Plan) {
    let mut world = World::of(JOBS);
    world.converge().await;
    world.write("pools.toml", "[pools.main]\nmax_cfu = 30\n");
    world.declare(CHANGED);
    let saved = world.plan().await;
    assert_eq!(saved.changes.len(), 3, "{:#?}", saved.changes);
    (world, saved)
}

/// What is told of a saved plan that is to be applied now, on `recorded`.
async fn refusals(world: &World, saved: &Plan, recorded: &Recorded) -> Vec<String> {
    let cloud = world.cloud();
    let mut now = world.plan_on(&cloud, &saved.options, recorded).await.unwrap();
    if let Some(request) = options_without_foreign_blocks(saved, &now) {
        now = world.plan_on(&cloud, &request, recorded).await.unwrap();
    }
    let moved = stale_reasons(saved, &now, &excluded_by(saved, &now, &world.graph(), recorded));
    moved.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_move_refuses_a_saved_plan_and_is_told_alone() {
    for (told, moves) in MOVES {
        let (world, mut saved) = applied_with_a_plan_to_go_on().await;
        let mut recorded = world.recorded().await;
        assert_eq!(refusals(&world, &saved, &recorded).await, [""; 0]);
        moves(&world, &mut saved, &mut recorded);
        let told = told.replace("POOL", &pool(&world));
        assert_eq!(refusals(&world, &saved, &recorded).await.join("\n"), told);
    }
}

/// What it waits for besides is no change of it: a pool that is to grow by now comes before whatever runs on it.
#[tokio::test(start_paused = true)]
async fn what_is_to_be_done_elsewhere_by_now_moves_nothing() {
    let mut world = World::of(JOBS);
    world.converge().await;
    world.declare(CHANGED);
    let saved = world.plan().await;
    world.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    let more = world.plan().await.groups.into_iter().find(|passage| passage.address == statement("more")).unwrap();
    assert!(more.after.contains(&Address::pool("main")), "{more:#?}");
    let recorded = world.recorded().await;
    assert_eq!(refusals(&world, &saved, &recorded).await, [""; 0]);
}

/// The cloud purges what stands still after 30 days, whatever a saved plan is about.
#[tokio::test(start_paused = true)]
async fn a_retired_generation_of_another_job_may_go_meanwhile() {
    let mut world = World::of(JOBS);
    world.converge().await;
    let evolved =
        JOBS.replace("SELECT id, price FROM orders\"", "SELECT id, price + 1 FROM orders\"\nevolve = \"restart\"");
    world.declare(&evolved);
    world.converge().await;
    assert_eq!(world.phases()["copy"], "STOPPED");
    world.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    let saved = world.plan().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Purge("copy".into())).unwrap();
    let (now, recorded) = world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap();
    assert!(!now.entries.is_empty(), "that it is gone is recorded first");
    assert_eq!(stale_reasons(&saved, &now, &BTreeMap::new()), []);
    assert_eq!(check(&rebase_onto(saved, &now), &recorded), []);
}
