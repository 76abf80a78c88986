//! The ledger in memory keeps the same contract as the one on disk.

use std::{slice, time::Duration};

use super::{sample::*, *};

#[test]
fn both_ledgers_live_the_same_life() {
    let folder = tempfile::tempdir().unwrap();
    let (path, memory) = (folder.path().join("prod.json"), Memory::new());
    let on_disk = wait(a_life(|| Box::new(Local::at(&path))));
    let in_memory = wait(a_life(|| Box::new(memory.clone())));
    assert_eq!(on_disk, in_memory);
    assert_eq!(on_disk.iter().filter(|seen| *seen == "refused").count(), 5, "{on_disk:#?}");
}

/// A run, one that is interrupted, one that contradicts the record, one that begins on something else, and one more;
/// and what is seen in between.
async fn a_life(ledger: impl Fn() -> Box<dyn Ledger>) -> Vec<String> {
    let lives = [running("a", "a"), vec![declared("b", "b")], vec![applied("9", "")], vec![], vec![declared("c", "c")]];
    let mut seen = Vec::new();
    let said = |result: Result<(), LedgerError>| if result.is_ok() { "done" } else { "refused" }.to_owned();
    for (run, entries) in lives.iter().enumerate() {
        let (mut ledger, reader) = (ledger(), ledger());
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let mut recorded = ledger.load().await.unwrap().unwrap_or_else(empty);
        if run == 3 {
            recorded.serial += 1;
        }
        seen.push(said(ledger.begin(&recorded).await));
        for entry in entries {
            seen.push(said(ledger.append(slice::from_ref(entry)).await));
            drop(recorded.apply(entry));
        }
        seen.push(look(&*reader).await);
        if run != 1 {
            seen.push(said(ledger.fold(&recorded).await));
        }
        drop(ledger);
        seen.push(look(&*reader).await);
    }
    // Another one is interrupted, and the two after it have nothing to do.
    let (mut last, reader) = (ledger(), ledger());
    last.lock(&holder("apply"), Duration::ZERO).await.unwrap();
    last.begin(&last.load().await.unwrap().unwrap()).await.unwrap();
    last.append(&[declared("d", "d")]).await.unwrap();
    drop(last);
    for _ in 0..2 {
        let mut idle = ledger();
        idle.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let recorded = idle.load().await.unwrap().unwrap();
        seen.push(said(idle.fold_interrupted(&Recorded { serial: 99, ..recorded.clone() }).await));
        seen.push(said(idle.fold_interrupted(&recorded).await));
        seen.push(look(&*reader).await);
    }
    seen
}

/// What a reader sees: serial, statements, and whether somebody holds the lock and has begun.
async fn look(reader: &dyn Ledger) -> String {
    let recorded = reader.load().await.unwrap().unwrap();
    let keys: Vec<_> = recorded.statements.keys().collect();
    let [held, begun] = [reader.held_by().await, reader.begun_by().await].map(|holder| holder.unwrap().is_some());
    format!("serial {} {keys:?} held {held} begun {begun}", recorded.serial)
}

#[test]
fn a_handle_that_failed_stays_broken_and_another_one_goes_on() {
    let full = LedgerError::Disk { doing: "write", file: "memory".to_owned(), why: "full".to_owned() };
    let memory = Memory::keeping(after(&running("a", "a")));
    memory.fail_after(2, full.clone());
    wait(async {
        let mut first = memory.clone();
        first.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let locked = memory.clone().lock(&holder("destroy"), Duration::from_millis(60)).await;
        assert_eq!(locked, Err(LedgerError::Locked(Box::new(holder("apply")))));
        first.begin(&memory.recorded().unwrap()).await.unwrap();
        first.append(&[declared("b", "b")]).await.unwrap();
        assert_eq!(first.append(&[declared("c", "c")]).await, Err(full.clone()));
        assert_eq!(first.append(&[declared("c", "c")]).await, Err(full.clone()));
        assert_eq!(first.fold(&memory.recorded().unwrap()).await, Err(full));
        assert_eq!(memory.entries(), [declared("b", "b")]);
        assert_eq!(memory.writes(), 3);
        drop(first);
        let mut second = memory.clone();
        second.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let recorded = second.load().await.unwrap().unwrap();
        second.begin(&recorded).await.unwrap();
        second.fold(&recorded).await.unwrap();
    });
    assert!(memory.recorded().unwrap().statements.contains_key("b"));
    assert!(memory.entries().is_empty());
}
