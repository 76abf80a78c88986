//! Resolves which object a name in a statement refers to, and which statements of the project use it.

use std::{collections::BTreeMap, sync::Arc};

use super::{ObjectUsers, SqlObject, span_bounds};
use crate::{
    manifest::Project,
    resource::{Statement, Template, properties},
    sql::{Mention, ObjectKind, Usage},
};

/// Completes the names in one statement.
pub(super) struct NameResolver<'a> {
    /// The current catalog of the statement, if it sets one.
    catalog: Option<Arc<str>>,
    /// The current database of the statement, if it sets one.
    database: Option<Arc<str>>,
    /// The environment's aliases of catalogs and databases.
    aliases: &'a BTreeMap<String, String>,
}

impl<'a> NameResolver<'a> {
    /// Returns the resolver for the names in `statement`.
    pub(super) fn for_statement(statement: &Statement, aliases: &'a BTreeMap<String, String>) -> Self {
        let property = |name: &str| {
            let value = statement.properties.get(name).map(Template::masked)?;
            Some(Arc::from(aliases.get(&*value).map_or(&*value, String::as_str)))
        };
        NameResolver {
            catalog: property(properties::CURRENT_CATALOG),
            database: property(properties::CURRENT_DATABASE),
            aliases,
        }
    }

    /// Returns the resolver for this catalog and database.
    fn for_namespace(catalog: Option<&str>, database: Option<&str>, aliases: &'a BTreeMap<String, String>) -> Self {
        let unaliased = |name: &str| Arc::from(aliases.get(name).map_or(name, String::as_str));
        NameResolver { catalog: catalog.map(unaliased), database: database.map(unaliased), aliases }
    }

    /// Returns the object that `mention` refers to.
    pub(super) fn resolve(&self, mention: &Mention) -> SqlObject {
        let depth: usize = match mention.kind {
            ObjectKind::Catalog => 1,
            ObjectKind::Database => 2,
            _ => 3,
        };
        let missing_parts = depth.saturating_sub(mention.name.len());
        let current = [&self.catalog, &self.database];
        let completed = current.into_iter().take(missing_parts).flatten().cloned();
        let last = mention.name.len().saturating_sub(1);
        let written = mention.name.iter().enumerate().map(|(index, part)| {
            let is_object_name = index == last && depth == 3;
            match self.aliases.get(part) {
                // An alias stands for a catalog or a database, never for a table that has the same name by chance.
                Some(meant) if !is_object_name => Arc::from(meant.as_str()),
                _ if is_object_name && mention.kind == ObjectKind::Function => Arc::from(part.to_lowercase()),
                _ => Arc::from(part.as_str()),
            }
        });
        SqlObject { kind: mention.kind, name: completed.chain(written).collect() }
    }
}

/// Returns the object that `mention` refers to in `statement`, which may be declared now or in the past.
pub fn resolve(mention: &Mention, statement: &Statement, aliases: &BTreeMap<String, String>) -> SqlObject {
    NameResolver::for_statement(statement, aliases).resolve(mention)
}

/// Returns the object that `mention` refers to in a statement outside the project, given its catalog and database.
pub fn resolve_in(
    mention: &Mention,
    catalog: Option<&str>,
    database: Option<&str>,
    aliases: &BTreeMap<String, String>,
) -> SqlObject {
    NameResolver::for_namespace(catalog, database, aliases).resolve(mention)
}

/// One use of an object by a statement: the key of the statement, and where its SQL first names the object.
pub(super) type UseSite = (String, (usize, usize));

/// The uses of an object. Each statement appears once in each list, in order of keys.
#[derive(Debug, Default)]
pub(super) struct UseSites {
    /// The statements that create it.
    pub creators: Vec<UseSite>,
    /// The statements that alter it.
    pub altered_by: Vec<UseSite>,
    /// The statements that drop it.
    pub dropped_by: Vec<UseSite>,
    /// The statements that read or call it.
    pub readers: Vec<UseSite>,
    /// The statements that write to it.
    pub writers: Vec<UseSite>,
}

impl UseSites {
    /// Records that the statement `key` uses the object at `span`.
    fn add(&mut self, usage: Usage, key: &str, span: (usize, usize)) {
        let users = match usage {
            Usage::Creates => &mut self.creators,
            Usage::Alters => &mut self.altered_by,
            Usage::Drops => &mut self.dropped_by,
            Usage::Reads | Usage::Calls => &mut self.readers,
            Usage::Writes => &mut self.writers,
        };
        // Statements are processed one after the other, so a repeated use directly follows the first one.
        if users.last().is_none_or(|(last, _)| last != key) {
            // Most objects have one user of each kind.
            if users.is_empty() {
                users.reserve_exact(1);
            }
            users.push((key.to_owned(), span));
        }
    }

    /// Returns how many statements may depend on the one that creates the object.
    pub(super) fn max_dependents(&self) -> usize {
        let users = [&self.altered_by, &self.readers, &self.writers].into_iter().map(Vec::len);
        if self.creators.is_empty() { 0 } else { users.sum() }
    }

    /// Returns the users without their places.
    pub(super) fn into_users(self) -> ObjectUsers {
        let keys = |users: Vec<UseSite>| users.into_iter().map(|(key, _)| key).collect();
        ObjectUsers {
            creator: self.creators.into_iter().next().map(|(key, _)| key),
            altered_by: keys(self.altered_by),
            dropped_by: keys(self.dropped_by),
            readers: keys(self.readers),
            writers: keys(self.writers),
        }
    }
}

/// Returns every object that the statements of a project name, with its uses.
pub(super) fn use_sites(project: &Project) -> BTreeMap<SqlObject, UseSites> {
    let mut use_sites_by_object: BTreeMap<SqlObject, UseSites> = BTreeMap::new();
    for (key, statement) in &project.statements {
        let resolver = NameResolver::for_statement(&statement.spec, &project.environment.aliases);
        let analysis = &statement.analysis;
        for mention in analysis.mentions.iter().chain(&analysis.column_functions) {
            use_sites_by_object.entry(resolver.resolve(mention)).or_default().add(
                mention.usage,
                key,
                span_bounds(&mention.span),
            );
        }
        // After a rename, the object exists under its new name.
        if let Some(renamed) = &analysis.renamed_to {
            use_sites_by_object.entry(resolver.resolve(renamed)).or_default().add(
                Usage::Creates,
                key,
                span_bounds(&renamed.span),
            );
        }
    }
    use_sites_by_object
}
