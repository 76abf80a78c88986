//! Tests of the ids of used saved plans.

use std::{path::Path, time::Duration};

use super::{
    fake_disk::{DiskFault, FakeDisk},
    fixtures::*,
    *,
};

const PATH: &str = "state/prod.json";

/// Returns a lock holder whose run applies this saved plan.
fn holder_with_plan(plan: &str) -> LockHolder {
    LockHolder { saved_plan_id: Some(plan.to_owned()), ..holder("apply") }
}

/// Begins a run that applies a saved plan.
fn begin_run(disk: &FakeDisk, plan: &str) -> Result<(), LedgerError> {
    block_on(async {
        let mut ledger = LocalLedger::on_disk(disk.clone(), PATH);
        ledger.lock(&holder_with_plan(plan), Duration::ZERO).await?;
        let recorded = ledger.load().await?.unwrap_or_else(empty_record);
        ledger.begin(&recorded).await
    })
}

/// Returns whether the plan counts as used.
fn is_consumed(disk: &FakeDisk, plan: &str) -> bool {
    ConsumedPlans::for_state(disk, Path::new(PATH)).contains(plan).unwrap()
}

#[test]
fn a_plan_is_consumed_once_its_run_begins_and_stays_consumed_after_any_crash() {
    let disk = FakeDisk::new();
    assert!(!is_consumed(&disk, "aaaa"));
    begin_run(&disk, "aaaa").unwrap();
    assert_eq!(
        block_on(LocalLedger::on_disk(disk.clone(), PATH).interrupted_run()),
        Ok(Some(holder_with_plan("aaaa")))
    );
    for seed in [0, 1, 17] {
        let after = disk.restart(seed);
        assert!(is_consumed(&after, "aaaa") && !is_consumed(&after, "aaa"));
        for at in 0.. {
            let crashed = after.fork();
            crashed.inject_fault(at, DiskFault::Crash, seed);
            let begun = begin_run(&crashed, "bbbb").is_ok();
            if !crashed.fault_occurred() {
                assert!(begun && is_consumed(&crashed, "bbbb"));
                break;
            }
            assert!(is_consumed(&crashed.restart(seed), "aaaa"), "crash at {at}, disk {seed}");
        }
    }
}

#[test]
fn failing_to_record_a_consumed_plan_is_reported_and_consumes_nothing() {
    let disk = FakeDisk::new();
    begin_run(&disk, "aaaa").unwrap();
    let (mut reported, disk) = (0, disk.restart(0));
    for at in 0.. {
        let full = disk.fork();
        full.inject_fault(at, DiskFault::Error(28), 0);
        let begun = begin_run(&full, "bbbb");
        if !full.fault_occurred() {
            break;
        }
        let why = begun.unwrap_err().to_string();
        reported += usize::from(why.contains("prod.plans"));
        assert!(why.contains("sent no request that changes Confluent Cloud"), "{why}");
        assert!(!is_consumed(&full.restart(1), "bbbb") || why.contains("fsync"), "{why}");
    }
    assert!(reported >= 3, "{reported}");
}

#[test]
fn a_consumed_plan_is_found_after_a_torn_line() {
    for torn in [&b"bbb"[..], b"\0\0\0", b"\xff"] {
        let disk = FakeDisk::new();
        disk.put("state/prod.plans", torn);
        begin_run(&disk, "aaaa").unwrap();
        begin_run(&disk, "cccc").unwrap();
        assert!(is_consumed(&disk, "aaaa") && is_consumed(&disk, "cccc"));
        assert!(!is_consumed(&disk, "bbbb") && !is_consumed(&disk, "aaa"));
    }
}
