//! Named faults, one at a time, and how a run handles each of them.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{
        ApiKey, BoxFuture, CloudClient, Credentials, Endpoints, ErrorKind, HttpResponse, Method, NewStatement,
        RateLimits, Transport, TransportError,
    },
    diff::{Action, Block, PlanOptions},
    execute::{NotReachedCause, RunReport, StepFailure},
    plan::Plan,
    resource::{Address, IN_FLIGHT},
    simulator::{
        EffectKind, FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, PhaseDurations, Scenario, Simulator,
        SimulatorOptions, StatementOverride,
    },
    state::Recorded,
};
use tokio::time::Instant;

use crate::{
    sample_statements::{COPY, TABLE},
    test_project::{TestProject, floe_toml, identity, statement},
};

/// The paths of requests for pools.
const POOL_PATHS: &str = "*/compute-pools*";
/// The paths of requests for statements.
const STATEMENT_PATHS: &str = "*/statements*";

/// Returns the manifest of the table and the job.
fn table_and_job() -> String {
    format!("{TABLE}{COPY}")
}

/// Returns a project with a table and a running job that reads it.
async fn project_with_running_job() -> TestProject {
    let mut project = TestProject::with_statements(&table_and_job());
    project.converge().await;
    project.simulator.clear_requests();
    project
}

/// Returns a project with these statements, on a simulator with these options.
fn project_with_options(statements: &str, options: SimulatorOptions) -> TestProject {
    let files = [
        ("floe.toml", floe_toml("")),
        ("pools.toml", "[pools.main]\nmax_cfu = 10\n".to_owned()),
        ("statements/s.toml", statements.to_owned()),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    TestProject::with_options(&files, options)
}

/// Returns how many requests of this method were sent.
fn request_count(project: &TestProject, method: Method) -> usize {
    project.simulator.requests().iter().filter(|(sent, _)| *sent == method).count()
}

/// Returns how many effects of this kind there were.
fn effect_count(project: &TestProject, kind: EffectKind) -> usize {
    project.simulator.effects().iter().filter(|effect| effect.kind == kind).count()
}

/// Returns the requests that change something.
fn sent_mutations(project: &TestProject) -> Vec<(Method, String)> {
    project.simulator.requests().into_iter().filter(|(method, _)| !method.is_safe()).collect()
}

/// Returns the failure of `address` in the report.
fn failure<'a>(report: &'a RunReport, address: &Address) -> &'a StepFailure {
    let found = report.failed.iter().find(|(failed, _)| failed == address);
    &found.unwrap_or_else(|| panic!("{address} did not fail: {report:#?}")).1
}

/// Runs `plan` on `recorded` and returns the report.
async fn execute(project: &mut TestProject, plan: &Plan, recorded: Recorded) -> RunReport {
    let cloud = project.cloud();
    project.execute(&cloud, plan, recorded, &mut |_| {}).await
}

/// Returns a plan and the record that it was made from.
async fn plan_and_record(project: &TestProject) -> (Plan, Recorded) {
    project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap()
}

/// A transport that records when each request was sent, and the status of its response.
#[derive(Clone)]
struct TimingTransport {
    /// The simulator that answers the requests.
    simulator: Simulator,
    /// The exchanges so far, in order.
    exchanges: Arc<Mutex<Vec<TimedExchange>>>,
}

/// A request and its response, with their times.
#[derive(Debug, Clone)]
struct TimedExchange {
    /// The method of the request.
    method: Method,
    /// When the request was sent.
    sent_at: Instant,
    /// When the response arrived, or the request failed.
    answered_at: Instant,
    /// The status of the response, or none if there was none.
    status: Option<u16>,
}

impl Transport for TimingTransport {
    fn send(&self, request: floe::cloud::HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let (method, sent_at) = (request.method.clone(), Instant::now());
            let outcome = self.simulator.send(request).await;
            let status = outcome.as_ref().ok().map(|response| response.status);
            self.exchanges.lock().unwrap().push(TimedExchange { method, sent_at, answered_at: Instant::now(), status });
            outcome
        })
    }
}

#[tokio::test(start_paused = true)]
async fn repeated_conflicts_on_put_are_retried_after_a_fresh_read() {
    let mut project = project_with_running_job().await;
    project.declare(&format!("{}stopped = true\n", table_and_job()));
    project.simulator.push_fault(FaultRule::always(InjectedFault::Conflict).on(Method::PUT).times(6));
    project.converge().await;
    assert_eq!(project.phases()["copy"], "STOPPED");
    assert_eq!(request_count(&project, Method::PUT), 7);
    assert_eq!(effect_count(&project, EffectKind::Stopped), 1);
    let methods: Vec<_> = project.simulator.requests().into_iter().map(|(method, _)| method).collect();
    for (at, method) in methods.iter().enumerate().filter(|(_, method)| **method == Method::PUT) {
        assert_eq!(methods[at - 1], Method::GET, "{method} without a fresh read: {methods:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn endless_conflicts_are_given_up_and_the_job_keeps_running() {
    let mut project = project_with_running_job().await;
    project.declare(&format!("{}stopped = true\n", table_and_job()));
    project.simulator.push_fault(FaultRule::always(InjectedFault::Conflict).on(Method::PUT));
    let report = project.apply().await.report.unwrap();
    let said = failure(&report, &statement("copy")).to_string();
    assert!(said.contains("`copy` has changed since the plan was made") && said.contains("plan again"), "{said}");
    assert!(said.contains("409: The resource has changed since it was fetched (request "), "{said}");
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert!(project.recorded().await.open_intents.is_empty());
    project.simulator.clear_faults();
    project.converge().await;
    assert_eq!(project.phases()["copy"], "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn an_endlessly_rejected_create_is_reported_with_the_detail_from_the_service() {
    let mut project = TestProject::with_statements(TABLE);
    project.write("pools.toml", "[pools.main]\nmax_cfu = 10\n");
    project.simulator.push_fault(FaultRule::always(InjectedFault::Conflict).on(Method::POST).path(STATEMENT_PATHS));
    let (cloud, retries) = (project.cloud(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&retries);
    cloud.on_retry(move |retrying| kept.lock().unwrap().push(retrying.clone()));
    let report = project.apply_with(&cloud, &PlanOptions::default()).await.report.unwrap();
    let StepFailure::RequestFailed(error) = failure(&report, &statement("orders")) else {
        panic!("{:#?}", report.failed)
    };
    assert_eq!((&error.method, error.status, error.request_id.is_some()), (&Method::POST, Some(409), true));
    let detail = "The resource has changed since it was fetched (not created, gave up after 30 attempts)";
    assert_eq!(error.detail, detail);
    let retries = retries.lock().unwrap().clone();
    let [retrying] = retries.as_slice() else { panic!("{retries:?}") };
    assert_eq!(retrying.error.detail, "The resource has changed since it was fetched");
    assert!(project.recorded().await.open_intents.is_empty() && effect_count(&project, EffectKind::Created) == 0);
}

/// A network that delays each request and each response by a different time.
struct JitteryTransport {
    /// The simulator that answers the requests.
    simulator: Simulator,
    /// The source of the random delays.
    rng: Mutex<fastrand::Rng>,
    /// How many responses had the status 429.
    rejections: Mutex<usize>,
}

impl Transport for JitteryTransport {
    fn send(&self, request: floe::cloud::HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let delay = || Duration::from_millis(self.rng.lock().unwrap().u64(..700));
            let (there, back) = (delay(), delay());
            tokio::time::sleep(there).await;
            let outcome = self.simulator.send(request).await;
            if outcome.as_ref().is_ok_and(|response| response.status == 429) {
                *self.rejections.lock().unwrap() += 1;
            }
            tokio::time::sleep(back).await;
            outcome
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_limiter_keeps_within_the_service_limits_on_a_jittery_network() {
    let rate_limits =
        floe::simulator::SimulatedRateLimits { enabled: true, per_second: 40, per_minute: 800, concurrent: 80 };
    let project = project_with_options(TABLE, SimulatorOptions { rate_limits, ..SimulatorOptions::default() });
    let rng = Mutex::new(fastrand::Rng::with_seed(11));
    let wire = Arc::new(JitteryTransport { simulator: project.simulator.clone(), rng, rejections: Mutex::default() });
    let cloud = project.cloud_through(wire.clone());
    let mut all = tokio::task::JoinSet::new();
    for number in 0..1_200 {
        let cloud = cloud.clone();
        all.spawn(async move { cloud.fetch_statement(&format!("s{number}")).await.unwrap().is_none() });
    }
    assert!(all.join_all().await.into_iter().all(|is_absent| is_absent));
    assert_eq!(*wire.rejections.lock().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_retry_after_has_passed() {
    for (retry_after, least) in [(Some(7), 7), (None, 2)] {
        for method in [Method::GET, Method::POST] {
            let mut project = TestProject::with_statements(&table_and_job());
            let wire = TimingTransport { simulator: project.simulator.clone(), exchanges: Arc::default() };
            let cloud = project.cloud_through(Arc::new(wire.clone()));
            project.simulator.push_fault(
                FaultRule::always(InjectedFault::TooManyRequests { retry_after }).on(method.clone()).after(1).times(3),
            );
            let report = project.apply_with(&cloud, &PlanOptions::default()).await.report.unwrap();
            assert!(report.is_complete(), "{:#?}", report.failed);
            let exchanges = wire.exchanges.lock().unwrap().clone();
            let refused: Vec<_> = exchanges.iter().filter(|exchange| exchange.status == Some(429)).collect();
            assert_eq!(refused.len(), 3, "{method}");
            for refusal in refused {
                assert_eq!(refusal.method, method);
                let next =
                    exchanges.iter().filter(|next| next.sent_at > refusal.sent_at).map(|next| next.sent_at).min();
                let pause = next.unwrap() - refusal.answered_at;
                assert!(pause >= Duration::from_secs(least), "{method}, {retry_after:?}: {pause:?}");
            }
            assert_eq!(
                project.simulator.audit_report().creations,
                [("orders".to_owned(), 1), ("copy".to_owned(), 1)].into()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failed_reads_are_retried_and_an_unreachable_service_changes_nothing() {
    let mut project = TestProject::with_statements(&table_and_job());
    for status in [500, 502, 503, 504] {
        project
            .simulator
            .push_fault(FaultRule::always(InjectedFault::Status(status)).on(Method::GET).after(2).times(2));
    }
    project.converge().await;
    project.simulator.clear_requests();
    project.simulator.push_fault(FaultRule::always(InjectedFault::Status(503)).on(Method::GET));
    let error = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(sent_mutations(&project), []);
}

/// Returns what can happen to a request without a usable response.
fn faults_without_a_response() -> [InjectedFault; 7] {
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

/// Returns true if the request took effect although its response is lost. It must not be sent again then.
fn takes_effect(fault: &InjectedFault) -> bool {
    matches!(
        fault,
        InjectedFault::LostAfterEffect | InjectedFault::TruncatedBody(_) | InjectedFault::StatusAfterEffect(_)
    )
}

/// Loses the response to one request of `change` in every way, and checks that the request takes effect once each
/// time.
async fn check_lost_response(
    method: Method,
    path: &str,
    before: &str,
    pools: [&str; 2],
    change: &str,
    kind: EffectKind,
) {
    for does in faults_without_a_response() {
        let mut project = TestProject::with_statements(before);
        project.write("pools.toml", pools[0]);
        project.converge().await;
        let (effects_before, phases_before) = (effect_count(&project, kind), project.phases());
        project.simulator.clear_requests();
        project.write("pools.toml", pools[1]);
        project.declare(change);
        // A 202 has no body to truncate.
        let answers_nothing =
            matches!(method, Method::PUT | Method::DELETE) && matches!(does, InjectedFault::TruncatedBody(_));
        project.simulator.push_fault(FaultRule::once(does.clone()).on(method.clone()).path(path));
        let run = project.apply().await;
        let report = run.report.unwrap();
        assert!(report.is_complete(), "{method} {path} {does:?}: {:#?}", report.failed);
        let next = project.plan().await;
        assert!(!next.has_work(), "{method} {path} {does:?}: {:#?}", next.changes);
        assert_eq!(
            effect_count(&project, kind) - effects_before,
            1,
            "{method} {path} {does:?}, before: {phases_before:?}"
        );
        let requests: Vec<_> = sent_mutations(&project).into_iter().filter(|(sent, _)| *sent == method).collect();
        let expected_retries = usize::from(!takes_effect(&does) && !answers_nothing);
        let is_late = matches!(does, InjectedFault::LostThenApplied(_));
        assert!(requests.len() == 1 + expected_retries || is_late, "{method} {path} {does:?}: {requests:?}");
        // A submission that was sent again is remembered until its first copy can no longer take effect.
        tokio::time::sleep(IN_FLIGHT).await;
        project.apply().await;
        let recorded = project.recorded().await;
        assert!(recorded.open_intents.is_empty(), "{method} {path} {does:?}: {:#?}", recorded.open_intents);
        assert!(!project.plan().await.has_work(), "{method} {path} {does:?}");
        let created_twice = project.simulator.audit_report().creations.into_iter().find(|(_, count)| *count > 1);
        assert_eq!(created_twice, None, "{method} {path} {does:?}");
    }
}

/// The manifest of one pool.
const MAIN_POOL: &str = "[pools.main]\nmax_cfu = 10\n";
/// The manifest of that pool and another one.
const MAIN_AND_HEAVY_POOLS: &str = "[pools.main]\nmax_cfu = 10\n[pools.heavy]\nmax_cfu = 20\n";
/// The manifest of the same pool after it grew.
const GROWN_MAIN_POOL: &str = "[pools.main]\nmax_cfu = 20\n";

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_submission_is_settled_by_reading() {
    check_lost_response(
        Method::POST,
        STATEMENT_PATHS,
        TABLE,
        [MAIN_POOL, MAIN_POOL],
        &table_and_job(),
        EffectKind::Created,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_stop_is_settled_by_reading() {
    let stopped = format!("{}stopped = true\n", table_and_job());
    check_lost_response(
        Method::PUT,
        STATEMENT_PATHS,
        &table_and_job(),
        [MAIN_POOL, MAIN_POOL],
        &stopped,
        EffectKind::Stopped,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_deletion_is_settled_by_reading() {
    check_lost_response(
        Method::DELETE,
        STATEMENT_PATHS,
        &table_and_job(),
        [MAIN_POOL, MAIN_POOL],
        TABLE,
        EffectKind::Deleted,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_new_pool_leaves_one_pool() {
    check_lost_response(
        Method::POST,
        POOL_PATHS,
        &table_and_job(),
        [MAIN_POOL, MAIN_AND_HEAVY_POOLS],
        &table_and_job(),
        EffectKind::PoolCreated,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_larger_pool_is_settled_by_reading() {
    check_lost_response(
        Method::PATCH,
        POOL_PATHS,
        &table_and_job(),
        [MAIN_POOL, GROWN_MAIN_POOL],
        &table_and_job(),
        EffectKind::PoolUpdated,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_deleted_pool_is_settled_by_reading() {
    check_lost_response(
        Method::DELETE,
        POOL_PATHS,
        &table_and_job(),
        [MAIN_AND_HEAVY_POOLS, MAIN_POOL],
        &table_and_job(),
        EffectKind::PoolDeleted,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn slow_phases_are_waited_for() {
    let mut project = project_with_options(
        &table_and_job(),
        SimulatorOptions { phase_durations: PhaseDurations::typical().scaled(8.0), ..SimulatorOptions::default() },
    );
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_statements_timeout_and_the_next_run_resumes_it() {
    let scenario =
        Scenario { overrides: vec![forced_outcome("copy", ForcedOutcome::StartsAfter(200.0))], ..Scenario::default() };
    let impatient = format!("{}timeout = \"40s\"\n", table_and_job());
    let mut project = project_with_options(&impatient, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    let report = project.apply().await.report.unwrap();
    match failure(&report, &statement("copy")) {
        StepFailure::NotReached(not) => assert_eq!(not.cause, NotReachedCause::TimedOut(40), "{not}"),
        other => panic!("{other}"),
    }
    assert!(report.has_only_unreached_phases());
    assert!(project.recorded().await.statements["copy"].current.is_some(), "the submitted generation must be recorded");
    project.declare(&table_and_job());
    project.converge().await;
    assert_eq!(project.phases()["copy"], "RUNNING");
    assert_eq!(effect_count(&project, EffectKind::Created), 2);
}

/// Returns an override that gives the statement `name` this outcome.
fn forced_outcome(name: &str, outcome: ForcedOutcome) -> StatementOverride {
    StatementOverride { name: name.to_owned(), outcome }
}

#[tokio::test(start_paused = true)]
async fn shifting_pages_lagging_lists_and_stale_reads_cause_no_changes() {
    let tables = (0..120).fold(String::new(), |text, number| {
        format!("{text}[statements.t{number}]\nsql = \"CREATE TABLE t{number} (id STRING)\"\n")
    });
    let mut project = project_with_options(&tables, SimulatorOptions::default());
    project.simulator.push_fault(FaultRule::always(InjectedFault::ListLag(10.0)).path(STATEMENT_PATHS).on(Method::GET));
    let report = project.apply().await.report.unwrap();
    assert!(report.is_complete(), "{:#?}", report.failed);
    // At this point, the list does not show the new statements yet.
    let plan = project.plan().await;
    assert!(!plan.has_changes() && !plan.is_blocked(), "{:#?}", plan.changes);
    project.simulator.clear_faults();
    for does in [InjectedFault::ShiftingPages, InjectedFault::StaleRead, InjectedFault::UnknownFields] {
        project.simulator.clear_faults();
        project.simulator.push_fault(FaultRule::always(does.clone()).on(Method::GET));
        let plan = project.plan().await;
        // If a stale read shows a resource in motion, floe waits for it and concludes nothing else.
        assert!(!plan.has_changes() && !plan.is_blocked(), "{does:?}: {:#?}", plan.changes);
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_are_created_and_stopped_under_lagging_lists_and_stale_reads() {
    let mut project = TestProject::with_statements(&table_and_job());
    project.simulator.push_fault(FaultRule::always(InjectedFault::ListLag(15.0)).on(Method::GET).path("*/statements"));
    project
        .simulator
        .push_fault(FaultRule::always(InjectedFault::StaleRead).on(Method::GET).path("*/statements/*").times(3));
    project.converge().await;
    project.declare(&format!("{}stopped = true\n", table_and_job()));
    project.simulator.push_fault(
        FaultRule::always(InjectedFault::StaleRead).on(Method::GET).path("*/statements/*").after(1).times(3),
    );
    // After a stale read, a run waits for a resource that seems to be in motion, or refuses because it differs from
    // the plan. Once reads are current again, the job is stopped, and only one stop took effect.
    for _ in 0..6 {
        drop(project.apply().await);
    }
    assert!(!project.plan().await.has_work());
    assert_eq!(project.phases()["copy"], "STOPPED");
    assert_eq!((effect_count(&project, EffectKind::Created), effect_count(&project, EffectKind::Stopped)), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn malformed_responses_and_endless_pages_fail_the_plan() {
    for (does, said) in [
        (InjectedFault::Html, "an HTML page"),
        (InjectedFault::InvalidJson, "unexpected response"),
        (InjectedFault::EndlessPages, "page"),
    ] {
        let mut project = TestProject::with_statements(&table_and_job());
        let tables = (0..101).fold(String::new(), |text, number| {
            format!("{text}[statements.t{number}]\nsql = \"CREATE TABLE t{number} (id STRING)\"\n")
        });
        project.declare(&tables);
        project.converge().await;
        project.simulator.clear_requests();
        project.simulator.push_fault(FaultRule::always(does.clone()).on(Method::GET));
        let error = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidResponse, "{does:?}: {error}");
        assert!(error.to_string().contains(said), "{does:?}: {error}");
        assert_eq!(sent_mutations(&project), [], "{does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_named_in_the_error_and_nothing_is_changed() {
    let key = |id: &str| Some((id.to_owned(), "right".to_owned()));
    let options = SimulatorOptions { flink_key: key("FLINK"), cloud_key: key("CLOUD"), ..SimulatorOptions::default() };
    let wrong = |flink: &str, cloud: &str| Credentials {
        flink: Some(ApiKey::new("FLINK", flink)),
        cloud: Some(ApiKey::new("CLOUD", cloud)),
    };
    for (credentials, named) in [(wrong("oops", "right"), "FLINK"), (wrong("right", "oops"), "CLOUD")] {
        let project = project_with_options(&table_and_job(), options.clone());
        let site = Endpoints::public(&identity()).unwrap();
        let cloud = CloudClient::new(Arc::new(project.simulator.clone()), site, credentials, RateLimits::default(), 7);
        let error = project.plan_with(&cloud, &PlanOptions::default()).await.unwrap_err();
        assert_eq!((error.kind, error.status), (ErrorKind::Unauthorized, Some(401)), "{error}");
        let help = error.help.clone().unwrap_or_default();
        assert!(help.to_uppercase().contains(named), "{named}: {help}");
        assert!(!format!("{error:?}").contains("oops"), "the error shows the secret");
        assert_eq!((sent_mutations(&project), project.simulator.effects()), (vec![], vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_revoked_between_plan_and_apply_changes_nothing() {
    let mut project = TestProject::with_statements(&table_and_job());
    let (plan, recorded) = plan_and_record(&project).await;
    project.simulator.push_fault(FaultRule::always(InjectedFault::Status(401)));
    let report = execute(&mut project, &plan, recorded).await;
    assert!(!report.is_complete());
    assert_eq!(project.simulator.effects(), []);
    // A 401 does not prove that nothing happened, so the next run waits, and then knows.
    project.simulator.clear_faults();
    project.converge().await;
    let findings = project.simulator.audit_report();
    assert!(findings.creations.values().chain(findings.pool_creations.values()).all(|count| *count == 1));
    assert!(project.recorded().await.open_intents.is_empty());
}

/// Checks that the wait for a job that does not reach RUNNING ends early, with the message of the service.
async fn check_early_end(outcome: ForcedOutcome, ended: NotReachedCause, says: &str, with_exceptions: bool) {
    let scenario = Scenario { overrides: vec![forced_outcome("copy", outcome)], ..Scenario::default() };
    let mut project = project_with_options(TABLE, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    project.converge().await;
    project.declare(&format!("{}timeout = \"2h\"\n", table_and_job()));
    let asked = Instant::now();
    let report = project.apply().await.report.unwrap();
    let StepFailure::NotReached(not) = failure(&report, &statement("copy")) else { panic!("{report:#?}") };
    assert_eq!(not.cause, ended, "{not}");
    assert!(asked.elapsed() < Duration::from_secs(120), "the wait took {:?}", asked.elapsed());
    assert!(not.to_string().contains(says), "{not}");
    assert_eq!(!not.exceptions.is_empty(), with_exceptions, "{not:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_pool_ends_the_wait_early() {
    check_early_end(ForcedOutcome::PoolExhausted, NotReachedCause::PoolExhausted, "POOL_EXHAUSTED", false).await;
}

#[tokio::test(start_paused = true)]
async fn sql_that_does_not_compile_ends_the_wait_early_with_the_error_from_the_service() {
    check_early_end(
        ForcedOutcome::Invalid("line 1: no such column".to_owned()),
        NotReachedCause::UnexpectedPhase,
        "line 1: no such column",
        false,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_while_it_starts_ends_the_wait_with_its_exceptions() {
    let fails = ForcedOutcome::Fails { after_seconds: 0.05, detail: "topic is gone".to_owned() };
    let scenario = Scenario { overrides: vec![forced_outcome("copy", fails)], ..Scenario::default() };
    let mut project = project_with_options(TABLE, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    project.converge().await;
    project.declare(&table_and_job());
    let report = project.apply().await.report.unwrap();
    match failure(&report, &statement("copy")) {
        StepFailure::NotReached(not) => {
            assert_eq!(not.cause, NotReachedCause::UnexpectedPhase);
            assert!(not.detail.contains("topic is gone"), "{not:#?}");
            assert!(not.exceptions.iter().any(|exception| exception.message.contains("topic is gone")), "{not:#?}");
        }
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_critical_warning_ends_the_wait_early() {
    let scenario =
        Scenario { overrides: vec![forced_outcome("copy", ForcedOutcome::NeverStarts)], ..Scenario::default() };
    let mut project = project_with_options(TABLE, SimulatorOptions { scenario, ..SimulatorOptions::default() });
    project.converge().await;
    project.declare(&format!("{}timeout = \"2h\"\n", table_and_job()));
    let simulator = project.simulator.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let warning =
            OutOfBandChange::Warn("copy".to_owned(), "CRITICAL".to_owned(), "no permission to read".to_owned());
        simulator.apply_out_of_band(warning).unwrap();
    });
    let asked = Instant::now();
    let report = project.apply().await.report.unwrap();
    let StepFailure::NotReached(not) = failure(&report, &statement("copy")) else { panic!("{report:#?}") };
    assert_eq!(not.cause, NotReachedCause::CriticalWarning);
    assert!(not.detail.contains("no permission to read"), "{not}");
    assert!(asked.elapsed() < Duration::from_secs(60), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_failure_skips_only_its_dependents() {
    let apart = "[statements.apart]\nsql = \"INSERT INTO elsewhere SELECT id FROM somewhere\"\n";
    let invalid = forced_outcome("orders", ForcedOutcome::Invalid("no such type".to_owned()));
    let scenario = Scenario { overrides: vec![invalid], ..Scenario::default() };
    let mut project = project_with_options(
        &format!("{}{apart}", table_and_job()),
        SimulatorOptions { scenario, ..SimulatorOptions::default() },
    );
    let (plan, recorded) = plan_and_record(&project).await;
    project.simulator.clear_requests();
    let report = execute(&mut project, &plan, recorded).await;
    assert!(matches!(failure(&report, &statement("orders")), StepFailure::NotReached(_)));
    assert_eq!(report.failed.len(), 1, "{:#?}", report.failed);
    assert_eq!(report.skipped, [(statement("copy"), statement("orders"))]);
    assert_eq!(project.phases()["apart"], "RUNNING");
    assert!(!project.phases().contains_key("copy"));
    assert!(
        !project.simulator.requests().iter().any(|(_, path)| path.ends_with("/copy")),
        "a request was sent for the skipped job"
    );
}

#[tokio::test(start_paused = true)]
async fn a_statement_recreated_between_plan_and_apply_is_not_touched() {
    for change in [format!("{}stopped = true\n", table_and_job()), TABLE.to_owned()] {
        let mut project = project_with_running_job().await;
        project.declare(&change);
        let (plan, recorded) = plan_and_record(&project).await;
        assert!(plan.has_changes());
        project.simulator.apply_out_of_band(OutOfBandChange::Recreate("copy".to_owned(), None)).unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = project.simulator.effects();
        project.simulator.clear_requests();
        let report = execute(&mut project, &plan, recorded).await;
        let said = failure(&report, &statement("copy")).to_string();
        assert!(said.contains("has changed since the plan was made") && said.contains("created again"), "{said}");
        assert_eq!(sent_mutations(&project), []);
        assert_eq!(project.simulator.effects(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_stopped_between_plan_and_apply_is_not_restarted() {
    let mut project = project_with_running_job().await;
    project.write("pools.toml", MAIN_AND_HEAVY_POOLS);
    project.converge().await;
    project.declare(&format!("{}pool = \"heavy\"\n", table_and_job()));
    let (plan, recorded) = plan_and_record(&project).await;
    project.simulator.apply_out_of_band(OutOfBandChange::Stop("copy".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    project.simulator.clear_requests();
    let report = execute(&mut project, &plan, recorded).await;
    let said = failure(&report, &statement("copy")).to_string();
    assert!(said.contains("has changed since the plan was made"), "{said}");
    assert_eq!(sent_mutations(&project), []);
    assert_eq!(project.phases()["copy"], "STOPPED");
}

/// Submits a statement that is not managed by the project, under a name of the project and in its pool.
async fn submit_foreign_statement(project: &TestProject, name: &str) {
    let pool = project.simulator.world_view().pools[0].id.clone();
    let new = NewStatement {
        name: name.to_owned(),
        sql: "INSERT INTO theirs SELECT id FROM orders".to_owned(),
        pool: Some(pool),
        ..NewStatement::default()
    };
    project.cloud().submit_statement(&new).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_taken_between_plan_and_apply_is_not_touched() {
    let mut project = TestProject::with_statements(TABLE);
    project.converge().await;
    project.declare(&table_and_job());
    let (plan, recorded) = plan_and_record(&project).await;
    submit_foreign_statement(&project, "copy").await;
    let before = project.simulator.world_view().statements;
    let report = execute(&mut project, &plan, recorded).await;
    let said = failure(&report, &statement("copy")).to_string();
    assert!(said.contains("`copy`") && said.contains("did not send"), "{said}");
    assert_eq!(project.simulator.world_view().statements, before);
    let recorded = project.recorded().await;
    assert!(recorded.open_intents.is_empty() && recorded.statements["copy"].current.is_none(), "{recorded:#?}");
    let plan = project.plan().await;
    match &plan.changes[&statement("copy")].action {
        Action::Blocked { by } => assert!(matches!(by[0], Block::ForeignStatement { .. }), "{by:#?}"),
        other => panic!("{other:#?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_being_deleted_is_waited_for() {
    let mut project = project_with_options(
        TABLE,
        SimulatorOptions {
            phase_durations: PhaseDurations { delete: Duration::from_secs(90), ..PhaseDurations::typical() },
            ..SimulatorOptions::default()
        },
    );
    project.converge().await;
    project.declare(&table_and_job());
    let (plan, recorded) = plan_and_record(&project).await;
    submit_foreign_statement(&project, "copy").await;
    project.simulator.apply_out_of_band(OutOfBandChange::Delete("copy".to_owned())).unwrap();
    project.simulator.clear_requests();
    let report = execute(&mut project, &plan, recorded).await;
    assert!(report.is_complete(), "{:#?}", report.failed);
    assert!(request_count(&project, Method::POST) >= 2, "the first submission must find that the name is still taken");
    assert_eq!(project.simulator.audit_report().creations["copy"], 2, "one creation outside the project and one by it");
    assert!(!project.plan().await.has_work());
}

/// A transport to a cloud in which something that the key cannot see uses each pool. A read of one pool shows that,
/// and the list does not show it yet.
struct HiddenUsageTransport {
    /// The simulator that answers the requests.
    simulator: Simulator,
}

impl Transport for HiddenUsageTransport {
    fn send(&self, request: floe::cloud::HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let one = request.method == Method::GET && request.url.contains("/compute-pools/");
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
async fn a_pool_with_cfu_in_use_by_invisible_statements_is_not_deleted() {
    let mut project = project_with_running_job().await;
    let cloud = project.cloud_through(Arc::new(HiddenUsageTransport { simulator: project.simulator.clone() }));
    let everything = PlanOptions { destroy: true, allow_data_loss: true, ..PlanOptions::default() };
    let report = project.apply_with(&cloud, &everything).await.report.unwrap();
    let [(address, StepFailure::ChangedSincePlan { how, .. })] = &report.failed[..] else {
        panic!("{:#?}", report.failed)
    };
    assert_eq!((address, how.contains("3 CFU")), (&Address::pool("main"), true), "{how}");
    assert_eq!(project.simulator.world_view().pools.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_not_deleted_while_a_job_resumed_outside_runs_on_it() {
    let mut project = project_with_running_job().await;
    project.write("pools.toml", MAIN_AND_HEAVY_POOLS);
    project.declare(&format!("{}pool = \"heavy\"\nstopped = true\n", table_and_job()));
    project.converge().await;
    project.declare(&format!("{}pool = \"heavy\"\n", table_and_job()));
    project.converge().await;
    project.declare(&format!("{}pool = \"heavy\"\nstopped = true\n", table_and_job()));
    project.converge().await;
    project.write("pools.toml", MAIN_POOL);
    project.declare(&table_and_job().replace("[statements.copy]", "[statements.copy]\nstopped = true"));
    let (plan, recorded) = plan_and_record(&project).await;
    assert_eq!(plan.changes[&Address::pool("heavy")].action, Action::Delete { undo: None }, "{plan:#?}");
    project.simulator.apply_out_of_band(OutOfBandChange::Resume("copy".to_owned())).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let report = execute(&mut project, &plan, recorded).await;
    let said = failure(&report, &Address::pool("heavy")).to_string();
    assert!(said.contains("`copy` runs on it"), "{said}");
    assert_eq!((project.phases()["copy"].as_str(), project.simulator.world_view().pools.len()), ("RUNNING", 2));
}

#[tokio::test(start_paused = true)]
async fn a_single_failed_read_does_not_end_a_wait() {
    let several = (0..4).fold(TABLE.to_owned(), |text, number| {
        format!("{text}[statements.copy{number}]\nsql = \"INSERT INTO target{number} SELECT id FROM orders\"\n")
    });
    for readable in 0..12 {
        let mut project = project_with_options(&several, SimulatorOptions::default());
        let forbidden = FaultRule::always(InjectedFault::Forbidden).on(Method::GET).path("*/statements/*");
        project.simulator.push_fault(forbidden.after(5 + readable).times(1));
        let report = project.apply().await.report.unwrap();
        assert!(report.is_complete(), "{readable}: {:#?}", report.failed);
    }
}
