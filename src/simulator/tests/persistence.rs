//! A world in a file: what was answered is there after any cut, and time goes on.

use std::{fs, time::Duration};

use serde_json::json;

use super::{
    client::{Client, options, pool, statement, wait},
    statements::{JOB, TABLE},
};
use crate::{
    cloud::Method,
    simulator::{Fault, Meddle, Misfortune, Simulator, log},
};

/// A world with a bit of everything: after each answer, how long its log was and how much had been done.
async fn story(path: &std::path::Path) -> Vec<(usize, usize)> {
    let client = Client::over(Simulator::open(path, options()).unwrap());
    let mut answers = Vec::new();
    let note = |answers: &mut Vec<(usize, usize)>| {
        answers.push((fs::read(path).unwrap().len(), client.simulator.effects().len()));
    };
    client.call(Method::Post, &Client::pools(""), Some(pool("main", 5))).await;
    note(&mut answers);
    for (name, sql) in [("table", TABLE), ("job", JOB), ("ctas", "CREATE TABLE big AS SELECT * FROM orders")] {
        client.submit(name, sql).await;
        note(&mut answers);
    }
    wait(100).await;
    client.set_stopped("job", true).await;
    note(&mut answers);
    wait(60).await;
    client.set_stopped("job", false).await;
    client.delete("ctas").await;
    note(&mut answers);
    wait(60).await;
    client.get("job").await;
    note(&mut answers);
    answers
}

#[tokio::test(start_paused = true)]
async fn a_world_is_the_same_when_it_is_opened_again_and_its_time_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    story(&path).await;
    let open = || Simulator::open(&path, options()).unwrap();
    let told = |simulator: Simulator| (simulator.world(), simulator.effects(), simulator.audit());
    let (world, effects, audit) = told(open());
    assert_eq!(world.statements.len(), 2, "ctas is gone");
    let job = world.statements.iter().find(|it| it.name == "job").unwrap();
    assert_eq!(job.phase.as_str(), "RUNNING");
    let length = fs::read(&path).unwrap().len();
    assert_eq!(told(open()), (world.clone(), effects, audit));
    assert_eq!(fs::read(&path).unwrap().len(), length, "to open it changes nothing");
    open().meddle(Meddle::Advance(Duration::from_secs(3600))).unwrap();
    let later = open().world();
    assert!(later.time > world.time && later.time.starts_with("2026-01-01T01:"), "{}", later.time);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_shown_to_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = Client::over(Simulator::open(&path, options()).unwrap());
    client.submit("before", TABLE).await;
    client.simulator.inside().world.fill_the_disk().unwrap();
    assert_eq!(client.submit("job", JOB).await.status, 500);
    for name in ["job", "before"] {
        let got = client.get(name).await;
        assert_eq!((got.status, got.detail().contains("cannot be written")), (500, true), "{name}: {got:?}");
    }
    assert_eq!(client.call(Method::Get, &Client::pools(""), None).await.status, 500);
    drop(client);
    let after = Client::over(Simulator::open(&path, options()).unwrap());
    assert_eq!((after.get("before").await.status, after.get("job").await.status), (200, 404));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_mostly_past_is_made_anew_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = Client::over(Simulator::open(&path, options()).unwrap());
    for name in ["job", "job-g2"] {
        client.submit(name, JOB).await;
    }
    for _ in 0..40 {
        wait(60).await;
        client.set_stopped("job", true).await;
        wait(60).await;
        client.set_stopped("job", false).await;
    }
    let before = (client.simulator.world(), client.simulator.effects(), client.simulator.audit());
    assert_eq!(before.2.most_running["job"], 2);
    let whole = fs::read(&path).unwrap();
    drop(client);
    let closed = fs::read(&path).unwrap().len();
    assert!(closed * 2 < whole.len());
    // A process that was killed leaves all of it, and the next one makes it anew.
    for left in [None, Some(whole)] {
        left.iter().for_each(|whole| fs::write(&path, whole).unwrap());
        let after = Simulator::open(&path, options()).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), closed);
        assert_eq!((after.world(), after.effects(), after.audit()), before);
    }
}

#[tokio::test(start_paused = true)]
async fn one_log_is_not_written_by_two() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let first = Simulator::open(&path, options()).unwrap();
    let error = Simulator::open(&path, options()).err().unwrap().to_string();
    assert!(error.contains("in use by another run"), "{error}");
    drop(first);
    assert!(Simulator::open(&path, options()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn ids_go_on_and_are_never_given_out_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let mut uids = Vec::new();
    for number in 0..4 {
        let client = Client::over(Simulator::open(&path, options()).unwrap());
        uids.push(client.submit(&format!("s-{number}"), JOB).await.text("/metadata/uid").to_owned());
    }
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_log_cut_at_any_byte_opens_and_holds_all_that_was_answered_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let answers = story(&path).await;
    let bytes = fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    let mut opened = 0;
    for length in 0..=bytes.len() {
        let mut records = 0;
        let (whole, _) = log::read(&bytes[..length], &mut |_| records += 1).unwrap();
        let whole = usize::try_from(whole).unwrap();
        assert_eq!(records, bytes[..length].iter().filter(|byte| **byte == b'\n').count());
        if length != whole && length != whole + 1 && length % 50 != 0 {
            continue; // What is cut off is not looked at, so these open like their neighbours.
        }
        opened += 1;
        fs::write(&cut, &bytes[..length]).unwrap();
        let told = Simulator::open(&cut, options()).unwrap().effects().len();
        assert_eq!(fs::read(&cut).unwrap().len(), whole, "the torn line is cut");
        let answered = answers.iter().filter(|(end, _)| *end <= length).map(|(_, effects)| *effects).max().unwrap_or(0);
        let beyond = answers.iter().find(|(end, _)| *end > length).map_or(answered, |(_, effects)| *effects);
        assert!(told >= answered && told <= beyond, "cut at {length}: {answered} <= {told} <= {beyond}");
    }
    assert!(opened > 30);
    assert_eq!(answers.last().unwrap().1, 8, "the pools, the statements, the stop, the resume, the deletion");
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_is_in_the_file_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = Client::over(Simulator::open(&path, options()).unwrap());
    for number in 0..5 {
        let uid = client.submit(&format!("s-{number}"), JOB).await.text("/metadata/uid").to_owned();
        let copy = folder.path().join(format!("copy-{number}"));
        fs::copy(&path, &copy).unwrap();
        let world = Simulator::open(&copy, options()).unwrap().world();
        assert_eq!(world.statements.last().unwrap().uid, uid);
    }
    wait(60).await;
    assert_eq!(client.phase("s-0").await, "RUNNING");
    let copy = folder.path().join("copy");
    fs::copy(&path, &copy).unwrap();
    let again = Client::over(Simulator::open(&copy, options()).unwrap());
    assert_eq!(again.phase("s-0").await, "RUNNING", "a phase that was shown is never taken back");
}

#[tokio::test(start_paused = true)]
async fn an_effect_that_is_still_to_come_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world");
    let client = Client::over(Simulator::open(&path, options()).unwrap());
    client.simulator.push_fault(Fault::once(Misfortune::LostThenDone(30.0)));
    let lost = client.try_call(Method::Post, &Client::statements(""), Some(statement("a", JOB))).await;
    assert!(lost.is_err());
    drop(client);
    let again = Client::over(Simulator::open(&path, options()).unwrap());
    assert_eq!(again.get("a").await.status, 404);
    wait(31).await;
    assert_eq!(again.get("a").await.status, 200);
    drop(again);
    let third = Client::over(Simulator::open(&path, options()).unwrap());
    wait(60).await;
    assert_eq!(third.simulator.audit().creates["a"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_world_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "dear diary\n").unwrap();
    let error = Simulator::open(&path, options()).err().unwrap().to_string();
    assert!(error.contains("notes.txt, line 1: this is no log of a simulated world"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary\n");
    fs::write(&path, "no end of line").unwrap();
    assert!(Simulator::open(&path, options()).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "no end of line");
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_and_requests_give_equal_worlds_to_the_byte() {
    let mut logs = Vec::new();
    for seed in [7, 7, 8] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        let client = Client::over(Simulator::open(&path, crate::simulator::Options { seed, ..options() }).unwrap());
        for number in 0..20 {
            client.submit(&format!("s-{number}"), JOB).await;
            wait(3).await;
        }
        client.put("s-1", |body| body["spec"]["stopped"] = json!(true)).await;
        wait(60).await;
        let list = client.list("?page_size=100").await;
        logs.push((fs::read(&path).unwrap(), list.bytes, list.headers.get("x-request-id").map(str::to_owned)));
    }
    assert_eq!(logs[0], logs[1]);
    assert_ne!(logs[0], logs[2]);
}

#[cfg(unix)]
#[test]
fn a_world_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(Simulator::open(folder.path().join("w.world"), options()).unwrap());
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_world_goes_on_from_a_moment_as_often_as_one_likes() {
    let client = Client::over(Simulator::new(options()));
    client.call(Method::Post, &Client::pools(""), Some(pool("main", 5))).await;
    client.submit("table", TABLE).await;
    wait(100).await;
    client.submit("job", JOB).await;
    client.simulator.push_fault(Fault::once(Misfortune::LostThenDone(30.0)).on(Method::Delete));
    let deleted = client.try_call(Method::Delete, &Client::statements("/table"), None).await;
    assert!(deleted.is_err(), "nobody hears what becomes of it");
    let moment = client.simulator.moment();
    // The original goes on beside it.
    wait(60).await;
    assert!(client.simulator.world().statements.iter().all(|it| it.name != "table"));
    let later: Vec<_> = (0..2)
        .map(|_| {
            let simulator = Simulator::from_moment(&moment);
            assert_eq!(simulator.moment().bytes(), moment.bytes());
            assert_eq!(simulator.world().statements.len(), 2);
            simulator.meddle(Meddle::Advance(Duration::from_secs(60))).unwrap();
            (simulator.world(), simulator.effects(), simulator.audit())
        })
        .collect();
    assert_eq!(later[0], later[1]);
    let original = (client.simulator.world(), client.simulator.effects(), client.simulator.audit());
    assert_eq!(later[0], original, "what was still to happen has happened there too");
    assert_ne!(client.simulator.moment().bytes(), moment.bytes());
}
