//! Only one run at a time takes the lock, and readers do not disturb it.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{fixtures::*, local::saved_state, *};

#[test]
fn a_second_run_reports_the_lock_holder_at_once_or_waits_for_the_lock() {
    let (_folder, path, _) = saved_state();
    let mut first = LocalLedger::at(&path);
    block_on(first.lock(&holder("apply"), Duration::ZERO)).unwrap();
    let started = Instant::now();
    let mut second = LocalLedger::at(&path);
    let error = block_on(second.lock(&holder("destroy"), Duration::ZERO)).unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(error, LedgerError::Locked(Box::new(holder("apply"))));
    assert!(error.to_string().contains("`apply` of ana@build-7 (process 4711, since 2026-01-02T03:04:05Z)"));

    let releasing = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        drop(first);
    });
    block_on(second.lock(&holder("destroy"), Duration::from_secs(20))).unwrap();
    releasing.join().unwrap();
    assert_eq!(block_on(LocalLedger::at(&path).lock_holder()), Ok(Some(holder("destroy"))));
    // Taking the lock again is not a second lock.
    block_on(second.lock(&holder("destroy"), Duration::ZERO)).unwrap();
}

#[test]
fn the_lock_timeout_is_wall_clock_time_even_on_a_paused_clock() {
    let (_folder, path, _) = saved_state();
    let mut first = LocalLedger::at(&path);
    block_on(first.lock(&holder("apply"), Duration::ZERO)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let started = Instant::now();
    let mut second = LocalLedger::at(&path);
    let lock_timeout = Duration::from_millis(400);
    assert!(runtime.block_on(second.lock(&holder("apply"), lock_timeout)).is_err());
    assert!(started.elapsed() >= lock_timeout);
}

#[test]
fn an_unreadable_lock_file_is_still_a_lock() {
    let (_folder, path, _) = saved_state();
    let lock = path.with_extension("lock");
    let held = fs::File::options().write(true).open(&lock).unwrap();
    held.try_lock().unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap().lines().count(), 1);
    for content in ["", "{\"command\": \"app", "\u{0}\u{0}"] {
        fs::write(&lock, content).unwrap();
        let error = block_on(LocalLedger::at(&path).lock(&holder("apply"), Duration::ZERO)).unwrap_err();
        assert!(error.to_string().contains("`another run` of an unknown user"), "{error}");
    }
}

#[test]
fn a_reader_does_not_keep_a_run_from_locking() {
    let (_folder, path, _) = saved_state();
    // A reader takes a shared lock for a moment to find out whether the lock is held.
    let reader = fs::File::open(path.with_extension("lock")).unwrap();
    reader.try_lock_shared().unwrap();
    assert_eq!(block_on(LocalLedger::at(&path).lock_holder()), Ok(None), "readers must not take each other for a run");
    let releasing = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(reader);
    });
    assert_eq!(block_on(LocalLedger::at(&path).lock(&holder("apply"), Duration::ZERO)), Ok(()));
    releasing.join().unwrap();
}
