//! Whether a statement keeps state, given what the project knows of the objects that it names.

use std::collections::BTreeSet;

use super::{Graph, SqlObject};
use crate::sql::{StatementKind, Usage};

const VIEW_KINDS: [StatementKind; 2] = [StatementKind::CreateView, StatementKind::AlterView];

/// What the project says of an object.
struct ObjectDefinition<'g> {
    /// The statements that make it what it is.
    statements: BTreeSet<&'g str>,
    /// Whether that is all: nothing of it comes from elsewhere.
    is_complete: bool,
}

impl Graph {
    /// What keeps state in the statement `key`, as people say it; `None` if nothing is known to. Beyond the text itself:
    /// the views that it reads, tables with a primary key that it reads (their changelog is put in order first) or
    /// writes (upserts are). Of a table that nobody in the project defines or alters, no key is known.
    pub fn stateful_reason(&self, key: &str) -> Option<String> {
        self.find_stateful_reason(key, &mut BTreeSet::new())
    }

    fn find_stateful_reason(&self, key: &str, seen: &mut BTreeSet<String>) -> Option<String> {
        if !seen.insert(key.to_owned()) {
            return None;
        }
        let analysis = self.analysis(key)?;
        if let Some(state) = &analysis.stateful_construct {
            return Some(state.description.clone());
        }
        analysis.mentions.iter().find_map(|mention| {
            let verb = match mention.usage {
                Usage::Reads => "reads",
                Usage::Writes => "writes",
                _ => return None,
            };
            let object = self.object_of(key, mention)?;
            let definition = self.object_definition(&object);
            if self.has_primary_key(&definition) {
                return Some(format!("the primary key of `{object}`, which it {verb}"));
            }
            self.statements_of_kind(&definition, &VIEW_KINDS).find_map(|view| self.find_stateful_reason(view, seen))
        })
    }

    /// Whether the tables that the statement `key` writes have a primary key, so that rows that come again overwrite their
    /// like. `None` where nobody in the project says, or not of all the same.
    pub fn writes_are_upserts(&self, key: &str) -> Option<bool> {
        let writes = self.analysis(key)?.mentions.iter().filter(|mention| mention.usage == Usage::Writes);
        let mut common = None;
        for object in writes.filter_map(|mention| self.object_of(key, mention)) {
            let definition = self.object_definition(&object);
            let has_primary_key = self.has_primary_key(&definition);
            if (!has_primary_key && !definition.is_complete) || common.is_some_and(|all| all != has_primary_key) {
                return None;
            }
            common = Some(has_primary_key);
        }
        common
    }

    /// A table that the statement `key` reads, itself or through what it reads from, and of which the project does not say
    /// whether its rows change, and so have to be put in order first: nobody defines it, or a query that keeps state does.
    pub fn source_with_unknown_changelog(&self, key: &str) -> Option<SqlObject> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![key]);
        while let Some(key) = open.pop() {
            let Some(analysis) = self.analysis(key).filter(|_| seen.insert(key)) else { continue };
            let reads = analysis.mentions.iter().filter(|mention| mention.usage == Usage::Reads);
            for object in reads.filter_map(|mention| self.object_of(key, mention)) {
                let definition = self.object_definition(&object);
                let creators: Vec<&str> =
                    self.statements_of_kind(&definition, &[StatementKind::CreateTableAs]).collect();
                let changes =
                    |creator: &&str| self.analysis(creator).is_some_and(|reading| reading.stateful_construct.is_some());
                if !definition.is_complete || creators.iter().any(changes) {
                    return Some(object);
                }
                open.extend(self.statements_of_kind(&definition, &VIEW_KINDS).chain(creators));
            }
        }
        None
    }

    /// What the project says of `object`: the statements that create or alter it, or what it was renamed from, or a table that
    /// it is like.
    fn object_definition(&self, object: &SqlObject) -> ObjectDefinition<'_> {
        let (mut statements, mut is_complete, mut open) = (BTreeSet::new(), true, vec![object.clone()]);
        while let Some(object) = open.pop() {
            let parties = self.objects.get(&object);
            is_complete &= parties.is_some_and(|parties| parties.creator.is_some());
            for key in parties.into_iter().flat_map(|parties| parties.creator.iter().chain(&parties.altered_by)) {
                let Some(analysis) = self.analysis(key).filter(|_| statements.insert(key.as_str())) else { continue };
                let is_origin = |role: Usage| match role {
                    Usage::Reads => analysis.kind == StatementKind::CreateTable,
                    Usage::Alters => analysis.renamed_to.is_some(),
                    _ => false,
                };
                let origins = analysis.mentions.iter().filter(|mention| is_origin(mention.usage));
                open.extend(origins.filter_map(|mention| self.object_of(key, mention)));
            }
        }
        ObjectDefinition { statements, is_complete }
    }

    fn has_primary_key(&self, definition: &ObjectDefinition) -> bool {
        definition.statements.iter().any(|key| self.analysis(key).is_some_and(|reading| reading.has_primary_key))
    }

    /// Those of the statements that define something that are of these kinds.
    fn statements_of_kind<'g>(
        &'g self,
        definition: &ObjectDefinition<'g>,
        kinds: &[StatementKind],
    ) -> impl Iterator<Item = &'g str> {
        let is_one = |key: &&str| self.analysis(key).is_some_and(|reading| kinds.contains(&reading.kind));
        definition.statements.iter().copied().filter(is_one)
    }
}
