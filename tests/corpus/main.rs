//! Reads the statements in the folder that `FLOE_SQL_CORPUS` names and prints which share is read rightly. Fails under
//! 99.9 % of objects or 100 % of kinds on `valid.jsonl`, under 100 % on `confluent-extra.jsonl`, and if anything sure is said of
//! a text in `rejected-by-flink.jsonl` that it can't bear. `FLOE_SQL_CORPUS_VERBOSE=1` prints what differs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints is what it is")]

mod expected;
mod measure;

use std::{env, path::Path, process::ExitCode};

use measure::{CorpusScore, measure_confluent, measure_rejected, measure_valid};

/// The least share of each measurement that is held to one.
type MinimumShares = &'static [(&'static str, f64)];

fn main() -> ExitCode {
    let Some(folder) = env::var_os("FLOE_SQL_CORPUS") else {
        println!("corpus: skipped, FLOE_SQL_CORPUS names no folder");
        return ExitCode::SUCCESS;
    };
    let verbose = env::var_os("FLOE_SQL_CORPUS_VERBOSE").is_some();
    let folder = Path::new(&folder);
    let files: [(&str, measure::MeasureFile, MinimumShares); 3] = [
        ("valid.jsonl", measure_valid, &[("objects", 0.999), ("kind", 1.0)]),
        ("confluent-extra.jsonl", measure_confluent, &[("objects", 1.0), ("kind", 1.0)]),
        ("rejected-by-flink.jsonl", measure_rejected, &[("nothing falsely sure", 1.0)]),
    ];
    let mut passed = true;
    for (file, measure, minimum_shares) in files {
        let text = match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => text,
            Err(error) => {
                println!("{file}: {error}");
                passed = false;
                continue;
            }
        };
        let shares = measure(&text, verbose);
        for CorpusScore { measurement, correct, total } in &shares {
            let share = if *total == 0 { 0.0 } else { *correct as f64 / *total as f64 };
            let minimum = minimum_shares.iter().find(|(name, _)| name == measurement).map(|(_, floor)| *floor);
            let verdict = match minimum {
                Some(floor) if share < floor => {
                    passed = false;
                    "too few"
                }
                Some(_) => "held",
                None => "not held to a floor",
            };
            println!("{file}: {measurement}: {correct} of {total} ({:.3} %), {verdict}", share * 100.0);
        }
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
