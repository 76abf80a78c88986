//! Reads the text of one SQL statement: its kind and class, the objects it names, whether it keeps state, and its
//! normal form.
//!
//! This is a lexer and a shallow recognizer, not a validator. What it reports is exact. It says nothing about the
//! rest of the text.

mod analysis;
mod functions;
mod hint_options;
mod keywords;
mod kind;
mod lexer;
mod lints;
mod normalize;
mod query;
mod script;
mod secrets;
mod stateless;
mod statement;
mod table_clauses;
mod word_set;

use crate::resource::Span;

pub use analysis::analyze;
pub use lints::{
    Lint, LintContext, LintExplanation, LintSeverity, ViewContext, explain_lint, has_plaintext_secret, lint,
    lint_codes, lint_with_views, plaintext_secret_errors, string_literals_and_hints,
};
pub use normalize::{are_equivalent, normal_form};
pub use secrets::{SecretForm, is_sensitive_key, plaintext_secret_form};
pub use table_clauses::{ChangelogMode, LikeClause, TableClauses};

/// What is known about a statement from its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The kind of the statement.
    pub kind: StatementKind,
    /// Every object that the statement names, in order of appearance. An object that is named twice is listed twice.
    /// Called functions include Flink's built-in functions, because only the project knows which functions are its
    /// own. Function names are case-insensitive, all other names are case-sensitive.
    pub mentions: Vec<Mention>,
    /// The first construct that keeps state, or that floe does not understand, and its place. `None` only if the text
    /// certainly keeps no state. Tables and views that the statement names can add state: the query of a view, a
    /// source that takes upserts, a sink with a primary key. Only a caller that knows their definitions can judge
    /// that.
    pub stateful_construct: Option<StatefulConstruct>,
    /// Why the text cannot be submitted as one statement, each reason with its location. Empty if the text can be
    /// submitted.
    pub errors: Vec<SqlError>,
    /// Whether a `CREATE` statement contains `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where a hint (`/*+ OPTIONS(…) */`) or a `WITH` option sets `scan.startup.…`.
    pub startup_option: Option<Span>,
    /// Whether the queries of the statement come to an end: hints bound every table that they read
    /// (`scan.bounded.mode` with a value other than `unbounded`), or they read none, and all their rows are constants.
    pub is_bounded: bool,
    /// Whether a query assigns rows to windows (`TUMBLE`, `HOP`, …).
    pub has_window: bool,
    /// What a `CREATE TABLE` or an `ALTER TABLE` says about the rows of its table.
    pub table: TableClauses,
    /// The functions that computed columns and watermarks of a table call, without Flink's built-in functions. They
    /// must exist when the table is defined, and they run in the statements that read it.
    pub column_functions: Vec<Mention>,
    /// Options that contain a secret itself instead of a reference: they are named like a secret (`password`, `api-key`,
    /// …), or their value contains credentials. The value is never stored here.
    pub plaintext_secrets: Vec<PlaintextSecret>,
    /// The new name that `ALTER … RENAME TO` gives to the object. It exists once the statement has completed.
    pub renamed_to: Option<Mention>,
}

impl Analysis {
    /// Returns whether the statement reads no table.
    pub fn reads_nothing(&self) -> bool {
        !self.mentions.iter().any(|mention| mention.usage == Usage::Reads)
    }
}

/// The kind of a statement, named like the values of the API's `traits.sql_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant repeats the first words of the statement")]
pub enum StatementKind {
    CreateTable,
    CreateTableAs,
    CreateView,
    CreateFunction,
    CreateModel,
    CreateConnection,
    CreateAgent,
    CreateTool,
    CreateDatabase,
    CreateCatalog,
    CreateMaterializedTable,
    AlterTable,
    AlterView,
    AlterFunction,
    AlterModel,
    AlterConnection,
    AlterAgent,
    AlterTool,
    AlterDatabase,
    AlterCatalog,
    AlterMaterializedTable,
    DropTable,
    DropView,
    DropFunction,
    DropModel,
    DropConnection,
    DropAgent,
    DropTool,
    DropDatabase,
    DropCatalog,
    DropMaterializedTable,
    /// `INSERT INTO … SELECT`, which runs until it is stopped or its sources end.
    InsertInto,
    /// `INSERT INTO … VALUES`, which completes once.
    InsertValues,
    StatementSet,
    Select,
    Show,
    Describe,
    Explain,
    Use,
    Set,
    Update,
    Delete,
    Truncate,
    Analyze,
    Other,
}

/// What floe does with statements of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementClass {
    /// Meant to keep running: `INSERT INTO … SELECT` or a statement set.
    Job,
    /// Defines a table and keeps running: `CREATE TABLE … AS`.
    TableJob,
    /// Meant to complete once: `CREATE`, `ALTER`, `DROP` or `INSERT … VALUES`.
    Definition,
    /// Recognized, but no tool can manage it. The text says why.
    Unsupported(&'static str),
}

/// The kind of an object that a statement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant has the name that Flink uses")]
pub enum ObjectKind {
    /// A table or a view. A query does not show which of the two it reads.
    Table,
    Function,
    Model,
    Connection,
    Agent,
    Tool,
    Database,
    Catalog,
}

/// What a statement does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is a plain verb")]
pub enum Usage {
    Creates,
    Alters,
    Drops,
    Reads,
    Writes,
    /// Calls a function, or names a model, connection, agent or tool.
    Calls,
}

/// One object, named at one place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What the statement does with the object.
    pub usage: Usage,
    /// The kind of the object.
    pub kind: ObjectKind,
    /// Its name in one to three parts, unquoted and in its original case.
    pub name: Vec<String>,
    /// Where the name is, including quotes. For a name in a literal (`ML_PREDICT('m', …)`), the span of the literal.
    pub span: Span,
}

/// An option that contains a secret in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaintextSecret {
    /// The key of the option.
    pub option: String,
    /// How the secret is written out.
    pub form: SecretForm,
    /// Where its value is, including quotes.
    pub span: Span,
}

/// A construct that keeps state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatefulConstruct {
    /// A short name for messages: `GROUP BY`, `a regular join`, `MATCH_RECOGNIZE`.
    pub description: String,
    /// Where the construct is in the text.
    pub span: Span,
}

/// Why a text cannot be submitted as one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// The headline of the error, with the next step: a lower-case fragment.
    pub message: String,
    /// Where the error is in the text.
    pub span: Span,
}

#[cfg(test)]
mod tests;
