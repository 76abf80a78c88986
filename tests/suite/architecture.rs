//! Reads `src/` and enforces the architecture: which room may use which, which room may name which crate, and what is
//! absent. `circles`, `names`, `parameters` and `unit_tests` hold the rules for files, names, functions and tests.
//!
//! The rules look at the source as text, without comments, literals and test modules. They see every path that is written
//! out as `crate::…`, `super::…` or with a crate's name, which is how this project writes them.

use std::{collections::BTreeSet, fs, path::Path};

mod circles;
mod names;
mod parameters;
mod source;
mod unit_tests;

use source::{SOURCE, blank, holds, names_crate, root};

/// Every room in the order of `lib.rs`, and the rooms that it may use. Data flows from the top to the bottom.
const ROOMS: [(&str, &[&str]); 16] = [
    ("resource", &[]),
    ("sql", &["resource"]),
    ("manifest", &["resource", "sql"]),
    ("graph", &["resource", "sql", "manifest"]),
    ("state", &["resource"]),
    ("cloud", &["resource"]),
    ("simulator", &["resource", "sql", "cloud"]),
    ("live", &["resource", "cloud"]),
    ("settle", &["resource", "sql", "state", "live"]),
    ("assess", &["resource", "sql", "state", "live", "settle"]),
    ("diff", &["resource", "sql", "manifest", "graph", "state", "live", "settle", "assess"]),
    ("plan", &["resource", "sql", "manifest", "graph", "state", "live", "settle", "diff"]),
    ("planning", &["resource", "manifest", "graph", "state", "cloud", "live", "settle", "assess", "diff", "plan"]),
    ("execute", &["resource", "state", "cloud", "live", "settle", "plan"]),
    (
        "render",
        &[
            "resource", "sql", "manifest", "graph", "state", "cloud", "live", "settle", "assess", "diff", "plan",
            "execute",
        ],
    ),
    (
        "cli",
        &[
            "resource",
            "sql",
            "manifest",
            "graph",
            "state",
            "cloud",
            "simulator",
            "live",
            "settle",
            "assess",
            "diff",
            "plan",
            "planning",
            "execute",
            "render",
        ],
    ),
];

/// Every dependency and the rooms that may name it; `None` for those that are at home everywhere.
const HOMES: [(&str, Option<&[&str]>); 33] = [
    ("anstream", Some(&["cli"])),
    ("anstyle", Some(&["render"])),
    ("argon2", Some(&["resource"])),
    ("axum", Some(&["simulator"])),
    ("base64", Some(&["resource", "cloud", "simulator"])),
    ("clap", Some(&["cli"])),
    // The seeded source is made in `cli` and handed on.
    ("fastrand", Some(&["cloud", "simulator", "state", "cli"])),
    ("glob", Some(&["manifest"])),
    ("hmac", Some(&["resource"])),
    // The seam that `cloud` and `simulator` share.
    ("http", Some(&["cloud", "simulator"])),
    ("indicatif", Some(&["cli"])),
    ("jiff", Some(&["resource", "cloud", "simulator", "assess", "render", "cli"])),
    ("litemap", Some(&["resource"])),
    ("miette", Some(&["cli"])),
    // The program's own, outside all rooms.
    ("mimalloc", Some(&[])),
    ("petgraph", Some(&["graph"])),
    ("reqwest", Some(&["cloud"])),
    ("rustix", Some(&["state"])),
    ("rustls", Some(&["cloud"])),
    ("serde", None),
    ("serde_json", None),
    ("sha2", Some(&["resource"])),
    ("shlex", Some(&["resource"])),
    ("similar", Some(&["render"])),
    ("strsim", Some(&["manifest"])),
    ("tempfile", Some(&["simulator", "cli"])),
    ("terminal_size", Some(&["cli"])),
    ("textwrap", Some(&["render"])),
    ("thiserror", None),
    ("tokio", Some(&["state", "cloud", "simulator", "live", "planning", "execute", "cli"])),
    ("toml", Some(&["manifest"])),
    ("unicode-width", Some(&["render"])),
    ("url", Some(&["manifest", "cloud", "simulator", "cli"])),
];

/// What a module is called when a noun is missing.
const VAGUE_NAMES: [&str; 11] =
    ["util", "utils", "helper", "helpers", "common", "core", "types", "errors", "manager", "service", "misc"];

/// What the simulator may know of the room cloud: the seam, and none of its JSON.
const SEAM: [&str; 7] =
    ["BoxFuture", "Headers", "TransportError", "Method", "HttpRequest", "HttpResponse", "Transport"];

/// The rooms that are synchronous and pure.
const PURE: [&str; 4] = ["settle", "assess", "diff", "plan"];

// ---- the rules

#[test]
fn a_room_uses_only_the_rooms_to_its_left() {
    let mut violations = Vec::new();
    for file in SOURCE.in_rooms() {
        let allowed = ROOMS.iter().find(|(room, _)| *room == file.room).map_or(&[] as &[&str], |(_, allowed)| *allowed);
        for path in file.paths_in_the_crate() {
            let Some(room) = path.first().filter(|name| ROOMS.iter().any(|(room, _)| room == name)) else { continue };
            if *room != file.room && !allowed.contains(&room.as_str()) {
                violations.push(format!("{}: `{}` may not use `{}`", file.path, file.room, path.join("::")));
            }
        }
    }
    none(violations, "see the table of rooms; data flows one way, so a noun may stand in the wrong room");
}

#[test]
fn a_crate_is_named_in_its_home_only() {
    let mut violations = Vec::new();
    let source_tree = &*SOURCE;
    for file in source_tree.in_rooms() {
        for (name, homes) in HOMES {
            let at_home = homes.is_none_or(|homes| homes.contains(&file.room.as_str()));
            if !at_home && names_crate(&file.code, name) {
                violations.push(format!(
                    "{}: the crate `{name}` is at home in {}",
                    file.path,
                    homes.unwrap().join(", ")
                ));
            }
        }
    }
    none(violations, "let the home of the crate do it, or say in the table why it has another");
}

#[test]
fn every_dependency_has_a_home() {
    let toml = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, after) = toml.split_once("[dependencies]").unwrap();
    let table = after.split("\n[").next().unwrap();
    let declared: BTreeSet<&str> = table
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .collect();
    let homes: BTreeSet<&str> = HOMES.iter().map(|(name, _)| *name).collect();
    let mut violations: Vec<_> =
        declared.difference(&homes).map(|name| format!("Cargo.toml: `{name}` has no home in the table")).collect();
    violations.extend(homes.difference(&declared).map(|name| format!("the table has `{name}`, Cargo.toml has not")));
    let reasonless = table.lines().filter(|line| line.contains('=') && !line.contains('#'));
    // `tokio` has its reason in the line above.
    violations.extend(
        reasonless
            .filter(|line| !line.starts_with("tokio"))
            .map(|line| format!("Cargo.toml: a dependency without a reason: {line}")),
    );
    none(violations, "a new crate needs a strong reason, written in its line");
}

#[test]
fn rooms_are_declared_in_order_and_every_module_belongs_to_one() {
    let lib = blank(&fs::read_to_string(root().join("src/lib.rs")).unwrap());
    let declared: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let source_tree = &*SOURCE;
    let folders: BTreeSet<&str> =
        source_tree.files.iter().map(|file| file.room.as_str()).filter(|room| !room.is_empty()).collect();
    let planned: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).filter(|room| folders.contains(room)).collect();
    assert_eq!(declared, planned, "src/lib.rs declares the rooms in the order of the table");
    let mut violations: Vec<_> = folders
        .iter()
        .filter(|folder| !planned.contains(folder))
        .map(|folder| format!("src/{folder}: not in the table of rooms"))
        .collect();
    for (room, uses) in ROOMS {
        let before = ROOMS.iter().take_while(|(other, _)| *other != room).map(|(other, _)| *other).collect::<Vec<_>>();
        let back = uses.iter().filter(|used| !before.contains(used));
        violations.extend(back.map(|used| format!("the table lets `{room}` use `{used}`, which stands after it")));
    }
    none(violations, "a room is a folder of src/ that lib.rs declares");
}

#[test]
fn no_module_has_a_meaningless_name() {
    let mut violations = Vec::new();
    for file in &SOURCE.files {
        let parts = Path::new(&file.path).with_extension("");
        for part in parts.iter().filter_map(|part| part.to_str()) {
            if VAGUE_NAMES.contains(&part) {
                violations.push(format!("{}: `{part}` says nothing of what it holds", file.path));
            }
        }
    }
    none(violations, "something without a home means that a noun is missing");
}

#[test]
fn every_file_is_a_module_that_says_what_it_is() {
    let source_tree = &*SOURCE;
    let mut violations = Vec::new();
    for file in &source_tree.files {
        if !file.reachable {
            violations.push(format!("{}: no `mod` declares it, so nothing compiles it", file.path));
        }
        if !file.text.starts_with("//! ") {
            violations.push(format!("{}: begins without a module doc (`//! …`)", file.path));
        }
    }
    none(violations, "one to four lines that say what the file holds");
}

#[test]
fn only_cli_prints_and_reads_the_environment() {
    let words = [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "std::env",
        "env::var",
        "env::args",
        "env::current_dir",
        "process::exit",
        "io::stdin",
        "io::stdout",
        "io::stderr",
        "tokio::signal",
    ];
    let mut violations = Vec::new();
    for file in SOURCE.in_rooms().filter(|file| file.room != "cli") {
        let written = words.iter().filter(|word| holds(&file.code, word)).map(|word| (*word).to_owned());
        let imported = file.paths_from("std").into_iter().map(|path| path.join("::"));
        let imported = imported.filter(|path| path.starts_with("std::env"));
        let found: BTreeSet<String> = written.chain(imported).collect();
        violations.extend(found.into_iter().map(|word| format!("{}: `{word}`", file.path)));
    }
    none(violations, "the library prints nothing and reads no environment variable; hand it in from `cli`");
}

#[test]
fn the_simulator_uses_only_the_transport_seam_of_the_cloud_room() {
    let mut violations = Vec::new();
    for file in SOURCE.in_rooms().filter(|file| file.room == "simulator") {
        for path in file.paths_in_the_crate() {
            if let [room, name, ..] = path.as_slice()
                && room == "cloud"
                && !SEAM.contains(&name.as_str())
            {
                violations.push(format!("{}: `{}`", file.path, path.join("::")));
            }
        }
        if file.code.contains("wire::") {
            violations.push(format!("{}: names `wire`", file.path));
        }
    }
    none(violations, "a misspelt field must not agree with itself: the simulator has its own JSON");
}

#[test]
fn settle_assess_diff_and_plan_are_pure() {
    let words = ["async", "await", "tokio", "fastrand", "Instant", "SystemTime", "HashMap", "HashSet", "thread"];
    let modules = ["fs", "time", "io", "net", "env", "process", "thread"];
    let mut violations = Vec::new();
    for file in SOURCE.in_rooms().filter(|file| PURE.contains(&file.room.as_str())) {
        let written = words.iter().filter(|word| holds(&file.code, word)).map(|word| (*word).to_owned());
        let imported = file
            .paths_from("std")
            .into_iter()
            .filter(|path| path.get(1).is_some_and(|module| modules.contains(&module.as_str())));
        let found: BTreeSet<String> = written.chain(imported.map(|path| path.join("::"))).collect();
        violations.extend(found.into_iter().map(|word| format!("{}: `{word}`", file.path)));
    }
    none(violations, "no IO, no clock, no randomness, no order that changes: equal inputs give byte-equal plans");
}

#[test]
fn notes_and_reasons_are_only_shown() {
    let mut violations = Vec::new();
    let acting = ["plan", "execute", "state"];
    for file in SOURCE.in_rooms().filter(|file| acting.contains(&file.room.as_str())) {
        let named = ["Note", "Reason"].into_iter().filter(|name| holds(&file.code, name));
        violations.extend(named.map(|name| format!("{}: `{name}`", file.path)));
    }
    none(violations, "they exist to be shown: what `plan` needs stands in the `Action`");
}

#[test]
fn main_only_calls_the_command_line() {
    let main = blank(&fs::read_to_string(root().join("src/main.rs")).unwrap());
    assert!(
        !main.contains("mod ") && main.lines().count() <= 40,
        "src/main.rs calls `floe::cli` and holds nothing itself"
    );
}

fn none(violations: Vec<String>, why: &str) {
    assert!(violations.is_empty(), "\n{}\n→ {why}\n", violations.join("\n"));
}
