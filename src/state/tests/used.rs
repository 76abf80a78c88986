//! The saved plans that were used.

use std::{path::Path, time::Duration};

use super::{
    fake::{FakeDisk, Fault},
    sample::*,
    *,
};

const PATH: &str = "state/prod.json";

fn carrying_out(plan: &str) -> Holder {
    Holder { plan: Some(plan.to_owned()), ..holder("apply") }
}

/// A run that carries out a saved plan, until it has begun.
fn begin(disk: &FakeDisk, plan: &str) -> Result<(), LedgerError> {
    wait(async {
        let mut ledger = Local::on(disk.clone(), PATH);
        ledger.lock(&carrying_out(plan), Duration::ZERO).await?;
        let recorded = ledger.load().await?.unwrap_or_else(empty);
        ledger.begin(&recorded).await
    })
}

fn is_used(disk: &FakeDisk, plan: &str) -> bool {
    Used::beside(disk, Path::new(PATH)).unwrap().has(plan).unwrap()
}

#[test]
fn a_plan_is_used_once_its_run_has_begun_and_stays_so_whatever_the_next_cut_leaves() {
    let disk = FakeDisk::new();
    assert!(!is_used(&disk, "aaaa"));
    begin(&disk, "aaaa").unwrap();
    assert_eq!(wait(Local::on(disk.clone(), PATH).begun_by()), Ok(Some(carrying_out("aaaa"))));
    for seed in [0, 1, 17] {
        let after = disk.restart(seed);
        assert!(is_used(&after, "aaaa") && !is_used(&after, "aaa"));
        for at in 0.. {
            let cut = after.fork();
            cut.strike(at, Fault::Cut, seed);
            let begun = begin(&cut, "bbbb").is_ok();
            if !cut.has_struck() {
                assert!(begun && is_used(&cut, "bbbb"));
                break;
            }
            assert!(is_used(&cut.restart(seed), "aaaa"), "cut at {at}, disk {seed}");
        }
    }
}

#[test]
fn a_mark_that_cannot_be_left_is_told_with_what_is_known_and_uses_nothing_up() {
    let disk = FakeDisk::new();
    begin(&disk, "aaaa").unwrap();
    let (mut told, disk) = (0, disk.restart(0));
    for at in 0.. {
        let full = disk.fork();
        full.strike(at, Fault::Error(28), 0);
        let begun = begin(&full, "bbbb");
        if !full.has_struck() {
            break;
        }
        let why = begun.unwrap_err().to_string();
        told += usize::from(why.contains("prod.plans"));
        assert!(why.contains("has sent nothing to change the cloud"), "{why}");
        assert!(!is_used(&full.restart(1), "bbbb") || why.contains("fsync"), "{why}");
    }
    assert!(told >= 3, "{told}");
}

#[test]
fn a_mark_counts_behind_one_that_was_cut_short() {
    for torn in [&b"bbb"[..], b"\0\0\0", b"\xff"] {
        let disk = FakeDisk::new();
        disk.put("state/prod.plans", torn);
        begin(&disk, "aaaa").unwrap();
        begin(&disk, "cccc").unwrap();
        assert!(is_used(&disk, "aaaa") && is_used(&disk, "cccc"));
        assert!(!is_used(&disk, "bbbb") && !is_used(&disk, "aaa"));
    }
}
