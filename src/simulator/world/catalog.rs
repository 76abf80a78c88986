//! The objects that statements created: tables, views, functions, models, connections. Data is not simulated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    super::{sql_summary::SqlSummary, switches::CatalogMode},
    statement::SimulatedStatement,
};
use crate::resource::properties;
use crate::sql::{ObjectKind, Usage};

/// A catalog object with its full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::simulator) struct CatalogObject {
    /// The environment that holds the object.
    environment: String,
    /// The noun for its kind, such as `Table`.
    kind: String,
    /// The parts of its full name.
    name: Vec<String>,
}

/// Every object that a statement created or dropped.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Catalog {
    /// The objects that exist because a statement created them.
    created: BTreeSet<CatalogObject>,
    /// The objects that a statement dropped.
    dropped: BTreeSet<CatalogObject>,
}

impl Catalog {
    /// Adds an object that was created.
    pub(in crate::simulator) fn add(&mut self, object: CatalogObject) {
        self.dropped.remove(&object);
        self.created.insert(object);
    }

    /// Moves an object from the created to the dropped ones.
    pub(in crate::simulator) fn drop_object(&mut self, object: CatalogObject) {
        self.created.remove(&object);
        self.dropped.insert(object);
    }

    /// Returns the objects that statements created.
    pub(in crate::simulator) fn created(&self) -> &BTreeSet<CatalogObject> {
        &self.created
    }

    /// Returns the objects that statements dropped.
    pub(in crate::simulator) fn dropped(&self) -> &BTreeSet<CatalogObject> {
        &self.dropped
    }

    /// Returns whether a statement that names the object finds it. An object that no statement created may come from
    /// elsewhere or be built in.
    fn contains(&self, object: &CatalogObject, mode: CatalogMode, built_in: bool) -> bool {
        let allow_external = mode == CatalogMode::Lenient || built_in;
        self.created.contains(object) || (allow_external && !self.dropped.contains(object))
    }

    /// Returns what `statement` would change in the catalog, or the service's message if it cannot.
    pub(in crate::simulator) fn changes_of(
        &self,
        statement: &SimulatedStatement,
        summary: &SqlSummary,
        mode: CatalogMode,
    ) -> Result<CatalogChanges, String> {
        let mut changes = CatalogChanges::default();
        for (object, name) in summary.objects_with_role(Usage::Creates) {
            let entry = catalog_object(statement, object, name);
            let known = self.created.contains(&entry);
            if !known {
                changes.creates.push(entry);
            } else if summary.if_not_exists {
                changes.already_exists = true;
            } else if summary.replaces_existing {
                // `CREATE OR REPLACE` or `CREATE OR ALTER` keeps the object.
            } else {
                return Err(format!("{} '{}' already exists.", object_noun(object), quoted_name(&entry)));
            }
        }
        for role in [Usage::Alters, Usage::Drops] {
            for (object, name) in summary.objects_with_role(role) {
                let entry = catalog_object(statement, object, name);
                if !summary.if_exists && !self.contains(&entry, mode, false) {
                    return Err(not_found_message(object, &entry));
                }
                if role == Usage::Drops {
                    changes.drops.push(entry);
                } else if let Some((object, name)) = &summary.renamed_to {
                    changes.creates.push(self::catalog_object(statement, *object, name));
                    changes.drops.push(entry);
                }
            }
        }
        self.check_references(statement, summary, mode)?;
        Ok(changes)
    }

    /// Checks that every object that is read, written or called exists.
    fn check_references(
        &self,
        statement: &SimulatedStatement,
        summary: &SqlSummary,
        mode: CatalogMode,
    ) -> Result<(), String> {
        for role in [Usage::Reads, Usage::Writes, Usage::Calls] {
            for (object, name) in summary.objects_with_role(role) {
                let entry = catalog_object(statement, object, name);
                let made_here = summary.objects_with_role(Usage::Creates).any(|(_, created)| created == name);
                if !made_here && !self.contains(&entry, mode, object == ObjectKind::Function) {
                    return Err(not_found_message(object, &entry));
                }
            }
        }
        Ok(())
    }
}

/// The changes that a statement makes to the catalog.
#[derive(Debug, Default)]
pub(in crate::simulator) struct CatalogChanges {
    /// The objects that the statement creates.
    pub(in crate::simulator) creates: Vec<CatalogObject>,
    /// The objects that the statement drops.
    pub(in crate::simulator) drops: Vec<CatalogObject>,
    /// Whether the statement says `IF NOT EXISTS` and the object exists.
    pub(in crate::simulator) already_exists: bool,
}

/// Returns the object that `name` refers to, with the statement's current catalog and database filled in.
fn catalog_object(statement: &SimulatedStatement, object: ObjectKind, name: &[String]) -> CatalogObject {
    let fixed = &statement.fixed;
    let current = |property| fixed.property(property).unwrap_or_default().to_owned();
    let (catalog, database) = (current(properties::CURRENT_CATALOG), current(properties::CURRENT_DATABASE));
    let fully_qualified = matches!(object, ObjectKind::Catalog) || (object == ObjectKind::Database && name.len() > 1);
    let mut full_name: Vec<String> = match (name.len(), object) {
        _ if fully_qualified => Vec::new(),
        (1, ObjectKind::Database) => vec![catalog],
        (1, _) => vec![catalog, database],
        (2, _) => vec![catalog],
        _ => Vec::new(),
    };
    full_name.extend(name.iter().cloned());
    if object == ObjectKind::Function
        && let Some(last) = full_name.last_mut()
    {
        *last = last.to_lowercase(); // Function names are case-insensitive.
    }
    CatalogObject { environment: fixed.environment.to_string(), kind: object_noun(object).to_owned(), name: full_name }
}

/// Formats a full name as the service does, each part in back-quotes.
fn quoted_name(object: &CatalogObject) -> String {
    let parts = object.name.iter().filter(|part| !part.is_empty()).map(|part| format!("`{part}`"));
    parts.collect::<Vec<_>>().join(".")
}

/// Returns the service's message for an object that does not exist.
fn not_found_message(object: ObjectKind, entry: &CatalogObject) -> String {
    let what = if object == ObjectKind::Table { "Table (or view)" } else { object_noun(object) };
    let name = quoted_name(entry);
    format!("{what} '{name}' does not exist, may be on a private cluster, or you do not have permission to access it.")
}

/// Returns the service's noun for a kind of object.
fn object_noun(object: ObjectKind) -> &'static str {
    match object {
        ObjectKind::Table => "Table",
        ObjectKind::Function => "Function",
        ObjectKind::Model => "Model",
        ObjectKind::Connection => "Connection",
        ObjectKind::Agent => "Agent",
        ObjectKind::Tool => "Tool",
        ObjectKind::Database => "Database",
        ObjectKind::Catalog => "Catalog",
    }
}
