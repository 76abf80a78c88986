//! The limiter over simulated minutes.

use std::time::Duration;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// The most moments that any window of that length holds.
fn densest(times: &[Instant], window: Duration) -> usize {
    (0..times.len())
        .map(|from| times[from..].iter().take_while(|time| **time - times[from] < window).count())
        .max()
        .unwrap()
}

async fn flood(cloud: &Cloud, calls: usize) {
    let all: Vec<_> = (0..calls)
        .map(|number| {
            let cloud = cloud.clone();
            tokio::spawn(async move { cloud.statement(&format!("s{number}")).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
}

fn limited(wire: &Arc<Wire>, limits: Limits) -> Cloud {
    Cloud::new(wire.clone(), Site::public(&identity()).unwrap(), keys(), limits, 7)
}

#[tokio::test(start_paused = true)]
async fn no_window_wherever_it_begins_holds_more_than_its_limit() {
    let wire = Wire::new(nobody);
    let began = Instant::now();
    flood(&cloud(&wire), 2_000).await;
    let times = wire.times();
    assert_eq!(densest(&times, Duration::from_secs(1)), 40);
    assert_eq!(densest(&times, Duration::from_secs(60)), 800);
    // And no slower than that: 800 in the first 20 seconds, 800 a minute later, 400 a minute after that.
    let took = *times.last().unwrap() - began;
    assert!(took >= Duration::from_secs(129) && took <= Duration::from_secs(129) + 60 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn permits_are_given_in_order() {
    let wire = Wire::new(nobody);
    flood(&cloud(&wire), 100).await;
    let expected: Vec<_> = (0..100).map(|number| format!("GET {STATEMENTS}/s{number}")).collect();
    assert_eq!(wire.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn connections_are_limited_and_waiting_for_one_does_not_bunch_requests_up() {
    let wire = Wire::slow(Duration::from_secs(3), nobody);
    flood(&limited(&wire, Limits { connections: 5, ..Limits::default() }), 20).await;
    assert_eq!(densest(&wire.times(), Duration::from_secs(3)), 5);
    let wire = Wire::slow(Duration::from_millis(1500), nobody);
    flood(&cloud(&wire), 300).await;
    assert_eq!(densest(&wire.times(), Duration::from_secs(1)), 40);
}

#[tokio::test(start_paused = true)]
async fn limits_can_be_lowered_only() {
    let high = Limits { per_second: 1_000, per_minute: u32::MAX, connections: 500 };
    assert_eq!(high.effective(), Limits::default());
    assert_eq!(Limits::default().effective(), Limits { per_second: 40, per_minute: 800, connections: 80 });
    let none = Limits { per_second: 0, per_minute: 0, connections: 0 };
    assert_eq!(none.effective(), Limits { per_second: 1, per_minute: 1, connections: 1 });
    let wire = Wire::new(nobody);
    flood(&limited(&wire, Limits { per_second: 3, per_minute: 10, connections: 80 }), 25).await;
    assert_eq!(densest(&wire.times(), Duration::from_secs(1)), 3);
    assert_eq!(densest(&wire.times(), Duration::from_secs(60)), 10);
}

#[tokio::test(start_paused = true)]
async fn repetitions_and_redirects_count() {
    let wire = Wire::new(|request| match (request.method, request.url.ends_with("/again")) {
        (_, true) => nobody(request),
        (_, false) => with_headers(307, &[("location", &format!("{}/again", request.url))], ""),
    });
    let cloud = limited(&wire, Limits { per_second: 2, ..Limits::default() });
    flood(&cloud, 6).await;
    assert_eq!((cloud.requests(), densest(&wire.times(), Duration::from_secs(1))), (12, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_takes_nothing_along() {
    let wire = Wire::new(nobody);
    let cloud = limited(&wire, Limits { per_second: 1, per_minute: 800, connections: 1 });
    flood(&cloud, 1).await;
    for _ in 0..50 {
        assert!(tokio::time::timeout(10 * MS, cloud.statement("x")).await.is_err());
    }
    let asked = Instant::now();
    flood(&cloud, 1).await;
    assert!(asked.elapsed() <= Duration::from_secs(1));
    assert_eq!(wire.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_429_holds_everybody() {
    let mut refused = false;
    let wire = Wire::new(move |request| {
        if std::mem::replace(&mut refused, true) {
            return nobody(request);
        }
        with_headers(429, &[("retry-after", "17")], "")
    });
    let cloud = cloud(&wire);
    let began = Instant::now();
    flood(&cloud, 60).await;
    let times = wire.times();
    let early = times.iter().filter(|time| **time - began < Duration::from_secs(17)).count();
    // Those that had their permit before the refusal came; after it none until the hold is over.
    assert!(early <= 40, "{early}");
    assert_eq!(times.len(), 61);
    let late = times.iter().find(|time| **time - began >= Duration::from_secs(1)).unwrap();
    assert_eq!(*late - began, Duration::from_secs(17));
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_not_held_against_a_call() {
    let mut count = 0;
    let wire = Wire::new(move |request| {
        count += 1;
        if count % 500 == 0 { answer(503, "") } else { nobody(request) }
    });
    // 600 calls of one a second: each trouble comes to one that has waited longer than any call may.
    flood(&limited(&wire, Limits { per_second: 1, ..Limits::default() }), 600).await;
    assert_eq!(wire.requests().len(), 601);
}

/// A network between: each request arrives a while after it left, and its answer a while after that.
struct Jittery {
    arrived: Mutex<Vec<Instant>>,
    dice: Mutex<fastrand::Rng>,
    most: Duration,
}

impl Transport for Jittery {
    fn send(&self, request: Request) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let delay = || self.most.mul_f64(self.dice.lock().unwrap().f64());
            let (there, back) = (delay(), delay());
            sleep(there).await;
            self.arrived.lock().unwrap().push(Instant::now());
            sleep(back).await;
            nobody(&request)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_windows_hold_where_requests_arrive() {
    for (seed, milliseconds) in [(1, 50), (2, 300), (3, 900), (4, 2_500)] {
        let dice = Mutex::new(fastrand::Rng::with_seed(seed));
        let wire = Arc::new(Jittery { arrived: Mutex::default(), dice, most: milliseconds * MS });
        let cloud = Cloud::new(wire.clone(), Site::public(&identity()).unwrap(), keys(), Limits::default(), 7);
        flood(&cloud, 1_000).await;
        let times = wire.arrived.lock().unwrap().clone();
        assert!(densest(&times, Duration::from_secs(1)) <= 40, "{milliseconds}");
        assert!(densest(&times, Duration::from_secs(60)) <= 800, "{milliseconds}");
    }
}
