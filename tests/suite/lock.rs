//! One run at a time, with the real binary: a second run names the first, waits for it, or continues at once if the
//! first is dead.

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
    program_harness::{self, ServedSimulator, single_line},
    test_project::TestProject,
};

/// A run that holds the lock while it waits for a response of the service, and the service.
struct LockingRun {
    /// The project that the run applies.
    project: TestProject,
    /// The simulator that serves the run.
    service: ServedSimulator,
    /// The process of the run.
    child: Child,
}

/// The outcome of a second run.
struct SecondRun {
    /// The exit code of the run.
    code: Option<i32>,
    /// Standard error on one line.
    stderr: String,
    /// How long the run took.
    duration: Duration,
    /// How many requests it sent.
    sent: usize,
}

impl LockingRun {
    /// Returns a project that was never applied, and its service.
    async fn unapplied_project() -> (TestProject, ServedSimulator) {
        let options = SimulatorOptions {
            phase_durations: PhaseDurations::uniform(Duration::from_millis(20)),
            rate_limits: SimulatedRateLimits::unlimited(),
            ..SimulatorOptions::default()
        };
        let files = [
            ("pools.toml", "[pools.main]\nmax_cfu = 10\n"),
            ("statements/s.toml", "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING)\"\n"),
        ];
        let project = TestProject::with_options(&files, options);
        let service = ServedSimulator::start(&project.simulator, None).await;
        fs::write(
            project.folder.path().join("floe.toml"),
            program_harness::floe_toml_with_endpoint(&service.origin, ""),
        )
        .unwrap();
        (project, service)
    }

    /// Starts an apply. The service holds its first request that changes something until it is released.
    async fn with_held_mutation() -> LockingRun {
        let (project, service) = LockingRun::unapplied_project().await;
        service.hold_mutations();
        LockingRun::start(project, service).await
    }

    /// Starts an apply. Its first request that changes something takes effect at once, and the response follows after
    /// half a minute.
    async fn with_delayed_answer() -> LockingRun {
        let (project, service) = LockingRun::unapplied_project().await;
        project.simulator.push_fault(FaultRule::once(InjectedFault::SlowResponse(30.0)).on(Method::POST));
        LockingRun::start(project, service).await
    }

    /// Starts `floe apply --yes` and waits until it has sent a request that changes something.
    async fn start(project: TestProject, service: ServedSimulator) -> LockingRun {
        let mut command = program_harness::floe_command(project.folder.path(), &[], &["apply", "--yes"]);
        let child = command.env("FLOE_ALLOW_ENDPOINTS", &service.origin).spawn().unwrap();
        let began = Instant::now();
        while !service.sent().iter().any(program_harness::SentRequest::is_mutation) {
            assert!(began.elapsed() < Duration::from_secs(60), "the run sends no request that changes something");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        LockingRun { project, service, child }
    }

    /// Runs floe again on the same project.
    async fn run_second(&self, arguments: &[&str]) -> SecondRun {
        let (folder, service) =
            (self.project.folder.path(), ServedSimulator::start(&self.project.simulator, None).await);
        fs::write(folder.join("floe.toml"), program_harness::floe_toml_with_endpoint(&service.origin, "")).unwrap();
        let command = program_harness::floe_command(folder, &[], arguments);
        let began = Instant::now();
        let ended = service.run(command).await;
        let duration = began.elapsed();
        SecondRun {
            code: ended.status.code(),
            stderr: single_line(&program_harness::output(folder).1),
            duration,
            sent: service.sent().len(),
        }
    }

    /// Returns the message that names the first run as the holder of the lock.
    fn lock_message(&self) -> String {
        format!("the state is locked by `apply` of ana@build-7 (process {}, since 20", self.child.id())
    }

    /// Waits until the first run ends, and asserts that it succeeded.
    async fn assert_success(mut self) {
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
async fn a_second_run_exits_5_at_once_or_waits_for_the_lock() {
    let first = LockingRun::with_held_mutation().await;
    for command in [["apply", "--yes"], ["destroy", "--yes"]] {
        // A busy machine may be slow once, so the faster of two runs counts.
        let mut fastest = Duration::MAX;
        for _ in 0..2 {
            let second = first.run_second(&command).await;
            assert_eq!(second.code, Some(5), "{}", second.stderr);
            assert!(second.stderr.contains(&first.lock_message()), "{}", second.stderr);
            assert!(second.stderr.contains("--lock-timeout 10m"), "{}", second.stderr);
            assert_eq!(second.sent, 0, "the second run sent requests");
            fastest = fastest.min(second.duration);
        }
        assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    }
    let impatient = first.run_second(&["apply", "--yes", "--lock-timeout", "1s"]).await;
    assert_eq!(impatient.code, Some(5), "{}", impatient.stderr);
    assert!(impatient.stderr.contains(&first.lock_message()), "{}", impatient.stderr);
    assert!(impatient.duration >= Duration::from_secs(1) && impatient.sent == 0, "{:?}", impatient.duration);
    let release = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        first.service.release_mutations();
    };
    let (patient, ()) = tokio::join!(first.run_second(&["apply", "--yes", "--lock-timeout", "1m"]), release);
    assert_eq!(patient.code, Some(0), "{}", patient.stderr);
    assert!(patient.duration >= Duration::from_millis(700), "the second run did not wait: {:?}", patient.duration);
    assert!(first.project.simulator.audit_report().creations.values().all(|count| *count == 1));
    first.assert_success().await;
}

#[tokio::test]
async fn a_killed_run_releases_its_lock() {
    let mut first = LockingRun::with_delayed_answer().await;
    assert_eq!(first.run_second(&["apply", "--yes"]).await.code, Some(5));
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let second = first.run_second(&["apply", "--yes"]).await;
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert!(second.duration < Duration::from_secs(20), "{:?}", second.duration);
    assert!(first.project.simulator.audit_report().creations.values().all(|count| *count == 1));
}

#[tokio::test]
async fn lock_timeout_requires_a_number_with_a_unit() {
    let (project, service) = LockingRun::unapplied_project().await;
    for time in ["5", "-1s", "1.5", "soon", "2 weeks", "PT10M", ""] {
        let folder = project.folder.path();
        let ended =
            service.run(program_harness::floe_command(folder, &[], &["plan", &format!("--lock-timeout={time}")])).await;
        let said = single_line(&program_harness::output(folder).1);
        assert_eq!((ended.status.code(), service.sent().len()), (Some(1), 0), "{time}: {said}");
        assert!(said.contains("`90s`, `15m`"), "{time}: {said}");
    }
}
