//! Parses the columns and constraints of a table, and lists of names.

use super::parsed_statement::ParsedStatement;
use crate::sql::{SqlError, functions::is_built_in_function, names::name_list_errors};

impl ParsedStatement<'_, '_> {
    /// Parses columns, watermarks and constraints: records the functions that computed columns call, and a primary
    /// key.
    pub(super) fn parse_columns(&mut self, start: usize, end: usize) {
        let script = self.script;
        let (mention_count, construct_count) = (self.query.mentions.len(), self.query.stateful_constructs.len());
        self.check_column_items(start, end);
        let mut at = start;
        while at < end {
            if script.are_words(at, &["PRIMARY", "KEY"]) {
                self.table.primary_key = Some(true);
                if script.is_symbol(at + 2, "(") {
                    self.check_name_list(at + 3, script.closing_bracket(at + 2, end));
                }
            }
            if script.is_word(at, "AS") {
                let item_end = script.find_at_top_level(at, end, |script, at| script.is_symbol(at, ",")).unwrap_or(end);
                self.query.walk_computed_column(at + 1, item_end);
                at = item_end;
            } else if script.is_symbol(at, "(") {
                at = script.closing_bracket(at, end);
            }
            at += 1;
        }
        // Built-in functions are not dependencies. A definition does not run, so its calls keep no state.
        let is_built_in = |name: &[String]| matches!(name, [only] if is_built_in_function(only));
        let found = self.query.mentions.split_off(mention_count);
        self.column_functions.extend(found.into_iter().filter(|mention| !is_built_in(&mention.name)));
        self.query.stateful_constructs.truncate(construct_count);
    }

    /// Reports each column between two tokens that starts with no name, and operators after a name.
    fn check_column_items(&mut self, start: usize, end: usize) {
        let script = self.script;
        let starts_constraint = |at: usize| {
            script.are_words(at, &["PRIMARY", "KEY"])
                || script.are_words(at, &["WATERMARK", "FOR"])
                || (script.is_word(at, "UNIQUE") && script.is_symbol(at + 1, "("))
                || (script.is_word(at, "CONSTRAINT") && script.is_identifier(at + 1))
                || (script.is_word(at, "PARTITION") && script.is_symbol(at + 1, "("))
                || (script.is_word(at, "DISTRIBUTION") && script.is_any_word(at + 1, &["BY", "INTO"]))
        };
        self.errors.extend(name_list_errors(script, start, end, starts_constraint));
        let unsupported = ["DEFAULT", "REFERENCES", "CHECK"];
        let unsupported = (start..end).find(|&at| {
            script.is_any_word(at, &unsupported)
                && at > start
                && !script.is_symbol(at - 1, ".")
                && !script.is_symbol(at - 1, ",")
        });
        if let Some(at) = unsupported.filter(|_| self.errors.is_empty()) {
            let word = script.reserved_word(at);
            self.errors.push(SqlError {
                message: format!("a column has no `{word}` in Flink SQL"),
                span: script.token_span(at),
                help: Some("Remove it.".to_owned()),
            });
        }
    }

    /// Reports each item between two tokens that is no name.
    pub(super) fn check_name_list(&mut self, start: usize, end: usize) {
        self.errors.extend(name_list_errors(self.script, start, end, |_| false));
    }
}
