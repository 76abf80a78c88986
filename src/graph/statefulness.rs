//! Judges whether a statement keeps state, given what the project knows about the objects that it names.

use std::collections::BTreeSet;

use super::{Graph, SqlObject};
use crate::sql::{StatementKind, Usage};

/// The kinds of statements that define a view.
const VIEW_KINDS: [StatementKind; 2] = [StatementKind::CreateView, StatementKind::AlterView];

/// What the project says about an object.
struct ObjectDefinition<'g> {
    /// The statements that define it.
    statements: BTreeSet<&'g str>,
    /// Whether these statements are its whole definition, so that no part of it comes from elsewhere.
    is_complete: bool,
}

impl Graph {
    /// Returns what keeps state in the statement `key`, as a phrase for messages. `None` if nothing is known to keep
    /// state. In addition to the text itself, this considers the views that it reads, the tables with a primary key
    /// that it reads (their changelog is normalized first) and those that it writes to (upserts are put in order as
    /// well). If the project does not define or alter a table, its primary key is unknown.
    pub fn stateful_reason(&self, key: &str) -> Option<String> {
        self.find_stateful_reason(key, &mut BTreeSet::new())
    }

    /// Returns the reason in the statement or in the views that it reads. `seen` contains the keys visited so far.
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

    /// Returns whether the tables that the statement `key` writes to have a primary key, so that rows that are
    /// written again overwrite the earlier ones. `None` if the project does not say so, or if the tables differ.
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

    /// Returns a table that the statement `key` reads, directly or through other objects, if the project does not say
    /// whether the rows of the table change. Such rows would have to be normalized first. The project does not say so
    /// if it does not define the table, or if a stateful query does.
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

    /// Returns what the project says about `object`: the statements that create or alter it, the object that it was
    /// renamed from, or the table that it is `LIKE`.
    fn object_definition(&self, object: &SqlObject) -> ObjectDefinition<'_> {
        let (mut statements, mut is_complete, mut open) = (BTreeSet::new(), true, vec![object.clone()]);
        while let Some(object) = open.pop() {
            let users = self.objects.get(&object);
            is_complete &= users.is_some_and(|parties| parties.creator.is_some());
            for key in users.into_iter().flat_map(|parties| parties.creator.iter().chain(&parties.altered_by)) {
                let Some(analysis) = self.analysis(key).filter(|_| statements.insert(key.as_str())) else { continue };
                let is_origin = |usage: Usage| match usage {
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

    /// Returns whether a statement of the definition declares a primary key or upserts.
    fn has_primary_key(&self, definition: &ObjectDefinition) -> bool {
        definition.statements.iter().any(|key| self.analysis(key).is_some_and(|analysis| analysis.has_primary_key))
    }

    /// Returns the statements of the definition that are of these kinds.
    fn statements_of_kind<'g>(
        &'g self,
        definition: &ObjectDefinition<'g>,
        kinds: &[StatementKind],
    ) -> impl Iterator<Item = &'g str> {
        let is_of_kind = |key: &&str| self.analysis(key).is_some_and(|analysis| kinds.contains(&analysis.kind));
        definition.statements.iter().copied().filter(is_of_kind)
    }
}
