//! What looks like rest, like absence or like an old position, and may be none: nothing is started, dropped or deleted
//! on it.

use std::time::Duration;

use floe::{
    cloud::Method,
    diff::{Action, Block, Note, PlanOptions, Strategy},
    execute::StepFailure,
    resource::Address,
    simulator::{FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, Simulator, StatementOverride},
};

use crate::world::{Run, World, shows, statement};

const TABLE: &str =
    "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\nundo = \"DROP TABLE orders\"\n";
const OTHER: &str = "[statements.other]\nsql = \"CREATE TABLE other (id STRING, price INT)\"\n";
const OLD: &str = "INSERT INTO target SELECT id, price FROM orders";
const NEW: &str = "INSERT INTO target SELECT id, price FROM orders WHERE price > 1";

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

fn runs_once(world: &World) {
    let most = world.simulator.audit_report().peak_running;
    assert!(most.values().all(|most| *most <= 1), "{most:?} {:?}", world.phases());
}

fn blocks(run: &Run, key: &str) -> Vec<Block> {
    match &run.plan.changes[&statement(key)].action {
        Action::Blocked { by } => by.clone(),
        other => panic!("{key} is not blocked: {other:?}"),
    }
}

fn is_unknown(run: &Run, key: &str) -> bool {
    matches!(blocks(run, key)[..], [Block::PresenceUnknown { .. }])
}

fn consent() -> PlanOptions {
    PlanOptions { allow_data_loss: true, ..PlanOptions::default() }
}

/// The list shows nothing, and a GET of this one is refused.
fn hide(simulator: &Simulator, name: &str) {
    simulator.push_fault(FaultRule::always(InjectedFault::ListLag(1e6)).on(Method::Get).path("*/statements"));
    simulator
        .push_fault(FaultRule::always(InjectedFault::Forbidden).on(Method::Get).path(&format!("*/statements/{name}")));
}

/// Until nothing more is to be done, as a pipeline that runs again and again.
async fn settle(world: &mut World) {
    for _ in 0..4 {
        world.apply().await;
        runs_once(world);
    }
    world.converge().await;
    runs_once(world);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_somebody_is_resuming_does_not_stand_still() {
    for asked in [false, true] {
        let mut world = running("").await;
        world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
        pass(60).await;
        world.apply().await;
        world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
        assert_eq!(world.phases()["copy"], "STOPPED");
        world.declare(&job(NEW, if asked { "" } else { "evolve = \"restart\"\n" }));
        let request = || PlanOptions {
            replace: asked.then(|| statement("copy")).into_iter().collect(),
            ..PlanOptions::default()
        };
        world.request(request()).await;
        pass(60).await;
        runs_once(&world);
        world.request(request()).await;
        settle(&mut world).await;
        assert_eq!(world.phases()["copy-g2"], "RUNNING");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_resumed_between_plan_and_apply_is_not_replaced_beside_itself() {
    let mut world = running("").await;
    world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    pass(60).await;
    world.declare(&job(NEW, "evolve = \"restart\"\n"));
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Replace { .. }));
    world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    world.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    pass(60).await;
    settle(&mut world).await;
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_is_being_resumed_has_not_handed_over() {
    let mut world = running("evolve = \"restart\"\n").await;
    world.declare(&job(NEW, "evolve = \"restart\"\n"));
    world.killed_when(PlanOptions::default(), |now| shows(now, "copy-g2", "PENDING")).await;
    world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    pass(1).await;
    let plan = world.plan().await;
    assert!(plan.groups.iter().any(|passage| passage.forward.iter().any(|step| step.request.changes_the_cloud())));
    world.apply().await;
    assert_eq!((world.phases()["copy"].as_str(), world.phases()["copy-g2"].as_str()), ("STOPPED", "RUNNING"));
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_nobody_can_tell_of_is_not_orphaned() {
    let mut world = running("evolve = \"restart\"\n").await;
    world.declare(&job(NEW, "evolve = \"restart\"\n"));
    world.killed_when(PlanOptions::default(), |now| shows(now, "copy-g2", "PENDING")).await;
    world.declare(TABLE);
    hide(&world.simulator, "copy-g2");
    let run = world.apply().await;
    assert!(is_unknown(&run, "copy"), "{:#?}", run.plan.changes);
    let run = world.request(PlanOptions { destroy: true, ..consent() }).await;
    assert!(is_unknown(&run, "copy"), "{:#?}", run.plan.changes);
    world.simulator.clear_faults();
    world.converge().await;
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_retired_generation_that_nobody_can_tell_of_is_not_orphaned_and_nothing_starts_beside_it() {
    let mut world = running("evolve = \"restart\"\n").await;
    world.declare(&job(NEW, "evolve = \"restart\"\n"));
    world.converge().await;
    hide(&world.simulator, "copy");
    world.declare(&job(&format!("{NEW}0"), "evolve = \"restart\"\n"));
    assert!(is_unknown(&world.apply().await, "copy"));
    world.declare(TABLE);
    assert!(is_unknown(&world.apply().await, "copy"));
    world.simulator.clear_faults();
    world.converge().await;
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_under_a_generation_that_nobody_can_tell_of() {
    let on = |sql: &str, pool: &str| job(sql, &format!("evolve = \"restart\"\npool = \"{pool}\"\n"));
    let mut world = World::of(&on(OLD, "spare"));
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 5\n");
    world.converge().await;
    world.declare(&on(NEW, "main"));
    world.converge().await;
    hide(&world.simulator, "copy");
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let plan = world.plan().await;
    let by = vec![Block::PoolHasStatements { statements: vec![statement("copy")] }];
    assert_eq!(plan.changes[&Address::pool("spare")].action, Action::Blocked { by });
    world.simulator.clear_faults();
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_nobody_can_tell_of_is_not_undone() {
    let mut world = World::of(&format!("{TABLE}{OTHER}"));
    world.converge().await;
    hide(&world.simulator, "orders");
    world.declare(OTHER);
    assert!(is_unknown(&world.request(consent()).await, "orders"));
    world.declare(&format!("{}{OTHER}", TABLE.replace("price INT", "price BIGINT")));
    assert!(is_unknown(&world.request(consent()).await, "orders"));
    world.simulator.clear_faults();
    assert!(world.request(consent()).await.report.unwrap().is_complete());
    assert_eq!(world.phases().into_keys().collect::<Vec<_>>(), ["orders-g2", "other"]);
}

/// Somebody stopped it, so nobody knows what else they did.
#[tokio::test(start_paused = true)]
async fn where_somebody_stopped_a_job_is_no_place_to_start_from() {
    let mut world = running("").await;
    world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    pass(60).await;
    world.apply().await;
    assert!(world.recorded().await.statements["copy"].current.clone().unwrap().offsets.is_some());
    world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    pass(60).await;
    world.simulator.apply_out_of_band(OutOfBandChange::Purge("copy".into())).unwrap();
    let run = world.apply().await;
    assert!(matches!(blocks(&run, "copy")[..], [Block::GoneWithoutOffsets { .. }]), "{:#?}", run.plan.changes);
    let notes = &run.plan.changes[&statement("copy")].notes;
    assert!(notes.iter().any(|note| matches!(note, Note::GoneWithUncertainOffsets { .. })), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_seen_after_it_was_resumed_does_not_stand_where_it_stood() {
    for seen_as in ["STOPPED", "PENDING", "FAILING", "FAILED", "COMPLETED", "RUNNING", "DEGRADED", "STOPPING"] {
        let mut world = running("").await;
        world.declare(&job(OLD, "stopped = true\n"));
        world.converge().await;
        let tell = |meddle| world.simulator.apply_out_of_band(meddle).unwrap();
        tell(OutOfBandChange::Resume("copy".into()));
        if seen_as == "PENDING" {
            while world.phases()["copy"] == "STOPPED" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        } else if seen_as != "STOPPED" {
            pass(60).await;
        }
        match seen_as {
            "FAILING" | "FAILED" => tell(OutOfBandChange::Fail("copy".into(), "boom".into())),
            "COMPLETED" => tell(OutOfBandChange::Complete("copy".into())),
            "DEGRADED" => tell(OutOfBandChange::Degrade("copy".into())),
            "STOPPING" => tell(OutOfBandChange::Stop("copy".into())),
            _ => {}
        }
        if seen_as == "FAILED" {
            pass(60).await;
        }
        assert_eq!(world.phases()["copy"], seen_as);
        world.plan().await;
        let plan = world.plan().await;
        let mut recorded = world.recorded().await;
        plan.entries.iter().for_each(|entry| recorded.apply(entry).unwrap());
        assert_eq!(recorded.statements["copy"].current.clone().unwrap().offsets, None, "{seen_as}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_is_not_dropped_under_a_job_that_reads_it_whatever_is_declared_of_that_by_now() {
    let (reads, moved) = (format!("{}{OTHER}", job(OLD, "evolve = \"restart\"\n")), OLD.replace("orders", "other"));
    let mut world = World::of(&reads);
    world.converge().await;
    world.declare(&reads.replace(OLD, &moved));
    world.killed_when(PlanOptions::default(), |now| shows(now, "copy", "STOPPED")).await;
    // The policy that allowed it is taken back, so the next run lets the job go on as it was.
    let declared = reads.replace(OLD, &moved).replace("evolve = \"restart\"\n", "");
    world.declare(&declared);
    let run = world.apply().await;
    assert_eq!(run.plan.changes[&statement("copy")].action, Action::Resume);
    assert_eq!(world.recorded().await.statements["copy"].declared.sql.as_str(), OLD);
    world.declare(&declared.replace(TABLE, ""));
    let excludes = [statement("copy")].into();
    let run = world.request(PlanOptions { excludes, ..consent() }).await;
    assert_eq!(blocks(&run, "orders"), [Block::ObjectsInUse { by: vec!["statements.copy".to_owned()] }]);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_completes_before_it_is_deleted_as_one_that_never_did_stays() {
    let mut world = World::of(OTHER);
    world.converge().await;
    world.declare(&format!("{TABLE}{OTHER}"));
    world.killed_when(PlanOptions::default(), |now| shows(now, "orders", "PENDING")).await;
    world.declare(&format!("{}{OTHER}", TABLE.replace("price INT", "price BIGINT")));
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let action = &plan.changes[&statement("orders")].action;
    assert!(matches!(action, Action::Replace { strategy: Strategy::NeverRan, .. }), "{action:?}");
    pass(60).await;
    assert_eq!(world.phases()["orders"], "COMPLETED");
    let report = world.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(&report.failed[..], [(_, StepFailure::ChangedSincePlan { .. })]), "{:?}", report.failed);
    assert_eq!(world.phases()["orders"], "COMPLETED");
    assert!(matches!(blocks(&world.apply().await, "orders")[..], [Block::DataLoss { .. }]));
}

/// It may run until it is gone, and no service says how long that takes.
#[tokio::test(start_paused = true)]
async fn nothing_starts_beside_a_retired_generation_that_is_being_deleted() {
    let mut world = running("evolve = \"restart\"\n").await;
    world.declare(&job(NEW, "evolve = \"restart\"\n"));
    world.converge().await;
    assert_eq!(world.phases()["copy"], "STOPPED");
    world.cloud().remove("copy").await.unwrap();
    assert_eq!(world.phases()["copy"], "DELETING");
    assert!(!world.plan().await.has_work(), "nothing is to be done");
    world.declare(&job("INSERT INTO target SELECT id, price FROM orders WHERE price > 2", "evolve = \"restart\"\n"));
    let plan = world.plan().await;
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Await { .. }), "{:#?}", plan.changes);
    pass(60).await;
    settle(&mut world).await;
    assert_eq!(world.phases()["copy-g3"], "RUNNING");
}

/// A run is killed while its way back deletes the successor: that is not gone on with.
#[tokio::test(start_paused = true)]
async fn a_successor_that_is_being_deleted_is_waited_for_and_not_gone_on_with() {
    let mut world = running("evolve = \"restart\"\n").await;
    world.declare(&job(NEW, "evolve = \"restart\"\n"));
    world.simulator.push_override(StatementOverride {
        name: "copy-g2".into(),
        outcome: ForcedOutcome::Invalid("no permission".into()),
    });
    world.killed_when(PlanOptions::default(), |now| shows(now, "copy-g2", "DELETING")).await;
    let plan = world.plan().await;
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Await { .. }), "{:#?}", plan.changes);
    pass(60).await;
    // Its number is used, and the policy lets another one come.
    settle(&mut world).await;
    assert_eq!(world.phases()["copy-g3"], "RUNNING");
}
