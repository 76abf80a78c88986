//! The state's folder is taken away, moved or made read-only while the program runs: nothing more is sent, what is known
//! is told, and the next run goes on.

use std::process::Command;

use floe::resource::Pool;

use super::*;
use crate::program::words;

/// How long after it a request may come that had left before: this machine may be busy.
const UNDER_WAY: Duration = Duration::from_millis(250);

/// One run, in which something happens to the state's folder: when request number `at` of those that change something has come.
async fn run_while(scene: &Scene, at: usize, happens: impl FnOnce(&Path) + Send + 'static) -> (Run, SystemTime) {
    let (told, when) = std::sync::mpsc::channel();
    let folder = scene.folder().join("state");
    let run = scene.run_while(at, move || {
        happens(&folder);
        told.send(SystemTime::now()).unwrap();
    });
    let run = run.await;
    let when = when.try_recv().unwrap_or_else(|_| panic!("nothing happened before change {at}: {}", run.said));
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

/// Twelve tables in somebody else's pool, and what takes their state away when the first of them is being made. By then
/// every intent is durable. So many requests may leave in a second.
async fn removed(per_second: u32) -> (World, Vec<Sent>) {
    let tables = (0..12).map(|n| format!("[statements.t{n}]\nsql = \"CREATE TABLE t{n} (id STRING)\"\n"));
    let statements: String = tables.collect();
    let mut world = World::with(&[("statements/s.toml", statements.as_str())], options());
    world.environment = Some("test".to_owned());
    let theirs = Pool {
        display_name: "theirs".to_owned(),
        cloud: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        max_cfu: 10,
        network: None,
        prevent_destroy: false,
    };
    let theirs = world.cloud().create_pool(&theirs).await.unwrap();
    world.write("pools.toml", &format!("[pools.main]\nid = \"{}\"\n", theirs.id));
    let (code, sent, said) = apply(&world, per_second, Some(Sent::changes)).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("it is gone") && said.contains("Nothing more is sent") && said.contains("test.journal"),
        "{said}"
    );
    (world, sent)
}

/// One apply, in which the state's folder is removed when such a request has come.
async fn apply(
    world: &World,
    per_second: u32,
    removes_at: Option<fn(&Sent) -> bool>,
) -> (Option<i32>, Vec<Sent>, String) {
    let (folder, service) = (world.folder.path(), Service::of(&world.simulator, None).await);
    let limited = program::manifest(&service.origin, &format!("requests_per_second = {per_second}\n"));
    fs::write(folder.join("floe.toml"), limited).unwrap();
    if let Some(is_due) = removes_at {
        let state = folder.join("state");
        service.meanwhile(is_due, move || fs::remove_dir_all(state).unwrap());
    }
    let ended = service.run(program::floe(folder, &[], &["apply", "--yes"])).await;
    let (out, err) = program::said(folder);
    (ended.status.code(), service.sent(), words(&(out + &err)))
}

#[tokio::test]
async fn a_state_folder_that_is_removed_in_mid_run_stops_it_and_the_next_run_adopts_what_is_there() {
    let (world, _) = removed(40).await;
    let (code, _, said) = apply(&world, 40, None).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, sent, said) = apply(&world, 40, None).await;
    assert!(code == Some(0) && !sent.iter().any(Sent::changes), "{said}");
    let creates = world.simulator.audit_report().creations;
    assert!(creates.len() == 12 && creates.values().all(|count| *count == 1), "{creates:?}");
}

#[tokio::test]
async fn the_pools_of_a_state_folder_that_was_removed_are_named_and_taken_over() {
    let files = [("statements/s.toml", "[statements.t]\nsql = \"CREATE TABLE t (id STRING)\"\n"), ("pools.toml", MAIN)];
    let mut world = World::with(&files, options());
    world.environment = Some("test".to_owned());
    let is_submission = |sent: &Sent| sent.changes() && sent.line.contains("/statements");
    let (code, _, said) = apply(&world, 40, Some(is_submission)).await;
    assert_eq!(code, Some(1), "{said}");
    let pool = world.simulator.world_view().pools.remove(0).id;
    assert!(said.contains(&format!("floe import -e test pools.main {pool}")), "{said}");
    let service = Service::of(&world.simulator, None).await;
    fs::write(world.folder.path().join("floe.toml"), program::manifest(&service.origin, "")).unwrap();
    let import = program::floe(world.folder.path(), &[], &["import", "pools.main", &pool]);
    assert_eq!(service.run(import).await.status.code(), Some(0), "{:?}", program::said(world.folder.path()));
    let (code, _, said) = apply(&world, 40, None).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, sent, said) = apply(&world, 40, None).await;
    assert!(code == Some(0) && !sent.iter().any(Sent::changes), "{said}");
    let audit = world.simulator.audit_report();
    assert_eq!((audit.creations["t"], audit.pool_creations["main"]), (1, 1));
}

const MAIN: &str = "[pools.main]\nmax_cfu = 5\n";

#[tokio::test]
async fn what_waits_for_its_turn_is_not_sent_any_more() {
    let (world, sent) = removed(4).await;
    let changes = sent.iter().filter(|sent| sent.changes()).count();
    // Those of the first second may have left together.
    assert!((1..=4).contains(&changes), "{sent:#?}");
    assert!(world.simulator.audit_report().creations.len() <= 4);
}

#[test]
fn a_state_folder_that_is_moved_in_mid_run_stops_it_and_once_it_is_back_the_next_run_goes_on() {
    let problems = side_by_side(vec![1, 9], &mut Figures::default(), |at, runtime, figures| {
        let life = async {
            let scene = Scene::before(1).await?;
            let away = |state: &Path| fs::rename(state, state.with_extension("away")).unwrap();
            let (run, since) = run_while(&scene, *at, away).await;
            stopped(&run, since, &["state/test.journal", "is gone", "Nothing more is sent"]);
            fs::rename(scene.folder().join("state.away"), scene.folder().join("state")).unwrap();
            scene.nothing_is_lost(figures).await?;
            scene.comes_to_its_end(figures).await
        };
        (runtime.block_on(life), None)
    });
    assert!(problems.is_empty(), "{problems:#?}");
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

#[test]
fn a_read_only_state_folder_is_told_before_anything_is_sent_or_at_the_end_and_costs_nothing() {
    let probe = tempfile::tempdir().unwrap();
    let is_possible = read_only(probe.path(), true);
    read_only(probe.path(), false);
    if !is_possible {
        println!("skipped: this user may write to a folder that is read-only");
        return;
    }
    // From the beginning, early, and late.
    let problems = side_by_side(vec![None, Some(0), Some(9)], &mut Figures::default(), |at, runtime, figures| {
        (runtime.block_on(while_read_only(*at, figures)), None)
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

async fn while_read_only(at: Option<usize>, figures: &mut Figures) -> Result<(), Problem> {
    let scene = Scene::before(1).await?;
    let state = scene.folder().join("state");
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
    if at.is_none() {
        assert!(!run.sent.iter().any(Sent::changes), "{:?}", run.sent);
        assert!(said.contains("has sent nothing to change the cloud") && said.contains("state/test."), "{said}");
    } else {
        // The journal is open and can be written; the snapshot cannot be replaced.
        assert!(said.contains("durable in") && said.contains("nothing is lost"), "{said}");
    }
    scene.nothing_is_lost(figures).await?;
    scene.comes_to_its_end(figures).await
}
