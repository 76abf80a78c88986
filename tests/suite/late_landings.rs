//! Requests that land up to 140 seconds after they were sent: across a kill, a takeover by another pipeline, and a
//! change of the manifests. At no instant may two copies of a job run.
//!
//! `FLOE_CASES` sets how many random cases there are, and `FLOE_SEED` the first one.

use std::time::Duration;

use fastrand::Rng;
use floe::{
    cloud::Method,
    diff::{Action, Block, PlanOptions},
    plan::Plan,
    resource::{IN_FLIGHT, Operation},
    simulator::{FaultRule, InjectedFault, OutOfBandChange, SimulatorOptions},
};

use crate::{
    sample_statements::TABLE,
    test_project::{TestProject, floe_toml, has_phase, statement},
};

/// Returns a manifest of the table and of a job that selects `constant`, with more settings.
fn job(constant: u32, more: &str) -> String {
    format!(
        "{TABLE}[statements.copy]\nsql = \"INSERT INTO target SELECT id, {constant} FROM orders\"\nevolve = \
         \"restart\"\n{more}"
    )
}

/// Returns a project whose job runs.
async fn project_with_running_job() -> TestProject {
    let mut project = TestProject::with_statements(&job(1, ""));
    project.converge().await;
    project
}

/// Holds back the next request with this method for a statement called `name`.
fn hold_back(project: &TestProject, method: Method, name: &str, seconds: f64) {
    project.simulator.push_fault(FaultRule::once(InjectedFault::SlowEffect(seconds)).on(method).name(name));
}

/// Applies, and kills the run after this time.
async fn apply_and_kill_after(project: &mut TestProject, seconds: f64) {
    let _ = tokio::time::timeout(Duration::from_secs_f64(seconds), project.apply()).await;
}

/// Returns another pipeline on the same state and cloud, with the same manifests.
fn takeover(project: &TestProject, manifest: &str) -> TestProject {
    let files = [("floe.toml", &*floe_toml("")), ("pools.toml", "[pools.main]\nmax_cfu = 10\n")];
    let mut other = TestProject::with_options(&files, SimulatorOptions::default());
    other.declare(manifest);
    other.simulator = project.simulator.clone();
    other.ledger = project.ledger.clone();
    other.run_number = project.run_number + 1_000;
    other
}

/// Asserts that at no instant two copies of a job ran, and that no name was created twice.
fn assert_nothing_ran_twice(project: &TestProject, what: &str) {
    let findings = project.simulator.audit_report();
    let ran_twice: Vec<_> = findings.peak_running.iter().filter(|(_, most)| **most > 1).collect();
    assert!(ran_twice.is_empty(), "{what}: ran twice: {ran_twice:?} {:#?}", project.simulator.effects());
    let created_twice: Vec<_> = findings.creations.iter().filter(|(_, count)| **count > 1).collect();
    assert!(created_twice.is_empty(), "{what}: created twice: {created_twice:?}");
}

/// Returns the request that blocks `copy` because it may still take effect, and for how many seconds.
fn request_in_flight(plan: &Plan) -> Option<(&Operation, u64)> {
    let Action::Blocked { by } = &plan.changes.get(&statement("copy"))?.action else { return None };
    by.iter().find_map(|block| match block {
        Block::RequestInFlight { operation, seconds_left } => Some((&**operation, *seconds_left)),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_is_not_resumed_while_the_submission_of_its_successor_is_in_flight() {
    for seconds in [14.0, 20.0, 40.0, 140.0] {
        let mut project = project_with_running_job().await;
        project.declare(&job(2, ""));
        hold_back(&project, Method::POST, "copy-g2", seconds);
        let simulator = project.simulator.clone();
        let is_stopped = async {
            while !has_phase(&simulator.world_view(), "copy", "STOPPED") {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
        };
        tokio::select! {
            biased;
            () = is_stopped => {}
            _ = project.apply() => panic!("the run ended before it was killed"),
        }
        let mut next = takeover(&project, &job(1, ""));
        let plan = next.plan().await;
        let (operation, left) = request_in_flight(&plan).unwrap_or_else(|| panic!("{:#?}", plan.changes));
        assert!(matches!(operation, Operation::Submit(submission) if submission.name == "copy-g2"));
        assert!((130..=150).contains(&left), "{left}");
        assert!(plan.is_blocked_only_by_motion() && !plan.has_changes());
        next.apply().await;
        tokio::time::sleep(IN_FLIGHT).await;
        next.converge().await;
        assert_nothing_ran_twice(&next, &format!("{seconds} s"));
        let running: Vec<_> = next.phases().into_iter().filter(|(_, phase)| phase == "RUNNING").collect();
        assert_eq!(running.len(), 1, "{running:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_plan_says_for_how_much_longer_a_request_may_take_effect() {
    let mut project = project_with_running_job().await;
    project.declare(TABLE);
    project.simulator.push_fault(FaultRule::once(InjectedFault::SlowEffect(140.0)).on(Method::PUT).name("copy"));
    apply_and_kill_after(&mut project, 1.0).await;
    project.declare(&job(1, ""));
    let seconds_left = async |project: &TestProject| project.plan().await.seconds_in_flight();
    let first = seconds_left(&project).await.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    let then = seconds_left(&project).await.unwrap();
    assert!((98..=102).contains(&(first - then)), "{first}, then {then}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(seconds_left(&project).await, None);
}

#[tokio::test(start_paused = true)]
async fn no_successor_is_submitted_while_a_resume_of_its_predecessor_is_in_flight() {
    for seconds in [10.0, 60.0, 140.0] {
        let mut project = project_with_running_job().await;
        project.declare(&job(1, "stopped = true\n"));
        project.converge().await;
        project.declare(&job(1, ""));
        hold_back(&project, Method::PUT, "copy", seconds);
        apply_and_kill_after(&mut project, 3.0).await;
        project.declare(&job(2, ""));
        assert!(matches!(request_in_flight(&project.plan().await), Some((Operation::Update { .. }, _))));
        for _ in 0..2 {
            project.apply().await;
            tokio::time::sleep(IN_FLIGHT).await;
        }
        project.converge().await;
        assert_nothing_ran_twice(&project, &format!("{seconds} s"));
        assert_eq!(project.phases()["copy-g2"], "RUNNING");
    }
}

/// The same submission is sent again at once, since its name can be taken only once. When the job is removed soon after
/// that, the removal waits for the first copy.
#[tokio::test(start_paused = true)]
async fn a_statement_is_not_deleted_while_a_copy_of_its_submission_is_in_flight() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    project.declare(&job(1, ""));
    hold_back(&project, Method::POST, "copy", 120.0);
    apply_and_kill_after(&mut project, 2.0).await;
    let began = tokio::time::Instant::now();
    assert!(project.apply().await.report.unwrap().is_complete());
    assert!(began.elapsed() < Duration::from_secs(60), "a submission that is still wanted waits for nothing");
    project.declare(TABLE);
    assert!(request_in_flight(&project.plan().await).is_some());
    project.converge().await;
    tokio::time::sleep(IN_FLIGHT).await;
    assert!(!project.phases().contains_key("copy"));
    assert_eq!(project.simulator.audit_report().creations["copy"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_job_waits_for_a_submission_of_the_same_sql_under_another_key() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    project.declare(&job(1, ""));
    hold_back(&project, Method::POST, "copy", 100.0);
    apply_and_kill_after(&mut project, 2.0).await;
    let other = job(1, "").replace("statements.copy", "statements.other").replace(TABLE, "");
    project.declare(&(job(1, "stopped = true\n") + &other));
    let plan = project.plan().await;
    assert!(plan.is_blocked_only_by_motion(), "{:#?}", plan.changes);
    for key in ["copy", "other"] {
        let Action::Blocked { by } = &plan.changes[&statement(key)].action else { panic!("{:#?}", plan.changes) };
        assert!(matches!(by[..], [Block::RequestInFlight { .. }]), "{by:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_submission_that_took_effect_is_found_before_anything_is_resumed() {
    for status in [400, 401, 403, 404, 409, 422] {
        let mut project = project_with_running_job().await;
        project.declare(&job(2, ""));
        let rejected = FaultRule::once(InjectedFault::StatusAfterEffect(status)).on(Method::POST).name("copy-g2");
        project.simulator.push_fault(rejected);
        project.apply().await;
        tokio::time::sleep(IN_FLIGHT).await;
        project.converge().await;
        assert_nothing_ran_twice(&project, &status.to_string());
        assert_eq!(project.phases()["copy-g2"], "RUNNING", "{status}");
    }
}

/// A gateway answers 403 and lets the request pass later. The rollback waits for it.
#[tokio::test(start_paused = true)]
async fn a_rollback_after_a_rejection_that_proves_nothing_waits_for_the_request() {
    let mut project = project_with_running_job().await;
    project.declare(&job(2, ""));
    project.simulator.push_fault(FaultRule::once(InjectedFault::Forbidden).on(Method::POST).name("copy-g2"));
    let began = tokio::time::Instant::now();
    let report = project.apply().await.report.unwrap();
    assert!(!report.is_complete() && began.elapsed() >= IN_FLIGHT, "{:?}", began.elapsed());
    assert_eq!(project.phases()["copy"], "RUNNING");
    project.converge().await;
    assert_nothing_ran_twice(&project, "403");
}

/// Somebody resumes the predecessor of a replacement that a killed run left open.
#[tokio::test(start_paused = true)]
async fn two_running_copies_are_unhealthy_and_a_person_chooses_which_one_to_stop() {
    for stopped in ["copy", "copy-g2"] {
        let mut project = project_with_running_job().await;
        project.declare(&job(2, ""));
        project.apply_until_killed(PlanOptions::default(), |now| has_phase(now, "copy-g2", "PENDING")).await;
        project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;
        let plan = project.plan().await;
        let change = &plan.changes[&statement("copy")];
        let (predecessor, successor) = ("copy".to_owned(), "copy-g2".to_owned());
        assert_eq!(change.action, Action::Blocked { by: vec![Block::TwoCopies { predecessor, successor }] });
        assert!(change.unhealthy && !plan.is_blocked_only_by_motion());
        project.simulator.apply_out_of_band(OutOfBandChange::Stop(stopped.into())).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        if stopped == "copy-g2" {
            project.declare(&job(1, ""));
        }
        project.converge().await;
        let kept = if stopped == "copy" { "copy-g2" } else { "copy" };
        assert_eq!(project.phases()[kept], "RUNNING", "{:?}", project.phases());
    }
}

/// The manifests that a case may declare.
fn random_manifest(rng: &mut Rng) -> String {
    match rng.u32(0..8) {
        0 => TABLE.to_owned(),
        1 => job(1, "stopped = true\n"),
        2 => job(1, "").replace("statements.copy", "statements.renamed"),
        3 | 4 => job(1, ""),
        5 => job(2, "principal = \"sa-other\"\n"),
        _ => job(2, ""),
    }
}

/// Runs one case: some runs whose requests are held back and that are killed, by one pipeline or another, each with
/// manifests of its own. Then nothing is held back any more, and the runs must converge.
async fn run_case(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut project = project_with_running_job().await;
    let mut manifest = job(1, "");
    for _ in 0..rng.u32(1..4) {
        manifest = random_manifest(&mut rng);
        project = takeover(&project, &manifest);
        for _ in 0..rng.u32(1..3) {
            let method = [Method::POST, Method::PUT, Method::DELETE][rng.usize(0..3)].clone();
            let seconds = 1.0 + rng.f64() * 139.0;
            let fault =
                if rng.bool() { InjectedFault::SlowEffect(seconds) } else { InjectedFault::LostThenApplied(seconds) };
            let rule = FaultRule::once(fault).on(method).path("*/statements*").after(rng.u64(0..2));
            project.simulator.push_fault(rule);
        }
        let seconds = if rng.u32(0..4) == 0 { 600.0 } else { 0.2 + rng.f64() * 40.0 };
        apply_and_kill_after(&mut project, seconds).await;
        if rng.bool() {
            tokio::time::sleep(Duration::from_secs_f64(rng.f64() * 60.0)).await;
        }
        project.simulator.clear_faults();
    }
    project = takeover(&project, &manifest);
    let what = format!("seed {seed}");
    for _ in 0..6 {
        project.apply().await;
        tokio::time::sleep(Duration::from_secs(90)).await;
    }
    assert_nothing_ran_twice(&project, &what);
    let plan = project.plan().await;
    assert!(plan.is_blocked() || !plan.has_changes(), "{what}: {:#?}", plan.changes);
    assert_eq!(plan.seconds_in_flight(), None, "{what}");
    let needs_person = plan.is_blocked() || plan.changes.values().any(|change| change.unhealthy);
    let expected = usize::from(manifest != TABLE && !manifest.contains("stopped = true"));
    let running = project.phases().into_values().filter(|phase| phase == "RUNNING").count();
    assert!(needs_person || running == expected, "{what}: {:?} {manifest}", project.phases());
}

#[test]
fn no_late_landing_runs_two_copies_of_a_job() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (cases, first) = (number("FLOE_CASES").unwrap_or(150), number("FLOE_SEED").unwrap_or(0));
    for seed in first..first + cases {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run_case(seed));
    }
}
