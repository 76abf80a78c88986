//! Lints: what Confluent's guides warn about, as far as the text shows it. Each lint has a code, a place and a next
//! step. A new lint is a function in `checks`, an entry in `explanations` and a section in `docs/lints.md`.

mod checks;
mod explanations;

use std::collections::BTreeSet;

use super::{
    Analysis, StatementClass, StatementKind, Usage,
    analysis::{parse_statement, plaintext_secrets},
    lexer::TokenKind,
    script::Script,
};
use crate::resource::{Properties, Span, Template, properties};

pub use explanations::{LintExplanation, explain_lint, lint_codes};

/// What the project says about the statement.
#[derive(Debug, Clone)]
pub struct LintContext<'a> {
    /// The properties of the statement, merged with the defaults.
    pub properties: &'a Properties<Template>,
    /// The principal that it runs as, if the project sets one: `sa-…`, `u-…` or `pool-…`.
    pub principal: Option<&'a str>,
    /// Whether its environment has `protected = true`.
    pub is_protected: bool,
    /// Whether floe may replace its job with a new generation (every policy except `manual`).
    pub can_evolve: bool,
    /// Codes that are allowed here. Their lints are left out.
    pub allowed_codes: &'a BTreeSet<String>,
}

/// What the views of a project add to the context of a lint.
#[derive(Debug, Clone, Default)]
pub struct ViewContext {
    /// The views with windows that the statement reads, as it names them.
    pub windowed_views: BTreeSet<Vec<String>>,
    /// Whether the text is a view, and the context is that of a job that reads it and so runs its query.
    pub is_view_of_job: bool,
}

/// How severe a lint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintSeverity {
    /// The statement works, but is likely to cause trouble later.
    Warning,
    /// The statement must not be submitted.
    Error,
}

/// One finding of a lint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The code, such as `FL101`. [`explain_lint`] returns its explanation.
    pub code: &'static str,
    /// A lower-case fragment with objects in back-quotes. It never contains a literal of the text.
    pub message: String,
    /// The next step, in full sentences.
    pub help: String,
    /// Where it is in the text. `None` if it is not about the text.
    pub span: Option<Span>,
    /// The property that it is about, if it is about one.
    pub property: Option<String>,
    /// Whether it is a warning or an error.
    pub severity: LintSeverity,
}

/// Returns the lints of a statement, in order of place and code. `analysis` is the analysis of `text`. A text with
/// errors has no lints, because its errors have to be fixed first.
pub fn lint(analysis: &Analysis, text: &str, context: &LintContext<'_>) -> Vec<Lint> {
    lint_with_views(analysis, text, context, &ViewContext::default())
}

/// Returns the lints of a statement that reads views, or of a view that a job reads, as [`lint`] does.
pub fn lint_with_views(analysis: &Analysis, text: &str, context: &LintContext<'_>, views: &ViewContext) -> Vec<Lint> {
    if !analysis.errors.is_empty() {
        return Vec::new();
    }
    let script = Script::new(text);
    let (statement, _, _) = parse_statement(&script);
    let subject = LintSubject { analysis, script: &script, statement: &statement, context, views };
    reportable(checks::ALL_CHECKS.iter().flat_map(|check| check(&subject)).collect(), context)
}

/// Returns the lints that are not allowed here, in order of place and code.
fn reportable(mut lints: Vec<Lint>, context: &LintContext<'_>) -> Vec<Lint> {
    lints.retain(|lint| !context.allowed_codes.contains(lint.code));
    lints.sort_by_key(|lint| (lint.span.as_ref().map(|span| span.start), lint.code));
    lints
}

/// Returns whether an option of `text` contains a secret itself instead of a reference.
pub fn has_plaintext_secret(text: &str) -> bool {
    let script = Script::new(text);
    let (statement, _, _) = parse_statement(&script);
    !plaintext_secrets(&script, &statement).is_empty()
}

/// Returns those lints of a statement that are errors, in order of place. The text is not read again.
pub fn plaintext_secret_errors(analysis: &Analysis, context: &LintContext<'_>) -> Vec<Lint> {
    if !analysis.errors.is_empty() {
        return Vec::new();
    }
    reportable(checks::plaintext_secret_lints(analysis, context), context)
}

/// Returns the string literals of a text, including quotes, and its hints, which contain strings.
pub fn string_literals_and_hints(text: &str) -> Vec<&str> {
    let script = Script::new(text);
    let literals = (0..script.len())
        .filter(|&at| script.token_kind(at) == Some(TokenKind::StringLiteral))
        .map(|at| script.token_text(at));
    literals.chain(script.hints.iter().map(|hint| hint.text(text))).collect()
}

/// The input of a check.
struct LintSubject<'c, 's, 'a> {
    /// The analysis of the text.
    analysis: &'c Analysis,
    /// The tokens of the text.
    script: &'s Script<'a>,
    /// The parsed statement of the text.
    statement: &'c super::statement::ParsedStatement<'s, 'a>,
    /// What the project says about the statement.
    context: &'c LintContext<'c>,
    /// What the views of the project add to that.
    views: &'c ViewContext,
}

impl LintSubject<'_, '_, '_> {
    /// Returns whether the statement keeps running, or is the view of a job.
    fn is_job(&self) -> bool {
        self.views.is_view_of_job
            || matches!(self.analysis.kind.class(), StatementClass::Job | StatementClass::TableJob)
    }

    /// Returns whether the statement is of this kind.
    fn is_kind(&self, kind: StatementKind) -> bool {
        self.analysis.kind == kind
    }

    /// Returns whether a property is set to a value other than zero.
    fn sets_nonzero_property(&self, property: &str) -> bool {
        self.context.properties.get(property).is_some_and(|value| is_nonzero(&value.masked()))
    }

    /// Returns whether a hint of the text contains `word`.
    fn has_hint_containing(&self, word: &str) -> bool {
        let source = self.script.source();
        self.script.hints.iter().any(|hint| hint.text(source).to_ascii_lowercase().contains(word))
    }

    /// Returns whether the statement's state has a time to live.
    fn has_state_ttl(&self) -> bool {
        self.sets_nonzero_property(properties::STATE_TTL)
            || self.script.hints.iter().any(|hint| has_nonzero_ttl(hint.text(self.script.source())))
    }

    /// Returns whether every table that is read is a view with windows.
    fn reads_only_windowed_views(&self) -> bool {
        let mut reads = self.analysis.mentions.iter().filter(|mention| mention.usage == Usage::Reads);
        reads.all(|mention| self.views.windowed_views.contains(&mention.name))
    }
}

/// Returns whether a duration is not zero. Values such as `0` and `0 ms` switch off what the lints recommend.
fn is_nonzero(duration: &str) -> bool {
    let digits: String =
        duration.trim().chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    digits.is_empty() || digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
}

/// Returns whether a hint, `/*+ STATE_TTL('a' = '1d') */`, gives state a time to live.
fn has_nonzero_ttl(hint: &str) -> bool {
    let script = Script::new(hint.trim_start_matches("/*+").trim_end_matches("*/"));
    let mut ttls = (0..script.len()).filter(|&at| script.is_word(at, "STATE_TTL") && script.is_symbol(at + 1, "("));
    ttls.any(|at| {
        let mut values = (at + 2..script.closing_bracket(at + 1, script.len())).filter(|&at| script.is_symbol(at, "="));
        values.any(|equals| script.string_literal(equals + 1).is_some_and(|value| is_nonzero(&value)))
    })
}
