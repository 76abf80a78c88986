//! Reads damaged bytes: real files and responses with bytes that are changed, removed, swapped or repeated.
//!
//! `FLOE_BYTES` sets how many damaged versions of each are tried (200 by default). The fuzz targets of the same names
//! try more.

mod fuzz_entry_points;

use std::{path::Path, time::Duration};

use fastrand::Rng;
use floe::{
    diff::PlanOptions,
    execute::{self, Interrupt},
    state::{
        Ledger, LocalLedger, Recorded,
        fake_disk::{DiskFault, FakeDisk},
    },
};

use crate::test_project::{TestProject, holder};

/// Returns a damaged copy of valid bytes.
fn corrupt(good: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..rng.usize(1..6) {
        if bytes.is_empty() {
            return bytes;
        }
        let (at, other) = (rng.usize(0..bytes.len()), rng.usize(0..bytes.len()));
        match rng.u8(0..6) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes.truncate(at),
            2 => drop(bytes.remove(at)),
            3 => bytes.swap(at, other),
            4 => {
                let (from, to) = (at.min(other), at.max(other));
                let piece = bytes[from..to.min(from + 200)].to_vec();
                let into = rng.usize(0..bytes.len());
                bytes.splice(into..into, piece);
            }
            // These characters keep more of the structure of the JSON.
            _ => bytes[at] = *rng.choice(b"0123456789\"{}[],:-ntf ").unwrap(),
        }
    }
    bytes
}

/// Runs `target` with the valid bytes and with damaged versions of them.
fn try_corruptions(good: &[u8], target: impl Fn(&[u8])) {
    let count = std::env::var("FLOE_BYTES").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    let mut rng = Rng::with_seed(1);
    target(good);
    for _ in 0..count {
        target(&corrupt(good, &mut rng));
    }
}

/// A table and a job that reads it.
const PROJECT: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
"#;

/// Creates a project with these statements and applies it.
async fn converged_project() -> TestProject {
    let mut project = TestProject::with_statements(PROJECT);
    project.converge().await;
    project
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_state_file_is_an_error_and_is_not_modified() {
    let recorded = converged_project().await.recorded().await;
    let good = serde_json::to_vec_pretty(&recorded).unwrap();
    std::thread::spawn(move || {
        assert_eq!(fuzz_entry_points::snapshot(&good), Some(recorded));
        try_corruptions(&good, |bytes| drop(fuzz_entry_points::snapshot(bytes)));
    })
    .join()
    .unwrap();
}

/// Returns the files of a run that crashes just before its snapshot replaces the previous one: the previous snapshot,
/// the whole journal, and the record that they describe together.
async fn files_before_last_rename() -> (Vec<u8>, Vec<u8>, Recorded) {
    let run = |crash_at: Option<usize>| async move {
        let mut project = TestProject::with_statements(PROJECT);
        let disk = FakeDisk::new();
        if let Some(at) = crash_at {
            disk.inject_fault(at, DiskFault::Crash, 0);
        }
        let mut ledger = LocalLedger::on_disk(disk.clone(), "state/prod.json");
        ledger.lock(&holder(), Duration::ZERO).await.unwrap();
        let (plan, recorded) = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap();
        let (_sender, interrupt) = tokio::sync::watch::channel(Interrupt::None);
        let inputs = project.run_inputs(&project.cloud(), interrupt);
        (disk, execute::run(&plan, recorded, &mut ledger, &inputs, &mut |_| {}).await.unwrap().recorded)
    };
    let operations = run(None).await.0.operations();
    let last = operations.iter().rposition(|(operation, _)| *operation == "rename");
    let (disk, recorded) = run(last).await;
    let files = disk.restart(0).files();
    let file = |name: &str| files[Path::new(name)].clone();
    (file("state/prod.json"), file("state/prod.journal"), Recorded { serial: 1, ..recorded })
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_journal_is_an_error_and_is_not_modified() {
    let (state, good, recorded) = files_before_last_rename().await;
    std::thread::spawn(move || {
        assert_eq!(fuzz_entry_points::journal_on(&state, &good), Some(recorded));
        try_corruptions(&good, |bytes| drop(fuzz_entry_points::journal_on(&state, bytes)));
        try_corruptions(&good, fuzz_entry_points::journal);
    })
    .join()
    .unwrap();
}

/// Random bytes mostly break a checksum. Random entries with correct checksums test the code behind it.
#[test]
fn a_journal_of_random_entries_is_a_record_or_an_error() {
    let mut rng = Rng::with_seed(2);
    let mut records = 0;
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..rng.usize(0..14)).map(|_| rng.u8(..)).collect();
        records += usize::from(fuzz_entry_points::entries(&bytes).is_some());
    }
    assert!((20..280).contains(&records), "{records} of 300 are records");
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_plan_is_an_error_or_another_plan() {
    let project = TestProject::with_statements(PROJECT);
    let (plan, _) = project.plan_with(&project.cloud(), &PlanOptions::default()).await.unwrap();
    let good = serde_json::to_vec(&plan).unwrap();
    std::thread::spawn(move || try_corruptions(&good, fuzz_entry_points::plan)).join().unwrap();
}

#[test]
fn a_corrupted_response_is_an_error_without_secrets() {
    let good = br#"{"data":[{"name":"n","metadata":{"uid":"u","resource_version":"1","labels":null},"spec":{"statement":"SELECT 1","properties":null,"stopped":false},"status":{"phase":"RUNNING","traits":null}}],"metadata":{"next":""}}"#;
    try_corruptions(&[&[0], good.as_slice()].concat(), fuzz_entry_points::response);
    let pool = br#"{"id":"lfcp-1","spec":{"display_name":"p","cloud":"AWS","region":"r","max_cfu":5},"status":{"phase":"PROVISIONED","current_cfu":0}}"#;
    try_corruptions(&[&[0], pool.as_slice()].concat(), fuzz_entry_points::response);
    let error_body = br#"{"errors":[{"id":"1","status":"409","detail":"no","source":{}}]}"#;
    for status in 4..13 {
        try_corruptions(&[&[status], error_body.as_slice()].concat(), fuzz_entry_points::response);
    }
}
