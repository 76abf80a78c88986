//! The normal form of a text: the text without layout, comments and differences in spelling that mean nothing.

use crate::resource::Template;

use super::{
    functions::is_niladic_function,
    keywords::{is_reserved, is_unreserved_keyword},
    lexer::{Token, TokenKind, lex, unquote_identifier},
    work::count_steps,
};

/// Returns the normal form of `text`. Texts with the same normal form differ only in layout, comments, the case of
/// reserved words, unneeded back-quotes and trailing semicolons. Literals keep every byte. If a quote or a comment is
/// never closed, the rest of the text stays as it is.
pub fn normal_form(text: &str) -> String {
    let mut tokens = lex(text);
    while tokens.last().is_some_and(|token| token.kind == TokenKind::Symbol && token.text(text) == ";") {
        tokens.pop();
    }
    let mut form = String::with_capacity(text.len());
    append_tokens(&mut form, &tokens, text);
    form
}

/// Returns whether two texts are the same statement to Flink.
pub fn are_equivalent(a: &str, b: &str) -> bool {
    a == b || normal_form(a) == normal_form(b)
}

/// Returns whether `text` is what `template` becomes with some values in place of its secrets, up to the normal form.
/// This compares live SQL with what was sent: the service may show it with another layout.
pub fn matches_template(template: &Template, text: &str) -> bool {
    if template.matches(text) {
        return true;
    }
    match template.has_secrets() {
        false => are_equivalent(&template.masked(), text),
        true => normal_form_of_template(template).is_some_and(|form| form.matches(&normal_form(text))),
    }
}

/// Returns the normal form of a template, as a template.
fn normal_form_of_template(template: &Template) -> Option<Template> {
    let form = normal_form(&template.masked());
    let (mut rest, mut written) = (form.as_str(), String::with_capacity(form.len()));
    for name in template.secret_names() {
        let reference = format!("${{secret.{name}}}");
        let (before, after) = rest.split_once(&reference)?;
        written.push_str(Template::literal(before).as_str());
        written.push_str(&reference);
        rest = after;
    }
    written.push_str(Template::literal(rest).as_str());
    Some(Template::new(written))
}

/// Returns the text of the statement itself: without outer white space, final semicolons and comments after its end.
pub fn statement_body(text: &str) -> &str {
    let tokens = lex(text);
    let is_part = |token: &&Token| !(token.kind == TokenKind::Symbol && token.text(text) == ";");
    let Some(last) = tokens.iter().rev().find(is_part) else { return "" };
    text.get(..last.end).unwrap_or(text).trim_start()
}

/// Appends the normal forms of `tokens`, separated by spaces.
fn append_tokens(form: &mut String, tokens: &[Token], text: &str) {
    // The index of the next token that is no hint. It only moves forward, so that many hints take linear time.
    let mut next_plain = 0;
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 {
            form.push(' ');
        }
        next_plain = next_plain.max(at + 1);
        while tokens.get(next_plain).is_some_and(|next| next.kind == TokenKind::Hint) {
            count_steps(1);
            next_plain += 1;
        }
        let neighbors =
            Neighbors { previous: at.checked_sub(1).and_then(|at| tokens.get(at)), next: tokens.get(next_plain) };
        append_token(form, token, neighbors, text);
    }
}

/// The tokens around a token.
#[derive(Clone, Copy)]
struct Neighbors<'t> {
    /// The token before it.
    previous: Option<&'t Token>,
    /// The token after it, hints excluded.
    next: Option<&'t Token>,
}

/// Appends the normal form of one token.
fn append_token(form: &mut String, token: &Token, neighbors: Neighbors<'_>, text: &str) {
    let written = token.text(text);
    match token.kind {
        TokenKind::ReservedWord if names_a_column(token, neighbors, text) => form.push_str(written),
        TokenKind::ReservedWord => form.push_str(token.keyword),
        TokenKind::QuotedIdentifier => {
            let name = unquote_identifier(written);
            form.push_str(if is_valid_unquoted(&name, neighbors.next, text) { &name } else { written });
        }
        TokenKind::Hint => append_hint(form, written),
        _ => form.push_str(written),
    }
}

/// Appends the normal form of a hint. Its layout means nothing, as elsewhere. A hint with a quote or a comment that is
/// never closed stays as it is.
fn append_hint(form: &mut String, hint: &str) {
    let inside = hint.strip_prefix("/*+").and_then(|rest| rest.strip_suffix("*/")).unwrap_or_default();
    let tokens = lex(inside);
    if tokens.is_empty() || tokens.iter().any(|token| matches!(token.kind, TokenKind::Invalid | TokenKind::Hint)) {
        form.push_str(hint);
        return;
    }
    form.push_str("/*+ ");
    append_tokens(form, &tokens, inside);
    form.push_str(" */");
}

/// Returns whether a reserved word is a whole item of a list and may be the name of its column. A function without
/// brackets, such as `current_date`, gives the column its name as it is written.
fn names_a_column(token: &Token, neighbors: Neighbors<'_>, text: &str) -> bool {
    let starts_item = neighbors.previous.is_some_and(|previous| {
        matches!(previous.keyword, "SELECT" | "DISTINCT" | "ALL") || previous.text(text) == ","
    });
    let ends_item = neighbors.next.is_none_or(|next| {
        matches!(next.keyword, "FROM" | "UNION" | "EXCEPT" | "INTERSECT" | "MINUS" | "ORDER" | "LIMIT")
            || matches!(next.text(text), "," | ")" | ";")
    });
    is_niladic_function(token.keyword) && starts_item && ends_item
}

/// Returns whether a name means the same without quotes. A name that is a keyword in some places can start syntax if
/// an operand or a bracket follows, so it keeps its quotes there.
pub(super) fn is_valid_unquoted(name: &str, next: Option<&Token>, text: &str) -> bool {
    let starts_like_identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_like_identifier
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !is_reserved(name)
        && !is_niladic_function(name)
        && !(is_unreserved_keyword(name) && next.is_some_and(|next| may_continue_syntax(next, text)))
}

/// Returns whether a keyword before this token may be more than a name.
fn may_continue_syntax(next: &Token, text: &str) -> bool {
    match next.kind {
        TokenKind::Word
        | TokenKind::QuotedIdentifier
        | TokenKind::StringLiteral
        | TokenKind::Number
        | TokenKind::Invalid => true,
        TokenKind::Symbol => matches!(next.text(text), "(" | "[" | "{"),
        TokenKind::ReservedWord | TokenKind::Hint => false,
    }
}
