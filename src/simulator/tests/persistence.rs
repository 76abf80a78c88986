//! A world in a file keeps every effect that was answered, wherever it is cut, and its time continues.

use std::{fs, time::Duration};

use serde_json::json;

use super::{
    client::{TestClient, options_without_limits, pool_body, statement_body, wait_seconds},
    statements::{JOB, TABLE},
};
use crate::{
    cloud::Method,
    simulator::{FaultRule, InjectedFault, OutOfBandChange, Simulator, world},
};

/// Runs statements and pools through their phases. Returns, after each response, the length of the log and the number
/// of effects.
async fn run_sample_workload(path: &std::path::Path) -> Vec<(usize, usize)> {
    let client = TestClient::for_simulator(Simulator::open(path, options_without_limits()).unwrap());
    let mut answers = Vec::new();
    let record_progress = |answers: &mut Vec<(usize, usize)>| {
        answers.push((fs::read(path).unwrap().len(), client.simulator.effects().len()));
    };
    client.call(Method::POST, &TestClient::pools_url(""), Some(pool_body("main", 5))).await;
    record_progress(&mut answers);
    for (name, sql) in [("table", TABLE), ("job", JOB), ("ctas", "CREATE TABLE big AS SELECT * FROM orders")] {
        client.submit(name, sql).await;
        record_progress(&mut answers);
    }
    wait_seconds(100).await;
    client.set_stopped("job", true).await;
    record_progress(&mut answers);
    wait_seconds(60).await;
    client.set_stopped("job", false).await;
    client.delete("ctas").await;
    record_progress(&mut answers);
    wait_seconds(60).await;
    client.get("job").await;
    record_progress(&mut answers);
    answers
}

#[tokio::test(start_paused = true)]
async fn a_reopened_world_is_unchanged_and_its_time_continues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    run_sample_workload(&path).await;
    let open = || Simulator::open(&path, options_without_limits()).unwrap();
    let observe = |simulator: Simulator| (simulator.world_view(), simulator.effects(), simulator.audit_report());
    let (world, effects, audit) = observe(open());
    assert_eq!(world.statements.len(), 2, "`ctas` must be removed");
    let job = world.statements.iter().find(|it| it.name == "job").unwrap();
    assert_eq!(job.phase.as_str(), "RUNNING");
    let length = fs::read(&path).unwrap().len();
    assert_eq!(observe(open()), (world.clone(), effects, audit));
    assert_eq!(fs::read(&path).unwrap().len(), length, "opening must not change the log");
    open().apply_out_of_band(OutOfBandChange::AdvanceTime(Duration::from_secs(3600))).unwrap();
    let later = open().world_view();
    assert!(later.time > world.time && later.time.starts_with("2026-01-01T01:"), "{}", later.time);
}

#[tokio::test(start_paused = true)]
async fn changes_that_cannot_be_written_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    client.submit("before", TABLE).await;
    client.simulator.lock().world.simulate_full_disk().unwrap();
    assert_eq!(client.submit("job", JOB).await.status, 500);
    for name in ["job", "before"] {
        let got = client.get(name).await;
        assert_eq!((got.status, got.detail().contains("cannot write")), (500, true), "{name}: {got:?}");
    }
    assert_eq!(client.call(Method::GET, &TestClient::pools_url(""), None).await.status, 500);
    drop(client);
    let after = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    assert_eq!((after.get("before").await.status, after.get("job").await.status), (200, 404));
}

#[tokio::test(start_paused = true)]
async fn compacting_the_log_keeps_the_same_world() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    for name in ["job", "job-g2"] {
        client.submit(name, JOB).await;
    }
    for _ in 0..40 {
        wait_seconds(60).await;
        client.set_stopped("job", true).await;
        wait_seconds(60).await;
        client.set_stopped("job", false).await;
    }
    let before = (client.simulator.world_view(), client.simulator.effects(), client.simulator.audit_report());
    assert_eq!(before.2.peak_running["job"], 2);
    let whole = fs::read(&path).unwrap();
    drop(client);
    let closed = fs::read(&path).unwrap().len();
    assert!(closed * 2 < whole.len());
    // A killed process leaves the whole log, and the next one compacts it.
    for left in [None, Some(whole)] {
        left.iter().for_each(|whole| fs::write(&path, whole).unwrap());
        let after = Simulator::open(&path, options_without_limits()).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), closed);
        assert_eq!((after.world_view(), after.effects(), after.audit_report()), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_cannot_be_opened_by_two_simulators() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let first = Simulator::open(&path, options_without_limits()).unwrap();
    let error = Simulator::open(&path, options_without_limits()).err().unwrap().to_string();
    assert!(error.contains("in use by another run"), "{error}");
    drop(first);
    assert!(Simulator::open(&path, options_without_limits()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn ids_are_unique_across_reopenings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let mut uids = Vec::new();
    for number in 0..4 {
        let client = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
        uids.push(client.submit(&format!("s-{number}"), JOB).await.text("/metadata/uid").to_owned());
    }
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_log_truncated_at_any_byte_opens_and_keeps_every_answered_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let answers = run_sample_workload(&path).await;
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    let mut reopened = 0;
    for length in 0..=bytes.len() {
        let mut records = 0;
        let (whole, _) = world::read_records(&bytes[..length], &mut |_| records += 1).unwrap();
        let whole = usize::try_from(whole).unwrap();
        assert_eq!(records, bytes[..length].iter().filter(|byte| **byte == b'\n').count());
        if length != whole && length != whole + 1 && length % 50 != 0 {
            continue; // The truncated part is not read, so these lengths behave like their neighbors.
        }
        reopened += 1;
        fs::write(&cut, &bytes[..length]).unwrap();
        let effect_count = Simulator::open(&cut, options_without_limits()).unwrap().effects().len();
        assert_eq!(fs::read(&cut).unwrap().len(), whole, "the torn line must be removed");
        let answered = answers.iter().filter(|(end, _)| *end <= length).map(|(_, effects)| *effects).max().unwrap_or(0);
        let beyond = answers.iter().find(|(end, _)| *end > length).map_or(answered, |(_, effects)| *effects);
        assert!(
            effect_count >= answered && effect_count <= beyond,
            "cut at {length}: {answered} <= {effect_count} <= {beyond}"
        );
    }
    assert!(reopened > 30);
    assert_eq!(answers.last().unwrap().1, 8, "two pools, three statements, a stop, a resume and a deletion");
}

#[tokio::test(start_paused = true)]
async fn changes_are_written_before_they_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    for number in 0..5 {
        let uid = client.submit(&format!("s-{number}"), JOB).await.text("/metadata/uid").to_owned();
        let copy = folder.path().join(format!("copy-{number}"));
        fs::copy(&path, &copy).unwrap();
        let world = Simulator::open(&copy, options_without_limits()).unwrap().world_view();
        assert_eq!(world.statements.last().unwrap().uid, uid);
    }
    wait_seconds(60).await;
    assert_eq!(client.phase("s-0").await, "RUNNING");
    let copy = folder.path().join("copy");
    fs::copy(&path, &copy).unwrap();
    let reopened = TestClient::for_simulator(Simulator::open(&copy, options_without_limits()).unwrap());
    assert_eq!(reopened.phase("s-0").await, "RUNNING", "a phase that was shown must survive");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_effect_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    client.simulator.push_fault(FaultRule::once(InjectedFault::LostThenApplied(30.0)));
    let lost = client.try_call(Method::POST, &TestClient::statements_url(""), Some(statement_body("a", JOB))).await;
    assert!(lost.is_err());
    drop(client);
    let reopened = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    assert_eq!(reopened.get("a").await.status, 404);
    wait_seconds(31).await;
    assert_eq!(reopened.get("a").await.status, 200);
    drop(reopened);
    let third = TestClient::for_simulator(Simulator::open(&path, options_without_limits()).unwrap());
    wait_seconds(60).await;
    assert_eq!(third.simulator.audit_report().creations["a"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_a_world_is_rejected_and_not_modified() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "dear diary\n").unwrap();
    let error = Simulator::open(&path, options_without_limits()).err().unwrap().to_string();
    assert!(error.contains("notes.txt: line 1 is not a record of a simulated world"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary\n");
    fs::write(&path, "no end of line").unwrap();
    assert!(Simulator::open(&path, options_without_limits()).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "no end of line");
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_and_requests_give_byte_equal_worlds() {
    let mut logs = Vec::new();
    for seed in [7, 7, 8] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        let client = TestClient::for_simulator(
            Simulator::open(&path, crate::simulator::SimulatorOptions { seed, ..options_without_limits() }).unwrap(),
        );
        for number in 0..20 {
            client.submit(&format!("s-{number}"), JOB).await;
            wait_seconds(3).await;
        }
        client.put("s-1", |body| body["spec"]["stopped"] = json!(true)).await;
        wait_seconds(60).await;
        let list = client.list("?page_size=100").await;
        logs.push((fs::read(&path).unwrap(), list.bytes, list.headers.get("x-request-id").map(str::to_owned)));
    }
    assert_eq!(logs[0], logs[1]);
    assert_ne!(logs[0], logs[2]);
}

#[cfg(unix)]
#[test]
fn a_world_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(Simulator::open(folder.path().join("w.world"), options_without_limits()).unwrap());
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_can_be_restored_from_a_snapshot_many_times() {
    let client = TestClient::for_simulator(Simulator::new(options_without_limits()));
    client.call(Method::POST, &TestClient::pools_url(""), Some(pool_body("main", 5))).await;
    client.submit("table", TABLE).await;
    wait_seconds(100).await;
    client.submit("job", JOB).await;
    client.simulator.push_fault(FaultRule::once(InjectedFault::LostThenApplied(30.0)).on(Method::DELETE));
    let deleted = client.try_call(Method::DELETE, &TestClient::statements_url("/table"), None).await;
    assert!(deleted.is_err(), "the response must be lost");
    let snapshot = client.simulator.snapshot();
    // The original continues independently of the snapshot.
    wait_seconds(60).await;
    assert!(client.simulator.world_view().statements.iter().all(|it| it.name != "table"));
    let later: Vec<_> = (0..2)
        .map(|_| {
            let simulator = Simulator::from_snapshot(&snapshot);
            assert_eq!(simulator.snapshot().to_bytes(), snapshot.to_bytes());
            assert_eq!(simulator.world_view().statements.len(), 2);
            simulator.apply_out_of_band(OutOfBandChange::AdvanceTime(Duration::from_secs(60))).unwrap();
            (simulator.world_view(), simulator.effects(), simulator.audit_report())
        })
        .collect();
    assert_eq!(later[0], later[1]);
    let original = (client.simulator.world_view(), client.simulator.effects(), client.simulator.audit_report());
    assert_eq!(later[0], original, "pending events must happen in the restored world too");
    assert_ne!(client.simulator.snapshot().to_bytes(), snapshot.to_bytes());
}
