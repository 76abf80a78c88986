//! Whether a statement keeps state, given what the project knows of the objects that it names.

use std::collections::BTreeSet;

use super::Graph;
use crate::sql::{Kind, Use};

impl Graph {
    /// What keeps state in the statement `key`, as people say it; `None` if nothing is known to. Beyond the text itself:
    /// the views that it reads, tables with a primary key that it reads (their changelog is put in order first) or
    /// writes (upserts are).
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
        for mention in &reading.mentions {
            let object = self.object_of(key, mention)?;
            let Some(creator) = self.creator_of(&object) else { continue };
            let Some(definition) = self.reading(creator) else { continue };
            let found = match mention.role {
                Use::Reads if definition.kind == Kind::CreateView => self.state_of(creator, seen),
                Use::Reads if definition.primary_key => Some(format!("the primary key of `{object}`, which it reads")),
                Use::Writes if definition.primary_key => {
                    Some(format!("the primary key of `{object}`, which it writes"))
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}
