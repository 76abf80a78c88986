//! The errors of places where a name must be and is not, or where more follows a name than may.

use super::{SqlError, keywords::is_reserved, lexer::TokenKind, script::Script};
use crate::resource::Span;

/// Reserved words that start the next clause where a name is missing.
const CLAUSE_KEYWORDS: [&str; 14] = [
    "SELECT",
    "FROM",
    "WHERE",
    "HAVING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WITH",
    "VALUES",
    "JOIN",
    "ON",
    "AS",
    "SET",
    "USING",
];

/// Returns the error of a text that has no name at the token `at`, where one must be. `end` ends the clause.
pub(super) fn missing_name(script: &Script<'_>, at: usize, end: usize) -> SqlError {
    if at >= end || script.token_kind(at).is_none() {
        return missing(script, at, end, "a name");
    }
    let written = script.token_text(at);
    match script.token_kind(at) {
        Some(TokenKind::ReservedWord) if starts_clause(script, at) => SqlError {
            message: format!("a name is missing before `{written}`"),
            span: script.token_span(at),
            help: Some(format!(
                "`{written}` is a reserved word. If it is the name, write it in back-quotes: {}.",
                quoted(written)
            )),
        },
        Some(TokenKind::ReservedWord) => reserved_word(script, at),
        Some(TokenKind::StringLiteral) => SqlError {
            message: "a string is not a name".to_owned(),
            span: script.token_span(at),
            help: Some("Write a name without quotes or in back-quotes.".to_owned()),
        },
        Some(TokenKind::Number) => match quoted_form(script, at) {
            Some((form, span)) if span.len() > written.len() => SqlError {
                message: "a name cannot start with a digit".to_owned(),
                span,
                help: Some(format!("Write it in back-quotes: {form}.")),
            },
            _ => SqlError {
                message: "a number is not a name".to_owned(),
                span: script.token_span(at),
                help: Some(format!("If it is the name, write it in back-quotes: {}.", quoted(written))),
            },
        },
        Some(TokenKind::Symbol)
            if written == ")" && at.checked_sub(1).is_some_and(|before| script.is_symbol(before, ",")) =>
        {
            missing(script, at, end, "a name")
        }
        Some(TokenKind::Symbol) if matches!(written, "," | ";" | ")" | "(" | "." | "=" | "]" | "}") => SqlError {
            message: format!("a name is missing before this `{written}`"),
            span: script.token_span(at),
            help: None,
        },
        _ => SqlError {
            message: format!("a name must be here, and `{written}` is not one"),
            span: script.token_span(at),
            help: Some("Write the name. If it has special characters, write it in back-quotes.".to_owned()),
        },
    }
}

/// Returns whether the reserved word at `at` starts the next clause where a name is missing.
fn starts_clause(script: &Script<'_>, at: usize) -> bool {
    script.is_any_word(at, &CLAUSE_KEYWORDS)
        || (script.is_any_word(at, &["GROUP", "ORDER"]) && script.is_word(at + 1, "BY"))
}

/// Returns the error of a reserved word that is used as a name.
pub(super) fn reserved_word(script: &Script<'_>, at: usize) -> SqlError {
    let written = script.token_text(at);
    let form = quoted_form(script, at).map_or_else(|| quoted(written), |(form, _)| form);
    SqlError {
        message: format!("`{written}` is a reserved word, which is a name only in back-quotes"),
        span: script.token_span(at),
        help: Some(format!("Write it in back-quotes: {form}.")),
    }
}

/// Returns the error of a text that ends, or whose bracket closes, where `what` must be. It is at the token before.
pub(super) fn missing(script: &Script<'_>, at: usize, end: usize, what: &str) -> SqlError {
    let at = at.min(end);
    match at.checked_sub(1).filter(|&before| script.token_kind(before).is_some()) {
        Some(before) => SqlError {
            message: format!("{what} is missing after this `{}`", shown(script, before)),
            span: script.token_span(before),
            help: None,
        },
        None => SqlError { message: format!("{what} is missing"), span: script.token_span(at), help: None },
    }
}

/// Returns the error of a token `at` that cannot follow the name whose first token is `name_at`.
pub(super) fn unexpected_after_name(script: &Script<'_>, name_at: usize, at: usize) -> SqlError {
    let is_identifier =
        |at: usize| matches!(script.token_kind(at), Some(TokenKind::Word | TokenKind::QuotedIdentifier));
    let glued = quoted_form(script, name_at).filter(|(_, span)| span.end > script.token_span(at).start);
    let help = match glued {
        Some((form, _)) => Some(format!("Write the name in back-quotes: {form}.")),
        None if is_identifier(at) => {
            Some("Remove it. If it belongs to the name, write the whole name in back-quotes.".to_owned())
        }
        None => None,
    };
    let name_end = script.name_end(name_at, at).unwrap_or(at);
    let name = script.source().get(script.span_between(name_at, name_end.saturating_sub(1))).unwrap_or_default();
    SqlError {
        message: format!("`{}` cannot follow the name `{}`", shown(script, at), name.trim_matches('`')),
        span: script.token_span(at),
        help,
    }
}

/// Returns whether the token at `at` is one that cannot follow a name anywhere: a number, a string, or an operator that
/// belongs to an unquoted name such as `my-topic`.
pub(super) fn is_stray_after_name(script: &Script<'_>, at: usize, end: usize) -> bool {
    at < end
        && match script.token_kind(at) {
            Some(TokenKind::Symbol) => !matches!(script.token_text(at), "," | "(" | ")" | ";"),
            Some(TokenKind::Number | TokenKind::StringLiteral) => true,
            _ => false,
        }
}

/// Returns an error for each item of the list between two tokens that starts with no name, or whose name is followed by
/// an operator. Items for which `is_other` returns true are no names. An empty list lacks its first name.
pub(super) fn name_list_errors(
    script: &Script<'_>,
    start: usize,
    end: usize,
    is_other: impl Fn(usize) -> bool,
) -> Vec<SqlError> {
    let check = |at: usize| match script.name_end(at, end) {
        _ if is_other(at) => None,
        None => Some(missing_name(script, at, end)),
        Some(next) => is_stray_after_name(script, next, end).then(|| unexpected_after_name(script, at, next)),
    };
    script.list_items(start, end).into_iter().filter_map(check).collect()
}

/// Returns the name of a model without its version. Confluent Cloud writes a version behind the name, as in `m$2`, and
/// all versions as `m$all`.
pub(super) fn model_name(mut parts: Vec<String>) -> Vec<String> {
    if let Some(last) = parts.last_mut()
        && let Some((name, version)) = last.rsplit_once('$')
        && !name.is_empty()
        && is_model_version(version)
    {
        *last = name.to_owned();
    }
    parts
}

/// Returns whether the text after the `$` of a model's name is a version.
fn is_model_version(version: &str) -> bool {
    version.eq_ignore_ascii_case("all") || (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether the name of a model includes the number of one version.
pub(super) fn names_one_version(parts: &[String]) -> bool {
    let version = parts.last().and_then(|last| last.rsplit_once('$')).map(|(_, version)| version);
    version.is_some_and(|version| is_model_version(version) && !version.eq_ignore_ascii_case("all"))
}

/// Returns the text of a token for a message. The content of a string is never shown, because it may be a secret.
fn shown<'a>(script: &Script<'a>, at: usize) -> &'a str {
    if script.token_kind(at) == Some(TokenKind::StringLiteral) { "'…'" } else { script.token_text(at) }
}

/// Returns the name that starts at the token `at` as it was probably meant, with the parts in back-quotes that need
/// them, and its span. The name is everything up to a space, a bracket, a comma or a quote. `None` if it ends in an
/// operator.
fn quoted_form(script: &Script<'_>, at: usize) -> Option<(String, Span)> {
    let start = script.token_span(at).start;
    let rest = script.source().get(start..)?;
    let is_end = |c: char| {
        c.is_whitespace()
            || matches!(c, ',' | '(' | ')' | '[' | ']' | '{' | '}' | ';' | '\'' | '"' | '=' | '<' | '>' | '*')
    };
    let written = rest.get(..rest.find(is_end).unwrap_or(rest.len()))?;
    if !written.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '`')) || written.contains("${") {
        return None;
    }
    let parts: Vec<String> = written.split('.').map(quoted_if_needed).collect();
    Some((parts.join("."), start..start + written.len()))
}

/// Returns a part of a name, in back-quotes unless it is a name without them.
fn quoted_if_needed(part: &str) -> String {
    let is_plain = part.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
        && !is_reserved(part);
    let is_quoted = part.len() > 1 && part.starts_with('`') && part.ends_with('`');
    if is_plain || is_quoted { part.to_owned() } else { quoted(part) }
}

/// Returns `name` in back-quotes.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
