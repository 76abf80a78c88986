//! The clauses of a query, in whatever order they come.

use super::{Clause, Fault, Link, Query, SelectList};
use crate::sql::lex::Sort;

impl Query<'_, '_> {
    /// Walks the clauses of a query (without its `WITH`) or, from [`Clause::From`] on, the rest of a table list.
    pub(super) fn clauses(&mut self, start: usize, end: usize, first: Clause) {
        let depth = self.lists.len();
        self.lists.push(SelectList::default());
        let mut clause = first;
        let mut at = start;
        while at < end {
            let (next, then) = self.clause_step(at, end, clause);
            // Forward, whatever stands there.
            (at, clause) = (next.max(at + 1), then);
        }
        self.close_list();
        self.lists.truncate(depth);
    }

    fn clause_step(&mut self, at: usize, end: usize, clause: Clause) -> (usize, Clause) {
        let script = self.script;
        match script.sort(at) {
            Some(Sort::Reserved) => self.keyword(at, end, clause),
            Some(Sort::Symbol) if script.symbol(at, ",") && clause == Clause::From => {
                (self.table(at + 1, end, Link::Joined(at)), clause)
            }
            Some(Sort::Symbol) if script.symbol(at, "(") && clause == Clause::Start => {
                let close = script.closing(at, end);
                self.walk(at + 1, close);
                (close + 1, Clause::Rest)
            }
            _ => (self.step(at, end), clause),
        }
    }

    fn keyword(&mut self, at: usize, end: usize, clause: Clause) -> (usize, Clause) {
        let script = self.script;
        let word = script.keyword(at);
        match word {
            "SELECT" => {
                self.begins_where_it_may(at, clause, word);
                self.close_list();
                if let Some(list) = self.lists.last_mut() {
                    *list = SelectList { open: true, ..SelectList::default() };
                }
                (at + 1, Clause::List)
            }
            "WITH" if clause == Clause::Start => (self.common_table_expressions(at + 1, end), Clause::Start),
            "INSERT" | "CREATE" | "DROP" | "ALTER" | "DELETE" | "EXECUTE" | "EXPLAIN"
                if !script.symbol(at + 1, "(") =>
            {
                self.begins_where_it_may(at, Clause::Rest, word);
                (at + 1, Clause::Rest)
            }
            "FROM" if clause == Clause::List && !self.is_distinct_from(at) => {
                if at.checked_sub(1).is_some_and(|before| script.symbol(before, ",") || script.is(before, "SELECT")) {
                    self.keeps_state("an unfinished list", script.span(at));
                }
                if let Some(list) = self.lists.last_mut() {
                    list.open = false;
                }
                (self.table(at + 1, end, Link::First), Clause::From)
            }
            "JOIN" if clause == Clause::From => (self.table(at + 1, end, Link::Joined(at)), Clause::From),
            // `a MULTISET UNION b` is an operator.
            "UNION" | "EXCEPT" | "INTERSECT" | "MINUS"
                if clause != Clause::Start
                    && !at.checked_sub(1).is_some_and(|before| script.is(before, "MULTISET")) =>
            {
                let all = usize::from(script.is_any(at + 1, &["ALL", "DISTINCT"]));
                (at + 1 + all, Clause::Start)
            }
            "TABLE" if clause == Clause::Start => (self.table(at, end, Link::First).max(at + 1), Clause::Rest),
            "WHERE" | "GROUP" | "HAVING" | "WINDOW" | "QUALIFY" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "VALUES"
                if clause != Clause::List || word == "WHERE" =>
            {
                (at + 1, Clause::Rest)
            }
            "MATCH_RECOGNIZE" => (self.match_recognize(at + 1, end), clause),
            _ => (self.step(at, end), clause),
        }
    }

    /// A `SELECT` behind a whole query, or an `INSERT` inside one, is another statement.
    fn begins_where_it_may(&mut self, at: usize, clause: Clause, word: &str) {
        if clause == Clause::Start || !self.faults.is_empty() {
            return;
        }
        let message = format!(
            "another statement begins at this {word}; one text holds one statement, so give it an entry of its own"
        );
        self.faults.push(Fault { message, span: self.script.span(at) });
    }

    fn is_distinct_from(&self, at: usize) -> bool {
        let before = |back: usize, words: &[&str]| at.checked_sub(back).is_some_and(|at| self.script.is_any(at, words));
        before(1, &["DISTINCT"]) && before(2, &["IS", "NOT"])
    }

    pub(super) fn close_list(&mut self) {
        let Some(list) = self.lists.last_mut() else { return };
        let unknown = list.unknown.take();
        if let (Some((name, span)), false) = (unknown, list.column) {
            self.keeps_state(format!("`{name}`, which may be an aggregate function"), span);
        }
    }
}
