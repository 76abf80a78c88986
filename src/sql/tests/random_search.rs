//! The fuzz targets without a fuzzer: a random search by mutation that runs for `FLOE_SQL_SEARCH_SECONDS` seconds. It
//! checks the same invariants as the targets in `fuzz/`. Run it with `--ignored`. It prints how many texts it tried.
#![allow(clippy::print_stdout, reason = "the test is run for the figures that it prints")]

use std::time::{Duration, Instant};

use super::properties::check_invariants;
use crate::sql::{analyze, are_equivalent, normal_form};

/// Fragments that mutations insert, in addition to single bytes.
const FRAGMENTS: [&str; 72] = [
    "SELECT ",
    " FROM ",
    " JOIN ",
    " ON ",
    " WHERE ",
    " GROUP BY ",
    " UNION ALL ",
    " WITH ",
    " AS ",
    "(",
    ")",
    ",",
    ";",
    ".",
    "'",
    "`",
    "\"",
    "--",
    "//",
    "/*",
    "*/",
    "/*+",
    "\n",
    " ",
    "INSERT INTO ",
    "VALUES ",
    "CREATE TABLE ",
    "CREATE VIEW ",
    "CREATE MODEL ",
    "CREATE AGENT ",
    "ALTER TABLE ",
    "DROP TABLE ",
    "IF NOT EXISTS ",
    "EXECUTE STATEMENT SET BEGIN ",
    " END",
    "USING ",
    "TOOLS ",
    "MODEL ",
    "LIKE ",
    "TABLE ",
    "TABLE(",
    "LATERAL ",
    "UNNEST(",
    "TUMBLE(",
    "ML_PREDICT('m', ",
    "VECTOR_SEARCH_AGG(",
    "CAST(",
    "EXTRACT(YEAR FROM ",
    "MATCH_RECOGNIZE (",
    "PATTERN (",
    "DESCRIPTOR(t)",
    "FOR SYSTEM_TIME AS OF ",
    " ON CONFLICT ",
    "PRIMARY KEY",
    "'a.connection' = 'b'",
    "RENAME TO ",
    "EXPLAIN ",
    "COMPILE PLAN 'p' FOR ",
    "E'\\'",
    "U&'",
    "${secret.a}",
    "${",
    "`a``b`",
    "é",
    "\u{3000}",
    "\0",
    "1.5e-3",
    "=>",
    "[1]",
    "{2,3}",
    "RECURSIVE ",
    "*",
];

/// Statements that the search starts from.
const SEEDS: [&str; 6] = [
    "INSERT INTO a (x) SELECT b.x, f(y) FROM b AS t (x, y), LATERAL TABLE(g(y)) AS s (z) WHERE x IN (SELECT 1 FROM c) GROUP BY x",
    "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 FROM b; INSERT INTO c VALUES (1); END;",
    "CREATE TABLE IF NOT EXISTS a (x INT, y AS f(x), PRIMARY KEY (x) NOT ENFORCED) WITH ('k.connection' = 'c') AS SELECT * FROM b",
    "WITH RECURSIVE w (a) AS (SELECT 1 FROM s) SELECT * FROM w JOIN d FOR SYSTEM_TIME AS OF w.t ON TRUE UNION ALL (TABLE e)",
    "CREATE AGENT a USING MODEL m USING TOOLS t, u COMMENT 'c' WITH ('k' = 'v')",
    "SELECT k FROM t /*+ OPTIONS('scan.startup.mode'='x') */ MATCH_RECOGNIZE (PATTERN (A+) DEFINE A AS LAST(A.x) > 1) AS m (p)",
];

#[test]
#[ignore = "runs for minutes; set FLOE_SQL_SEARCH_SECONDS"]
fn random_texts_hold_the_fuzz_invariants() {
    let seconds: u64 = std::env::var("FLOE_SQL_SEARCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let seed: u64 = std::env::var("FLOE_SQL_SEARCH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pool: Vec<String> = SEEDS.iter().map(|seed| (*seed).to_owned()).collect();
    let (start, mut tried, mut bytes) = (Instant::now(), 0_u64, 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        for _ in 0..200 {
            let text = mutate(&mut random, &pool);
            check_fuzz_invariants(&text);
            tried += 1;
            bytes += text.len() as u64;
            // Keep some of the texts, so that mutations accumulate and the pool stays small.
            if random.u32(..20) == 0 && text.len() < 2_000 {
                if pool.len() < 500 {
                    pool.push(text);
                } else {
                    let at = random.usize(SEEDS.len()..pool.len());
                    pool[at] = text;
                }
            }
        }
    }
    println!("searched {tried} texts of {bytes} bytes in {:?}, seed {seed}: nothing found", start.elapsed());
}

/// Returns a text of the pool after some random mutations.
fn mutate(random: &mut fastrand::Rng, pool: &[String]) -> String {
    let mut text: Vec<char> = pool[random.usize(..pool.len())].chars().collect();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=text.len());
        let length = random.usize(..12).min(text.len() - at);
        match random.u32(..6) {
            0 => drop(text.drain(at..at + length)),
            1 => text.insert(at, random.char(..)),
            2 => text.insert(at, char::from(random.u8(..128))),
            3 => {
                let copy = text[at..at + length].to_vec();
                let to = random.usize(..=text.len());
                text.splice(to..to, copy);
            }
            4 => {
                let other: Vec<char> = pool[random.usize(..pool.len())].chars().collect();
                text.splice(at.., other[random.usize(..=other.len())..].iter().copied());
            }
            _ => drop(text.splice(at..at + length.min(1), FRAGMENTS[random.usize(..FRAGMENTS.len())].chars())),
        }
    }
    text.into_iter().collect()
}

/// Checks the invariants of the two fuzz targets.
fn check_fuzz_invariants(text: &str) {
    if let Err(error) = check_invariants(text) {
        panic!("{error}\n{text:?}");
    }
    let form = normal_form(text);
    assert!(are_equivalent(text, &form), "{text:?}");
    assert!(form.len() <= 2 * text.len(), "{text:?}");
    let (before, after) = (analyze(text), analyze(&form));
    assert_eq!(before.kind, after.kind, "{text:?}");
    assert_eq!(
        before.stateful_construct.clone().map(|state| state.description),
        after.stateful_construct.clone().map(|state| state.description),
        "{text:?}"
    );
    let roles =
        |analysis: &crate::sql::Analysis| analysis.mentions.iter().map(|m| (m.usage, m.kind)).collect::<Vec<_>>();
    assert_eq!(roles(&before), roles(&after), "{text:?}");
}
