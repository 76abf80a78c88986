//! A saved plan, and what may change elsewhere before it is applied.

use std::collections::BTreeMap;

use floe::{
    cloud::NewStatement,
    diff::{Change, Request},
    plan::{Moved, moved_since, taken_out, without_blocks_elsewhere},
    resource::Address,
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
    assert_eq!(now.blocked().collect::<Vec<_>>(), [&statement("copy")]);
    let request = without_blocks_elsewhere(&saved, &now).unwrap();
    let (now, _) = world.plan_with(&world.cloud(), &request).await.unwrap();
    assert_eq!(moved_since(&saved, &now, &BTreeMap::new()), []);
    assert_eq!(now.passages, saved.passages);
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
    let (now, _) = world.plan_with(&world.cloud(), &Request::default()).await.unwrap();
    assert!(now.changes.get(&statement("copy")).is_some_and(Change::is_blocked));
    assert_eq!(without_blocks_elsewhere(&saved, &now), None);
    let moved = moved_since(&saved, &now, &BTreeMap::new());
    assert_eq!(moved, [Moved::Declared(statement("copy"))], "not {}", Address::pool("main"));
}

#[tokio::test(start_paused = true)]
async fn a_block_of_what_it_needs_is_the_reason() {
    let mut world = World::of(JOBS);
    let mut saved = world.plan().await;
    // Meanwhile somebody else takes the table's name.
    world.request(Request { targets: [Address::pool("main")].into(), ..Request::default() }).await;
    let theirs = NewStatement {
        name: "orders".into(),
        sql: "CREATE TABLE orders (id STRING, price INT)".into(),
        pool: Some(world.recorded().await.pools["main"].id.clone()),
        ..NewStatement::default()
    };
    world.cloud().submit(&theirs).await.unwrap();
    saved.changes.retain(|address, _| *address == statement("copy"));
    let now = world.plan().await;
    assert_eq!(now.blocked().collect::<Vec<_>>(), [&statement("orders")]);
    let request = without_blocks_elsewhere(&saved, &now).unwrap();
    let (now, recorded) = world.plan_with(&world.cloud(), &request).await.unwrap();
    let moved = moved_since(&saved, &now, &taken_out(&saved, &now, &world.graph(), &recorded));
    assert_eq!(moved, [Moved::Blocked { address: statement("copy"), by: statement("orders") }]);
    let said = moved[0].to_string();
    assert!(said.contains("statements.orders is blocked now") && said.contains("statements.copy"), "{said}");
}
