//! Resources that are in motion, wait for capacity or were left half done. floe waits for them, moves them, stops
//! them, undoes them and tries again.

use std::{sync::Arc, time::Duration};

use floe::{
    diff::{Action, Block, PlanOptions},
    execute::{Event, StepFailure},
    planning::{self, PlanRequest, Waiting},
    resource::{Address, PoolPhase, StatementUpdate},
    simulator::{EffectKind, ForcedOutcome, OutOfBandChange, RequestPolicy, SimulatorOptions, StatementOverride},
    state::MemoryLedger,
};

use crate::{
    sample_statements::{ORIGINAL_SQL, OTHER, TABLE_WITH_UNDO, job},
    test_project::{ApplyResult, TestProject, floe_toml, has_phase, project_with_running_job, statement, wait_seconds},
};

/// Returns the blocks of `key` in the plan of `run`.
fn planned_blocks(run: &ApplyResult, key: &str) -> Vec<Block> {
    match &run.plan.changes[&statement(key)].action {
        Action::Blocked { by } => by.clone(),
        other => panic!("{key} is not blocked: {other:?}"),
    }
}

/// Returns plan options that allow data loss.
fn with_data_loss_consent() -> PlanOptions {
    PlanOptions { allow_data_loss: true, ..PlanOptions::default() }
}

/// Returns a project whose pool `heavy` has no capacity left, and which declares that the job moves there.
async fn project_with_full_pool() -> TestProject {
    let fill = (0..5).fold(TABLE_WITH_UNDO.to_owned(), |text, number| {
        format!(
            "{text}[statements.f{number}]\nsql = \"INSERT INTO f{number} SELECT id FROM orders\"\npool = \"heavy\"\n"
        )
    });
    let pools = "[pools.main]\nmax_cfu = 10\n[pools.heavy]\nmax_cfu = 5\n";
    let files = [("floe.toml", &*floe_toml("")), ("pools.toml", pools), ("statements/fill.toml", &fill)];
    let mut project =
        TestProject::with_options(&files, SimulatorOptions { jobs_per_cfu: 1, ..SimulatorOptions::default() });
    project.declare(&copy_on_pool("main", ""));
    project.converge().await;
    project.declare(&copy_on_pool("heavy", ""));
    project
}

/// Returns a manifest of the job on this pool, with `more` keys.
fn copy_on_pool(pool: &str, more: &str) -> String {
    format!("[statements.copy]\nsql = \"{ORIGINAL_SQL}\"\npool = \"{pool}\"\n{more}")
}

/// Returns a project whose run was killed while the job was PENDING on the full pool.
async fn project_with_pending_job() -> TestProject {
    let mut project = project_with_full_pool().await;
    project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "copy", "PENDING")).await;
    wait_seconds(60).await;
    project
}

#[tokio::test(start_paused = true)]
async fn a_move_to_a_full_pool_is_rolled_back() {
    let mut project = project_with_full_pool().await;
    let report = project.apply().await.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert_eq!((report.rollback_failed, report.left_stopped), (vec![], vec![]));
    assert_eq!(project.phases()["copy"], "RUNNING");
    project.declare(&copy_on_pool("main", ""));
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_pending_on_a_full_pool_can_be_moved_stopped_and_removed() {
    let mut project = project_with_pending_job().await;
    project.declare(&copy_on_pool("main", ""));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
    let mut project = project_with_pending_job().await;
    project.declare(&copy_on_pool("heavy", "stopped = true\n"));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "STOPPED");
    let mut project = project_with_pending_job().await;
    project.declare("");
    project.converge().await;
    assert!(!project.phases().contains_key("copy"));
}

/// It is not known what the service does with a stop of a PENDING statement.
#[tokio::test(start_paused = true)]
async fn a_rejected_stop_of_a_pending_job_is_retried_once_it_runs() {
    let mut options = SimulatorOptions::default();
    options.switches.stop_pending = RequestPolicy::Reject;
    let pools = "[pools.main]\nmax_cfu = 10\n";
    let files = [("floe.toml", &*floe_toml("")), ("pools.toml", pools), ("statements/s.toml", &job(ORIGINAL_SQL, ""))];
    let mut project = TestProject::with_options(&files, options);
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    wait_seconds(60).await;
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    while project.phases()["copy"] == "STOPPED" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    project.declare(TABLE_WITH_UNDO);
    project.converge().await;
    assert!(!project.phases().contains_key("copy"));
    assert!(project.recorded().await.tombstones["copy"].offsets.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failed_undo_is_retried_with_consent() {
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{OTHER}"));
    project.converge().await;
    project.simulator.push_override(StatementOverride {
        name: "orders-undo-1".into(),
        outcome: ForcedOutcome::Invalid("no".into()),
    });
    project.declare(OTHER);
    let report = project.apply_with_options(with_data_loss_consent()).await.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert!(matches!(planned_blocks(&project.apply().await, "orders")[..], [Block::DataLoss { .. }]));
    let report = project.apply_with_options(with_data_loss_consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["other"]);
    assert!(!project.recorded().await.statements.contains_key("orders"));
}

#[tokio::test(start_paused = true)]
async fn an_undo_runs_on_the_pool_that_its_definition_would_use_now() {
    let on = |pool: &str| TABLE_WITH_UNDO.replace("undo =", &format!("pool = \"{pool}\"\nundo ="));
    let pools = "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 5\n";
    let mut project = TestProject::with_statements(&format!("{}{OTHER}", on("spare")));
    project.write("pools.toml", pools);
    project.converge().await;
    project.declare(&format!("{}{OTHER}", on("main")));
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    project.converge().await;
    project.declare(OTHER);
    let report = project.apply_with_options(with_data_loss_consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["other"]);
}

/// The pool that the definition ran on is created again in the same plan.
#[tokio::test(start_paused = true)]
async fn an_undo_waits_until_its_pool_is_recreated() {
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{OTHER}"));
    project.converge().await;
    project.create_unmanaged_pool().await;
    let id = project.recorded().await.pools["main"].id.clone();
    project.simulator.apply_out_of_band(OutOfBandChange::DeletePool(id)).unwrap();
    wait_seconds(120).await;
    project.declare(OTHER);
    let report = project.apply_with_options(with_data_loss_consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn statements_wait_for_a_pool_that_an_interrupted_run_left_provisioning() {
    let mut project = TestProject::with_statements(TABLE_WITH_UNDO);
    project.apply_until_killed(PlanOptions::default(), |now| !now.pools.is_empty()).await;
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let orders = plan.groups.iter().find(|group| group.address == statement("orders")).unwrap();
    assert!(orders.after.contains(&Address::pool("main")), "{:#?}", plan.groups);
    let simulator = project.simulator.clone();
    let mut assert_pools_are_ready = |event| {
        if matches!(event, Event::RequestAccepted { .. }) {
            assert!(simulator.world_view().pools.iter().all(|pool| pool.phase == PoolPhase::Provisioned));
        }
    };
    let report = project.execute(&cloud, &plan, recorded, &mut assert_pools_are_ready).await;
    assert!(report.is_complete(), "{:?}", report.failed);
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_being_deleted_is_waited_for() {
    let mut project = TestProject::with_statements(TABLE_WITH_UNDO);
    project.converge().await;
    project.create_unmanaged_pool().await;
    let id = project.recorded().await.pools["main"].id.clone();
    project.simulator.apply_out_of_band(OutOfBandChange::DeletePool(id)).unwrap();
    let plan = project.plan().await;
    assert!(plan.is_blocked() && plan.addresses_in_motion().eq([&Address::pool("main")]), "{:#?}", plan.changes);
    assert!(plan.is_blocked_only_by_motion());
    wait_seconds(120).await;
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_stopping_is_waited_for_before_it_is_resumed() {
    let mut project = project_with_running_job("on_stopped = \"resume\"\n").await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    assert_eq!(project.phases()["copy"], "STOPPING");
    assert!(project.plan().await.addresses_in_motion().eq([&statement("copy")]));
    let report = project.apply().await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
}

/// The state is lost, and a statement that it held is deleted outside floe.
#[tokio::test(start_paused = true)]
async fn a_statement_that_is_being_deleted_is_not_adopted() {
    let mut project = project_with_running_job("").await;
    project.ledger = MemoryLedger::new();
    let id = project.simulator.world_view().pools[0].id.clone();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{id}\"\n"));
    project.simulator.apply_out_of_band(OutOfBandChange::Delete("copy".into())).unwrap();
    assert_eq!(project.phases()["copy"], "DELETING");
    let plan = project.plan().await;
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Await { .. }), "{:#?}", plan.changes);
    assert!(plan.addresses_in_motion().eq([&statement("copy")]));
    wait_seconds(60).await;
    project.converge().await;
    assert_eq!(project.simulator.effects().iter().filter(|effect| effect.kind == EffectKind::Created).count(), 3);
}

/// A statement that defines a table and also fills it. The job is stopped first, then the table is dropped like any
/// other.
#[tokio::test(start_paused = true)]
async fn a_create_table_as_job_is_stopped_and_undone_with_consent() {
    let filled =
        "[statements.filled]\nsql = \"CREATE TABLE filled AS SELECT id FROM orders\"\nundo = \"DROP TABLE filled\"\n";
    let reader = "[statements.reader]\nsql = \"INSERT INTO target SELECT id FROM filled\"\n";
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{filled}{reader}"));
    project.converge().await;
    project.declare(&format!("{TABLE_WITH_UNDO}{reader}"));
    let run = project.apply_with_options(with_data_loss_consent()).await;
    assert_eq!(planned_blocks(&run, "filled"), [Block::ObjectsInUse { by: vec!["statements.reader".to_owned()] }]);
    project.declare(TABLE_WITH_UNDO);
    assert!(matches!(planned_blocks(&project.apply().await, "filled")[..], [Block::DataLoss { .. }]));
    project.simulator.push_override(StatementOverride {
        name: "filled-undo-1".into(),
        outcome: ForcedOutcome::Invalid("no".into()),
    });
    let report = project.apply_with_options(with_data_loss_consent()).await.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert_eq!(project.phases()["filled"], "STOPPED");
    let report = project.apply_with_options(with_data_loss_consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["orders"]);
    let undone = project.simulator.effects().into_iter().filter(|effect| effect.name == "filled-undo-2").count();
    assert_eq!(undone, 2);
}

#[tokio::test(start_paused = true)]
async fn a_pool_cannot_be_replaced() {
    let mut project = TestProject::with_statements(TABLE_WITH_UNDO);
    project.converge().await;
    let request = PlanOptions { replace: [Address::pool("main")].into(), ..PlanOptions::default() };
    let recorded = std::sync::Arc::new(project.recorded().await);
    let planned = floe::planning::make_plan(&project.graph(), &project.secrets, &recorded, &project.cloud(), &request)
        .await
        .map(drop);
    assert_eq!(planned, Err(floe::planning::PlanningError::PoolNotReplaceable(Address::pool("main"))));
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_waits_for_statements_in_motion_even_if_another_is_blocked() {
    let other = |sql: &str| format!("[statements.other]\nsql = \"{sql}\"\nevolve = \"restart\"\n");
    let both = |copy: &str, sql: &str| format!("{}{}", job(copy, ""), other(sql));
    let mut project = TestProject::with_statements(&both(ORIGINAL_SQL, "INSERT INTO others SELECT id FROM orders"));
    project.converge().await;
    // The saved plan changes `other`. Then `copy` needs a decision, and `other` is stopped outside floe.
    let changed = "INSERT INTO others SELECT UPPER(id) FROM orders";
    project.declare(&both(ORIGINAL_SQL, changed));
    let saved = project.plan().await;
    let cloud = project.cloud();
    let live = cloud.fetch_statement("other").await.unwrap().unwrap();
    cloud.update_statement(live, &StatementUpdate { stopped: true, pool: None, principal: None }).await.unwrap();
    project.declare(&both("INSERT INTO target SELECT id, price + 1 FROM orders", changed));
    let (graph, recorded, options) = (project.graph(), Arc::new(project.recorded().await), PlanOptions::default());
    let now = project.plan().await;
    assert!(now.is_blocked() && now.addresses_in_motion().count() == 1, "{:#?}", now.changes);
    let request = PlanRequest { graph: &graph, secrets: &project.secrets, recorded: &recorded, options: &options };
    let mut announced = Vec::new();
    let mut announce = |waiting| announced.push(waiting);
    let (planned, is_settled) =
        planning::plan_once_settled(&cloud, request, Some(&saved), &mut announce).await.unwrap();
    assert!(is_settled && announced == [Waiting::InMotion(vec![statement("other")])], "{announced:?}");
    assert_eq!(planned.plan.addresses_in_motion().count(), 0, "{:#?}", planned.plan.changes);
    assert!(!planned.plan.changes.contains_key(&statement("copy")), "{:#?}", planned.plan.changes);
}
