//! Who retries what, row by row.

use std::{sync::Arc, time::Duration};

use crate::resource::{PoolUpdate, StatementUpdate};

use super::*;
use crate::cloud::retry::{self, Wait};

fn limited(headers: &[(&str, &str)]) -> Outcome {
    with_headers(429, headers, "")
}

/// Makes a call of each kind and says how it ended.
async fn call(cloud: &Cloud, method: Method) -> Result<()> {
    match method {
        Method::Get => cloud.statement("a").await.map(drop),
        Method::Post => cloud.submit(&new_statement()).await.map(drop),
        Method::Put => {
            let wire = Wire::script([answer(200, statement("a").to_string())]);
            let fetched = super::cloud(&wire).statement("a").await.unwrap().unwrap();
            cloud.amend(fetched, &StatementUpdate::default()).await
        }
        Method::Patch => cloud.amend_pool("lfcp-1", &PoolUpdate::default()).await.map(drop),
        Method::Delete => cloud.remove("a").await,
    }
}

const ALL: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

/// An answer that any call takes for a success.
fn success(method: Method) -> Outcome {
    if method == Method::Patch {
        answer(200, pool("lfcp-1").to_string())
    } else {
        answer(201, statement("a").to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn the_table() {
    type Make = fn() -> Outcome;
    let rows: [(&str, Make, bool); 8] = [
        ("nothing left", before, true),
        ("429", || limited(&[]), true),
        ("408", || answer(408, ""), false),
        ("500", || answer(500, ""), false),
        ("502", || answer(502, "<html>"), false),
        ("503", || with_headers(503, &[("retry-after", "3")], ""), false),
        ("504", || answer(504, ""), false),
        ("lost after sending", after, false),
    ];
    for (row, trouble, harmless) in rows {
        for method in ALL {
            let wire = Wire::script([trouble(), trouble(), success(method)]);
            let outcome = call(&cloud(&wire), method).await;
            if harmless || method == Method::Get {
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
async fn refusals_are_answers() {
    let rows = [
        (400, ErrorKind::Rejected),
        (401, ErrorKind::Unauthorized),
        (402, ErrorKind::Rejected),
        (403, ErrorKind::Forbidden),
        (409, ErrorKind::Conflict),
        (422, ErrorKind::Rejected),
    ];
    for (status, kind) in rows {
        for method in ALL {
            let wire = Wire::script([errors(status, "no")]);
            assert_eq!(call(&cloud(&wire), method).await.unwrap_err().kind, kind, "{status} {method}");
            assert_eq!(wire.requests().len(), 1, "{status} {method}");
        }
    }
    for method in [Method::Post, Method::Put, Method::Patch] {
        let wire = Wire::script([errors(404, "no")]);
        assert_eq!(call(&cloud(&wire), method).await.unwrap_err().kind, ErrorKind::Rejected, "{method}");
    }
    for method in ALL {
        let wire = Wire::script([answer(501, "")]);
        assert_eq!(call(&cloud(&wire), method).await.unwrap_err().kind, ErrorKind::Rejected, "{method}");
        assert_eq!(wire.requests().len(), 1, "{method}");
    }
    for method in ALL {
        let wire = Wire::script([Err(Lost::TooLarge("the answer is longer than 9 bytes".to_owned()))]);
        let kind = if method.changes() { ErrorKind::Uncertain } else { ErrorKind::TooLarge };
        assert_eq!(call(&cloud(&wire), method).await.unwrap_err().kind, kind, "{method}");
        assert_eq!(wire.requests().len(), 1, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_the_last_trouble_is_told() {
    type Make = fn() -> Outcome;
    let rows: [(Make, Method, Option<u16>, &str); 5] = [
        (before, Method::Post, None, "connection refused (given up after 8 attempts)"),
        (after, Method::Get, None, "connection reset (given up after 8 attempts)"),
        (|| errors(503, "brown-out"), Method::Get, Some(503), "brown-out (given up after 8 attempts)"),
        (|| limited(&[]), Method::Put, Some(429), "too many requests (given up after 8 attempts)"),
        (
            || limited(&[("retry-after", "100")]),
            Method::Post,
            Some(429),
            "too many requests (given up after 3 attempts)",
        ),
    ];
    for (trouble, method, status, detail) in rows {
        let wire = Wire::new(move |_| trouble());
        let began = Instant::now();
        let error = call(&cloud(&wire), method).await.unwrap_err();
        assert_eq!((error.kind, error.status, error.detail.as_str()), (ErrorKind::Unreachable, status, detail));
        assert!(error.help.is_some());
        assert!(wire.requests().len() <= 8);
        let took = began.elapsed();
        assert!(took > Duration::from_secs(15) && took < Duration::from_secs(310), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_grow_stay_bounded_and_differ_by_seed() {
    let waits = async |seed: u64| {
        let wire = Wire::new(|_| answer(500, ""));
        let site = Site::public(&identity()).unwrap();
        let cloud = Cloud::new(wire.clone(), site, keys(), Limits::default(), seed);
        let _ = cloud.statement("a").await;
        let times = wire.times();
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
async fn the_services_wish_is_honoured_within_reason() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:00 GMT");
    type Row<'a> = (u16, &'a [(&'a str, &'a str)], u64);
    let rows: [Row<'_>; 12] = [
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
        // Without a 429 the rate-limit headers speak of nothing that happened.
        (503, &[("x-ratelimit-reset", "50")], 0),
    ];
    for (status, headers, seconds) in rows {
        let wire = Wire::script([with_headers(status, headers, ""), absent("a")]);
        cloud(&wire).statement("a").await.unwrap();
        let waited = wire.times()[1] - wire.times()[0];
        let least = Duration::from_secs(seconds);
        assert!(waited >= least && waited <= least + Duration::from_millis(1_510), "{status} {headers:?}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_accepted_with_words_that_do_not_read_is_uncertain() {
    for body in ["", "<html>Log in</html>", "{\"name\":\"a", "{}"] {
        let wire = Wire::new(move |_| answer(201, body));
        let cloud = cloud(&wire);
        let pool = new_pool();
        assert_eq!(cloud.submit(&new_statement()).await.unwrap_err().kind, ErrorKind::Uncertain, "{body}");
        assert_eq!(cloud.create_pool(&pool).await.unwrap_err().kind, ErrorKind::Uncertain, "{body}");
        assert_eq!(cloud.amend_pool("p", &PoolUpdate::default()).await.unwrap_err().kind, ErrorKind::Uncertain);
        assert_eq!(wire.requests().len(), 3);
    }
    // What needs no words in answer still does not take a log-in page for one.
    let wire = Wire::new(|_| answer(200, "\n<!DOCTYPE html><title>Log in</title>"));
    for method in [Method::Put, Method::Delete] {
        let error = call(&cloud(&wire), method).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Uncertain, "{method}");
        assert!(error.detail.contains("a page for a browser"), "{error}");
    }
}

#[test]
fn waits_are_bounded_whatever_is_asked() {
    for attempt in [0, 1, 7, 31, 32, 33, u32::MAX] {
        for jitter in [0.0, 0.999] {
            assert!(retry::wait(attempt, Wait::Unasked, jitter) <= Duration::from_secs(30), "{attempt}");
            let asked = Wait::All(Duration::from_secs(120));
            assert!(retry::wait(attempt, asked, jitter) <= Duration::from_secs(121), "{attempt}");
        }
    }
    assert_eq!(retry::wait(1, Wait::Unasked, 0.0), Duration::from_millis(250));
    assert_eq!(retry::wait(7, Wait::Unasked, 0.0), Duration::from_secs(15));
    // A short wish does not shorten our own growing wait.
    assert_eq!(retry::wait(7, Wait::This(Duration::from_secs(1)), 0.0), Duration::from_secs(15));
}

/// Whatever happens on the way: nothing is sent again once it may have taken effect, and a call ends.
#[tokio::test(start_paused = true)]
async fn no_script_of_misfortunes_makes_a_change_take_effect_twice() {
    let mut chance = fastrand::Rng::with_seed(20_260_402);
    let mut endings = std::collections::BTreeSet::new();
    for _ in 0..2_000 {
        let method = ALL[chance.usize(..ALL.len())];
        let effects = Arc::new(Mutex::new(0));
        let (counted, mut dice) = (effects.clone(), chance.fork());
        let wire = Wire::new(move |_| {
            let misfortune = dice.u8(..8);
            // The service may have acted on these, lost answers among them.
            if misfortune >= 4 {
                *counted.lock().unwrap() += 1;
            }
            match misfortune {
                0 | 1 => before(),
                2 => limited(&[("retry-after", "1")]),
                3 => with_headers(307, &[("location", "/elsewhere")], ""),
                4 => after(),
                5 => answer([408, 500, 502, 503, 504][dice.usize(..5)], ""),
                6 => answer(200, "<html>"),
                _ => success(method),
            }
        });
        let outcome = call(&cloud(&wire), method).await;
        let ending = outcome.map_err(|error| error.kind);
        let effects = *effects.lock().unwrap();
        assert!(!method.changes() || effects <= 1, "{method}: {effects} effects, {ending:?}");
        if effects == 1 && method.changes() {
            assert!(matches!(ending, Ok(()) | Err(ErrorKind::Uncertain)), "{method}: {ending:?}");
        }
        if effects == 0 {
            assert!(matches!(ending, Err(ErrorKind::Unreachable | ErrorKind::Rejected)), "{method}: {ending:?}");
        }
        assert!(wire.requests().len() <= 48);
        endings.insert(format!("{} {ending:?}", method.changes()));
    }
    // The dice met every ending.
    assert!(endings.len() >= 6, "{endings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_keeps_failing_is_told_of_once_until_an_answer_comes() {
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let listening = |wire: &Arc<Wire>| {
        let (cloud, told) = (cloud(wire), Arc::clone(&told));
        cloud.on_retry(move |retrying| told.lock().unwrap().push(retrying.clone()));
        cloud
    };
    let trouble = |times: usize| (0..times).map(|_| before());
    let well = || answer(200, statement("a").to_string());

    // One that passes at once is nobody's business.
    listening(&Wire::script(trouble(1).chain([well()]))).statement("a").await.unwrap();
    assert_eq!(told.lock().unwrap().len(), 0);

    // One that lasts is told once, after about two seconds, with what is tried and for how long.
    let dead = listening(&Wire::script(trouble(8)));
    let began = tokio::time::Instant::now();
    let error = dead.statement("a").await.unwrap_err();
    let said = std::mem::take(&mut *told.lock().unwrap());
    let [retrying] = said.as_slice() else { panic!("{said:#?}") };
    assert_eq!((retrying.trouble.url.as_str(), error.kind), (error.url.as_str(), ErrorKind::Unreachable));
    assert!(error.detail.starts_with(&retrying.trouble.detail), "{retrying:?}");
    assert!(retrying.at_most <= Duration::from_secs(62) && retrying.at_most > began.elapsed() / 2, "{retrying:?}");

    // After an answer a new outage is told again.
    let twice = listening(&Wire::script(trouble(5).chain([well()]).chain(trouble(5)).chain([well()])));
    twice.statement("a").await.unwrap();
    twice.statement("a").await.unwrap();
    assert_eq!(told.lock().unwrap().len(), 2);

    // That the service asks for a moment's patience is not told.
    told.lock().unwrap().clear();
    listening(&Wire::script([limited(&[("retry-after", "3")]), well()])).statement("a").await.unwrap();
    assert_eq!(told.lock().unwrap().len(), 0);
    listening(&Wire::script([limited(&[("retry-after", "60")]), well()])).statement("a").await.unwrap();
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_told_of_at_once_and_given_up_within_minutes() {
    for method in [Method::Get, Method::Post] {
        let wire = Wire::slow(Duration::from_secs(60), |_| after());
        let (cloud, told) = (cloud(&wire), Arc::new(Mutex::new(Vec::new())));
        let (began, kept) = (Instant::now(), Arc::clone(&told));
        cloud.on_retry(move |retrying| kept.lock().unwrap().push((began.elapsed(), retrying.clone())));
        let kind = call(&cloud, method).await.unwrap_err().kind;
        let (took, told) = (began.elapsed(), told.lock().unwrap().clone());
        let [(when, retrying)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((when.as_secs(), retrying.waits, retrying.trouble.detail.as_str()), (2, true, "no answer yet"));
        let (expected, most) =
            if method.changes() { (ErrorKind::Uncertain, 60) } else { (ErrorKind::Unreachable, 360) };
        assert_eq!(kind, expected);
        assert!(took <= Duration::from_secs(most) && took <= retrying.at_most + Duration::from_secs(60), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_always_slow_is_told_of_once() {
    let wire = Wire::slow(Duration::from_secs(3), |_| answer(200, statement("a").to_string()));
    let (cloud, told) = (cloud(&wire), Arc::new(Mutex::new(0)));
    let kept = Arc::clone(&told);
    cloud.on_retry(move |_| *kept.lock().unwrap() += 1);
    for _ in 0..5 {
        cloud.statement("a").await.unwrap();
    }
    assert_eq!(*told.lock().unwrap(), 1);
}
