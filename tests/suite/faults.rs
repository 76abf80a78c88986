//! The named misfortunes: each alone, and what a run makes of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{
        BoxFuture, Cloud, Credentials, ErrorKind, Key, Limits, Lost, Method, NewStatement, Response, Site, Transport,
    },
    diff::{Action, Block, PlanOptions},
    execute::{NotReachedCause, RunReport, StepFailure},
    plan::Plan,
    resource::Address,
    simulator::{
        EffectKind, FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, PhaseDurations, Scenario, Simulator,
        SimulatorOptions, StatementOverride,
    },
    state::Recorded,
};
use tokio::time::Instant;

use crate::world::{World, identity, project, statement};

const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n";
const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id, price FROM orders\"\n";
const POOLS: &str = "*/compute-pools*";
const STATEMENTS: &str = "*/statements*";

fn both() -> String {
    format!("{TABLE}{COPY}")
}

/// A world with a table and a job that reads it, both in force.
async fn running() -> World {
    let mut world = World::of(&both());
    world.converge().await;
    world.simulator.clear_requests();
    world
}

fn world_with(statements: &str, options: SimulatorOptions) -> World {
    let files = [
        ("floe.toml", project("")),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n".to_owned()),
        ("statements/s.toml", statements.to_owned()),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    World::with(&files, options)
}

fn sent(world: &World, method: Method) -> usize {
    world.simulator.requests().iter().filter(|(sent, _)| *sent == method).count()
}

fn effects(world: &World, verb: EffectKind) -> usize {
    world.simulator.effects().iter().filter(|effect| effect.kind == verb).count()
}

/// What was sent that changes something.
fn changes_sent(world: &World) -> Vec<(Method, String)> {
    world.simulator.requests().into_iter().filter(|(method, _)| method.changes()).collect()
}

fn failure<'a>(report: &'a RunReport, address: &Address) -> &'a StepFailure {
    let found = report.failed.iter().find(|(failed, _)| failed == address);
    &found.unwrap_or_else(|| panic!("{address} did not fail: {report:#?}")).1
}

async fn execute(world: &mut World, plan: &Plan, recorded: Recorded) -> RunReport {
    let cloud = world.cloud();
    world.execute(&cloud, plan, recorded, &mut |_| {}).await
}

async fn planned(world: &World) -> (Plan, Recorded) {
    world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap()
}

/// Writes down when each request left, and the status of its answer.
#[derive(Clone)]
struct Timed {
    simulator: Simulator,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

#[derive(Debug, Clone)]
struct Exchange {
    method: Method,
    left: Instant,
    answered: Instant,
    status: Option<u16>,
}

impl Transport for Timed {
    fn send(&self, request: floe::cloud::Request) -> BoxFuture<'_, Result<Response, Lost>> {
        Box::pin(async move {
            let (method, left) = (request.method, Instant::now());
            let outcome = self.simulator.send(request).await;
            let status = outcome.as_ref().ok().map(|response| response.status);
            self.exchanges.lock().unwrap().push(Exchange { method, left, answered: Instant::now(), status });
            outcome
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_409s_on_put_is_ridden_out_by_reading_again_each_time() {
    let mut world = running().await;
    world.declare(&format!("{}stopped = true\n", both()));
    world.simulator.push_fault(FaultRule::always(InjectedFault::Conflict).on(Method::Put).times(6));
    world.converge().await;
    assert_eq!(world.phases()["copy"], "STOPPED");
    assert_eq!(sent(&world, Method::Put), 7);
    assert_eq!(effects(&world, EffectKind::Stopped), 1);
    let methods: Vec<_> = world.simulator.requests().into_iter().map(|(method, _)| method).collect();
    for (at, method) in methods.iter().enumerate().filter(|(_, method)| **method == Method::Put) {
        assert_eq!(methods[at - 1], Method::Get, "{method} without a fresh reading: {methods:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_409s_without_end_is_given_up_and_the_job_runs_on() {
    let mut world = running().await;
    world.declare(&format!("{}stopped = true\n", both()));
    world.simulator.push_fault(FaultRule::always(InjectedFault::Conflict).on(Method::Put));
    let report = world.apply().await.report.unwrap();
    let said = failure(&report, &statement("copy")).to_string();
    assert!(said.contains("`copy` changed meanwhile") && said.contains("plan again"), "{said}");
    assert!(said.contains("409: The resource has changed since it was fetched (request "), "{said}");
    assert_eq!(world.phases()["copy"], "RUNNING");
    assert!(world.recorded().await.open.is_empty());
    world.simulator.clear_faults();
    world.converge().await;
    assert_eq!(world.phases()["copy"], "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_refused_without_end_is_told_of_and_ends_with_the_services_words() {
    let mut world = World::of(TABLE);
    world.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    world.simulator.push_fault(FaultRule::always(InjectedFault::Conflict).on(Method::Post).path(STATEMENTS));
    let (cloud, told) = (world.cloud(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&told);
    cloud.on_retry(move |retrying| kept.lock().unwrap().push(retrying.clone()));
    let report = world.apply_with(&cloud, &PlanOptions::default()).await.report.unwrap();
    let StepFailure::RequestFailed(error) = failure(&report, &statement("orders")) else {
        panic!("{:#?}", report.failed)
    };
    assert_eq!((error.method, error.status, error.request_id.is_some()), (Method::Post, Some(409), true));
    let detail = "The resource has changed since it was fetched (not created, and given up after 30 attempts)";
    assert_eq!(error.detail, detail);
    let told = told.lock().unwrap().clone();
    let [retrying] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(retrying.trouble.detail, "The resource has changed since it was fetched");
    assert!(world.recorded().await.open.is_empty() && effects(&world, EffectKind::Created) == 0);
}

/// A network that holds requests up, each for another while, and their answers too.
struct Jittery {
    simulator: Simulator,
    dice: Mutex<fastrand::Rng>,
    refused: Mutex<usize>,
}

impl Transport for Jittery {
    fn send(&self, request: floe::cloud::Request) -> BoxFuture<'_, Result<Response, Lost>> {
        Box::pin(async move {
            let delay = || Duration::from_millis(self.dice.lock().unwrap().u64(..700));
            let (there, back) = (delay(), delay());
            tokio::time::sleep(there).await;
            let outcome = self.simulator.send(request).await;
            if outcome.as_ref().is_ok_and(|response| response.status == 429) {
                *self.refused.lock().unwrap() += 1;
            }
            tokio::time::sleep(back).await;
            outcome
        })
    }
}

#[tokio::test(start_paused = true)]
async fn limits_as_tight_as_floes_own_are_kept_over_a_network_that_jitters() {
    let rate_limits =
        floe::simulator::SimulatedRateLimits { enabled: true, per_second: 40, per_minute: 800, concurrent: 80 };
    let world = world_with(TABLE, SimulatorOptions { rate_limits, ..SimulatorOptions::default() });
    let dice = Mutex::new(fastrand::Rng::with_seed(11));
    let wire = Arc::new(Jittery { simulator: world.simulator.clone(), dice, refused: Mutex::default() });
    let cloud = world.cloud_through(wire.clone());
    let mut all = tokio::task::JoinSet::new();
    for number in 0..1_200 {
        let cloud = cloud.clone();
        all.spawn(async move { cloud.statement(&format!("s{number}")).await.unwrap().is_none() });
    }
    assert!(all.join_all().await.into_iter().all(|is_absent| is_absent));
    assert_eq!(*wire.refused.lock().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_429_nothing_is_sent_for_as_long_as_the_service_asks() {
    for (retry_after, least) in [(Some(7), 7), (None, 2)] {
        for method in [Method::Get, Method::Post] {
            let mut world = World::of(&both());
            let wire = Timed { simulator: world.simulator.clone(), exchanges: Arc::default() };
            let cloud = world.cloud_through(Arc::new(wire.clone()));
            world.simulator.push_fault(
                FaultRule::always(InjectedFault::TooManyRequests { retry_after }).on(method).after(1).times(3),
            );
            let report = world.apply_with(&cloud, &PlanOptions::default()).await.report.unwrap();
            assert!(report.is_complete(), "{:#?}", report.failed);
            let exchanges = wire.exchanges.lock().unwrap().clone();
            let refused: Vec<_> = exchanges.iter().filter(|exchange| exchange.status == Some(429)).collect();
            assert_eq!(refused.len(), 3, "{method}");
            for refusal in refused {
                assert_eq!(refusal.method, method);
                let next = exchanges.iter().filter(|next| next.left > refusal.left).map(|next| next.left).min();
                let quiet = next.unwrap() - refusal.answered;
                assert!(quiet >= Duration::from_secs(least), "{method}, {retry_after:?}: {quiet:?}");
            }
            assert_eq!(
                world.simulator.audit_report().creations,
                [("orders".to_owned(), 1), ("copy".to_owned(), 1)].into()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_are_repeated_and_a_service_that_stays_down_changes_nothing() {
    let mut world = World::of(&both());
    for status in [500, 502, 503, 504] {
        world.simulator.push_fault(FaultRule::always(InjectedFault::Status(status)).on(Method::Get).after(2).times(2));
    }
    world.converge().await;
    world.simulator.clear_requests();
    world.simulator.push_fault(FaultRule::always(InjectedFault::Status(503)).on(Method::Get));
    let error = world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(changes_sent(&world), []);
}

/// What can become of a request whose answer says nothing.
fn lost_answers() -> [InjectedFault; 7] {
    [
        InjectedFault::LostBeforeEffect,
        InjectedFault::LostAfterEffect,
        InjectedFault::LostThenApplied(5.0),
        InjectedFault::TruncatedBody(5),
        InjectedFault::Status(500),
        InjectedFault::StatusAfterEffect(502),
        InjectedFault::Html,
    ]
}

/// Whether the request has taken effect when its answer is lost: then it must not be sent again.
fn is_done(does: &InjectedFault) -> bool {
    matches!(
        does,
        InjectedFault::LostAfterEffect | InjectedFault::TruncatedBody(_) | InjectedFault::StatusAfterEffect(_)
    )
}

/// Loses the answer of one request of `change`, in every way; each time it takes effect once.
async fn lose(method: Method, path: &str, before: &str, pools: [&str; 2], change: &str, verb: EffectKind) {
    for does in lost_answers() {
        let mut world = World::of(before);
        world.write("pools.toml", pools[0]);
        world.converge().await;
        let (already, had) = (effects(&world, verb), world.phases());
        world.simulator.clear_requests();
        world.write("pools.toml", pools[1]);
        world.declare(change);
        // 202 has no body to cut.
        let answers_nothing =
            matches!(method, Method::Put | Method::Delete) && matches!(does, InjectedFault::TruncatedBody(_));
        world.simulator.push_fault(FaultRule::once(does.clone()).on(method).path(path));
        let run = world.apply().await;
        let report = run.report.unwrap();
        assert!(report.is_complete(), "{method} {path} {does:?}: {:#?}", report.failed);
        let next = world.plan().await;
        assert!(!next.has_work(), "{method} {path} {does:?}: {:#?}", next.changes);
        assert_eq!(effects(&world, verb) - already, 1, "{method} {path} {does:?}, before: {had:?}");
        let requests: Vec<_> = changes_sent(&world).into_iter().filter(|(sent, _)| *sent == method).collect();
        let again = usize::from(!is_done(&does) && !answers_nothing);
        let late = matches!(does, InjectedFault::LostThenApplied(_));
        assert!(requests.len() == 1 + again || late, "{method} {path} {does:?}: {requests:?}");
        let recorded = world.recorded().await;
        assert!(recorded.open.is_empty(), "{method} {path} {does:?}: {:#?}", recorded.open);
        let created_twice = world.simulator.audit_report().creations.into_iter().find(|(_, count)| *count > 1);
        assert_eq!(created_twice, None, "{method} {path} {does:?}");
    }
}

const MAIN: &str = "[pools.main]\nmax_cfu = 10\n";
const MAIN_AND_HEAVY: &str = "[pools.main]\nmax_cfu = 10\n[pools.heavy]\nmax_cfu = 20\n";
const GROWN: &str = "[pools.main]\nmax_cfu = 20\n";

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_submission_is_settled_by_reading() {
    lose(Method::Post, STATEMENTS, TABLE, [MAIN, MAIN], &both(), EffectKind::Created).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_stop_is_settled_by_reading() {
    let stopped = format!("{}stopped = true\n", both());
    lose(Method::Put, STATEMENTS, &both(), [MAIN, MAIN], &stopped, EffectKind::Stopped).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_deletion_is_settled_by_reading() {
    lose(Method::Delete, STATEMENTS, &both(), [MAIN, MAIN], TABLE, EffectKind::Deleted).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_new_pool_leaves_one_pool() {
    lose(Method::Post, POOLS, &both(), [MAIN, MAIN_AND_HEAVY], &both(), EffectKind::PoolCreated).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_larger_pool_is_settled_by_reading() {
    lose(Method::Patch, POOLS, &both(), [MAIN, GROWN], &both(), EffectKind::PoolUpdated).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_deleted_pool_is_settled_by_reading() {
    lose(Method::Delete, POOLS, &both(), [MAIN_AND_HEAVY, MAIN], &both(), EffectKind::PoolDeleted).await;
}

#[tokio::test(start_paused = true)]
async fn phases_that_take_long_are_waited_for() {
    let mut world = world_with(
        &both(),
        SimulatorOptions { phase_durations: PhaseDurations::typical().scaled(8.0), ..SimulatorOptions::default() },
    );
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_statements_own_timeout_and_the_next_run_goes_on_waiting() {
    let scenario =
        Scenario { overrides: vec![verdict("copy", ForcedOutcome::StartsAfter(200.0))], ..Scenario::default() };
    let impatient = format!("{}timeout = \"40s\"\n", both());
    let mut world = world_with(&impatient, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    let report = world.apply().await.report.unwrap();
    match failure(&report, &statement("copy")) {
        StepFailure::NotReached(not) => assert_eq!(not.cause, NotReachedCause::TimedOut(40), "{not}"),
        other => panic!("{other}"),
    }
    assert!(report.has_only_unreached_phases());
    assert!(world.recorded().await.statements["copy"].current.is_some(), "what was submitted is known");
    world.declare(&both());
    world.converge().await;
    assert_eq!(world.phases()["copy"], "RUNNING");
    assert_eq!(effects(&world, EffectKind::Created), 2);
}

fn verdict(name: &str, outcome: ForcedOutcome) -> StatementOverride {
    StatementOverride { name: name.to_owned(), outcome }
}

#[tokio::test(start_paused = true)]
async fn pages_that_shift_lists_that_lag_and_stale_reads_are_no_reason_to_act() {
    let tables = (0..120).fold(String::new(), |text, number| {
        format!("{text}[statements.t{number}]\nsql = \"CREATE TABLE t{number} (id STRING)\"\n")
    });
    let mut world = world_with(&tables, SimulatorOptions::default());
    world.simulator.push_fault(FaultRule::always(InjectedFault::ListLag(10.0)).path(STATEMENTS).on(Method::Get));
    let report = world.apply().await.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    // At once: the list does not show what was just made.
    let plan = world.plan().await;
    assert!(!plan.has_changes() && !plan.is_blocked(), "{:#?}", plan.changes);
    world.simulator.clear_faults();
    for does in [InjectedFault::ShiftingPages, InjectedFault::StaleRead, InjectedFault::UnknownFields] {
        world.simulator.clear_faults();
        world.simulator.push_fault(FaultRule::always(does.clone()).on(Method::Get));
        let plan = world.plan().await;
        // What a stale reading shows in motion is waited for; nothing else is concluded from it.
        assert!(!plan.has_changes() && !plan.is_blocked(), "{does:?}: {:#?}", plan.changes);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_are_created_and_stopped_under_lagging_lists_and_stale_reads() {
    let mut world = World::of(&both());
    world.simulator.push_fault(FaultRule::always(InjectedFault::ListLag(15.0)).on(Method::Get).path("*/statements"));
    world
        .simulator
        .push_fault(FaultRule::always(InjectedFault::StaleRead).on(Method::Get).path("*/statements/*").times(3));
    world.converge().await;
    world.declare(&format!("{}stopped = true\n", both()));
    world.simulator.push_fault(
        FaultRule::always(InjectedFault::StaleRead).on(Method::Get).path("*/statements/*").after(1).times(3),
    );
    // On a stale reading a run waits for what it took to be in motion, or refuses since it is not what was planned on;
    // once the readings are good, the job is stopped, and it was asked once.
    for _ in 0..6 {
        drop(world.apply().await);
    }
    assert!(!world.plan().await.has_work());
    assert_eq!(world.phases()["copy"], "STOPPED");
    assert_eq!((effects(&world, EffectKind::Created), effects(&world, EffectKind::Stopped)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_web_page_or_an_endless_chain_of_pages_ends_a_plan_with_an_error() {
    for (does, said) in [
        (InjectedFault::Html, "a page for a browser"),
        (InjectedFault::InvalidJson, "not one of this API"),
        (InjectedFault::EndlessPages, "page"),
    ] {
        let mut world = World::of(&both());
        let tables = (0..101).fold(String::new(), |text, number| {
            format!("{text}[statements.t{number}]\nsql = \"CREATE TABLE t{number} (id STRING)\"\n")
        });
        world.declare(&tables);
        world.converge().await;
        world.simulator.clear_requests();
        world.simulator.push_fault(FaultRule::always(does.clone()).on(Method::Get));
        let error = world.plan_with(&world.cloud(), &PlanOptions::default()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Garbled, "{does:?}: {error}");
        assert!(error.to_string().contains(said), "{does:?}: {error}");
        assert_eq!(changes_sent(&world), [], "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_ends_with_an_error_that_names_the_key_and_nothing_is_changed() {
    let key = |id: &str| Some((id.to_owned(), "right".to_owned()));
    let options = SimulatorOptions { flink_key: key("FLINK"), cloud_key: key("CLOUD"), ..SimulatorOptions::default() };
    let wrong = |flink: &str, cloud: &str| Credentials {
        flink: Some(Key::new("FLINK", flink)),
        cloud: Some(Key::new("CLOUD", cloud)),
    };
    for (credentials, named) in [(wrong("oops", "right"), "FLINK"), (wrong("right", "oops"), "CLOUD")] {
        let world = world_with(&both(), options.clone());
        let site = Site::public(&identity()).unwrap();
        let cloud = Cloud::new(Arc::new(world.simulator.clone()), site, credentials, Limits::default(), 7);
        let error = world.plan_with(&cloud, &PlanOptions::default()).await.unwrap_err();
        assert_eq!((error.kind, error.status), (ErrorKind::Unauthorized, Some(401)), "{error}");
        let help = error.help.clone().unwrap_or_default();
        assert!(help.to_uppercase().contains(named), "{named}: {help}");
        assert!(!format!("{error:?}").contains("oops"), "the secret is shown");
        assert_eq!((changes_sent(&world), world.simulator.effects()), (vec![], vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_between_plan_and_apply_changes_nothing_and_leaves_nothing_open() {
    let mut world = World::of(&both());
    let (plan, recorded) = planned(&world).await;
    world.simulator.push_fault(FaultRule::always(InjectedFault::Status(401)));
    let report = execute(&mut world, &plan, recorded).await;
    assert!(!report.is_complete());
    assert_eq!(world.simulator.effects(), []);
    assert!(world.recorded().await.open.is_empty());
    world.simulator.clear_faults();
    world.converge().await;
}

/// A job that does not get to RUNNING: the wait ends early, with what the service says.
async fn ends_early(fate: ForcedOutcome, ended: NotReachedCause, says: &str, with_exceptions: bool) {
    let scenario = Scenario { overrides: vec![verdict("copy", fate)], ..Scenario::default() };
    let mut world = world_with(TABLE, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    world.converge().await;
    world.declare(&format!("{}timeout = \"2h\"\n", both()));
    let asked = Instant::now();
    let report = world.apply().await.report.unwrap();
    let StepFailure::NotReached(not) = failure(&report, &statement("copy")) else { panic!("{report:#?}") };
    assert_eq!(not.cause, ended, "{not}");
    assert!(asked.elapsed() < Duration::from_secs(120), "it took {:?}", asked.elapsed());
    assert!(not.to_string().contains(says), "{not}");
    assert_eq!(!not.exceptions.is_empty(), with_exceptions, "{not:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_cfu_ends_the_wait_early() {
    ends_early(ForcedOutcome::PoolExhausted, NotReachedCause::PoolExhausted, "POOL_EXHAUSTED", false).await;
}

#[tokio::test(start_paused = true)]
async fn sql_that_does_not_compile_ends_the_wait_early_with_the_services_words() {
    ends_early(
        ForcedOutcome::Invalid("line 1: no such column".to_owned()),
        NotReachedCause::Stuck,
        "line 1: no such column",
        false,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_while_it_starts_ends_the_wait_with_its_exceptions() {
    let fails = ForcedOutcome::Fails { after_seconds: 0.05, detail: "topic is gone".to_owned() };
    let scenario = Scenario { overrides: vec![verdict("copy", fails)], ..Scenario::default() };
    let mut world = world_with(TABLE, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    world.converge().await;
    world.declare(&both());
    let report = world.apply().await.report.unwrap();
    match failure(&report, &statement("copy")) {
        StepFailure::NotReached(not) => {
            assert_eq!(not.cause, NotReachedCause::Stuck);
            assert!(not.detail.contains("topic is gone"), "{not:#?}");
            assert!(not.exceptions.iter().any(|exception| exception.message.contains("topic is gone")), "{not:#?}");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_critical_warning_ends_the_wait_early() {
    let scenario = Scenario { overrides: vec![verdict("copy", ForcedOutcome::NeverStarts)], ..Scenario::default() };
    let mut world = world_with(TABLE, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    world.converge().await;
    world.declare(&format!("{}timeout = \"2h\"\n", both()));
    let simulator = world.simulator.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let warning =
            OutOfBandChange::Warn("copy".to_owned(), "CRITICAL".to_owned(), "no permission to read".to_owned());
        simulator.apply_out_of_band(warning).unwrap();
    });
    let asked = Instant::now();
    let report = world.apply().await.report.unwrap();
    let StepFailure::NotReached(not) = failure(&report, &statement("copy")) else { panic!("{report:#?}") };
    assert_eq!(not.cause, NotReachedCause::CriticalWarning);
    assert!(not.detail.contains("no permission to read"), "{not}");
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_only_what_depends_on_it() {
    let apart = "[statements.apart]\nsql = \"INSERT INTO elsewhere SELECT id FROM somewhere\"\n";
    let invalid = verdict("orders", ForcedOutcome::Invalid("no such type".to_owned()));
    let scenario = Scenario { overrides: vec![invalid], ..Scenario::default() };
    let mut world =
        world_with(&format!("{}{apart}", both()), SimulatorOptions { scenario, ..SimulatorOptions::default() });
    let (plan, recorded) = planned(&world).await;
    world.simulator.clear_requests();
    let report = execute(&mut world, &plan, recorded).await;
    assert!(matches!(failure(&report, &statement("orders")), StepFailure::NotReached(_)));
    assert_eq!(report.failed.len(), 1, "{:#?}", report.failed);
    assert_eq!(report.skipped, [(statement("copy"), statement("orders"))]);
    assert_eq!(world.phases()["apart"], "RUNNING");
    assert!(!world.phases().contains_key("copy"));
    assert!(!world.simulator.requests().iter().any(|(_, path)| path.ends_with("/copy")), "nothing was asked of it");
}

#[tokio::test(start_paused = true)]
async fn a_statement_recreated_between_plan_and_apply_is_left_alone() {
    for change in [format!("{}stopped = true\n", both()), TABLE.to_owned()] {
        let mut world = running().await;
        world.declare(&change);
        let (plan, recorded) = planned(&world).await;
        assert!(plan.has_changes());
        world.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy".to_owned(), None)).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = world.simulator.effects();
        world.simulator.clear_requests();
        let report = execute(&mut world, &plan, recorded).await;
        let said = failure(&report, &statement("copy")).to_string();
        assert!(said.contains("changed meanwhile") && said.contains("created again"), "{said}");
        assert_eq!(changes_sent(&world), []);
        assert_eq!(world.simulator.effects(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_stopped_between_plan_and_apply_is_not_restarted_on_an_old_plan() {
    let mut world = running().await;
    world.write("pools.toml", MAIN_AND_HEAVY);
    world.converge().await;
    world.declare(&format!("{}pool = \"heavy\"\n", both()));
    let (plan, recorded) = planned(&world).await;
    world.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.simulator.clear_requests();
    let report = execute(&mut world, &plan, recorded).await;
    let said = failure(&report, &statement("copy")).to_string();
    assert!(said.contains("changed meanwhile"), "{said}");
    assert_eq!(changes_sent(&world), []);
    assert_eq!(world.phases()["copy"], "STOPPED");
}

/// Somebody else's statement under the name of ours, in our pool.
async fn somebody_submits(world: &World, name: &str) {
    let pool = world.simulator.world_view().pools[0].id.clone();
    let new = NewStatement {
        name: name.to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(pool),
        ..NewStatement::default()
    };
    world.cloud().submit(&new).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_takes_between_plan_and_apply_is_left_to_them() {
    let mut world = World::of(TABLE);
    world.converge().await;
    world.declare(&both());
    let (plan, recorded) = planned(&world).await;
    somebody_submits(&world, "copy").await;
    let before = world.simulator.world_view().statements;
    let report = execute(&mut world, &plan, recorded).await;
    let said = failure(&report, &statement("copy")).to_string();
    assert!(said.contains("`copy`") && said.contains("did not send"), "{said}");
    assert_eq!(world.simulator.world_view().statements, before);
    let recorded = world.recorded().await;
    assert!(recorded.open.is_empty() && recorded.statements["copy"].current.is_none(), "{recorded:#?}");
    let plan = world.plan().await;
    match &plan.changes[&statement("copy")].action {
        Action::Blocked { by } => assert!(matches!(by[0], Block::ForeignStatement { .. }), "{by:#?}"),
        other => panic!("{other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_being_deleted_is_waited_for() {
    let mut world = world_with(
        TABLE,
        SimulatorOptions {
            phase_durations: PhaseDurations { delete: Duration::from_secs(90), ..PhaseDurations::typical() },
            ..SimulatorOptions::default()
        },
    );
    world.converge().await;
    world.declare(&both());
    let (plan, recorded) = planned(&world).await;
    somebody_submits(&world, "copy").await;
    world.simulator.apply_out_of_band(OutOfBandChange::Delete("copy".to_owned())).unwrap();
    world.simulator.clear_requests();
    let report = execute(&mut world, &plan, recorded).await;
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert!(sent(&world, Method::Post) >= 2, "the first meets the name that is still there");
    assert_eq!(world.simulator.audit_report().creations["copy"], 2, "theirs and ours");
    assert!(!world.plan().await.has_work());
}

/// A cloud in which something uses each pool that a key cannot see: what is told of one pool says so, the list not yet.
struct Unseen {
    simulator: Simulator,
}

impl Transport for Unseen {
    fn send(&self, request: floe::cloud::Request) -> BoxFuture<'_, Result<Response, Lost>> {
        Box::pin(async move {
            let one = request.method == Method::Get && request.url.contains("/compute-pools/");
            let mut response = self.simulator.send(request).await?;
            if one && response.status == 200 {
                let mut body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
                body["status"]["current_cfu"] = 3.into();
                response.body = serde_json::to_vec(&body).unwrap();
            }
            Ok(response)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_something_unseen_uses_is_not_deleted() {
    let mut world = running().await;
    let cloud = world.cloud_through(Arc::new(Unseen { simulator: world.simulator.clone() }));
    let everything = PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() };
    let report = world.apply_with(&cloud, &everything).await.report.unwrap();
    let [(address, StepFailure::ChangedSincePlan { how, .. })] = &report.failed[..] else {
        panic!("{:#?}", report.failed)
    };
    assert_eq!((address, how.contains("3 CFU")), (&Address::pool("main"), true), "{how}");
    assert_eq!(world.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_under_our_own_job_that_somebody_resumes_meanwhile() {
    let mut world = running().await;
    world.write("pools.toml", MAIN_AND_HEAVY);
    world.declare(&format!("{}pool = \"heavy\"\nstopped = true\n", both()));
    world.converge().await;
    world.declare(&format!("{}pool = \"heavy\"\n", both()));
    world.converge().await;
    world.declare(&format!("{}pool = \"heavy\"\nstopped = true\n", both()));
    world.converge().await;
    world.write("pools.toml", MAIN);
    world.declare(&both().replace("[statements.copy]", "[statements.copy]\nstopped = true"));
    let (plan, recorded) = planned(&world).await;
    assert_eq!(plan.changes[&Address::pool("heavy")].action, Action::Delete { undo: None }, "{plan:#?}");
    world.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let report = execute(&mut world, &plan, recorded).await;
    let said = failure(&report, &Address::pool("heavy")).to_string();
    assert!(said.contains("`copy` runs on it"), "{said}");
    assert_eq!((world.phases()["copy"].as_str(), world.simulator.world_view().pools.len()), ("RUNNING", 2));
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_fails_once_does_not_end_a_wait() {
    let several = (0..4).fold(TABLE.to_owned(), |text, number| {
        format!("{text}[statements.copy{number}]\nsql = \"INSERT INTO target{number} SELECT id FROM orders\"\n")
    });
    for readable in 0..12 {
        let mut world = world_with(&several, SimulatorOptions::default());
        let forbidden = FaultRule::always(InjectedFault::Forbidden).on(Method::Get).path("*/statements/*");
        world.simulator.push_fault(forbidden.after(5 + readable).times(1));
        let report = world.apply().await.report.unwrap();
        assert!(report.is_complete(), "{readable}: {:#?}", report.failed);
    }
}
