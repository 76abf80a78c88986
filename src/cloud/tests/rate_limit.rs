//! Tests of the rate limiter over simulated minutes.

use std::time::Duration;

use super::*;

/// The duration of one millisecond.
const MS: Duration = Duration::from_millis(1);

/// Returns the most times that lie in any window of length `window`.
fn max_in_any_window(times: &[Instant], window: Duration) -> usize {
    (0..times.len())
        .map(|from| times[from..].iter().take_while(|time| **time - times[from] < window).count())
        .max()
        .unwrap()
}

/// Sends `calls` reads at once and waits for all of them.
async fn send_concurrently(cloud: &CloudClient, calls: usize) {
    let all: Vec<_> = (0..calls)
        .map(|number| {
            let cloud = cloud.clone();
            tokio::spawn(async move { cloud.fetch_statement(&format!("s{number}")).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
}

/// Returns a client that uses `wire` within `limits`.
fn client_with_limits(wire: &Arc<ScriptedTransport>, limits: RateLimits) -> CloudClient {
    CloudClient::new(wire.clone(), Endpoints::public(&identity()).unwrap(), credentials(), limits, 7)
}

#[tokio::test(start_paused = true)]
async fn no_sliding_window_exceeds_its_limit() {
    let wire = ScriptedTransport::new(always_absent);
    let began = Instant::now();
    send_concurrently(&client(&wire), 2_000).await;
    let times = wire.send_times();
    assert_eq!(max_in_any_window(&times, Duration::from_secs(1)), 40);
    assert_eq!(max_in_any_window(&times, Duration::from_secs(60)), 800);
    // The limiter is no slower than that: 800 in the first 20 seconds, 800 a minute later, 400 a minute after that.
    let took = *times.last().unwrap() - began;
    assert!(took >= Duration::from_secs(129) && took <= Duration::from_secs(129) + 60 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn permits_are_given_in_order() {
    let wire = ScriptedTransport::new(always_absent);
    send_concurrently(&client(&wire), 100).await;
    let expected: Vec<_> = (0..100).map(|number| format!("GET {STATEMENTS}/s{number}")).collect();
    assert_eq!(wire.request_lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_limited_without_bursts() {
    let wire = ScriptedTransport::with_delay(Duration::from_secs(3), always_absent);
    send_concurrently(&client_with_limits(&wire, RateLimits { connections: 5, ..RateLimits::default() }), 20).await;
    assert_eq!(max_in_any_window(&wire.send_times(), Duration::from_secs(3)), 5);
    let wire = ScriptedTransport::with_delay(Duration::from_millis(1500), always_absent);
    send_concurrently(&client(&wire), 300).await;
    assert_eq!(max_in_any_window(&wire.send_times(), Duration::from_secs(1)), 40);
}

#[tokio::test(start_paused = true)]
async fn limits_can_only_be_lowered() {
    let high = RateLimits { per_second: 1_000, per_minute: u32::MAX, connections: 500 };
    assert_eq!(high.effective(), RateLimits::default());
    assert_eq!(RateLimits::default().effective(), RateLimits { per_second: 40, per_minute: 800, connections: 80 });
    let none = RateLimits { per_second: 0, per_minute: 0, connections: 0 };
    assert_eq!(none.effective(), RateLimits { per_second: 1, per_minute: 1, connections: 1 });
    let wire = ScriptedTransport::new(always_absent);
    send_concurrently(&client_with_limits(&wire, RateLimits { per_second: 3, per_minute: 10, connections: 80 }), 25)
        .await;
    assert_eq!(max_in_any_window(&wire.send_times(), Duration::from_secs(1)), 3);
    assert_eq!(max_in_any_window(&wire.send_times(), Duration::from_secs(60)), 10);
}

#[tokio::test(start_paused = true)]
async fn retries_and_redirects_count_against_the_limits() {
    let wire = ScriptedTransport::new(|request| match (&request.method, request.url.ends_with("/again")) {
        (_, true) => always_absent(request),
        (_, false) => answer_with_headers(307, &[("location", &format!("{}/again", request.url))], ""),
    });
    let cloud = client_with_limits(&wire, RateLimits { per_second: 2, ..RateLimits::default() });
    send_concurrently(&cloud, 6).await;
    assert_eq!((cloud.request_count(), max_in_any_window(&wire.send_times(), Duration::from_secs(1))), (12, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_waiting_uses_no_permit() {
    let wire = ScriptedTransport::new(always_absent);
    let cloud = client_with_limits(&wire, RateLimits { per_second: 1, per_minute: 800, connections: 1 });
    send_concurrently(&cloud, 1).await;
    for _ in 0..50 {
        assert!(tokio::time::timeout(10 * MS, cloud.fetch_statement("x")).await.is_err());
    }
    let asked = Instant::now();
    send_concurrently(&cloud, 1).await;
    assert!(asked.elapsed() <= Duration::from_secs(1));
    assert_eq!(wire.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_every_call() {
    let mut refused = false;
    let wire = ScriptedTransport::new(move |request| {
        if std::mem::replace(&mut refused, true) {
            return always_absent(request);
        }
        answer_with_headers(429, &[("retry-after", "17")], "")
    });
    let cloud = client(&wire);
    let began = Instant::now();
    send_concurrently(&cloud, 60).await;
    let times = wire.send_times();
    let early = times.iter().filter(|time| **time - began < Duration::from_secs(17)).count();
    // Only requests that had their permit before the 429 were sent. After it, none is sent until the pause is over.
    assert!(early <= 40, "{early}");
    assert_eq!(times.len(), 61);
    let late = times.iter().find(|time| **time - began >= Duration::from_secs(1)).unwrap();
    assert_eq!(*late - began, Duration::from_secs(17));
}

#[tokio::test(start_paused = true)]
async fn time_in_the_queue_does_not_count_against_a_call() {
    let mut count = 0;
    let wire = ScriptedTransport::new(move |request| {
        count += 1;
        if count % 500 == 0 { answer(503, "") } else { always_absent(request) }
    });
    // 600 calls at one per second: the failure hits a call that has waited longer than any call may take.
    send_concurrently(&client_with_limits(&wire, RateLimits { per_second: 1, ..RateLimits::default() }), 600).await;
    assert_eq!(wire.requests().len(), 601);
}

/// A simulated network: each request arrives some time after it was sent, and its response some time after that.
struct DelayedTransport {
    /// The times at which requests arrived.
    arrived: Mutex<Vec<Instant>>,
    /// The source of random delays.
    rng: Mutex<fastrand::Rng>,
    /// The longest delay in one direction.
    max_delay: Duration,
}

impl Transport for DelayedTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, TransportResult> {
        Box::pin(async move {
            let delay = || self.max_delay.mul_f64(self.rng.lock().unwrap().f64());
            let (there, back) = (delay(), delay());
            sleep(there).await;
            self.arrived.lock().unwrap().push(Instant::now());
            sleep(back).await;
            always_absent(&request)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_limits_hold_at_the_server_despite_network_delay() {
    for (seed, milliseconds) in [(1, 50), (2, 300), (3, 900), (4, 2_500)] {
        let rng = Mutex::new(fastrand::Rng::with_seed(seed));
        let wire = Arc::new(DelayedTransport { arrived: Mutex::default(), rng, max_delay: milliseconds * MS });
        let cloud = CloudClient::new(
            wire.clone(),
            Endpoints::public(&identity()).unwrap(),
            credentials(),
            RateLimits::default(),
            7,
        );
        send_concurrently(&cloud, 1_000).await;
        let times = wire.arrived.lock().unwrap().clone();
        assert!(max_in_any_window(&times, Duration::from_secs(1)) <= 40, "{milliseconds}");
        assert!(max_in_any_window(&times, Duration::from_secs(60)) <= 800, "{milliseconds}");
    }
}
