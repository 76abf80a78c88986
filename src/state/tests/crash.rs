//! Runs that crash at each of their disk operations, and again while recovering, and disks that return errors.
//!
//! The record that is found must be the result of a prefix of the entries, and that prefix must contain every
//! acknowledged entry. The next run must then continue from there to the end.

use std::{sync::LazyLock, time::Duration};

use super::{disk_hooks::SkippedSync, fixtures::*, *};
use crate::{
    resource::{Address, Role, StatementUpdate},
    state::{
        fake_disk::{DiskFault, DiskOperation, FakeDisk},
        hooked_disk::HookedDisk,
    },
};

const PATH: &str = "state/prod.json";

/// Returns the two runs of a project, as groups of entries.
fn script() -> [Vec<Vec<Entry>>; 2] {
    let stop = StatementUpdate { stopped: true, ..StatementUpdate::default() };
    let offsets_set = Fact::OffsetsSet { key: "a".to_owned(), name: "a".to_owned(), offsets: offsets(1) };
    let gone = Fact::GenerationGone { key: "a".to_owned(), name: "a".to_owned() };
    [
        vec![
            vec![declare("a", "a"), declare("b", "b")],
            vec![submit("1", "a", "a", 1, Role::Current), submit("2", "b", "b", 1, Role::Current)],
            vec![settle_applied("2", "uid-b")],
            vec![settle_applied("1", "uid-a")],
        ],
        vec![
            vec![update("3", "a", "a", stop), submit("4", "b", "b", 2, Role::Successor)],
            vec![settle_applied("3", ""), settle_rejected("4"), fact(offsets_set)],
            vec![delete("5", "a", "a")],
            vec![settle_applied("5", ""), fact(gone), fact(Fact::Deleted { address: Address::statement("a") })],
        ],
    ]
}

/// The progress of a project: the entries that it knows to be durable, and those that it may have written.
#[derive(Debug, Clone, Copy, Default)]
struct RunProgress {
    /// The number of entries that are known to be durable.
    acknowledged: usize,
    /// The number of entries that may have been written.
    attempted: usize,
}

/// The error that stopped a project, and the error of its ledger's next call.
struct StoppedRun {
    /// The error that stopped the run.
    error: LedgerError,
    /// The error that a retry returned.
    error_on_retry: LedgerError,
}

/// Runs a project on a disk: all runs that remain, from the state that is found. Stops at the first error.
fn run_project<D: Disk>(disk: impl Fn() -> D, progress: &mut RunProgress) -> Result<(), Box<StoppedRun>> {
    let runs = script();
    let mut before = 0;
    for groups in runs {
        let entries: Vec<Entry> = groups.iter().flatten().cloned().collect();
        let after = before + entries.len();
        if progress.acknowledged < after || before == 0 {
            run_once(disk(), &groups, before, progress)?;
        }
        before = after;
    }
    Ok(())
}

/// Runs one run of the project. After an error, it calls the ledger again.
fn run_once<D: Disk>(
    disk: D,
    groups: &[Vec<Entry>],
    before: usize,
    progress: &mut RunProgress,
) -> Result<(), Box<StoppedRun>> {
    let mut ledger = LocalLedger::on_disk(disk, PATH);
    block_on(async {
        let done = run_ledger(&mut ledger, groups, before, progress).await;
        match done {
            Ok(()) => Ok(()),
            Err(error) => {
                let error_on_retry = ledger
                    .append(&[settle_rejected("1")])
                    .await
                    .expect_err("the ledger must not continue after an error");
                Err(Box::new(StoppedRun { error, error_on_retry }))
            }
        }
    })
}

/// Calls the ledger as a run does, from the lock to the compaction.
async fn run_ledger<D: Disk>(
    ledger: &mut LocalLedger<D>,
    groups: &[Vec<Entry>],
    before: usize,
    progress: &mut RunProgress,
) -> Result<(), LedgerError> {
    ledger.lock(&holder("apply"), Duration::ZERO).await?;
    let mut recorded = ledger.load().await?.unwrap_or_else(empty_record);
    let mut known = applied_prefix(&recorded, *progress).unwrap_or_else(|why| panic!("{why}"));
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
    ledger.compact(&recorded).await
}

/// Returns the number of the script's entries that `recorded` consists of, or an error if that is not an allowed
/// prefix.
fn applied_prefix(recorded: &Recorded, progress: RunProgress) -> Result<usize, String> {
    static PREFIXES: LazyLock<Vec<Recorded>> = LazyLock::new(|| {
        let mut made = vec![empty_record()];
        for entry in script().iter().flatten().flatten() {
            let mut next = made.last().unwrap().clone();
            next.apply(entry).unwrap();
            made.push(next);
        }
        made
    });
    let without_serial = Recorded { serial: 0, ..recorded.clone() };
    let matches: Vec<usize> = (0..PREFIXES.len()).filter(|count| PREFIXES[*count] == without_serial).collect();
    let allowed = progress.acknowledged..=progress.attempted.max(progress.acknowledged);
    let found = matches.iter().find(|count| allowed.contains(count));
    found.copied().ok_or_else(|| format!("found the result of {matches:?} entries, expected {allowed:?}"))
}

/// Loads the record and returns the number of the script's entries in it.
fn check_disk<D: Disk>(disk: D, progress: RunProgress) -> Result<usize, String> {
    match block_on(LocalLedger::on_disk(disk, PATH).load()) {
        Ok(Some(recorded)) => applied_prefix(&recorded, progress),
        Ok(None) if progress.acknowledged == 0 => Ok(0),
        Ok(None) => Err(format!("the state with {} entries is gone", progress.acknowledged)),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns the operations of a project without faults.
fn all_operations() -> Vec<DiskOperation> {
    let disk = FakeDisk::new();
    assert!(run_project(|| disk.clone(), &mut RunProgress::default()).is_ok());
    disk.operations()
}

/// Crashes a project at operation `at`. Returns the disk that is found afterwards, or what is wrong with it.
fn crash_at<D: Disk>(
    disk: &FakeDisk,
    wrap: impl Fn(FakeDisk) -> D,
    at: usize,
    seed: u64,
    mut progress: RunProgress,
) -> Result<(FakeDisk, RunProgress), String> {
    disk.inject_fault(at, DiskFault::Crash, seed);
    // Past the last operation, the crash happens on an idle machine.
    drop(run_project(|| wrap(disk.clone()), &mut progress));
    let after = disk.restart(seed);
    check_disk(wrap(after.clone()), progress).map_err(|why| format!("crash at {at}, seed {seed}: {why}"))?;
    Ok((after, progress))
}

/// Crashes at every operation, with several outcomes for what was not synced, and completes each project afterwards.
/// Returns the number of crashes.
fn crash_everywhere<D: Disk>(wrap: impl Fn(FakeDisk) -> D + Copy) -> Result<usize, String> {
    let mut crashes = 0;
    for (at, seed) in (0..=all_operations().len()).flat_map(|at| (0..8).map(move |seed| (at, seed))) {
        let (disk, progress) = crash_at(&FakeDisk::new(), wrap, at, seed, RunProgress::default())?;
        finish(&disk, wrap, progress).map_err(|why| format!("crash at {at}, seed {seed}: {why}"))?;
        crashes += 1;
    }
    Ok(crashes)
}

/// Crashes at every operation, and again at every operation of the recovery.
fn crash_twice_everywhere() -> Result<usize, String> {
    let mut crashes = 0;
    for at in 0..=all_operations().len() {
        let seed = at as u64 * 101 % 97;
        let (first, progress) = crash_at(&FakeDisk::new(), |disk| disk, at, seed, RunProgress::default())?;
        for again in 0.. {
            let place = |why: String| format!("crash at {at}, seed {seed}, then at {again}: {why}");
            let disk = first.restart(1);
            let (after, progress) =
                crash_at(&disk, |disk| disk, again, again as u64 * 13 % 11, progress).map_err(place)?;
            finish(&after, |disk| disk, progress).map_err(place)?;
            crashes += 1;
            if !disk.fault_occurred() {
                break;
            }
        }
    }
    Ok(crashes)
}

/// Runs the project to its end, and checks that everything is durable even if all that was not synced is lost.
fn finish<D: Disk>(disk: &FakeDisk, wrap: impl Fn(FakeDisk) -> D, mut progress: RunProgress) -> Result<(), String> {
    run_project(|| wrap(disk.clone()), &mut progress).map_err(|stop| format!("cannot continue: {}", stop.error))?;
    let all = script().iter().flatten().map(Vec::len).sum();
    check_disk(wrap(disk.restart(0)), RunProgress { acknowledged: all, attempted: all }).map(drop)
}

#[test]
fn no_crash_loses_an_acknowledged_entry() {
    assert_eq!(crash_everywhere(|disk| disk), Ok((all_operations().len() + 1) * 8));
}

#[test]
fn no_crash_during_recovery_loses_an_acknowledged_entry() {
    let crashes = crash_twice_everywhere().unwrap();
    // A recovery takes at least a lock, a first line and a compaction.
    assert!(crashes > all_operations().len() * 12, "{crashes} crashes");
}

#[test]
fn every_crash_strikes_its_intended_operation() {
    let points = all_operations();
    for (at, point) in points.iter().enumerate() {
        let disk = FakeDisk::new();
        disk.inject_fault(at, DiskFault::Crash, 3);
        assert!(
            run_project(|| disk.clone(), &mut RunProgress::default()).is_err() || point.0 == "remove",
            "{at}: {point:?}"
        );
        assert!(disk.fault_occurred());
        assert_eq!(disk.operations().last(), Some(point));
    }
    let named = |name: &str| points.iter().filter(|(operation, _)| *operation == name).count();
    // The state is written three times: when it is created, and at the end of the two runs. There are two journals.
    assert_eq!((named("rename"), named("remove"), named("create")), (3, 2, 5));
    // There is one write and one fsync for each of eight groups, three snapshots and two first lines. The folder is
    // also created.
    assert_eq!((named("append"), named("sync"), named("sync_folder")), (13, 13, 6));
}

#[test]
fn a_failing_disk_loses_nothing_and_ends_the_run() {
    let faults =
        [DiskFault::Error(28), DiskFault::Error(5), DiskFault::PersistentError(28), DiskFault::PersistentError(30)];
    for (at, point) in all_operations().iter().enumerate() {
        for (fault, seed) in faults.into_iter().flat_map(|fault| (0..4).map(move |seed| (fault, seed))) {
            let disk = FakeDisk::new();
            disk.inject_fault(at, fault, seed);
            let mut progress = RunProgress::default();
            let place = format!("{fault:?} at {at}, {point:?}");
            match run_project(|| disk.clone(), &mut progress) {
                // Either the journal could not be removed after the compaction, or the next run could remove it.
                Ok(()) => assert_eq!(point.0, "remove", "{place}"),
                Err(stop) => {
                    let (doing, file) = match &stop.error {
                        LedgerError::Disk { doing, file, .. } => (*doing, file),
                        LedgerError::JournalLost { file, .. } => ("find", file),
                        other => panic!("{place}: {other}"),
                    };
                    assert!(file.starts_with("state"), "{place}: {file}");
                    // Before the lock is taken, no run has begun that could be broken.
                    if doing != "lock" && (doing, file.as_str()) != ("create", "state") {
                        assert_eq!(stop.error_on_retry, stop.error, "{place}");
                        let asked = disk.operations().len();
                        assert!(matches!(fault, DiskFault::PersistentError(_)) || asked == at + 1, "{place}: {asked}");
                    }
                }
            }
            assert!(disk.fault_occurred(), "{place}");
            check_disk(disk.clone(), progress).unwrap_or_else(|why| panic!("{place}: {why}"));
            let restarted = disk.restart(seed);
            check_disk(restarted.clone(), progress).unwrap_or_else(|why| panic!("{place}, restarted: {why}"));
            assert!(run_project(|| restarted.clone(), &mut progress).is_ok(), "{place}");
        }
    }
}

#[test]
fn a_ledger_that_skips_any_sync_is_detected() {
    for skipped_sync in
        [SkippedSync::Journal, SkippedSync::Snapshot, SkippedSync::FolderAfterRename, SkippedSync::FolderAfterCreate]
    {
        let outcome = std::panic::catch_unwind(|| crash_everywhere(|disk| HookedDisk::new(disk, skipped_sync)));
        assert!(!matches!(outcome, Ok(Ok(_))), "no test noticed that {skipped_sync:?} was not synced");
    }
}
