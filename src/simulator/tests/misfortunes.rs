//! Misfortunes and verdicts, each as a client meets it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    client::{Client, options, pool, wait},
    statements::{JOB, TABLE},
};
use crate::{
    cloud::{Method, TransportError},
    simulator::{Fate, Fault, Limits, Meddle, Misfortune, Options, Scenario, Verb, Verdict},
};

async fn client(fault: Fault) -> Client {
    let client = Client::new(options());
    client.simulator.push_fault(fault);
    client
}

#[tokio::test(start_paused = true)]
async fn s26_the_limits_are_sliding_windows_per_address_with_relative_headers() {
    let client = Client::new(Options { limits: Limits::default(), ..options() });
    for _ in 0..50 {
        assert_eq!(client.list("").await.status, 200);
    }
    let over = client.list("").await;
    assert_eq!((over.status, over.bytes.len()), (429, 0));
    assert_eq!((over.headers.get("retry-after"), over.headers.get("x-ratelimit-reset")), (Some("1"), Some("1")));
    assert_eq!(
        (over.headers.get("x-ratelimit-limit"), over.headers.get("x-ratelimit-remaining")),
        (Some("50"), Some("0"))
    );
    tokio::time::sleep(Duration::from_millis(999)).await;
    assert_eq!(client.list("").await.status, 429);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut served = 50;
    let over = loop {
        let got = client.list("").await;
        if got.status == 429 && served >= 1000 {
            break got;
        }
        if got.status == 429 {
            wait(1).await;
        } else {
            served += 1;
        }
    };
    assert_eq!(served, 1000);
    assert_eq!(over.headers.get("retry-after"), Some("41"), "19 seconds of the minute are over");
    wait(41).await;
    assert_eq!(client.list("").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s26_no_more_than_a_hundred_requests_at_once() {
    let limits = Limits { per_second: 1000, ..Limits::default() };
    let client = Client::new(Options { limits, ..options() });
    client.simulator.push_fault(Fault::always(Misfortune::SlowAnswer(5.0)).path("*/slow"));
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
    assert_eq!(client.get("slow").await.status, 404, "they have left");
}

#[tokio::test(start_paused = true)]
async fn s27_errors_come_without_effect_and_as_often_as_said() {
    for (does, status) in [
        (Misfortune::Status(500), 500),
        (Misfortune::Status(503), 503),
        (Misfortune::TooMany { retry_after: Some(7) }, 429),
        (Misfortune::Forbidden, 403),
        (Misfortune::Conflict, 409),
    ] {
        let client = client(Fault::always(does).on(Method::Post).name("a").after(1).times(2)).await;
        assert_eq!(client.submit("b", JOB).await.status, 201, "another name");
        assert_eq!(client.submit("a", "").await.status, 400, "the first is let through");
        for _ in 0..2 {
            let got = client.submit("a", JOB).await;
            assert_eq!(got.status, status);
            assert_eq!(got.headers.get("retry-after"), (status == 429).then_some("7"));
        }
        assert_eq!(client.get("a").await.status, 404, "no effect");
        assert_eq!(client.submit("a", JOB).await.status, 201);
    }
}

#[tokio::test(start_paused = true)]
async fn s27_answers_are_lost_before_and_after_the_effect() {
    for (does, done, sent) in [
        (Misfortune::Refused, false, false),
        (Misfortune::LostBeforeEffect, false, true),
        (Misfortune::LostAfterEffect, true, true),
        (Misfortune::CutBody(10), true, true),
    ] {
        let client = client(Fault::once(does.clone()).on(Method::Post)).await;
        let lost =
            client.try_call(Method::Post, &Client::statements(""), Some(super::client::statement("a", JOB))).await;
        assert_eq!(matches!(lost, Err(TransportError::AfterSending(_))), sent, "{does:?}");
        assert_eq!(matches!(lost, Err(TransportError::BeforeSending(_))), !sent, "{does:?}");
        assert_eq!(client.get("a").await.status, if done { 200 } else { 404 }, "{does:?}");
    }
    let client = client(Fault::once(Misfortune::StatusAfterEffect(502))).await;
    assert_eq!(client.submit("a", JOB).await.status, 502);
    assert_eq!(client.get("a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s27_an_effect_can_come_long_after_the_answer_was_lost() {
    let client = client(Fault::once(Misfortune::LostThenDone(10.0)).on(Method::Post)).await;
    let body = || Some(super::client::statement("a", JOB));
    assert!(client.try_call(Method::Post, &Client::statements(""), body()).await.is_err());
    assert_eq!(client.get("a").await.status, 404);
    wait(9).await;
    assert_eq!(client.get("a").await.status, 404);
    wait(1).await;
    let got = client.get("a").await;
    assert_eq!((got.status, got.text("/metadata/created_at")), (200, "2026-01-01T00:00:10Z"));
    assert_eq!(client.call(Method::Post, &Client::statements(""), body()).await.status, 409);
    assert_eq!(client.simulator.audit().creates["a"], 1);
}

#[tokio::test(start_paused = true)]
async fn s27_slow_effects_and_slow_answers_take_their_time() {
    for (does, done_at_once) in [(Misfortune::SlowEffect(5.0), false), (Misfortune::SlowAnswer(5.0), true)] {
        let client = client(Fault::once(does).on(Method::Post)).await;
        let began = Instant::now();
        let submission = tokio::spawn({
            let client = client.clone();
            async move { client.submit("a", JOB).await.status }
        });
        wait(1).await;
        assert_eq!(client.get("a").await.status == 200, done_at_once);
        assert_eq!(submission.await.unwrap(), 201);
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn s27_a_slow_effect_comes_even_if_the_client_gives_up() {
    let client = client(Fault::once(Misfortune::SlowEffect(40.0)).on(Method::Post)).await;
    let given_up = tokio::time::timeout(Duration::from_secs(30), client.submit("a", JOB)).await;
    assert!(given_up.is_err());
    assert_eq!(client.get("a").await.status, 404);
    wait(11).await;
    assert_eq!(client.get("a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s27_a_stale_read_shows_what_was_before_the_last_change() {
    let client = client(Fault::once(Misfortune::StaleRead).on(Method::Get).name("a").after(1)).await;
    client.submit("a", JOB).await;
    wait(60).await;
    client.set_stopped("a", true).await;
    let stale = client.get("a").await;
    assert_eq!((stale.phase(), stale.at("/spec/stopped")), ("RUNNING", &json!(false)));
    assert_eq!(client.phase("a").await, "STOPPING");
}

#[tokio::test(start_paused = true)]
async fn s27_redirects_keep_path_and_query_and_absence_can_look_forbidden() {
    let client = client(Fault::once(Misfortune::Redirect("https://flink-2.example.org".to_owned()))).await;
    let got = client.list("?page_size=7").await;
    let url = Client::statements("?page_size=7").replace(super::client::FLINK, "https://flink-2.example.org");
    assert_eq!((got.status, got.headers.get("location")), (307, Some(url.as_str())));
    client.simulator.push_fault(Fault::always(Misfortune::ForbiddenForAbsent));
    assert_eq!(client.get("nobody").await.status, 403);
    client.submit("a", JOB).await;
    assert_eq!(client.get("a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn s27_web_pages_and_garbage_come_instead_of_answers() {
    let client = client(Fault::once(Misfortune::Html)).await;
    let got = client.list("").await;
    assert_eq!((got.status, got.headers.get("content-type")), (200, Some("text/html")));
    client.simulator.push_fault(Fault::once(Misfortune::Garbage));
    let got = client.list("").await;
    assert_eq!((got.status, got.body), (200, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn s27_lists_lag_shift_and_never_end() {
    let client = Client::new(options());
    for name in ["a", "b", "c", "d"] {
        client.submit(name, TABLE).await;
    }
    wait(60).await;
    client.submit("new", JOB).await;
    client.delete("a").await;
    wait(12).await;
    assert_eq!(client.get("a").await.status, 404);
    let names = |list: &Value| {
        let names = list["data"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    client.simulator.push_fault(Fault::once(Misfortune::ListLag(15.0)));
    let mut lagging = names(&client.list("").await.body);
    lagging.sort();
    assert_eq!(lagging, ["a", "b", "c", "d"]);
    assert_eq!(names(&client.list("").await.body), ["b", "c", "d", "new"]);
    client.simulator.push_fault(Fault::always(Misfortune::ShiftingPages));
    let first = client.list("?page_size=2").await;
    let second = client.call(Method::Get, first.text("/metadata/next"), None).await;
    assert_eq!((names(&first.body), names(&second.body)), (vec!["b".into(), "c".into()], vec!["c".into(), "d".into()]));
    client.simulator.clear_faults();
    client.simulator.push_fault(Fault::always(Misfortune::EndlessPages));
    let mut url = Client::statements("?page_size=100");
    for _ in 0..5 {
        let page = client.call(Method::Get, &url, None).await;
        assert_eq!(names(&page.body), ["b", "c", "d", "new"]);
        url = page.text("/metadata/next").to_owned();
    }
}

#[tokio::test(start_paused = true)]
async fn s29_unknown_fields_and_phases_and_null_maps_are_shown_on_demand() {
    let client = client(Fault::once(Misfortune::UnknownFields).on(Method::Get)).await;
    client.submit("a", JOB).await;
    let got = client.get("a").await;
    assert!(got.at("/status/x_never_heard_of").is_object());
    assert_eq!(*got.at("/metadata/labels"), Value::Null);
    assert_eq!(got.text("/spec/properties/sql.current-catalog"), "dev");
    assert!(got.at("/spec/properties/x_never_heard_of").is_null(), "properties are no fields");
    client.simulator.push_fault(Fault::always(Misfortune::UnknownPhase("HIBERNATING".to_owned())));
    assert_eq!(client.phase("a").await, "HIBERNATING");
    assert_eq!(client.list("").await.text("/data/0/status/phase"), "HIBERNATING");
}

#[tokio::test(start_paused = true)]
async fn verdicts_decide_what_becomes_of_statements() {
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
    let client = Client::new(Options { scenario: Scenario::read(scenario).unwrap(), ..options() });
    let names = ["invalid", "fails-late", "never", "ends", "full", "warned", "limps", "odd", "slow", "plain"];
    for name in names {
        client.submit(name, JOB).await;
    }
    wait(25).await;
    assert_eq!(client.phase("fails-late").await, "RUNNING");
    wait(100).await;
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
    assert!(failed.at("/status/traits").is_object(), "it compiled");
    let exceptions = client.call(Method::Get, &Client::statements("/fails-late/exceptions"), None).await;
    assert_eq!(exceptions.text("/data/0/message"), "disk on fire");
    assert_eq!(client.call(Method::Get, &Client::statements("/slow/results"), None).await.status, 409);
}

#[tokio::test(start_paused = true)]
async fn a_scenario_file_says_where_it_is_wrong() {
    let good = r#"{ "faults": [
        { "method": "POST", "path": "*/statements", "times": 1, "does": { "too-many": { "retry-after": 3 } } },
        { "does": { "status": 503 }, "after": 2, "times": 1 },
        { "name": "x", "does": "lost-after-effect" }
    ] }"#;
    let scenario = Scenario::read(good).unwrap();
    assert_eq!(scenario.faults[1], Fault::once(Misfortune::Status(503)).after(2));
    let documented = include_str!("../scenario.rs").split("```").nth(1).unwrap().replace("//!", "");
    let documented = Scenario::read(documented.trim_start_matches("json")).unwrap();
    assert_eq!((documented.faults.len(), documented.verdicts.len()), (3, 2));
    assert!(documented.switches.is_some() && documented.principals.is_some());
    for (text, place, words) in [
        ("{\n \"fault\": [] }", "line 2 column 8", "unknown field `fault`"),
        ("{ \"faults\": [\n\n {} ] }", "line 3", "missing field `does`"),
        ("{ \"faults\": [ { \"does\": \"explode\" } ] }", "line 1", "unknown variant `explode`"),
        ("{", "line 1 column 1", "EOF"),
        ("{ \"switches\": { \"delete\": 204 } }", "line 1", "unknown field `delete`"),
        ("{ \"switches\": { \"stop-pending\": \"maybe\" } }", "line 1", "unknown variant `maybe`"),
    ] {
        let error = Scenario::read(text).unwrap_err();
        assert!(error.contains(place) && error.contains(words), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn others_meddle_and_it_is_told() {
    let client = Client::new(options());
    let meddle = |meddle: Meddle| client.simulator.meddle(meddle).unwrap();
    for name in ["a", "b", "c"] {
        client.submit(name, JOB).await;
    }
    meddle(Meddle::Advance(Duration::from_secs(60)));
    assert_eq!(client.phase("a").await, "RUNNING");
    let uid = client.get("a").await.text("/metadata/uid").to_owned();
    meddle(Meddle::Recreate("a".into(), Some(TABLE.into())));
    let again = client.get("a").await;
    assert_ne!(again.text("/metadata/uid"), uid);
    assert_eq!(again.text("/spec/statement"), TABLE);
    meddle(Meddle::Stop("b".into()));
    meddle(Meddle::Fail("c".into(), "gone wrong".into()));
    wait(60).await;
    assert_eq!((client.phase("b").await, client.phase("c").await), ("STOPPED".into(), "FAILED".into()));
    meddle(Meddle::Resume("b".into()));
    wait(60).await;
    meddle(Meddle::Warn("b".into(), "CRITICAL".into(), "beware".into()));
    meddle(Meddle::Degrade("b".into()));
    let degraded = client.get("b").await;
    assert_eq!((degraded.phase(), degraded.text("/status/warnings/0/message")), ("DEGRADED", "beware"));
    meddle(Meddle::PurgeEnded);
    assert_eq!((client.get("c").await.status, client.get("b").await.status), (404, 200));
    meddle(Meddle::Delete("b".into()));
    assert_eq!(client.phase("b").await, "DELETING");
    let id = client.pool("main", 10).await;
    meddle(Meddle::PoolLimit(id.clone(), 5));
    assert_eq!(client.simulator.world().pools.iter().find(|pool| pool.id == id).unwrap().max_cfu, 5);
    client.submit("table", "CREATE TABLE other (id INT)").await;
    wait(60).await;
    for odd in [Meddle::Stop("table".into()), Meddle::Fail("table".into(), "x".into()), Meddle::Resume("table".into())]
    {
        meddle(odd);
    }
    wait(60).await;
    assert_eq!(client.phase("table").await, "COMPLETED");
    client.simulator.push_verdict(Verdict { name: "late*".into(), does: Fate::Invalid("no".into()) });
    client.submit("latest", JOB).await;
    wait(60).await;
    assert_eq!(client.phase("latest").await, "FAILED");
    let verbs: Vec<_> = client.simulator.effects().into_iter().filter(|it| it.name == "b").map(|it| it.verb).collect();
    assert_eq!(verbs, [Verb::Created, Verb::Stopped, Verb::Resumed, Verb::Deleted]);
    let requests = client.simulator.requests();
    assert_eq!(requests[0], (Method::Post, Client::statements("").replace(super::client::FLINK, "")));
}

#[tokio::test(start_paused = true)]
async fn the_audit_sees_two_running_copies_and_two_creates() {
    let client = Client::new(options());
    client.submit("job", JOB).await;
    wait(60).await;
    client.submit("job-g2", JOB).await;
    assert_eq!(client.simulator.audit().most_running["job"], 1);
    wait(60).await;
    assert_eq!(client.simulator.audit().most_running["job"], 2);
    client.delete("job").await;
    wait(60).await;
    client.submit("job", JOB).await;
    let audit = client.simulator.audit();
    assert_eq!((audit.creates["job"], audit.creates["job-g2"]), (2, 1));
    assert!(!audit.most_running.contains_key("job-g2"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_on_a_pool_is_met_by_its_display_name() {
    let client = client(Fault::once(Misfortune::LostAfterEffect).name("main")).await;
    assert!(client.try_call(Method::Post, &Client::pools(""), Some(pool("main", 5))).await.is_err());
    let list = client.call(Method::Get, &Client::pools("?environment=env-1"), None).await;
    assert_eq!(list.text("/data/0/spec/display_name"), "main");
}

#[tokio::test(start_paused = true)]
async fn a_scenario_answers_open_questions_and_says_who_exists() {
    let scenario = r#"{
        "switches": { "delete-status": 204, "network-kind-shown": false, "pool-absent-status": 404 },
        "principals": ["sa-known"]
    }"#;
    let client = Client::new(Options { scenario: Scenario::read(scenario).unwrap(), ..options() });
    let mut body = super::client::statement("a", JOB);
    assert_eq!(client.post(body.clone()).await.status, 400, "the key's owner is not known");
    body["spec"]["principal"] = json!("sa-known");
    let made = client.post(body).await;
    assert_eq!((made.status, made.at("/status/network_kind")), (201, &Value::Null));
    assert_eq!(client.delete("a").await.status, 204);
    let url = Client::pools("/lfcp-x?environment=env-1");
    assert_eq!(client.call(Method::Get, &url, None).await.status, 404);
}
