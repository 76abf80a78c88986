//! Runs cut at every step they take on the disk, and again while recovering; and disks that refuse.
//!
//! What has to hold: the record that is found is what a prefix of the entries makes, and every acknowledged entry is
//! in that prefix. Then the next run goes on from there to the end.

use std::{sync::LazyLock, time::Duration};

use super::{
    sample::*,
    wrapped::{Forgets, Wrapped},
    *,
};
use crate::{
    resource::{Address, Amendment, Role},
    state::fake::{FakeDisk, Fault, Operation},
};

const PATH: &str = "state/prod.json";

/// Two runs of a project, as groups of entries.
fn script() -> [Vec<Vec<Entry>>; 2] {
    let stop = Amendment { stopped: true, ..Amendment::default() };
    let stood = Fact::Stood { key: "a".to_owned(), name: "a".to_owned(), offsets: offsets(1) };
    let gone = Fact::Gone { key: "a".to_owned(), name: "a".to_owned() };
    [
        vec![
            vec![declared("a", "a"), declared("b", "b")],
            vec![submit("1", "a", "a", 1, Role::Current), submit("2", "b", "b", 1, Role::Current)],
            vec![applied("2", "uid-b")],
            vec![applied("1", "uid-a")],
        ],
        vec![
            vec![amend("3", "a", "a", stop), submit("4", "b", "b", 2, Role::Successor)],
            vec![applied("3", ""), rejected("4"), fact(stood)],
            vec![remove("5", "a", "a")],
            vec![applied("5", ""), fact(gone), fact(Fact::Buried { address: Address::statement("a") })],
        ],
    ]
}

/// What a project did: how many entries it knows to be durable, and how many it may have written.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    acknowledged: usize,
    attempted: usize,
}

/// What stopped a project, and what its ledger says when it is asked again.
struct Stop {
    error: LedgerError,
    again: LedgerError,
}

/// One project on one disk: every run that is left, from what is found. Stops at the first error.
fn go_on<D: Disk>(disk: impl Fn() -> D, progress: &mut Progress) -> Result<(), Box<Stop>> {
    let runs = script();
    let mut before = 0;
    for groups in runs {
        let entries: Vec<Entry> = groups.iter().flatten().cloned().collect();
        let after = before + entries.len();
        if progress.acknowledged < after || before == 0 {
            one_run(disk(), &groups, before, progress)?;
        }
        before = after;
    }
    Ok(())
}

fn one_run<D: Disk>(disk: D, groups: &[Vec<Entry>], before: usize, progress: &mut Progress) -> Result<(), Box<Stop>> {
    let mut ledger = Local::on(disk, PATH);
    wait(async {
        let done = run_in(&mut ledger, groups, before, progress).await;
        match done {
            Ok(()) => Ok(()),
            Err(error) => {
                let again = ledger.append(&[rejected("1")]).await.expect_err("it goes on after an error");
                Err(Box::new(Stop { error, again }))
            }
        }
    })
}

async fn run_in<D: Disk>(
    ledger: &mut Local<D>,
    groups: &[Vec<Entry>],
    before: usize,
    progress: &mut Progress,
) -> Result<(), LedgerError> {
    ledger.lock(&holder("apply"), Duration::ZERO).await?;
    let mut recorded = ledger.load().await?.unwrap_or_else(empty);
    let mut known = known_in(&recorded, *progress).unwrap_or_else(|why| panic!("{why}"));
    progress.acknowledged = known;
    ledger.begin(&recorded).await?;
    let mut end = before;
    for group in groups {
        let start = end;
        end += group.len();
        let rest = &group[known.clamp(start, end) - start..];
        if rest.is_empty() {
            continue;
        }
        progress.attempted = end;
        ledger.append(rest).await?;
        rest.iter().for_each(|entry| recorded.apply(entry).unwrap());
        known = end;
        progress.acknowledged = end;
    }
    ledger.fold(&recorded).await
}

/// How many entries of the script `recorded` is made of; an error if it is made of no prefix that is allowed.
fn known_in(recorded: &Recorded, progress: Progress) -> Result<usize, String> {
    static PREFIXES: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
        let mut made = vec![empty()];
        for entry in script().iter().flatten().flatten() {
            let mut next = made.last().unwrap().clone();
            next.apply(entry).unwrap();
            made.push(next);
        }
        made
    });
    let unfolded = Recorded { serial: 0, ..recorded.clone() };
    let matches: Vec<usize> = (0..PREFIXES.len()).filter(|count| PREFIXES[*count] == unfolded).collect();
    let allowed = progress.acknowledged..=progress.attempted.max(progress.acknowledged);
    let found = matches.iter().find(|count| allowed.contains(count));
    found.copied().ok_or_else(|| format!("found what {matches:?} entries make, but {allowed:?} were to be found"))
}

fn found_on<D: Disk>(disk: D, progress: Progress) -> Result<usize, String> {
    match wait(Local::on(disk, PATH).load()) {
        Ok(Some(recorded)) => known_in(&recorded, progress),
        Ok(None) if progress.acknowledged == 0 => Ok(0),
        Ok(None) => Err(format!("the state is gone, with {} entries", progress.acknowledged)),
        Err(error) => Err(error.to_string()),
    }
}

/// The operations of an undisturbed project.
fn points() -> Vec<Operation> {
    let disk = FakeDisk::new();
    assert!(go_on(|| disk.clone(), &mut Progress::default()).is_ok());
    disk.operations()
}

/// Cuts a project at operation `at`; gives what is found on the disk then, or what is wrong with it.
fn cut<D: Disk>(
    disk: &FakeDisk,
    wrap: impl Fn(FakeDisk) -> D,
    at: usize,
    seed: u64,
    mut progress: Progress,
) -> Result<(FakeDisk, Progress), String> {
    disk.strike(at, Fault::Cut, seed);
    // Past the last operation, the cut falls on an idle machine.
    drop(go_on(|| wrap(disk.clone()), &mut progress));
    let after = disk.restart(seed);
    found_on(wrap(after.clone()), progress).map_err(|why| format!("cut at {at}, seed {seed}: {why}"))?;
    Ok((after, progress))
}

/// Cuts at every point, with several outcomes for what was not synced; brings each project to its end.
/// Gives how many cuts were made.
fn cut_everywhere<D: Disk>(wrap: impl Fn(FakeDisk) -> D + Copy) -> Result<usize, String> {
    let mut cuts = 0;
    for (at, seed) in (0..=points().len()).flat_map(|at| (0..8).map(move |seed| (at, seed))) {
        let (disk, progress) = cut(&FakeDisk::new(), wrap, at, seed, Progress::default())?;
        finish(&disk, wrap, progress).map_err(|why| format!("cut at {at}, seed {seed}: {why}"))?;
        cuts += 1;
    }
    Ok(cuts)
}

/// Cuts at every point, and again at every point of the recovery from that.
fn cut_everywhere_twice() -> Result<usize, String> {
    let mut cuts = 0;
    for at in 0..=points().len() {
        let seed = at as u64 * 101 % 97;
        let (first, progress) = cut(&FakeDisk::new(), |disk| disk, at, seed, Progress::default())?;
        for again in 0.. {
            let place = |why: String| format!("cut at {at}, seed {seed}, then at {again}: {why}");
            let disk = first.restart(1);
            let (after, progress) = cut(&disk, |disk| disk, again, again as u64 * 13 % 11, progress).map_err(place)?;
            finish(&after, |disk| disk, progress).map_err(place)?;
            cuts += 1;
            if !disk.has_struck() {
                break;
            }
        }
    }
    Ok(cuts)
}

/// Runs to the end, and finds all there even if everything that was not synced is lost then.
fn finish<D: Disk>(disk: &FakeDisk, wrap: impl Fn(FakeDisk) -> D, mut progress: Progress) -> Result<(), String> {
    go_on(|| wrap(disk.clone()), &mut progress).map_err(|stop| format!("cannot go on: {}", stop.error))?;
    let all = script().iter().flatten().map(Vec::len).sum();
    found_on(wrap(disk.restart(0)), Progress { acknowledged: all, attempted: all }).map(drop)
}

#[test]
fn no_cut_loses_what_was_acknowledged() {
    assert_eq!(cut_everywhere(|disk| disk), Ok((points().len() + 1) * 8));
}

#[test]
fn no_cut_during_recovery_loses_what_was_acknowledged() {
    let cuts = cut_everywhere_twice().unwrap();
    // A recovery takes at least a lock, a first line and a fold.
    assert!(cuts > points().len() * 12, "{cuts} cuts");
}

#[test]
fn every_cut_falls_where_it_is_meant_to() {
    let points = points();
    for (at, point) in points.iter().enumerate() {
        let disk = FakeDisk::new();
        disk.strike(at, Fault::Cut, 3);
        assert!(go_on(|| disk.clone(), &mut Progress::default()).is_err() || point.0 == "remove", "{at}: {point:?}");
        assert!(disk.has_struck());
        assert_eq!(disk.operations().last(), Some(point));
    }
    let named = |name: &str| points.iter().filter(|(operation, _)| *operation == name).count();
    // The state is written three times: when it is made, and at the end of two runs. There are two journals.
    assert_eq!((named("rename"), named("remove"), named("create")), (3, 2, 5));
    // One write and one fsync for each of eight groups, three snapshots and two first lines; and the folder is made.
    assert_eq!((named("append"), named("sync"), named("sync_folder")), (13, 13, 6));
}

#[test]
fn a_disk_that_refuses_loses_nothing_and_ends_the_run() {
    let faults = [Fault::Error(28), Fault::Error(5), Fault::ErrorsFrom(28), Fault::ErrorsFrom(30)];
    for (at, point) in points().iter().enumerate() {
        for (fault, seed) in faults.into_iter().flat_map(|fault| (0..4).map(move |seed| (fault, seed))) {
            let disk = FakeDisk::new();
            disk.strike(at, fault, seed);
            let mut progress = Progress::default();
            let place = format!("{fault:?} at {at}, {point:?}");
            match go_on(|| disk.clone(), &mut progress) {
                // The journal of a folded run could not be removed; or it could be by the next run.
                Ok(()) => assert_eq!(point.0, "remove", "{place}"),
                Err(stop) => {
                    let LedgerError::Disk { doing, file, .. } = &stop.error else { panic!("{place}: {}", stop.error) };
                    assert!(file.starts_with("state"), "{place}: {file}");
                    // Until the lock is there, nothing was begun that could be broken.
                    if *doing != "lock" && (*doing, file.as_str()) != ("create", "state") {
                        assert_eq!(stop.again, stop.error, "{place}");
                        let asked = disk.operations().len();
                        assert!(matches!(fault, Fault::ErrorsFrom(_)) || asked == at + 1, "{place}: {asked}");
                    }
                }
            }
            assert!(disk.has_struck(), "{place}");
            found_on(disk.clone(), progress).unwrap_or_else(|why| panic!("{place}: {why}"));
            let restarted = disk.restart(seed);
            found_on(restarted.clone(), progress).unwrap_or_else(|why| panic!("{place}, restarted: {why}"));
            assert!(go_on(|| restarted.clone(), &mut progress).is_ok(), "{place}");
        }
    }
}

#[test]
fn a_ledger_that_forgets_any_sync_is_caught() {
    for forgets in [Forgets::Journal, Forgets::Snapshot, Forgets::FolderAfterRename, Forgets::FolderAfterCreate] {
        let outcome = std::panic::catch_unwind(|| {
            cut_everywhere(|disk| Wrapped { forgets: Some(forgets), ..Wrapped::around(disk) })
        });
        assert!(!matches!(outcome, Ok(Ok(_))), "nobody noticed that {forgets:?} was not synced");
    }
}
