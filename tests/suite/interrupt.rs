//! Ctrl-C: the first lets what is open come to its end and starts nothing new, the second saves and leaves.

use std::time::Duration;

use floe::{
    diff::PlanOptions,
    execute::{Event, Interrupt, RunReport, StepFailure},
    simulator::{EffectKind, FaultRule, InjectedFault, OutOfBandChange},
    state::Reached,
};
use tokio::sync::watch;

use crate::world::{World, statement};

const JOBS: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
evolve = "restart"
"#;

fn changed() -> String {
    JOBS.replace("SELECT id, price", "SELECT id, price + 1")
}

/// A job that runs, and another that is declared instead of it: a replacement.
async fn about_to_replace() -> World {
    let mut world = World::of(JOBS);
    world.converge().await;
    world.simulator.clear_requests();
    world.declare(&changed());
    world
}

/// Applies; when `when` first holds of an event, somebody presses Ctrl-C until `how` is meant.
async fn apply_until(
    world: &mut World,
    how: Interrupt,
    mut when: impl FnMut(&Event) -> bool + Send,
) -> (RunReport, Vec<Event>) {
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let (sender, interrupt) = watch::channel(Interrupt::None);
    let (mut events, mut pressed) = (Vec::new(), false);
    let mut listen = |event: Event| {
        if !pressed && when(&event) {
            pressed = true;
            sender.send(how).unwrap();
        }
        events.push(event);
    };
    let report = world.execute_until(interrupt, &cloud, &plan, recorded, &mut listen).await;
    assert!(pressed, "nobody pressed Ctrl-C: {events:#?}");
    (report, events)
}

fn is_stop_asked(event: &Event) -> bool {
    matches!(event, Event::RequestAccepted { request, .. } if request.to_string() == "stopping copy")
}

fn is_successor_asked(event: &Event) -> bool {
    matches!(event, Event::RequestAccepted { request, .. } if request.to_string() == "submitted copy-g2")
}

fn never_two_at_once(world: &World) {
    let findings = world.simulator.audit_report();
    assert!(findings.peak_running.values().all(|most| *most <= 1), "{findings:#?}");
    assert!(findings.creations.values().all(|count| *count <= 1), "{findings:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_first_finishes_an_open_replacement_and_starts_nothing_new() {
    let mut world = about_to_replace().await;
    let more =
        "[statements.later]\nsql = \"INSERT INTO more SELECT id FROM orders\"\ndepends_on = [\"statements.copy\"]\n";
    world.declare(&format!("{}{more}", changed()));
    let (report, events) = apply_until(&mut world, Interrupt::FinishOpenGroups, is_stop_asked).await;
    assert_eq!(report.failed, [], "{events:#?}");
    assert_eq!(report.succeeded, [statement("copy")]);
    assert_eq!(report.not_started, [statement("later")]);
    assert!(report.was_interrupted && events.contains(&Event::InterruptReceived));
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
    assert!(!world.phases().contains_key("later"));
    assert_eq!(world.recorded().await.statements["copy"].current.as_ref().unwrap().sent.name, "copy-g2");
    never_two_at_once(&world);
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_takes_back_a_replacement_that_cannot_be_finished() {
    let mut world = about_to_replace().await;
    world.simulator.push_fault(FaultRule::always(InjectedFault::Status(400)).on(floe::cloud::Method::Post));
    let (report, events) = apply_until(&mut world, Interrupt::FinishOpenGroups, is_stop_asked).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::RequestFailed(_))]), "{:#?}", report.failed);
    assert!(events.contains(&Event::RolledBack { address: statement("copy") }), "{events:#?}");
    assert_eq!(report.left_stopped, []);
    assert_eq!(world.phases()["copy"], "RUNNING");
    never_two_at_once(&world);
    world.simulator.clear_faults();
    world.converge().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_leaves_a_wait_that_changes_nothing_and_the_next_run_goes_on() {
    let mut world = World::of(JOBS);
    let submitted = |event: &Event| matches!(event, Event::RequestAccepted { request, .. } if request.to_string() == "submitted orders");
    let (report, _) = apply_until(&mut world, Interrupt::FinishOpenGroups, submitted).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:#?}", report.failed);
    assert_eq!(report.skipped, [(statement("copy"), statement("orders"))]);
    assert!(!world.phases().contains_key("copy"));
    assert!(world.recorded().await.open.is_empty());
    world.converge().await;
    assert_eq!(world.simulator.audit_report().creations["orders"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_saves_leaves_and_names_the_job_that_stands_still() {
    let mut world = about_to_replace().await;
    let began = tokio::time::Instant::now();
    let (report, _) = apply_until(&mut world, Interrupt::Abort, is_stop_asked).await;
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:#?}", report.failed);
    assert_eq!(report.left_stopped, [statement("copy")]);
    assert_eq!(report.ledger_error, None);
    let recorded = world.recorded().await;
    assert_eq!(recorded.statements, report.recorded.statements, "what it says is what it saved");
    assert!(recorded.statements["copy"].current.as_ref().unwrap().stopped);
    // The next run finishes what was left, once the job has come to stand still.
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.converge().await;
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
    never_two_at_once(&world);
}

#[tokio::test(start_paused = true)]
async fn the_second_while_the_successor_starts_leaves_it_to_the_next_run() {
    let mut world = about_to_replace().await;
    let (report, _) = apply_until(&mut world, Interrupt::Abort, is_successor_asked).await;
    assert_eq!(report.left_stopped, [statement("copy")]);
    let successor = world.recorded().await.statements["copy"].successor.clone().unwrap();
    assert_eq!((successor.sent.name.as_str(), successor.reached), ("copy-g2", Reached::Submitted));
    assert_eq!(world.simulator.effects().iter().filter(|effect| effect.kind == EffectKind::Resumed).count(), 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.converge().await;
    assert_eq!((world.phases()["copy"].as_str(), world.phases()["copy-g2"].as_str()), ("STOPPED", "RUNNING"));
    never_two_at_once(&world);
}

#[tokio::test(start_paused = true)]
async fn the_second_does_not_wait_for_an_answer_that_does_not_come() {
    let mut world = about_to_replace().await;
    world.simulator.push_fault(FaultRule::once(InjectedFault::SlowResponse(3_000.0)).on(floe::cloud::Method::Post));
    let simulator = world.simulator.clone();
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
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
    let report = world.execute_until(interrupt, &cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:#?}", report.failed);
    assert_eq!(world.recorded().await.open.len(), 1, "nobody knows yet what became of the request");
    world.simulator.apply_out_of_band(OutOfBandChange::AdvanceTime(Duration::from_secs(60))).unwrap();
    world.converge().await;
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
    never_two_at_once(&world);
}
