//! Tests of fault rules and statement overrides, through a client.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    client::{TestClient, options_without_limits, pool_body, wait_seconds},
    statements::{JOB, TABLE},
};
use crate::{
    cloud::{Method, TransportError},
    simulator::{
        EffectKind, FaultRule, ForcedOutcome, InjectedFault, OutOfBandChange, Scenario, SimulatedRateLimits,
        SimulatorOptions, StatementOverride,
    },
};

/// Returns a client of a simulator with this fault rule.
async fn client_with_fault(rule: FaultRule) -> TestClient {
    let client = TestClient::new(options_without_limits());
    client.simulator.push_fault(rule);
    client
}

#[tokio::test(start_paused = true)]
async fn s26_rate_limits_are_sliding_windows_per_address_with_relative_headers() {
    let client =
        TestClient::new(SimulatorOptions { rate_limits: SimulatedRateLimits::default(), ..options_without_limits() });
    for _ in 0..50 {
        assert_eq!(client.list("").await.status, 200);
    }
    let limited = client.list("").await;
    assert_eq!((limited.status, limited.bytes.len()), (429, 0));
    assert_eq!((limited.headers.get("retry-after"), limited.headers.get("x-ratelimit-reset")), (Some("1"), Some("1")));
    assert_eq!(
        (limited.headers.get("x-ratelimit-limit"), limited.headers.get("x-ratelimit-remaining")),
        (Some("50"), Some("0"))
    );
    tokio::time::sleep(Duration::from_millis(999)).await;
    assert_eq!(client.list("").await.status, 429);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut served = 50;
    let limited = loop {
        let got = client.list("").await;
        if got.status == 429 && served >= 1000 {
            break got;
        }
        if got.status == 429 {
            wait_seconds(1).await;
        } else {
            served += 1;
        }
    };
    assert_eq!(served, 1000);
    assert_eq!(limited.headers.get("retry-after"), Some("41"), "19 seconds of the minute have passed");
    wait_seconds(41).await;
    assert_eq!(client.list("").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s26_more_than_a_hundred_concurrent_requests_are_rate_limited() {
    let rate_limits = SimulatedRateLimits { per_second: 1000, ..SimulatedRateLimits::default() };
    let client = TestClient::new(SimulatorOptions { rate_limits, ..options_without_limits() });
    client.simulator.push_fault(FaultRule::always(InjectedFault::SlowResponse(5.0)).path("*/slow"));
    let mut tasks = Vec::new();
    for _ in 0..101 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move { client.get("slow").await.status }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1);
    assert_eq!(client.get("slow").await.status, 404, "the slots must be free again");
}

#[tokio::test(start_paused = true)]
async fn s27_injected_errors_have_no_effect_and_repeat_as_configured() {
    for (fault, status) in [
        (InjectedFault::Status(500), 500),
        (InjectedFault::Status(503), 503),
        (InjectedFault::TooManyRequests { retry_after: Some(7) }, 429),
        (InjectedFault::Forbidden, 403),
        (InjectedFault::Conflict, 409),
    ] {
        let client = client_with_fault(FaultRule::always(fault).on(Method::POST).name("a").after(1).times(2)).await;
        assert_eq!(client.submit("b", JOB).await.status, 201, "the rule is for another name");
        assert_eq!(client.submit("a", "").await.status, 400, "the first request passes");
        for _ in 0..2 {
            let got = client.submit("a", JOB).await;
            assert_eq!(got.status, status);
            assert_eq!(got.headers.get("retry-after"), (status == 429).then_some("7"));
        }
        assert_eq!(client.get("a").await.status, 404, "the fault must have no effect");
        assert_eq!(client.submit("a", JOB).await.status, 201);
    }
}

#[tokio::test(start_paused = true)]
async fn s27_responses_can_be_lost_before_or_after_the_effect() {
    for (fault, done, sent) in [
        (InjectedFault::ConnectionRefused, false, false),
        (InjectedFault::LostBeforeEffect, false, true),
        (InjectedFault::LostAfterEffect, true, true),
        (InjectedFault::TruncatedBody(10), true, true),
    ] {
        let client = client_with_fault(FaultRule::once(fault.clone()).on(Method::POST)).await;
        let lost = client
            .try_call(Method::POST, &TestClient::statements_url(""), Some(super::client::statement_body("a", JOB)))
            .await;
        assert_eq!(matches!(lost, Err(TransportError::AfterSending(_))), sent, "{fault:?}");
        assert_eq!(matches!(lost, Err(TransportError::BeforeSending(_))), !sent, "{fault:?}");
        assert_eq!(client.get("a").await.status, if done { 200 } else { 404 }, "{fault:?}");
    }
    let client = client_with_fault(FaultRule::once(InjectedFault::StatusAfterEffect(502))).await;
    assert_eq!(client.submit("a", JOB).await.status, 502);
    assert_eq!(client.get("a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s27_a_request_can_take_effect_long_after_its_response_was_lost() {
    let client = client_with_fault(FaultRule::once(InjectedFault::LostThenApplied(10.0)).on(Method::POST)).await;
    let body = || Some(super::client::statement_body("a", JOB));
    assert!(client.try_call(Method::POST, &TestClient::statements_url(""), body()).await.is_err());
    assert_eq!(client.get("a").await.status, 404);
    wait_seconds(9).await;
    assert_eq!(client.get("a").await.status, 404);
    wait_seconds(1).await;
    let got = client.get("a").await;
    assert_eq!((got.status, got.text("/metadata/created_at")), (200, "2026-01-01T00:00:10Z"));
    assert_eq!(client.call(Method::POST, &TestClient::statements_url(""), body()).await.status, 409);
    assert_eq!(client.simulator.audit_report().creations["a"], 1);
}

#[tokio::test(start_paused = true)]
async fn s27_slow_effects_and_slow_responses_delay_the_response() {
    for (fault, done_at_once) in [(InjectedFault::SlowEffect(5.0), false), (InjectedFault::SlowResponse(5.0), true)] {
        let client = client_with_fault(FaultRule::once(fault).on(Method::POST)).await;
        let began = Instant::now();
        let submission = tokio::spawn({
            let client = client.clone();
            async move { client.submit("a", JOB).await.status }
        });
        wait_seconds(1).await;
        assert_eq!(client.get("a").await.status == 200, done_at_once);
        assert_eq!(submission.await.unwrap(), 201);
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn s27_a_slow_effect_happens_even_if_the_client_times_out() {
    let client = client_with_fault(FaultRule::once(InjectedFault::SlowEffect(40.0)).on(Method::POST)).await;
    let given_up = tokio::time::timeout(Duration::from_secs(30), client.submit("a", JOB)).await;
    assert!(given_up.is_err());
    assert_eq!(client.get("a").await.status, 404);
    wait_seconds(11).await;
    assert_eq!(client.get("a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s27_a_stale_read_shows_the_statement_before_its_last_change() {
    let client = client_with_fault(FaultRule::once(InjectedFault::StaleRead).on(Method::GET).name("a").after(1)).await;
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    client.set_stopped("a", true).await;
    let stale = client.get("a").await;
    assert_eq!((stale.phase(), stale.at("/spec/stopped")), ("RUNNING", &json!(false)));
    assert_eq!(client.phase("a").await, "STOPPING");
}

#[tokio::test(start_paused = true)]
async fn s27_redirects_keep_path_and_query_and_a_404_can_become_a_403() {
    let client =
        client_with_fault(FaultRule::once(InjectedFault::Redirect("https://flink-2.example.org".to_owned()))).await;
    let got = client.list("?page_size=7").await;
    let url =
        TestClient::statements_url("?page_size=7").replace(super::client::FLINK_ORIGIN, "https://flink-2.example.org");
    assert_eq!((got.status, got.headers.get("location")), (307, Some(url.as_str())));
    client.simulator.push_fault(FaultRule::always(InjectedFault::ForbiddenInsteadOfNotFound));
    assert_eq!(client.get("missing").await.status, 403);
    client.submit("a", JOB).await;
    assert_eq!(client.get("a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s27_html_pages_and_invalid_json_can_replace_responses() {
    let client = client_with_fault(FaultRule::once(InjectedFault::Html)).await;
    let got = client.list("").await;
    assert_eq!((got.status, got.headers.get("content-type")), (200, Some("text/html")));
    client.simulator.push_fault(FaultRule::once(InjectedFault::InvalidJson));
    let got = client.list("").await;
    assert_eq!((got.status, got.body), (200, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn s27_lists_can_lag_repeat_entries_and_never_end() {
    let client = TestClient::new(options_without_limits());
    for name in ["a", "b", "c", "d"] {
        client.submit(name, TABLE).await;
    }
    wait_seconds(60).await;
    client.submit("new", JOB).await;
    client.delete("a").await;
    wait_seconds(12).await;
    assert_eq!(client.get("a").await.status, 404);
    let names = |list: &Value| {
        let names = list["data"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    client.simulator.push_fault(FaultRule::once(InjectedFault::ListLag(15.0)));
    let mut lagging = names(&client.list("").await.body);
    lagging.sort();
    assert_eq!(lagging, ["a", "b", "c", "d"]);
    assert_eq!(names(&client.list("").await.body), ["b", "c", "d", "new"]);
    client.simulator.push_fault(FaultRule::always(InjectedFault::ShiftingPages));
    let first = client.list("?page_size=2").await;
    let second = client.call(Method::GET, first.text("/metadata/next"), None).await;
    assert_eq!((names(&first.body), names(&second.body)), (vec!["b".into(), "c".into()], vec!["c".into(), "d".into()]));
    client.simulator.clear_faults();
    client.simulator.push_fault(FaultRule::always(InjectedFault::EndlessPages));
    let mut url = TestClient::statements_url("?page_size=100");
    for _ in 0..5 {
        let page = client.call(Method::GET, &url, None).await;
        assert_eq!(names(&page.body), ["b", "c", "d", "new"]);
        url = page.text("/metadata/next").to_owned();
    }
}

#[tokio::test(start_paused = true)]
async fn s29_unknown_fields_unknown_phases_and_null_maps_can_be_injected() {
    let client = client_with_fault(FaultRule::once(InjectedFault::UnknownFields).on(Method::GET)).await;
    client.submit("a", JOB).await;
    let got = client.get("a").await;
    assert!(got.at("/status/x_never_heard_of").is_object());
    assert_eq!(*got.at("/metadata/labels"), Value::Null);
    assert_eq!(got.text("/spec/properties/sql.current-catalog"), "dev");
    assert!(got.at("/spec/properties/x_never_heard_of").is_null(), "property names are not fields of the API");
    client.simulator.push_fault(FaultRule::always(InjectedFault::UnknownPhase("HIBERNATING".to_owned())));
    assert_eq!(client.phase("a").await, "HIBERNATING");
    assert_eq!(client.list("").await.text("/data/0/status/phase"), "HIBERNATING");
}

#[tokio::test(start_paused = true)]
async fn statement_overrides_force_outcomes() {
    let scenario = r#"{ "verdicts": [
        { "name": "invalid", "does": { "invalid": "Column 'x' not found." } },
        { "name": "fails-*", "does": { "fails": { "after": 30, "detail": "disk on fire" } } },
        { "name": "never", "does": "never-starts" },
        { "name": "ends", "does": "completes" },
        { "name": "full", "does": "pool-exhausted" },
        { "name": "warned", "does": { "critical-warning": "state grows without bound" } },
        { "name": "limps", "does": { "degraded": { "after": 1 } } },
        { "name": "odd", "does": { "phase": "HIBERNATING" } },
        { "name": "slow", "does": { "slow": 3600 } }
    ] }"#;
    let client =
        TestClient::new(SimulatorOptions { scenario: Scenario::parse(scenario).unwrap(), ..options_without_limits() });
    let names = ["invalid", "fails-late", "never", "ends", "full", "warned", "limps", "odd", "slow", "plain"];
    for name in names {
        client.submit(name, JOB).await;
    }
    wait_seconds(25).await;
    assert_eq!(client.phase("fails-late").await, "RUNNING");
    wait_seconds(100).await;
    let phases = [
        "FAILED",
        "FAILED",
        "PENDING",
        "COMPLETED",
        "PENDING",
        "RUNNING",
        "DEGRADED",
        "HIBERNATING",
        "PENDING",
        "RUNNING",
    ];
    for (name, phase) in names.into_iter().zip(phases) {
        assert_eq!(client.phase(name).await, phase, "{name}");
    }
    let invalid = client.get("invalid").await;
    assert_eq!((invalid.text("/status/detail"), invalid.at("/status/traits")), ("Column 'x' not found.", &Value::Null));
    assert_eq!(client.get("full").await.text("/status/scaling_status/scaling_state"), "POOL_EXHAUSTED");
    assert_eq!(client.get("warned").await.text("/status/warnings/0/severity"), "CRITICAL");
    let failed = client.get("fails-late").await;
    assert_eq!(failed.text("/status/detail"), "disk on fire");
    assert!(failed.at("/status/traits").is_object(), "it must have compiled");
    let exceptions = client.call(Method::GET, &TestClient::statements_url("/fails-late/exceptions"), None).await;
    assert_eq!(exceptions.text("/data/0/message"), "disk on fire");
    assert_eq!(client.call(Method::GET, &TestClient::statements_url("/slow/results"), None).await.status, 409);
}

#[tokio::test(start_paused = true)]
async fn scenario_errors_name_the_line_and_the_mistake() {
    let good = r#"{ "faults": [
        { "method": "POST", "path": "*/statements", "times": 1, "does": { "too-many": { "retry-after": 3 } } },
        { "does": { "status": 503 }, "after": 2, "times": 1 },
        { "name": "x", "does": "lost-after-effect" }
    ] }"#;
    let scenario = Scenario::parse(good).unwrap();
    assert_eq!(scenario.faults[1], FaultRule::once(InjectedFault::Status(503)).after(2));
    let documented = include_str!("../scenario.rs").split("```").nth(1).unwrap().replace("//!", "");
    let documented = Scenario::parse(documented.trim_start_matches("json")).unwrap();
    assert_eq!((documented.faults.len(), documented.overrides.len()), (3, 2));
    assert!(documented.switches.is_some() && documented.principals.is_some());
    for (text, place, message) in [
        ("{\n \"fault\": [] }", "line 2 column 8", "unknown field `fault`"),
        ("{ \"faults\": [\n\n {} ] }", "line 3", "missing field `does`"),
        ("{ \"faults\": [ { \"does\": \"explode\" } ] }", "line 1", "unknown variant `explode`"),
        ("{", "line 1 column 1", "EOF"),
        ("{ \"switches\": { \"delete\": 204 } }", "line 1", "unknown field `delete`"),
        ("{ \"switches\": { \"stop-pending\": \"maybe\" } }", "line 1", "unknown variant `maybe`"),
    ] {
        let error = Scenario::parse(text).unwrap_err();
        assert!(error.contains(place) && error.contains(message), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn out_of_band_changes_apply_and_are_recorded_as_effects() {
    let client = TestClient::new(options_without_limits());
    let apply = |change: OutOfBandChange| client.simulator.apply_out_of_band(change).unwrap();
    for name in ["a", "b", "c"] {
        client.submit(name, JOB).await;
    }
    apply(OutOfBandChange::AdvanceTime(Duration::from_secs(60)));
    assert_eq!(client.phase("a").await, "RUNNING");
    let uid = client.get("a").await.text("/metadata/uid").to_owned();
    apply(OutOfBandChange::Recreate("a".into(), Some(TABLE.into())));
    let again = client.get("a").await;
    assert_ne!(again.text("/metadata/uid"), uid);
    assert_eq!(again.text("/spec/statement"), TABLE);
    apply(OutOfBandChange::Stop("b".into()));
    apply(OutOfBandChange::Fail("c".into(), "gone wrong".into()));
    wait_seconds(60).await;
    assert_eq!((client.phase("b").await, client.phase("c").await), ("STOPPED".into(), "FAILED".into()));
    apply(OutOfBandChange::Resume("b".into()));
    wait_seconds(60).await;
    apply(OutOfBandChange::Warn("b".into(), "CRITICAL".into(), "beware".into()));
    apply(OutOfBandChange::Degrade("b".into()));
    let degraded = client.get("b").await;
    assert_eq!((degraded.phase(), degraded.text("/status/warnings/0/message")), ("DEGRADED", "beware"));
    apply(OutOfBandChange::PurgeEnded);
    assert_eq!((client.get("c").await.status, client.get("b").await.status), (404, 200));
    apply(OutOfBandChange::Delete("b".into()));
    assert_eq!(client.phase("b").await, "DELETING");
    let id = client.create_ready_pool("main", 10).await;
    apply(OutOfBandChange::SetPoolMaxCfu(id.clone(), 5));
    assert_eq!(client.simulator.world_view().pools.iter().find(|pool| pool.id == id).unwrap().max_cfu, 5);
    client.submit("table", "CREATE TABLE other (id INT)").await;
    wait_seconds(60).await;
    for odd in [
        OutOfBandChange::Stop("table".into()),
        OutOfBandChange::Fail("table".into(), "x".into()),
        OutOfBandChange::Resume("table".into()),
    ] {
        apply(odd);
    }
    wait_seconds(60).await;
    assert_eq!(client.phase("table").await, "COMPLETED");
    client
        .simulator
        .push_override(StatementOverride { name: "late*".into(), outcome: ForcedOutcome::Invalid("no".into()) });
    client.submit("latest", JOB).await;
    wait_seconds(60).await;
    assert_eq!(client.phase("latest").await, "FAILED");
    let kinds: Vec<_> = client.simulator.effects().into_iter().filter(|it| it.name == "b").map(|it| it.kind).collect();
    assert_eq!(kinds, [EffectKind::Created, EffectKind::Stopped, EffectKind::Resumed, EffectKind::Deleted]);
    let requests = client.simulator.requests();
    assert_eq!(requests[0], (Method::POST, TestClient::statements_url("").replace(super::client::FLINK_ORIGIN, "")));
}

#[tokio::test(start_paused = true)]
async fn the_audit_counts_concurrent_copies_and_repeated_creations() {
    let client = TestClient::new(options_without_limits());
    client.submit("job", JOB).await;
    wait_seconds(60).await;
    client.submit("job-g2", JOB).await;
    assert_eq!(client.simulator.audit_report().peak_running["job"], 1);
    wait_seconds(60).await;
    assert_eq!(client.simulator.audit_report().peak_running["job"], 2);
    client.delete("job").await;
    wait_seconds(60).await;
    client.submit("job", JOB).await;
    let audit = client.simulator.audit_report();
    assert_eq!((audit.creations["job"], audit.creations["job-g2"]), (2, 1));
    assert!(!audit.peak_running.contains_key("job-g2"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_rule_matches_a_pool_by_display_name() {
    let client = client_with_fault(FaultRule::once(InjectedFault::LostAfterEffect).name("main")).await;
    assert!(client.try_call(Method::POST, &TestClient::pools_url(""), Some(pool_body("main", 5))).await.is_err());
    let list = client.call(Method::GET, &TestClient::pools_url("?environment=env-1"), None).await;
    assert_eq!(list.text("/data/0/spec/display_name"), "main");
}

#[tokio::test(start_paused = true)]
async fn a_scenario_sets_switches_and_existing_principals() {
    let scenario = r#"{
        "switches": { "delete-status": 204, "network-kind-shown": false, "pool-absent-status": 404 },
        "principals": ["sa-known"]
    }"#;
    let client =
        TestClient::new(SimulatorOptions { scenario: Scenario::parse(scenario).unwrap(), ..options_without_limits() });
    let mut body = super::client::statement_body("a", JOB);
    assert_eq!(client.post(body.clone()).await.status, 400, "the key's owner is not an existing principal");
    body["spec"]["principal"] = json!("sa-known");
    let created = client.post(body).await;
    assert_eq!((created.status, created.at("/status/network_kind")), (201, &Value::Null));
    assert_eq!(client.delete("a").await.status, 204);
    let url = TestClient::pools_url("/lfcp-x?environment=env-1");
    assert_eq!(client.call(Method::GET, &url, None).await.status, 404);
}
