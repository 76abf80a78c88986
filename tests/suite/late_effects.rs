//! Late and unexpected effects: a request that takes effect after floe has given up on it, a predecessor that is
//! resumed outside floe, or a secret in the service's message. Each of them was a way to run a job twice or to reveal
//! something.

use std::time::Duration;

use floe::{
    cloud::{Method, NewStatement},
    diff::{Action, Block, Note, PlanOptions},
    execute::{Event, Interrupt, RunResult, StepFailure},
    render,
    resource::{Address, Operation, Secrets},
    simulator::{
        EffectKind, FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, Scenario, SimulatorOptions,
        StatementOverride,
    },
};

use tokio::sync::watch;

use crate::{
    sample_statements::{CHANGED_SQL, ORIGINAL_SQL, TABLE},
    test_project::{TestProject, floe_toml, statement},
};

/// Returns a manifest of the table and of a job with this SQL, which may restart.
fn job(sql: &str, more: &str) -> String {
    format!("{TABLE}[statements.copy]\nsql = \"{sql}\"\nevolve = \"restart\"\n{more}")
}

/// Returns a project with a running job whose replacement is declared.
async fn about_to_replace() -> TestProject {
    let mut project = TestProject::with_statements(&job(ORIGINAL_SQL, ""));
    project.converge().await;
    project.declare(&job(CHANGED_SQL, ""));
    project
}

/// Asserts that no job ran twice at once.
fn assert_no_job_ran_twice(project: &TestProject) {
    let most = project.simulator.audit_report().peak_running;
    assert!(most.values().all(|most| *most <= 1), "{most:?} {:?}", project.phases());
}

/// Returns the first block of `key` in `plan`.
fn block_in(plan: &floe::plan::Plan, key: &str) -> Block {
    match &plan.changes[&statement(key)].action {
        Action::Blocked { by } => by[0].clone(),
        other => panic!("{key} is not blocked: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_submission_is_recognized_and_runs_alone() {
    for delay in [1.0, 11.9, 12.0, 12.2, 12.4, 12.6, 12.8, 13.0, 13.4, 14.0, 14.3] {
        let mut project = about_to_replace().await;
        let late = FaultRule::always(InjectedFault::LostThenApplied(delay)).on(Method::POST).name("copy-g2").times(1);
        project.simulator.push_fault(late);
        project.apply().await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_no_job_ran_twice(&project);
        project.converge().await;
        assert_no_job_ran_twice(&project);
        assert_eq!(project.phases()["copy-g2"], "RUNNING", "{delay}");
    }
}

/// A request of any kind takes effect long after floe has stopped looking for it.
#[tokio::test(start_paused = true)]
async fn a_request_applied_long_after_it_was_given_up_duplicates_and_deletes_nothing() {
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for after in 0..6 {
            for delay in [13.0, 20.0, 45.0, 90.0] {
                let what = format!("{method} {after}, {delay} s");
                let mut project = about_to_replace().await;
                project.declare(
                    &(job(CHANGED_SQL, "") + "[statements.more]\nsql = \"INSERT INTO more SELECT id FROM orders\"\n"),
                );
                project
                    .simulator
                    .push_fault(FaultRule::once(InjectedFault::LostThenApplied(delay)).on(method.clone()).after(after));
                for _ in 0..3 {
                    project.apply().await;
                    tokio::time::sleep(Duration::from_secs(20)).await;
                }
                tokio::time::sleep(Duration::from_secs(120)).await;
                assert_no_job_ran_twice(&project);
                let creates = project.simulator.audit_report().creations;
                assert!(creates.values().all(|count| *count == 1), "{what}: {creates:?}");
                project.apply().await;
                let plan = project.plan().await;
                assert!(!plan.has_work() && !plan.is_blocked(), "{what}: {:#?}", plan.changes);
                let phases = project.phases();
                assert_eq!((phases["copy-g2"].as_str(), phases["more"].as_str()), ("RUNNING", "RUNNING"), "{what}");
            }
        }
    }
}

/// A run is killed with a submission in flight, and the statement is removed from the manifests. The next run waits for
/// the submission, and deletes what it created.
#[tokio::test(start_paused = true)]
async fn a_late_submission_that_is_no_longer_declared_is_deleted() {
    for delay in [20.0, 60.0, 140.0] {
        let mut project = TestProject::with_statements(TABLE);
        project.converge().await;
        project.declare(&job(ORIGINAL_SQL, ""));
        project
            .simulator
            .push_fault(FaultRule::once(InjectedFault::LostThenApplied(delay)).on(Method::POST).name("copy"));
        let _ = tokio::time::timeout(Duration::from_secs(2), project.apply()).await;
        project.declare(TABLE);
        project.converge().await;
        tokio::time::sleep(Duration::from_secs(160)).await;
        assert!(!project.phases().contains_key("copy"), "{delay}: {:?}", project.phases());
        project.converge().await;
    }
}

/// A submission takes effect so late that no run expects it any more.
#[tokio::test(start_paused = true)]
async fn a_submission_after_the_wait_that_is_no_longer_declared_is_reported() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    project.declare(&job(ORIGINAL_SQL, ""));
    project.simulator.push_fault(FaultRule::once(InjectedFault::LostThenApplied(400.0)).on(Method::POST).name("copy"));
    let _ = tokio::time::timeout(Duration::from_secs(2), project.apply()).await;
    project.declare(TABLE);
    project.apply().await;
    tokio::time::sleep(Duration::from_secs(400)).await;
    assert_eq!(project.phases()["copy"], "RUNNING");
    let plan = project.plan().await;
    let change =
        plan.changes.get(&statement("copy")).unwrap_or_else(|| panic!("the plan does not report it: {plan:#?}"));
    assert!(change.notes.contains(&Note::LateSubmissions { names: vec!["copy".to_owned()] }), "{change:#?}");
    // Declared again, it is managed by the project again, and it is not created twice.
    project.declare(&job(ORIGINAL_SQL, ""));
    project.converge().await;
    assert_eq!(project.simulator.audit_report().creations["copy"], 1);
}

/// An undo is deleted once it is done. Its statement keeps the name until no copy of the request can take effect, so
/// that the undo does not run a second time.
#[tokio::test(start_paused = true)]
async fn an_undo_whose_request_takes_effect_late_runs_once() {
    let mut project = TestProject::with_statements(TABLE);
    project.declare(&format!(
        "{TABLE}[statements.doomed]\nsql = \"CREATE TABLE doomed (id STRING)\"\nundo = \"DROP TABLE doomed\"\n"
    ));
    project.converge().await;
    project.declare(TABLE);
    let fault = FaultRule::once(InjectedFault::LostThenApplied(100.0)).on(Method::POST).name("doomed-undo-1");
    project.simulator.push_fault(fault);
    let request = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    for _ in 0..3 {
        project.apply_with(&project.cloud(), &request).await;
    }
    assert!(!project.phases().contains_key("doomed") && !project.phases().contains_key("doomed-undo-1"));
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert!(!project.phases().contains_key("doomed-undo-1"), "{:?}", project.phases());
    assert_eq!(project.simulator.audit_report().creations["doomed-undo-1"], 1);
}

/// No name prevents a second pool, so a request that takes effect after floe has searched for it creates one. A run that
/// has not ended by then reports it.
#[tokio::test(start_paused = true)]
async fn a_late_second_pool_is_reported_at_the_end_of_the_run() {
    for delay in [5.0, 50.0, 140.0, 152.0, 158.0] {
        let mut project = TestProject::with_statements(&job(ORIGINAL_SQL, ""));
        project
            .simulator
            .push_fault(FaultRule::once(InjectedFault::LostThenApplied(delay)).on(Method::POST).path("*compute-pools"));
        let report = project.apply().await.report.unwrap();
        assert!(report.is_complete(), "{delay}: {:#?}", report.failed);
        let pools: Vec<String> = project.simulator.world_view().pools.into_iter().map(|pool| pool.id).collect();
        assert_eq!(project.simulator.audit_report().pool_creations["main"], pools.len(), "{delay}");
        let ours = &report.recorded.pools["main"].id;
        let others: Vec<_> =
            pools.iter().filter(|id| *id != ours).map(|id| (Address::pool("main"), id.clone())).collect();
        assert_eq!((others.len(), &report.duplicate_pools), (usize::from(delay > 150.0), &others), "{delay}");
        let expected = if others.is_empty() { RunResult::Done } else { RunResult::Unhealthy };
        assert_eq!(RunResult::of(&report), expected);
        let said = render::report_text(
            &report,
            &project.plan().await,
            &render::RunFlags::default(),
            render::Style { width: 400, color: false },
        );
        assert!(others.iter().all(|(_, id)| said.contains(&format!("! pools.main: {id} has the same name"))), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_requested_by_an_interrupted_run_is_recorded_by_the_next_run() {
    let mut project = TestProject::with_statements(&job(ORIGINAL_SQL, ""));
    project.converge().await;
    project.declare(&job(ORIGINAL_SQL, "stopped = true\n"));
    let _ = tokio::time::timeout(Duration::from_secs(2), project.apply()).await;
    assert_eq!(project.phases()["copy"], "STOPPING");
    project.apply().await;
    let plan = project.plan().await;
    assert!(!plan.has_work(), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_failed_rollback_is_in_the_report() {
    let mut project = about_to_replace().await;
    project
        .simulator
        .push_override(StatementOverride { name: "copy-g2".into(), outcome: ForcedOutcome::Invalid("no".into()) });
    project.simulator.push_fault(FaultRule::always(InjectedFault::Forbidden).on(Method::DELETE));
    let run = project.apply().await;
    let report = run.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert!(
        matches!(&report.rollback_failed[..], [(_, StepFailure::RequestFailed(_))]),
        "{:?}",
        report.rollback_failed
    );
    assert!(!report.has_only_unreached_phases());
    let said = floe::render::report_text(
        &report,
        &run.plan,
        &floe::render::RunFlags::default(),
        floe::render::Style::default(),
    );
    assert!(said.contains("statements.copy: rollback failed: "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_after_a_lost_response_does_not_prove_absence() {
    let mut project = about_to_replace().await;
    let post = |does| FaultRule::always(does).on(Method::POST).name("copy-g2").times(1);
    project.simulator.push_fault(post(InjectedFault::LostThenApplied(40.0)));
    project.simulator.push_fault(post(InjectedFault::Forbidden));
    let report = project.apply().await.report.unwrap();
    assert_eq!(report.left_stopped, [statement("copy")]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_no_job_ran_twice(&project);
    project.converge().await;
    assert_no_job_ran_twice(&project);
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_resumed_outside_is_blocked_as_several_live() {
    let mut project = about_to_replace().await;
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let several = Block::UnexpectedGenerations { names: vec!["copy".to_owned()] };
    assert_eq!(block_in(&project.plan().await, "copy"), several);
    project.declare(TABLE);
    assert_eq!(block_in(&project.plan().await, "copy"), several);
}

#[tokio::test(start_paused = true)]
async fn a_job_declared_stopped_is_not_resumed_when_its_replacement_fails() {
    let mut project = TestProject::with_statements(&job(ORIGINAL_SQL, ""));
    project.converge().await;
    project.declare(&job(ORIGINAL_SQL, "stopped = true\n"));
    project.converge().await;
    project
        .simulator
        .push_override(StatementOverride { name: "copy-g2".into(), outcome: ForcedOutcome::Invalid("no".into()) });
    project.declare(&job(CHANGED_SQL, ""));
    let report = project.apply().await.report.unwrap();
    assert!(matches!(report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert_eq!(project.phases()["copy"], "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ran_and_is_now_stopped_is_not_resubmitted() {
    let overrides = vec![StatementOverride { name: "copy".into(), outcome: ForcedOutcome::Invalid("no".into()) }];
    let options =
        SimulatorOptions { scenario: Scenario { overrides, ..Scenario::default() }, ..SimulatorOptions::default() };
    let pools = ("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let mut project = TestProject::with_options(
        &[("floe.toml", &floe_toml("")), pools, ("statements/s.toml", &job(ORIGINAL_SQL, ""))],
        options,
    );
    project.apply().await;
    project.declare(&job(ORIGINAL_SQL, "stopped = true\n"));
    project.apply().await;
    assert!(!project.phases().contains_key("copy-g2"), "{:?}", project.phases());
}

#[tokio::test(start_paused = true)]
async fn a_retired_generation_is_not_orphaned_when_the_current_one_was_recreated_outside() {
    let mut project = about_to_replace().await;
    project.converge().await;
    project.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy-g2".into(), None)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.declare(TABLE);
    let plan = project.plan().await;
    assert!(!matches!(plan.changes[&statement("copy")].action, Action::Forget), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_while_an_unmanaged_job_runs_on_it() {
    let pools = "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 5\n";
    let mut project =
        TestProject::new(&[("floe.toml", &floe_toml("")), ("pools.toml", pools), ("statements/s.toml", TABLE)]);
    project.converge().await;
    let spare = project.recorded().await.pools["spare"].id.clone();
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let sql = "INSERT INTO z SELECT id FROM orders".to_owned();
    let theirs = NewStatement { name: "theirs".into(), sql, pool: Some(spare), ..NewStatement::default() };
    cloud.submit_statement(&theirs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let report = project.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(&report.failed[..], [(_, StepFailure::ChangedSincePlan { how, .. })] if how.contains("theirs")));
    assert_eq!(project.phases()["theirs"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn adoption_never_records_a_secret_in_plain_text() {
    let table = |more: &str| {
        format!("[statements.m]\nsql = \"CREATE TABLE m (id STRING) WITH ('k' = '${{secret.s}}'{more})\"\n")
    };
    let main = floe_toml("[secrets]\ns = { env = \"S\" }\n");
    let pools = ("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let mut project = TestProject::new(&[("floe.toml", &main), pools, ("statements/s.toml", &table(""))]);
    project.secrets = Secrets::new([("s".to_owned(), "hunter2hunter2".to_owned())].into());
    project.converge().await;
    let pool = project.recorded().await.pools["main"].id.clone();
    // The state is lost, and the text around the secret is changed.
    let mut fresh = TestProject::new(&[("floe.toml", &main), ("statements/s.toml", &table(", 'x' = '1'"))]);
    fresh.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    fresh.simulator = project.simulator.clone();
    fresh.secrets = project.secrets.clone();
    let run = fresh.apply().await;
    assert_eq!(block_in(&run.plan, "m"), Block::AdoptionExposesSecret { name: "m".to_owned() });
    let written = serde_json::to_string(&run.plan).unwrap() + &serde_json::to_string(&fresh.recorded().await).unwrap();
    assert!(!written.contains("hunter2"));
}

/// A run is killed with the creation of a pool in flight. It takes effect, and another pool of the same name and size
/// is created outside floe.
#[tokio::test(start_paused = true)]
async fn a_pool_with_an_unclear_intent_can_be_excluded() {
    const MAIN: &str = "[pools.main]\nmax_cfu = 10\n";
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    project.write("pools.toml", &format!("{MAIN}[pools.heavy]\nmax_cfu = 20\n"));
    project
        .simulator
        .push_fault(FaultRule::once(InjectedFault::LostThenApplied(20.0)).on(Method::POST).path("*/compute-pools*"));
    let _ = tokio::time::timeout(Duration::from_secs(2), project.apply()).await;
    let recorded = project.recorded().await;
    let operation = recorded.open_intents.values().next().unwrap().intent.operation.clone();
    let Operation::CreatePool { pool, .. } = operation else { panic!("{operation:?}") };
    project.cloud().create_pool(&pool).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(project.simulator.world_view().pools.len(), 3);
    let heavy = Address::pool("heavy");
    let without = PlanOptions { excludes: [heavy.clone()].into(), ..PlanOptions::default() };
    let orders_only = PlanOptions { targets: [statement("orders")].into(), ..PlanOptions::default() };
    for declared in [format!("{MAIN}[pools.heavy]\nmax_cfu = 20\n"), MAIN.to_owned()] {
        project.write("pools.toml", &declared);
        let plan = project.plan().await;
        let change = &plan.changes[&heavy].action;
        assert!(
            matches!(change, Action::Blocked { by } if matches!(by[..], [Block::UnclearIntent { .. }])),
            "{change:?}"
        );
        for request in [&without, &orders_only] {
            let plan = project.plan_with(&project.cloud(), request).await.unwrap().0;
            assert!(!plan.is_blocked(), "{request:?}: {:#?}", plan.changes);
        }
    }
}

/// The response to the stop of a replacement is lost, and reads fail from some point on, either once or permanently.
#[tokio::test(start_paused = true)]
async fn a_stop_with_an_unknown_outcome_is_rolled_back_or_reported() {
    let (mut rolled_back, mut reported) = (0, 0);
    for readable in 0..6 {
        for unreadable in [1, 1_000] {
            let mut project = about_to_replace().await;
            let (plan, recorded) = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap();
            project.simulator.push_fault(FaultRule::once(InjectedFault::LostAfterEffect).on(Method::PUT));
            let forbidden = FaultRule::always(InjectedFault::Forbidden).on(Method::GET).after(readable);
            project.simulator.push_fault(forbidden.times(unreadable));
            let cloud = project.cloud();
            let report = project.execute(&cloud, &plan, recorded, &mut |_| {}).await;
            let what = format!("{readable}, {unreadable}: {report:#?}");
            let stopped = project.simulator.effects().iter().any(|effect| effect.kind == EffectKind::Stopped);
            let (is_running, tells) = (project.phases()["copy"] == "RUNNING", !report.left_stopped.is_empty());
            if !report.failed.is_empty() && stopped {
                assert!(is_running != tells, "{what}");
                assert_eq!(tells, !report.rollback_failed.is_empty(), "{what}");
                rolled_back += usize::from(is_running);
                reported += usize::from(tells);
            } else if !report.failed.is_empty() {
                assert!(is_running && !tells, "{what}");
            }
            project.simulator.clear_faults();
            tokio::time::sleep(Duration::from_secs(60)).await;
            project.converge().await;
            assert_no_job_ran_twice(&project);
            assert_eq!(project.phases()["copy-g2"], "RUNNING", "{what}");
        }
    }
    assert!(rolled_back > 0 && reported > 0, "{rolled_back} rolled back, {reported} reported");
}

/// Ctrl-C while floe searches for a pool after a lost response to its creation: floe does not send a second creation.
#[tokio::test(start_paused = true)]
async fn an_interrupted_pool_creation_is_not_repeated() {
    let mut project = TestProject::with_statements(TABLE);
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    project
        .simulator
        .push_fault(FaultRule::once(InjectedFault::LostBeforeEffect).on(Method::POST).path("*/compute-pools*"));
    let (sender, interrupt) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        sender.send(Interrupt::FinishOpenGroups).unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    });
    let report = project.execute_with_interrupt(interrupt, &cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:?}", report.failed);
    let posts = project.simulator.requests().into_iter().filter(|(method, _)| *method == Method::POST).count();
    assert_eq!((posts, project.simulator.world_view().pools.len()), (1, 0));
    project.converge().await;
    assert_eq!(project.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_report_does_not_claim_that_a_job_left_stopped_resumes_automatically() {
    let mut project = about_to_replace().await;
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let (sender, interrupt) = watch::channel(Interrupt::None);
    let mut interrupt_at_stop = |event: Event| {
        if matches!(&event, Event::RequestAccepted { request, .. } if request.to_string() == "stopping copy") {
            sender.send(Interrupt::Abort).unwrap();
        }
    };
    let report = project.execute_with_interrupt(interrupt, &cloud, &plan, recorded, &mut interrupt_at_stop).await;
    let said =
        floe::render::report_text(&report, &plan, &floe::render::RunFlags::default(), floe::render::Style::default());
    assert!(said.contains("statements.copy: left open: the next apply continues from there"), "{said}");
    assert!(!said.contains("continues in Confluent Cloud"), "{said}");
}
