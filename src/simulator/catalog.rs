//! What statements made: tables, views, functions, models, connections. Data is not simulated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{options::CatalogMode, statements::Statement};
use crate::sql::{ObjectKind, Use};

/// An object with its full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Thing {
    environment: String,
    kind: String,
    name: Vec<String>,
}

/// Every object that a statement made and none dropped.
#[derive(Debug, Default)]
pub(super) struct Catalog(BTreeSet<Thing>);

impl Catalog {
    pub(super) fn make(&mut self, thing: Thing) {
        self.0.insert(thing);
    }

    pub(super) fn drop_thing(&mut self, thing: &Thing) {
        self.0.remove(thing);
    }

    pub(super) fn things(&self) -> impl Iterator<Item = Thing> {
        self.0.iter().cloned()
    }

    /// What `statement` would do to the catalog, or the service's words on why it cannot.
    pub(super) fn judge(&self, statement: &Statement, mode: CatalogMode) -> Result<Outcome, String> {
        let gist = &statement.gist;
        let mut outcome = Outcome::default();
        for (object, name) in gist.named(Use::Creates) {
            let thing = thing(statement, object, name);
            let known = self.0.contains(&thing);
            if !known {
                outcome.makes.push(thing);
            } else if gist.if_not_exists {
                outcome.nothing_to_do = true;
            } else if gist.replaces {
                // `CREATE OR REPLACE`, `CREATE OR ALTER`: it stays.
            } else {
                return Err(format!("{} '{}' already exists.", noun(object), shown(&thing)));
            }
        }
        for role in [Use::Alters, Use::Drops] {
            for (object, name) in gist.named(role) {
                let thing = thing(statement, object, name);
                let known = self.0.contains(&thing);
                if !known && !gist.if_exists && mode == CatalogMode::Strict {
                    return Err(absent(object, &thing));
                }
                if role == Use::Drops {
                    outcome.drops.push(thing);
                } else if let Some((object, name)) = &gist.renamed_to {
                    outcome.makes.push(self::thing(statement, *object, name));
                    outcome.drops.push(thing);
                }
            }
        }
        if mode == CatalogMode::Strict {
            self.needs(statement)?;
        }
        Ok(outcome)
    }

    /// In a strict catalog every table that is read or written must have been made. Functions may be built in.
    fn needs(&self, statement: &Statement) -> Result<(), String> {
        for role in [Use::Reads, Use::Writes] {
            for (object, name) in statement.gist.named(role) {
                let thing = thing(statement, object, name);
                let made_here = statement.gist.named(Use::Creates).any(|(_, created)| created == name);
                if object == ObjectKind::Table && !made_here && !self.0.contains(&thing) {
                    return Err(absent(object, &thing));
                }
            }
        }
        Ok(())
    }
}

/// What a statement does to the catalog.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) makes: Vec<Thing>,
    pub(super) drops: Vec<Thing>,
    /// It says `IF NOT EXISTS`, and it exists.
    pub(super) nothing_to_do: bool,
}

fn thing(statement: &Statement, object: ObjectKind, name: &[String]) -> Thing {
    let born = &statement.born;
    let current = |property| born.property(property).unwrap_or_default().to_owned();
    let (catalog, database) = (current("sql.current-catalog"), current("sql.current-database"));
    let alone = matches!(object, ObjectKind::Catalog) || (object == ObjectKind::Database && name.len() > 1);
    let mut full: Vec<String> = match (name.len(), object) {
        _ if alone => Vec::new(),
        (1, ObjectKind::Database) => vec![catalog],
        (1, _) => vec![catalog, database],
        (2, _) => vec![catalog],
        _ => Vec::new(),
    };
    full.extend(name.iter().cloned());
    if object == ObjectKind::Function
        && let Some(last) = full.last_mut()
    {
        *last = last.to_lowercase(); // Function names are compared without case.
    }
    Thing { environment: born.environment.clone(), kind: noun(object).to_owned(), name: full }
}

fn shown(thing: &Thing) -> String {
    let parts = thing.name.iter().filter(|part| !part.is_empty()).map(|part| format!("`{part}`"));
    parts.collect::<Vec<_>>().join(".")
}

fn absent(object: ObjectKind, thing: &Thing) -> String {
    let what = if object == ObjectKind::Table { "Table (or view)" } else { noun(object) };
    let name = shown(thing);
    format!("{what} '{name}' does not exist, may be on a private cluster, or you do not have permission to access it.")
}

fn noun(object: ObjectKind) -> &'static str {
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
