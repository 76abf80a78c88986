//! Compares analyses with the expectations of a corpus file.

use std::panic::catch_unwind;

use floe::sql::{Analysis, Mention, ObjectKind, StatementKind, Usage, analyze, normal_form};

use crate::expected::{CorpusLine, ObjectsByRole, is_kind, parse_lines};

/// The number of statements for which a measurement is correct.
pub struct CorpusScore {
    /// What is measured, in a few words.
    pub measurement: &'static str,
    /// How many statements are correct.
    pub correct: usize,
    /// How many statements were measured.
    pub total: usize,
}

/// A function that measures one file.
pub type MeasureFile = fn(text: &str, verbose: bool) -> Vec<CorpusScore>;

/// Measures statements that Flink's parser accepts, with the objects that its own tree names.
pub fn measure_valid(text: &str, verbose: bool) -> Vec<CorpusScore> {
    let lines = parse_lines(text);
    let score_lines = |measurement, is_correct: &dyn Fn(&CorpusLine, &Analysis) -> bool| {
        score(measurement, &lines, verbose, is_correct)
    };
    vec![
        score_lines("objects", &|line, reading| {
            mentioned_objects(&line.sql, reading, false) == line.expected_objects()
        }),
        score_lines("kind", &|line, reading| is_kind(&line.kind, reading.kind)),
        score_lines("no errors, except for a missing END", &|line, reading| {
            line.kind == "SqlBeginStatementSet" || reading.errors.is_empty()
        }),
        score_lines("stateful if the text has a stateful keyword", &|line, reading| {
            reading.stateful_construct.is_some() || !has_stateful_keyword(&line.sql)
        }),
        score_lines("spans cover their names", &|line, reading| spans_are_on_names(line, reading)),
        score_lines("the normal form of a normal form is itself", &|line, _| {
            let form = normal_form(&line.sql);
            normal_form(&form) == form
        }),
    ]
}

/// Measures Confluent's own dialect, with kinds and objects that were written by hand.
pub fn measure_confluent(text: &str, verbose: bool) -> Vec<CorpusScore> {
    let lines = parse_lines(text);
    let score_lines = |what, right: &dyn Fn(&CorpusLine, &Analysis) -> bool| score(what, &lines, verbose, right);
    vec![
        score_lines("objects", &|line, reading| {
            let mut found = mentioned_objects(&line.sql, reading, true);
            // Functions are only expected if a clause names them.
            if !line.objects.contains_key("functions") {
                found.remove("functions");
            }
            found == line.expected_objects()
        }),
        score_lines("kind", &|line, reading| is_kind(&line.kind, reading.kind)),
        score_lines("no errors", &|_, reading| reading.errors.is_empty()),
    ]
}

/// Measures statements that Flink's parser rejects: no panic, and no claim that the text does not support.
pub fn measure_rejected(text: &str, verbose: bool) -> Vec<CorpusScore> {
    let lines = parse_lines(text);
    let score_lines = |what, right: &dyn Fn(&CorpusLine, &Analysis) -> bool| score(what, &lines, verbose, right);
    vec![
        score_lines("nothing falsely sure", &|line, reading| {
            let surely_stateless = reading.stateful_construct.is_none() && keeps_running(reading.kind);
            !(surely_stateless && has_stateful_keyword(&line.sql)) && spans_are_on_names(line, reading)
        }),
        score_lines("with errors, or of an unsupported kind", &|_, reading| {
            !reading.errors.is_empty() || matches!(reading.kind.class(), floe::sql::StatementClass::Unsupported(_))
        }),
    ]
}

/// Counts the statements for which `is_correct` holds, and prints the others if `verbose`.
fn score(
    measurement: &'static str,
    lines: &[CorpusLine],
    verbose: bool,
    is_correct: &dyn Fn(&CorpusLine, &Analysis) -> bool,
) -> CorpusScore {
    let mut count = 0;
    for line in lines {
        let Ok(analysis) = catch_unwind(|| analyze(&line.sql)) else {
            println!("{measurement}: panics on {}", line.id);
            continue;
        };
        if is_correct(line, &analysis) {
            count += 1;
        } else if verbose {
            let expected = line.expected_objects();
            println!(
                "{measurement}: {} ({})\n{}\n  expected {expected:?}\n  found    {:?}",
                line.id,
                line.kind,
                line.sql,
                mentioned_objects(&line.sql, &analysis, true)
            );
            println!(
                "  kind {:?}, state {:?}, errors {:?}\n",
                analysis.kind, analysis.stateful_construct, analysis.errors
            );
        }
    }
    CorpusScore { measurement, correct: count, total: lines.len() }
}

/// Returns the objects of an analysis by the role names of the corpus. Flink's own tree has no names in literals and no
/// agents, so these are included only on request.
pub fn mentioned_objects(sql: &str, analysis: &Analysis, with_confluent: bool) -> ObjectsByRole {
    let mut objects = ObjectsByRole::new();
    for mention in &analysis.mentions {
        let is_unknown_to_flink = is_literal(sql, mention) || mention.kind == ObjectKind::Agent;
        if !with_confluent && is_unknown_to_flink {
            continue;
        }
        let role = match (mention.usage, mention.kind) {
            (Usage::Creates, _) => "creates",
            (Usage::Alters, _) => "alters",
            (Usage::Drops, _) => "drops",
            (Usage::Reads, _) => "reads",
            (Usage::Writes, _) => "writes",
            (Usage::Calls, ObjectKind::Function) => "functions",
            (Usage::Calls, ObjectKind::Model) => "models",
            (Usage::Calls, ObjectKind::Connection) => "connections",
            (Usage::Calls, ObjectKind::Agent) => "agents",
            (Usage::Calls, ObjectKind::Tool) => "tools",
            (Usage::Calls, _) => "other",
        };
        objects.entry(role.to_owned()).or_default().insert(mention.name.join("."));
    }
    objects
}

/// Returns whether the name of a mention is in a literal.
fn is_literal(sql: &str, mention: &Mention) -> bool {
    sql.get(mention.span.clone()).is_some_and(|written| written.ends_with('\''))
}

/// Returns whether the text at each span, without quotes and white space, is the name.
fn spans_are_on_names(line: &CorpusLine, analysis: &Analysis) -> bool {
    analysis.mentions.iter().all(|mention| {
        let written = line.sql.get(mention.span.clone()).unwrap_or_default();
        mention
            .name
            .iter()
            .all(|part| written.contains(part.as_str()) || written.contains('`') || written.contains('\''))
            && !written.is_empty()
    }) && analysis.stateful_construct.iter().all(|state| line.sql.get(state.span.clone()).is_some())
        && analysis.errors.iter().all(|error| line.sql.get(error.span.clone()).is_some())
}

/// Returns whether the text may keep state. This judgment is independent of the analysis, and coarser.
fn has_stateful_keyword(sql: &str) -> bool {
    let words = sql.to_ascii_uppercase();
    let has = |word: &str| words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|found| found == word);
    let starts_definition =
        ["CREATE VIEW", "ALTER", "DROP", "SHOW"].iter().any(|head| words.trim_start().starts_with(head));
    !starts_definition
        && has("SELECT")
        && ["GROUP", "HAVING", "OVER", "MATCH_RECOGNIZE", "SYSTEM_TIME", "INTERSECT", "EXCEPT", "LIMIT"]
            .iter()
            .any(|word| has(word))
}

/// Returns whether statements of this kind keep running.
fn keeps_running(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::InsertInto
            | StatementKind::StatementSet
            | StatementKind::CreateTableAs
            | StatementKind::Select
            | StatementKind::CreateMaterializedTable
    )
}
