//! What comes late, from elsewhere or against expectation: a request that lands after it was given up, a predecessor that
//! somebody resumes, a secret in the service's words. Each was a way to run a job twice, or to give something away.

use std::time::Duration;

use floe::{
    cloud::{Method, NewStatement},
    diff::{Action, Block, Note, PlanOptions},
    execute::{Event, Interrupt, StepFailure},
    render::{self, Outcome},
    resource::{Address, Operation, Secrets},
    simulator::{
        EffectKind, FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, Scenario, SimulatorOptions,
        StatementOverride,
    },
};

use tokio::sync::watch;

use crate::world::{World, project, statement};

const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n";
const OLD: &str = "INSERT INTO target SELECT id, price FROM orders";
const NEW: &str = "INSERT INTO target SELECT id, price FROM orders WHERE price > 1";

fn job(sql: &str, more: &str) -> String {
    format!("{TABLE}[statements.copy]\nsql = \"{sql}\"\nevolve = \"restart\"\n{more}")
}

async fn replaced() -> World {
    let mut world = World::of(&job(OLD, ""));
    world.converge().await;
    world.declare(&job(NEW, ""));
    world
}

fn runs_once(world: &World) {
    let most = world.simulator.audit_report().peak_running;
    assert!(most.values().all(|most| *most <= 1), "{most:?} {:?}", world.phases());
}

fn block_of(plan: &floe::plan::Plan, key: &str) -> Block {
    match &plan.changes[&statement(key)].action {
        Action::Blocked { by } => by[0].clone(),
        other => panic!("{key} is not blocked: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_submission_that_lands_late_is_ours_and_runs_alone() {
    for delay in [1.0, 11.9, 12.0, 12.2, 12.4, 12.6, 12.8, 13.0, 13.4, 14.0, 14.3] {
        let mut world = replaced().await;
        let late = FaultRule::always(InjectedFault::LostThenApplied(delay)).on(Method::Post).name("copy-g2").times(1);
        world.simulator.push_fault(late);
        world.apply().await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        runs_once(&world);
        world.converge().await;
        runs_once(&world);
        assert_eq!(world.phases()["copy-g2"], "RUNNING", "{delay}");
    }
}

/// Long after floe has stopped looking for it, whatever the request was.
#[tokio::test(start_paused = true)]
async fn whatever_lands_long_after_it_was_given_up_makes_nothing_twice_and_deletes_nothing_else() {
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        for after in 0..6 {
            for delay in [13.0, 20.0, 45.0, 90.0] {
                let what = format!("{method} {after}, {delay} s");
                let mut world = replaced().await;
                world
                    .declare(&(job(NEW, "") + "[statements.more]\nsql = \"INSERT INTO more SELECT id FROM orders\"\n"));
                world
                    .simulator
                    .push_fault(FaultRule::once(InjectedFault::LostThenApplied(delay)).on(method).after(after));
                for _ in 0..3 {
                    world.apply().await;
                    tokio::time::sleep(Duration::from_secs(20)).await;
                }
                tokio::time::sleep(Duration::from_secs(120)).await;
                runs_once(&world);
                let creates = world.simulator.audit_report().creations;
                assert!(creates.values().all(|count| *count == 1), "{what}: {creates:?}");
                world.apply().await;
                let plan = world.plan().await;
                assert!(!plan.has_work() && !plan.is_blocked(), "{what}: {:#?}", plan.changes);
                let phases = world.phases();
                assert_eq!((phases["copy-g2"].as_str(), phases["more"].as_str()), ("RUNNING", "RUNNING"), "{what}");
            }
        }
    }
}

/// A run is killed with a submission under way, the statement is taken out of the manifests, and then it lands.
#[tokio::test(start_paused = true)]
async fn what_lands_when_nobody_wants_it_any_more_is_named() {
    for delay in [20.0, 60.0] {
        let mut world = World::of(TABLE);
        world.converge().await;
        world.declare(&job(OLD, ""));
        world
            .simulator
            .push_fault(FaultRule::once(InjectedFault::LostThenApplied(delay)).on(Method::Post).name("copy"));
        let _ = tokio::time::timeout(Duration::from_secs(2), world.apply()).await;
        world.declare(TABLE);
        world.apply().await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(world.phases()["copy"], "RUNNING");
        let plan = world.plan().await;
        let change = plan.changes.get(&statement("copy")).unwrap_or_else(|| panic!("nobody is told: {plan:#?}"));
        assert!(change.notes.contains(&Note::LateSubmissions { names: vec!["copy".to_owned()] }), "{change:#?}");
        // Declared again it is ours again, and is not made twice.
        world.declare(&job(OLD, ""));
        world.converge().await;
        assert_eq!(world.simulator.audit_report().creations["copy"], 1);
    }
}

/// An undo is deleted once it is done, so what lands long after it was given up undoes once more, and is told.
#[tokio::test(start_paused = true)]
async fn an_undo_that_lands_when_it_is_done_and_gone_is_named() {
    let mut world = World::of(TABLE);
    world.declare(&format!(
        "{TABLE}[statements.doomed]\nsql = \"CREATE TABLE doomed (id STRING)\"\nundo = \"DROP TABLE doomed\"\n"
    ));
    world.converge().await;
    world.declare(TABLE);
    let fault = FaultRule::once(InjectedFault::LostThenApplied(100.0)).on(Method::Post).name("doomed-undo-1");
    world.simulator.push_fault(fault);
    let request = PlanOptions { allow_data_loss: true, ..PlanOptions::default() };
    for _ in 0..3 {
        world.apply_with(&world.cloud(), &request).await;
    }
    assert!(!world.phases().contains_key("doomed") && !world.phases().contains_key("doomed-undo-1"));
    tokio::time::sleep(Duration::from_secs(150)).await;
    assert!(world.phases().contains_key("doomed-undo-1"), "it has landed");
    let plan = world.plan().await;
    let change = plan.changes.get(&statement("doomed")).unwrap_or_else(|| panic!("nobody is told: {plan:#?}"));
    assert_eq!(change.notes, [Note::LateSubmissions { names: vec!["doomed-undo-1".to_owned()] }]);
}

/// No name keeps a second pool from being made, so what lands after floe has looked for it for a minute makes one. While
/// the run goes on it is told of it.
#[tokio::test(start_paused = true)]
async fn a_pool_that_lands_after_it_was_given_up_is_named_at_the_end_of_the_run() {
    for delay in [5.0, 50.0, 61.0, 70.0] {
        let mut world = World::of(&job(OLD, ""));
        world
            .simulator
            .push_fault(FaultRule::once(InjectedFault::LostThenApplied(delay)).on(Method::Post).path("*compute-pools"));
        let report = world.apply().await.report.unwrap();
        assert!(report.is_complete(), "{delay}: {:#?}", report.failed);
        let pools: Vec<String> = world.simulator.world_view().pools.into_iter().map(|pool| pool.id).collect();
        assert_eq!(world.simulator.audit_report().pool_creations["main"], pools.len(), "{delay}");
        let ours = &report.recorded.pools["main"].id;
        let others: Vec<_> =
            pools.iter().filter(|id| *id != ours).map(|id| (Address::pool("main"), id.clone())).collect();
        assert_eq!((others.len(), &report.duplicate_pools), (usize::from(delay > 60.0), &others), "{delay}");
        let expected = if others.is_empty() { Outcome::Done } else { Outcome::Unhealthy };
        assert_eq!(Outcome::of(&report), expected);
        let said = render::report(&report, &world.plan().await, render::Style { width: 400, colour: false });
        assert!(others.iter().all(|(_, id)| said.contains(&format!("! pools.main: {id} bears the name"))), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_an_interrupted_run_asked_for_is_recorded_by_the_next_one() {
    let mut world = World::of(&job(OLD, ""));
    world.converge().await;
    world.declare(&job(OLD, "stopped = true\n"));
    let _ = tokio::time::timeout(Duration::from_secs(2), world.apply()).await;
    assert_eq!(world.phases()["copy"], "STOPPING");
    world.apply().await;
    let plan = world.plan().await;
    assert!(!plan.has_work(), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_way_back_that_fails_is_in_the_report() {
    let mut world = replaced().await;
    world
        .simulator
        .push_override(StatementOverride { name: "copy-g2".into(), outcome: ForcedOutcome::Invalid("no".into()) });
    world.simulator.push_fault(FaultRule::always(InjectedFault::Forbidden).on(Method::Delete));
    let run = world.apply().await;
    let report = run.report.unwrap();
    assert!(matches!(&report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert!(
        matches!(&report.rollback_failed[..], [(_, StepFailure::RequestFailed(_))]),
        "{:?}",
        report.rollback_failed
    );
    assert!(!report.has_only_unreached_phases());
    let said = floe::render::report(&report, &run.plan, floe::render::Style::default());
    assert!(said.contains("statements.copy: not taken back: "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_proves_nothing() {
    let mut world = replaced().await;
    let post = |does| FaultRule::always(does).on(Method::Post).name("copy-g2").times(1);
    world.simulator.push_fault(post(InjectedFault::LostThenApplied(40.0)));
    world.simulator.push_fault(post(InjectedFault::Forbidden));
    let report = world.apply().await.report.unwrap();
    assert_eq!(report.left_stopped, [statement("copy")]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    runs_once(&world);
    world.converge().await;
    runs_once(&world);
    assert_eq!(world.phases()["copy-g2"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_somebody_resumes_is_told() {
    let mut world = replaced().await;
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".into())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let several = Block::UnexpectedGenerations { names: vec!["copy".to_owned()] };
    assert_eq!(block_of(&world.plan().await, "copy"), several);
    world.declare(TABLE);
    assert_eq!(block_of(&world.plan().await, "copy"), several);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_stopped_on_purpose_is_not_resumed_when_its_new_version_fails() {
    let mut world = World::of(&job(OLD, ""));
    world.converge().await;
    world.declare(&job(OLD, "stopped = true\n"));
    world.converge().await;
    world
        .simulator
        .push_override(StatementOverride { name: "copy-g2".into(), outcome: ForcedOutcome::Invalid("no".into()) });
    world.declare(&job(NEW, ""));
    let report = world.apply().await.report.unwrap();
    assert!(matches!(report.failed[..], [(_, StepFailure::NotReached(_))]), "{:?}", report.failed);
    assert_eq!(world.phases()["copy"], "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ran_and_is_parked_is_not_submitted_again() {
    let overrides = vec![StatementOverride { name: "copy".into(), outcome: ForcedOutcome::Invalid("no".into()) }];
    let options =
        SimulatorOptions { scenario: Scenario { overrides, ..Scenario::default() }, ..SimulatorOptions::default() };
    let pools = ("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let mut world = World::with(&[("floe.toml", &project("")), pools, ("statements/s.toml", &job(OLD, ""))], options);
    world.apply().await;
    world.declare(&job(OLD, "stopped = true\n"));
    world.apply().await;
    assert!(!world.phases().contains_key("copy-g2"), "{:?}", world.phases());
}

#[tokio::test(start_paused = true)]
async fn a_retired_generation_is_not_orphaned_when_the_one_in_force_is_somebody_elses() {
    let mut world = replaced().await;
    world.converge().await;
    world.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy-g2".into(), None)).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.declare(TABLE);
    let plan = world.plan().await;
    assert!(!matches!(plan.changes[&statement("copy")].action, Action::Forget), "{:#?}", plan.changes);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_under_somebody_elses_job() {
    let pools = "[pools.main]\nmax_cfu = 10\n[pools.spare]\nmax_cfu = 5\n";
    let mut world = World::new(&[("floe.toml", &project("")), ("pools.toml", pools), ("statements/s.toml", TABLE)]);
    world.converge().await;
    let spare = world.recorded().await.pools["spare"].id.clone();
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let sql = "INSERT INTO z SELECT id FROM orders".to_owned();
    let theirs = NewStatement { name: "theirs".into(), sql, pool: Some(spare), ..NewStatement::default() };
    cloud.submit(&theirs).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let report = world.execute(&cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(&report.failed[..], [(_, StepFailure::ChangedSincePlan { how, .. })] if how.contains("theirs")));
    assert_eq!(world.phases()["theirs"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn adopting_never_writes_a_secret_down() {
    let table = |more: &str| {
        format!("[statements.m]\nsql = \"CREATE TABLE m (id STRING) WITH ('k' = '${{secret.s}}'{more})\"\n")
    };
    let main = project("[secrets]\ns = { env = \"S\" }\n");
    let pools = ("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    let mut world = World::new(&[("floe.toml", &main), pools, ("statements/s.toml", &table(""))]);
    world.secrets = Secrets::new([("s".to_owned(), "hunter2hunter2".to_owned())].into());
    world.converge().await;
    let pool = world.recorded().await.pools["main"].id.clone();
    // The state is lost, and the text around the secret was edited.
    let mut fresh = World::new(&[("floe.toml", &main), ("statements/s.toml", &table(", 'x' = '1'"))]);
    fresh.write("pools.toml", &format!("[pools.main]\nid = \"{pool}\"\n"));
    fresh.simulator = world.simulator.clone();
    fresh.secrets = world.secrets.clone();
    let run = fresh.apply().await;
    assert_eq!(block_of(&run.plan, "m"), Block::AdoptionExposesSecret { name: "m".to_owned() });
    let written = serde_json::to_string(&run.plan).unwrap() + &serde_json::to_string(&fresh.recorded().await).unwrap();
    assert!(!written.contains("hunter2"));
}

/// A run is killed with a pool's creation under way; it lands, and somebody makes another of the same name and size.
#[tokio::test(start_paused = true)]
async fn an_unclear_pool_can_be_left_out() {
    const MAIN: &str = "[pools.main]\nmax_cfu = 10\n";
    let mut world = World::of(TABLE);
    world.converge().await;
    world.write("pools.toml", &format!("{MAIN}[pools.heavy]\nmax_cfu = 20\n"));
    world
        .simulator
        .push_fault(FaultRule::once(InjectedFault::LostThenApplied(20.0)).on(Method::Post).path("*/compute-pools*"));
    let _ = tokio::time::timeout(Duration::from_secs(2), world.apply()).await;
    let recorded = world.recorded().await;
    let asked = recorded.open.values().next().unwrap().intent.operation.clone();
    let Operation::CreatePool { pool, .. } = asked else { panic!("{asked:?}") };
    world.cloud().create_pool(&pool).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.simulator.world_view().pools.len(), 3);
    let heavy = Address::pool("heavy");
    let without = PlanOptions { excludes: [heavy.clone()].into(), ..PlanOptions::default() };
    let orders_only = PlanOptions { targets: [statement("orders")].into(), ..PlanOptions::default() };
    for declared in [format!("{MAIN}[pools.heavy]\nmax_cfu = 20\n"), MAIN.to_owned()] {
        world.write("pools.toml", &declared);
        let plan = world.plan().await;
        let change = &plan.changes[&heavy].action;
        assert!(
            matches!(change, Action::Blocked { by } if matches!(by[..], [Block::UnclearIntent { .. }])),
            "{change:?}"
        );
        for request in [&without, &orders_only] {
            let plan = world.plan_with(&world.cloud(), request).await.unwrap().0;
            assert!(!plan.is_blocked(), "{request:?}: {:#?}", plan.changes);
        }
    }
}

/// The answer to the stop of a replacement is lost, and readings fail from some point on, for a while or for good.
#[tokio::test(start_paused = true)]
async fn a_stop_of_which_nobody_can_tell_is_taken_back_or_named() {
    let (mut taken_back, mut named) = (0, 0);
    for readable in 0..6 {
        for unreadable in [1, 1_000] {
            let mut world = replaced().await;
            let (plan, recorded) = world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap();
            world.simulator.push_fault(FaultRule::once(InjectedFault::LostAfterEffect).on(Method::Put));
            let forbidden = FaultRule::always(InjectedFault::Forbidden).on(Method::Get).after(readable);
            world.simulator.push_fault(forbidden.times(unreadable));
            let cloud = world.cloud();
            let report = world.execute(&cloud, &plan, recorded, &mut |_| {}).await;
            let what = format!("{readable}, {unreadable}: {report:#?}");
            let stopped = world.simulator.effects().iter().any(|effect| effect.kind == EffectKind::Stopped);
            let (runs, tells) = (world.phases()["copy"] == "RUNNING", !report.left_stopped.is_empty());
            if !report.failed.is_empty() && stopped {
                assert!(runs != tells, "{what}");
                assert_eq!(tells, !report.rollback_failed.is_empty(), "{what}");
                taken_back += usize::from(runs);
                named += usize::from(tells);
            } else if !report.failed.is_empty() {
                assert!(runs && !tells, "{what}");
            }
            world.simulator.clear_faults();
            tokio::time::sleep(Duration::from_secs(60)).await;
            world.converge().await;
            runs_once(&world);
            assert_eq!(world.phases()["copy-g2"], "RUNNING", "{what}");
        }
    }
    assert!(taken_back > 0 && named > 0, "{taken_back} taken back, {named} named");
}

/// Ctrl-C while a creation whose answer was lost is looked for: no second pool is asked for.
#[tokio::test(start_paused = true)]
async fn after_an_interrupt_no_second_pool_is_asked_for() {
    let mut world = World::of(TABLE);
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    world
        .simulator
        .push_fault(FaultRule::once(InjectedFault::LostBeforeEffect).on(Method::Post).path("*/compute-pools*"));
    let (sender, interrupt) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        sender.send(Interrupt::FinishOpenGroups).unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    });
    let report = world.execute_until(interrupt, &cloud, &plan, recorded, &mut |_| {}).await;
    assert!(matches!(report.failed[..], [(_, StepFailure::Interrupted)]), "{:?}", report.failed);
    let posts = world.simulator.requests().into_iter().filter(|(method, _)| *method == Method::Post).count();
    assert_eq!((posts, world.simulator.world_view().pools.len()), (1, 0));
    world.converge().await;
    assert_eq!(world.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_a_second_interrupt_leaves_standing_does_not_go_on_by_itself() {
    let mut world = replaced().await;
    let cloud = world.cloud();
    let (plan, recorded) = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap();
    let (sender, interrupt) = watch::channel(Interrupt::None);
    let mut leave = |event: Event| {
        if matches!(&event, Event::RequestAccepted { request, .. } if request.to_string() == "stopping copy") {
            sender.send(Interrupt::Abort).unwrap();
        }
    };
    let report = world.execute_until(interrupt, &cloud, &plan, recorded, &mut leave).await;
    let said = floe::render::report(&report, &plan, floe::render::Style::default());
    assert!(said.contains("statements.copy: left open; the next apply goes on from there"), "{said}");
    assert!(!said.contains("goes on by itself"), "{said}");
}
