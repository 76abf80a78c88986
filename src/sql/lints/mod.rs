//! What Confluent's guides warn of, as far as a text shows it: each lint has a code, a place and a way out.

mod checks;
mod explanations;

use std::collections::BTreeSet;

use super::{
    Analysis, StatementClass, StatementKind,
    analysis::{parse_statement, plaintext_secrets},
    lexer::TokenKind,
    script::Script,
};
use crate::resource::{Properties, Span, Template, properties};

pub(super) use checks::is_plaintext_secret;
pub use checks::is_sensitive_key;
pub use explanations::{LintExplanation, explain_lint, lint_codes};

/// What surrounds a statement in its project.
#[derive(Debug, Clone)]
pub struct LintContext<'a> {
    /// Its properties, defaults merged in.
    pub properties: &'a Properties<Template>,
    /// Who it runs as, if the project says so: `sa-…`, `u-…`, `pool-…`.
    pub principal: Option<&'a str>,
    /// Whether its environment is marked `protected = true`.
    pub is_protected: bool,
    /// Whether floe may replace its job by a new generation (every policy but `manual`).
    pub can_evolve: bool,
    /// Codes that are allowed here: their lints are left out.
    pub allowed_codes: &'a BTreeSet<String>,
}

/// How much a lint weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintSeverity {
    /// It will work, and somebody will regret it.
    Warning,
    /// It must not be sent.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// `FL101`; [`explain`] tells more.
    pub code: &'static str,
    /// One lower-case sentence, objects in back-quotes. Never holds a literal of the text.
    pub message: String,
    /// The next step.
    pub help: String,
    /// Where in the text; `None` if it is about the statement's surroundings.
    pub span: Option<Span>,
    /// The property that it is about, where it is about one.
    pub property: Option<String>,
    /// Whether it is an error.
    pub severity: LintSeverity,
}

/// The lints of a statement, in order of place and code. `reading` is the reading of `text`. A text with faults has none:
/// the faults come first.
pub fn lint(analysis: &Analysis, text: &str, context: &LintContext<'_>) -> Vec<Lint> {
    if !analysis.errors.is_empty() {
        return Vec::new();
    }
    let script = Script::new(text);
    let (statement, _, _) = parse_statement(&script);
    let subject = LintSubject { analysis, script: &script, statement: &statement, context };
    reportable(checks::ALL_CHECKS.iter().flat_map(|check| check(&subject)).collect(), context)
}

/// Those that are not allowed here, in order of place and code.
fn reportable(mut lints: Vec<Lint>, context: &LintContext<'_>) -> Vec<Lint> {
    lints.retain(|lint| !context.allowed_codes.contains(lint.code));
    lints.sort_by_key(|lint| (lint.span.as_ref().map(|span| span.start), lint.code));
    lints
}

/// Whether an option of `text` that is named like a secret holds its value rather than a reference to one.
pub fn has_plaintext_secret(text: &str) -> bool {
    let script = Script::new(text);
    let (statement, _, _) = parse_statement(&script);
    !plaintext_secrets(&statement).is_empty()
}

/// Of the lints of a statement those that are errors, in order of place. Takes no second look at its text.
pub fn lint_errors(analysis: &Analysis, context: &LintContext<'_>) -> Vec<Lint> {
    if !analysis.errors.is_empty() {
        return Vec::new();
    }
    reportable(checks::plaintext_secret_lints(analysis, context), context)
}

/// The strings of a text with their quotes, and its hints, which hold strings.
pub fn string_literals_and_hints(text: &str) -> Vec<&str> {
    let script = Script::new(text);
    let literals = (0..script.len())
        .filter(|&at| script.token_kind(at) == Some(TokenKind::StringLiteral))
        .map(|at| script.token_text(at));
    literals.chain(script.hints.iter().map(|hint| hint.text(text))).collect()
}

/// What a check looks at.
struct LintSubject<'c, 's, 'a> {
    analysis: &'c Analysis,
    script: &'s Script<'a>,
    statement: &'c super::statement::ParsedStatement<'s, 'a>,
    context: &'c LintContext<'c>,
}

impl LintSubject<'_, '_, '_> {
    /// Whether the statement goes on running.
    fn is_job(&self) -> bool {
        matches!(self.analysis.kind.class(), StatementClass::Job | StatementClass::TableJob)
    }

    /// Whether the statement is of this kind.
    fn is_kind(&self, kind: StatementKind) -> bool {
        self.analysis.kind == kind
    }

    /// Whether a property is set to more than nothing: `0`, `0 ms` and the like switch off what the lints ask for.
    fn sets_nonzero_property(&self, property: &str) -> bool {
        self.context.properties.get(property).is_some_and(|value| {
            let digits: String = value.masked().trim().chars().take_while(char::is_ascii_digit).collect();
            digits.is_empty() || digits.bytes().any(|digit| digit != b'0')
        })
    }

    /// Whether a hint of the text holds `word`.
    fn has_hint_containing(&self, word: &str) -> bool {
        let source = self.script.source();
        self.script.hints.iter().any(|hint| hint.text(source).to_ascii_lowercase().contains(word))
    }

    /// Whether the state of the statement is given an end.
    fn has_state_ttl(&self) -> bool {
        self.sets_nonzero_property(properties::STATE_TTL) || self.has_hint_containing("state_ttl")
    }
}
