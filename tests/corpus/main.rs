//! Reads the statements in the folder that `FLOE_SQL_CORPUS` names and prints which share is read rightly. Fails under
//! 99.9 % of objects or 100 % of kinds on `valid.jsonl`, under 100 % on `confluent-extra.jsonl`, and if anything sure is said of
//! a text in `rejected-by-flink.jsonl` that it can't bear. `FLOE_SQL_CORPUS_VERBOSE=1` prints what differs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints is what it is")]

mod expected;
mod measure;

use std::{env, path::Path, process::ExitCode};

use measure::{Share, confluent, rejected, valid};

/// The least share of each measurement that is held to one.
type Floors = &'static [(&'static str, f64)];

fn main() -> ExitCode {
    let Some(folder) = env::var_os("FLOE_SQL_CORPUS") else {
        println!("corpus: skipped, FLOE_SQL_CORPUS names no folder");
        return ExitCode::SUCCESS;
    };
    let verbose = env::var_os("FLOE_SQL_CORPUS_VERBOSE").is_some();
    let folder = Path::new(&folder);
    let files: [(&str, measure::Measure, Floors); 3] = [
        ("valid.jsonl", valid, &[("objects", 0.999), ("kind", 1.0)]),
        ("confluent-extra.jsonl", confluent, &[("objects", 1.0), ("kind", 1.0)]),
        ("rejected-by-flink.jsonl", rejected, &[("nothing falsely sure", 1.0)]),
    ];
    let mut held = true;
    for (file, measure, wanted) in files {
        let text = match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => text,
            Err(error) => {
                println!("{file}: {error}");
                held = false;
                continue;
            }
        };
        let shares = measure(&text, verbose);
        for Share { what, right, of } in &shares {
            let share = if *of == 0 { 0.0 } else { *right as f64 / *of as f64 };
            let floor = wanted.iter().find(|(name, _)| name == what).map(|(_, floor)| *floor);
            let verdict = match floor {
                Some(floor) if share < floor => {
                    held = false;
                    "too few"
                }
                Some(_) => "held",
                None => "not held to a floor",
            };
            println!("{file}: {what}: {right} of {of} ({:.3} %), {verdict}", share * 100.0);
        }
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
