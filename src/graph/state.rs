//! Whether a statement keeps state, given what the project knows of the objects that it names.

use std::collections::BTreeSet;

use super::{Graph, Object};
use crate::sql::{Kind, Use};

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
            let definitions = self.definitions_of(&object);
            if definitions.iter().any(|definition| self.gives_a_key(definition)) {
                return Some(format!("the primary key of `{object}`, which it {verb}"));
            }
            let is_view = |key: &&&str| {
                self.reading(key).is_some_and(|view| matches!(view.kind, Kind::CreateView | Kind::AlterView))
            };
            definitions.iter().filter(is_view).find_map(|view| self.state_of(view, seen))
        })
    }

    /// The statements that make `object` what it is: they create or alter it, or what it was renamed from, or a table that
    /// it is like.
    fn definitions_of(&self, object: &Object) -> BTreeSet<&str> {
        let (mut definitions, mut open) = (BTreeSet::new(), vec![object.clone()]);
        while let Some(object) = open.pop() {
            let Some(parties) = self.objects.get(&object) else { continue };
            for key in parties.creator.iter().chain(&parties.alters) {
                let Some(reading) = self.reading(key).filter(|_| definitions.insert(key.as_str())) else { continue };
                let is_origin = |role: Use| match role {
                    Use::Reads => reading.kind == Kind::CreateTable,
                    Use::Alters => reading.renamed_to.is_some(),
                    _ => false,
                };
                let origins = reading.mentions.iter().filter(|mention| is_origin(mention.role));
                open.extend(origins.filter_map(|mention| self.object_of(key, mention)));
            }
        }
        definitions
    }

    fn gives_a_key(&self, key: &str) -> bool {
        self.reading(key).is_some_and(|reading| reading.primary_key)
    }
}
