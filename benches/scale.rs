//! The no-change plan of a large project, as a person runs it: the program itself, on the simulator, from its start to its
//! exit. `cargo bench --bench scale` applies 5,000 statements once, wide and in one chain, then plans them and says the median
//! time and the highest peak of memory (VmHWM of `/proc/<pid>/status`, so Linux only). Fails above what floe promises.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

#[allow(dead_code, reason = "growth needs the rest of it")]
mod generated;

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use generated::{Shape, write};

const STATEMENTS: usize = 5_000;
const PLANS: usize = 9;
/// What a wide one may take; a chain may take twice that.
const TIME: Duration = Duration::from_millis(150);
const MEMORY: u64 = 64 * 1024;

fn main() -> ExitCode {
    let mut held = true;
    for (shape, factor) in [(Shape::Wide, 1), (Shape::Chain, 2)] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), shape, STATEMENTS);
        let started = Instant::now();
        let applied = floe(folder.path(), &["apply", "--yes"]).status().unwrap();
        assert!(applied.success(), "apply: {applied}");
        println!("{shape:?}: {STATEMENTS} statements applied in {:.1} s", started.elapsed().as_secs_f64());
        let mut runs: Vec<_> = (0..PLANS).map(|_| plan(folder.path())).collect();
        runs.sort();
        let (time, memory) = (runs[PLANS / 2].0, runs.iter().map(|run| run.1).max().unwrap());
        println!(
            "{shape:?}: a plan without changes takes {} ms (median of {PLANS}; {} to {}) and {:.1} MB at its peak",
            time.as_millis(),
            runs[0].0.as_millis(),
            runs[PLANS - 1].0.as_millis(),
            memory as f64 / 1024.0
        );
        held &= time <= TIME * factor && memory <= MEMORY * u64::from(factor);
    }
    if held {
        ExitCode::SUCCESS
    } else {
        println!("that is more than {} ms and {} MB (a chain: twice that)", TIME.as_millis(), MEMORY / 1024);
        ExitCode::FAILURE
    }
}

fn floe(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.arg("-C").arg(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How long a plan took and how many kB it held at most, as far as a look every half millisecond shows it.
fn plan(folder: &Path) -> (Duration, u64) {
    let started = Instant::now();
    let mut child = floe(folder, &["plan", "--detailed-exitcode"]).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let exit = loop {
        let shown = std::fs::read_to_string(&status).unwrap_or_default();
        let line = shown.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default());
        if let Some(exit) = child.try_wait().unwrap() {
            break exit;
        }
        thread::sleep(Duration::from_micros(500));
    };
    let time = started.elapsed();
    assert!(exit.success(), "a plan after an apply has changes or fails: {exit}");
    (time, peak)
}
