//! What statements made: tables, views, functions, models, connections. Data is not simulated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{options::CatalogMode, reading::Gist, statements::Statement};
use crate::sql::{ObjectKind, Usage};

/// An object with its full name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Thing {
    environment: String,
    kind: String,
    name: Vec<String>,
}

/// Every object that a statement made or dropped.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    made: BTreeSet<Thing>,
    dropped: BTreeSet<Thing>,
}

impl Catalog {
    pub(super) fn make(&mut self, thing: Thing) {
        self.dropped.remove(&thing);
        self.made.insert(thing);
    }

    pub(super) fn drop_thing(&mut self, thing: Thing) {
        self.made.remove(&thing);
        self.dropped.insert(thing);
    }

    pub(super) fn made(&self) -> &BTreeSet<Thing> {
        &self.made
    }

    pub(super) fn dropped(&self) -> &BTreeSet<Thing> {
        &self.dropped
    }

    /// Whether a statement that names it finds it. What nobody made may be there from outside, or built in.
    fn holds(&self, thing: &Thing, mode: CatalogMode, built_in: bool) -> bool {
        let outside = mode == CatalogMode::Lenient || built_in;
        self.made.contains(thing) || (outside && !self.dropped.contains(thing))
    }

    /// What `statement` would do to the catalog, or the service's words on why it cannot.
    pub(super) fn judge(&self, statement: &Statement, gist: &Gist, mode: CatalogMode) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        for (object, name) in gist.named(Usage::Creates) {
            let thing = thing(statement, object, name);
            let known = self.made.contains(&thing);
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
        for role in [Usage::Alters, Usage::Drops] {
            for (object, name) in gist.named(role) {
                let thing = thing(statement, object, name);
                if !gist.if_exists && !self.holds(&thing, mode, false) {
                    return Err(absent(object, &thing));
                }
                if role == Usage::Drops {
                    outcome.drops.push(thing);
                } else if let Some((object, name)) = &gist.renamed_to {
                    outcome.makes.push(self::thing(statement, *object, name));
                    outcome.drops.push(thing);
                }
            }
        }
        self.needs(statement, gist, mode)?;
        Ok(outcome)
    }

    /// Whatever is read, written or called must be there.
    fn needs(&self, statement: &Statement, gist: &Gist, mode: CatalogMode) -> Result<(), String> {
        for role in [Usage::Reads, Usage::Writes, Usage::Calls] {
            for (object, name) in gist.named(role) {
                let thing = thing(statement, object, name);
                let made_here = gist.named(Usage::Creates).any(|(_, created)| created == name);
                if !made_here && !self.holds(&thing, mode, object == ObjectKind::Function) {
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
    Thing { environment: born.environment.to_string(), kind: noun(object).to_owned(), name: full }
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
