//! The `INSERT` statements of a text, in a form in which copies of one job are equal wherever they were written.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Analysis, Mention, ObjectKind, Usage, analyze,
    functions::is_built_in_function,
    lexer::{Token, TokenKind, lex, unquote_identifier},
    normalize::normal_form,
};
use crate::resource::Span;

/// What completes the names in a text: the current catalog and database, and the environment's aliases of both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Namespace<'a> {
    /// The current catalog, if one is set.
    pub catalog: Option<&'a str>,
    /// The current database, if one is set.
    pub database: Option<&'a str>,
    /// Ids that stand for a catalog or a database, each with the name that it stands for.
    pub aliases: Option<&'a BTreeMap<String, String>>,
}

impl Namespace<'_> {
    /// Returns the name of a catalog or a database that `name` may be an alias of.
    fn unaliased<'n>(&'n self, name: &'n str) -> &'n str {
        self.aliases.and_then(|aliases| aliases.get(name)).map_or(name, String::as_str)
    }

    /// Returns a name in its complete form, in back-quotes. It has fewer than three parts if the catalog or the
    /// database is not known.
    fn complete(&self, name: &[String], kind: ObjectKind) -> String {
        let current = [self.catalog, self.database].into_iter().take(3_usize.saturating_sub(name.len()));
        let last = name.len().saturating_sub(1);
        let written = name.iter().enumerate().map(|(index, part)| match kind {
            ObjectKind::Function if index == last => part.to_lowercase(),
            _ if index == last => part.clone(),
            _ => self.unaliased(part).to_owned(),
        });
        let completed = current.flatten().map(|part| self.unaliased(part).to_owned());
        let quoted = completed.chain(written).map(|part| format!("`{}`", part.replace('`', "``")));
        quoted.collect::<Vec<_>>().join(".")
    }
}

/// Returns the normal form of each `INSERT` in `text`, with the names of tables and functions completed. A statement
/// set has several, any other text at most one. Two jobs with a common form write the same rows twice.
pub fn insert_forms(text: &str, namespace: Namespace) -> BTreeSet<String> {
    if insert_sinks(text).is_empty() {
        return BTreeSet::new();
    }
    let analysis = analyze(text);
    let completed = with_complete_names(text, &analysis, namespace);
    let tokens = lex(&completed);
    let forms = insert_ranges(&completed, &tokens).filter_map(|span| completed.get(span)).map(normal_form);
    forms.collect()
}

/// Returns the complete names of the tables that `text` uses in this way, in back-quotes.
pub fn complete_names(text: &str, namespace: Namespace, usage: Usage) -> BTreeSet<String> {
    let mentions = analyze(text).mentions;
    let tables = mentions.iter().filter(|mention| mention.usage == usage && mention.kind == ObjectKind::Table);
    tables.map(|mention| namespace.complete(&mention.name, mention.kind)).collect()
}

/// Returns the last part of the name of each table that `text` inserts into. It is much cheaper than
/// [`insert_forms`]: texts without a common sink have no common form.
pub fn insert_sinks(text: &str) -> BTreeSet<String> {
    let tokens = lex(text);
    let starts = (0..tokens.len()).filter(|&at| is_insert_start(text, &tokens, at));
    starts.filter_map(|start| sink_after(text, &tokens, start)).collect()
}

/// Returns whether a definition creates a table that only generates rows, such as one of the connector `faker`. Jobs
/// that read nothing else are not copies of each other: each generates rows of its own.
pub fn generates_rows(text: &str) -> bool {
    let tokens = lex(text);
    let literal = |at: usize| tokens.get(at).filter(|token| token.kind == TokenKind::StringLiteral);
    let is_generator = |at: usize| {
        let is = |at: usize, wanted: &[&str]| {
            literal(at).is_some_and(|token| wanted.contains(&token.text(text).to_ascii_lowercase().as_str()))
        };
        is(at, &["'connector'"]) && is(at + 2, &["'faker'", "'datagen'"])
    };
    (0..tokens.len()).any(is_generator)
}

/// Returns `text` with each name of a table or function replaced by its complete form. Names of built-in functions
/// belong to no catalog, and their case means nothing.
fn with_complete_names(text: &str, analysis: &Analysis, namespace: Namespace) -> String {
    let mut completed = String::with_capacity(text.len().saturating_mul(2));
    let mut end = 0;
    for mention in analysis.mentions.iter().filter(|mention| is_completed(mention, text)) {
        let Span { start, end: next } = mention.span.clone();
        // Mentions are in order. One that overlaps the last one names the same place.
        let Some(between) = text.get(end..start) else { continue };
        completed.push_str(between);
        match mention.name.as_slice() {
            [only] if mention.kind == ObjectKind::Function && is_built_in_function(only) => {
                completed.push_str(&only.to_lowercase());
            }
            name => completed.push_str(&namespace.complete(name, mention.kind)),
        }
        end = next;
    }
    completed.push_str(text.get(end..).unwrap_or_default());
    completed
}

/// Returns whether a name is completed by the current catalog and database: not one in a string literal.
fn is_completed(mention: &Mention, text: &str) -> bool {
    let is_literal = text.get(mention.span.clone()).is_none_or(|written| written.starts_with('\''));
    match mention.kind {
        ObjectKind::Table | ObjectKind::Model | ObjectKind::Function => !is_literal,
        ObjectKind::Connection | ObjectKind::Agent | ObjectKind::Tool | ObjectKind::Database | ObjectKind::Catalog => {
            false
        }
    }
}

/// Returns the byte range of each `INSERT`, without the `;` after it.
fn insert_ranges<'t>(text: &'t str, tokens: &'t [Token]) -> impl Iterator<Item = Span> + 't {
    let starts = (0..tokens.len()).filter(move |&at| is_insert_start(text, tokens, at));
    starts.filter_map(move |start| {
        let rest = tokens.get(start..)?;
        let is_end = |token: &&Token| token.kind == TokenKind::Symbol && token.text(text) == ";";
        let end = rest.iter().find(is_end).map_or(text.len(), |token| token.start);
        Some(tokens.get(start)?.start..end)
    })
}

/// Returns whether an `INSERT` starts at this token: at the start of the text or of a statement.
fn is_insert_start(text: &str, tokens: &[Token], at: usize) -> bool {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text(text)).to_ascii_uppercase();
    let starts_statement = |before: &str| matches!(before, ";" | "BEGIN" | "SET" | "EXECUTE");
    let is_first = at.checked_sub(1).is_none_or(|before| starts_statement(&word(before)));
    is_first
        && matches!(word(at).as_str(), "INSERT" | "UPSERT")
        && matches!(word(at + 1).as_str(), "INTO" | "OVERWRITE")
}

/// Returns the last part of the name after the `INSERT INTO` at `start`.
fn sink_after(text: &str, tokens: &[Token], start: usize) -> Option<String> {
    let is_keyword = |token: &&Token| matches!(token.keyword, "INTO" | "OVERWRITE" | "TABLE");
    let mut name = tokens.iter().skip(start + 1).skip_while(is_keyword);
    let mut last = name.next()?;
    while name.next().is_some_and(|dot| dot.text(text) == ".") {
        last = name.next()?;
    }
    Some(match last.kind {
        TokenKind::QuotedIdentifier => unquote_identifier(last.text(text)).to_string(),
        _ => last.text(text).to_owned(),
    })
}
