//! Judges whether a statement keeps state, given what the project knows about the objects that it names.

use std::collections::BTreeSet;

use super::{Graph, SqlObject, table_definitions::RowChanges};
use crate::sql::{ChangelogMode, StatementKind, Usage};

/// The kinds of statements that define a view.
const VIEW_KINDS: [StatementKind; 2] = [StatementKind::CreateView, StatementKind::AlterView];

impl Graph {
    /// Returns what keeps state in the statement `key`, as a phrase for messages. `None` if nothing is known to keep
    /// state. In addition to the text itself, this considers the views that it reads, the tables that take upserts
    /// and that it reads (their changelog is normalized first) or writes to (upserts are put in order as well). Of a
    /// table that the project does not define, nothing is known: see [`Self::source_with_unknown_changelog`] and
    /// [`Self::sink_with_unknown_changelog`].
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
            let object = self.object_of(key, mention)?;
            let verb = match mention.usage {
                Usage::Reads => "reads",
                Usage::Writes => "writes",
                Usage::Calls => return self.stateful_function_reason(&object),
                Usage::Creates | Usage::Alters | Usage::Drops => return None,
            };
            self.upsert_reason(&object, verb)
                .or_else(|| self.computed_column_reason(&object))
                .or_else(|| self.views_of(&object).into_iter().find_map(|view| self.find_stateful_reason(view, seen)))
        })
    }

    /// Returns the reason why a call keeps state: the project declares the function as stateful.
    fn stateful_function_reason(&self, function: &SqlObject) -> Option<String> {
        let creator = self.creator_of(function)?;
        let is_stateful = self.project.statements.get(creator).is_some_and(|found| found.is_stateful_function);
        is_stateful.then(|| format!("the function `{function}`, which is declared as stateful"))
    }

    /// Returns the reason why a table keeps state in the statements that use it: a computed column calls a stateful
    /// function.
    fn computed_column_reason(&self, table: &SqlObject) -> Option<String> {
        let users = self.objects.get(table)?;
        users.creator.iter().chain(&users.altered_by).find_map(|key| {
            let calls = self.analysis(key)?.column_functions.iter();
            calls.filter_map(|call| self.object_of(key, call)).find_map(|found| self.stateful_function_reason(&found))
        })
    }

    /// Returns the reason why reading or writing a table keeps state.
    fn upsert_reason(&self, table: &SqlObject, verb: &str) -> Option<String> {
        let definition = self.table_definition(table);
        let has_key = definition.primary_key == Some(true);
        match definition.row_changes() {
            RowChanges::Unknown if has_key && definition.changelog_mode.is_some() => {
                Some(format!("`{table}`, which it {verb}, may take upserts"))
            }
            // A table without any mention of its changelog mode most likely has the default mode.
            RowChanges::Unknown if has_key => Some(format!("the primary key of `{table}`, which it {verb}")),
            RowChanges::Upserts => Some(format!("the primary key of `{table}`, which it {verb}")),
            RowChanges::Appends | RowChanges::Retractions | RowChanges::Unknown => None,
        }
    }

    /// Returns whether rows that the statement `key` writes again overwrite the earlier ones, because its sinks take
    /// upserts. `Some(false)` if its sinks append them. `None` if the project does not say, if the sinks take
    /// retractions, or if they differ.
    pub fn writes_are_upserts(&self, key: &str) -> Option<bool> {
        let mut common = None;
        for sink in self.tables_of(key, Usage::Writes) {
            let upserts = match self.table_definition(&sink).row_changes() {
                RowChanges::Upserts => true,
                RowChanges::Appends => false,
                RowChanges::Retractions | RowChanges::Unknown => return None,
            };
            if common.is_some_and(|all| all != upserts) {
                return None;
            }
            common = Some(upserts);
        }
        common
    }

    /// Returns a table that the statement `key` writes to, if the project does not say whether the table takes
    /// upserts. Upserts would have to be put in order, which keeps state.
    pub fn sink_with_unknown_changelog(&self, key: &str) -> Option<SqlObject> {
        self.tables_of(key, Usage::Writes).find(|sink| {
            let definition = self.table_definition(sink);
            !definition.is_complete || definition.row_changes() == RowChanges::Unknown
        })
    }

    /// Returns a table that the statement `key` reads, directly or through other objects, if the project does not say
    /// whether the rows of the table change. Such rows would have to be normalized first. The project does not say so
    /// if it does not define the table, or if a query does whose own rows may change.
    pub fn source_with_unknown_changelog(&self, key: &str) -> Option<SqlObject> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![key]);
        while let Some(key) = open.pop() {
            if !seen.insert(key) {
                continue;
            }
            for source in self.tables_of(key, Usage::Reads) {
                let definition = self.table_definition(&source);
                let filled_by = self.query_that_fills(&source);
                if !definition.is_complete
                    || definition.row_changes() == RowChanges::Unknown
                    || filled_by.is_some_and(|creator| self.rows_may_change(creator, &mut BTreeSet::new()))
                {
                    return Some(source);
                }
                open.extend(self.views_of(&source).into_iter().chain(filled_by));
            }
        }
        None
    }

    /// Returns a table or view that the statement `key` reads, directly or through views, if its definition sets where
    /// readers start. Such an option takes precedence over the properties of the statement.
    pub fn source_with_startup_option(&self, key: &str) -> Option<SqlObject> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![key]);
        while let Some(key) = open.pop() {
            if !seen.insert(key) {
                continue;
            }
            for source in self.tables_of(key, Usage::Reads) {
                let views = self.views_of(&source);
                let is_set_in_view =
                    |view: &&str| self.analysis(view).is_some_and(|view| view.startup_option.is_some());
                if self.table_definition(&source).startup_option == Some(true) || views.iter().any(is_set_in_view) {
                    return Some(source);
                }
                open.extend(views);
            }
        }
        None
    }

    /// Returns the `CREATE TABLE … AS` that creates `table` and decides how its rows change. `None` if an option of
    /// the table decides that.
    fn query_that_fills(&self, table: &SqlObject) -> Option<&str> {
        let creator = self.creator_of(table)?;
        let analysis = self.analysis(creator)?;
        let is_decided_by_query = analysis.kind == StatementKind::CreateTableAs
            && self.table_definition(table).changelog_mode == Some(ChangelogMode::Default);
        is_decided_by_query.then_some(creator)
    }

    /// Returns whether rows that the query of the statement `key` has returned may change later: it keeps state, or
    /// it reads rows that may change. `seen` contains the keys visited so far.
    fn rows_may_change<'g>(&'g self, key: &'g str, seen: &mut BTreeSet<&'g str>) -> bool {
        if !seen.insert(key) {
            return false;
        }
        let keeps_state = self.analysis(key).is_none_or(|analysis| analysis.stateful_construct.is_some());
        keeps_state
            || self.tables_of(key, Usage::Reads).any(|source| {
                let views = self.views_of(&source);
                let is_changed_table = || self.table_definition(&source).row_changes() != RowChanges::Appends;
                (views.is_empty() && is_changed_table())
                    || views
                        .into_iter()
                        .chain(self.query_that_fills(&source))
                        .any(|key| self.rows_may_change(key, seen))
            })
    }

    /// Returns the tables and views that the statement `key` uses in this way.
    pub(super) fn tables_of(&self, key: &str, usage: Usage) -> impl Iterator<Item = SqlObject> {
        let mentions = self.analysis(key).into_iter().flat_map(|analysis| &analysis.mentions);
        mentions.filter(move |mention| mention.usage == usage).filter_map(move |mention| self.object_of(key, mention))
    }

    /// Returns the statements that define `object` as a view: those that create or alter it, also under an earlier
    /// name.
    pub(super) fn views_of(&self, object: &SqlObject) -> Vec<&str> {
        let (mut views, mut seen, mut open) = (Vec::new(), BTreeSet::new(), vec![object.clone()]);
        while let Some(object) = open.pop() {
            let users = self.objects.get(&object);
            for key in users.into_iter().flat_map(|users| users.creator.iter().chain(&users.altered_by)) {
                let Some(analysis) = self.analysis(key).filter(|_| seen.insert(key.as_str())) else { continue };
                if VIEW_KINDS.contains(&analysis.kind) {
                    views.push(key.as_str());
                }
                if analysis.renamed_to.is_some() {
                    open.extend(self.tables_of(key, Usage::Alters));
                }
            }
        }
        views
    }
}
