//! Removes, moves or write-protects the state folder while the program runs. The program sends nothing more and
//! reports what is known, and the next run continues.

use std::process::Command;

use floe::resource::Pool;

use super::*;
use crate::{program_harness::single_line, test_project::pool};

/// How long after the change a request may arrive that was sent before it, since the machine may be busy.
const IN_FLIGHT_GRACE: Duration = Duration::from_millis(250);

/// Runs the program once, and changes its state folder when mutation number `at` arrives, counted from 0. Returns the
/// run and the time of the change.
async fn run_and_change_folder(
    staged: &StagedProject,
    at: usize,
    change: impl FnOnce(&Path) + Send + 'static,
) -> (ProgramRun, SystemTime) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let folder = staged.folder().join("state");
    let run = staged.run_with_hook(at, move || {
        change(&folder);
        sender.send(SystemTime::now()).unwrap();
    });
    let run = run.await;
    let when = receiver.try_recv().unwrap_or_else(|_| panic!("the run ended before mutation {at}: {}", run.output));
    (run, when)
}

/// Asserts that the run stopped, that it sent no mutation after `since`, and that its output contains every
/// `expected_text`.
fn assert_stopped(run: &ProgramRun, since: SystemTime, expected_text: &[&str]) {
    let late: Vec<_> = run.sent.iter().filter(|sent| sent.is_mutation() && sent.at > since + IN_FLIGHT_GRACE).collect();
    assert!(late.is_empty(), "the run sent {late:?} after {since:?}:\n{}", run.output);
    assert_eq!(run.code, Some(1), "{}", run.output);
    let said = single_line(&run.output);
    assert!(expected_text.iter().all(|part| said.contains(part)), "{said}");
}

/// Applies twelve tables in a pool that is not managed by the project, and removes the state folder while the first of
/// them is created. By then every intent is durable. The run may send `per_second` requests in a second.
async fn apply_while_state_is_removed(per_second: u32) -> (TestProject, Vec<SentRequest>) {
    let tables = (0..12).map(|n| format!("[statements.t{n}]\nsql = \"CREATE TABLE t{n} (id STRING)\"\n"));
    let statements: String = tables.collect();
    let mut project = TestProject::with_options(&[("statements/s.toml", statements.as_str())], options());
    project.environment = Some("test".to_owned());
    let theirs = Pool { max_cfu: 10, ..pool("theirs") };
    let theirs = project.cloud().create_pool(&theirs).await.unwrap();
    project.write("pools.toml", &format!("[pools.main]\nid = \"{}\"\n", theirs.id));
    let (code, sent, said) = apply_removing_state(&project, per_second, Some(SentRequest::is_mutation)).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("it is gone") && said.contains("Nothing more is sent") && said.contains("test.journal"),
        "{said}"
    );
    (project, sent)
}

/// Applies once, and removes the state folder when a request arrives for which `remove_on` is true. Returns the exit
/// code, the requests and the output.
async fn apply_removing_state(
    project: &TestProject,
    per_second: u32,
    remove_on: Option<fn(&SentRequest) -> bool>,
) -> (Option<i32>, Vec<SentRequest>, String) {
    let (folder, service) = (project.folder.path(), ServedSimulator::start(&project.simulator, None).await);
    let limited =
        program_harness::floe_toml_with_endpoint(&service.origin, &format!("requests_per_second = {per_second}\n"));
    fs::write(folder.join("floe.toml"), limited).unwrap();
    if let Some(is_due) = remove_on {
        let state = folder.join("state");
        service.on_request(is_due, move || fs::remove_dir_all(state).unwrap());
    }
    let ended = service.run(program_harness::floe_command(folder, &[], &["apply", "--yes"])).await;
    let (out, err) = program_harness::output(folder);
    (ended.status.code(), service.sent(), single_line(&(out + &err)))
}

#[tokio::test]
async fn a_run_stops_when_its_state_folder_is_removed_and_the_next_run_adopts() {
    let (project, _) = apply_while_state_is_removed(40).await;
    let (code, _, said) = apply_removing_state(&project, 40, None).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, sent, said) = apply_removing_state(&project, 40, None).await;
    assert!(code == Some(0) && !sent.iter().any(SentRequest::is_mutation), "{said}");
    let creates = project.simulator.audit_report().creations;
    assert!(creates.len() == 12 && creates.values().all(|count| *count == 1), "{creates:?}");
}

#[tokio::test]
async fn pools_of_a_removed_state_folder_are_named_and_can_be_imported() {
    let files =
        [("statements/s.toml", "[statements.t]\nsql = \"CREATE TABLE t (id STRING)\"\n"), ("pools.toml", MAIN_POOL)];
    let mut project = TestProject::with_options(&files, options());
    project.environment = Some("test".to_owned());
    let is_submission = |sent: &SentRequest| sent.is_mutation() && sent.line.contains("/statements");
    let (code, _, said) = apply_removing_state(&project, 40, Some(is_submission)).await;
    assert_eq!(code, Some(1), "{said}");
    let pool = project.simulator.world_view().pools.remove(0).id;
    let folder = project.folder.path().display();
    assert!(said.contains(&format!("floe import -e test -C {folder} pools.main {pool}")), "{said}");
    let service = ServedSimulator::start(&project.simulator, None).await;
    fs::write(project.folder.path().join("floe.toml"), program_harness::floe_toml_with_endpoint(&service.origin, ""))
        .unwrap();
    let import = program_harness::floe_command(project.folder.path(), &[], &["import", "pools.main", &pool]);
    assert_eq!(
        service.run(import).await.status.code(),
        Some(0),
        "{:?}",
        program_harness::output(project.folder.path())
    );
    let (code, _, said) = apply_removing_state(&project, 40, None).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, sent, said) = apply_removing_state(&project, 40, None).await;
    assert!(code == Some(0) && !sent.iter().any(SentRequest::is_mutation), "{said}");
    let audit = project.simulator.audit_report();
    assert_eq!((audit.creations["t"], audit.pool_creations["main"]), (1, 1));
}

/// The manifest of the pool.
const MAIN_POOL: &str = "[pools.main]\nmax_cfu = 5\n";

#[tokio::test]
async fn queued_requests_are_not_sent_after_the_state_folder_is_removed() {
    let (project, sent) = apply_while_state_is_removed(4).await;
    let changes = sent.iter().filter(|sent| sent.is_mutation()).count();
    // The requests of the first second may have been sent together.
    assert!((1..=4).contains(&changes), "{sent:#?}");
    assert!(project.simulator.audit_report().creations.len() <= 4);
}

#[test]
fn a_run_stops_when_its_state_folder_is_moved_and_the_next_run_continues_once_it_is_back() {
    let problems = run_in_parallel(vec![1, 9], &mut Figures::default(), |at, runtime, figures| {
        let case = async {
            let staged = StagedProject::before(1).await?;
            let move_away = |state: &Path| fs::rename(state, state.with_extension("away")).unwrap();
            let (run, since) = run_and_change_folder(&staged, *at, move_away).await;
            assert_stopped(&run, since, &["state/test.journal", "is gone", "Nothing more is sent"]);
            fs::rename(staged.folder().join("state.away"), staged.folder().join("state")).unwrap();
            staged.check_durability(figures).await?;
            staged.check_convergence(figures).await
        };
        (runtime.block_on(case), None)
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Makes a folder read-only or writable, also for root where the file system supports it. Returns false if that is not
/// possible here.
fn set_read_only(folder: &Path, is_read_only: bool) -> bool {
    if cfg!(not(unix)) {
        return false;
    }
    let set = |program: &str, how: &str| {
        let command = Command::new(program).arg(how).arg(folder).output();
        command.is_ok_and(|output| output.status.success())
    };
    if !is_read_only {
        return [set("chattr", "-i"), set("chmod", "0755")].contains(&true);
    }
    // Root may still write, unless the file system itself refuses.
    let refuses = || tempfile::tempfile_in(folder).is_err() && fs::create_dir(folder.join("probe")).is_err();
    let succeeded = set("chmod", "0555") && refuses() || set("chattr", "+i") && refuses();
    drop(fs::remove_dir(folder.join("probe")));
    succeeded
}

#[test]
fn a_read_only_state_folder_is_reported_and_nothing_is_lost() {
    let probe = tempfile::tempdir().unwrap();
    let is_possible = set_read_only(probe.path(), true);
    set_read_only(probe.path(), false);
    if !is_possible {
        println!("skipped: this user can write to a read-only folder");
        return;
    }
    // Read-only from the start, from early on, and from late on.
    let problems = run_in_parallel(vec![None, Some(0), Some(9)], &mut Figures::default(), |at, runtime, figures| {
        (runtime.block_on(run_with_read_only_state(*at, figures)), None)
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Runs the program with a state folder that is read-only from the start, or from mutation number `at` on.
async fn run_with_read_only_state(at: Option<usize>, figures: &mut Figures) -> Result<(), CrashFailure> {
    let staged = StagedProject::before(1).await?;
    let state = staged.folder().join("state");
    let run = match at {
        None => {
            set_read_only(&state, true);
            staged.run(&[], None).await
        }
        Some(at) => run_and_change_folder(&staged, at, |state| assert!(set_read_only(state, true))).await.0,
    };
    set_read_only(&state, false);
    let said = single_line(&run.output);
    assert_eq!(run.code, Some(1), "{said}");
    if at.is_none() {
        assert!(!run.sent.iter().any(SentRequest::is_mutation), "{:?}", run.sent);
        assert!(
            said.contains("sent no request that changes Confluent Cloud") && said.contains("state/test."),
            "{said}"
        );
    } else {
        // The journal is open and can still be written, but the snapshot cannot be replaced.
        assert!(said.contains("durable in") && said.contains("nothing is lost"), "{said}");
    }
    staged.check_durability(figures).await?;
    staged.check_convergence(figures).await
}
