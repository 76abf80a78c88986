//! Readers take no lock. They see every entry that was acknowledged before.

use std::time::Duration;

use super::{disk_hooks::BetweenReads, fixtures::*, *};
use crate::state::{fake_disk::FakeDisk, hooked_disk::HookedDisk};

/// What a run does while another process reads.
#[derive(Debug, Clone, Copy)]
enum WriterAction {
    /// Appends another entry to the journal.
    Append,
    /// Compacts the journal into the snapshot.
    Compact,
    /// Compacts the journal and begins another run.
    CompactAndBeginAgain,
    /// Stops without compacting, and the next run begins.
    CrashAndRecover,
}

#[test]
fn a_reader_sees_every_acknowledged_entry_whatever_happens_between_its_reads() {
    for ending in ["journal", "json"] {
        for action in [
            WriterAction::Append,
            WriterAction::Compact,
            WriterAction::CompactAndBeginAgain,
            WriterAction::CrashAndRecover,
        ] {
            let disk = FakeDisk::new();
            let (mut ledger, mut recorded) = begin_run(&disk);
            append(&mut ledger, &mut recorded, "before");
            let other = disk.clone();
            let happens = BetweenReads::new(ending, move || perform(&other, ledger, recorded, action));
            let reading = HookedDisk::new(disk.clone(), happens);
            let found = block_on(LocalLedger::on_disk(reading, "state/prod.json").load()).unwrap().unwrap();
            assert!(found.statements.contains_key("before"), "{action:?} after the {ending} was read");
            let now = block_on(LocalLedger::on_disk(disk, "state/prod.json").load()).unwrap().unwrap();
            assert!(now.statements.contains_key("before") && now.serial >= found.serial);
        }
    }
}

/// Starts a run on the disk. Returns its ledger and the record that it began on.
fn begin_run(disk: &FakeDisk) -> (LocalLedger<FakeDisk>, Recorded) {
    let mut ledger = LocalLedger::on_disk(disk.clone(), "state/prod.json");
    let recorded = block_on(async {
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let recorded = ledger.load().await.unwrap().unwrap_or_else(empty_record);
        ledger.begin(&recorded).await.unwrap();
        recorded
    });
    (ledger, recorded)
}

/// Appends the declaration of `key`, also to `recorded`.
fn append(ledger: &mut LocalLedger<FakeDisk>, recorded: &mut Recorded, key: &str) {
    block_on(ledger.append(&[declare(key, key)])).unwrap();
    recorded.apply(&declare(key, key)).unwrap();
}

/// Performs the action of the run.
fn perform(disk: &FakeDisk, mut ledger: LocalLedger<FakeDisk>, mut recorded: Recorded, action: WriterAction) {
    match action {
        WriterAction::Append => append(&mut ledger, &mut recorded, "meanwhile"),
        WriterAction::Compact => block_on(ledger.compact(&recorded)).unwrap(),
        WriterAction::CompactAndBeginAgain | WriterAction::CrashAndRecover => {
            if matches!(action, WriterAction::CompactAndBeginAgain) {
                block_on(ledger.compact(&recorded)).unwrap();
            }
            drop(ledger);
            let (mut ledger, mut recorded) = begin_run(disk);
            append(&mut ledger, &mut recorded, "meanwhile");
        }
    }
}
