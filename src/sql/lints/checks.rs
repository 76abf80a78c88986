//! The checks, one function for each code.

use super::{Lint, LintContext, LintSeverity, LintSubject};
use crate::{
    resource::{Span, properties},
    sql::{
        Analysis, ObjectKind, SecretForm, StatementKind, Usage, query::WindowSources, secrets::plaintext_secret_form,
        statement::OptionPair,
    },
};

/// Every check, in the order of the codes.
pub(super) static ALL_CHECKS: [fn(&LintSubject<'_, '_, '_>) -> Vec<Lint>; 13] = [
    regular_join,
    star_into_sink,
    create_table_as_in_evolving_project,
    user_principal,
    window_without_idleness,
    dropped_table,
    unsupported_option,
    plaintext_secret,
    unbounded_state,
    startup_option,
    temporary_object,
    partial_window_grouping,
    processing_time,
];

/// Returns a lint of severity warning.
fn warning(code: &'static str, span: Option<Span>, message: impl Into<String>, help: impl Into<String>) -> Lint {
    Lint { code, message: message.into(), help: help.into(), span, property: None, severity: LintSeverity::Warning }
}

/// Checks FL101: a regular join without a time to live.
fn regular_join(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_job() || subject.has_state_ttl() {
        return Vec::new();
    }
    let at = |span: &Span| {
        warning(
            "FL101",
            Some(span.clone()),
            "this join keeps every row of both sides forever",
            "Set `sql.state-ttl` in `properties`, or bound the join in time (`FOR SYSTEM_TIME AS OF`, an interval, a \
             window).",
        )
    };
    let query = &subject.statement.query;
    let joins_windows =
        |join: &&Span| query.joins_on_window_bounds.contains(join) && subject.reads_only_windowed_views();
    query.regular_joins.iter().find(|join| !joins_windows(join)).map(at).into_iter().collect()
}

/// Checks FL102: `SELECT *` from a table into a sink.
fn star_into_sink(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_job() {
        return Vec::new();
    }
    let at = |span: &Span| {
        warning(
            "FL102",
            Some(span.clone()),
            "`*` is expanded when the statement is created, so columns added to the table later never arrive",
            "Name the columns.",
        )
    };
    subject.statement.query.stars().iter().map(at).collect()
}

/// Checks FL103: a `CREATE TABLE … AS` that floe cannot replace.
fn create_table_as_in_evolving_project(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_kind(StatementKind::CreateTableAs) || !subject.context.can_evolve {
        return Vec::new();
    }
    let table = subject.analysis.mentions.iter().find(|mention| mention.usage == Usage::Creates);
    vec![warning(
        "FL103",
        table.map(|table| table.span.clone()),
        "`CREATE TABLE … AS` cannot be replaced by a new generation, which would fail on the existing table",
        "Split it into a `CREATE TABLE` and an `INSERT INTO … SELECT`.",
    )]
}

/// Checks FL104: a user principal in a protected environment.
fn user_principal(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    match subject.context.principal {
        Some(principal) if subject.context.is_protected && principal.starts_with("u-") => vec![warning(
            "FL104",
            None,
            format!(
                "the statement runs as the user `{principal}` in a protected environment and stops working when \
                 that account loses its permissions"
            ),
            "Set `principal` to a service account (`sa-…`).",
        )],
        _ => Vec::new(),
    }
}

/// Checks FL105: a window without an idle timeout.
fn window_without_idleness(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    const PROPERTY: &str = properties::IDLE_TIMEOUT;
    let is_set = subject.context.properties.contains_key(PROPERTY) || subject.has_hint_containing("idle-timeout");
    if !subject.is_job() || is_set {
        return Vec::new();
    }
    let at = |span: &Span| {
        warning(
            "FL105",
            Some(span.clone()),
            "this window closes late or never while a partition of its source is silent",
            format!("Decide how long a partition may be silent: set `{PROPERTY}` in `properties`."),
        )
    };
    subject.statement.query.windows.iter().take(1).map(at).collect()
}

/// Checks FL106: a `DROP TABLE` statement.
fn dropped_table(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_kind(StatementKind::DropTable) {
        return Vec::new();
    }
    let dropped = subject
        .analysis
        .mentions
        .iter()
        .filter(|mention| mention.usage == Usage::Drops && mention.kind == ObjectKind::Table);
    dropped
        .map(|table| {
            warning(
                "FL106",
                Some(table.span.clone()),
                format!(
                    "this deletes the Kafka topic of `{}` with all of its data and its schemas",
                    table.name.join(".")
                ),
                "Write it as the `undo` of the statement that creates the table. floe then runs it only with \
                 `--allow-data-loss`.",
            )
        })
        .collect()
}

/// Checks FL107: table options that Confluent Cloud rejects.
fn unsupported_option(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    if !matches!(
        subject.analysis.kind,
        StatementKind::CreateTable | StatementKind::CreateTableAs | StatementKind::AlterTable
    ) {
        return Vec::new();
    }
    subject.statement.options.iter().filter_map(unsupported_option_lint).collect()
}

/// Returns the lint of one option, if Confluent Cloud does not accept it.
fn unsupported_option_lint(pair: &OptionPair) -> Option<Lint> {
    let key = pair.key.to_ascii_lowercase();
    let value = pair.value.to_ascii_lowercase();
    let help = match key.as_str() {
        "kafka.partitions" => "Write `DISTRIBUTED INTO n BUCKETS` instead.",
        "connector" if matches!(value.as_str(), "kafka" | "upsert-kafka") => {
            "Remove it, or write `'connector' = 'confluent'`, which takes both appends and upserts."
        }
        "topic" => "Remove it. The topic has the name of the table.",
        "format" => {
            "Write `'key.format'` and `'value.format'` with `'avro-registry'`, `'json-registry'` or `'proto-registry'`."
        }
        _ if key.starts_with("properties.") => "Remove it. Confluent Cloud knows the cluster and its credentials.",
        _ => return None,
    };
    Some(warning(
        "FL107",
        Some(pair.key_span.clone()),
        format!("Confluent Cloud does not accept this `{}` option", pair.key),
        help,
    ))
}

/// Checks FL108: secrets in plain text.
fn plaintext_secret(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    plaintext_secret_lints(subject.analysis, subject.context)
}

/// Returns a lint for each secret in plain text in a statement or its properties.
pub(super) fn plaintext_secret_lints(analysis: &Analysis, context: &LintContext<'_>) -> Vec<Lint> {
    let options = analysis.plaintext_secrets.iter().map(|secret| Lint {
        span: Some(secret.span.clone()),
        ..plaintext_secret_lint(&secret.option, secret.form, "statement")
    });
    let properties = context.properties.iter().filter_map(|(key, value)| {
        let form = plaintext_secret_form(key, &value.masked())?;
        Some(Lint { property: Some(key.to_string()), ..plaintext_secret_lint(key, form, "properties") })
    });
    options.chain(properties).collect()
}

/// Returns the lint of one secret in plain text, without its place.
fn plaintext_secret_lint(key: &str, form: SecretForm, container: &str) -> Lint {
    let message = match form {
        SecretForm::Value => {
            format!(
                "the secret `{key}` is written into the {container}, where anyone who can list statements can read it"
            )
        }
        SecretForm::Placeholder => format!("the secret `{key}` is a placeholder that was not filled in"),
        SecretForm::Credentials => format!(
            "`{key}` contains credentials, which are written into the {container}, where anyone who can list statements \
             can read them"
        ),
    };
    let help = match form {
        SecretForm::Value => "Declare it under `[secrets]` and write `${secret.name}`.",
        SecretForm::Placeholder => {
            "Do not fill it in here. Declare the secret under `[secrets]` and write `${secret.name}` in its place."
        }
        SecretForm::Credentials => {
            "Declare the password, token or key under `[secrets]` and write `${secret.name}` in its place."
        }
    };
    let help = help.to_owned();
    Lint { code: "FL108", message, help, span: None, property: None, severity: LintSeverity::Error }
}

/// Checks FL109: state that grows without bound.
fn unbounded_state(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_job() || subject.has_state_ttl() {
        return Vec::new();
    }
    let window_sources = WindowSources::new(subject.script);
    let is_unbounded = |&at: &usize| {
        let script = subject.script;
        let before = |words: &[&str]| at.checked_sub(1).is_some_and(|before| script.is_any_word(before, words));
        (script.are_words(at, &["GROUP", "BY"])
            && !before(&["WITHIN"])
            && !groups_by_window(subject, &window_sources, at)
            && !groups_by_window_function(subject, at))
            || (script.is_word(at, "DISTINCT") && before(&["SELECT"]))
            || (script.is_word(at, "UNION") && !script.is_word(at + 1, "ALL"))
    };
    let ranges = subject.statement.query_ranges.iter();
    let found = ranges.flat_map(|&(start, end)| start..end).filter(is_unbounded).take(1);
    found
        .map(|at| {
            warning(
                "FL109",
                Some(subject.script.token_span(at)),
                format!(
                    "this `{}` keeps a row for every value it has ever seen",
                    subject.script.token_text(at).to_ascii_uppercase()
                ),
                "Set `sql.state-ttl` in `properties`, or group by a window.",
            )
        })
        .collect()
}

/// Returns the tokens of the list after the `GROUP BY` at `at`, without the content of subqueries.
fn group_by_tokens(subject: &LintSubject<'_, '_, '_>, at: usize) -> Vec<usize> {
    const GROUP_BY_TERMINATORS: [&str; 13] = [
        "GROUP",
        "HAVING",
        "WINDOW",
        "QUALIFY",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "MINUS",
        "SELECT",
    ];
    let script = subject.script;
    let ends = |at: usize| script.is_any_word(at, &GROUP_BY_TERMINATORS) || script.is_symbol(at, ";");
    // A closing bracket without a partner in the list closes the subquery around it.
    let mut tokens = Vec::new();
    let mut at = at + 2;
    let mut open = 0_usize;
    while at < script.len() && !(open == 0 && ends(at)) {
        if script.is_symbol(at, "(") && script.is_any_word(at + 1, &["SELECT", "WITH", "VALUES"]) {
            at = script.closing_bracket(at, script.len()) + 1;
            continue;
        }
        if script.is_symbol(at, "(") {
            open += 1;
        } else if script.is_symbol(at, ")") {
            match open.checked_sub(1) {
                Some(left) => open = left,
                None => break,
            }
        }
        tokens.push(at);
        at += 1;
    }
    tokens
}

/// Returns whether `window_start` and `window_end` are among the grouping columns.
fn groups_by_window_bounds(subject: &LintSubject<'_, '_, '_>, at: usize) -> (bool, bool) {
    let list = group_by_tokens(subject, at);
    let has = |column: &str| {
        list.iter()
            .any(|&at| subject.script.is_identifier(at) && subject.script.identifier(at).eq_ignore_ascii_case(column))
    };
    (has("window_start"), has("window_end"))
}

/// Returns whether the `GROUP BY` at `at` groups the rows of a window by its bounds. Columns of these names that a table
/// has are ordinary columns. FL112 reports a `GROUP BY` with only one of the bounds.
fn groups_by_window(subject: &LintSubject<'_, '_, '_>, sources: &WindowSources, at: usize) -> bool {
    let select = sources.query_start(at).select;
    let block = subject.script.span_between(select, at);
    let reads_windowed_view = || {
        subject.analysis.mentions.iter().any(|mention| {
            block.start <= mention.span.start
                && mention.span.end <= block.end
                && subject.views.windowed_views.contains(&mention.name)
        })
    };
    match groups_by_window_bounds(subject, at) {
        (true, true) => sources.are_between(select, at) || reads_windowed_view(),
        (false, false) => false,
        (true, false) | (false, true) => true,
    }
}

/// Returns whether a grouping column is a window function.
fn groups_by_window_function(subject: &LintSubject<'_, '_, '_>, at: usize) -> bool {
    group_by_tokens(subject, at)
        .iter()
        .any(|&at| subject.script.is_any_word(at, &["TUMBLE", "HOP", "SESSION", "CUMULATE"]))
}

/// Checks FL110: a startup option in a job that floe may replace.
fn startup_option(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    let Some(span) = &subject.analysis.startup_option else { return Vec::new() };
    if !subject.is_job() || !subject.context.can_evolve {
        return Vec::new();
    }
    vec![warning(
        "FL110",
        Some(span.clone()),
        "this startup option decides where each new generation of the job starts",
        "Remove it with the first change of the job. A replaced job then restarts from the beginning of its sources.",
    )]
}

/// Checks FL111: a temporary object.
fn temporary_object(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    let Some(span) = &subject.statement.temporary_span else { return Vec::new() };
    vec![warning(
        "FL111",
        Some(span.clone()),
        "a temporary object exists only in its session, and each statement has a session of its own",
        "Remove `TEMPORARY`.",
    )]
}

/// Checks FL112: grouping by only one bound of a window.
fn partial_window_grouping(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    let ranges = subject.statement.query_ranges.iter();
    let groups =
        ranges.flat_map(|&(start, end)| start..end).filter(|&at| subject.script.are_words(at, &["GROUP", "BY"]));
    groups
        .filter_map(|at| {
            let missing = match groups_by_window_bounds(subject, at) {
                (true, false) => "window_end",
                (false, true) => "window_start",
                _ => return None,
            };
            Some(warning(
                "FL112",
                Some(subject.script.span_between(at, at + 1)),
                format!("without `{missing}` this `GROUP BY` is not a window aggregation and never drops a window"),
                "Group by both `window_start` and `window_end`.",
            ))
        })
        .collect()
}

/// Checks FL113: processing time.
fn processing_time(subject: &LintSubject<'_, '_, '_>) -> Vec<Lint> {
    let script = subject.script;
    let calls = (0..script.len()).filter(|&at| script.is_word(at, "PROCTIME") && script.is_symbol(at + 1, "("));
    calls
        .map(|at| {
            warning(
                "FL113",
                Some(script.token_span(at)),
                "results that depend on processing time are different after every restart",
                "Use `$rowtime`, or a column with a `WATERMARK`.",
            )
        })
        .collect()
}
