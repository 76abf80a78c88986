//! Live states that look like a stopped job, an absent statement or old offsets, but may be something else. floe must
//! not start, drop or delete anything because of them.

use std::time::Duration;

use floe::{
    cloud::Method,
    diff::{Action, Block, Note, PlanOptions, Strategy},
    execute::StepFailure,
    resource::Address,
    simulator::{FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, Simulator, StatementOverride},
};

use crate::{
    sample_statements::{CHANGED_SQL, ORIGINAL_SQL, OTHER, TABLE_WITH_UNDO, job},
    test_project::{ApplyResult, TestProject, has_phase, project_with_running_job, statement, wait_seconds},
};

/// Asserts that no job ran twice at once.
fn assert_no_job_ran_twice(project: &TestProject) {
    let most = project.simulator.audit_report().peak_running;
    assert!(most.values().all(|most| *most <= 1), "{most:?} {:?}", project.phases());
}

/// Returns the blocks of `key` in the plan of `run`.
fn planned_blocks(run: &ApplyResult, key: &str) -> Vec<Block> {
    match &run.plan.changes[&statement(key)].action {
        Action::Blocked { by } => by.clone(),
        other => panic!("{key} is not blocked: {other:?}"),
    }
}

/// Returns true if `key` is blocked because its presence is unknown.
fn is_blocked_as_unknown(run: &ApplyResult, key: &str) -> bool {
    matches!(planned_blocks(run, key)[..], [Block::PresenceUnknown { .. }])
}

/// Returns plan options that allow data loss.
fn with_data_loss_consent() -> PlanOptions {
    PlanOptions { allow_data_loss: true, ..PlanOptions::default() }
}

/// Makes the list empty, and rejects a GET of this statement with a 403.
fn hide_statement(simulator: &Simulator, name: &str) {
    simulator.push_fault(FaultRule::always(InjectedFault::ListLag(1e6)).on(Method::GET).path("*/statements"));
    simulator
        .push_fault(FaultRule::always(InjectedFault::Forbidden).on(Method::GET).path(&format!("*/statements/{name}")));
}

/// Applies until there is nothing left to do, like a pipeline that runs again and again.
async fn apply_until_converged(project: &mut TestProject) {
    for _ in 0..4 {
        project.apply().await;
        assert_no_job_ran_twice(project);
    }
    project.converge().await;
    assert_no_job_ran_twice(project);
}

#[tokio::test(start_paused = true)]
async fn a_job_being_resumed_outside_is_not_treated_as_stopped() {
    for is_requested in [false, true] {
        let mut project = project_with_running_job("").await;
        project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
        wait_seconds(60).await;
        project.apply().await;
        project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
        assert_eq!(project.phases()["copy"], "STOPPED");
        project.declare(&job(CHANGED_SQL, if is_requested { "" } else { "evolve = \"restart\"\n" }));
        let request = || PlanOptions {
            replace: is_requested.then(|| statement("copy")).into_iter().collect(),
            ..PlanOptions::default()
        };
        project.apply_with_options(request()).await;
        wait_seconds(60).await;
        assert_no_job_ran_twice(&project);
        project.apply_with_options(request()).await;
        apply_until_converged(&mut project).await;
        assert_eq!(project.phases()["copy-g2"], "RUNNING");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_resumed_between_plan_and_apply_does_not_run_beside_its_replacement() {
    let mut project = project_with_running_job("").await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    wait_seconds(60).await;
    project.declare(&job(CHANGED_SQL, "evolve = \"restart\"\n"));
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Replace { .. }));
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    project.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    wait_seconds(60).await;
    apply_until_converged(&mut project).await;
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_is_being_resumed_is_stopped_again() {
    let mut project = project_with_running_job("evolve = \"restart\"\n").await;
    project.declare(&job(CHANGED_SQL, "evolve = \"restart\"\n"));
    project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "copy-g2", "PENDING")).await;
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    wait_seconds(1).await;
    let plan = project.plan().await;
    assert!(plan.groups.iter().any(|group| group.forward.iter().any(|step| step.request.changes_the_cloud())));
    project.apply().await;
    assert_eq!((project.phases()["copy"].as_str(), project.phases()["copy-g2"].as_str()), ("STOPPED", "RUNNING"));
}

#[tokio::test(start_paused = true)]
async fn a_successor_of_unknown_presence_is_not_orphaned() {
    let mut project = project_with_running_job("evolve = \"restart\"\n").await;
    project.declare(&job(CHANGED_SQL, "evolve = \"restart\"\n"));
    project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "copy-g2", "PENDING")).await;
    project.declare(TABLE_WITH_UNDO);
    hide_statement(&project.simulator, "copy-g2");
    let run = project.apply().await;
    assert!(is_blocked_as_unknown(&run, "copy"), "{:#?}", run.plan.changes);
    let run = project.apply_with_options(PlanOptions { destroy: true, ..with_data_loss_consent() }).await;
    assert!(is_blocked_as_unknown(&run, "copy"), "{:#?}", run.plan.changes);
    project.simulator.clear_faults();
    project.converge().await;
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_retired_generation_of_unknown_presence_blocks_replacement_and_removal() {
    let mut project = project_with_running_job("evolve = \"restart\"\n").await;
    project.declare(&job(CHANGED_SQL, "evolve = \"restart\"\n"));
    project.converge().await;
    hide_statement(&project.simulator, "copy");
    project.declare(&job(&format!("{CHANGED_SQL}0"), "evolve = \"restart\"\n"));
    assert!(is_blocked_as_unknown(&project.apply().await, "copy"));
    project.declare(TABLE_WITH_UNDO);
    assert!(is_blocked_as_unknown(&project.apply().await, "copy"));
    project.simulator.clear_faults();
    project.converge().await;
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["orders"]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_while_the_presence_of_a_generation_on_it_is_unknown() {
    let on = |sql: &str, pool: &str| job(sql, &format!("evolve = \"restart\"\npool = \"{pool}\"\n"));
    let mut project = TestProject::with_statements(&on(ORIGINAL_SQL, "spare"));
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 5\n");
    project.converge().await;
    project.declare(&on(CHANGED_SQL, "main"));
    project.converge().await;
    hide_statement(&project.simulator, "copy");
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let plan = project.plan().await;
    let by = vec![Block::PoolHasStatements { statements: vec![statement("copy")] }];
    assert_eq!(plan.changes[&Address::pool("spare")].action, Action::Blocked { by });
    project.simulator.clear_faults();
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_of_unknown_presence_is_not_undone() {
    let mut project = TestProject::with_statements(&format!("{TABLE_WITH_UNDO}{OTHER}"));
    project.converge().await;
    hide_statement(&project.simulator, "orders");
    project.declare(OTHER);
    assert!(is_blocked_as_unknown(&project.apply_with_options(with_data_loss_consent()).await, "orders"));
    project.declare(&format!("{}{OTHER}", TABLE_WITH_UNDO.replace("price INT", "price BIGINT")));
    assert!(is_blocked_as_unknown(&project.apply_with_options(with_data_loss_consent()).await, "orders"));
    project.simulator.clear_faults();
    assert!(project.apply_with_options(with_data_loss_consent()).await.report.unwrap().is_complete());
    assert_eq!(project.phases().into_keys().collect::<Vec<_>>(), ["orders-g2", "other"]);
}

/// The job was stopped outside floe, so it is not known what else was changed outside floe.
#[tokio::test(start_paused = true)]
async fn offsets_of_a_job_stopped_outside_are_not_a_start_position() {
    let mut project = project_with_running_job("").await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".into())).unwrap();
    wait_seconds(60).await;
    project.apply().await;
    assert!(project.recorded().await.statements["copy"].current.clone().unwrap().offsets.is_some());
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    wait_seconds(60).await;
    project.simulator.apply_out_of_band(OutOfBandChange::Purge("copy".into())).unwrap();
    let run = project.apply().await;
    assert!(matches!(planned_blocks(&run, "copy")[..], [Block::GoneWithoutOffsets { .. }]), "{:#?}", run.plan.changes);
    let notes = &run.plan.changes[&statement("copy")].notes;
    assert!(notes.iter().any(|note| matches!(note, Note::GoneWithUncertainOffsets { .. })), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn offsets_are_cleared_once_a_resumed_job_is_seen() {
    for seen_as in ["STOPPED", "PENDING", "FAILING", "FAILED", "COMPLETED", "RUNNING", "DEGRADED", "STOPPING"] {
        let mut project = project_with_running_job("").await;
        project.declare(&job(ORIGINAL_SQL, "stopped = true\n"));
        project.converge().await;
        let change_outside = |change| project.simulator.apply_out_of_band(change).unwrap();
        change_outside(OutOfBandChange::Resume("copy".into()));
        if seen_as == "PENDING" {
            while project.phases()["copy"] == "STOPPED" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        } else if seen_as != "STOPPED" {
            wait_seconds(60).await;
        }
        match seen_as {
            "FAILING" | "FAILED" => change_outside(OutOfBandChange::Fail("copy".into(), "boom".into())),
            "COMPLETED" => change_outside(OutOfBandChange::Complete("copy".into())),
            "DEGRADED" => change_outside(OutOfBandChange::Degrade("copy".into())),
            "STOPPING" => change_outside(OutOfBandChange::Stop("copy".into())),
            _ => {}
        }
        if seen_as == "FAILED" {
            wait_seconds(60).await;
        }
        assert_eq!(project.phases()["copy"], seen_as);
        project.plan().await;
        let plan = project.plan().await;
        let mut recorded = project.recorded().await;
        plan.entries.iter().for_each(|entry| recorded.apply(entry).unwrap());
        assert_eq!(recorded.statements["copy"].current.clone().unwrap().offsets, None, "{seen_as}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_is_not_dropped_while_the_running_sql_of_a_job_reads_it() {
    let (reads, moved) =
        (format!("{}{OTHER}", job(ORIGINAL_SQL, "evolve = \"restart\"\n")), ORIGINAL_SQL.replace("orders", "other"));
    let mut project = TestProject::with_statements(&reads);
    project.converge().await;
    project.declare(&reads.replace(ORIGINAL_SQL, &moved));
    project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "copy", "STOPPED")).await;
    // The policy that allowed the restart is removed, so the next run resumes the job as it was.
    let declared = reads.replace(ORIGINAL_SQL, &moved).replace("evolve = \"restart\"\n", "");
    project.declare(&declared);
    let run = project.apply().await;
    assert!(matches!(run.plan.changes[&statement("copy")].action, Action::Resume { .. }));
    assert_eq!(project.recorded().await.statements["copy"].declared.sql.as_str(), ORIGINAL_SQL);
    project.declare(&declared.replace(TABLE_WITH_UNDO, ""));
    let excludes = [statement("copy")].into();
    let run = project.apply_with_options(PlanOptions { excludes, ..with_data_loss_consent() }).await;
    assert_eq!(planned_blocks(&run, "orders"), [Block::ObjectsInUse { by: vec!["statements.copy".to_owned()] }]);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_completes_after_planning_is_not_deleted_as_one_that_never_ran() {
    let mut project = TestProject::with_statements(OTHER);
    project.converge().await;
    project.declare(&format!("{TABLE_WITH_UNDO}{OTHER}"));
    project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "orders", "PENDING")).await;
    project.declare(&format!("{}{OTHER}", TABLE_WITH_UNDO.replace("price INT", "price BIGINT")));
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let action = &plan.changes[&statement("orders")].action;
    assert!(matches!(action, Action::Replace { strategy: Strategy::NeverRan, .. }), "{action:?}");
    wait_seconds(60).await;
    assert_eq!(project.phases()["orders"], "COMPLETED");
    let report = project.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(&report.failed[..], [(_, StepFailure::ChangedSincePlan { .. })]), "{:?}", report.failed);
    assert_eq!(project.phases()["orders"], "COMPLETED");
    assert!(matches!(planned_blocks(&project.apply().await, "orders")[..], [Block::DataLoss { .. }]));
}

/// A statement that is being deleted may run until it is gone, and the service does not say how long that takes.
#[tokio::test(start_paused = true)]
async fn nothing_starts_beside_a_retired_generation_that_is_being_deleted() {
    let mut project = project_with_running_job("evolve = \"restart\"\n").await;
    project.declare(&job(CHANGED_SQL, "evolve = \"restart\"\n"));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "STOPPED");
    project.cloud().delete_statement("copy").await.unwrap();
    assert_eq!(project.phases()["copy"], "DELETING");
    assert!(!project.plan().await.has_work(), "the plan must have nothing to do");
    project.declare(&job("INSERT INTO target SELECT id, price FROM orders WHERE price > 2", "evolve = \"restart\"\n"));
    let plan = project.plan().await;
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Await { .. }), "{:#?}", plan.changes);
    wait_seconds(60).await;
    apply_until_converged(&mut project).await;
    assert_eq!(project.phases()["copy-g3"], "RUNNING");
}

/// A run is killed while its rollback deletes the successor. The next run does not continue with that successor.
#[tokio::test(start_paused = true)]
async fn a_successor_that_is_being_deleted_is_waited_for_and_not_resumed() {
    let mut project = project_with_running_job("evolve = \"restart\"\n").await;
    project.declare(&job(CHANGED_SQL, "evolve = \"restart\"\n"));
    project.simulator.push_override(StatementOverride {
        name: "copy-g2".into(),
        outcome: ForcedOutcome::Invalid("no permission".into()),
    });
    project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "copy-g2", "DELETING")).await;
    let plan = project.plan().await;
    assert!(matches!(plan.changes[&statement("copy")].action, Action::Await { .. }), "{:#?}", plan.changes);
    wait_seconds(60).await;
    // Its generation number is used, and the policy allows another successor.
    apply_until_converged(&mut project).await;
    assert_eq!(project.phases()["copy-g3"], "RUNNING");
}
