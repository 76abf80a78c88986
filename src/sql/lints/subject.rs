//! The input of a check: a statement, its text, and what the project says about it.

use super::lint::LintContext;
use crate::{
    resource::properties,
    sql::{Analysis, StatementClass, StatementKind, script::Script, statement::ParsedStatement},
};

/// The input of a check.
pub(super) struct LintSubject<'c, 's, 'a> {
    /// The analysis of the text.
    pub(super) analysis: &'c Analysis,
    /// The tokens of the text.
    pub(super) script: &'s Script<'a>,
    /// The parsed statement of the text.
    pub(super) statement: &'c ParsedStatement<'s, 'a>,
    /// What the project says about the statement.
    pub(super) context: &'c LintContext<'c>,
}

impl LintSubject<'_, '_, '_> {
    /// Returns whether the statement keeps running.
    pub(super) fn is_job(&self) -> bool {
        matches!(self.analysis.kind.class(), StatementClass::Job | StatementClass::TableJob)
    }

    /// Returns whether the statement is of this kind.
    pub(super) fn is_kind(&self, kind: StatementKind) -> bool {
        self.analysis.kind == kind
    }

    /// Returns whether a property is set to a value other than zero. Values such as `0` and `0 ms` switch off what
    /// the lints recommend.
    pub(super) fn sets_nonzero_property(&self, property: &str) -> bool {
        self.context.properties.get(property).is_some_and(|value| {
            let digits: String = value.masked().trim().chars().take_while(char::is_ascii_digit).collect();
            digits.is_empty() || digits.bytes().any(|digit| digit != b'0')
        })
    }

    /// Returns whether a hint of the text contains `word`.
    pub(super) fn has_hint_containing(&self, word: &str) -> bool {
        let source = self.script.source();
        self.script.hints.iter().any(|hint| hint.text(source).to_ascii_lowercase().contains(word))
    }

    /// Returns whether the statement's state has a time to live.
    pub(super) fn has_state_ttl(&self) -> bool {
        self.sets_nonzero_property(properties::STATE_TTL) || self.has_hint_containing("state_ttl")
    }
}
