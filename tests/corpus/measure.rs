//! Holds readings against what a corpus file expects.

use std::panic::catch_unwind;

use floe::sql::{Kind, Mention, ObjectKind, Reading, Use, normal_form, read};

use crate::expected::{Line, Objects, is_kind, lines};

/// How many of how many are right.
pub struct Share {
    pub what: &'static str,
    pub right: usize,
    pub of: usize,
}

/// Measures one file.
pub type Measure = fn(text: &str, verbose: bool) -> Vec<Share>;

/// What Flink's parser accepts, with the objects that its own tree names.
pub fn valid(text: &str, verbose: bool) -> Vec<Share> {
    let lines = lines(text);
    let count = |what, right: &dyn Fn(&Line, &Reading) -> bool| share(what, &lines, verbose, right);
    vec![
        count("objects", &|line, reading| objects(line, reading, false) == line.objects_named()),
        count("kind", &|line, reading| is_kind(&line.kind, reading.kind)),
        count("no fault, but for a missing END", &|line, reading| {
            line.kind == "SqlBeginStatementSet" || reading.faults.is_empty()
        }),
        count("keeps no state for sure, where the text has no word that speaks of it", &|line, reading| {
            reading.state.is_some() || !speaks_of_state(&line.sql)
        }),
        count("spans lie on their names", &|line, reading| spans_hold(line, reading)),
        count("the normal form is its own", &|line, _| {
            let form = normal_form(&line.sql);
            normal_form(&form) == form
        }),
    ]
}

/// Confluent's own dialect, with kinds and objects written by hand.
pub fn confluent(text: &str, verbose: bool) -> Vec<Share> {
    let lines = lines(text);
    let count = |what, right: &dyn Fn(&Line, &Reading) -> bool| share(what, &lines, verbose, right);
    vec![
        count("objects", &|line, reading| {
            let mut found = objects(line, reading, true);
            // Functions are listed only where a clause names them.
            if !line.objects.contains_key("functions") {
                found.remove("functions");
            }
            found == line.objects_named()
        }),
        count("kind", &|line, reading| is_kind(&line.kind, reading.kind)),
        count("no fault", &|_, reading| reading.faults.is_empty()),
    ]
}

/// What Flink's parser rejects: no panic, and nothing said as if it were sure.
pub fn rejected(text: &str, verbose: bool) -> Vec<Share> {
    let lines = lines(text);
    let count = |what, right: &dyn Fn(&Line, &Reading) -> bool| share(what, &lines, verbose, right);
    vec![
        count("nothing falsely sure", &|line, reading| {
            let surely_stateless = reading.state.is_none() && runs(reading.kind);
            !(surely_stateless && speaks_of_state(&line.sql)) && spans_hold(line, reading)
        }),
        count("with a fault, of an unknown kind, or refused", &|_, reading| {
            !reading.faults.is_empty() || matches!(reading.kind.class(), floe::sql::Class::Refused(_))
        }),
    ]
}

fn share(what: &'static str, lines: &[Line], verbose: bool, right: &dyn Fn(&Line, &Reading) -> bool) -> Share {
    let mut count = 0;
    for line in lines {
        let Ok(reading) = catch_unwind(|| read(&line.sql)) else {
            println!("{what}: panics on {}", line.id);
            continue;
        };
        if right(line, &reading) {
            count += 1;
        } else if verbose {
            let named = line.objects_named();
            println!("{what}: {} ({})\n{}\n  expected {named:?}\n  found    {:?}", line.id, line.kind, line.sql, objects(line, &reading, true));
            println!("  kind {:?}, state {:?}, faults {:?}\n", reading.kind, reading.state, reading.faults);
        }
    }
    Share { what, right: count, of: lines.len() }
}

impl Line {
    /// The expected objects without roles that have none.
    fn objects_named(&self) -> Objects {
        self.objects.iter().filter(|(_, names)| !names.is_empty()).map(|(role, names)| (role.clone(), names.clone())).collect()
    }
}

/// The objects of a reading in the corpus' words. Flink's own tree knows no names in literals, so they count on request only.
fn objects(line: &Line, reading: &Reading, with_literals: bool) -> Objects {
    let mut objects = Objects::new();
    for mention in &reading.mentions {
        if !with_literals && is_literal(line, mention) {
            continue;
        }
        let role = match (mention.role, mention.object) {
            (Use::Creates, _) => "creates",
            (Use::Alters, _) => "alters",
            (Use::Drops, _) => "drops",
            (Use::Reads, _) => "reads",
            (Use::Writes, _) => "writes",
            (Use::Calls, ObjectKind::Function) => "functions",
            (Use::Calls, ObjectKind::Model) => "models",
            (Use::Calls, ObjectKind::Connection) => "connections",
            (Use::Calls, ObjectKind::Agent) => "agents",
            (Use::Calls, ObjectKind::Tool) => "tools",
            (Use::Calls, _) => "other",
        };
        objects.entry(role.to_owned()).or_default().insert(mention.name.join("."));
    }
    objects
}

fn is_literal(line: &Line, mention: &Mention) -> bool {
    line.sql.get(mention.span.clone()).is_some_and(|written| written.ends_with('\''))
}

/// A span lies on a name if what it covers, without quotes and blanks, is that name.
fn spans_hold(line: &Line, reading: &Reading) -> bool {
    reading.mentions.iter().all(|mention| {
        let written = line.sql.get(mention.span.clone()).unwrap_or_default();
        mention.name.iter().all(|part| written.contains(part.as_str()) || written.contains('`') || written.contains('\''))
            && !written.is_empty()
    }) && reading.state.iter().all(|state| line.sql.get(state.span.clone()).is_some())
        && reading.faults.iter().all(|fault| line.sql.get(fault.span.clone()).is_some())
}

/// A judgement of its own, cruder than the reading's, on whether a text may keep state.
fn speaks_of_state(sql: &str) -> bool {
    let words = sql.to_ascii_uppercase();
    let has = |word: &str| words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|found| found == word);
    let starts_definition = ["CREATE VIEW", "ALTER", "DROP", "SHOW"].iter().any(|head| words.trim_start().starts_with(head));
    !starts_definition
        && has("SELECT")
        && ["GROUP", "HAVING", "OVER", "MATCH_RECOGNIZE", "SYSTEM_TIME", "INTERSECT", "EXCEPT", "LIMIT"].iter().any(|word| has(word))
}

fn runs(kind: Kind) -> bool {
    matches!(kind, Kind::InsertInto | Kind::StatementSet | Kind::CreateTableAs | Kind::Select | Kind::CreateMaterializedTable)
}
