//! Follows the next steps that floe prints for blocked changes of pools.

use super::*;

/// The pool `main` with 10 CFU.
const MAIN_POOL: &str = "[pools.main]\nmax_cfu = 10\n";
/// A second pool with 5 CFU.
const SPARE_POOL: &str = "[pools.spare]\nmax_cfu = 5\n";

/// Returns the id of the pool whose display name ends with this name.
fn pool_id(project: &TestProject, name: &str) -> String {
    let pools = project.simulator.world_view().pools;
    pools.iter().find(|pool| pool.display_name.ends_with(name)).unwrap().id.clone()
}

#[tokio::test(start_paused = true)]
async fn an_existing_pool_is_declared_by_id_or_the_new_pool_gets_another_name() {
    for more in ["id = \"ID\"", "max_cfu = 5\ndisplay_name = \"another\""] {
        let mut project = TestProject::with_statements(TABLE);
        project.write("pools.toml", &format!("{MAIN_POOL}{SPARE_POOL}"));
        project.converge().await;
        let id = pool_id(&project, "spare");
        record_fact(&project, Fact::Forgotten { address: Address::pool("spare") }).await;
        assert_eq!(planned_block(&project, "pools.spare").await, Block::PoolExists { id: id.clone() });
        project.write("pools.toml", &format!("{MAIN_POOL}[pools.spare]\n{}\n", more.replace("ID", &id)));
        project.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_in_use_by_others_is_declared_by_id() {
    let mut project = TestProject::with_statements(TABLE);
    project.write("pools.toml", &format!("{MAIN_POOL}{SPARE_POOL}"));
    project.converge().await;
    let id = pool_id(&project, "spare");
    let theirs = NewStatement {
        name: "theirs".to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(id.clone()),
        ..NewStatement::default()
    };
    project.cloud().submit_statement(&theirs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.write("pools.toml", MAIN_POOL);
    assert!(matches!(planned_block(&project, "pools.spare").await, Block::PoolInUse { .. }));
    project.write("pools.toml", &format!("{MAIN_POOL}[pools.spare]\nid = \"{id}\"\n"));
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_deleted_once_its_job_moves_or_stops() {
    for more in ["pool = \"main\"", "stopped = true", ""] {
        let mut project = TestProject::with_statements("");
        project.write("floe.toml", &floe_toml("").replace("pool = \"main\"", ""));
        project.write("pools.toml", &format!("{MAIN_POOL}{SPARE_POOL}"));
        let job = |more: &str| format!("[statements.j]\nsql = \"INSERT INTO b SELECT id FROM a\"\n{more}\n");
        project.declare(&job("pool = \"spare\""));
        project.converge().await;
        project.write("pools.toml", MAIN_POOL);
        project.declare(&job(""));
        assert!(matches!(planned_block(&project, "pools.spare").await, Block::PoolHasStatements { .. }));
        if more.is_empty() {
            let excludes = [Address::pool("spare")].into();
            let run = project.apply_with_options(PlanOptions { excludes, ..PlanOptions::default() }).await;
            assert!(run.report.expect("the plan is blocked").is_complete());
        } else {
            project.declare(&job(more));
            project.converge().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_pool_is_recreated_once_it_is_deleted() {
    let mut project = TestProject::with_statements(TABLE);
    project.write("pools.toml", &format!("{MAIN_POOL}{SPARE_POOL}"));
    project.converge().await;
    let id = pool_id(&project, "spare");
    change_outside(&project, OutOfBandChange::FailPool(id.clone()));
    assert_eq!(planned_block(&project, "pools.spare").await, Block::PoolFailed { id: id.clone() });
    change_outside(&project, OutOfBandChange::DeletePool(id));
    tokio::time::sleep(Duration::from_secs(300)).await;
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_pool_is_replaced_by_an_owned_one() {
    let mut project = TestProject::with_statements(TABLE);
    project.create_unmanaged_pool().await;
    project.write("pools.toml", "[pools.main]\nid = \"lfcp-nobody\"\n");
    assert!(matches!(planned_block(&project, "pools.main").await, Block::PoolMissing { .. }));
    project.write("pools.toml", MAIN_POOL);
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_changes_networks_by_moving_its_jobs_to_a_new_pool() {
    let mut project = TestProject::with_statements(COPY);
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\nnetwork = \"n-1\"\n");
    project.converge().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\nnetwork = \"n-2\"\n");
    assert!(matches!(planned_block(&project, "pools.main").await, Block::PoolFieldImmutable { .. }));
    let new = "[pools.new]\nmax_cfu = 10\nnetwork = \"n-2\"\n";
    project.write("pools.toml", &format!("[pools.main]\nmax_cfu = 10\nnetwork = \"n-1\"\n{new}"));
    project.declare(&format!("{COPY}pool = \"new\"\n"));
    project.converge().await;
    project.write("floe.toml", &floe_toml("").replace("pool = \"main\"", "pool = \"new\""));
    project.write("pools.toml", new);
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_with_prevent_destroy_is_deleted_once_the_guard_is_removed() {
    let mut project = TestProject::with_statements(TABLE);
    project.write("pools.toml", &format!("{MAIN_POOL}{SPARE_POOL}prevent_destroy = true\n"));
    project.converge().await;
    project.write("pools.toml", MAIN_POOL);
    assert_eq!(planned_block(&project, "pools.spare").await, Block::PreventDestroy);
    project.write("pools.toml", &format!("{MAIN_POOL}{SPARE_POOL}"));
    project.converge().await;
    project.write("pools.toml", MAIN_POOL);
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_pool_is_moved_and_its_jobs_keep_running() {
    let pool = |key: &str, size: u32| format!("[pools.{key}]\nmax_cfu = {size}\ndisplay_name = \"shared\"\n");
    let mut project = TestProject::with_statements(COPY);
    project.write("pools.toml", &pool("main", 10));
    project.converge().await;
    project.write("floe.toml", &floe_toml("").replace("pool = \"main\"", "pool = \"etl\""));
    project.write("pools.toml", &pool("etl", 10));
    let (from, to) = (Address::pool("main"), Address::pool("etl"));
    let renamed = Block::LooksLikeRename { from: from.clone(), to: to.clone() };
    let plan = project.plan().await;
    assert_eq!([block_in(&plan, "pools.main"), block_in(&plan, "pools.etl")], [renamed.clone(), renamed]);
    assert!(matches!(block_in(&plan, "statements.copy"), Block::PoolBlocked { .. }));
    project.write("pools.toml", &format!("{}[[moved]]\nfrom = \"{from}\"\nto   = \"{to}\"\n", pool("etl", 10)));
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 1);
    assert_eq!(project.phases()["copy"], "RUNNING");
    // A pool of another size is another pool, to which the jobs move.
    project.write("floe.toml", &floe_toml("").replace("pool = \"main\"", "pool = \"big\""));
    project.write("pools.toml", &pool("big", 20));
    assert!(matches!(project.plan().await.changes[&Address::pool("big")].action, Action::CreatePool { .. }));
}
