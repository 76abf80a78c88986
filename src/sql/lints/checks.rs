//! The checks, one function a code.

use super::{Lint, LintContext, Severity, Subject};
use crate::{
    resource::Span,
    sql::{Kind, ObjectKind, Reading, Use, statement::OptionPair},
};

/// Every check, in the order of the codes.
pub(super) static ALL: [fn(&Subject<'_, '_, '_>) -> Vec<Lint>; 13] = [
    regular_join,
    star_into_sink,
    table_as_in_evolving_project,
    user_principal,
    window_without_idleness,
    dropped_table,
    foreign_option,
    secret_literal,
    growing_state,
    startup_option,
    temporary_object,
    half_a_window,
    processing_time,
];

fn warning(code: &'static str, span: Option<Span>, message: impl Into<String>, help: impl Into<String>) -> Lint {
    Lint { code, message: message.into(), help: help.into(), span, property: None, severity: Severity::Warning }
}

fn regular_join(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_job() || subject.expires_state() {
        return Vec::new();
    }
    let at = |span: &Span| {
        warning(
            "FL101",
            Some(span.clone()),
            "this join keeps every row of both sides for ever",
            "set `sql.state-ttl` in `properties`, or bound the join in time (FOR SYSTEM_TIME AS OF, an interval, a window)",
        )
    };
    subject.statement.query.regular_joins.iter().take(1).map(at).collect()
}

fn star_into_sink(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_job() {
        return Vec::new();
    }
    let at = |span: &Span| {
        warning(
            "FL102",
            Some(span.clone()),
            "`*` stands for the columns that the table has when the statement is created, and stays so",
            "name the columns",
        )
    };
    subject.statement.query.stars.iter().map(at).collect()
}

fn table_as_in_evolving_project(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is(Kind::CreateTableAs) || !subject.context.evolves {
        return Vec::new();
    }
    let table = subject.reading.mentions.iter().find(|mention| mention.role == Use::Creates);
    vec![warning(
        "FL103",
        table.map(|table| table.span.clone()),
        "CREATE TABLE … AS can't be replaced by a new generation: that would fail on its own table",
        "split it into a CREATE TABLE and an INSERT INTO … SELECT",
    )]
}

fn user_principal(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    match subject.context.principal {
        Some(principal) if subject.context.protected && principal.starts_with("u-") => vec![warning(
            "FL104",
            None,
            format!(
                "the statement runs as the user `{principal}` in a protected environment, and ends with that account"
            ),
            "run it as a service account (`sa-…`)",
        )],
        _ => Vec::new(),
    }
}

fn window_without_idleness(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    const PROPERTY: &str = "sql.tables.scan.idle-timeout";
    let is_set = subject.context.properties.contains_key(PROPERTY) || subject.hints_at("idle-timeout");
    if !subject.is_job() || is_set {
        return Vec::new();
    }
    let at = |span: &Span| {
        warning(
            "FL105",
            Some(span.clone()),
            "this window closes late or never while a partition of its source is silent",
            format!("decide how long a partition may be silent: set `{PROPERTY}` in `properties`"),
        )
    };
    subject.statement.query.windows.iter().take(1).map(at).collect()
}

fn dropped_table(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is(Kind::DropTable) {
        return Vec::new();
    }
    let dropped = subject
        .reading
        .mentions
        .iter()
        .filter(|mention| mention.role == Use::Drops && mention.object == ObjectKind::Table);
    dropped
        .map(|table| {
            warning(
                "FL106",
                Some(table.span.clone()),
                format!("this deletes the topic of `{}` with all of its data, and its schemas", table.name.join(".")),
                "remove the table's statement and give it an `undo`, so that floe asks for consent",
            )
        })
        .collect()
}

fn foreign_option(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    if !matches!(subject.reading.kind, Kind::CreateTable | Kind::CreateTableAs | Kind::AlterTable) {
        return Vec::new();
    }
    subject.statement.options.iter().filter_map(refused_option).collect()
}

fn refused_option(pair: &OptionPair) -> Option<Lint> {
    let key = pair.key.to_ascii_lowercase();
    let value = pair.value.to_ascii_lowercase();
    let help = match key.as_str() {
        "kafka.partitions" => "write DISTRIBUTED INTO n BUCKETS instead",
        "connector" if matches!(value.as_str(), "kafka" | "upsert-kafka") => {
            "leave it out, or write 'connector' = 'confluent': it takes both appends and upserts"
        }
        "topic" => "leave it out: the table's name is the topic's",
        "format" => "write 'key.format' and 'value.format', with 'avro-registry', 'json-registry' or 'proto-registry'",
        _ if key.starts_with("properties.") => "leave it out: the cloud knows the cluster and its credentials",
        _ => return None,
    };
    Some(warning(
        "FL107",
        Some(pair.key_span.clone()),
        format!("Confluent Cloud does not take `{}` here", pair.key),
        help,
    ))
}

fn secret_literal(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    secret_literals(subject.reading, subject.context)
}

/// The secrets that are written into a statement or its properties.
pub(super) fn secret_literals(reading: &Reading, context: &LintContext<'_>) -> Vec<Lint> {
    let found = |key: &str, place: &str| Lint {
        code: "FL108",
        message: format!(
            "the secret `{key}` is written into the {place}, where everybody who may list statements reads it"
        ),
        help: "declare it under [secrets] and write ${secret.name}".to_owned(),
        span: None,
        property: None,
        severity: Severity::Error,
    };
    let options = reading.written_secrets.iter();
    let options = options.map(|secret| Lint { span: Some(secret.span.clone()), ..found(&secret.option, "statement") });
    let properties = context.properties.iter().filter(|(key, value)| is_written_secret(key, &value.masked()));
    let properties = properties.map(|(key, _)| Lint { property: Some(key.to_string()), ..found(key, "properties") });
    options.chain(properties).collect()
}

/// Whether an option or property holds a secret itself.
pub(in crate::sql) fn is_written_secret(key: &str, value: &str) -> bool {
    names_a_secret(key) && is_written_out(value)
}

/// Whether an option or property of this name holds what nobody should read.
pub fn names_a_secret(key: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "password",
        "passwd",
        "secret",
        "secretkey",
        "token",
        "apikey",
        "privatekey",
        "accesskey",
        "credentials",
        "passphrase",
        "serviceaccountkey",
        "sasljaasconfig",
    ];
    // What a session keeps as a secret, whatever its name.
    const SESSION: &str = "sql.secrets.";
    let key = key.to_ascii_lowercase();
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    key.starts_with(SESSION) || ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// Whether a value is the secret itself rather than a reference to one: floe's mask, or the cloud's `{{sessionconfig/sql.secrets.…}}`.
fn is_written_out(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty() && !value.contains("${") && !value.contains("{{")
}

fn growing_state(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    if !subject.is_job() || subject.expires_state() {
        return Vec::new();
    }
    let grows = |&at: &usize| {
        let script = subject.script;
        let before = |words: &[&str]| at.checked_sub(1).is_some_and(|before| script.is_any(before, words));
        (script.are(at, &["GROUP", "BY"])
            && !before(&["WITHIN"])
            && window_columns(subject, at) == (false, false)
            && !groups_by_window(subject, at))
            || (script.is(at, "DISTINCT") && before(&["SELECT"]))
            || (script.is(at, "UNION") && !script.is(at + 1, "ALL"))
    };
    let ranges = subject.statement.queries.iter();
    let found = ranges.flat_map(|&(start, end)| start..end).filter(grows).take(1);
    found
        .map(|at| {
            warning(
                "FL109",
                Some(subject.script.span(at)),
                format!(
                    "this {} keeps a row for every value it ever saw",
                    subject.script.text(at).to_ascii_uppercase()
                ),
                "set `sql.state-ttl` in `properties`, or group by a window",
            )
        })
        .collect()
}

/// The tokens of the list behind `GROUP BY` at `at`.
fn group_list(subject: &Subject<'_, '_, '_>, at: usize) -> std::ops::Range<usize> {
    const AFTER: [&str; 13] = [
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
    let ends = |at: usize| script.is_any(at, &AFTER) || script.symbol(at, ";");
    // The bracket that closes a subquery has its partner before the list.
    let mut end = at + 2;
    let mut open = 0_usize;
    while end < script.len() && !(open == 0 && ends(end)) {
        if script.symbol(end, "(") {
            open += 1;
        } else if script.symbol(end, ")") {
            match open.checked_sub(1) {
                Some(left) => open = left,
                None => break,
            }
        }
        end += 1;
    }
    at + 2..end
}

/// Whether `window_start` and `window_end` are among the columns grouped by.
fn window_columns(subject: &Subject<'_, '_, '_>, at: usize) -> (bool, bool) {
    let list = group_list(subject, at);
    let has = |column: &str| {
        list.clone()
            .any(|at| subject.script.is_identifier(at) && subject.script.identifier(at).eq_ignore_ascii_case(column))
    };
    (has("window_start"), has("window_end"))
}

fn groups_by_window(subject: &Subject<'_, '_, '_>, at: usize) -> bool {
    group_list(subject, at).any(|at| subject.script.is_any(at, &["TUMBLE", "HOP", "SESSION", "CUMULATE"]))
}

fn startup_option(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    let Some(span) = &subject.reading.startup_option else { return Vec::new() };
    if !subject.is_job() || !subject.context.evolves {
        return Vec::new();
    }
    vec![warning(
        "FL110",
        Some(span.clone()),
        "with a startup option in its text a job can't go on where its predecessor stopped",
        "leave it out; floe starts a replacement at the offsets of the job before it",
    )]
}

fn temporary_object(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    let Some(span) = &subject.statement.temporary else { return Vec::new() };
    vec![warning(
        "FL111",
        Some(span.clone()),
        "a temporary object lives in a session, and every statement has a session of its own",
        "leave out TEMPORARY",
    )]
}

fn half_a_window(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    let ranges = subject.statement.queries.iter();
    let groups = ranges.flat_map(|&(start, end)| start..end).filter(|&at| subject.script.are(at, &["GROUP", "BY"]));
    groups
        .filter_map(|at| {
            let missing = match window_columns(subject, at) {
                (true, false) => "window_end",
                (false, true) => "window_start",
                _ => return None,
            };
            Some(warning(
                "FL112",
                Some(subject.script.span_of(at, at + 1)),
                format!("without `{missing}` among its columns this GROUP BY is no window aggregate: it never drops a window"),
                "group by both `window_start` and `window_end`",
            ))
        })
        .collect()
}

fn processing_time(subject: &Subject<'_, '_, '_>) -> Vec<Lint> {
    let script = subject.script;
    let calls = (0..script.len()).filter(|&at| script.is(at, "PROCTIME") && script.symbol(at + 1, "("));
    calls
        .map(|at| {
            warning(
                "FL113",
                Some(script.span(at)),
                "what depends on the moment of processing comes out differently after every restart",
                "use `$rowtime`, or a column with a WATERMARK",
            )
        })
        .collect()
}
