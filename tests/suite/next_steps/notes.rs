//! Follows the next steps that floe prints with notes.

use super::*;

/// Makes a plan and returns the notes of this statement.
async fn planned_notes(project: &TestProject, key: &str) -> Vec<Note> {
    project.plan().await.changes[&statement(key)].notes.clone()
}

/// Takes each of the next steps of a note, which are a declaration and the options of a plan. Asserts that the next
/// plan is empty and that the job then has the expected phase.
async fn check_each_next_step(
    outside_change: impl Fn() -> OutOfBandChange,
    next_steps: &[(&str, PlanOptions)],
    expected_phases: &[&str],
) {
    for ((declaration, request), phase) in next_steps.iter().zip(expected_phases) {
        let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
        change_outside(&project, outside_change());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(planned_notes(&project, "copy").await.len(), 1);
        project.declare(&format!("{TABLE}{COPY}{declaration}"));
        let run = project.apply_with_options(request.clone()).await;
        assert!(run.report.expect("the plan is blocked").is_complete(), "{declaration}");
        let plan = project.plan().await;
        assert!(
            !plan.has_changes() && !plan.changes.contains_key(&statement("copy")),
            "{declaration}: {:#?}",
            plan.changes
        );
        let current = project.recorded().await.statements["copy"].current.clone().unwrap();
        assert_eq!(project.phases()[&current.sent.name], *phase, "{declaration}");
    }
}

/// Returns the options of `--fix-drift`.
fn with_drift_fixed() -> PlanOptions {
    PlanOptions { fix_drift: true, ..PlanOptions::default() }
}

/// Returns the options of `--replace statements.copy`.
fn with_copy_replaced() -> PlanOptions {
    PlanOptions { replace: [statement("copy")].into(), ..PlanOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_job_stopped_outside_is_resumed_or_declared_stopped() {
    let next_steps = [
        ("", with_drift_fixed()),
        ("on_stopped = \"resume\"\n", PlanOptions::default()),
        ("stopped = true\n", PlanOptions::default()),
    ];
    check_each_next_step(|| OutOfBandChange::Stop("copy".into()), &next_steps, &["RUNNING", "RUNNING", "STOPPED"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_job_resumed_outside_is_stopped_or_declared_running() {
    let next_steps = [("stopped = true\n", with_drift_fixed()), ("stopped = false\n", PlanOptions::default())];
    for (declaration, request) in next_steps {
        let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
        project.declare(&format!("{TABLE}{COPY}stopped = true\n"));
        project.converge().await;
        change_outside(&project, OutOfBandChange::Resume("copy".into()));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(planned_notes(&project, "copy").await, [Note::ResumedOutside]);
        project.declare(&format!("{TABLE}{COPY}{declaration}"));
        assert!(project.apply_with_options(request).await.report.expect("the plan is blocked").is_complete());
        project.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_resumed_or_replaced() {
    let next_steps =
        [("", with_drift_fixed()), ("on_failed = \"resume\"\n", PlanOptions::default()), ("", with_copy_replaced())];
    let phases = ["RUNNING", "RUNNING", "RUNNING"];
    check_each_next_step(|| OutOfBandChange::Fail("copy".into(), "boom".into()), &next_steps, &phases).await;
}

#[tokio::test(start_paused = true)]
async fn a_completed_job_is_replaced() {
    check_each_next_step(|| OutOfBandChange::Complete("copy".into()), &[("", with_copy_replaced())], &["RUNNING"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn readers_of_an_altered_table_are_replaced_in_the_same_run() {
    let mut project = applied_project(&format!("{TABLE}{COPY}")).await;
    let alter = "[statements.alter]\nsql = \"ALTER TABLE orders ADD (more INT)\"\n";
    project.declare(&format!("{TABLE}{COPY}{alter}"));
    assert_eq!(planned_notes(&project, "alter").await, [Note::StaleReaders { readers: vec![statement("copy")] }]);
    let run = project.apply_with_options(with_copy_replaced()).await;
    let after = &run.plan.groups.iter().find(|group| group.address == statement("copy")).unwrap().after;
    assert!(after.contains(&statement("alter")), "{after:?}");
    assert!(run.report.expect("the plan is blocked").is_complete());
    project.converge().await;
}
