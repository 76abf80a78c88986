//! Lints: what Confluent's guides warn about, as far as the text shows it. Each lint has a code, a place and a next
//! step. A new lint is a function in `checks`, an entry in `explanations` and a section in `docs/lints.md`.

mod checks;
mod explanations;
mod lint;
mod subject;

use super::{
    Analysis,
    analysis::{parse_statement, plaintext_secrets},
    lexer::TokenKind,
    script::Script,
};
use subject::LintSubject;

pub use explanations::{LintExplanation, explain_lint, lint_codes};
pub use lint::{Lint, LintContext, LintSeverity, ViewContext};

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
