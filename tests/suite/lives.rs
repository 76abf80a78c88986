//! What a project goes through in its life, one change at a time, on the simulated cloud.

use std::time::Duration;

use floe::{
    diff::{Action, Block, Note, PlanOptions, Strategy},
    resource::{Address, PoolDeclaration},
    simulator::{EffectKind, OutOfBandChange},
};

use crate::world::{Run, World, statement};

const TABLE: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"
"#;
const COPY: &str = r#"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
"#;

fn both() -> String {
    format!("{TABLE}{COPY}")
}

fn action<'a>(run: &'a Run, key: &str) -> &'a Action {
    &run.plan.changes[&statement(key)].action
}

fn blocks(run: &Run, address: &Address) -> Vec<Block> {
    match &run.plan.changes[address].action {
        Action::Blocked { by } => by.clone(),
        other => panic!("{address} is not blocked: {other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_a_job_and_their_pool_are_created_in_order() {
    let mut world = World::of(&both());
    world.converge().await;
    assert_eq!(world.phases()["orders"], "COMPLETED");
    assert_eq!(world.phases()["copy"], "RUNNING");
    let created: Vec<_> = world.simulator.effects().into_iter().map(|effect| (effect.kind, effect.name)).collect();
    assert_eq!(created[0].0, EffectKind::PoolCreated);
    assert_eq!(created[1..], [(EffectKind::Created, "orders".to_owned()), (EffectKind::Created, "copy".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_reads_one_list_of_each_and_nothing_else() {
    let mut world = World::of(&both());
    world.converge().await;
    world.simulator.clear_requests();
    let plan = world.plan().await;
    assert!(!plan.has_work(), "{plan:#?}");
    let paths: Vec<_> =
        world.simulator.requests().into_iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(paths.len(), 2, "{paths:#?}");
}

#[tokio::test(start_paused = true)]
async fn stopped_is_held_then_submitted_then_stopped_and_resumed() {
    let held = format!("{TABLE}{COPY}stopped = true\n");
    let mut world = World::of(&held);
    let run = world.converge().await;
    assert_eq!(*action(&run, "copy"), Action::KeepUnsubmitted);
    assert!(!world.phases().contains_key("copy"));
    world.declare(&both());
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
    world.declare(&held);
    let run = world.converge().await;
    assert_eq!(*action(&run, "copy"), Action::Stop);
    assert_eq!(world.phases()["copy"], "STOPPED");
    let offsets = world.recorded().await.statements["copy"].current.clone().unwrap().offsets.unwrap();
    assert!(!offsets.is_empty());
    world.declare(&both());
    let run = world.converge().await;
    assert_eq!(*action(&run, "copy"), Action::Resume);
    assert_eq!(world.phases()["copy"], "RUNNING");
    assert_eq!(world.recorded().await.statements["copy"].current.clone().unwrap().offsets, None);
}

#[tokio::test(start_paused = true)]
async fn a_changed_job_is_blocked_until_somebody_consents_to_this_very_change() {
    let mut world = World::of(&both());
    world.converge().await;
    let changed = both().replace("SELECT id, price", "SELECT id, price + 1");
    world.declare(&changed);
    let run = world.apply().await;
    let accept = match &blocks(&run, &statement("copy"))[..] {
        [Block::LosesPosition { stateful_construct: None, accept }] => accept.clone(),
        other => panic!("{other:#?}"),
    };
    assert!(run.report.is_none());
    world.declare(&format!("{changed}accept = \"{accept}\"\n"));
    let run = world.converge().await;
    assert!(matches!(action(&run, "copy"), Action::Replace { strategy: Strategy::Restart, .. }));
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
    assert_eq!(world.phases()["copy"], "STOPPED");
    // The consent lapses with the next change.
    world.declare(&format!("{}accept = \"{accept}\"\n", changed.replace("price + 1", "price + 2")));
    assert!(world.apply().await.plan.is_blocked());
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_fails_is_taken_back_and_the_old_job_runs_again() {
    let jobs = format!("{}evolve = \"restart\"\n", both());
    let mut world = World::of(&jobs);
    world.converge().await;
    world.simulator.push_fault(
        floe::simulator::FaultRule::always(floe::simulator::InjectedFault::Status(400)).on(floe::cloud::Method::Post),
    );
    world.declare(&jobs.replace("SELECT id, price", "SELECT id, price + 1"));
    let run = world.apply().await;
    let report = run.report.unwrap();
    assert_eq!(report.failed.len(), 1, "{report:#?}");
    assert_eq!(report.left_stopped, []);
    assert_eq!(world.phases()["copy"], "RUNNING");
    world.simulator.clear_faults();
    world.converge().await;
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
    assert!(world.simulator.audit_report().peak_running.values().all(|most| *most <= 1));
}

#[tokio::test(start_paused = true)]
async fn another_pool_restarts_the_job_and_keeps_it() {
    let mut world = World::of(&both());
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n[pools.heavy]\nmax_cfu = 20\n");
    world.converge().await;
    world.declare(&format!("{}pool = \"heavy\"\n", both()));
    let run = world.converge().await;
    assert_eq!(*action(&run, "copy"), Action::Restart);
    assert_eq!(world.phases()["copy"], "RUNNING");
    assert_eq!(world.phases().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removed_job_is_stopped_deleted_and_buried_with_its_offsets() {
    let mut world = World::of(&both());
    world.converge().await;
    world.declare(TABLE);
    world.converge().await;
    assert!(!world.phases().contains_key("copy"));
    let recorded = world.recorded().await;
    assert!(recorded.tombstones["copy"].offsets.is_some());
    // Its number is never used again.
    world.declare(&both());
    world.converge().await;
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_removed_definition_is_undone_with_consent_and_forgotten_without_undo() {
    let mut world = World::of(&both());
    world.converge().await;
    let other = "[statements.other]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\n";
    world.declare(other);
    let run = world.apply().await;
    assert!(matches!(blocks(&run, &statement("orders"))[..], [Block::DataLoss { .. }]));
    let run = world.request(PlanOptions { allow_data_loss: true, ..PlanOptions::default() }).await;
    assert!(run.report.unwrap().is_complete());
    assert_eq!(world.phases().keys().collect::<Vec<_>>(), ["other"]);
    world.declare("[statements.more]\nsql = \"CREATE TABLE more (x INT)\"\n");
    let run = world.converge().await;
    assert_eq!(*action(&run, "other"), Action::Forget);
    assert_eq!(world.phases()["other"], "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_redefined_table_needs_its_undo_and_consent_and_no_reader() {
    let mut world = World::of(&both());
    world.converge().await;
    let changed = both().replace("price INT)", "price BIGINT)");
    let consent = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    world.declare(&changed);
    let run = world.request(consent.clone()).await;
    assert!(
        matches!(&blocks(&run, &statement("orders"))[..], [Block::ObjectsInUse { by }] if *by == ["statements.copy"])
    );
    world.declare(&changed.replace(COPY, ""));
    let run = world.request(consent).await;
    assert!(run.report.as_ref().unwrap().is_complete(), "{:#?}", run.report);
    assert_eq!(world.phases()["orders-g2"], "COMPLETED");
    assert_eq!(world.phases().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_the_cloud_purged_is_no_change() {
    let mut world = World::of(&both());
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::AdvanceTime(Duration::from_secs(31 * 86_400))).unwrap();
    assert!(!world.phases().contains_key("orders"));
    let plan = world.plan().await;
    assert!(!plan.has_work(), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_never_called_no_changes() {
    let mut world = World::of(&both());
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Fail("copy".into(), "boom".into())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let plan = world.plan().await;
    let change = &plan.changes[&statement("copy")];
    assert!(matches!(&change.notes[..], [Note::Failed { detail, .. }] if detail.contains("boom")), "{change:#?}");
    world.declare(&format!("{}on_failed = \"resume\"\n", both()));
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_job_stopped_outside_is_reported_and_resumed_on_request() {
    let mut world = World::of(&both());
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let plan = world.plan().await;
    assert_eq!(plan.changes[&statement("copy")].notes, [Note::StoppedOutside]);
    assert!(!plan.has_changes());
    let run = world.request(PlanOptions { fix_drift: true, ..PlanOptions::default() }).await;
    assert!(run.report.unwrap().is_complete());
    assert_eq!(world.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_job_deleted_outside_starts_where_it_stood_or_waits_for_a_decision() {
    let stopped = format!("{}stopped = true\n", both());
    let mut world = World::of(&both());
    world.converge().await;
    world.declare(&stopped);
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Purge("copy".into())).unwrap();
    world.declare(&both());
    let run = world.converge().await;
    assert!(matches!(action(&run, "copy"), Action::Replace { strategy: Strategy::FromOffsets, .. }));
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
    world.simulator.apply_out_of_band(OutOfBandChange::Purge("copy-g2".into())).unwrap();
    let run = world.apply().await;
    assert!(matches!(blocks(&run, &statement("copy"))[..], [Block::GoneWithoutOffsets { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_recreated_or_foreign_statement_is_never_touched() {
    let mut world = World::of(&both());
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy".into(), None)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let run = world.apply().await;
    assert!(matches!(blocks(&run, &statement("copy"))[..], [Block::RecreatedOutside { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_never_ran_is_submitted_anew_under_a_new_number() {
    let mut world = World::of(&both().replace("CREATE TABLE orders", "CREATE TABLE target"));
    let run = world.apply().await;
    drop(run);
    world.declare(&both());
    // The record has `orders` as the creator of `target`: that took effect, so it is a redefinition.
    assert!(world.apply().await.plan.is_blocked());
}

#[tokio::test(start_paused = true)]
async fn moved_changes_the_record_only_and_a_rename_asks_for_it() {
    let mut world = World::of(&both());
    world.converge().await;
    let renamed = both().replace("[statements.copy]", "[statements.copied]\nname = \"copied\"");
    world.declare(&renamed);
    let run = world.apply().await;
    assert!(matches!(blocks(&run, &statement("copied"))[..], [Block::LooksLikeRename { .. }]));
    world.declare(&format!("{renamed}\n[[moved]]\nfrom = \"statements.copy\"\nto = \"statements.copied\"\n"));
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
    assert_eq!(world.phases().len(), 2);
    assert!(world.recorded().await.statements.contains_key("copied"));
}

#[tokio::test(start_paused = true)]
async fn a_pool_grows_in_place_and_goes_when_nothing_needs_it() {
    let mut world = World::of(&both());
    world.converge().await;
    world.write("pools.toml", "[pools.main]\nmax_cfu = 20\n[pools.heavy]\nmax_cfu = 5\n");
    world.converge().await;
    assert_eq!(world.simulator.world_view().pools.len(), 2);
    world.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    world.converge().await;
    assert_eq!(world.simulator.world_view().pools.len(), 1);
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let plan = world.plan().await;
    assert_eq!(plan.changes[&Address::pool("main")].notes, [Note::CannotLowerMaxCfu { live: 20, desired: 10 }]);
}

#[tokio::test(start_paused = true)]
async fn destroy_removes_everything_in_reverse_order() {
    let mut world = World::of(&both());
    world.converge().await;
    let run = world.request(PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() }).await;
    let report = run.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert_eq!(world.phases().len(), 0, "{:#?}", world.phases());
    assert_eq!(world.simulator.world_view().pools.len(), 0);
    assert_eq!(report.succeeded.last(), Some(&Address::pool("main")));
    let recorded = world.recorded().await;
    assert!(recorded.statements.is_empty() && recorded.pools.is_empty());
}

#[tokio::test(start_paused = true)]
async fn removing_everything_outside_destroy_is_blocked() {
    let mut world = World::of(&both());
    world.converge().await;
    world.write("pools.toml", "");
    world.write("floe.toml", &crate::world::project("").replace("pool = \"main\"", ""));
    world.declare("");
    let run = world.apply().await;
    assert!(matches!(blocks(&run, &statement("copy"))[..], [Block::RemovesEverything]));
}

fn carries(run: &Run, pool: &str) -> Vec<Address> {
    match &blocks(run, &Address::pool(pool))[..] {
        [Block::PoolHasStatements { statements }] => statements.clone(),
        other => panic!("{other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_under_a_job_that_no_longer_names_one() {
    let mut world = World::of(&both());
    world.converge().await;
    world.write("pools.toml", "");
    world.write("floe.toml", &crate::world::project("").replace("pool = \"main\"", ""));
    let run = world.apply().await;
    assert_eq!(carries(&run, "main"), [statement("copy")]);
    assert_eq!((world.phases()["copy"].as_str(), world.simulator.world_view().pools.len()), ("RUNNING", 1));
    // Somebody else's principal restarts it, and it stays where it is.
    world.declare(&format!("{}principal = \"sa-2\"\n", both()));
    assert_eq!(carries(&world.apply().await, "main"), [statement("copy")]);
    // What stands still does not need it.
    world.declare(&format!("{}stopped = true\n", both()));
    let report = world.apply().await.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert_eq!((world.phases()["copy"].as_str(), world.simulator.world_view().pools.len()), ("STOPPED", 0));
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_under_a_job_whose_move_is_left_out() {
    let mut world = World::of(&both());
    world.converge().await;
    world.write("pools.toml", "[pools.heavy]\nmax_cfu = 20\n");
    world.write("floe.toml", &crate::world::project("").replace("pool = \"main\"", "pool = \"heavy\""));
    let excludes = [statement("copy")].into();
    let run = world.request(PlanOptions { excludes, ..PlanOptions::default() }).await;
    assert_eq!(carries(&run, "main"), [statement("copy")]);
    world.converge().await;
    let pools = world.simulator.world_view().pools;
    assert_eq!((world.phases()["copy"].as_str(), pools.len()), ("RUNNING", 1));
}

#[tokio::test(start_paused = true)]
async fn destroying_one_pool_spares_it_while_a_job_is_on_it_by_the_record_only() {
    let mut world = World::of(&both());
    world.converge().await;
    world.write("floe.toml", &crate::world::project("").replace("pool = \"main\"", ""));
    let targets = [Address::pool("main")].into();
    let run = world.request(PlanOptions { destroy: true, targets, ..PlanOptions::default() }).await;
    assert_eq!(carries(&run, "main"), [statement("copy")]);
    assert_eq!((world.phases()["copy"].as_str(), world.simulator.world_view().pools.len()), ("RUNNING", 1));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_another_key_borrows_by_its_id_is_let_go_and_not_deleted() {
    let mut world = World::of(&both());
    world.converge().await;
    let id = world.recorded().await.pools["main"].id.clone();
    world.write("pools.toml", &format!("[pools.shared]\nid = \"{id}\"\n"));
    world.write("floe.toml", &crate::world::project("").replace("pool = \"main\"", "pool = \"shared\""));
    let run = world.converge().await;
    assert_eq!(run.plan.changes[&Address::pool("main")].action, Action::Forget);
    assert_eq!((world.phases()["copy"].as_str(), world.simulator.world_view().pools.len()), ("RUNNING", 1));
}

#[tokio::test(start_paused = true)]
async fn a_table_is_not_dropped_under_a_job_that_the_selection_leaves_out() {
    let other = "[statements.other]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\n";
    let mut world = World::of(&format!("{}{other}", both()));
    world.converge().await;
    world.declare(other);
    let consent = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let without_copy = PlanOptions { excludes: [statement("copy")].into(), ..consent.clone() };
    let run = world.request(without_copy).await;
    assert_eq!(blocks(&run, &statement("orders")), [Block::ObjectsInUse { by: vec!["statements.copy".to_owned()] }]);
    assert_eq!(world.phases()["copy"], "RUNNING");
    let run = world.request(consent).await;
    assert!(run.report.as_ref().unwrap().is_complete(), "{:#?}", run.report);
    assert_eq!(world.phases().keys().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn another_pool_of_the_name_of_ours_is_told() {
    let mut world = World::of(&both());
    world.converge().await;
    let main = world.graph().project.pools["main"].spec.clone();
    let PoolDeclaration::Owned(pool) = main else { panic!("{main:?}") };
    let twin = world.cloud().create_pool(&pool).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let plan = world.plan().await;
    let change = &plan.changes[&Address::pool("main")];
    assert_eq!(change.notes, [Note::DuplicatePools { ids: vec![twin.clone()] }]);
    assert!(change.is_unhealthy() && !plan.has_work() && !plan.is_blocked());
    // Whose id stands in a manifest is known.
    world.write("pools.toml", &format!("[pools.main]\nmax_cfu = 10\n[pools.theirs]\nid = \"{twin}\"\n"));
    assert_eq!(world.plan().await.changes.get(&Address::pool("main")), None);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_deletes_a_pool_before_its_jobs_leave_it_is_found_out() {
    let mut world = World::of(&both());
    world.converge().await;
    let request = PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() };
    let (mut plan, recorded) = world.plan_with(&world.cloud(), &request).await.unwrap();
    let pool = plan.groups.iter_mut().find(|passage| passage.address == Address::pool("main")).unwrap();
    assert!(pool.after.remove(&statement("copy")));
    let found = floe::plan::check(&plan, &recorded);
    let said: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["pools.main: a pool goes once it is left: it does not wait for statements.copy"]);
}
