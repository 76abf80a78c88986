//! A lint of a statement, and what the project says about the statement.

use std::collections::BTreeSet;

use crate::resource::{Properties, Span, Template};

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
    /// The code, such as `FL101`. [`explain_lint`](super::explain_lint) returns its explanation.
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
