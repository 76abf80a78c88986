//! Walks tables in `FROM` and `JOIN`, and records the state that joins keep.

use super::{
    join_bounds::JoinBounds,
    walker::{Clause, QueryWalker, TablePosition},
    window_sources::WindowSources,
};
use crate::sql::{
    ObjectKind, Usage,
    lexer::TokenKind,
    names::{is_stray_after_name, missing_name, unexpected_after_name},
    script::QualifiedName,
};

impl QueryWalker<'_, '_> {
    /// Walks one table of a `FROM` or `JOIN`, without its alias, and returns the index after it.
    pub(super) fn walk_table(&mut self, at: usize, end: usize, position: TablePosition) -> usize {
        let script = self.script;
        // If no table follows, `LATERAL` is meant as the name.
        let is_table_next = script.is_symbol(at + 1, "(")
            || script.is_identifier(at + 1)
            || script.is_any_word(at + 1, &["TABLE", "UNNEST"]);
        let lateral = at + 1 < end && script.is_word(at, "LATERAL") && is_table_next;
        let first = at + usize::from(lateral);
        if first >= end {
            self.report(missing_name(script, first, end));
            return end;
        }
        if script.is_symbol(first, "(") {
            return self.walk_parenthesized_table(first, end, position, lateral);
        }
        let columns = self.column_count;
        if script.is_any_word(first, &["TABLE", "UNNEST"]) && script.is_symbol(first + 1, "(") {
            let close = script.closing_bracket(first + 1, end);
            if script.is_word(first, "TABLE") {
                self.table_function_bracket = script.name_end(first + 2, close);
            }
            self.walk_expression(first + 2, close);
            self.add_table_function(first, close, position, columns);
            return close + 1;
        }
        // Without a name after it, `TABLE` is meant as the name.
        let named = first + usize::from(script.is_word(first, "TABLE") && script.is_identifier(first + 1));
        let Some(name) = script.qualified_name(named, end) else {
            return self.report_missing_table(named, end);
        };
        if script.is_symbol(name.next_token, "(") && name.next_token < end {
            self.table_function_bracket = Some(name.next_token);
            let next = self.walk_call(name, end);
            self.add_table_function(first, next - 1, position, columns);
            return next;
        }
        if is_stray_after_name(script, name.next_token, end) {
            self.report(unexpected_after_name(script, named, name.next_token));
            return end;
        }
        let temporal = script.is_word(name.next_token, "FOR")
            && script.is_any_word(name.next_token + 1, &["SYSTEM_TIME", "SYSTEM"]);
        let next = name.next_token;
        self.add_table_read(name);
        if let TablePosition::Joined(join) = position {
            self.add_join(join, next, temporal);
        }
        next
    }

    /// Reports that no table is named at `at`. Returns the index from which the walk continues: after a reserved word,
    /// which is the name that was meant, or else at the end.
    fn report_missing_table(&mut self, at: usize, end: usize) -> usize {
        let error = missing_name(self.script, at, end);
        let is_reserved = self.script.token_kind(at) == Some(TokenKind::ReservedWord);
        if is_reserved {
            // Several reserved words are independent mistakes.
            self.errors.push(error);
            return at + 1;
        }
        self.report(error);
        end
    }

    /// Walks a bracket in place of a table: a derived table, or joined tables.
    fn walk_parenthesized_table(&mut self, open: usize, end: usize, position: TablePosition, lateral: bool) -> usize {
        let close = self.script.closing_bracket(open, end);
        if lateral {
            self.add_stateful_construct("a correlated subquery", self.script.token_span(open));
        }
        if self.script.is_any_word(open + 1, &["SELECT", "WITH", "VALUES", "TABLE"])
            && !self.script.is_symbol(open + 2, "(")
            || self.script.is_any_word(open + 1, &["SELECT", "VALUES"])
        {
            self.walk_derived_table(open + 1, close);
        } else {
            let at = self.walk_table(open + 1, close, TablePosition::First);
            self.walk_clauses(at, close, Clause::From);
        }
        if let TablePosition::Joined(join) = position {
            self.add_join(join, close + 1, false);
        }
        close + 1
    }

    /// Walks a query in place of a table. Its stars count only if the list above it has a star too.
    fn walk_derived_table(&mut self, start: usize, end: usize) {
        let outer_stars = self.stars.mark();
        self.walk_query(start, end);
        if self.select_lists.last().is_none_or(|list| list.star.is_none()) {
            self.stars.forget_after(outer_stars);
        }
    }

    /// Records a function or `UNNEST` in place of a table, from its first token to its closing bracket. A function of
    /// columns is called for each row that it is joined with, which keeps no state. A function of constants produces
    /// a table of its own, which the planner joins like any other table. Columns that no earlier table has are names
    /// of something else.
    fn add_table_function(&mut self, first: usize, close: usize, position: TablePosition, columns_before: usize) {
        let span = self.script.token_span(close);
        match position {
            TablePosition::Joined(join) if self.column_count == columns_before => {
                self.add_stateful_construct("a join with a function of constants", self.script.token_span(join));
            }
            TablePosition::First if self.column_count > columns_before => {
                self.add_stateful_construct("a function with unknown arguments", span)
            }
            _ if self.may_be_temporal_table_function(first, close) => {
                self.add_stateful_construct("a possible temporal table function", span)
            }
            _ => {}
        }
    }

    /// Returns whether the only argument is a column that sounds like a time. `LATERAL TABLE(rates(o.ts))` may be a
    /// temporal table function, which is a join of two streams that looks like a call.
    fn may_be_temporal_table_function(&self, first: usize, close: usize) -> bool {
        let script = self.script;
        // Backward from the end: closing brackets, the last part of a name, and nothing else up to a bracket.
        let Some(last) = (first..close).rev().find(|&at| !script.is_symbol(at, ")")) else { return false };
        let is_after_dot = |at: usize| at.checked_sub(1).is_some_and(|before| script.is_symbol(before, "."));
        let is_in_name = |at: usize| script.is_identifier(at) || script.is_symbol(at, ".") || is_after_dot(at);
        let Some(open) = (first..=last).rev().find(|&at| !is_in_name(at)) else { return false };
        let is_only_argument = script.is_symbol(open, "(") && script.name_end(open + 1, close) == Some(last + 1);
        if !is_only_argument || script.is_word(open.saturating_sub(1), "UNNEST") {
            return false;
        }
        let column = script.identifier(last).to_ascii_lowercase();
        column.contains("time") || column.contains("date") || column == "ts" || column.ends_with("_ts")
    }

    /// Records the join at `join`, whose right side ends before the token `next`.
    pub(super) fn add_join(&mut self, join: usize, next: usize, is_temporal: bool) {
        let script = self.script;
        let span = script.token_span(join);
        let bounds = self.join_bounds.get_or_insert_with(|| JoinBounds::new(script));
        let (in_time, by_window) = (bounds.are_in_time(next), bounds.are_by_window(next));
        if is_temporal {
            self.add_stateful_construct("a temporal join", span);
        } else if in_time || (by_window && self.joins_windows(join, next)) {
            self.add_stateful_construct("a join", span);
        } else {
            self.add_stateful_construct("a regular join", span.clone());
            self.joins_on_window_bounds.extend(by_window.then(|| span.clone()));
            self.regular_joins.push(span);
        }
    }

    /// Returns whether both sides of the join at `join` have windows.
    fn joins_windows(&mut self, join: usize, next: usize) -> bool {
        let script = self.script;
        let sources = self.window_sources.get_or_insert_with(|| WindowSources::new(script));
        sources.are_between(join, next) && sources.are_between(sources.query_start(join).from, join)
    }

    /// Records that a table is read, unless the name is a common table expression.
    pub(super) fn add_table_read(&mut self, name: QualifiedName) {
        let star = self.select_lists.last().and_then(|list| list.star.clone());
        let cte = match name.parts.as_slice() {
            [only] => self.ctes_in_scope.get(only).and_then(|open| open.last()).copied(),
            _ => None,
        };
        match (cte, star) {
            (Some(cte), Some(_)) => self.stars.add_cte_read(cte),
            (None, Some(star)) => self.stars.add_table(star),
            (_, None) => {}
        }
        if cte.is_none() {
            self.add_mention(Usage::Reads, ObjectKind::Table, name.parts, name.span);
        }
    }
}
