//! Which object a name in a statement means, and who in the project uses it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Object, Parties, pair};
use crate::{
    manifest::Project,
    resource::{Statement, Template},
    sql::{Mention, ObjectKind, Use},
};

/// What completes the names in one statement.
pub(super) struct Completion<'a> {
    catalog: Option<Arc<str>>,
    database: Option<Arc<str>>,
    aliases: &'a BTreeMap<String, String>,
}

impl<'a> Completion<'a> {
    pub(super) fn of(statement: &Statement, aliases: &'a BTreeMap<String, String>) -> Self {
        let property = |name: &str| {
            let value = statement.properties.get(name).map(Template::masked)?;
            Some(Arc::from(aliases.get(&*value).map_or(&*value, String::as_str)))
        };
        Completion { catalog: property("sql.current-catalog"), database: property("sql.current-database"), aliases }
    }

    /// What completes names where catalog and database are these.
    fn within(catalog: Option<&str>, database: Option<&str>, aliases: &'a BTreeMap<String, String>) -> Self {
        let meant = |name: &str| Arc::from(aliases.get(name).map_or(name, String::as_str));
        Completion { catalog: catalog.map(meant), database: database.map(meant), aliases }
    }

    /// The object that `mention` means.
    pub(super) fn object(&self, mention: &Mention) -> Object {
        let depth: usize = match mention.object {
            ObjectKind::Catalog => 1,
            ObjectKind::Database => 2,
            _ => 3,
        };
        let missing = depth.saturating_sub(mention.name.len());
        let current = [&self.catalog, &self.database];
        let completed = current.into_iter().take(missing).flatten().cloned();
        let last = mention.name.len().saturating_sub(1);
        let written = mention.name.iter().enumerate().map(|(index, part)| {
            let is_own_name = index == last && depth == 3;
            match self.aliases.get(part) {
                // An alias stands for a catalog or a database, never for a table that happens to bear its name.
                Some(meant) if !is_own_name => Arc::from(meant.as_str()),
                _ if is_own_name && mention.object == ObjectKind::Function => Arc::from(part.to_lowercase()),
                _ => Arc::from(part.as_str()),
            }
        });
        Object { kind: mention.object, name: completed.chain(written).collect() }
    }
}

/// The object that `mention` means in `statement`, whether the project declares that statement now or did once.
pub fn resolve(mention: &Mention, statement: &Statement, aliases: &BTreeMap<String, String>) -> Object {
    Completion::of(statement, aliases).object(mention)
}

/// The object that `mention` means in a statement that is nobody's here, given its catalog and database.
pub fn resolve_in(
    mention: &Mention,
    catalog: Option<&str>,
    database: Option<&str>,
    aliases: &BTreeMap<String, String>,
) -> Object {
    Completion::within(catalog, database, aliases).object(mention)
}

/// One use of an object by a statement: its key, and where its SQL names the object first.
pub(super) type User = (String, (usize, usize));

/// Who uses an object; each statement once per role, in order of keys.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub creators: Vec<User>,
    pub alters: Vec<User>,
    pub drops: Vec<User>,
    pub readers: Vec<User>,
    pub writers: Vec<User>,
}

impl Uses {
    fn add(&mut self, role: Use, key: &str, span: (usize, usize)) {
        let users = match role {
            Use::Creates => &mut self.creators,
            Use::Alters => &mut self.alters,
            Use::Drops => &mut self.drops,
            Use::Reads | Use::Calls => &mut self.readers,
            Use::Writes => &mut self.writers,
        };
        // Statements come one after the other, so a repetition follows what it repeats.
        if users.last().is_none_or(|(last, _)| last != key) {
            // Most objects have one user in a role.
            if users.is_empty() {
                users.reserve_exact(1);
            }
            users.push((key.to_owned(), span));
        }
    }

    /// How many statements may need the one that creates the object.
    pub(super) fn most_needs(&self) -> usize {
        let users = [&self.alters, &self.readers, &self.writers].into_iter().map(Vec::len);
        if self.creators.is_empty() { 0 } else { users.sum() }
    }

    pub(super) fn parties(self) -> Parties {
        let keys = |users: Vec<User>| users.into_iter().map(|(key, _)| key).collect();
        Parties {
            creator: self.creators.into_iter().next().map(|(key, _)| key),
            alters: keys(self.alters),
            drops: keys(self.drops),
            readers: keys(self.readers),
            writers: keys(self.writers),
        }
    }
}

/// Every object that the statements of a project name, and who names it.
pub(super) fn uses(project: &Project) -> BTreeMap<Object, Uses> {
    let mut uses: BTreeMap<Object, Uses> = BTreeMap::new();
    for (key, statement) in &project.statements {
        let completion = Completion::of(&statement.spec, &project.environment.aliases);
        let reading = &statement.reading;
        for mention in reading.mentions.iter().chain(&reading.column_functions) {
            uses.entry(completion.object(mention)).or_default().add(mention.role, key, pair(&mention.span));
        }
        // What an object is renamed to exists from then on.
        if let Some(renamed) = &reading.renamed_to {
            uses.entry(completion.object(renamed)).or_default().add(Use::Creates, key, pair(&renamed.span));
        }
    }
    uses
}
