//! Turns a text into its analysis.

use super::{
    Mention, PlaintextSecret, SqlError, StatefulConstruct, StatementKind, Usage,
    hint_options::hint_options,
    script::Script,
    secrets::plaintext_secret_form,
    statement::{ParsedStatement, is_session_setting},
    table_clauses::TableClauses,
};
use crate::resource::Span;

/// The largest number of errors that are reported for one text.
const MAX_ERRORS: usize = 20;

/// The largest number of tokens before the statement set in `COMPILE AND EXECUTE PLAN '…' IF NOT EXISTS FOR STATEMENT
/// SET`, or after `EXPLAIN`.
const MAX_PREFIX_TOKENS: usize = 12;

/// What is known about a statement from its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The kind of the statement.
    pub kind: StatementKind,
    /// Every object that the statement names, in order of appearance. An object that is named twice is listed twice.
    /// Called functions include Flink's built-in functions, because only the project knows which functions are its
    /// own. Function names are case-insensitive, all other names are case-sensitive.
    pub mentions: Vec<Mention>,
    /// The first construct that keeps state, or that floe does not understand, and its place. `None` only if the text
    /// certainly keeps no state. Tables and views that the statement names can add state: the query of a view, a
    /// source that takes upserts, a sink with a primary key. Only a caller that knows their definitions can judge
    /// that.
    pub stateful_construct: Option<StatefulConstruct>,
    /// Why the text cannot be submitted as one statement, each reason with its location. Empty if the text can be
    /// submitted.
    pub errors: Vec<SqlError>,
    /// Whether a `CREATE` statement contains `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where a hint (`/*+ OPTIONS(…) */`) or a `WITH` option sets `scan.startup.…`.
    pub startup_option: Option<Span>,
    /// Whether the queries of the statement come to an end: hints bound every table that they read
    /// (`scan.bounded.mode` with a value other than `unbounded`), or they read none, and all their rows are constants.
    pub is_bounded: bool,
    /// Whether a query assigns rows to windows (`TUMBLE`, `HOP`, …).
    pub has_window: bool,
    /// What a `CREATE TABLE` or an `ALTER TABLE` says about the rows of its table.
    pub table: TableClauses,
    /// The functions that computed columns and watermarks of a table call, without Flink's built-in functions. They
    /// must exist when the table is defined, and they run in the statements that read it.
    pub column_functions: Vec<Mention>,
    /// Options that contain a secret itself instead of a reference: they are named like a secret (`password`, `api-key`,
    /// …), or their value contains credentials. The value is never stored here.
    pub plaintext_secrets: Vec<PlaintextSecret>,
    /// The new name that `ALTER … RENAME TO` gives to the object. It exists once the statement has completed.
    pub renamed_to: Option<Mention>,
}

impl Analysis {
    /// Returns whether the statement reads no table.
    pub fn reads_nothing(&self) -> bool {
        !self.mentions.iter().any(|mention| mention.usage == Usage::Reads)
    }
}

/// Analyzes any text. This never fails: problems of the text are in `errors`, and constructs that are not understood
/// are left out. Only `stateful_construct` is different: it is `None` only if the whole text is understood.
pub fn analyze(text: &str) -> Analysis {
    let script = Script::new(text);
    let (mut statement, kind, other_statements) = parse_statement(&script);
    let mut errors = script.errors.clone();
    errors.extend(other_statements);
    errors.append(&mut statement.errors);
    errors.append(&mut statement.query.errors);
    errors.sort_by_key(|error| error.span.start);
    // Of two errors at one place, the first is about the characters and the more exact one.
    errors.dedup_by_key(|error| error.span.start);
    errors.truncate(MAX_ERRORS);

    let mut stateful_construct = statement.first_stateful_construct();
    if stateful_construct.is_none() && (kind == StatementKind::Other || !errors.is_empty()) {
        let span =
            errors.first().map_or(script.span_between(0, script.len().saturating_sub(1)), |error| error.span.clone());
        stateful_construct = Some(StatefulConstruct { description: "SQL that floe cannot analyze".to_owned(), span });
    }
    let startup_option = statement.startup_option();
    let is_bounded = statement.is_bounded();
    let mut mentions = std::mem::take(&mut statement.query.mentions);
    mentions.shrink_to_fit();
    mentions.sort_by_key(|mention| (mention.span.start, mention.span.end));
    Analysis {
        kind,
        mentions,
        stateful_construct,
        errors,
        if_not_exists: statement.if_not_exists,
        startup_option,
        is_bounded,
        has_window: !statement.query.windows.is_empty(),
        table: statement.table,
        plaintext_secrets: plaintext_secrets(&script, &statement),
        column_functions: std::mem::take(&mut statement.column_functions),
        renamed_to: statement.renamed_to.take(),
    }
}

/// Returns the options that contain a secret in plain text, in clauses and in hints.
pub(super) fn plaintext_secrets(script: &Script<'_>, statement: &ParsedStatement<'_, '_>) -> Vec<PlaintextSecret> {
    let in_hints = hint_options(script);
    let options = statement.options.iter().chain(&in_hints);
    let secrets = options.filter_map(|pair| {
        let form = plaintext_secret_form(&pair.key, &pair.value)?;
        Some(PlaintextSecret { option: pair.key.clone(), form, span: pair.value_span.clone() })
    });
    secrets.collect()
}

/// Recognizes the one statement of a text. If there are more statements, returns their errors as well.
pub(super) fn parse_statement<'s, 'a>(
    script: &'s Script<'a>,
) -> (ParsedStatement<'s, 'a>, StatementKind, Vec<SqlError>) {
    let mut statement = ParsedStatement::new(script);
    let (chosen, errors) = choose_statement(script);
    let kind = chosen.map_or(StatementKind::Other, |(start, end)| {
        // If brackets nest too deep, only the tokens before the first bracket are parsed.
        let first_bracket = || (start..end).find(|&at| script.is_opening_bracket(at));
        let end = if script.is_too_deep { first_bracket().unwrap_or(end) } else { end };
        statement.parse(start, end)
    });
    (statement, kind, errors)
}

/// Returns the token range of the one statement of a text. If there are more statements, returns their errors as
/// well.
fn choose_statement(script: &Script<'_>) -> (Option<(usize, usize)>, Vec<SqlError>) {
    let statements = split_statements(script);
    let is_session_setting = |&(start, _): &(usize, usize)| is_session_setting(script, start);
    let chosen = statements.iter().copied().find(|range| !is_session_setting(range)).or(statements.first().copied());
    let mut errors = Vec::new();
    if statements.is_empty() && script.errors.is_empty() {
        let message = "this text contains no statement".to_owned();
        errors.push(SqlError { message, span: 0..script.source().len(), help: None });
    }
    let mut found_statement = false;
    for range in &statements {
        let message = if is_session_setting(range) && statements.len() > 1 {
            "a statement cannot be sent together with `SET` or `USE`: set the option in the statement's `properties`"
        } else if found_statement {
            "a second statement starts here: give each statement its own entry"
        } else {
            found_statement = true;
            continue;
        };
        errors.push(SqlError { message: message.to_owned(), span: script.token_span(range.0), help: None });
    }
    (chosen, errors)
}

/// Returns the token ranges of the statements between semicolons. A statement set is one statement including its
/// semicolons, and takes the rest of the text.
fn split_statements(script: &Script<'_>) -> Vec<(usize, usize)> {
    let end = script.len();
    let mut statements = Vec::new();
    let mut start = 0;
    while start < end {
        if script.is_symbol(start, ";") {
            start += 1;
            continue;
        }
        let next = if starts_statement_set(script, start) {
            end
        } else {
            script.find_at_top_level(start, end, |script, at| script.is_symbol(at, ";")).unwrap_or(end)
        };
        statements.push((start, next));
        start = next + 1;
    }
    statements
}

/// Returns whether the statement at `start` is a statement set, or explains or compiles one.
fn starts_statement_set(script: &Script<'_>, start: usize) -> bool {
    let is_statement_set = |at: usize| {
        script.are_words(at, &["EXECUTE", "STATEMENT", "SET"])
            || script.are_words(at, &["BEGIN", "STATEMENT", "SET"])
            || script.are_words(at, &["STATEMENT", "SET"])
    };
    let prefixed = script.is_any_word(start, &["EXPLAIN", "COMPILE"]);
    is_statement_set(start) || (prefixed && (start..start + MAX_PREFIX_TOKENS).any(is_statement_set))
}
