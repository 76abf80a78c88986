//! The tables, functions and other objects that connect statements.

use std::{fmt, sync::Arc};

use crate::{resource::Span, sql::ObjectKind};

/// An object with its full name: completed with the statement's catalog and database, and with aliases replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqlObject {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// Its name, with three parts if catalog and database are known. The last part of a function's name is in lower
    /// case, because functions are case-insensitive. Clones share the name, so all edges of an object refer to one
    /// allocation.
    pub name: Arc<[Arc<str>]>,
}

/// The statements of the project that use an object, by what they do with it. The keys are unique, and sorted unless
/// stated otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectUsers {
    /// The statement that creates it. `None` for an external object.
    pub creator: Option<String>,
    /// The statements that alter it, in the order in which they run.
    pub altered_by: Vec<String>,
    /// The statements that drop it.
    pub dropped_by: Vec<String>,
    /// The statements that read or call it.
    pub readers: Vec<String>,
    /// The statements that write to it.
    pub writers: Vec<String>,
}

impl SqlObject {
    /// Returns the name as SQL, which no other object of the kind has: parts with a dot or a back-quote are quoted.
    pub fn quoted_name(&self) -> String {
        let quoted = |part: &Arc<str>| match part.contains(['.', '`']) {
            true => format!("`{}`", part.replace('`', "``")),
            false => part.to_string(),
        };
        self.name.iter().map(quoted).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for SqlObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name.join("."))
    }
}

/// Returns a span as a pair, because ranges have no order.
pub fn span_bounds(span: &Span) -> (usize, usize) {
    (span.start, span.end)
}
