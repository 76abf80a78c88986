//! Readers take no lock: whatever a run does between their reads, they see all that was acknowledged before.

use std::{sync::Mutex, time::Duration};

use super::{sample::*, wrapped::Wrapped, *};
use crate::state::fake::FakeDisk;

/// What a run does while somebody reads.
#[derive(Debug, Clone, Copy)]
enum Does {
    Append,
    Fold,
    FoldAndBeginAgain,
    DieAndBeRecovered,
}

#[test]
fn a_reader_misses_nothing_whatever_happens_between_its_reads() {
    for ending in ["journal", "json"] {
        for does in [Does::Append, Does::Fold, Does::FoldAndBeginAgain, Does::DieAndBeRecovered] {
            let disk = FakeDisk::new();
            let (mut ledger, mut recorded) = begun(&disk);
            append(&mut ledger, &mut recorded, "before");
            let other = disk.clone();
            let happens = Box::new(move || go_on(&other, ledger, recorded, does));
            let reading = Wrapped { meanwhile: Mutex::new(Some((ending, happens))), ..Wrapped::around(disk.clone()) };
            let found = wait(Local::on(reading, "state/prod.json").load()).unwrap().unwrap();
            assert!(found.statements.contains_key("before"), "{does:?} after the {ending} was read");
            let now = wait(Local::on(disk, "state/prod.json").load()).unwrap().unwrap();
            assert!(now.statements.contains_key("before") && now.serial >= found.serial);
        }
    }
}

fn begun(disk: &FakeDisk) -> (Local<FakeDisk>, Recorded) {
    let mut ledger = Local::on(disk.clone(), "state/prod.json");
    let recorded = wait(async {
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        let recorded = ledger.load().await.unwrap().unwrap_or_else(empty);
        ledger.begin(&recorded).await.unwrap();
        recorded
    });
    (ledger, recorded)
}

fn append(ledger: &mut Local<FakeDisk>, recorded: &mut Recorded, key: &str) {
    wait(ledger.append(&[declared(key, key)])).unwrap();
    recorded.apply(&declared(key, key)).unwrap();
}

fn go_on(disk: &FakeDisk, mut ledger: Local<FakeDisk>, mut recorded: Recorded, does: Does) {
    match does {
        Does::Append => append(&mut ledger, &mut recorded, "meanwhile"),
        Does::Fold => wait(ledger.fold(&recorded)).unwrap(),
        Does::FoldAndBeginAgain | Does::DieAndBeRecovered => {
            if matches!(does, Does::FoldAndBeginAgain) {
                wait(ledger.fold(&recorded)).unwrap();
            }
            drop(ledger);
            let (mut ledger, mut recorded) = begun(disk);
            append(&mut ledger, &mut recorded, "meanwhile");
        }
    }
}
