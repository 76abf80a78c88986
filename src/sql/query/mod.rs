//! Walks queries: which tables they read, which functions they call, and which constructs keep state.

mod clauses;
mod expressions;
mod named_arguments;
mod stars;
mod tables;

use std::collections::BTreeMap;

use super::{
    Mention, ObjectKind, SqlError, StatefulConstruct, Usage,
    names::{missing, missing_name, unexpected_after_name},
    script::Script,
};
use crate::resource::Span;
use stars::{CteId, Stars};

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
    /// Where the columns of a `*` come from.
    stars: Stars,
    /// The windows: calls of `TUMBLE`, `HOP` and similar functions.
    pub windows: Vec<Span>,
    /// Names that common table expressions shadow here, each with its open expressions, the innermost last.
    ctes_in_scope: BTreeMap<String, Vec<CteId>>,
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
    /// For each token, whether a word about time comes before the next join. Empty until it is first needed.
    time_bounded: Vec<bool>,
}

/// What one `SELECT` list has shown so far.
#[derive(Default)]
struct SelectList {
    /// Whether the walk is in the list itself, not in the clauses after it.
    is_open: bool,
    /// Whether the list has a column outside the arguments of unknown functions. An aggregate cannot appear beside
    /// such a column without `GROUP BY`, so every unknown function of the list is then a function of single rows.
    has_column: bool,
    /// How many calls of unknown functions are open.
    unknown_call_depth: usize,
    /// The first `*` of the list.
    star: Option<Span>,
    /// The first unknown function of the list.
    unknown_function: Option<(String, Span)>,
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
            stars: Stars::default(),
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

    /// Reports an error, unless another one before it explains it.
    fn report(&mut self, error: SqlError) {
        if self.errors.is_empty() {
            self.errors.push(error);
        }
    }

    /// Returns each `*` in a `SELECT` list that reads a table, and whose columns reach the result of a query. A `*` over
    /// a common table expression or a subquery that names its columns does not count.
    pub fn stars(&self) -> Vec<Span> {
        self.stars.reaching_result()
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

    /// Shadows tables named `name`.
    fn enter_cte_scope(&mut self, name: &str, cte: CteId) {
        self.ctes_in_scope.entry(name.to_owned()).or_default().push(cte);
        self.cte_scope_stack.push(name.to_owned());
    }

    /// Ends one scope of `name`.
    fn leave_cte_scope(&mut self, name: &str) {
        if let Some(open) = self.ctes_in_scope.get_mut(name) {
            open.pop();
            if open.is_empty() {
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
