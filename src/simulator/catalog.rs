//! What statements made: tables, views, functions, models, connections. Data is not simulated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{options::CatalogMode, sql_summary::SqlSummary, statements::SimulatedStatement};
use crate::resource::properties;
use crate::sql::{ObjectKind, Usage};

/// An object with its full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct CatalogObject {
    environment: String,
    kind: String,
    name: Vec<String>,
}

/// Every object that a statement made or dropped.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    created: BTreeSet<CatalogObject>,
    dropped: BTreeSet<CatalogObject>,
}

impl Catalog {
    pub(super) fn add(&mut self, object: CatalogObject) {
        self.dropped.remove(&object);
        self.created.insert(object);
    }

    pub(super) fn drop_object(&mut self, object: CatalogObject) {
        self.created.remove(&object);
        self.dropped.insert(object);
    }

    pub(super) fn created(&self) -> &BTreeSet<CatalogObject> {
        &self.created
    }

    pub(super) fn dropped(&self) -> &BTreeSet<CatalogObject> {
        &self.dropped
    }

    /// Whether a statement that names it finds it. What nobody made may be there from outside, or built in.
    fn contains(&self, object: &CatalogObject, mode: CatalogMode, built_in: bool) -> bool {
        let allow_external = mode == CatalogMode::Lenient || built_in;
        self.created.contains(object) || (allow_external && !self.dropped.contains(object))
    }

    /// What `statement` would do to the catalog, or the service's words on why it cannot.
    pub(super) fn changes_of(
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
                // `CREATE OR REPLACE`, `CREATE OR ALTER`: it stays.
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

    /// Whatever is read, written or called must be there.
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

/// What a statement does to the catalog.
#[derive(Debug, Default)]
pub(super) struct CatalogChanges {
    pub(super) creates: Vec<CatalogObject>,
    pub(super) drops: Vec<CatalogObject>,
    /// It says `IF NOT EXISTS`, and it exists.
    pub(super) already_exists: bool,
}

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
        *last = last.to_lowercase(); // Function names are compared without case.
    }
    CatalogObject { environment: fixed.environment.to_string(), kind: object_noun(object).to_owned(), name: full_name }
}

fn quoted_name(object: &CatalogObject) -> String {
    let parts = object.name.iter().filter(|part| !part.is_empty()).map(|part| format!("`{part}`"));
    parts.collect::<Vec<_>>().join(".")
}

fn not_found_message(object: ObjectKind, entry: &CatalogObject) -> String {
    let what = if object == ObjectKind::Table { "Table (or view)" } else { object_noun(object) };
    let name = quoted_name(entry);
    format!("{what} '{name}' does not exist, may be on a private cluster, or you do not have permission to access it.")
}

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
