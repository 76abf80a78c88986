//! What the project says about the rows of a table: its definitions, combined in the order in which they take effect.

use std::collections::BTreeSet;

use super::{Graph, SqlObject};
use crate::sql::{ChangelogMode, LikeClause, StatementKind, TableClauses, Usage};

/// What all definitions of a table say together. What they do not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableDefinition {
    /// Whether the project creates the table, so that no part of its definition comes from elsewhere.
    pub is_complete: bool,
    /// Whether the table has a primary key.
    pub primary_key: Option<bool>,
    /// The changelog mode of the table.
    pub changelog_mode: Option<ChangelogMode>,
    /// Whether an option of the table sets where its readers start.
    pub startup_option: Option<bool>,
}

/// What a table does with the rows that are written to it, and how its readers see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowChanges {
    /// Every row is added.
    Appends,
    /// A row replaces the row with the same primary key.
    Upserts,
    /// Rows are added and removed one by one.
    Retractions,
    /// The project does not say.
    Unknown,
}

impl TableDefinition {
    /// A table that the project neither creates nor alters.
    const EXTERNAL: TableDefinition =
        TableDefinition { is_complete: false, primary_key: None, changelog_mode: None, startup_option: None };

    /// A table without a primary key and without options.
    const PLAIN: TableDefinition = TableDefinition {
        is_complete: true,
        primary_key: Some(false),
        changelog_mode: Some(ChangelogMode::Default),
        startup_option: Some(false),
    };

    /// Returns what the table does with rows.
    pub fn row_changes(&self) -> RowChanges {
        match (self.changelog_mode, self.primary_key) {
            (Some(ChangelogMode::Append), _) | (Some(ChangelogMode::Default), Some(false)) => RowChanges::Appends,
            (Some(ChangelogMode::Upsert), _) | (Some(ChangelogMode::Default), Some(true)) => RowChanges::Upserts,
            (Some(ChangelogMode::Retract), _) => RowChanges::Retractions,
            (Some(ChangelogMode::Default), None) | (Some(ChangelogMode::Unknown) | None, _) => RowChanges::Unknown,
        }
    }

    /// Returns the definition with what one more statement says.
    fn with(self, clauses: &TableClauses) -> Self {
        TableDefinition {
            is_complete: self.is_complete,
            primary_key: clauses.primary_key.or(self.primary_key),
            changelog_mode: clauses.changelog_mode.or(self.changelog_mode),
            startup_option: clauses.startup_option.or(self.startup_option),
        }
    }

    /// Returns what a table that is `LIKE` this one takes over from it.
    fn taken_over(self, like: LikeClause) -> Self {
        let (constraints, options) = (
            if like.includes_constraints { self } else { TableDefinition::PLAIN },
            if like.includes_options { self } else { TableDefinition::PLAIN },
        );
        TableDefinition {
            is_complete: constraints.is_complete && options.is_complete,
            primary_key: constraints.primary_key,
            changelog_mode: options.changelog_mode,
            startup_option: options.startup_option,
        }
    }
}

impl Graph {
    /// Returns what the project says about the rows of a table.
    pub(super) fn table_definition(&self, table: &SqlObject) -> TableDefinition {
        self.definition_outside(table, &mut BTreeSet::new())
    }

    /// Returns the definition of a table. `seen` contains the tables that are being looked at, which a table cannot
    /// be derived from.
    fn definition_outside(&self, table: &SqlObject, seen: &mut BTreeSet<SqlObject>) -> TableDefinition {
        let Some(users) = self.objects.get(table).filter(|_| seen.insert(table.clone())) else {
            return TableDefinition::EXTERNAL;
        };
        let created = users.creator.as_ref().map(|key| self.definition_by_creator(key, seen));
        let alters = users.altered_by.iter().filter_map(|key| self.analysis(key));
        alters.fold(created.unwrap_or(TableDefinition::EXTERNAL), |definition, alter| definition.with(&alter.table))
    }

    /// Returns the definition of the table that the statement `key` creates, or renames.
    fn definition_by_creator(&self, key: &str, seen: &mut BTreeSet<SqlObject>) -> TableDefinition {
        let Some(analysis) = self.analysis(key) else { return TableDefinition::EXTERNAL };
        let origin_usage = match analysis.kind {
            _ if analysis.renamed_to.is_some() => Some(Usage::Alters),
            StatementKind::CreateTable => Some(Usage::Reads),
            _ => None,
        };
        let origin = analysis.mentions.iter().find(|mention| Some(mention.usage) == origin_usage);
        let base = match origin.and_then(|mention| self.object_of(key, mention)) {
            Some(origin) if analysis.renamed_to.is_some() => return self.definition_outside(&origin, seen),
            Some(origin) => self.definition_outside(&origin, seen).taken_over(analysis.table.like),
            None => TableDefinition::PLAIN,
        };
        base.with(&analysis.table)
    }
}
