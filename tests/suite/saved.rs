//! A saved plan, and what may change elsewhere before it is applied.

use floe::{
    diff::{Change, Request},
    plan::{Moved, moved_since, without_blocks_elsewhere},
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
    assert_eq!(moved_since(&saved, &now), []);
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
    let moved = moved_since(&saved, &now);
    assert_eq!(moved, [Moved::Declared(statement("copy"))], "not {}", Address::pool("main"));
}
