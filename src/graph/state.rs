//! Whether a statement keeps state, given what the project knows of the objects that it names.

use std::collections::BTreeSet;

use super::{Graph, Object};
use crate::sql::{Kind, Use};

const VIEWS: [Kind; 2] = [Kind::CreateView, Kind::AlterView];

/// What the project says of an object.
struct Definition<'g> {
    /// The statements that make it what it is.
    by: BTreeSet<&'g str>,
    /// Whether that is all: nothing of it comes from elsewhere.
    is_whole: bool,
}

impl Graph {
    /// What keeps state in the statement `key`, as people say it; `None` if nothing is known to. Beyond the text itself:
    /// the views that it reads, tables with a primary key that it reads (their changelog is put in order first) or
    /// writes (upserts are). Of a table that nobody in the project defines or alters, no key is known.
    pub fn keeps_state(&self, key: &str) -> Option<String> {
        self.state_of(key, &mut BTreeSet::new())
    }

    fn state_of(&self, key: &str, seen: &mut BTreeSet<String>) -> Option<String> {
        if !seen.insert(key.to_owned()) {
            return None;
        }
        let reading = self.reading(key)?;
        if let Some(state) = &reading.state {
            return Some(state.construct.clone());
        }
        reading.mentions.iter().find_map(|mention| {
            let verb = match mention.role {
                Use::Reads => "reads",
                Use::Writes => "writes",
                _ => return None,
            };
            let object = self.object_of(key, mention)?;
            let definition = self.definition_of(&object);
            if self.has_a_key(&definition) {
                return Some(format!("the primary key of `{object}`, which it {verb}"));
            }
            self.of_kind(&definition, &VIEWS).find_map(|view| self.state_of(view, seen))
        })
    }

    /// Whether the tables that the statement `key` writes have a primary key, so that rows that come again overwrite their
    /// like. `None` where nobody in the project says, or not of all the same.
    pub fn overwrites(&self, key: &str) -> Option<bool> {
        let writes = self.reading(key)?.mentions.iter().filter(|mention| mention.role == Use::Writes);
        let mut all = None;
        for object in writes.filter_map(|mention| self.object_of(key, mention)) {
            let definition = self.definition_of(&object);
            let is_keyed = self.has_a_key(&definition);
            if (!is_keyed && !definition.is_whole) || all.is_some_and(|all| all != is_keyed) {
                return None;
            }
            all = Some(is_keyed);
        }
        all
    }

    /// A table that the statement `key` reads, itself or through what it reads from, and of which the project does not say
    /// whether its rows change, and so have to be put in order first: nobody defines it, or a query that keeps state does.
    pub fn unknown_source(&self, key: &str) -> Option<Object> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![key]);
        while let Some(key) = open.pop() {
            let Some(reading) = self.reading(key).filter(|_| seen.insert(key)) else { continue };
            let reads = reading.mentions.iter().filter(|mention| mention.role == Use::Reads);
            for object in reads.filter_map(|mention| self.object_of(key, mention)) {
                let definition = self.definition_of(&object);
                let made: Vec<&str> = self.of_kind(&definition, &[Kind::CreateTableAs]).collect();
                let changes = |made: &&str| self.reading(made).is_some_and(|reading| reading.state.is_some());
                if !definition.is_whole || made.iter().any(changes) {
                    return Some(object);
                }
                open.extend(self.of_kind(&definition, &VIEWS).chain(made));
            }
        }
        None
    }

    /// What the project says of `object`: the statements that create or alter it, or what it was renamed from, or a table that
    /// it is like.
    fn definition_of(&self, object: &Object) -> Definition<'_> {
        let (mut by, mut is_whole, mut open) = (BTreeSet::new(), true, vec![object.clone()]);
        while let Some(object) = open.pop() {
            let parties = self.objects.get(&object);
            is_whole &= parties.is_some_and(|parties| parties.creator.is_some());
            for key in parties.into_iter().flat_map(|parties| parties.creator.iter().chain(&parties.alters)) {
                let Some(reading) = self.reading(key).filter(|_| by.insert(key.as_str())) else { continue };
                let is_origin = |role: Use| match role {
                    Use::Reads => reading.kind == Kind::CreateTable,
                    Use::Alters => reading.renamed_to.is_some(),
                    _ => false,
                };
                let origins = reading.mentions.iter().filter(|mention| is_origin(mention.role));
                open.extend(origins.filter_map(|mention| self.object_of(key, mention)));
            }
        }
        Definition { by, is_whole }
    }

    fn has_a_key(&self, definition: &Definition) -> bool {
        definition.by.iter().any(|key| self.reading(key).is_some_and(|reading| reading.primary_key))
    }

    /// Those of the statements that define something that are of these kinds.
    fn of_kind<'g>(&'g self, definition: &Definition<'g>, kinds: &[Kind]) -> impl Iterator<Item = &'g str> {
        let is_one = |key: &&str| self.reading(key).is_some_and(|reading| kinds.contains(&reading.kind));
        definition.by.iter().copied().filter(is_one)
    }
}
