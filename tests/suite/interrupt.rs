//! Ctrl-C: the first one lets open step groups finish and starts nothing new. The second one saves the record and
//! exits.

use std::time::Duration;

use floe::{
    diff::PlanOptions,
    execute::{Event, Interrupt, RunReport, StepFailure},
    simulator::{EffectKind, FaultRule, InjectedFault, OutOfBandChange},
    state::FurthestPhase,
};
use tokio::sync::watch;

use crate::test_project::{TestProject, statement};

/// The manifest of a table and of a job that may restart.
const JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
evolve = "restart"
"#;

/// Returns the manifest with a change that replaces the job.
fn changed_jobs() -> String {
    JOBS.replace("SELECT id, price", "SELECT id, price + 1")
}

/// Returns a project with a running job whose replacement is declared.
async fn about_to_replace() -> TestProject {
    let mut project = TestProject::with_statements(JOBS);
    project.converge().await;
    project.simulator.clear_requests();
    project.declare(&changed_jobs());
    project
}

/// Applies, and interrupts the run at `interrupt_level` as soon as `is_due` returns true for an event. Returns the
/// report and the events.
async fn apply_with_interrupt_at(
    project: &mut TestProject,
    interrupt_level: Interrupt,
    mut is_due: impl FnMut(&Event) -> bool + Send,
) -> (RunReport, Vec<Event>) {
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let (sender, interrupt) = watch::channel(Interrupt::None);
    let (mut events, mut pressed) = (Vec::new(), false);
    let mut listen = |event: Event| {
        if !pressed && is_due(&event) {
            pressed = true;
            sender.send(interrupt_level).unwrap();
        }
        events.push(event);
    };
    let report = project.execute_with_interrupt(interrupt, &cloud, &plan, recorded, &mut listen).await;
    assert!(pressed, "the run was never interrupted: {events:#?}");
    (report, events)
}

/// Returns true if the event says that the service accepted the stop of the job.
fn is_stop_request(event: &Event) -> bool {
    matches!(event, Event::RequestAccepted { request, .. } if request.to_string() == "stopping copy")
}

/// Returns true if the event says that the service accepted the submission of the successor.
fn is_successor_submission(event: &Event) -> bool {
    matches!(event, Event::RequestAccepted { request, .. } if request.to_string() == "submitted copy-g2")
}

/// Asserts that nothing ran twice at once or was created twice.
fn assert_nothing_ran_or_was_created_twice(project: &TestProject) {
    let findings = project.simulator.audit_report();
    assert!(findings.peak_running.values().all(|most| *most <= 1), "{findings:#?}");
    assert!(findings.creations.values().all(|count| *count <= 1), "{findings:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_finishes_an_open_replacement_and_starts_nothing_new() {
    let mut project = about_to_replace().await;
    let more =
        "[statements.later]\nsql = \"INSERT INTO more SELECT id FROM orders\"\ndepends_on = [\"statements.copy\"]\n";
    project.declare(&format!("{}{more}", changed_jobs()));
    let (report, events) = apply_with_interrupt_at(&mut project, Interrupt::FinishOpenGroups, is_stop_request).await;
    assert_eq!(report.failed, [], "{events:#?}");
    assert_eq!(report.succeeded, [statement("copy")]);
    assert_eq!(report.not_started, [statement("later")]);
    assert!(report.was_interrupted && events.contains(&Event::InterruptReceived));
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
    assert!(!project.phases().contains_key("later"));
    assert_eq!(project.recorded().await.statements["copy"].current.as_ref().unwrap().sent.name, "copy-g2");
    assert_nothing_ran_or_was_created_twice(&project);
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_rolls_back_a_replacement_that_cannot_be_finished() {
    let mut project = about_to_replace().await;
    project.simulator.push_fault(FaultRule::always(InjectedFault::Status(400)).on(floe::cloud::Method::POST));
    let (report, events) = apply_with_interrupt_at(&mut project, Interrupt::FinishOpenGroups, is_stop_request).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::RequestFailed(_))]), "{:#?}", report.failed);
    assert!(events.contains(&Event::RolledBack { address: statement("copy") }), "{events:#?}");
    assert_eq!(report.left_stopped, []);
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert_nothing_ran_or_was_created_twice(&project);
    project.simulator.clear_faults();
    project.converge().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_ends_a_wait_that_the_next_run_can_resume() {
    let mut project = TestProject::with_statements(JOBS);
    let submitted = |event: &Event| matches!(event, Event::RequestAccepted { request, .. } if request.to_string() == "submitted orders");
    let (report, _) = apply_with_interrupt_at(&mut project, Interrupt::FinishOpenGroups, submitted).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:#?}", report.failed);
    assert_eq!(report.skipped, [(statement("copy"), statement("orders"))]);
    assert!(!project.phases().contains_key("copy"));
    assert!(project.recorded().await.open_intents.is_empty());
    project.converge().await;
    assert_eq!(project.simulator.audit_report().creations["orders"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_interrupt_saves_and_reports_the_stopped_job() {
    let mut project = about_to_replace().await;
    let began = tokio::time::Instant::now();
    let (report, _) = apply_with_interrupt_at(&mut project, Interrupt::Abort, is_stop_request).await;
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:#?}", report.failed);
    assert_eq!(report.left_stopped, [statement("copy")]);
    assert_eq!(report.ledger_error, None);
    let recorded = project.recorded().await;
    assert_eq!(recorded.statements, report.recorded.statements, "the report differs from the saved record");
    assert!(recorded.statements["copy"].current.as_ref().unwrap().stopped);
    // Once the job is stopped, the next run finishes the replacement.
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.converge().await;
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
    assert_nothing_ran_or_was_created_twice(&project);
}

#[tokio::test(start_paused = true)]
async fn the_second_interrupt_leaves_a_starting_successor_to_the_next_run() {
    let mut project = about_to_replace().await;
    let (report, _) = apply_with_interrupt_at(&mut project, Interrupt::Abort, is_successor_submission).await;
    assert_eq!(report.left_stopped, [statement("copy")]);
    let successor = project.recorded().await.statements["copy"].successor.clone().unwrap();
    assert_eq!((successor.sent.name.as_str(), successor.reached), ("copy-g2", FurthestPhase::Submitted));
    assert_eq!(project.simulator.effects().iter().filter(|effect| effect.kind == EffectKind::Resumed).count(), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.converge().await;
    assert_eq!((project.phases()["copy"].as_str(), project.phases()["copy-g2"].as_str()), ("STOPPED", "RUNNING"));
    assert_nothing_ran_or_was_created_twice(&project);
}

#[tokio::test(start_paused = true)]
async fn the_second_interrupt_does_not_wait_for_a_missing_response() {
    let mut project = about_to_replace().await;
    project.simulator.push_fault(FaultRule::once(InjectedFault::SlowResponse(3_000.0)).on(floe::cloud::Method::POST));
    let simulator = project.simulator.clone();
    let cloud = project.cloud();
    let (plan, recorded) = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let (sender, interrupt) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        while !simulator.effects().iter().any(|effect| effect.name == "copy-g2") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sender.send(Interrupt::FinishOpenGroups).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send(Interrupt::Abort).unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    });
    let report = project.execute_with_interrupt(interrupt, &cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:#?}", report.failed);
    assert_eq!(project.recorded().await.open_intents.len(), 1, "the outcome of the request must still be unknown");
    project.simulator.apply_out_of_band(OutOfBandChange::AdvanceTime(Duration::from_secs(60))).unwrap();
    project.converge().await;
    assert_eq!(project.phases()["copy-g2"], "RUNNING");
    assert_nothing_ran_or_was_created_twice(&project);
}
