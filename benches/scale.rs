//! Measures a plan without changes for a large project as a person runs it: the program itself, on the simulator,
//! from start to exit.
//!
//! `cargo bench --bench scale` applies 5,000 statements once, wide and in one chain. Then it plans them and prints
//! the median time and the peak memory (VmHWM of `/proc/<pid>/status`, so Linux only). The memory is measured on
//! separate plans, because observing a process slows it down. The benchmark fails if a figure is above what floe
//! promises.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

#[allow(dead_code, reason = "only the growth benchmark uses all of it")]
mod generated;

use std::{
    path::Path,
    process::{Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use generated::{Shape, write};

/// The number of statements in the project.
const STATEMENTS: usize = 5_000;
/// The number of plans that are timed.
const TIMED_PLANS: usize = 15;
/// The number of plans whose memory is measured.
const MEASURED_PLANS: usize = 5;
/// The longest time that a wide plan may take. A chain may take twice as long.
const MAX_PLAN_TIME: Duration = Duration::from_millis(150);
/// The most memory that a wide plan may use. A chain may use twice as much.
const MAX_MEMORY_KB: u64 = 64 * 1024;

fn main() -> ExitCode {
    let mut passed = true;
    for (shape, factor) in [(Shape::Wide, 1), (Shape::Chain, 2)] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), shape, STATEMENTS);
        let started = Instant::now();
        let applied = floe(folder.path(), &["apply", "--yes"]).status().unwrap();
        assert!(applied.success(), "apply: {applied}");
        println!("{shape:?}: {STATEMENTS} statements applied in {:.1} s", started.elapsed().as_secs_f64());
        let mut times: Vec<_> = (0..TIMED_PLANS).map(|_| time_plan(folder.path())).collect();
        times.sort();
        let median = times[TIMED_PLANS / 2];
        let memory = (0..MEASURED_PLANS).map(|_| peak_memory_kb(folder.path())).max().unwrap();
        println!(
            "{shape:?}: a plan without changes takes {} ms (median of {TIMED_PLANS}; {} to {}) and {:.1} MB at its peak",
            median.as_millis(),
            times[0].as_millis(),
            times[TIMED_PLANS - 1].as_millis(),
            memory as f64 / 1024.0
        );
        passed &= median <= MAX_PLAN_TIME * factor && memory <= MAX_MEMORY_KB * u64::from(factor);
    }
    if passed {
        ExitCode::SUCCESS
    } else {
        println!(
            "failed: the limits are {} ms and {} MB (twice that for a chain)",
            MAX_PLAN_TIME.as_millis(),
            MAX_MEMORY_KB / 1024
        );
        ExitCode::FAILURE
    }
}

/// Returns a command that runs floe in `folder`, without output.
fn floe(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
    command.arg("-C").arg(folder).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The arguments of a plan that exits with 0 only if there are no changes.
const PLAN_ARGUMENTS: [&str; 2] = ["plan", "--detailed-exitcode"];

/// Asserts that a plan had no changes.
fn assert_no_changes(exit: ExitStatus) {
    assert!(exit.success(), "the plan after an apply has changes or failed: {exit}");
}

/// Returns how long a plan takes.
fn time_plan(folder: &Path) -> Duration {
    let started = Instant::now();
    let exit = floe(folder, &PLAN_ARGUMENTS).status().unwrap();
    let time = started.elapsed();
    assert_no_changes(exit);
    time
}

/// Returns the peak memory of a plan in kB, sampled every half millisecond.
fn peak_memory_kb(folder: &Path) -> u64 {
    let mut child = floe(folder, &PLAN_ARGUMENTS).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let process_status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = process_status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default());
        if let Some(exit) = child.try_wait().unwrap() {
            assert_no_changes(exit);
            return peak;
        }
        thread::sleep(Duration::from_micros(500));
    }
}
