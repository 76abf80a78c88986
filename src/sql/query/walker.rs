//! What a walk of queries has seen so far, and where it is.

use std::collections::BTreeMap;

use super::{
    join_bounds::JoinBounds,
    stars::{CteId, Stars},
    window_sources::WindowSources,
};
use crate::{
    resource::Span,
    sql::{Mention, ObjectKind, SqlError, StatefulConstruct, Usage, script::Script},
};

/// The results of walking the queries of a statement.
pub(in crate::sql) struct QueryWalker<'s, 'a> {
    /// The tokens of the text.
    pub(super) script: &'s Script<'a>,
    /// The objects that were found so far.
    pub mentions: Vec<Mention>,
    /// The constructs that keep state or are unknown.
    pub stateful_constructs: Vec<StatefulConstruct>,
    /// Statements that start inside a query.
    pub errors: Vec<SqlError>,
    /// Joins of tables without a bound in time, each at its `JOIN` or comma.
    pub regular_joins: Vec<Span>,
    /// Where the columns of a `*` come from.
    pub(super) stars: Stars,
    /// The windows: calls of `TUMBLE`, `HOP` and similar functions.
    pub windows: Vec<Span>,
    /// Names that common table expressions shadow here, each with its open expressions, the innermost last.
    pub(super) ctes_in_scope: BTreeMap<String, Vec<CteId>>,
    /// The shadowed names in the order in which they came into scope.
    pub(super) cte_scope_stack: Vec<String>,
    /// The select lists that are being walked, the innermost last.
    pub(super) select_lists: Vec<SelectList>,
    /// How many columns were seen so far, anywhere.
    pub(super) column_count: usize,
    /// How many `MATCH_RECOGNIZE` clauses are open. Inside them, braces count repetitions.
    pub(super) match_recognize_depth: usize,
    /// The opening bracket of a function that is used as a table.
    pub(super) table_function_bracket: Option<usize>,
    /// A token that starts an operand regardless of the token before it.
    pub(super) operand_start: Option<usize>,
    /// The joins of [`Self::regular_joins`] that equate both bounds of a window. They are bounded if the tables have
    /// windows, which only their definitions tell.
    pub joins_on_window_bounds: Vec<Span>,
    /// The bounds of joins. `None` until they are first needed.
    pub(super) join_bounds: Option<JoinBounds>,
    /// The sources of windows. `None` until they are first needed.
    pub(super) window_sources: Option<WindowSources>,
}

/// What one `SELECT` list has shown so far.
#[derive(Default)]
pub(super) struct SelectList {
    /// Whether the walk is in the list itself, not in the clauses after it.
    pub(super) is_open: bool,
    /// The first `*` of the list.
    pub(super) star: Option<Span>,
}

/// The clause of a query that the walk is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
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
pub(super) enum TablePosition {
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
            joins_on_window_bounds: Vec::new(),
            join_bounds: None,
            window_sources: None,
        }
    }

    /// Reports an error, unless another one before it explains it.
    pub(super) fn report(&mut self, error: SqlError) {
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

    /// Shadows tables named `name`.
    pub(super) fn enter_cte_scope(&mut self, name: &str, cte: CteId) {
        self.ctes_in_scope.entry(name.to_owned()).or_default().push(cte);
        self.cte_scope_stack.push(name.to_owned());
    }

    /// Ends one scope of `name`.
    pub(super) fn leave_cte_scope(&mut self, name: &str) {
        if let Some(open) = self.ctes_in_scope.get_mut(name) {
            open.pop();
            if open.is_empty() {
                self.ctes_in_scope.remove(name);
            }
        }
    }
}
