//! Parses `INSERT` and statement sets.

use super::parsed_statement::ParsedStatement;
use crate::sql::{ObjectKind, StatementKind, Usage, lexer::TokenKind, names::unexpected_after_name};

impl ParsedStatement<'_, '_> {
    /// Parses an `INSERT` or `UPSERT` statement.
    pub(super) fn parse_insert(&mut self, start: usize, end: usize) -> StatementKind {
        let script = self.script;
        let mut at = start + 1;
        if script.is_word(start, "UPSERT") {
            self.query.add_stateful_construct("UPSERT", script.token_span(start));
        }
        if !script.is_any_word(at, &["INTO", "OVERWRITE"]) {
            return StatementKind::Other;
        }
        at += 1 + usize::from(script.is_word(at, "OVERWRITE") && script.is_word(at + 1, "INTO"));
        // If no name follows, `TABLE` is meant as the name.
        let is_named_next = script.is_identifier(at + 1)
            || (script.token_kind(at + 1) == Some(TokenKind::ReservedWord) && !self.starts_query(at + 1, end));
        at += usize::from(script.is_word(at, "TABLE") && is_named_next);
        let sink_at = at;
        let mut at = match self.add_required_mention(Usage::Writes, ObjectKind::Table, at, end) {
            Some(next) => next,
            // A reserved word is the name that was meant.
            None if script.token_kind(at) == Some(TokenKind::ReservedWord) && !self.starts_query(at, end) => at + 1,
            None => return StatementKind::InsertInto,
        };
        while at < end {
            // `EXTEND (…)`, `PARTITION (…)` and column lists, in any order and number.
            let word = usize::from(script.is_any_word(at, &["EXTEND", "PARTITION"]));
            if !script.is_symbol(at + word, "(") || (word == 0 && self.starts_query(at, end)) {
                break;
            }
            let close = script.closing_bracket(at + word, end);
            if word == 0 {
                self.check_name_list(at + 1, close);
            }
            at = close + 1;
        }
        if at < end && !self.starts_query(at, end) {
            self.errors.push(unexpected_after_name(script, sink_at, at));
            return StatementKind::InsertInto;
        }
        let conflict = script.find_at_top_level(at, end, |script, at| script.are_words(at, &["ON", "CONFLICT"]));
        if let Some(conflict) = conflict {
            self.query.add_stateful_construct("ON CONFLICT", script.token_span(conflict));
        }
        let query_end = conflict.unwrap_or(end);
        let mut first = at;
        while first < query_end && script.is_symbol(first, "(") {
            first += 1;
        }
        let set_words = ["UNION", "EXCEPT", "INTERSECT", "MINUS"];
        let combined =
            script.find_at_top_level(at, query_end, |script, at| script.is_any_word(at, &set_words)).is_some();
        self.add_query(at, query_end);
        if script.is_word(first, "VALUES") && !combined {
            StatementKind::InsertValues
        } else {
            StatementKind::InsertInto
        }
    }

    /// Parses a statement set: `[;] [BEGIN] INSERT …; INSERT …; END`.
    pub(super) fn parse_statement_set(&mut self, start: usize, end: usize) -> StatementKind {
        let script = self.script;
        let mut at = start;
        while script.is_symbol(at, ";") || script.is_word(at, "BEGIN") {
            at += 1;
        }
        let mut inserts = 0;
        while at < end {
            if script.is_word(at, "END") && (at + 1 >= end || script.is_symbol(at + 1, ";")) {
                self.expect_end(at + 1, end);
                if inserts == 0 {
                    self.add_error("this statement set is empty: add at least one `INSERT INTO` before `END`", at);
                }
                return StatementKind::StatementSet;
            }
            let next = script.find_at_top_level(at, end, |script, at| script.is_symbol(at, ";")).unwrap_or(end);
            if script.is_any_word(at, &["INSERT", "UPSERT"]) {
                inserts += 1;
                // If the `;` before it is missing, `END` is the last word.
                let is_last = || (next..end).all(|at| script.is_symbol(at, ";"));
                let closes = script.is_word(next.saturating_sub(1), "END") && is_last();
                self.parse_insert(at, if closes { next.saturating_sub(1) } else { next });
                if closes {
                    self.add_error("the `;` before this `END` is missing", next.saturating_sub(1));
                    return StatementKind::StatementSet;
                }
            } else if at < next {
                self.add_error(
                    "a statement set holds only `INSERT INTO` statements, each followed by `;`: move this one out of \
                     it",
                    at,
                );
            }
            at = next + 1;
        }
        self.add_error(
            "this statement set is never closed: add `END;` after its last `INSERT INTO`",
            start.saturating_sub(1),
        );
        StatementKind::StatementSet
    }

    /// Adds an error if anything but semicolons follows the end of the statement set.
    fn expect_end(&mut self, start: usize, end: usize) {
        if let Some(at) = (start..end).find(|&at| !self.script.is_symbol(at, ";")) {
            self.add_error("a second statement starts here: give each statement its own entry", at);
        }
    }
}
