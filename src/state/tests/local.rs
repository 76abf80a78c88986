//! The ledger on the real disk.

use std::{fs, time::Duration};

use super::{sample::*, *};

#[test]
fn a_run_is_kept_entry_by_entry_and_then_folded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state/prod.json");
    let entries = running("orders", "orders");
    wait(async {
        let mut ledger = Local::at(&path);
        assert_eq!(ledger.load().await, Ok(None));
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.begin(&empty()).await.unwrap();
        let mut recorded = empty();
        for entry in &entries {
            ledger.append(std::slice::from_ref(entry)).await.unwrap();
            recorded.apply(entry).unwrap();
            let seen = Local::at(&path).load().await.unwrap().unwrap();
            assert_eq!(seen, Recorded { serial: 1, ..recorded.clone() });
        }
        assert_eq!(Local::at(&path).held_by().await, Ok(Some(holder("apply"))));
        assert_eq!(Local::at(&path).begun_by().await, Ok(Some(holder("apply"))));
        ledger.fold(&recorded).await.unwrap();
        drop(ledger);
        let reader = Local::at(&path);
        assert_eq!(reader.load().await, Ok(Some(Recorded { serial: 2, ..recorded })));
        assert_eq!((reader.held_by().await, reader.begun_by().await), (Ok(None), Ok(None)));
    });
    let mut left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["prod.json", "prod.lock"]);
}
