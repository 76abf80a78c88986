//! Reads the text of one SQL statement: its kind and class, the objects it names, whether it keeps state, and its
//! normal form.
//!
//! This is a lexer and a shallow recognizer, not a validator. What it reports is exact. It says nothing about the
//! rest of the text.

mod analysis;
mod findings;
mod functions;
mod insert_forms;
mod keywords;
mod kind;
mod lexer;
mod lints;
mod mention;
mod normalize;
mod query;
mod script;
mod secrets;
mod stateless;
mod statement;
mod word_set;

pub use analysis::{Analysis, analyze};
pub use findings::{PlaintextSecret, SqlError, StatefulConstruct};
pub use insert_forms::{Namespace, complete_names, generates_rows, insert_forms, insert_sinks};
pub use kind::{StatementClass, StatementKind, is_definition_kind};
pub use lints::{
    Lint, LintContext, LintExplanation, LintSeverity, explain_lint, has_plaintext_secret, lint, lint_codes,
    plaintext_secret_errors, string_literals_and_hints,
};
pub use mention::{Mention, ObjectKind, Usage};
pub use normalize::{are_equivalent, matches_template, normal_form, statement_body};
pub use secrets::is_sensitive_key;

#[cfg(test)]
mod tests;
