//! The dependency graph of a project. Every reference is resolved, and there are no cycles.
//!
//! `resolver` completes names, `edges` finds the dependencies and their reasons, `order` sorts dependencies before
//! their dependents or reports cycles, `table_definitions` combines what the project says about the rows of a table,
//! `views` follows views, `statefulness` judges state that the text alone does not show, and `lineage` shows the graph
//! to people.

mod edges;
pub mod lineage;
mod order;
mod resolver;
mod statefulness;
mod table_definitions;
mod views;

pub use order::dependencies_first;
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
    /// The desired project, as the manifests declare it.
    pub project: Project,
    /// Every dependency, sorted by address and reason.
    pub edges: Vec<Edge>,
    /// The users of tables and other objects, by resolved name.
    pub objects: BTreeMap<SqlObject, ObjectUsers>,
    /// Every address, dependencies before their dependents. Ties are broken by address.
    pub order: Vec<Address>,
    /// The edges in the other direction: the direct dependents of each address.
    dependents: BTreeMap<Address, BTreeSet<Address>>,
}

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

/// Finds every dependency of a project.
///
/// # Errors
///
/// Returns every problem that prevents an order: an object that two statements create or drop, `ALTER` statements of
/// one object without an order, drops before uses, and cycles.
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
            let objects = users_in_order(uses, &order);
            Ok(Graph { project, edges, objects, order, dependents })
        }
        order => {
            problems.extend(order.err().into_iter().flatten());
            Err(InvalidProject { problems: sorted_problems(problems), partial: Some(Box::new(project)) })
        }
    }
}

/// Returns the users of each object. Statements that alter it are sorted by `order`.
fn users_in_order(
    uses: BTreeMap<SqlObject, resolver::UseSites>,
    order: &[Address],
) -> BTreeMap<SqlObject, ObjectUsers> {
    let mut objects: BTreeMap<_, _> = uses.into_iter().map(|(object, uses)| (object, uses.into_users())).collect();
    let mut altered_repeatedly: Vec<&mut ObjectUsers> =
        objects.values_mut().filter(|users| users.altered_by.len() > 1).collect();
    if !altered_repeatedly.is_empty() {
        let positions: BTreeMap<&Address, usize> = order.iter().enumerate().map(|(at, one)| (one, at)).collect();
        for users in &mut altered_repeatedly {
            users.altered_by.sort_by_cached_key(|key| positions.get(&Address::statement(key)).copied());
        }
    }
    objects
}

/// Adds the problems of the valid statements of an invalid project, if they are certain regardless of the invalid ones.
pub fn add_graph_problems(mut invalid: InvalidProject) -> InvalidProject {
    if let Some(project) = &invalid.partial {
        let (edges, problems) = edges::edges_of_partial_project(project, &resolver::use_sites(project));
        invalid.problems.extend(problems);
        invalid.problems.extend(order::topological_order(project, &edges).err().into_iter().flatten());
        invalid.problems = sorted_problems(invalid.problems);
    }
    invalid
}

impl Graph {
    /// Returns the direct dependencies of `address`, sorted and unique.
    pub fn dependencies<'g>(&'g self, address: &Address) -> impl Iterator<Item = &'g Address> + use<'g> {
        let mut last = None;
        self.edges_of(address).iter().map(|edge| &edge.to).filter(move |to| last.replace(*to) != Some(*to))
    }

    /// Returns the direct dependents of `address`, sorted and unique.
    pub fn dependents<'g>(&'g self, address: &Address) -> impl Iterator<Item = &'g Address> + use<'g> {
        self.dependents.get(address).into_iter().flatten()
    }

    /// Returns the dependencies of `address` with their reasons, sorted.
    pub fn edges_of(&self, address: &Address) -> &[Edge] {
        let start = self.edges.partition_point(|edge| edge.from < *address);
        let end = self.edges.partition_point(|edge| edge.from <= *address);
        self.edges.get(start..end).unwrap_or_default()
    }

    /// Returns where the SQL of `edge.from` shows the edge, or where its manifest declares it.
    pub fn place_of_edge(&self, edge: &Edge) -> Option<SourceLocation> {
        edges::edge_place(&self.project, edge)
    }

    /// Returns the analysis of the SQL of the statement `key`.
    pub fn analysis(&self, key: &str) -> Option<&Analysis> {
        self.project.statements.get(key).map(|statement| &statement.analysis)
    }

    /// Returns the key of the statement that creates `object`. `None` for an external object.
    pub fn creator_of(&self, object: &SqlObject) -> Option<&str> {
        self.objects.get(object)?.creator.as_deref()
    }

    /// Returns the object that a mention in the SQL of the statement `key` refers to. `None` if there is no such
    /// statement.
    pub fn object_of(&self, key: &str, mention: &Mention) -> Option<SqlObject> {
        let statement = self.project.statements.get(key)?;
        Some(resolver::NameResolver::for_statement(&statement.spec, &self.project.environment.aliases).resolve(mention))
    }
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
