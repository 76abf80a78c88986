//! One run at a time, and readers beside it.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{local::kept, sample::*, *};

#[test]
fn the_second_run_is_told_of_the_first_within_a_second_or_waits_for_it() {
    let (_folder, path, _) = kept();
    let mut first = Local::at(&path);
    wait(first.lock(&holder("apply"), Duration::ZERO)).unwrap();
    let asked = Instant::now();
    let mut second = Local::at(&path);
    let error = wait(second.lock(&holder("destroy"), Duration::ZERO)).unwrap_err();
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(error, LedgerError::Locked(Box::new(holder("apply"))));
    assert!(error.to_string().contains("`apply` of ana@build-7 (process 4711, since 2026-01-02T03:04:05Z)"));

    let letting_go = thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        drop(first);
    });
    wait(second.lock(&holder("destroy"), Duration::from_secs(20))).unwrap();
    letting_go.join().unwrap();
    assert_eq!(wait(Local::at(&path).held_by()), Ok(Some(holder("destroy"))));
    // Again is no second lock.
    wait(second.lock(&holder("destroy"), Duration::ZERO)).unwrap();
}

#[test]
fn waiting_for_a_lock_takes_real_time_even_on_a_paused_clock() {
    let (_folder, path, _) = kept();
    let mut first = Local::at(&path);
    wait(first.lock(&holder("apply"), Duration::ZERO)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let asked = Instant::now();
    let mut second = Local::at(&path);
    let patience = Duration::from_millis(400);
    assert!(runtime.block_on(second.lock(&holder("apply"), patience)).is_err());
    assert!(asked.elapsed() >= patience);
}

#[test]
fn a_lock_file_that_says_little_is_still_a_lock() {
    let (_folder, path, _) = kept();
    let lock = path.with_extension("lock");
    let held = fs::File::options().write(true).open(&lock).unwrap();
    held.try_lock().unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap().lines().count(), 1);
    for content in ["", "{\"command\": \"app", "\u{0}\u{0}"] {
        fs::write(&lock, content).unwrap();
        let error = wait(Local::at(&path).lock(&holder("apply"), Duration::ZERO)).unwrap_err();
        assert!(error.to_string().contains("`another run` of somebody unknown"), "{error}");
    }
}

#[test]
fn readers_do_not_turn_a_run_away() {
    let (_folder, path, _) = kept();
    // What a reader holds for an instant, when it asks whether somebody has the lock.
    let reader = fs::File::open(path.with_extension("lock")).unwrap();
    reader.try_lock_shared().unwrap();
    assert_eq!(wait(Local::at(&path).held_by()), Ok(None), "nor do they take each other for a run");
    let letting_go = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(reader);
    });
    assert_eq!(wait(Local::at(&path).lock(&holder("apply"), Duration::ZERO)), Ok(()));
    letting_go.join().unwrap();
}
