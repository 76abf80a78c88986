//! Tables in `FROM` and `JOIN`, and what joining them keeps.

use super::{Clause, Link, ObjectKind, Query, Use};
use crate::sql::script::{Name, Script};

impl Query<'_, '_> {
    /// One table of a `FROM` or `JOIN`, without its alias; gives the index behind.
    pub(super) fn table(&mut self, at: usize, end: usize, link: Link) -> usize {
        let script = self.script;
        let lateral = at < end && script.is(at, "LATERAL");
        let first = at + usize::from(lateral);
        if first >= end {
            self.keeps_state("an unfinished FROM", script.span(at.min(end)));
            return at;
        }
        if script.symbol(first, "(") {
            return self.bracketed_table(first, end, link, lateral);
        }
        let columns = self.columns;
        if script.is_any(first, &["TABLE", "UNNEST"]) && script.symbol(first + 1, "(") {
            let close = script.closing(first + 1, end);
            if script.is(first, "TABLE") {
                self.table_function = script.name_end(first + 2, close);
            }
            self.expression(first + 2, close);
            self.takes_function(first, close, link, columns);
            return close + 1;
        }
        let named = first + usize::from(script.is(first, "TABLE"));
        let Some(name) = script.name(named, end) else {
            self.keeps_state("something unknown after FROM", script.span(first));
            return at;
        };
        if script.symbol(name.next, "(") && name.next < end {
            self.table_function = Some(name.next);
            let next = self.call(name, end);
            self.takes_function(first, next - 1, link, columns);
            return next;
        }
        let temporal = script.is(name.next, "FOR") && script.is_any(name.next + 1, &["SYSTEM_TIME", "SYSTEM"]);
        let next = name.next;
        self.reads(name);
        if let Link::Joined(join) = link {
            self.joins(join, next, temporal);
        }
        next
    }

    fn bracketed_table(&mut self, open: usize, end: usize, link: Link, lateral: bool) -> usize {
        let close = self.script.closing(open, end);
        if lateral {
            self.keeps_state("a correlated subquery", self.script.span(open));
        }
        if self.script.is_any(open + 1, &["SELECT", "WITH", "VALUES", "TABLE"]) && !self.script.symbol(open + 2, "(")
            || self.script.is_any(open + 1, &["SELECT", "VALUES"])
        {
            self.walk_below(open + 1, close);
        } else {
            let at = self.table(open + 1, close, Link::First);
            self.clauses(at, close, Clause::From);
        }
        if let Link::Joined(join) = link {
            self.joins(join, close + 1, false);
        }
        close + 1
    }

    /// Walks a query in place of a table: its stars reach on where the list above has one too.
    fn walk_below(&mut self, start: usize, end: usize) {
        let known = self.stars.len();
        self.walk(start, end);
        if self.lists.last().is_none_or(|list| list.star.is_none()) {
            self.stars.truncate(known);
        }
    }

    /// Takes a function or `UNNEST` in place of a table, from its first token to its closing bracket. One of columns is called
    /// for each row that it is joined with, which keeps nothing. One of constants makes a table of its own, which the planner
    /// joins like any other; and columns that no table before it has are names of something else.
    fn takes_function(&mut self, first: usize, close: usize, link: Link, columns_before: usize) {
        let span = self.script.span(close);
        match link {
            Link::Joined(join) if self.columns == columns_before => {
                self.keeps_state("a join with a function of constants", self.script.span(join));
            }
            Link::First if self.columns > columns_before => self.keeps_state("a function of something unknown", span),
            _ if self.is_function_of_time(first, close) => {
                self.keeps_state("what may be a temporal table function", span)
            }
            _ => {}
        }
    }

    /// Whether the only argument is a column that sounds like a time. `LATERAL TABLE(rates(o.ts))` may be a temporal table
    /// function, a join of two streams that looks like a call.
    fn is_function_of_time(&self, first: usize, close: usize) -> bool {
        let script = self.script;
        let Some(open) = (first..close).rev().find(|&at| script.symbol(at, "(")) else { return false };
        let ends_there = |next: usize| (next..close).all(|at| script.symbol(at, ")"));
        if script.is(open.saturating_sub(1), "UNNEST") || !script.name_end(open + 1, close).is_some_and(ends_there) {
            return false;
        }
        let last = (open..close).rev().find(|&at| script.is_identifier(at)).unwrap_or(open);
        let column = script.identifier(last).to_ascii_lowercase();
        column.contains("time") || column.contains("date") || column == "ts" || column.ends_with("_ts")
    }

    /// Takes a join at `join` whose right side ends before the token `behind`.
    pub(super) fn joins(&mut self, join: usize, behind: usize, temporal: bool) {
        let span = self.script.span(join);
        if temporal {
            self.keeps_state("a temporal join", span);
        } else if self.is_bounded_in_time(behind) {
            self.keeps_state("a join", span);
        } else {
            self.keeps_state("a regular join", span.clone());
            self.regular_joins.push(span);
        }
    }

    /// Whether the condition that follows speaks of intervals or windows, so that the join's state is bounded.
    fn is_bounded_in_time(&mut self, behind: usize) -> bool {
        if self.timed.is_empty() {
            self.timed = timed(self.script);
        }
        self.timed.get(behind).copied().unwrap_or_default()
    }

    pub(super) fn reads(&mut self, name: Name) {
        let star = self.lists.last().and_then(|list| list.star.clone());
        let hidden = matches!(name.parts.as_slice(), [only] if self.hidden.contains_key(only));
        if hidden {
            let below = name.parts.first().and_then(|only| self.stars_of.get(only)).filter(|_| star.is_some());
            self.stars.extend(below.cloned().unwrap_or_default());
        } else {
            self.stars.extend(star.filter(|star| !self.stars.contains(star)));
            self.mention(Use::Reads, ObjectKind::Table, name.parts, name.span);
        }
    }
}

/// For each token, whether a word of intervals or windows comes before the next join, query or statement.
fn timed(script: &Script<'_>) -> Vec<bool> {
    let mut ahead = false;
    let mut timed: Vec<bool> = (0..script.len())
        .rev()
        .map(|at| {
            if script.is_any(at, &["JOIN", "GROUP", "UNION", "SELECT"]) || script.symbol(at, ";") {
                ahead = false;
            } else if script.is_any(at, &["INTERVAL", "BETWEEN", "window_start", "window_end"]) {
                ahead = true;
            }
            ahead
        })
        .collect();
    timed.reverse();
    timed
}
