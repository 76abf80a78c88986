//! The input of a check: a statement, its text, and what the project says about it.

use super::lint::{LintContext, ViewContext};
use crate::{
    resource::properties,
    sql::{Analysis, StatementClass, StatementKind, Usage, script::Script, statement::ParsedStatement},
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
    /// What the views of the project add to that.
    pub(super) views: &'c ViewContext,
}

impl LintSubject<'_, '_, '_> {
    /// Returns whether the statement keeps running, or is the view of a job.
    pub(super) fn is_job(&self) -> bool {
        self.views.is_view_of_job
            || matches!(self.analysis.kind.class(), StatementClass::Job | StatementClass::TableJob)
    }

    /// Returns whether the statement is of this kind.
    pub(super) fn is_kind(&self, kind: StatementKind) -> bool {
        self.analysis.kind == kind
    }

    /// Returns whether a property is set to a value other than zero.
    pub(super) fn sets_nonzero_property(&self, property: &str) -> bool {
        self.context.properties.get(property).is_some_and(|value| is_nonzero(&value.masked()))
    }

    /// Returns whether a hint of the text contains `word`.
    pub(super) fn has_hint_containing(&self, word: &str) -> bool {
        let source = self.script.source();
        self.script.hints.iter().any(|hint| hint.text(source).to_ascii_lowercase().contains(word))
    }

    /// Returns whether the statement's state has a time to live.
    pub(super) fn has_state_ttl(&self) -> bool {
        self.sets_nonzero_property(properties::STATE_TTL)
            || self.script.hints.iter().any(|hint| has_nonzero_ttl(hint.text(self.script.source())))
    }

    /// Returns whether every table that is read is a view with windows.
    pub(super) fn reads_only_windowed_views(&self) -> bool {
        let mut reads = self.analysis.mentions.iter().filter(|mention| mention.usage == Usage::Reads);
        reads.all(|mention| self.views.windowed_views.contains(&mention.name))
    }
}

/// Returns whether a duration is not zero. Values such as `0` and `0 ms` switch off what the lints recommend.
fn is_nonzero(duration: &str) -> bool {
    let digits: String =
        duration.trim().chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    digits.is_empty() || digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
}

/// Returns whether a hint, `/*+ STATE_TTL('a' = '1d') */`, gives state a time to live.
fn has_nonzero_ttl(hint: &str) -> bool {
    let script = Script::new(hint.trim_start_matches("/*+").trim_end_matches("*/"));
    let mut ttls = (0..script.len()).filter(|&at| script.is_word(at, "STATE_TTL") && script.is_symbol(at + 1, "("));
    ttls.any(|at| {
        let mut values = (at + 2..script.closing_bracket(at + 1, script.len())).filter(|&at| script.is_symbol(at, "="));
        values.any(|equals| script.string_literal(equals + 1).is_some_and(|value| is_nonzero(&value)))
    })
}
