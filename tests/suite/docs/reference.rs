//! Compares the names on a reference page with those in the code. Each check returns one problem for each name that
//! is missing or unknown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use clap::CommandFactory;
use floe::{cli::arguments::Arguments, diff, simulator::Scenario, sql};

use super::page::Page;

/// The methods that read a key in the source of `manifest`.
const READ_METHODS: [&str; 9] = [
    "string",
    "strings",
    "string_or_strings",
    "boolean",
    "integer",
    "entries",
    "section",
    "named_tables",
    "list_of_tables",
];

/// Checks that each key of a manifest has a row in a table of keys, one for each manifest table that accepts the key.
pub fn manifest_keys(page: &Page, source: &Path) -> Vec<String> {
    let mut tables_by_key: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    read_keys(source, &mut tables_by_key);
    // If there are fewer, the style of the source has changed, and this function has to be adapted.
    assert!(tables_by_key.len() > 40, "found too few manifest keys in {}: {tables_by_key:?}", source.display());
    let rows: Vec<String> = keys_of(page, "key").collect();
    let mut problems = Vec::new();
    for (key, takers) in &tables_by_key {
        let count = rows.iter().filter(|row| *row == key).count();
        if count < takers.len() {
            problems
                .push(page.problem_at(1, &format!("`{key}` has {count} rows for {} tables: {takers:?}", takers.len())));
        }
    }
    let unknown = rows.iter().filter(|row| !tables_by_key.contains_key(*row));
    problems.extend(unknown.map(|row| page.problem_at(1, &format!("there is no manifest key `{row}`"))));
    problems
}

/// Adds each key that a call such as `fields.string("key")` reads, with the name of the function around the call.
fn read_keys(folder: &Path, tables_by_key: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_keys(&path, tables_by_key);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut function = String::new();
        for line in text.lines() {
            if let Some((_, name)) = line.split_once("fn ") {
                function = name.split(['(', '<']).next().unwrap_or_default().to_owned();
            }
            for call in line.split("fields.").skip(1) {
                let Some((method, rest)) = call.split_once("(\"") else { continue };
                if READ_METHODS.contains(&method)
                    && let Some((key, _)) = rest.split_once('"')
                {
                    tables_by_key.entry(key.to_owned()).or_default().insert(function.clone());
                }
            }
        }
    }
}

/// Returns the first cells, without back-quotes, of the tables whose first column has this header.
fn keys_of<'p>(page: &'p Page, header: &'p str) -> impl Iterator<Item = String> + use<'p> {
    page.rows().into_iter().filter(move |(of, _, _)| of == header).map(|(_, cell, _)| cell.trim_matches('`').to_owned())
}

/// Checks that each command has a heading with its flags below it, and that each flag has a row with its variable.
pub fn commands(page: &Page) -> Vec<String> {
    let mut command = Arguments::command();
    command.build();
    let mut problems = Vec::new();
    let mut flags = BTreeSet::new();
    let global = page.section(|heading| heading == "Global options").unwrap_or_default();
    check_command(page, &command, "floe", &global, &mut flags, &mut problems);
    let known = |word: &str| flags.contains(word) || matches!(word, "--help" | "--version");
    for (line, text) in page.prose() {
        for word in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')) {
            if word.starts_with("--") && word.len() > 2 && !word.starts_with("---") && !known(word) {
                problems.push(page.problem_at(line, &format!("there is no flag `{word}`")));
            }
        }
    }
    problems
}

/// Checks one command and its subcommands, and adds their flags to `flags`.
fn check_command(
    page: &Page,
    command: &clap::Command,
    path: &str,
    global: &str,
    flags: &mut BTreeSet<String>,
    problems: &mut Vec<String>,
) {
    let heading = format!("`{path}`");
    let section = page.section(|found| found == heading);
    if section.is_none() && !command.has_subcommands() {
        problems.push(page.problem_at(1, &format!("there is no heading {heading}")));
    }
    for argument in command.get_arguments() {
        let Some(long) = argument.get_long().filter(|long| !matches!(*long, "help" | "version")) else { continue };
        let long = format!("--{long}");
        let place = if argument.is_global_set() { global } else { section.as_deref().unwrap_or_default() };
        if !place.contains(&format!("`{long}")) {
            problems.push(page.problem_at(1, &format!("`{path}`: `{long}` is not described")));
        }
        let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
        let is_row = |row: &str| {
            row.contains(&format!("`{long}")) && variable.as_ref().is_none_or(|name| row.contains(name.as_str()))
        };
        if !page.rows().iter().any(|(_, _, row)| is_row(row)) {
            problems.push(page.problem_at(1, &format!("no row of a table has `{long}` and {variable:?}")));
        }
        flags.insert(long);
    }
    for command in command.get_subcommands() {
        check_command(page, command, &format!("{path} {}", command.get_name()), global, flags, problems);
    }
}

/// Checks that each lint has a heading that begins with its code, and that the address of its source is below it.
pub fn lints(page: &Page) -> Vec<String> {
    let mut problems = Vec::new();
    for code in sql::lint_codes() {
        let source = sql::explain_lint(code).unwrap().source;
        match page.section(|heading| heading.starts_with(&format!("{code}: "))) {
            None => problems.push(page.problem_at(1, &format!("there is no heading `{code}: …`"))),
            Some(section) if !section.contains(source) => {
                problems.push(page.problem_at(1, &format!("{code} does not name its source, {source}")));
            }
            Some(_) => {}
        }
    }
    let is_code =
        |word: &str| word.len() == 5 && word.starts_with("FL") && word[2..].bytes().all(|b| b.is_ascii_digit());
    for (line, text) in page.prose() {
        for word in text.split(|letter: char| !letter.is_ascii_alphanumeric()) {
            if is_code(word) && sql::explain_lint(word).is_none() {
                problems.push(page.problem_at(line, &format!("there is no lint {word}")));
            }
        }
    }
    problems
}

/// Checks that the exit codes of `floe --help`, and no others, have a row.
pub fn exit_codes(page: &Page) -> Vec<String> {
    let help = Arguments::command().render_help().to_string();
    let codes: BTreeSet<String> = help
        .lines()
        .skip_while(|line| !line.starts_with("Exit codes"))
        .skip(1)
        .map_while(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(codes.len() > 5, "{codes:?}");
    differences(page, &codes, &keys_of(page, "code").collect())
}

/// Checks that each action, strategy and block has a row with its name in the JSON of a plan.
pub fn changes(page: &Page) -> Vec<String> {
    let actions = expected_names(&serde_json::from_str::<diff::Action>(r#"{"do": "-"}"#).unwrap_err());
    let strategies = expected_names(&serde_json::from_str::<diff::Strategy>(r#""-""#).unwrap_err());
    let blocks = expected_names(&serde_json::from_str::<diff::Block>(r#"{"block": "-"}"#).unwrap_err());
    [("action", actions), ("strategy", strategies), ("block", blocks)]
        .iter()
        .flat_map(|(header, known)| differences(page, known, &keys_of(page, header).collect()))
        .collect()
}

/// Checks that everything that a scenario can hold has a row.
pub fn scenario(page: &Page) -> Vec<String> {
    let known = |text: &str| expected_names(&Scenario::parse(text).unwrap_err());
    [
        ("field", known(r#"{"-": 0}"#)),
        ("switch", known(r#"{"switches": {"-": 0}}"#)),
        ("fault", known(r#"{"faults": [{"does": "-"}]}"#)),
        ("fault key", known(r#"{"faults": [{"-": 0}]}"#)),
        ("verdict", known(r#"{"verdicts": [{"name": "*", "does": "-"}]}"#)),
    ]
    .iter()
    .flat_map(|(header, known)| differences(page, known, &keys_of(page, header).collect()))
    .collect()
}

/// Returns the names that an error of serde lists as expected.
fn expected_names(error: &impl ToString) -> BTreeSet<String> {
    let error = error.to_string();
    let (_, names) = error.split_once("expected").unwrap();
    let names: BTreeSet<String> = names.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 1, "{error}");
    names
}

/// Returns a problem for each name that the page lacks, and for each that does not exist.
fn differences(page: &Page, known: &BTreeSet<String>, named: &BTreeSet<String>) -> Vec<String> {
    let missing = known.difference(named).map(|name| format!("`{name}` is not described"));
    let unknown = named.difference(known).map(|name| format!("there is no `{name}`"));
    missing.chain(unknown).map(|what| page.problem_at(1, &what)).collect()
}
