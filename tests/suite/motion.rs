//! What is under way, waits for room or was left half done: it is waited for, moved, stopped, undone and tried again.

use std::time::Duration;

use floe::{
    diff::{Action, Block, PlanOptions},
    execute::{Event, StepFailure},
    resource::{Address, PoolPhase},
    simulator::{EffectKind, ForcedOutcome, OutOfBandChange, RequestPolicy, SimulatorOptions, StatementOverride},
    state::Memory,
};

use crate::world::{Run, World, project, shows, statement};

const TABLE: &str =
    "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\nundo = \"DROP TABLE orders\"\n";
const OTHER: &str = "[statements.other]\nsql = \"CREATE TABLE other (id STRING, price INT)\"\n";
const OLD: &str = "INSERT INTO target SELECT id, price FROM orders";

fn job(sql: &str, more: &str) -> String {
    format!("{TABLE}[statements.copy]\nsql = \"{sql}\"\n{more}")
}

async fn running(more: &str) -> World {
    let mut world = World::of(&job(OLD, more));
    world.converge().await;
    world
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn blocks(run: &Run, key: &str) -> Vec<Block> {
    match &run.plan.changes[&statement(key)].action {
        Action::Blocked { by } => by.clone(),
        other => panic!("{key} is not blocked: {other:?}"),
    }
}

fn consent() -> PlanOptions {
    PlanOptions { allow_data_loss: true, ..PlanOptions::default() }
}

/// A world whose pool `heavy` has room for nothing more.
async fn heavy_is_full() -> World {
    let fill = (0..5).fold(TABLE.to_owned(), |text, number| {
        format!(
            "{text}[statements.f{number}]\nsql = \"INSERT INTO f{number} SELECT id FROM orders\"\npool = \"heavy\"\n"
        )
    });
    let pools = "[pools.main]\nmax_cfu = 10\n[pools.heavy]\nmax_cfu = 5\n";
    let files = [("floe.toml", &*project("")), ("pools.toml", pools), ("statements/fill.toml", &fill)];
    let mut world = World::with(&files, SimulatorOptions { jobs_per_cfu: 1, ..SimulatorOptions::default() });
    world.declare(&copy_on("main", ""));
    world.converge().await;
    world.declare(&copy_on("heavy", ""));
    world
}

fn copy_on(pool: &str, more: &str) -> String {
    format!("[statements.copy]\nsql = \"{OLD}\"\npool = \"{pool}\"\n{more}")
}

async fn left_pending_on_heavy() -> World {
    let mut world = heavy_is_full().await;
    world.killed_when(PlanOptions::default(), |now| shows(now, "copy", "PENDING")).await;
    pass(60).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_move_to_a_pool_without_room_is_taken_back() {
    let mut world = heavy_is_full().await;
    let report = world.apply().await.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert_eq!((report.rollback_failed, report.left_stopped), (vec![], vec![]));
    assert_eq!(world.phases()["copy"], "RUNNING");
    world.declare(&copy_on("main", ""));
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_room_can_be_moved_stopped_and_removed() {
    let mut world = left_pending_on_heavy().await;
    world.declare(&copy_on("main", ""));
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
    let mut world = left_pending_on_heavy().await;
    world.declare(&copy_on("heavy", "stopped = true\n"));
    world.converge().await;
    assert_eq!(world.phases()["copy"], "STOPPED");
    let mut world = left_pending_on_heavy().await;
    world.declare("");
    world.converge().await;
    assert!(!world.phases().contains_key("copy"));
}

/// What the service makes of a stop of a PENDING statement is not known.
#[tokio::test(start_paused = true)]
async fn where_the_service_does_not_stop_what_is_pending_it_is_asked_again_once_that_runs() {
    let mut options = SimulatorOptions::default();
    options.switches.stop_pending = RequestPolicy::Reject;
    let pools = "[pools.main]\nmax_cfu = 10\n";
    let files = [("floe.toml", &*project("")), ("pools.toml", pools), ("statements/s.toml", &job(OLD, ""))];
    let mut world = World::with(&files, options);
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    pass(60).await;
    world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    while world.phases()["copy"] == "STOPPED" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.declare(TABLE);
    world.converge().await;
    assert!(!world.phases().contains_key("copy"));
    assert!(world.recorded().await.tombstones["copy"].offsets.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_failed_is_tried_again_with_consent() {
    let mut world = World::of(&format!("{TABLE}{OTHER}"));
    world.converge().await;
    world.simulator.push_override(StatementOverride {
        name: "orders-undo-1".into(),
        outcome: ForcedOutcome::Invalid("no".into()),
    });
    world.declare(OTHER);
    let report = world.request(consent()).await.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert!(matches!(blocks(&world.apply().await, "orders")[..], [Block::DataLoss { .. }]));
    let report = world.request(consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["other"]);
    assert!(!world.recorded().await.statements.contains_key("orders"));
}

#[tokio::test(start_paused = true)]
async fn an_undo_runs_where_its_definition_would_run_now() {
    let on = |pool: &str| TABLE.replace("undo =", &format!("pool = \"{pool}\"\nundo ="));
    let pools = "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 5\n";
    let mut world = World::of(&format!("{}{OTHER}", on("spare")));
    world.write("pools.toml", pools);
    world.converge().await;
    world.declare(&format!("{}{OTHER}", on("main")));
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    world.converge().await;
    world.declare(OTHER);
    let report = world.request(consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["other"]);
}

/// The pool that it ran on is made again in the same plan.
#[tokio::test(start_paused = true)]
async fn an_undo_waits_for_the_pool_that_it_is_to_run_on() {
    let mut world = World::of(&format!("{TABLE}{OTHER}"));
    world.converge().await;
    let id = world.recorded().await.pools["main"].id.clone();
    world.simulator.apply_out_of_band(OutOfBandChange::DeletePool(id)).unwrap();
    pass(120).await;
    world.declare(OTHER);
    let report = world.request(consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_an_interrupted_run_left_provisioning_is_waited_for() {
    let mut world = World::of(TABLE);
    world.killed_when(PlanOptions::default(), |now| !now.pools.is_empty()).await;
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let orders = plan.groups.iter().find(|passage| passage.address == statement("orders")).unwrap();
    assert!(orders.after.contains(&Address::pool("main")), "{:#?}", plan.groups);
    let simulator = world.simulator.clone();
    let mut asked = |event| {
        if matches!(event, Event::RequestAccepted { .. }) {
            assert!(simulator.world_view().pools.iter().all(|pool| pool.phase == PoolPhase::Provisioned));
        }
    };
    let report = world.execute(&cloud, &plan, recorded, &mut asked).await;
    assert!(report.is_complete(), "{:?}", report.failed);
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_going_is_waited_for() {
    let mut world = World::of(TABLE);
    world.converge().await;
    let id = world.recorded().await.pools["main"].id.clone();
    world.simulator.apply_out_of_band(OutOfBandChange::DeletePool(id)).unwrap();
    let plan = world.plan().await;
    assert!(plan.is_blocked() && plan.addresses_in_motion().eq([&Address::pool("main")]), "{:#?}", plan.changes);
    assert!(plan.is_blocked_only_by_motion());
    pass(120).await;
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_being_stopped_is_waited_for_and_not_expected_to_run() {
    let mut world = running("on_stopped = \"resume\"\n").await;
    world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    assert_eq!(world.phases()["copy"], "STOPPING");
    assert!(world.plan().await.addresses_in_motion().eq([&statement("copy")]));
    let report = world.apply().await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
}

/// The state is lost, and somebody deletes what it held.
#[tokio::test(start_paused = true)]
async fn what_is_being_deleted_is_not_adopted() {
    let mut world = running("").await;
    world.ledger = Memory::new();
    let id = world.simulator.world_view().pools[0].id.clone();
    world.write("pools.toml", &format!("[pools.main]\nid = \"{id}\"\n"));
    world.simulator.apply_out_of_band(OutOfBandChange::Delete("copy".into())).unwrap();
    assert_eq!(world.phases()["copy"], "DELETING");
    let plan = world.plan().await;
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Await { .. }), "{:#?}", plan.changes);
    assert!(plan.addresses_in_motion().eq([&statement("copy")]));
    pass(60).await;
    world.converge().await;
    assert_eq!(world.simulator.effects().iter().filter(|effect| effect.kind == EffectKind::Created).count(), 3);
}

/// What defines a table and fills it: the filling ends first, then its table goes like any other.
#[tokio::test(start_paused = true)]
async fn a_create_table_as_is_stopped_and_undone_with_consent() {
    let filled =
        "[statements.filled]\nsql = \"CREATE TABLE filled AS SELECT id FROM orders\"\nundo = \"DROP TABLE filled\"\n";
    let reader = "[statements.reader]\nsql = \"INSERT INTO target SELECT id FROM filled\"\n";
    let mut world = World::of(&format!("{TABLE}{filled}{reader}"));
    world.converge().await;
    world.declare(&format!("{TABLE}{reader}"));
    let run = world.request(consent()).await;
    assert_eq!(blocks(&run, "filled"), [Block::ObjectsInUse { by: vec!["statements.reader".to_owned()] }]);
    world.declare(TABLE);
    assert!(matches!(blocks(&world.apply().await, "filled")[..], [Block::DataLoss { .. }]));
    world.simulator.push_override(StatementOverride {
        name: "filled-undo-1".into(),
        outcome: ForcedOutcome::Invalid("no".into()),
    });
    let report = world.request(consent()).await.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert_eq!(world.phases()["filled"], "STOPPED");
    let report = world.request(consent()).await.report.unwrap();
    assert!(report.is_complete(), "{:?}", report.failed);
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["orders"]);
    let undone = world.simulator.effects().into_iter().filter(|effect| effect.name == "filled-undo-2").count();
    assert_eq!(undone, 2);
}

#[tokio::test(start_paused = true)]
async fn a_pool_cannot_be_replaced() {
    let mut world = World::of(TABLE);
    world.converge().await;
    let request = PlanOptions { replace: [Address::pool("main")].into(), ..PlanOptions::default() };
    let recorded = std::sync::Arc::new(world.recorded().await);
    let planned =
        floe::planning::planned(&world.graph(), &world.secrets, &recorded, &world.cloud(), &request).await.map(drop);
    assert_eq!(planned, Err(floe::planning::Unplanned::ReplacesPool(Address::pool("main"))));
}
