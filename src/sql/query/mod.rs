//! The names in a query: which tables it reads, which functions it calls, and the shapes among them that keep state.

mod clauses;
mod expressions;
mod tables;

use std::collections::BTreeMap;

use super::{Mention, ObjectKind, SqlError, StatefulConstruct, Usage, script::Script};
use crate::resource::Span;

/// What walking the queries of a statement gathers.
pub(super) struct QueryWalker<'s, 'a> {
    script: &'s Script<'a>,
    /// The objects found so far.
    pub mentions: Vec<Mention>,
    /// The constructs that keep state, or that nothing is known of.
    pub stateful_constructs: Vec<StatefulConstruct>,
    /// Statements that begin inside a query.
    pub errors: Vec<SqlError>,
    /// The joins of tables that no time bounds, each at its `JOIN` or comma.
    pub regular_joins: Vec<Span>,
    /// Each `*` in the list of a `SELECT` that reads a table, rather than what a `WITH` or a subquery spells out, and whose
    /// columns come out of the query that is being walked.
    pub stars: Vec<Span>,
    /// The same of each common table expression, by its name.
    stars_by_cte: BTreeMap<String, Vec<Span>>,
    /// The windows: calls of `TUMBLE`, `HOP` and the like.
    pub windows: Vec<Span>,
    /// Names that common table expressions hide here, with how many expressions of that name are open.
    ctes_in_scope: BTreeMap<String, usize>,
    /// Those names in the order of their coming.
    cte_scope_stack: Vec<String>,
    /// The select lists being walked, the innermost last.
    select_lists: Vec<SelectList>,
    /// How many columns were seen anywhere.
    column_count: usize,
    /// How many `MATCH_RECOGNIZE` are open: inside, braces count repetitions.
    match_recognize_depth: usize,
    /// The opening bracket of a function that stands where a table does.
    table_function_bracket: Option<usize>,
    /// A token that begins an operand whatever stands before it.
    operand_start: Option<usize>,
    /// For each token, whether a word of time comes before the next join; empty until it is asked for.
    time_bounded: Vec<bool>,
}

/// What the list of one `SELECT` has shown.
#[derive(Default)]
struct SelectList {
    /// Whether the walk is in the list itself, and not in the clauses after it.
    is_open: bool,
    /// Whether a column stands in it outside the arguments of unknown functions. An aggregate can't stand beside one
    /// without `GROUP BY`, so that every unknown function of the list is one of single rows.
    has_column: bool,
    /// How many calls of unknown functions are open.
    unknown_call_depth: usize,
    /// The first `*` of the list.
    star: Option<Span>,
    /// The first unknown function of the list.
    unknown_function: Option<(String, Span)>,
}

/// Which clause of a query the walk is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// Where a query, or an operand of `UNION`, begins.
    Start,
    /// Between `SELECT` and `FROM`.
    Select,
    /// After `FROM`, conditions of joins included: commas go on with tables.
    From,
    /// Behind: `WHERE` and all that follows.
    AfterFrom,
}

/// How a table comes into a `FROM`.
#[derive(Clone, Copy)]
enum TablePosition {
    First,
    /// By a `JOIN` or a comma at this token.
    Joined(usize),
}

impl<'s, 'a> QueryWalker<'s, 'a> {
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
            time_bounded: Vec::new(),
        }
    }

    /// Walks the query that the tokens from `start` to `end` are.
    pub fn walk_query(&mut self, start: usize, end: usize) {
        let outer = self.cte_scope_stack.len();
        self.walk_clauses(start, end, Clause::Start);
        for name in self.cte_scope_stack.split_off(outer) {
            self.leave_cte_scope(&name);
        }
    }

    /// Walks the expression of a computed column: what follows its `AS` is no alias.
    pub fn walk_computed_column(&mut self, start: usize, end: usize) {
        self.operand_start = Some(start);
        self.walk_expression(start, end);
    }

    /// Walks an expression: no comma and no `FROM` of it starts a table list.
    pub fn walk_expression(&mut self, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            at = self.walk_element(at, end).max(at + 1);
        }
    }

    /// Takes a mention.
    pub fn add_mention(&mut self, usage: Usage, kind: ObjectKind, name: Vec<String>, span: Span) {
        self.mentions.push(Mention { usage, kind, name, span });
    }

    /// Takes a construct that keeps state.
    pub fn add_stateful_construct(&mut self, description: impl Into<String>, span: Span) {
        self.stateful_constructs.push(StatefulConstruct { description: description.into(), span });
    }

    /// `name [(columns)] AS (query), …`; gives the index behind.
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

    fn enter_cte_scope(&mut self, name: &str) {
        *self.ctes_in_scope.entry(name.to_owned()).or_default() += 1;
        self.cte_scope_stack.push(name.to_owned());
    }

    fn leave_cte_scope(&mut self, name: &str) {
        if let Some(count) = self.ctes_in_scope.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.ctes_in_scope.remove(name);
            }
        }
    }
}

/// The parts of a possibly qualified name that a literal holds.
pub(super) fn parse_qualified_name(text: &str) -> Vec<String> {
    let script = Script::new(text);
    match script.qualified_name(0, script.len()) {
        Some(name) if name.next_token == script.len() => name.parts,
        // `my-model`, or anything else that is no bare name: one name, as it is.
        _ => vec![text.trim().to_owned()],
    }
}
