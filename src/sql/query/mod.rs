//! The names in a query: which tables it reads, which functions it calls, and the shapes among them that keep state.

mod clauses;
mod expressions;
mod tables;

use std::collections::BTreeMap;

use super::{Fault, Mention, ObjectKind, StateKept, Use, script::Script};
use crate::resource::Span;

/// What walking the queries of a statement gathers.
pub(super) struct Query<'s, 'a> {
    script: &'s Script<'a>,
    /// The objects found so far.
    pub mentions: Vec<Mention>,
    /// The constructs that keep state, or that nothing is known of.
    pub state: Vec<StateKept>,
    /// Statements that begin inside a query.
    pub faults: Vec<Fault>,
    /// The joins of tables that no time bounds, each at its `JOIN` or comma.
    pub regular_joins: Vec<Span>,
    /// Each `*` in the list of a `SELECT` that reads a table, rather than what a `WITH` or a subquery spells out, and whose
    /// columns come out of the query that is being walked.
    pub stars: Vec<Span>,
    /// The same of each common table expression, by its name.
    stars_of: BTreeMap<String, Vec<Span>>,
    /// The windows: calls of `TUMBLE`, `HOP` and the like.
    pub windows: Vec<Span>,
    /// Names that common table expressions hide here, with how many expressions of that name are open.
    hidden: BTreeMap<String, usize>,
    /// Those names in the order of their coming.
    hiding: Vec<String>,
    /// The select lists being walked, the innermost last.
    lists: Vec<SelectList>,
    /// How many columns were seen anywhere.
    columns: usize,
    /// How many `MATCH_RECOGNIZE` are open: inside, braces count repetitions.
    matching: usize,
    /// The opening bracket of a function that stands where a table does.
    table_function: Option<usize>,
    /// A token that begins an operand whatever stands before it.
    operand_at: Option<usize>,
    /// For each token, whether a word of time comes before the next join; empty until it is asked for.
    timed: Vec<bool>,
}

/// What the list of one `SELECT` has shown.
#[derive(Default)]
struct SelectList {
    /// Whether the walk is in the list itself, and not in the clauses after it.
    open: bool,
    /// Whether a column stands in it outside the arguments of unknown functions. An aggregate can't stand beside one
    /// without `GROUP BY`, so that every unknown function of the list is one of single rows.
    column: bool,
    /// How many calls of unknown functions are open.
    inside_unknown: usize,
    /// The first `*` of the list.
    star: Option<Span>,
    /// The first unknown function of the list.
    unknown: Option<(String, Span)>,
}

/// Which clause of a query the walk is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// Where a query, or an operand of `UNION`, begins.
    Start,
    /// Between `SELECT` and `FROM`.
    List,
    /// After `FROM`, conditions of joins included: commas go on with tables.
    From,
    /// Behind: `WHERE` and all that follows.
    Rest,
}

/// How a table comes into a `FROM`.
#[derive(Clone, Copy)]
enum Link {
    First,
    /// By a `JOIN` or a comma at this token.
    Joined(usize),
}

impl<'s, 'a> Query<'s, 'a> {
    pub fn new(script: &'s Script<'a>) -> Self {
        Query {
            script,
            mentions: Vec::new(),
            state: Vec::new(),
            faults: Vec::new(),
            regular_joins: Vec::new(),
            stars: Vec::new(),
            stars_of: BTreeMap::new(),
            windows: Vec::new(),
            hidden: BTreeMap::new(),
            hiding: Vec::new(),
            lists: Vec::new(),
            columns: 0,
            matching: 0,
            table_function: None,
            operand_at: None,
            timed: Vec::new(),
        }
    }

    /// Walks the query that the tokens from `start` to `end` are.
    pub fn walk(&mut self, start: usize, end: usize) {
        let outer = self.hiding.len();
        self.clauses(start, end, Clause::Start);
        for name in self.hiding.split_off(outer) {
            self.uncover(&name);
        }
    }

    /// Walks the expression of a computed column: what follows its `AS` is no alias.
    pub fn computed(&mut self, start: usize, end: usize) {
        self.operand_at = Some(start);
        self.expression(start, end);
    }

    /// Walks an expression: no comma and no `FROM` of it starts a table list.
    pub fn expression(&mut self, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            at = self.step(at, end).max(at + 1);
        }
    }

    /// Takes a mention.
    pub fn mention(&mut self, role: Use, object: ObjectKind, name: Vec<String>, span: Span) {
        self.mentions.push(Mention { role, object, name, span });
    }

    /// Takes a construct that keeps state.
    pub fn keeps_state(&mut self, construct: impl Into<String>, span: Span) {
        self.state.push(StateKept { construct: construct.into(), span });
    }

    /// `name [(columns)] AS (query), …`; gives the index behind.
    fn common_table_expressions(&mut self, mut at: usize, end: usize) -> usize {
        let recursive = self.script.is(at, "RECURSIVE");
        at += usize::from(recursive);
        loop {
            if !self.script.is_identifier(at) || at >= end {
                self.keeps_state("an unfinished WITH", self.script.span(at.min(end)));
                return at;
            }
            let name = self.script.identifier(at);
            at += 1;
            if self.script.symbol(at, "(") {
                at = self.script.closing(at, end) + 1;
            }
            at += usize::from(self.script.is(at, "AS"));
            if !self.script.symbol(at, "(") || at >= end {
                self.keeps_state("an unfinished WITH", self.script.span(at.min(end)));
                return at;
            }
            let close = self.script.closing(at, end);
            if recursive {
                self.hide(&name);
            }
            let known = self.stars.len();
            self.walk(at + 1, close);
            self.stars_of.insert(name.clone(), self.stars.split_off(known));
            if !recursive {
                self.hide(&name);
            }
            at = close + 1;
            if !self.script.symbol(at, ",") || at >= end {
                return at;
            }
            at += 1;
        }
    }

    fn hide(&mut self, name: &str) {
        *self.hidden.entry(name.to_owned()).or_default() += 1;
        self.hiding.push(name.to_owned());
    }

    fn uncover(&mut self, name: &str) {
        if let Some(count) = self.hidden.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.hidden.remove(name);
            }
        }
    }
}

/// The parts of a possibly qualified name that a literal holds.
pub(super) fn qualified(text: &str) -> Vec<String> {
    let script = Script::new(text);
    match script.name(0, script.len()) {
        Some(name) if name.next == script.len() => name.parts,
        // `my-model`, or anything else that is no bare name: one name, as it is.
        _ => vec![text.trim().to_owned()],
    }
}
