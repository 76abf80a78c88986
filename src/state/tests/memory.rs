//! The ledger in memory behaves like the one on disk.

use std::{slice, time::Duration};

use super::{fixtures::*, *};

#[test]
fn the_memory_ledger_behaves_like_the_local_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, memory) = (folder.path().join("prod.json"), MemoryLedger::new());
    let on_disk = block_on(run_scenario(|| Box::new(LocalLedger::at(&path))));
    let in_memory = block_on(run_scenario(|| Box::new(memory.clone())));
    assert_eq!(on_disk, in_memory);
    assert_eq!(on_disk.iter().filter(|seen| *seen == "refused").count(), 5, "{on_disk:#?}");
}

/// Performs a complete run, an interrupted one, one that contradicts the record, one that begins on another record,
/// and a final one. Returns what is seen in between.
async fn run_scenario(ledger: impl Fn() -> Box<dyn Ledger>) -> Vec<String> {
    let runs = [
        running_statement("a", "a"),
        vec![declare("b", "b")],
        vec![settle_applied("9", "")],
        vec![],
        vec![declare("c", "c")],
    ];
    let mut seen = Vec::new();
    let outcome = |result: Result<(), LedgerError>| if result.is_ok() { "done" } else { "refused" }.to_owned();
    for (run, entries) in runs.iter().enumerate() {
        let (mut ledger, reader) = (ledger(), ledger());
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let mut recorded = ledger.load().await.unwrap().unwrap_or_else(empty_record);
        if run == 3 {
            recorded.serial += 1;
        }
        seen.push(outcome(ledger.begin(&recorded).await));
        for entry in entries {
            seen.push(outcome(ledger.append(slice::from_ref(entry)).await));
            drop(recorded.apply(entry));
        }
        seen.push(observe(&*reader).await);
        if run != 1 {
            seen.push(outcome(ledger.compact(&recorded).await));
        }
        drop(ledger);
        seen.push(observe(&*reader).await);
    }
    // Another run is interrupted, and the next two have nothing to do.
    let (mut last, reader) = (ledger(), ledger());
    last.lock(&holder("apply"), Duration::ZERO).await.unwrap();
    last.begin(&last.load().await.unwrap().unwrap()).await.unwrap();
    last.append(&[declare("d", "d")]).await.unwrap();
    drop(last);
    for _ in 0..2 {
        let mut idle = ledger();
        idle.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let recorded = idle.load().await.unwrap().unwrap();
        seen.push(outcome(idle.compact_interrupted(&Recorded { serial: 99, ..recorded.clone() }).await));
        seen.push(outcome(idle.compact_interrupted(&recorded).await));
        seen.push(observe(&*reader).await);
    }
    seen
}

/// Returns what a reader sees: the serial, the statements, whether the lock is held, and whether a run has begun.
async fn observe(reader: &dyn Ledger) -> String {
    let recorded = reader.load().await.unwrap().unwrap();
    let keys: Vec<_> = recorded.statements.keys().collect();
    let [held, begun] =
        [reader.lock_holder().await, reader.interrupted_run().await].map(|holder| holder.unwrap().is_some());
    format!("serial {} {keys:?} held {held} begun {begun}", recorded.serial)
}

#[test]
fn a_failed_handle_stays_broken_and_another_handle_continues() {
    let full = LedgerError::Disk { doing: "write", file: "memory".to_owned(), why: "full".to_owned() };
    let memory = MemoryLedger::with_record(record_after(&running_statement("a", "a")));
    memory.fail_after(2, full.clone());
    block_on(async {
        let mut first = memory.clone();
        first.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let locked = memory.clone().lock(&holder("destroy"), Duration::from_millis(60)).await;
        assert_eq!(locked, Err(LedgerError::Locked(Box::new(holder("apply")))));
        first.begin(&memory.recorded().unwrap()).await.unwrap();
        first.append(&[declare("b", "b")]).await.unwrap();
        assert_eq!(first.append(&[declare("c", "c")]).await, Err(full.clone()));
        assert_eq!(first.append(&[declare("c", "c")]).await, Err(full.clone()));
        assert_eq!(first.compact(&memory.recorded().unwrap()).await, Err(full));
        assert_eq!(memory.entries(), [declare("b", "b")]);
        assert_eq!(memory.writes(), 3);
        drop(first);
        let mut second = memory.clone();
        second.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let recorded = second.load().await.unwrap().unwrap();
        second.begin(&recorded).await.unwrap();
        second.compact(&recorded).await.unwrap();
    });
    assert!(memory.recorded().unwrap().statements.contains_key("b"));
    assert!(memory.entries().is_empty());
}
