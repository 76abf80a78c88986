//! What the blocks of pools say can be done.

use super::*;

const POOLS: &str = "[pools.main]\nmax_cfu = 10\n";
const SPARE: &str = "[pools.spare]\nmax_cfu = 5\n";

fn id_of(world: &World, name: &str) -> String {
    let pools = world.simulator.world_view().pools;
    pools.iter().find(|pool| pool.display_name.ends_with(name)).unwrap().id.clone()
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_our_name_is_used_without_owning_it_or_another_name_is_chosen() {
    for more in ["id = \"ID\"", "max_cfu = 5\ndisplay_name = \"another\""] {
        let mut world = World::of(TABLE);
        world.write("pools.toml", &format!("{POOLS}{SPARE}"));
        world.converge().await;
        let id = id_of(&world, "spare");
        record(&world, Fact::Forgotten { address: Address::pool("spare") }).await;
        assert_eq!(block(&world, "pools.spare").await, Block::PoolExists { id: id.clone() });
        world.write("pools.toml", &format!("{POOLS}[pools.spare]\n{}\n", more.replace("ID", &id)));
        world.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_others_use_is_no_longer_owned() {
    let mut world = World::of(TABLE);
    world.write("pools.toml", &format!("{POOLS}{SPARE}"));
    world.converge().await;
    let id = id_of(&world, "spare");
    let theirs = NewStatement {
        name: "theirs".to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(id.clone()),
        ..NewStatement::default()
    };
    world.cloud().submit(&theirs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.write("pools.toml", POOLS);
    assert!(matches!(block(&world, "pools.spare").await, Block::PoolInUse { .. }));
    world.write("pools.toml", &format!("{POOLS}[pools.spare]\nid = \"{id}\"\n"));
    world.converge().await;
    assert_eq!(world.simulator.world_view().pools.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_carries_a_job_goes_once_that_has_another_pool_or_stands_still() {
    for more in ["pool = \"main\"", "stopped = true", ""] {
        let mut world = World::of("");
        world.write("floe.toml", &project("").replace("pool = \"main\"", ""));
        world.write("pools.toml", &format!("{POOLS}{SPARE}"));
        let job = |more: &str| format!("[statements.j]\nsql = \"INSERT INTO b SELECT id FROM a\"\n{more}\n");
        world.declare(&job("pool = \"spare\""));
        world.converge().await;
        world.write("pools.toml", POOLS);
        world.declare(&job(""));
        assert!(matches!(block(&world, "pools.spare").await, Block::PoolHasStatements { .. }));
        if more.is_empty() {
            let excludes = [Address::pool("spare")].into();
            let run = world.request(PlanOptions { excludes, ..PlanOptions::default() }).await;
            assert!(run.report.expect("it is blocked").is_complete());
        } else {
            world.declare(&job(more));
            world.converge().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_failed_is_deleted_and_made_again() {
    let mut world = World::of(TABLE);
    world.write("pools.toml", &format!("{POOLS}{SPARE}"));
    world.converge().await;
    let id = id_of(&world, "spare");
    meddle(&world, OutOfBandChange::FailPool(id.clone()));
    assert_eq!(block(&world, "pools.spare").await, Block::PoolFailed { id: id.clone() });
    meddle(&world, OutOfBandChange::DeletePool(id));
    tokio::time::sleep(Duration::from_secs(300)).await;
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_missing_is_replaced_by_one_of_the_projects_own() {
    let mut world = World::of(TABLE);
    world.write("pools.toml", "[pools.main]\nid = \"lfcp-nobody\"\n");
    assert!(matches!(block(&world, "pools.main").await, Block::PoolMissing { .. }));
    world.write("pools.toml", POOLS);
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_in_another_network_is_put_back_and_left_for_a_new_one() {
    let mut world = World::of(COPY);
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\nnetwork = \"n-1\"\n");
    world.converge().await;
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\nnetwork = \"n-2\"\n");
    assert!(matches!(block(&world, "pools.main").await, Block::PoolFieldImmutable { .. }));
    let new = "[pools.new]\nmax_cfu = 10\nnetwork = \"n-2\"\n";
    world.write("pools.toml", &format!("[pools.main]\nmax_cfu = 10\nnetwork = \"n-1\"\n{new}"));
    world.declare(&format!("{COPY}pool = \"new\"\n"));
    world.converge().await;
    world.write("floe.toml", &project("").replace("pool = \"main\"", "pool = \"new\""));
    world.write("pools.toml", new);
    world.converge().await;
    assert_eq!(world.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_guarded_pool_is_declared_again_without_the_guard_and_then_goes() {
    let mut world = World::of(TABLE);
    world.write("pools.toml", &format!("{POOLS}{SPARE}prevent_destroy = true\n"));
    world.converge().await;
    world.write("pools.toml", POOLS);
    assert_eq!(block(&world, "pools.spare").await, Block::PreventDestroy);
    world.write("pools.toml", &format!("{POOLS}{SPARE}"));
    world.converge().await;
    world.write("pools.toml", POOLS);
    world.converge().await;
    assert_eq!(world.simulator.world_view().pools.len(), 1);
}
