//! Turns a text into its analysis.

use super::{
    Analysis, PlaintextSecret, SqlError, StatefulConstruct, StatementKind, hint_options::hint_options, script::Script,
    secrets::plaintext_secret_form, statement::ParsedStatement,
};

/// The largest number of errors that are reported for one text.
const MAX_ERRORS: usize = 20;

/// The largest number of tokens before the statement set in `COMPILE AND EXECUTE PLAN '…' IF NOT EXISTS FOR STATEMENT
/// SET`, or after `EXPLAIN`.
const MAX_PREFIX_TOKENS: usize = 12;

/// Analyzes any text. This never fails: problems of the text are in `errors`, and constructs that are not understood
/// are left out. Only `stateful_construct` is different: it is `None` only if the whole text is understood.
pub fn analyze(text: &str) -> Analysis {
    let script = Script::new(text);
    let (mut statement, kind, mut errors) = parse_statement(&script);
    errors.extend(script.errors.iter().cloned());
    errors.append(&mut statement.errors);
    errors.append(&mut statement.query.errors);
    errors.sort_by_key(|error| error.span.start);
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
    let is_session_setting = |&(start, _): &(usize, usize)| script.is_any_word(start, &["SET", "RESET", "USE"]);
    let chosen = statements.iter().copied().find(|range| !is_session_setting(range)).or(statements.first().copied());
    let mut errors = Vec::new();
    if statements.is_empty() && script.errors.is_empty() {
        let message = "this text contains no statement".to_owned();
        errors.push(SqlError { message, span: 0..script.source().len() });
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
        errors.push(SqlError { message: message.to_owned(), span: script.token_span(range.0) });
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
