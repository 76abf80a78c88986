//! Processes that are killed while they write to the real disk.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{fixtures::*, *};

const STATE: &str = "FLOE_TEST_STATE_OF_A_KILLED_PROCESS";

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prod.json");
    let mut random = fastrand::Rng::with_seed(11);
    let mut kept = 0;
    for _ in 0..12 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["state::tests::killed::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(STATE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output_lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let acknowledged = |line: String| line.strip_prefix("kept ").and_then(|count| count.parse::<usize>().ok());
        let enough = kept + random.usize(1..30);
        kept = output_lines.by_ref().filter_map(acknowledged).find(|count| *count >= enough).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // Read what it acknowledged between that line and its end.
        kept = output_lines.filter_map(acknowledged).last().unwrap_or(kept);
        let found = block_on(LocalLedger::at(&path).load()).unwrap().unwrap().statements.len();
        assert!((kept..=kept + 1).contains(&found), "{kept} were acknowledged, {found} were found");
        kept = found;
    }
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.retain(|name| {
        !["prod.json", "prod.lock", "prod.journal", "prod.json.next"].iter().any(|known| name == *known)
    });
    assert!(files.is_empty(), "{files:?}");
}

/// Declares one statement after the other, in runs of seven, and prints how many are kept.
async fn write_runs(path: &Path) -> Result<(), LedgerError> {
    let mut ledger = LocalLedger::at(path);
    ledger.lock(&holder("apply"), Duration::from_secs(20)).await?;
    loop {
        let mut recorded = ledger.load().await?.unwrap_or_else(empty_record);
        ledger.begin(&recorded).await?;
        for _ in 0..7 {
            let key = format!("s{}", recorded.statements.len());
            let entry = declare(&key, &key);
            ledger.append(std::slice::from_ref(&entry)).await?;
            recorded.apply(&entry).unwrap();
            let mut out = io::stdout();
            writeln!(out, "\nkept {}", recorded.statements.len()).and_then(|()| out.flush()).unwrap();
        }
        ledger.compact(&recorded).await?;
    }
}

#[test]
#[ignore = "the process that the test above kills"]
fn writes_until_it_is_killed() {
    if let Some(path) = env::var_os(STATE) {
        panic!("{:?}", block_on(write_runs(Path::new(&path))));
    }
}
