//! One run at a time, of the real program: the second names the first, waits for it, or goes on at once when it is dead.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use floe::{
    cloud::Method,
    simulator::{FaultRule, InjectedFault, PhaseDurations, SimulatedRateLimits, SimulatorOptions},
};

use crate::{
    program::{self, Service, words},
    world::World,
};

/// A run that waits for an answer of the service, and the service.
struct First {
    world: World,
    service: Service,
    child: Child,
}

/// What another run came to.
struct Second {
    code: Option<i32>,
    said: String,
    took: Duration,
    sent: usize,
}

impl First {
    /// A project that was never applied, and its cloud.
    async fn world() -> (World, Service) {
        let options = SimulatorOptions {
            phase_durations: PhaseDurations::uniform(Duration::from_millis(20)),
            rate_limits: SimulatedRateLimits::unlimited(),
            ..SimulatorOptions::default()
        };
        let files = [
            ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
            ("statements/s.toml", "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING)\"\n"),
        ];
        let world = World::with(&files, options);
        let service = Service::of(&world.simulator, None).await;
        fs::write(world.folder.path().join("floe.toml"), program::manifest(&service.origin, "")).unwrap();
        (world, service)
    }

    /// Begins an apply whose first request that changes something is on its way until the service lets it go.
    async fn waiting() -> First {
        let (world, service) = First::world().await;
        service.hold();
        First::begun(world, service).await
    }

    /// Begins an apply whose first request that changes something is done, and answered half a minute later.
    async fn waiting_for_its_answer() -> First {
        let (world, service) = First::world().await;
        world.simulator.push_fault(FaultRule::once(InjectedFault::SlowResponse(30.0)).on(Method::Post));
        First::begun(world, service).await
    }

    async fn begun(world: World, service: Service) -> First {
        let child = program::floe(world.folder.path(), &[], &["apply", "--yes"]).spawn().unwrap();
        let began = Instant::now();
        while !service.sent().iter().any(program::Sent::changes) {
            assert!(began.elapsed() < Duration::from_secs(60), "it sends nothing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        First { world, service, child }
    }

    /// Another run of the same project.
    async fn meets(&self, arguments: &[&str]) -> Second {
        let (folder, service) = (self.world.folder.path(), Service::of(&self.world.simulator, None).await);
        fs::write(folder.join("floe.toml"), program::manifest(&service.origin, "")).unwrap();
        let command = program::floe(folder, &[], arguments);
        let began = Instant::now();
        let ended = service.run(command).await;
        let took = began.elapsed();
        Second { code: ended.status.code(), said: words(&program::said(folder).1), took, sent: service.sent().len() }
    }

    fn name(&self) -> String {
        format!("the state is locked by `apply` of ana@build-7 (process {}, since 20", self.child.id())
    }

    async fn ends_well(mut self) {
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert!(status.success(), "{status}");
        drop(self.service);
    }
}

#[tokio::test]
async fn the_second_of_two_runs_exits_5_in_under_a_second_and_names_the_first_or_waits_for_it() {
    let first = First::waiting().await;
    for command in [["apply", "--yes"], ["destroy", "--yes"]] {
        // A machine that does much else may be slow once.
        let mut fastest = Duration::MAX;
        for _ in 0..2 {
            let second = first.meets(&command).await;
            assert_eq!(second.code, Some(5), "{}", second.said);
            assert!(second.said.contains(&first.name()), "{}", second.said);
            assert!(second.said.contains("--lock-timeout 10m"), "{}", second.said);
            assert_eq!(second.sent, 0, "it has sent requests");
            fastest = fastest.min(second.took);
        }
        assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    }
    let impatient = first.meets(&["apply", "--yes", "--lock-timeout", "1s"]).await;
    assert_eq!(impatient.code, Some(5), "{}", impatient.said);
    assert!(impatient.said.contains(&first.name()), "{}", impatient.said);
    assert!(impatient.took >= Duration::from_secs(1) && impatient.sent == 0, "{:?}", impatient.took);
    let going_on = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        first.service.let_go();
    };
    let (patient, ()) = tokio::join!(first.meets(&["apply", "--yes", "--lock-timeout", "1m"]), going_on);
    assert_eq!(patient.code, Some(0), "{}", patient.said);
    assert!(patient.took >= Duration::from_millis(700), "it did not wait: {:?}", patient.took);
    assert!(first.world.simulator.audit_report().creations.values().all(|count| *count == 1));
    first.ends_well().await;
}

#[tokio::test]
async fn the_lock_of_a_run_that_was_killed_is_free_at_once() {
    let mut first = First::waiting_for_its_answer().await;
    assert_eq!(first.meets(&["apply", "--yes"]).await.code, Some(5));
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let second = first.meets(&["apply", "--yes"]).await;
    assert_eq!(second.code, Some(0), "{}", second.said);
    assert!(second.took < Duration::from_secs(20), "{:?}", second.took);
    assert!(first.world.simulator.audit_report().creations.values().all(|count| *count == 1));
}

#[tokio::test]
async fn how_long_to_wait_is_a_number_with_its_unit() {
    let (world, service) = First::world().await;
    for time in ["5", "-1s", "1.5", "soon", "10 minutes", ""] {
        let folder = world.folder.path();
        let ended = service.run(program::floe(folder, &[], &["plan", &format!("--lock-timeout={time}")])).await;
        let said = words(&program::said(folder).1);
        assert_eq!((ended.status.code(), service.sent().len()), (Some(1), 0), "{time}: {said}");
        assert!(said.contains("`30s`, `10m`"), "{time}: {said}");
    }
}
