//! What the notes say can be done.

use super::*;

async fn notes(world: &World, key: &str) -> Vec<Note> {
    world.plan().await.changes[&statement(key)].notes.clone()
}

/// The ways out of a note: each of these declarations or requests, then a world that is as declared.
async fn each_way(meddled: impl Fn() -> OutOfBandChange, ways: &[(&str, PlanOptions)], phases: &[&str]) {
    for ((way, request), phase) in ways.iter().zip(phases) {
        let mut world = in_force(&format!("{TABLE}{COPY}")).await;
        meddle(&world, meddled());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(notes(&world, "copy").await.len(), 1);
        world.declare(&format!("{TABLE}{COPY}{way}"));
        let run = world.request(request.clone()).await;
        assert!(run.report.expect("it is blocked").is_complete(), "{way}");
        let plan = world.plan().await;
        assert!(!plan.has_changes() && !plan.changes.contains_key(&statement("copy")), "{way}: {:#?}", plan.changes);
        let current = world.recorded().await.statements["copy"].current.clone().unwrap();
        assert_eq!(world.phases()[&current.sent.name], *phase, "{way}");
    }
}

fn drift() -> PlanOptions {
    PlanOptions { fix_drift: true, ..PlanOptions::default() }
}

fn replacing() -> PlanOptions {
    PlanOptions { replace: [statement("copy")].into(), ..PlanOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn stopped_outside() {
    let ways = [
        ("", drift()),
        ("on_stopped = \"resume\"\n", PlanOptions::default()),
        ("stopped = true\n", PlanOptions::default()),
    ];
    each_way(|| OutOfBandChange::Stop("copy".into()), &ways, &["RUNNING", "RUNNING", "STOPPED"]).await;
}

#[tokio::test(start_paused = true)]
async fn resumed_outside() {
    let ways = [("stopped = true\n", drift()), ("stopped = false\n", PlanOptions::default())];
    for (way, request) in ways {
        let mut world = in_force(&format!("{TABLE}{COPY}")).await;
        world.declare(&format!("{TABLE}{COPY}stopped = true\n"));
        world.converge().await;
        meddle(&world, OutOfBandChange::Resume("copy".into()));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(notes(&world, "copy").await, [Note::ResumedOutside]);
        world.declare(&format!("{TABLE}{COPY}{way}"));
        assert!(world.request(request).await.report.expect("it is blocked").is_complete());
        world.converge().await;
    }
}

#[tokio::test(start_paused = true)]
async fn failed() {
    let ways = [("", drift()), ("on_failed = \"resume\"\n", PlanOptions::default()), ("", replacing())];
    let phases = ["RUNNING", "RUNNING", "RUNNING"];
    each_way(|| OutOfBandChange::Fail("copy".into(), "boom".into()), &ways, &phases).await;
}

#[tokio::test(start_paused = true)]
async fn ended() {
    each_way(|| OutOfBandChange::Complete("copy".into()), &[("", replacing())], &["RUNNING"]).await;
}

#[tokio::test(start_paused = true)]
async fn readers_of_an_altered_table_are_replaced_in_the_same_run() {
    let mut world = in_force(&format!("{TABLE}{COPY}")).await;
    let alter = "[statements.alter]\nsql = \"ALTER TABLE orders ADD (more INT)\"\n";
    world.declare(&format!("{TABLE}{COPY}{alter}"));
    assert_eq!(notes(&world, "alter").await, [Note::StaleReaders { readers: vec![statement("copy")] }]);
    let run = world.request(replacing()).await;
    let after = &run.plan.groups.iter().find(|passage| passage.address == statement("copy")).unwrap().after;
    assert!(after.contains(&statement("alter")), "{after:?}");
    assert!(run.report.expect("it is blocked").is_complete());
    world.converge().await;
}
