//! Reads the text of one SQL statement: its kind and class, the objects it names, whether it keeps state, and its
//! normal form.
//!
//! This is a lexer and a shallow recognizer, not a validator. What it reports is exact. It says nothing about the
//! rest of the text.

mod analysis;
mod characters;
mod findings;
mod functions;
mod hint_options;
mod insert_forms;
mod keywords;
mod kind;
mod lexer;
mod lints;
mod mention;
mod names;
mod normalize;
mod operands;
mod query;
mod script;
mod secrets;
mod stateless;
mod statement;
mod table_clauses;
mod word_set;
mod work;

pub use analysis::{Analysis, analyze};
pub use findings::{PlaintextSecret, SqlError, StatefulConstruct};
pub use insert_forms::{Namespace, complete_names, generates_rows, insert_forms, insert_sinks};
pub use kind::{StatementClass, StatementKind, is_definition_kind};
pub use lexer::comment_spans;
pub use lints::{
    Lint, LintContext, LintExplanation, LintSeverity, ViewContext, explain_lint, has_plaintext_secret, lint,
    lint_codes, lint_with_views, plaintext_secret_errors, string_literals_and_hints,
};
pub use mention::{Mention, ObjectKind, Usage};
pub use normalize::{are_equivalent, matches_template, normal_form, statement_body};
pub use secrets::{SecretForm, is_sensitive_key, plaintext_secret_form};
pub use table_clauses::{ChangelogMode, LikeClause, TableClauses};

#[cfg(test)]
mod tests;
