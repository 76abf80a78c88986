//! Walks queries: which tables they read, which functions they call, and which constructs keep state.

mod clauses;
mod expressions;
mod join_bounds;
mod tables;
mod window_sources;

use std::collections::BTreeMap;

use join_bounds::JoinBounds;
pub(super) use tables::clause_start;
pub(super) use window_sources::WindowSources;

use super::{Mention, ObjectKind, SqlError, StatefulConstruct, Usage, script::Script};
use crate::resource::Span;

/// The results of walking the queries of a statement.
pub(super) struct QueryWalker<'s, 'a> {
    /// The tokens of the text.
    script: &'s Script<'a>,
    /// The objects that were found so far.
    pub mentions: Vec<Mention>,
    /// The constructs that keep state or are unknown.
    pub stateful_constructs: Vec<StatefulConstruct>,
    /// Statements that start inside a query.
    pub errors: Vec<SqlError>,
    /// Joins of tables without a bound in time, each at its `JOIN` or comma.
    pub regular_joins: Vec<Span>,
    /// Each `*` in a `SELECT` list that reads a table, and whose columns reach the result of the query that is
    /// walked. A `*` over a common table expression or a subquery that names its columns does not count.
    pub stars: Vec<Span>,
    /// The stars of each common table expression, by its name.
    stars_by_cte: BTreeMap<String, Vec<Span>>,
    /// The windows: calls of `TUMBLE`, `HOP` and similar functions.
    pub windows: Vec<Span>,
    /// Names that common table expressions shadow here, with the number of open expressions of that name.
    ctes_in_scope: BTreeMap<String, usize>,
    /// The shadowed names in the order in which they came into scope.
    cte_scope_stack: Vec<String>,
    /// The select lists that are being walked, the innermost last.
    select_lists: Vec<SelectList>,
    /// How many columns were seen so far, anywhere.
    column_count: usize,
    /// How many `MATCH_RECOGNIZE` clauses are open. Inside them, braces count repetitions.
    match_recognize_depth: usize,
    /// The opening bracket of a function that is used as a table.
    table_function_bracket: Option<usize>,
    /// A token that starts an operand regardless of the token before it.
    operand_start: Option<usize>,
    /// The joins of [`Self::regular_joins`] that equate both bounds of a window. They are bounded if the tables have
    /// windows, which only their definitions tell.
    pub joins_on_window_bounds: Vec<Span>,
    /// The bounds of joins. `None` until they are first needed.
    join_bounds: Option<JoinBounds>,
    /// The sources of windows. `None` until they are first needed.
    window_sources: Option<WindowSources>,
}

/// What one `SELECT` list has shown so far.
#[derive(Default)]
struct SelectList {
    /// Whether the walk is in the list itself, not in the clauses after it.
    is_open: bool,
    /// The first `*` of the list.
    star: Option<Span>,
}

/// The clause of a query that the walk is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// The start of a query or of an operand of `UNION`.
    Start,
    /// Between `SELECT` and `FROM`.
    Select,
    /// After `FROM`, including join conditions. A comma is followed by another table.
    From,
    /// `WHERE` and everything after it.
    AfterFrom,
}

/// How a table is added to a `FROM` clause.
#[derive(Clone, Copy)]
enum TablePosition {
    /// As the first table of the clause.
    First,
    /// By the `JOIN` or the comma at this token.
    Joined(usize),
}

impl<'s, 'a> QueryWalker<'s, 'a> {
    /// Returns a walker over `script` that has seen nothing yet.
    pub fn new(script: &'s Script<'a>) -> Self {
        QueryWalker {
            script,
            mentions: Vec::new(),
            stateful_constructs: Vec::new(),
            errors: Vec::new(),
            regular_joins: Vec::new(),
            stars: Vec::new(),
            stars_by_cte: BTreeMap::new(),
            windows: Vec::new(),
            ctes_in_scope: BTreeMap::new(),
            cte_scope_stack: Vec::new(),
            select_lists: Vec::new(),
            column_count: 0,
            match_recognize_depth: 0,
            table_function_bracket: None,
            operand_start: None,
            joins_on_window_bounds: Vec::new(),
            join_bounds: None,
            window_sources: None,
        }
    }

    /// Walks the query between the tokens `start` and `end`.
    pub fn walk_query(&mut self, start: usize, end: usize) {
        let outer = self.cte_scope_stack.len();
        self.walk_clauses(start, end, Clause::Start);
        for name in self.cte_scope_stack.split_off(outer) {
            self.leave_cte_scope(&name);
        }
    }

    /// Walks the expression of a computed column. The name after its `AS` is an operand, not an alias.
    pub fn walk_computed_column(&mut self, start: usize, end: usize) {
        self.operand_start = Some(start);
        self.walk_expression(start, end);
    }

    /// Walks an expression. In it, a comma or a `FROM` does not start a table list.
    pub fn walk_expression(&mut self, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            at = self.walk_element(at, end).max(at + 1);
        }
    }

    /// Records a mention of an object.
    pub fn add_mention(&mut self, usage: Usage, kind: ObjectKind, name: Vec<String>, span: Span) {
        self.mentions.push(Mention { usage, kind, name, span });
    }

    /// Records a construct that keeps state.
    pub fn add_stateful_construct(&mut self, description: impl Into<String>, span: Span) {
        self.stateful_constructs.push(StatefulConstruct { description: description.into(), span });
    }

    /// Walks `name [(columns)] AS (query), …` and returns the index after it.
    fn walk_common_table_expressions(&mut self, mut at: usize, end: usize) -> usize {
        let recursive = self.script.is_word(at, "RECURSIVE");
        at += usize::from(recursive);
        loop {
            if !self.script.is_identifier(at) || at >= end {
                self.add_stateful_construct("an unfinished WITH", self.script.token_span(at.min(end)));
                return at;
            }
            let name = self.script.identifier(at);
            at += 1;
            if self.script.is_symbol(at, "(") {
                at = self.script.closing_bracket(at, end) + 1;
            }
            at += usize::from(self.script.is_word(at, "AS"));
            if !self.script.is_symbol(at, "(") || at >= end {
                self.add_stateful_construct("an unfinished WITH", self.script.token_span(at.min(end)));
                return at;
            }
            let close = self.script.closing_bracket(at, end);
            if recursive {
                self.enter_cte_scope(&name);
            }
            let star_count = self.stars.len();
            self.walk_query(at + 1, close);
            self.stars_by_cte.insert(name.clone(), self.stars.split_off(star_count));
            if !recursive {
                self.enter_cte_scope(&name);
            }
            at = close + 1;
            if !self.script.is_symbol(at, ",") || at >= end {
                return at;
            }
            at += 1;
        }
    }

    /// Shadows tables named `name`.
    fn enter_cte_scope(&mut self, name: &str) {
        *self.ctes_in_scope.entry(name.to_owned()).or_default() += 1;
        self.cte_scope_stack.push(name.to_owned());
    }

    /// Ends one scope of `name`.
    fn leave_cte_scope(&mut self, name: &str) {
        if let Some(count) = self.ctes_in_scope.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.ctes_in_scope.remove(name);
            }
        }
    }
}

/// Returns the parts of the possibly qualified name in a literal.
pub(super) fn parse_qualified_name(text: &str) -> Vec<String> {
    let script = Script::new(text);
    match script.qualified_name(0, script.len()) {
        Some(name) if name.next_token == script.len() => name.parts,
        // `my-model`, or anything else that is not a bare name, is one name as written.
        _ => vec![text.trim().to_owned()],
    }
}
