//! A checked project with its dependencies.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    edge::Edge,
    edges,
    resolver::NameResolver,
    sql_object::{ObjectUsers, SqlObject},
};
use crate::{
    manifest::Project,
    resource::{Address, SourceLocation},
    sql::{Analysis, Mention},
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
    pub(super) dependents: BTreeMap<Address, BTreeSet<Address>>,
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
        Some(NameResolver::for_statement(&statement.spec, &self.project.environment.aliases).resolve(mention))
    }
}
