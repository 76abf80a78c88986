//! Analyzes the statements in the folder that `FLOE_SQL_CORPUS` names, and prints the share of correct analyses.
//! Fails below 99.9 % of objects or 100 % of kinds on `valid.jsonl`, below 100 % on `confluent-extra.jsonl`, and if
//! an analysis of a text in `rejected-by-flink.jsonl` claims something that the text does not support.
//! `FLOE_SQL_CORPUS_VERBOSE=1` prints the differences.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program prints its results")]

mod expected;
mod measure;

use std::{env, path::Path, process::ExitCode};

use measure::{CorpusScore, measure_confluent, measure_rejected, measure_valid};

/// The least share of correct analyses for each measurement that has a limit.
type MinimumShares = &'static [(&'static str, f64)];

fn main() -> ExitCode {
    let Some(folder) = env::var_os("FLOE_SQL_CORPUS") else {
        println!("corpus: skipped because FLOE_SQL_CORPUS is not set");
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
            let minimum = minimum_shares.iter().find(|(name, _)| name == measurement).map(|(_, minimum)| *minimum);
            let verdict = match minimum {
                Some(floor) if share < floor => {
                    passed = false;
                    "below the limit"
                }
                Some(_) => "passed",
                None => "no limit",
            };
            println!("{file}: {measurement}: {correct} of {total} ({:.3} %), {verdict}", share * 100.0);
        }
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
