//! The dependencies of a graph, each with its reason.

use super::sql_object::SqlObject;
use crate::resource::Address;

/// A dependency: `from` needs `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The address that depends on the other.
    pub from: Address,
    /// The address that is needed.
    pub to: Address,
    /// Why `from` needs `to`.
    pub reason: EdgeReason,
}

/// Why one address depends on another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeReason {
    /// The statement runs on that pool.
    Pool,
    /// The manifest declares it with `depends_on`.
    Declared,
    /// Its SQL names an object that the other statement creates or alters. Of two `ALTER` statements in one manifest,
    /// the later one needs the earlier one. For a `DROP`, it names an object that the other statement uses.
    Inferred {
        /// The object that connects the two statements.
        object: SqlObject,
        /// Where the SQL of `from` names the object: start and end.
        span: (usize, usize),
    },
}
