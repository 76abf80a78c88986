//! Expressions: columns, calls, subqueries, and what looks like one of them and is not.

use super::{ObjectKind, Query, Use, qualified};
use crate::sql::{
    functions::{
        asks_outside, is_aggregate, is_built_in_scalar, is_reserved_function, is_search, is_syntax, is_window,
    },
    keywords::{is_plain_column, is_unreserved_keyword},
    lex::Sort,
    script::Name,
};

impl Query<'_, '_> {
    /// One element of an expression; gives the index behind.
    pub(super) fn step(&mut self, at: usize, end: usize) -> usize {
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
            "{" if self.matching == 0 => {
                self.keeps_state("an escape in braces", script.span(at));
                at + 1
            }
            "*" => {
                let before = at.checked_sub(1);
                if before.is_some_and(|before| script.is_any(before, &["SELECT", "ALL"]) || script.symbol(before, ","))
                {
                    self.column();
                    self.star(at);
                }
                at + 1
            }
            _ => at + 1,
        }
    }

    /// What stands between two round brackets of an expression: a subquery, or a further expression.
    pub(super) fn group(&mut self, start: usize, end: usize) {
        let script = self.script;
        let is_query = script.is_any(start, &["SELECT", "WITH", "VALUES"])
            || (script.is(start, "TABLE")
                && script.is_identifier(start + 1)
                && script.name(start + 1, end).is_some_and(|name| name.next == end));
        if is_query && start < end {
            self.keeps_state("a subquery", script.span(start));
            let known = self.stars.len();
            self.walk(start, end);
            self.stars.truncate(known);
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
        if is_reserved_function(word) && !self.is_no_call(at) {
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

    /// Whether a reserved word that can be a function is none here: `INTERVAL '1' SECOND(3)`, `DAY TO SECOND(3)` and
    /// `RETURNING CHAR(3)` give a precision, `= SOME (…)` compares.
    fn is_no_call(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        let compares = || {
            self.script.is(at, "SOME") && ["=", "<", ">", "<=", ">=", "<>", "!="].contains(&self.script.text(before))
        };
        // `x TIMESTAMP(3)` and `ARRAY<TIME(3)>` are types.
        let is_type = || {
            self.script.is_any(at, &["TIME", "TIMESTAMP", "DATETIME"])
                && (self.script.is_identifier(before) || self.script.symbol(before, "<"))
        };
        self.script.is_any(before, &["TO", "RETURNING"])
            || self.script.sort(before) == Some(Sort::Text)
            || compares()
            || is_type()
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
        let Some(next) = script.name_end(at, end) else { return at + 1 };
        let is_call = next < end && script.symbol(next, "(");
        if self.is_alias(at) {
            // `AS t (a, b)`: the brackets hold names of columns.
            return if is_call { script.closing(next, end) + 1 } else { next };
        }
        if is_call {
            return script.name(at, end).map_or(next, |name| self.call(name, end));
        }
        // A unit, a type or a word of syntax is no column, nor is the name of an argument.
        // A field is one of whatever stands before its dot: `f(x).y` has a column only if `x` is one.
        let is_field = at.checked_sub(1).is_some_and(|before| script.symbol(before, "."));
        let is_no_column = (next == at + 1 && self.may_be_syntax(at)) || is_field || script.symbol(next, "=>");
        if !is_no_column {
            self.column();
        }
        if script.symbol(next, ".") && script.symbol(next + 1, "*") {
            self.star(next + 1);
        }
        next
    }

    /// Whether the word at `at` may be syntax: a keyword, but for those that are only ever columns where operands stand.
    fn may_be_syntax(&self, at: usize) -> bool {
        let Some(word) = self.script.word(at) else { return false };
        let after_is = at.checked_sub(1).is_some_and(|before| self.script.is_any(before, &["IS", "NOT"]));
        is_unreserved_keyword(word) && (after_is || !is_plain_column(word))
    }

    /// Whether the name at `at` follows a whole operand or `AS`, and so names it.
    fn is_alias(&self, at: usize) -> bool {
        let script = self.script;
        let Some(before) = at.checked_sub(1).filter(|_| self.operand_at != Some(at)) else { return false };
        match script.sort(before) {
            Some(Sort::Reserved) => script.is_any(before, &["AS", "END", "NULL", "TRUE", "FALSE"]),
            Some(Sort::Word | Sort::Quoted) => !script.is_any(before, &["PASSING", "KEY", "PLACING", "FINAL"]),
            Some(Sort::Text | Sort::Number) => true,
            Some(Sort::Symbol) => script.symbol(before, ")") || script.symbol(before, "]"),
            _ => false,
        }
    }

    pub(super) fn star(&mut self, at: usize) {
        if let Some(list) = self.lists.last_mut()
            && list.open
            && list.star.is_none()
        {
            list.star = Some(self.script.span(at));
        }
    }

    pub(super) fn column(&mut self) {
        self.columns += 1;
        if let Some(list) = self.lists.last_mut()
            && list.open
            && list.inside_unknown == 0
        {
            list.column = true;
        }
    }

    /// A call of a function by name; its bracket is at `name.next`.
    pub(super) fn call(&mut self, name: Name, end: usize) -> usize {
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
        } else if function == "DESCRIPTOR" {
            // Columns are described to functions that take tables.
            self.keeps_state("a function of a table", name.span.clone());
        }
        let known = is_built_in_scalar(&function);
        if !known
            && let Some(list) = self.lists.last_mut()
            && list.open
        {
            list.inside_unknown += 1;
            if list.unknown.is_none() {
                list.unknown = Some((name.parts.join("."), name.span.clone()));
            }
        }
        // `GROUP BY TUMBLE(ts, …)` and `GROUPING SETS (…)` are syntax, `FROM TUMBLE(TABLE t, …)` is a function.
        let is_grouping = is_window(&function) && !function.contains('_') && !self.takes_a_table(open + 1, close)
            || matches!(function.as_str(), "SETS" | "BERNOULLI") && self.follows_syntax(open);
        let before = open.saturating_sub(1);
        let is_quoted = script.sort(before) == Some(Sort::Quoted) && script.word(before).is_none();
        let is_bare = !is_quoted && self.table_function != Some(open);
        if !(is_bare && (is_syntax(&function) || is_grouping)) {
            self.mention(Use::Calls, ObjectKind::Function, name.parts, name.span);
        }
        if is_search(&function)
            && let Some(table) = script.name(open + 1, close)
            && script.symbol(table.next, ",")
        {
            let next = table.next;
            self.reads(table);
            self.group(next, close);
        } else {
            self.group(open + 1, close);
        }
        if !known
            && let Some(list) = self.lists.last_mut()
            && list.open
        {
            list.inside_unknown = list.inside_unknown.saturating_sub(1);
        }
        close + 1
    }

    /// Whether one of the arguments is `TABLE t`.
    fn takes_a_table(&self, start: usize, end: usize) -> bool {
        self.script.find(start, end, |script, at| script.is(at, "TABLE")).is_some()
    }

    /// Whether the name before this bracket belongs to `GROUPING SETS` or `TABLESAMPLE BERNOULLI`.
    fn follows_syntax(&self, open: usize) -> bool {
        open.checked_sub(2).is_some_and(|at| self.script.is_any(at, &["GROUPING", "TABLESAMPLE"]))
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
        if at < end
            && let Some(text) = self.script.literal(at)
            && !text.trim().is_empty()
        {
            self.mention(Use::Calls, object, qualified(&text), self.script.span(at));
        }
    }

    /// Inside `MATCH_RECOGNIZE`, variables look like functions in `PATTERN`, and `FIRST`, `LAST` are syntax.
    pub(super) fn match_recognize(&mut self, open: usize, end: usize) -> usize {
        let script = self.script;
        if !script.symbol(open, "(") || open >= end {
            return open;
        }
        let close = script.closing(open, end);
        let mut at = open + 1;
        let mut defining = false;
        self.matching += 1;
        while at < close {
            defining |= script.is(at, "DEFINE");
            if defining && script.is(at, "AS") {
                // Here a condition follows, no alias.
                self.operand_at = Some(at + 1);
            }
            let is_pattern = script.is(at, "PATTERN") && script.symbol(at + 1, "(");
            let next = if is_pattern { script.closing(at + 1, close) + 1 } else { self.step(at, close) };
            at = next.max(at + 1);
        }
        self.matching -= 1;
        close + 1
    }
}
