//! Who needs whom: every reference resolved, no cycle.
//!
//! `names` completes names, `edges` says who needs whom and why, `order` puts what is needed first or says why that cannot
//! be; `lineage` is the same knowledge as a person wants to look at it.

mod edges;
pub mod lineage;
mod order;
mod resolver;
mod statefulness;

pub use resolver::{resolve, resolve_in};
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use crate::{
    manifest::{InvalidProject, Project, sorted_problems},
    resource::{Address, SourceLocation, Span},
    sql::{Analysis, Mention, ObjectKind},
};

/// A checked project with its dependencies.
#[derive(Debug, Clone)]
pub struct Graph {
    /// What is desired.
    pub project: Project,
    /// Every dependency, sorted.
    pub edges: Vec<Edge>,
    /// Tables and other objects by their resolved name.
    pub objects: BTreeMap<SqlObject, ObjectUsers>,
    /// Every address, what is needed before what needs it; ties break by address.
    pub order: Vec<Address>,
    /// `edges` the other way round.
    dependents: BTreeMap<Address, BTreeSet<Address>>,
}

/// `from` needs `to`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What needs.
    pub from: Address,
    /// What is needed.
    pub to: Address,
    /// Why.
    pub reason: EdgeReason,
}

/// Why one thing needs another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeReason {
    /// It runs on that pool.
    Pool,
    /// `depends_on` says so.
    Declared,
    /// Its SQL names an object that the other creates or alters; for a `DROP`, one that the other uses.
    Inferred {
        /// The object.
        object: SqlObject,
        /// Where it is named, in the SQL of `from`: start and end.
        span: (usize, usize),
    },
}

/// An object with its name completed by the statement's catalog and database, aliases replaced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqlObject {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name: three parts where catalog and database are known. The last part of a function's is in lower case, since
    /// functions are found in any case. Copies share it: every edge that shows the object has one.
    pub name: Arc<[Arc<str>]>,
}

/// Who in the project does what with an object; keys of statements, sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectUsers {
    /// The statement that creates it; none for an external one.
    pub creator: Option<String>,
    /// Those that alter it.
    pub altered_by: Vec<String>,
    /// Those that drop it.
    pub dropped_by: Vec<String>,
    /// Those that read or call it.
    pub readers: Vec<String>,
    /// Those that write it.
    pub writers: Vec<String>,
}

/// Finds every dependency of a project, or says everything that keeps it from having an order: what two statements
/// create, alters without an order, drops before uses, circles.
pub fn build(project: Project) -> Result<Graph, InvalidProject> {
    let uses = resolver::use_sites(&project);
    let (edges, mut problems) = edges::find_edges(&project, &uses);
    let order = order::topological_order(&project, &edges);
    match order {
        Ok(order) if problems.is_empty() => {
            let mut dependents: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
            for edge in &edges {
                dependents.entry(edge.to.clone()).or_default().insert(edge.from.clone());
            }
            let objects = uses.into_iter().map(|(object, uses)| (object, uses.into_users())).collect();
            Ok(Graph { project, edges, objects, order, dependents })
        }
        order => {
            problems.extend(order.err().into_iter().flatten());
            Err(InvalidProject { problems: sorted_problems(problems), partial: Some(Box::new(project)) })
        }
    }
}

/// Adds what is wrong for certain with the statements that stand: whatever those say that do not.
pub fn add_graph_problems(mut flawed: InvalidProject) -> InvalidProject {
    if let Some(project) = &flawed.partial {
        let (edges, problems) = edges::edges_of_partial_project(project, &resolver::use_sites(project));
        flawed.problems.extend(problems);
        flawed.problems.extend(order::topological_order(project, &edges).err().into_iter().flatten());
        flawed.problems = sorted_problems(flawed.problems);
    }
    flawed
}

impl Graph {
    /// What `address` needs directly, sorted, each once.
    pub fn dependencies<'g>(&'g self, address: &Address) -> impl Iterator<Item = &'g Address> + use<'g> {
        let mut last = None;
        self.edges_of(address).iter().map(|edge| &edge.to).filter(move |to| last.replace(*to) != Some(*to))
    }

    /// What needs `address` directly, sorted, each once.
    pub fn dependents<'g>(&'g self, address: &Address) -> impl Iterator<Item = &'g Address> + use<'g> {
        self.dependents.get(address).into_iter().flatten()
    }

    /// The dependencies of `address` with their reasons, sorted.
    pub fn edges_of(&self, address: &Address) -> &[Edge] {
        let start = self.edges.partition_point(|edge| edge.from < *address);
        let end = self.edges.partition_point(|edge| edge.from <= *address);
        self.edges.get(start..end).unwrap_or_default()
    }

    /// Where the SQL of `edge.from` shows the edge, or its manifest says it.
    pub fn place_of_edge(&self, edge: &Edge) -> Option<SourceLocation> {
        edges::edge_place(&self.project, edge)
    }

    /// What the SQL of the statement `key` says.
    pub fn analysis(&self, key: &str) -> Option<&Analysis> {
        self.project.statements.get(key).map(|statement| &statement.analysis)
    }

    /// The key of the statement that creates `object`; none for an external one.
    pub fn creator_of(&self, object: &SqlObject) -> Option<&str> {
        self.objects.get(object)?.creator.as_deref()
    }

    /// The object that the statement `key` means by a mention in its SQL. `None` if there is no such statement.
    pub fn object_of(&self, key: &str, mention: &Mention) -> Option<SqlObject> {
        let statement = self.project.statements.get(key)?;
        Some(resolver::NameResolver::for_statement(&statement.spec, &self.project.environment.aliases).resolve(mention))
    }
}

impl fmt::Display for SqlObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name.join("."))
    }
}

/// A span as a pair, since ranges have no order.
pub fn span_bounds(span: &Span) -> (usize, usize) {
    (span.start, span.end)
}
