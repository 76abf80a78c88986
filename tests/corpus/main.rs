//! Analyzes the statements in the folder that `FLOE_SQL_CORPUS` names, and prints the share of correct analyses.
//! Fails below 99.9 % of objects or 100 % of kinds on `valid.jsonl`, below 100 % on `confluent-extra.jsonl`, and if
//! an analysis of a text in `rejected-by-flink.jsonl` claims something that the text does not support. Then edits the
//! statements at random and fails if one of them is read wrongly whose original is read rightly. `FLOE_CASES` sets how
//! many edits to try. `FLOE_SQL_CORPUS_VERBOSE=1` prints the differences.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program prints its results")]

mod edits;
mod expected;
mod measure;
mod tokens;

use std::{env, path::Path, process::ExitCode};

use edits::{Keywords, measure_edits};
use expected::parse_lines;
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
        (
            "valid.jsonl",
            measure_valid,
            &[("objects", 0.999), ("kind", 1.0), ("no errors, except for a missing END", 1.0)],
        ),
        ("confluent-extra.jsonl", measure_confluent, &[("objects", 1.0), ("kind", 1.0), ("no errors", 1.0)]),
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
    passed &= edits_pass(folder, verbose);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries random edits of the valid statements, and returns whether all of them are read rightly.
fn edits_pass(folder: &Path, verbose: bool) -> bool {
    const DEFAULT_CASES: usize = 20_000;
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let keywords = Keywords::parse(&read("flink-keywords.txt"));
    let cases = env::var("FLOE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_CASES);
    let scores = measure_edits(&parse_lines(&read("valid.jsonl")), &keywords, cases, verbose);
    for CorpusScore { measurement, correct, total } in &scores {
        println!("edits: {measurement}: {correct} of {total}");
    }
    scores.iter().all(|score| score.correct == score.total && score.total > 0)
}
