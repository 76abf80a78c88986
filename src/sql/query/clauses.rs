//! Walks the clauses of a query, in any order.

use super::walker::{Clause, QueryWalker, SelectList, TablePosition};
use crate::sql::{
    SqlError,
    lexer::TokenKind,
    names::{missing, missing_name, unexpected_after_name},
};

impl QueryWalker<'_, '_> {
    /// Walks the query between the tokens `start` and `end`.
    pub fn walk_query(&mut self, start: usize, end: usize) {
        let outer = self.cte_scope_stack.len();
        self.walk_clauses(start, end, Clause::Start);
        for name in self.cte_scope_stack.split_off(outer) {
            self.leave_cte_scope(&name);
        }
    }

    /// Walks the clauses of a query (without its `WITH`) or, from [`Clause::From`] on, the rest of a table list.
    pub(super) fn walk_clauses(&mut self, start: usize, end: usize, first: Clause) {
        let depth = self.select_lists.len();
        self.select_lists.push(SelectList::default());
        let mut clause = first;
        let mut at = start;
        while at < end {
            let (next, next_clause) = self.walk_clause_item(at, end, clause);
            // Every step advances, so that the loop ends.
            (at, clause) = (next.max(at + 1), next_clause);
        }
        self.select_lists.truncate(depth);
    }

    /// Walks one item of a clause. Returns the index after it and the clause there.
    fn walk_clause_item(&mut self, at: usize, end: usize, clause: Clause) -> (usize, Clause) {
        let script = self.script;
        match script.token_kind(at) {
            Some(TokenKind::ReservedWord) => self.walk_keyword(at, end, clause),
            Some(TokenKind::Symbol) if script.is_symbol(at, ",") && clause == Clause::From => {
                (self.walk_table(at + 1, end, TablePosition::Joined(at)), clause)
            }
            Some(TokenKind::Symbol) if script.is_symbol(at, "(") && clause == Clause::Start => {
                let close = script.closing_bracket(at, end);
                self.walk_query(at + 1, close);
                (close + 1, Clause::AfterFrom)
            }
            _ => (self.walk_element(at, end), clause),
        }
    }

    /// Walks a reserved word that may start a clause. Returns the index after it and the clause there.
    fn walk_keyword(&mut self, at: usize, end: usize, clause: Clause) -> (usize, Clause) {
        let script = self.script;
        let word = script.reserved_word(at);
        let follows_as = at.checked_sub(1).is_some_and(|before| script.is_word(before, "AS"));
        match word {
            // It is meant as an alias, which is reported with the other misplaced words.
            _ if follows_as && clause != Clause::Start => (at + 1, clause),
            "SELECT" => {
                self.reject_second_statement(at, clause, word);
                if let Some(list) = self.select_lists.last_mut() {
                    *list = SelectList { is_open: true, ..SelectList::default() };
                }
                (at + 1, Clause::Select)
            }
            "WITH" if clause == Clause::Start => (self.walk_common_table_expressions(at + 1, end), Clause::Start),
            "INSERT" | "CREATE" | "DROP" | "ALTER" | "DELETE" | "EXECUTE" | "EXPLAIN"
                if !script.is_symbol(at + 1, "(") =>
            {
                self.reject_second_statement(at, Clause::AfterFrom, word);
                (at + 1, Clause::AfterFrom)
            }
            "FROM" if clause == Clause::Select && !self.is_distinct_from(at) => {
                if let Some(list) = self.select_lists.last_mut() {
                    list.is_open = false;
                }
                (self.walk_table(at + 1, end, TablePosition::First), Clause::From)
            }
            "JOIN" if clause == Clause::From => (self.walk_table(at + 1, end, TablePosition::Joined(at)), Clause::From),
            // `a MULTISET UNION b` is an operator.
            "UNION" | "EXCEPT" | "INTERSECT" | "MINUS"
                if clause != Clause::Start
                    && !at.checked_sub(1).is_some_and(|before| script.is_word(before, "MULTISET")) =>
            {
                let quantifier_length = usize::from(script.is_any_word(at + 1, &["ALL", "DISTINCT"]));
                (at + 1 + quantifier_length, Clause::Start)
            }
            "TABLE" if clause == Clause::Start => {
                (self.walk_table(at, end, TablePosition::First).max(at + 1), Clause::AfterFrom)
            }
            "WHERE" | "GROUP" | "HAVING" | "WINDOW" | "QUALIFY" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "VALUES"
                if clause != Clause::Select || word == "WHERE" =>
            {
                (at + 1, Clause::AfterFrom)
            }
            "MATCH_RECOGNIZE" => (self.walk_match_recognize(at + 1, end), clause),
            _ => (self.walk_element(at, end), clause),
        }
    }

    /// Walks `name [(columns)] AS (query), …` and returns the index after it.
    fn walk_common_table_expressions(&mut self, mut at: usize, end: usize) -> usize {
        // If no name follows, `RECURSIVE` is meant as the name.
        let recursive = self.script.is_word(at, "RECURSIVE") && !self.script.is_word(at + 1, "AS");
        at += usize::from(recursive);
        loop {
            if !self.script.is_identifier(at) || at >= end {
                self.report(missing_name(self.script, at, end));
                return end;
            }
            let (name, name_at) = (self.script.identifier(at), at);
            at += 1;
            if self.script.is_symbol(at, "(") {
                let close = self.script.closing_bracket(at, end);
                self.report_reserved_columns(at + 1, close);
                at = close + 1;
            }
            at += usize::from(self.script.is_word(at, "AS"));
            if !self.script.is_symbol(at, "(") || at >= end {
                let error = match at < end {
                    true => unexpected_after_name(self.script, name_at, at),
                    false => missing(self.script, at, end, "a query"),
                };
                self.report(error);
                return end;
            }
            let close = self.script.closing_bracket(at, end);
            let cte = self.stars.add_cte();
            if recursive {
                self.enter_cte_scope(&name, cte);
            }
            let outer_stars = self.stars.mark();
            self.walk_query(at + 1, close);
            self.stars.move_to_cte(outer_stars, cte);
            if !recursive {
                self.enter_cte_scope(&name, cte);
            }
            at = close + 1;
            if !self.script.is_symbol(at, ",") || at >= end {
                return at;
            }
            at += 1;
        }
    }

    /// Reports a second statement: a `SELECT` after a whole query, or an `INSERT` inside one.
    fn reject_second_statement(&mut self, at: usize, clause: Clause, word: &str) {
        if clause == Clause::Start {
            return;
        }
        let message = format!("another statement starts at this `{word}`: give each statement its own entry");
        self.report(SqlError { message, span: self.script.token_span(at), help: None });
    }

    /// Returns whether the `FROM` at `at` belongs to `IS [NOT] DISTINCT FROM`.
    fn is_distinct_from(&self, at: usize) -> bool {
        let is_word_before =
            |back: usize, words: &[&str]| at.checked_sub(back).is_some_and(|at| self.script.is_any_word(at, words));
        is_word_before(1, &["DISTINCT"]) && is_word_before(2, &["IS", "NOT"])
    }
}
