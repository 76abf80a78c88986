//! The life of a project on the simulated cloud, one change at a time.

use std::time::Duration;

use floe::{
    diff::{Action, Block, Note, PlanOptions, Strategy},
    plan::{Breach, Violation, check},
    resource::{Address, PoolDeclaration},
    simulator::{EffectKind, OutOfBandChange},
};

use crate::{
    sample_statements::{COPY, TABLE_WITH_UNDO},
    test_project::{ApplyResult, TestProject, statement},
};

/// Returns the manifest of the table and the job.
fn table_and_job() -> String {
    format!("{TABLE_WITH_UNDO}{COPY}")
}

/// Returns the action of `key` in the plan of `run`.
fn planned_action<'a>(run: &'a ApplyResult, key: &str) -> &'a Action {
    &run.plan.changes[&statement(key)].action
}

/// Returns the blocks of `address` in the plan of `run`.
fn planned_blocks(run: &ApplyResult, address: &Address) -> Vec<Block> {
    match &run.plan.changes[address].action {
        Action::Blocked { by } => by.clone(),
        other => panic!("{address} is not blocked: {other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_a_job_and_their_pool_are_created_in_order() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    assert_eq!(project.phases()["orders"], "COMPLETED");
    assert_eq!(project.phases()["copy"], "RUNNING");
    let created: Vec<_> = project.simulator.effects().into_iter().map(|effect| (effect.kind, effect.name)).collect();
    assert_eq!(created[0].0, EffectKind::PoolCreated);
    assert_eq!(created[1..], [(EffectKind::Created, "orders".to_owned()), (EffectKind::Created, "copy".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_sends_one_list_request_per_kind() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.simulator.clear_requests();
    let plan = project.plan().await;
    assert!(!plan.has_work(), "{plan:#?}");
    let paths: Vec<_> =
        project.simulator.requests().into_iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(paths.len(), 2, "{paths:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_declared_stopped_is_held_until_started_and_later_stops_and_resumes() {
    let held = format!("{TABLE_WITH_UNDO}{COPY}stopped = true\n");
    let mut project = TestProject::with_statements(&held);
    let run = project.converge().await;
    assert_eq!(*planned_action(&run, "copy"), Action::KeepUnsubmitted);
    assert!(!project.phases().contains_key("copy"));
    project.declare(&table_and_job());
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
    project.declare(&held);
    let run = project.converge().await;
    assert_eq!(*planned_action(&run, "copy"), Action::Stop);
    assert_eq!(project.phases()["copy"], "STOPPED");
    let offsets = project.recorded().await.statements["copy"].current.clone().unwrap().offsets.unwrap();
    assert!(!offsets.is_empty());
    project.declare(&table_and_job());
    let run = project.converge().await;
    assert!(matches!(planned_action(&run, "copy"), Action::Resume { .. }));
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert_eq!(project.recorded().await.statements["copy"].current.clone().unwrap().offsets, None);
}

#[tokio::test(start_paused = true)]
async fn a_changed_job_is_blocked_until_that_change_is_accepted() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let changed = table_and_job().replace("SELECT id, price", "SELECT id, price + 1");
    project.declare(&changed);
    let run = project.apply().await;
    let accept = match &planned_blocks(&run, &statement("copy"))[..] {
        [Block::LosesOffsets { stateful_construct: None, accept }] => accept.clone(),
        other => panic!("{other:#?}"),
    };
    assert!(run.report.is_none());
    project.declare(&format!("{changed}accept = \"{accept}\"\n"));
    let run = project.converge().await;
    assert!(matches!(planned_action(&run, "copy"), Action::Replace { strategy: Strategy::Restart, .. }));
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
    assert_eq!(project.phases()["copy"], "STOPPED");
    // The consent lapses with the next change.
    project.declare(&format!("{}accept = \"{accept}\"\n", changed.replace("price + 1", "price + 2")));
    assert!(project.apply().await.plan.is_blocked());
}

#[tokio::test(start_paused = true)]
async fn a_failed_replacement_is_rolled_back_and_the_previous_generation_resumes() {
    let jobs = format!("{}evolve = \"restart\"\n", table_and_job());
    let mut project = TestProject::with_statements(&jobs);
    project.converge().await;
    project.simulator.push_fault(
        floe::simulator::FaultRule::always(floe::simulator::InjectedFault::Status(400)).on(floe::cloud::Method::POST),
    );
    project.declare(&jobs.replace("SELECT id, price", "SELECT id, price + 1"));
    let run = project.apply().await;
    let report = run.report.unwrap();
    assert_eq!(report.failed.len(), 1, "{report:#?}");
    assert_eq!(report.left_stopped, []);
    assert_eq!(project.phases()["copy"], "RUNNING");
    project.simulator.clear_faults();
    project.converge().await;
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
    assert!(project.simulator.audit_report().peak_running.values().all(|most| *most <= 1));
}

#[tokio::test(start_paused = true)]
async fn moving_a_job_to_another_pool_restarts_it_in_place() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n[pools.heavy]\nmax_cfu = 20\n");
    project.converge().await;
    project.declare(&format!("{}pool = \"heavy\"\n", table_and_job()));
    let run = project.converge().await;
    assert!(matches!(planned_action(&run, "copy"), Action::Restart { .. }));
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert_eq!(project.phases().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_removed_job_leaves_a_tombstone_with_its_offsets() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.declare(TABLE_WITH_UNDO);
    project.converge().await;
    assert!(!project.phases().contains_key("copy"));
    let recorded = project.recorded().await;
    assert!(recorded.tombstones["copy"].offsets.is_some());
    // Its generation number is never used again.
    project.declare(&table_and_job());
    project.converge().await;
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_removed_definition_is_undone_with_consent_or_forgotten_if_it_has_no_undo() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let other = "[statements.other]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\n";
    project.declare(other);
    let run = project.apply().await;
    assert!(matches!(planned_blocks(&run, &statement("orders"))[..], [Block::DataLoss { .. }]));
    let run = project.apply_with_options(PlanOptions { allow_data_loss: true, ..PlanOptions::default() }).await;
    assert!(run.report.unwrap().is_complete());
    assert_eq!(project.phases().keys().collect::<Vec<_>>(), ["other"]);
    project.declare("[statements.more]\nsql = \"CREATE TABLE more (x INT)\"\n");
    let run = project.converge().await;
    assert_eq!(*planned_action(&run, "other"), Action::Forget);
    assert_eq!(project.phases()["other"], "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn redefining_a_table_requires_consent_and_no_readers() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let changed = table_and_job().replace("price INT)", "price BIGINT)");
    let consent = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    project.declare(&changed);
    let run = project.apply_with_options(consent.clone()).await;
    assert!(
        matches!(&planned_blocks(&run, &statement("orders"))[..], [Block::ObjectsInUse { by }] if *by == ["statements.copy"])
    );
    project.declare(&changed.replace(COPY, ""));
    let run = project.apply_with_options(consent).await;
    assert!(run.report.as_ref().unwrap().is_complete(), "{:#?}", run.report);
    assert_eq!(project.phases()["orders-g2"], "COMPLETED");
    assert_eq!(project.phases().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_purged_definition_is_not_a_change() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::AdvanceTime(Duration::from_secs(31 * 86_400))).unwrap();
    assert!(!project.phases().contains_key("orders"));
    let plan = project.plan().await;
    assert!(!plan.has_work(), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_reported_and_resumed_on_request() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Fail("copy".into(), "boom".into())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let plan = project.plan().await;
    let change = &plan.changes[&statement("copy")];
    assert!(matches!(&change.notes[..], [Note::Failed { detail, .. }] if detail.contains("boom")), "{change:#?}");
    project.declare(&format!("{}on_failed = \"resume\"\n", table_and_job()));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_writes_only_constants_completes_and_is_not_started_again() {
    let statements = "[statements.rows]\nsql = \"EXECUTE STATEMENT SET BEGIN INSERT INTO a VALUES (1); INSERT INTO b \
                      SELECT 2; END;\"\n";
    let mut project = TestProject::with_statements(statements);
    project.converge().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(project.phases()["rows"], "COMPLETED");
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Purge("rows".into())).unwrap();
    assert_eq!(project.plan().await.changes, [].into());
}

#[tokio::test(start_paused = true)]
async fn a_job_stopped_outside_is_reported_and_resumed_on_request() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let plan = project.plan().await;
    assert_eq!(plan.changes[&statement("copy")].notes, [Note::StoppedOutside]);
    assert!(!plan.has_changes());
    let run = project.apply_with_options(PlanOptions { fix_drift: true, ..PlanOptions::default() }).await;
    assert!(run.report.unwrap().is_complete());
    assert_eq!(project.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_job_deleted_outside_restarts_from_its_offsets_or_is_blocked_without_them() {
    let sink = "[statements.target]\nsql = \"CREATE TABLE target (id STRING, price INT)\"\n";
    let statements = format!("{sink}{}", table_and_job());
    let stopped = format!("{statements}stopped = true\n");
    let mut project = TestProject::with_statements(&statements);
    project.converge().await;
    project.declare(&stopped);
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Purge("copy".into())).unwrap();
    project.declare(&statements);
    let run = project.converge().await;
    assert!(matches!(planned_action(&run, "copy"), Action::Replace { strategy: Strategy::FromOffsets, .. }));
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
    project.simulator.apply_out_of_band(OutOfBandChange::Purge("copy-g2".into())).unwrap();
    let run = project.apply().await;
    assert!(matches!(planned_blocks(&run, &statement("copy"))[..], [Block::GoneWithoutOffsets { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_statement_recreated_outside_is_blocked() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy".into(), None)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let run = project.apply().await;
    assert!(matches!(planned_blocks(&run, &statement("copy"))[..], [Block::RecreatedOutside { .. }]));
}

#[tokio::test(start_paused = true)]
async fn changing_the_table_that_a_definition_created_is_blocked() {
    let mut project =
        TestProject::with_statements(&table_and_job().replace("CREATE TABLE orders", "CREATE TABLE target"));
    let run = project.apply().await;
    drop(run);
    project.declare(&table_and_job());
    // According to the record, `orders` created `target`. That took effect, so this is a redefinition.
    assert!(project.apply().await.plan.is_blocked());
}

#[tokio::test(start_paused = true)]
async fn a_rename_is_blocked_until_a_moved_block_updates_the_record() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let renamed = table_and_job().replace("[statements.copy]", "[statements.copied]\nname = \"copied\"");
    project.declare(&renamed);
    let run = project.apply().await;
    assert!(matches!(planned_blocks(&run, &statement("copied"))[..], [Block::LooksLikeRename { .. }]));
    project.declare(&format!("{renamed}\n[[moved]]\nfrom = \"statements.copy\"\nto = \"statements.copied\"\n"));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert_eq!(project.phases().len(), 2);
    assert!(project.recorded().await.statements.contains_key("copied"));
}

#[tokio::test(start_paused = true)]
async fn a_pool_grows_in_place_never_shrinks_and_is_deleted_when_undeclared() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n[pools.heavy]\nmax_cfu = 5\n");
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 2);
    project.write("pools.toml", "[pools.main]\nmax_cfu = 20\n");
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 1);
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let plan = project.plan().await;
    assert_eq!(plan.changes[&Address::pool("main")].notes, [Note::CannotLowerMaxCfu { live: 20, desired: 10 }]);
}

#[tokio::test(start_paused = true)]
async fn destroy_removes_everything_in_reverse_order() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let run = project
        .apply_with_options(PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() })
        .await;
    let report = run.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert_eq!(project.phases().len(), 0, "{:#?}", project.phases());
    assert_eq!(project.simulator.world_view().pools.len(), 0);
    assert_eq!(report.succeeded.last(), Some(&Address::pool("main")));
    let recorded = project.recorded().await;
    assert!(recorded.statements.is_empty() && recorded.pools.is_empty());
}

#[tokio::test(start_paused = true)]
async fn removing_everything_without_destroy_is_blocked() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.write("pools.toml", "");
    project.write("floe.toml", &crate::test_project::floe_toml("").replace("pool = \"main\"", ""));
    project.declare("");
    let run = project.apply().await;
    assert!(matches!(planned_blocks(&run, &statement("copy"))[..], [Block::RemovesEverything]));
}

/// Returns the statements that block a deletion of `pool` in the plan of `run`.
fn statements_on_pool(run: &ApplyResult, pool: &str) -> Vec<Address> {
    match &planned_blocks(run, &Address::pool(pool))[..] {
        [Block::PoolHasStatements { statements }] => statements.clone(),
        other => panic!("{other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_while_a_job_that_no_longer_declares_it_runs_on_it() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.write("pools.toml", "");
    project.write("floe.toml", &crate::test_project::floe_toml("").replace("pool = \"main\"", ""));
    let run = project.apply().await;
    assert_eq!(statements_on_pool(&run, "main"), [statement("copy")]);
    assert_eq!((project.phases()["copy"].as_str(), project.simulator.world_view().pools.len()), ("RUNNING", 1));
    // Another principal restarts the job on the pool where it is.
    project.declare(&format!("{}principal = \"sa-2\"\n", table_and_job()));
    assert_eq!(statements_on_pool(&project.apply().await, "main"), [statement("copy")]);
    // A stopped job does not need the pool.
    project.declare(&format!("{}stopped = true\n", table_and_job()));
    let report = project.apply().await.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert_eq!((project.phases()["copy"].as_str(), project.simulator.world_view().pools.len()), ("STOPPED", 0));
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_while_an_excluded_job_runs_on_it() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.write("pools.toml", "[pools.heavy]\nmax_cfu = 20\n");
    project.write("floe.toml", &crate::test_project::floe_toml("").replace("pool = \"main\"", "pool = \"heavy\""));
    let excludes = [statement("copy")].into();
    let run = project.apply_with_options(PlanOptions { excludes, ..PlanOptions::default() }).await;
    assert_eq!(statements_on_pool(&run, "main"), [statement("copy")]);
    project.converge().await;
    let pools = project.simulator.world_view().pools;
    assert_eq!((project.phases()["copy"].as_str(), pools.len()), ("RUNNING", 1));
}

#[tokio::test(start_paused = true)]
async fn destroying_a_pool_is_blocked_while_a_recorded_job_runs_on_it() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.write("floe.toml", &crate::test_project::floe_toml("").replace("pool = \"main\"", ""));
    let targets = [Address::pool("main")].into();
    let run = project.apply_with_options(PlanOptions { destroy: true, targets, ..PlanOptions::default() }).await;
    assert_eq!(statements_on_pool(&run, "main"), [statement("copy")]);
    assert_eq!((project.phases()["copy"].as_str(), project.simulator.world_view().pools.len()), ("RUNNING", 1));
}

#[tokio::test(start_paused = true)]
async fn an_owned_pool_that_is_redeclared_by_id_is_forgotten_and_not_deleted() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let id = project.recorded().await.pools["main"].id.clone();
    project.write("pools.toml", &format!("[pools.shared]\nid = \"{id}\"\n"));
    project.write("floe.toml", &crate::test_project::floe_toml("").replace("pool = \"main\"", "pool = \"shared\""));
    let run = project.converge().await;
    assert_eq!(run.plan.changes[&Address::pool("main")].action, Action::Forget);
    assert_eq!((project.phases()["copy"].as_str(), project.simulator.world_view().pools.len()), ("RUNNING", 1));
}

#[tokio::test(start_paused = true)]
async fn a_table_is_not_dropped_while_an_excluded_job_reads_it() {
    let other = "[statements.other]\nsql = \"CREATE VIEW v AS SELECT 1 AS x\"\n";
    let mut project = TestProject::with_statements(&format!("{}{other}", table_and_job()));
    project.converge().await;
    project.declare(other);
    let consent = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    let without_copy = PlanOptions { excludes: [statement("copy")].into(), ..consent.clone() };
    let run = project.apply_with_options(without_copy).await;
    assert_eq!(
        planned_blocks(&run, &statement("orders")),
        [Block::ObjectsInUse { by: vec!["statements.copy".to_owned()] }]
    );
    assert_eq!(project.phases()["copy"], "RUNNING");
    let run = project.apply_with_options(consent).await;
    assert!(run.report.as_ref().unwrap().is_complete(), "{:#?}", run.report);
    assert_eq!(project.phases().keys().collect::<Vec<_>>(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_pool_with_the_same_name_is_reported() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let main = project.graph().project.pools["main"].spec.clone();
    let PoolDeclaration::Owned(pool) = main else { panic!("{main:?}") };
    let duplicate_id = project.cloud().create_pool(&pool).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let plan = project.plan().await;
    let change = &plan.changes[&Address::pool("main")];
    assert_eq!(change.notes, [Note::DuplicatePools { ids: vec![duplicate_id.clone()] }]);
    assert!(change.unhealthy && !plan.has_work() && !plan.is_blocked());
    // A pool whose id is in a manifest is not a duplicate.
    project.write("pools.toml", &format!("[pools.main]\nmax_cfu = 10\n[pools.theirs]\nid = \"{duplicate_id}\"\n"));
    assert_eq!(project.plan().await.changes.get(&Address::pool("main")), None);
}

#[tokio::test(start_paused = true)]
async fn plan_check_rejects_deleting_a_pool_before_its_jobs_leave_it() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    let request = PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() };
    let (mut plan, recorded) = project.plan_with(&project.cloud(), &request).await.unwrap();
    let pool = plan.groups.iter_mut().find(|group| group.address == Address::pool("main")).unwrap();
    assert!(pool.after.remove(&statement("copy")));
    let breach = Breach::DoesNotWaitFor { statement: statement("copy") };
    let violation = Violation { address: Address::pool("main"), breach };
    assert_eq!(
        violation.to_string(),
        "pools.main: a pool is deleted only once it is empty: it does not wait for statements.copy"
    );
    assert_eq!(check(&plan, &recorded), [violation]);
}
