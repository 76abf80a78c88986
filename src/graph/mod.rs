//! Who needs whom: every reference resolved, no cycle.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    manifest::Project,
    resource::{Address, Span},
    sql::{ObjectKind, Reading},
};

/// A checked project with its dependencies.
#[derive(Debug, Clone)]
pub struct Graph {
    /// What is desired.
    pub project: Project,
    /// What each statement's SQL says, by key.
    pub readings: BTreeMap<String, Reading>,
    /// Every dependency, sorted.
    pub edges: Vec<Edge>,
    /// Tables and other objects by their resolved name.
    pub objects: BTreeMap<Object, Parties>,
    /// Every address, what is needed before what needs it; ties break by address.
    pub order: Vec<Address>,
}

/// `from` needs `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What needs.
    pub from: Address,
    /// What is needed.
    pub to: Address,
    /// Why.
    pub why: Why,
}

/// Why one thing needs another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It runs on that pool.
    Pool,
    /// `depends_on` says so.
    Declared,
    /// Its SQL names an object that the other creates or alters.
    Inferred {
        /// The object.
        object: Object,
        /// Where it is named, in the SQL of `from`: start and end.
        span: (usize, usize),
    },
}

/// An object with its name completed by the statement's catalog and database, aliases replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name: three parts where catalog and database are known.
    pub name: Vec<String>,
}

/// Who in the project does what with an object; keys of statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parties {
    /// The statement that creates it; none for an external one.
    pub creator: Option<String>,
    /// Those that alter it.
    pub alters: BTreeSet<String>,
    /// Those that drop it.
    pub drops: BTreeSet<String>,
    /// Those that read or call it.
    pub readers: BTreeSet<String>,
    /// Those that write it.
    pub writers: BTreeSet<String>,
}

/// A span as a pair, since ranges have no order.
pub fn pair(span: &Span) -> (usize, usize) {
    (span.start, span.end)
}
