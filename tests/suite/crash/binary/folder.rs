//! The state's folder is taken away, moved or made read-only while the program runs: nothing more is sent, what is known
//! is told, and the next run goes on.

use std::{process::Command, time::SystemTime};

use super::*;
use crate::program::words;

/// How long after it a request may come that had left before: this machine may be busy.
const UNDER_WAY: Duration = Duration::from_millis(250);

/// One run, in the middle of which something happens to the state's folder: when its request number `at` has come.
async fn run_while(scene: &Scene, at: usize, happens: impl FnOnce(&Path) + Send + 'static) -> (Run, SystemTime) {
    let (told, when) = std::sync::mpsc::channel();
    let folder = scene.folder().join("state");
    let run = scene.run_while(at, move || {
        happens(&folder);
        told.send(SystemTime::now()).unwrap();
    });
    let run = run.await;
    let when = when.try_recv().unwrap_or_else(|_| panic!("nothing happened before request {at}: {}", run.said));
    (run, when)
}

/// It stopped, nothing that changes something was sent any more, and these words were said.
fn stopped(run: &Run, since: SystemTime, says: &[&str]) {
    let late: Vec<_> = run.sent.iter().filter(|sent| sent.changes() && sent.at > since + UNDER_WAY).collect();
    assert!(late.is_empty(), "since {since:?} was sent {late:?}:\n{}", run.said);
    assert_eq!(run.code, Some(1), "{}", run.said);
    let said = words(&run.said);
    assert!(says.iter().all(|part| said.contains(part)), "{said}");
}

/// Which request of an undisturbed first apply is the first, or the last, that changes something.
async fn changing(stage: usize) -> (usize, usize) {
    let scene = Scene::before(stage).await.unwrap();
    let sent = scene.run(&[], None).await.sent;
    let is_change = |sent: &Sent| sent.changes();
    (sent.iter().position(is_change).unwrap(), sent.iter().rposition(is_change).unwrap())
}

#[tokio::test]
async fn a_state_folder_that_is_removed_in_mid_run_stops_it_and_the_next_run_adopts_what_is_there() {
    let (first, last) = changing(0).await;
    for at in [first, (first + last) / 2] {
        let scene = Scene::before(0).await.unwrap();
        let (run, since) = run_while(&scene, at, |state| fs::remove_dir_all(state).unwrap()).await;
        stopped(&run, since, &["state/test.journal", "is gone", "Nothing more is sent"]);
        tokio::time::sleep(Duration::from_millis(200)).await;
        scene.comes_to_its_end(&mut Figures::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_state_folder_that_is_moved_in_mid_run_stops_it_and_once_it_is_back_the_next_run_goes_on() {
    let (first, last) = changing(1).await;
    for at in [first + 1, last] {
        let scene = Scene::before(1).await.unwrap();
        let (run, since) =
            run_while(&scene, at, |state| fs::rename(state, state.with_extension("away")).unwrap()).await;
        stopped(&run, since, &["state/test.journal", "is gone", "Nothing more is sent"]);
        fs::rename(scene.folder().join("state.away"), scene.folder().join("state")).unwrap();
        scene.nothing_is_lost(&mut Figures::default()).await.unwrap();
        scene.comes_to_its_end(&mut Figures::default()).await.unwrap();
    }
}

/// Makes a folder read-only, also for root where the file system can do that. `false` if it cannot be done here.
fn read_only(folder: &Path, yes: bool) -> bool {
    if cfg!(not(unix)) {
        return false;
    }
    let set = |program: &str, how: &str| {
        let command = Command::new(program).arg(how).arg(folder).output();
        command.is_ok_and(|output| output.status.success())
    };
    if !yes {
        return [set("chattr", "-i"), set("chmod", "0755")].contains(&true);
    }
    // Root may write all the same, unless the file system itself refuses.
    let refuses = || tempfile::tempfile_in(folder).is_err() && fs::create_dir(folder.join("probe")).is_err();
    let is_so = set("chmod", "0555") && refuses() || set("chattr", "+i") && refuses();
    drop(fs::remove_dir(folder.join("probe")));
    is_so
}

#[tokio::test]
async fn a_read_only_state_folder_is_told_before_anything_is_sent_or_at_the_end_and_costs_nothing() {
    let (first, last) = changing(1).await;
    // From the beginning, early, and after the last change.
    for at in [None, Some(first), Some(last)] {
        let scene = Scene::before(1).await.unwrap();
        let state = scene.folder().join("state");
        if !read_only(&state, true) {
            println!("skipped: a folder cannot be made read-only for this user");
            return;
        }
        read_only(&state, false);
        let run = match at {
            None => {
                read_only(&state, true);
                scene.run(&[], None).await
            }
            Some(at) => run_while(&scene, at, |state| assert!(read_only(state, true))).await.0,
        };
        read_only(&state, false);
        let said = words(&run.said);
        assert_eq!(run.code, Some(1), "{said}");
        match at {
            None => {
                assert!(!run.sent.iter().any(Sent::changes), "{:?}", run.sent);
                assert!(said.contains("nothing was sent") && said.contains("state/test."), "{said}");
            }
            // The journal is open and can be written; the snapshot cannot be replaced.
            Some(_) => assert!(said.contains("durable in") && said.contains("nothing is lost"), "{said}"),
        }
        scene.nothing_is_lost(&mut Figures::default()).await.unwrap();
        scene.comes_to_its_end(&mut Figures::default()).await.unwrap();
    }
}

#[tokio::test]
async fn what_waits_for_its_turn_is_not_sent_any_more() {
    let tables = (0..12).map(|n| format!("[statements.t{n}]\nsql = \"CREATE TABLE t{n} (id STRING)\"\n"));
    let statements: String = tables.collect();
    let files =
        [("pools.toml", "[pools.main]\nid = \"lfcp-theirs\"\n"), ("statements/s.toml", statements.as_str())];
    let world = World::with(&files, options());
    let (folder, service) = (world.folder.path(), Service::of(&world.simulator, None).await);
    let slow = program::manifest(&service.origin, "requests_per_second = 2\n");
    fs::write(folder.join("floe.toml"), slow).unwrap();
    // All intents are durable by now, and two requests may leave in a second.
    let reads = 3;
    let state = folder.join("state");
    service.meanwhile(reads, move || fs::remove_dir_all(state).unwrap());
    let ended = service.run(program::floe(folder, &[], &["apply", "--yes"])).await;
    let (sent, (out, err)) = (service.sent(), program::said(folder));
    let changes = sent.iter().filter(|sent| sent.changes()).count();
    assert!(ended.status.code() == Some(1) && (1..=3).contains(&changes), "{sent:#?}\n{out}\n{err}");
    assert!(words(&out).contains("it is gone") && words(&out).contains("11 given up"), "{out}");
}
