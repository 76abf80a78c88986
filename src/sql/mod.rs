//! What a statement's text says: its kind and class, the objects it names, whether it keeps state, its normal form.
//!
//! A lexer and a shallow recogniser, no validator: exact about what it claims and silent about the rest.

mod analysis;
mod functions;
mod keywords;
mod kind;
mod lexer;
mod lints;
mod normalize;
mod query;
mod script;
mod stateless;
mod statement;
mod word_set;

use crate::resource::Span;

pub use analysis::analyze;
pub use lints::{
    Lint, LintContext, LintExplanation, LintSeverity, explain_lint, has_plaintext_secret, is_sensitive_key, lint,
    lint_codes, lint_errors, string_literals_and_hints,
};
pub use normalize::{are_equivalent, normal_form};

/// What is known of a statement from its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// What sort of statement it is.
    pub kind: StatementKind,
    /// Every object it names, in order of appearance; an object that is named twice is there twice. Functions that come with
    /// Flink are among those that it calls: only the project knows which are its own. Names of functions are the same in any
    /// case, all others are not.
    pub mentions: Vec<Mention>,
    /// The first construct that keeps state (or that nothing is known of), and where; `None` only if it surely keeps none as
    /// far as the text shows. What the tables and views behind its names add (a view's own query, a source that takes
    /// upserts, a sink with a primary key) is for those to judge who know their definitions.
    pub stateful_construct: Option<StatefulConstruct>,
    /// Why the text cannot be one submittable statement, each at its place; empty if nothing speaks against it.
    pub errors: Vec<SqlError>,
    /// Whether a `CREATE` says `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where hints (`/*+ OPTIONS(…) */`) or `WITH` options set `scan.startup.…`.
    pub startup_option: Option<Span>,
    /// Whether hints end every table that the statement reads (`scan.bounded.mode`, other than `unbounded`).
    pub is_bounded: bool,
    /// Whether the columns of a created table, or those an `ALTER TABLE` adds, have a primary key, or an option says
    /// `'changelog.mode' = 'upsert'`: it takes upserts.
    pub has_primary_key: bool,
    /// The functions, but for those that come with Flink, that computed columns and watermarks of a table call. They have to be
    /// there when the table is defined, and run in the statements that read it.
    pub column_functions: Vec<Mention>,
    /// Options named like a secret (`password`, `api-key`, …) whose value is written out rather than referred to. Never holds
    /// the value.
    pub plaintext_secrets: Vec<PlaintextSecret>,
    /// What `ALTER … RENAME TO` makes of the object that it alters: one that exists from then on.
    pub renamed_to: Option<Mention>,
}

/// The kind of a statement, in the spelling of the API's `traits.sql_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the statement's own first words")]
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
    /// `INSERT INTO … SELECT`: runs until stopped, unless its sources end.
    InsertInto,
    /// `INSERT INTO … VALUES`: completes.
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

/// What floe does with a statement of some kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementClass {
    /// Meant to keep running: `INSERT INTO … SELECT`, a statement set.
    Job,
    /// `CREATE TABLE … AS`: defines a table and keeps running.
    TableJob,
    /// Meant to complete once: `CREATE`, `ALTER`, `DROP`, `INSERT … VALUES`.
    Definition,
    /// Understood, and not something that can be kept by any tool; the text says why.
    Unsupported(&'static str),
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "Flink's own words")]
pub enum ObjectKind {
    /// A table or a view: a query cannot tell them apart.
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
#[expect(missing_docs, reason = "plain verbs")]
pub enum Usage {
    Creates,
    Alters,
    Drops,
    Reads,
    Writes,
    /// Calls a function, or names a model, connection, agent or tool.
    Calls,
}

/// One object at one place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What it does with it.
    pub usage: Usage,
    /// What it is.
    pub kind: ObjectKind,
    /// Its name, one to three parts, unquoted, in the case it was written in.
    pub name: Vec<String>,
    /// Where the name stands, quotes included; of one in a literal (`ML_PREDICT('m', …)`), the literal.
    pub span: Span,
}

/// An option that holds a secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaintextSecret {
    /// The option's key.
    pub option: String,
    /// Where its value stands, quotes included.
    pub span: Span,
}

/// A construct that keeps state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatefulConstruct {
    /// As people say it: `GROUP BY`, `a regular join`, `MATCH_RECOGNIZE`.
    pub description: String,
    /// Where it stands.
    pub span: Span,
}

/// Why a text cannot be submitted as one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// A sentence with the next step.
    pub message: String,
    /// Where.
    pub span: Span,
}

#[cfg(test)]
mod tests;
