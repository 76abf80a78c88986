//! The objects that a statement names, and what it does with them.

use crate::resource::Span;

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
