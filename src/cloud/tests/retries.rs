//! Tests of which calls are retried, case by case.

use std::{sync::Arc, time::Duration};

use crate::resource::{PoolUpdate, StatementUpdate, tests::pool as declared_pool};

use super::*;
use crate::cloud::retry::{self, RequestedWait};

/// Returns a 429 with the given header fields.
fn too_many_requests(headers: &[(&str, &str)]) -> TransportResult {
    answer_with_headers(429, headers, "")
}

/// Makes one call with `method` and returns how it ended.
async fn call(cloud: &CloudClient, method: &Method) -> Result<()> {
    match *method {
        Method::GET => cloud.fetch_statement("a").await.map(drop),
        Method::POST => cloud.submit_statement(&new_statement()).await.map(drop),
        Method::PUT => {
            let wire = ScriptedTransport::script([answer(200, statement("a").to_string())]);
            let fetched = super::client(&wire).fetch_statement("a").await.unwrap().unwrap();
            cloud.update_statement(fetched, &StatementUpdate::default()).await
        }
        Method::PATCH => cloud.update_pool("lfcp-1", &PoolUpdate::default()).await.map(drop),
        Method::DELETE => cloud.delete_statement("a").await,
        _ => panic!("floe sends no {method}"),
    }
}

/// All methods that floe uses.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Returns a response that every call with `method` accepts as a success.
fn success(method: &Method) -> TransportResult {
    if *method == Method::PATCH {
        answer(200, pool("lfcp-1").to_string())
    } else {
        answer(201, statement("a").to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn changes_are_retried_only_if_they_cannot_have_taken_effect() {
    /// A function that returns the failure of an attempt.
    type FailureFunction = fn() -> TransportResult;
    let rows: [(&str, FailureFunction, bool); 8] = [
        ("nothing was sent", lost_before_sending, true),
        ("429", || too_many_requests(&[]), true),
        ("408", || answer(408, ""), false),
        ("500", || answer(500, ""), false),
        ("502", || answer(502, "<html>"), false),
        ("503", || answer_with_headers(503, &[("retry-after", "3")], ""), false),
        ("504", || answer(504, ""), false),
        ("lost after sending", lost_after_sending, false),
    ];
    for (row, failure, is_harmless) in rows {
        for method in METHODS {
            let wire = ScriptedTransport::script([failure(), failure(), success(&method)]);
            let outcome = call(&client(&wire), &method).await;
            if is_harmless || method == Method::GET {
                assert!(outcome.is_ok(), "{row} {method}: {outcome:?}");
                assert_eq!(wire.requests().len(), 3, "{row} {method}");
                let requests = wire.requests();
                assert!(requests.iter().all(|request| *request == requests[0]), "{row} {method}");
            } else {
                assert_eq!(outcome.unwrap_err().kind, ErrorKind::Uncertain, "{row} {method}");
                assert_eq!(wire.requests().len(), 1, "{row} {method}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn definite_responses_are_not_retried() {
    let rows = [
        (400, ErrorKind::Rejected),
        (401, ErrorKind::Unauthorized),
        (402, ErrorKind::Rejected),
        (403, ErrorKind::Forbidden),
        (409, ErrorKind::Conflict),
        (422, ErrorKind::Rejected),
    ];
    for (status, kind) in rows {
        for method in METHODS {
            let wire = ScriptedTransport::script([error_answer(status, "no")]);
            assert_eq!(call(&client(&wire), &method).await.unwrap_err().kind, kind, "{status} {method}");
            assert_eq!(wire.requests().len(), 1, "{status} {method}");
        }
    }
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let wire = ScriptedTransport::script([error_answer(404, "no")]);
        assert_eq!(call(&client(&wire), &method).await.unwrap_err().kind, ErrorKind::Rejected, "{method}");
    }
    for method in METHODS {
        let wire = ScriptedTransport::script([answer(501, "")]);
        assert_eq!(call(&client(&wire), &method).await.unwrap_err().kind, ErrorKind::Rejected, "{method}");
        assert_eq!(wire.requests().len(), 1, "{method}");
    }
    for method in METHODS {
        let wire = ScriptedTransport::script([Err(TransportError::TooLarge(
            "the response is larger than 9 bytes".to_owned(),
        ))]);
        let kind = if method.is_safe() { ErrorKind::TooLarge } else { ErrorKind::Uncertain };
        assert_eq!(call(&client(&wire), &method).await.unwrap_err().kind, kind, "{method}");
        assert_eq!(wire.requests().len(), 1, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_the_last_failure_is_reported() {
    /// A function that returns the outcome of an attempt.
    type OutcomeFunction = fn() -> TransportResult;
    let rows: [(OutcomeFunction, Method, Option<u16>, &str); 5] = [
        (lost_before_sending, Method::POST, None, "connection refused (gave up after 8 attempts)"),
        (lost_after_sending, Method::GET, None, "connection reset (gave up after 8 attempts)"),
        (|| error_answer(503, "brown-out"), Method::GET, Some(503), "brown-out (gave up after 8 attempts)"),
        (|| too_many_requests(&[]), Method::PUT, Some(429), "too many requests (gave up after 8 attempts)"),
        (
            || too_many_requests(&[("retry-after", "100")]),
            Method::POST,
            Some(429),
            "too many requests (gave up after 3 attempts)",
        ),
    ];
    for (failure, method, status, detail) in rows {
        let wire = ScriptedTransport::new(move |_| failure());
        let began = Instant::now();
        let error = call(&client(&wire), &method).await.unwrap_err();
        assert_eq!((error.kind, error.status, error.detail.as_str()), (ErrorKind::Unreachable, status, detail));
        assert!(error.help.is_some());
        assert!(wire.requests().len() <= 8);
        let took = began.elapsed();
        assert!(took > Duration::from_secs(15) && took < Duration::from_secs(310), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn backoff_grows_stays_bounded_and_differs_by_seed() {
    let waits = async |seed: u64| {
        let wire = ScriptedTransport::new(|_| answer(500, ""));
        let endpoints = Endpoints::public(&identity()).unwrap();
        let cloud = CloudClient::new(wire.clone(), endpoints, credentials(), RateLimits::default(), seed);
        let _ = cloud.fetch_statement("a").await;
        let times = wire.send_times();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    let (one, again, other) = (waits(1).await, waits(1).await, waits(2).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    for (number, wait) in one.iter().enumerate() {
        let most = Duration::from_millis(500 << number).min(Duration::from_secs(30));
        assert!(*wait >= most / 2 && *wait <= most + Duration::from_millis(1), "{number}: {wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honored_up_to_a_limit() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:00 GMT");
    /// A status, its header fields, and the expected wait in seconds.
    type RetryAfterCase<'a> = (u16, &'a [(&'a str, &'a str)], u64);
    let rows: [RetryAfterCase<'_>; 12] = [
        (429, &[("Retry-After", "7")], 7),
        (429, &[("X-RateLimit-Reset", "9")], 9),
        (429, &[("retry-after", "3"), ("x-ratelimit-reset", "9")], 3),
        (429, &[("retry-after", "1.5")], 1),
        (429, &[("retry-after", "999999")], 120),
        (429, &[("retry-after", "soon"), ("x-ratelimit-reset", "4")], 4),
        (429, &[("retry-after", "-5")], 2),
        (429, &[("retry-after", "NaN")], 2),
        (429, &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), date], 37),
        (429, &[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), date], 0),
        (503, &[("retry-after", "11")], 11),
        // Without a 429, the rate-limit headers do not describe the failure.
        (503, &[("x-ratelimit-reset", "50")], 0),
    ];
    for (status, headers, seconds) in rows {
        let wire = ScriptedTransport::script([answer_with_headers(status, headers, ""), absent_answer("a")]);
        client(&wire).fetch_statement("a").await.unwrap();
        let waited = wire.send_times()[1] - wire.send_times()[0];
        let least = Duration::from_secs(seconds);
        assert!(waited >= least && waited <= least + Duration::from_millis(1_510), "{status} {headers:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_with_an_unreadable_success_response_is_uncertain() {
    for body in ["", "<html>Log in</html>", "{\"name\":\"a", "{}"] {
        let wire = ScriptedTransport::new(move |_| answer(201, body));
        let cloud = client(&wire);
        let pool = declared_pool("main");
        assert_eq!(cloud.submit_statement(&new_statement()).await.unwrap_err().kind, ErrorKind::Uncertain, "{body}");
        assert_eq!(cloud.create_pool(&pool).await.unwrap_err().kind, ErrorKind::Uncertain, "{body}");
        assert_eq!(cloud.update_pool("p", &PoolUpdate::default()).await.unwrap_err().kind, ErrorKind::Uncertain);
        assert_eq!(wire.requests().len(), 3);
    }
    // A call that needs no content in its response still does not accept a login page.
    let wire = ScriptedTransport::new(|_| answer(200, "\n<!DOCTYPE html><title>Log in</title>"));
    for method in [Method::PUT, Method::DELETE] {
        let error = call(&client(&wire), &method).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Uncertain, "{method}");
        assert!(error.detail.contains("an HTML page"), "{error}");
    }
}

#[test]
fn backoff_is_bounded_for_any_input() {
    for attempt in [0, 1, 7, 31, 32, 33, u32::MAX] {
        for jitter in [0.0, 0.999] {
            assert!(
                retry::backoff(attempt, RequestedWait::NotRequested, jitter) <= Duration::from_secs(30),
                "{attempt}"
            );
            let asked = RequestedWait::AllCalls(Duration::from_secs(120));
            assert!(retry::backoff(attempt, asked, jitter) <= Duration::from_secs(121), "{attempt}");
        }
    }
    assert_eq!(retry::backoff(1, RequestedWait::NotRequested, 0.0), Duration::from_millis(250));
    assert_eq!(retry::backoff(7, RequestedWait::NotRequested, 0.0), Duration::from_secs(15));
    // A short requested wait does not shorten the growing backoff.
    assert_eq!(retry::backoff(7, RequestedWait::ThisCall(Duration::from_secs(1)), 0.0), Duration::from_secs(15));
}

/// No sequence of failures sends a change again once it may have taken effect, and every call ends.
#[tokio::test(start_paused = true)]
async fn no_sequence_of_failures_applies_a_change_twice() {
    let mut rng = fastrand::Rng::with_seed(20_260_402);
    let mut endings = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let method = METHODS[rng.usize(..METHODS.len())].clone();
        let effects = Arc::new(Mutex::new(0));
        let (counted, mut case_rng, sent) = (effects.clone(), rng.fork(), method.clone());
        let wire = ScriptedTransport::new(move |_| {
            let failure = case_rng.u8(..8);
            // These requests may have taken effect, including those with a lost response.
            if failure >= 4 {
                *counted.lock().unwrap() += 1;
            }
            match failure {
                0 | 1 => lost_before_sending(),
                2 => too_many_requests(&[("retry-after", "1")]),
                3 => answer_with_headers(307, &[("location", "/elsewhere")], ""),
                4 => lost_after_sending(),
                5 => answer([408, 500, 502, 503, 504][case_rng.usize(..5)], ""),
                6 => answer(200, "<html>"),
                _ => success(&sent),
            }
        });
        let outcome = call(&client(&wire), &method).await;
        let ending = outcome.map_err(|error| error.kind);
        let effects = *effects.lock().unwrap();
        assert!(method.is_safe() || effects <= 1, "{method}: {effects} effects, {ending:?}");
        if effects == 1 && !method.is_safe() {
            assert!(matches!(ending, Ok(()) | Err(ErrorKind::Uncertain)), "{method}: {ending:?}");
        }
        if effects == 0 {
            assert!(matches!(ending, Err(ErrorKind::Unreachable | ErrorKind::Rejected)), "{method}: {ending:?}");
        }
        assert!(wire.requests().len() <= 48);
        endings.insert(format!("{} {ending:?}", !method.is_safe()));
    }
    // The random cases reached every outcome.
    assert!(endings.len() >= 6, "{endings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failing_call_is_reported_once_until_it_is_answered() {
    let notices = Arc::new(std::sync::Mutex::new(Vec::new()));
    let listening = |wire: &Arc<ScriptedTransport>| {
        let (cloud, notices) = (client(wire), Arc::clone(&notices));
        cloud.on_retry(move |retrying| notices.lock().unwrap().push(retrying.clone()));
        cloud
    };
    let failures = |times: usize| (0..times).map(|_| lost_before_sending());
    let well = || answer(200, statement("a").to_string());

    // A failure that passes at once is not reported.
    listening(&ScriptedTransport::script(failures(1).chain([well()]))).fetch_statement("a").await.unwrap();
    assert_eq!(notices.lock().unwrap().len(), 0);

    // A failure that lasts is reported once after about two seconds, with the call and its longest duration.
    let dead = listening(&ScriptedTransport::script(failures(8)));
    let began = tokio::time::Instant::now();
    let error = dead.fetch_statement("a").await.unwrap_err();
    let reported = std::mem::take(&mut *notices.lock().unwrap());
    let [retrying] = reported.as_slice() else { panic!("{reported:#?}") };
    assert_eq!((retrying.error.url.as_str(), error.kind), (error.url.as_str(), ErrorKind::Unreachable));
    assert!(error.detail.starts_with(retrying.error.detail.as_str()), "{retrying:?}");
    assert!(
        retrying.max_duration <= Duration::from_secs(62) && retrying.max_duration > began.elapsed() / 2,
        "{retrying:?}"
    );

    // After a response, a new outage is reported again.
    let twice = listening(&ScriptedTransport::script(failures(5).chain([well()]).chain(failures(5)).chain([well()])));
    twice.fetch_statement("a").await.unwrap();
    twice.fetch_statement("a").await.unwrap();
    assert_eq!(notices.lock().unwrap().len(), 2);

    // A short wait that the service requests is not reported.
    notices.lock().unwrap().clear();
    listening(&ScriptedTransport::script([too_many_requests(&[("retry-after", "3")]), well()]))
        .fetch_statement("a")
        .await
        .unwrap();
    assert_eq!(notices.lock().unwrap().len(), 0);
    listening(&ScriptedTransport::script([too_many_requests(&[("retry-after", "60")]), well()]))
        .fetch_statement("a")
        .await
        .unwrap();
    assert_eq!(notices.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_reported_early_and_given_up_within_minutes() {
    for method in [Method::GET, Method::POST] {
        let wire = ScriptedTransport::with_delay(Duration::from_secs(60), |_| lost_after_sending());
        let (cloud, notices) = (client(&wire), Arc::new(Mutex::new(Vec::new())));
        let (began, kept) = (Instant::now(), Arc::clone(&notices));
        cloud.on_retry(move |retrying| kept.lock().unwrap().push((began.elapsed(), retrying.clone())));
        let kind = call(&cloud, &method).await.unwrap_err().kind;
        let (took, notices) = (began.elapsed(), notices.lock().unwrap().clone());
        let [(when, retrying)] = notices.as_slice() else { panic!("{notices:?}") };
        assert_eq!((when.as_secs(), retrying.is_waiting, retrying.error.detail.as_str()), (2, true, "no response yet"));
        let (expected, most) =
            if method.is_safe() { (ErrorKind::Unreachable, 360) } else { (ErrorKind::Uncertain, 60) };
        assert_eq!(kind, expected);
        assert!(
            took <= Duration::from_secs(most) && took <= retrying.max_duration + Duration::from_secs(60),
            "{took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_is_reported_once() {
    let wire = ScriptedTransport::with_delay(Duration::from_secs(3), |_| answer(200, statement("a").to_string()));
    let (cloud, notice_count) = (client(&wire), Arc::new(Mutex::new(0)));
    let kept = Arc::clone(&notice_count);
    cloud.on_retry(move |_| *kept.lock().unwrap() += 1);
    for _ in 0..5 {
        cloud.fetch_statement("a").await.unwrap();
    }
    assert_eq!(*notice_count.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_pass_is_not_retried() {
    let wire =
        ScriptedTransport::new(|_| Err(TransportError::Permanent("dns error: Name or service not known".to_owned())));
    for error in [
        client(&wire).fetch_statement("a").await.unwrap_err(),
        client(&wire).submit_statement(&new_statement()).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind, error.detail.as_str()),
            (ErrorKind::Unreachable, "dns error: Name or service not known")
        );
        assert!(error.help.unwrap().contains("name resolution"));
    }
    assert_eq!(wire.requests().len(), 2);
}
