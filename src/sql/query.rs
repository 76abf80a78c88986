//! The names in a query: which tables it reads, which functions it calls, and the shapes among them that keep state.

use std::collections::BTreeMap;

use super::{
    Fault, Mention, ObjectKind, StateKept, Use,
    functions::{asks_outside, is_aggregate, is_built_in_scalar, is_reserved_function, is_search, is_syntax, is_window},
    lex::Sort,
    script::{Name, Script},
};
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
    /// Each `*` in the list of a `SELECT` that reads a table, rather than what a `WITH` or a subquery spells out.
    pub stars: Vec<Span>,
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
    /// How many `MATCH_RECOGNIZE` are open: inside, `FIRST` and `LAST` are syntax.
    matching: usize,
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
            windows: Vec::new(),
            hidden: BTreeMap::new(),
            hiding: Vec::new(),
            lists: Vec::new(),
            columns: 0,
            matching: 0,
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
            at = self.step(at, end);
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
            self.walk(at + 1, close);
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

    /// Walks the clauses of a query (without its `WITH`) or, from [`Clause::From`] on, the rest of a table list.
    fn clauses(&mut self, start: usize, end: usize, first: Clause) {
        let depth = self.lists.len();
        self.lists.push(SelectList::default());
        let mut clause = first;
        let mut at = start;
        while at < end {
            let from = at;
            (at, clause) = self.clause_step(at, end, clause);
            debug_assert!(at > from, "the walk goes forward");
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
        let word = script.text(at).to_ascii_uppercase();
        match word.as_str() {
            "SELECT" => {
                self.begins_where_it_may(at, clause, &word);
                self.close_list();
                if let Some(list) = self.lists.last_mut() {
                    *list = SelectList { open: true, ..SelectList::default() };
                }
                (at + 1, Clause::List)
            }
            "WITH" if clause == Clause::Start => {
                (self.common_table_expressions(at + 1, end), Clause::Start)
            }
            "INSERT" | "CREATE" | "DROP" | "ALTER" | "DELETE" | "EXECUTE" | "EXPLAIN" if !script.symbol(at + 1, "(") => {
                self.begins_where_it_may(at, Clause::Rest, &word);
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
            "UNION" | "EXCEPT" | "INTERSECT" | "MINUS" if clause != Clause::Start => {
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
        let message = format!("another statement begins at this {word}; one text holds one statement, so give it an entry of its own");
        self.faults.push(Fault { message, span: self.script.span(at) });
    }

    fn is_distinct_from(&self, at: usize) -> bool {
        let before = |back: usize, words: &[&str]| at.checked_sub(back).is_some_and(|at| self.script.is_any(at, words));
        before(1, &["DISTINCT"]) && before(2, &["IS", "NOT"])
    }

    fn close_list(&mut self) {
        let Some(list) = self.lists.last_mut() else { return };
        let unknown = list.unknown.take();
        if let (Some((name, span)), false) = (unknown, list.column) {
            self.keeps_state(format!("`{name}`, which may be an aggregate function"), span);
        }
    }

    /// One table of a `FROM` or `JOIN`, without its alias; gives the index behind.
    fn table(&mut self, at: usize, end: usize, link: Link) -> usize {
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
            self.expression(first + 2, close);
            self.joins_function(link, columns);
            return close + 1;
        }
        let named = first + usize::from(script.is(first, "TABLE"));
        let Some(name) = script.name(named, end) else {
            self.keeps_state("something unknown after FROM", script.span(first));
            return at;
        };
        if script.symbol(name.next, "(") && name.next < end {
            let next = self.call(name, end);
            self.joins_function(link, columns);
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
            self.walk(open + 1, close);
        } else {
            let at = self.table(open + 1, close, Link::First);
            self.clauses(at, close, Clause::From);
        }
        if let Link::Joined(join) = link {
            self.joins(join, close + 1, false);
        }
        close + 1
    }

    /// A function of columns is called for each row that it is joined with. One of constants makes a table of its own, which
    /// the planner joins like any other.
    fn joins_function(&mut self, link: Link, columns_before: usize) {
        if let Link::Joined(join) = link
            && self.columns == columns_before
        {
            self.keeps_state("a join with a function of constants", self.script.span(join));
        }
    }

    /// Takes a join at `join` whose right side ends before the token `behind`.
    fn joins(&mut self, join: usize, behind: usize, temporal: bool) {
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

    fn reads(&mut self, name: Name) {
        let hidden = matches!(name.parts.as_slice(), [only] if self.hidden.contains_key(only));
        if !hidden {
            let star = self.lists.last_mut().and_then(|list| list.star.take());
            self.stars.extend(star);
            self.mention(Use::Reads, ObjectKind::Table, name.parts, name.span);
        }
    }

    /// One element of an expression; gives the index behind.
    fn step(&mut self, at: usize, end: usize) -> usize {
        let script = self.script;
        match script.sort(at) {
            Some(Sort::Symbol) => self.symbol(at, end),
            Some(Sort::Reserved) if script.is(at, "TABLE") => self.table_argument(at, end),
            Some(Sort::Reserved) if script.symbol(at + 1, "(") && at + 1 < end => self.reserved_call(at, end),
            Some(Sort::Reserved) if script.is(at, "MATCH_RECOGNIZE") => self.match_recognize(at + 1, end),
            Some(Sort::Word | Sort::Quoted) => self.name_or_call(at, end),
            _ => at + 1,
        }
    }

    fn symbol(&mut self, at: usize, end: usize) -> usize {
        let script = self.script;
        match script.text(at) {
            "(" => {
                let close = script.closing(at, end);
                self.group(at + 1, close);
                close + 1
            }
            "[" => {
                let close = script.closing(at, end);
                self.expression(at + 1, close);
                close + 1
            }
            "*" => {
                let before = at.checked_sub(1);
                if before.is_some_and(|before| script.is_any(before, &["SELECT", "ALL"]) || script.symbol(before, ",")) {
                    self.column();
                    self.star(at);
                }
                at + 1
            }
            _ => at + 1,
        }
    }

    /// What stands between two round brackets of an expression: a subquery, or a further expression.
    fn group(&mut self, start: usize, end: usize) {
        let script = self.script;
        let is_query = script.is_any(start, &["SELECT", "WITH"])
            || (script.is(start, "VALUES") && script.symbol(start + 1, "("))
            || (script.is(start, "TABLE") && script.is_identifier(start + 1) && script.name(start + 1, end).is_some_and(|name| name.next == end));
        if is_query && start < end {
            self.keeps_state("a subquery", script.span(start));
            self.walk(start, end);
        } else {
            self.expression(start, end);
        }
    }

    /// `TABLE t` as an argument.
    fn table_argument(&mut self, at: usize, end: usize) -> usize {
        let Some(name) = self.script.name(at + 1, end) else { return at + 1 };
        if self.script.symbol(name.next, "(") && name.next < end {
            return at + 1;
        }
        self.keeps_state("a table as an argument", self.script.span_of(at, name.next.saturating_sub(1)));
        let next = name.next;
        self.reads(name);
        next
    }

    /// A reserved word with brackets: a built-in function, or syntax.
    fn reserved_call(&mut self, at: usize, end: usize) -> usize {
        let word = self.script.text(at);
        // `INTERVAL '1' SECOND(3)` and `DAY TO SECOND(3)` give a precision.
        let is_unit = at
            .checked_sub(1)
            .is_some_and(|before| self.script.is(before, "TO") || self.script.sort(before) == Some(Sort::Text));
        if is_reserved_function(word) && !is_unit {
            let name = Name { parts: vec![word.to_owned()], span: self.script.span(at), next: at + 1 };
            return self.call(name, end);
        }
        if is_aggregate(word) {
            self.keeps_state(format!("the aggregate {}", word.to_ascii_uppercase()), self.script.span(at));
        }
        let close = self.script.closing(at + 1, end);
        if self.script.is_any(at, &["CAST", "TRY_CAST", "SAFE_CAST"]) {
            // The type behind AS names fields that are no columns.
            let inside_end = self.script.find(at + 2, close, |script, at| script.is(at, "AS")).unwrap_or(close);
            self.expression(at + 2, inside_end);
            return close + 1;
        }
        at + 1
    }

    fn name_or_call(&mut self, at: usize, end: usize) -> usize {
        let script = self.script;
        if script.is(at, "MODEL")
            && let Some(name) = script.name(at + 1, end)
            && (name.next >= end || script.symbol(name.next, ",") || script.symbol(name.next, ")"))
        {
            let next = name.next;
            self.mention(Use::Calls, ObjectKind::Model, name.parts, name.span);
            return next;
        }
        let Some(name) = script.name(at, end) else { return at + 1 };
        if self.is_alias(at) {
            // `AS t (a, b)`: the brackets hold names of columns.
            if script.symbol(name.next, "(") && name.next < end {
                return script.closing(name.next, end) + 1;
            }
            return name.next;
        }
        if script.symbol(name.next, "(") && name.next < end {
            return self.call(name, end);
        }
        if !is_keyword_here(&name.parts) && !script.symbol(name.next, "=>") {
            self.column();
        }
        if script.symbol(name.next, ".") && script.symbol(name.next + 1, "*") {
            self.star(name.next + 1);
        }
        name.next
    }

    /// Whether the name at `at` follows a whole operand or `AS`, and so names it.
    fn is_alias(&self, at: usize) -> bool {
        let script = self.script;
        let Some(before) = at.checked_sub(1).filter(|_| self.operand_at != Some(at)) else { return false };
        match script.sort(before) {
            Some(Sort::Reserved) => script.is_any(before, &["AS", "END", "NULL", "TRUE", "FALSE"]),
            Some(Sort::Word) => !script.is_any(before, &["PASSING", "KEY", "PLACING", "FINAL"]),
            Some(Sort::Quoted | Sort::Text | Sort::Number) => true,
            Some(Sort::Symbol) => script.symbol(before, ")") || script.symbol(before, "]"),
            _ => false,
        }
    }

    fn star(&mut self, at: usize) {
        if let Some(list) = self.lists.last_mut()
            && list.open
            && list.star.is_none()
        {
            list.star = Some(self.script.span(at));
        }
    }

    fn column(&mut self) {
        self.columns += 1;
        if let Some(list) = self.lists.last_mut()
            && list.open
            && list.inside_unknown == 0
        {
            list.column = true;
        }
    }

    /// A call of a function by name; its bracket is at `name.next`.
    fn call(&mut self, name: Name, end: usize) -> usize {
        let script = self.script;
        let (open, close) = (name.next, script.closing(name.next, end));
        let function = match name.parts.as_slice() {
            [only] => only.to_ascii_uppercase(),
            _ => String::new(),
        };
        if is_aggregate(&function) {
            self.keeps_state(format!("the aggregate {function}"), name.span.clone());
        } else if is_window(&function) {
            self.keeps_state(format!("the window {function}"), name.span.clone());
            if !function.contains('_') {
                self.windows.push(name.span.clone());
            }
        } else if asks_outside(&function) {
            self.keeps_state(format!("requests of {function} that are under way"), name.span.clone());
            self.named_by_text(&function, open + 1, close);
        }
        let known = is_built_in_scalar(&function);
        if !known && let Some(list) = self.lists.last_mut() && list.open {
            list.inside_unknown += 1;
            if list.unknown.is_none() {
                list.unknown = Some((name.parts.join("."), name.span.clone()));
            }
        }
        let is_navigation = self.matching > 0 && matches!(function.as_str(), "FIRST" | "LAST");
        // `GROUP BY TUMBLE(ts, …)` and `GROUPING SETS (…)` are syntax, `TUMBLE(TABLE t, …)` is a function.
        let is_grouping = is_window(&function) && !function.contains('_') && !self.takes_a_table(open + 1, close)
            || function == "SETS" && self.follows_grouping(open);
        if !is_syntax(&function) && !is_navigation && !is_grouping {
            self.mention(Use::Calls, ObjectKind::Function, name.parts, name.span);
        }
        if is_search(&function) && let Some(table) = script.name(open + 1, close) && script.symbol(table.next, ",") {
            let next = table.next;
            self.reads(table);
            self.group(next, close);
        } else {
            self.group(open + 1, close);
        }
        if !known && let Some(list) = self.lists.last_mut() && list.open {
            list.inside_unknown = list.inside_unknown.saturating_sub(1);
        }
        close + 1
    }

    /// Whether one of the arguments is `TABLE t`.
    fn takes_a_table(&self, start: usize, end: usize) -> bool {
        self.script.find(start, end, |script, at| script.is(at, "TABLE")).is_some()
    }

    /// Whether the name before this bracket stands behind GROUPING.
    fn follows_grouping(&self, open: usize) -> bool {
        open.checked_sub(2).is_some_and(|at| self.script.is(at, "GROUPING"))
    }

    /// `ML_PREDICT('m', …)`: the first argument names a model, an agent or a tool in a literal.
    fn named_by_text(&mut self, function: &str, first: usize, end: usize) {
        let object = match function {
            "AI_RUN_AGENT" => ObjectKind::Agent,
            "ML_PREDICT" | "ML_EVALUATE" | "AI_COMPLETE" | "AI_EMBEDDING" | "AI_TOOL_INVOKE" => ObjectKind::Model,
            _ => return,
        };
        // `ML_PREDICT(model => 'm', …)` as well.
        let at = if self.script.symbol(first + 1, "=>") { first + 2 } else { first };
        if at < end && let Some(text) = self.script.literal(at) && !text.trim().is_empty() {
            self.mention(Use::Calls, object, qualified(&text), self.script.span(at));
        }
    }

    /// Inside `MATCH_RECOGNIZE`, variables look like functions in `PATTERN`, and `FIRST`, `LAST` are syntax.
    fn match_recognize(&mut self, open: usize, end: usize) -> usize {
        let script = self.script;
        if !script.symbol(open, "(") || open >= end {
            return open;
        }
        let close = script.closing(open, end);
        let mut at = open + 1;
        self.matching += 1;
        while at < close {
            let is_pattern = script.is(at, "PATTERN") && script.symbol(at + 1, "(");
            at = if is_pattern { script.closing(at + 1, close) + 1 } else { self.step(at, close) };
        }
        self.matching -= 1;
        close + 1
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

/// A name that stands for no column: a unit, a type or a constant that the parser knows.
fn is_keyword_here(parts: &[String]) -> bool {
    matches!(parts, [only] if super::keywords::is_unreserved_keyword(only))
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
