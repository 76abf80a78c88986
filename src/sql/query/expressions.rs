//! Walks expressions: columns, calls, subqueries, and syntax that only looks like one of them.

use super::walker::QueryWalker;
use crate::sql::{
    ObjectKind, Usage,
    functions::{
        calls_external_service, is_aggregate_function, is_function_like_syntax, is_niladic_function,
        is_reserved_function, is_search_function, is_window_function,
    },
    keywords::{is_column_keyword, is_unreserved_keyword},
    lexer::TokenKind,
    names::{model_name, name_list_errors},
    operands::ends_operand,
    script::QualifiedName,
};

impl QueryWalker<'_, '_> {
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

    /// Walks one element of an expression and returns the index after it.
    pub(super) fn walk_element(&mut self, at: usize, end: usize) -> usize {
        let script = self.script;
        match script.token_kind(at) {
            Some(TokenKind::Symbol) => self.walk_symbol(at, end),
            Some(TokenKind::ReservedWord) if script.is_word(at, "TABLE") => self.walk_table_argument(at, end),
            Some(TokenKind::ReservedWord) if script.is_symbol(at + 1, "(") && at + 1 < end => {
                self.walk_reserved_call(at, end)
            }
            Some(TokenKind::ReservedWord) if script.is_word(at, "MATCH_RECOGNIZE") => {
                self.walk_match_recognize(at + 1, end)
            }
            Some(TokenKind::Word | TokenKind::QuotedIdentifier) => self.walk_name_or_call(at, end),
            _ => at + 1,
        }
    }

    /// Walks an operator or a bracket with its content.
    fn walk_symbol(&mut self, at: usize, end: usize) -> usize {
        let script = self.script;
        match script.token_text(at) {
            "(" => {
                let close = script.closing_bracket(at, end);
                self.walk_parenthesized(at + 1, close);
                close + 1
            }
            "[" => {
                let close = script.closing_bracket(at, end);
                self.walk_expression(at + 1, close);
                close + 1
            }
            "{" if self.match_recognize_depth == 0 => {
                self.add_stateful_construct("an escape in braces", script.token_span(at));
                at + 1
            }
            "*" => {
                let before = at.checked_sub(1);
                if before.is_some_and(|before| {
                    script.is_any_word(before, &["SELECT", "ALL"]) || script.is_symbol(before, ",")
                }) {
                    self.column_count += 1;
                    self.record_star(at);
                }
                at + 1
            }
            _ => at + 1,
        }
    }

    /// Walks the content of round brackets in an expression: a subquery, or another expression.
    pub(super) fn walk_parenthesized(&mut self, start: usize, end: usize) {
        let script = self.script;
        let is_query = script.is_any_word(start, &["SELECT", "WITH", "VALUES"])
            || (script.is_word(start, "TABLE")
                && script.is_identifier(start + 1)
                && script.qualified_name(start + 1, end).is_some_and(|name| name.next_token == end));
        if is_query && start < end {
            self.add_stateful_construct("a subquery", script.token_span(start));
            let outer_stars = self.stars.mark();
            self.walk_query(start, end);
            self.stars.forget_after(outer_stars);
        } else {
            self.walk_expression(start, end);
        }
    }

    /// Walks the argument `TABLE t`.
    fn walk_table_argument(&mut self, at: usize, end: usize) -> usize {
        let Some(name) = self.script.qualified_name(at + 1, end) else { return at + 1 };
        if self.script.is_symbol(name.next_token, "(") && name.next_token < end {
            return at + 1;
        }
        self.add_stateful_construct(
            "a table as an argument",
            self.script.span_between(at, name.next_token.saturating_sub(1)),
        );
        let next = name.next_token;
        self.add_table_read(name);
        next
    }

    /// Walks a reserved word followed by a bracket: a built-in function, or syntax.
    fn walk_reserved_call(&mut self, at: usize, end: usize) -> usize {
        let word = self.script.token_text(at);
        if is_reserved_function(word) && !self.is_not_a_call(at) {
            let name =
                QualifiedName { parts: vec![word.to_owned()], span: self.script.token_span(at), next_token: at + 1 };
            return self.walk_call(name, end);
        }
        if is_aggregate_function(word) {
            self.add_stateful_construct(
                format!("the aggregate {}", word.to_ascii_uppercase()),
                self.script.token_span(at),
            );
        }
        let close = self.script.closing_bracket(at + 1, end);
        if self.script.is_any_word(at, &["CAST", "TRY_CAST", "SAFE_CAST"]) {
            // The type after `AS` names fields, which are not columns.
            let inside_end =
                self.script.find_at_top_level(at + 2, close, |script, at| script.is_word(at, "AS")).unwrap_or(close);
            self.walk_expression(at + 2, inside_end);
            return close + 1;
        }
        at + 1
    }

    /// Returns whether a reserved word that can be a function is not a call here. `INTERVAL '1' SECOND(3)`, `DAY TO
    /// SECOND(3)` and `RETURNING CHAR(3)` give a precision, `= SOME (…)` compares.
    fn is_not_a_call(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return false };
        let compares = || {
            self.script.is_word(at, "SOME")
                && ["=", "<", ">", "<=", ">=", "<>", "!="].contains(&self.script.token_text(before))
        };
        // `x TIMESTAMP(3)` and `ARRAY<TIME(3)>` are types.
        let is_type = || {
            self.script.is_any_word(at, &["TIME", "TIMESTAMP", "DATETIME"])
                && (self.script.is_identifier(before) || self.script.is_symbol(before, "<"))
        };
        self.script.is_any_word(before, &["TO", "RETURNING"])
            || self.script.token_kind(before) == Some(TokenKind::StringLiteral)
            || compares()
            || is_type()
    }

    /// Walks a name: a model, an alias, a call or a column.
    fn walk_name_or_call(&mut self, at: usize, end: usize) -> usize {
        let script = self.script;
        if script.is_word(at, "MODEL")
            && let Some(name) = script.qualified_name(at + 1, end)
            && (name.next_token >= end
                || script.is_symbol(name.next_token, ",")
                || script.is_symbol(name.next_token, ")"))
        {
            let next = name.next_token;
            self.add_mention(Usage::Calls, ObjectKind::Model, model_name(name.parts), name.span);
            return next;
        }
        let Some(next) = script.name_end(at, end) else { return at + 1 };
        let is_call = next < end && script.is_symbol(next, "(");
        if self.is_alias(at) {
            // In `AS t (a, b)`, the brackets contain column names.
            if !is_call {
                return next;
            }
            let close = script.closing_bracket(next, end);
            self.report_reserved_columns(next + 1, close);
            return close + 1;
        }
        if is_call {
            return script.qualified_name(at, end).map_or(next, |name| self.walk_call(name, end));
        }
        // Units, types, words of syntax and names of arguments are not columns. A field is a column only if the
        // expression before its dot is one: `f(x).y` has a column only if `x` is one.
        let is_field = self.is_after_dot(at);
        let is_no_column = (next == at + 1 && (self.may_be_syntax(at) || self.is_niladic_call(at)))
            || is_field
            || script.is_symbol(next, "=>");
        if !is_no_column {
            self.column_count += 1;
        }
        if script.is_symbol(next, ".") && script.is_symbol(next + 1, "*") {
            self.record_star(next + 1);
        }
        next
    }

    /// Reports reserved words among the column names between two tokens.
    pub(super) fn report_reserved_columns(&mut self, start: usize, end: usize) {
        let script = self.script;
        let is_other = |at: usize| script.token_kind(at) != Some(TokenKind::ReservedWord);
        self.errors.extend(name_list_errors(script, start, end, is_other));
    }

    /// Returns whether the word at `at` may be syntax: a keyword, except for those that can only be columns where an
    /// operand is expected.
    fn may_be_syntax(&self, at: usize) -> bool {
        let Some(word) = self.script.unreserved_word(at) else { return false };
        let after_is = at.checked_sub(1).is_some_and(|before| self.script.is_any_word(before, &["IS", "NOT"]));
        is_unreserved_keyword(word) && (after_is || !is_column_keyword(word))
    }

    /// Returns whether the unquoted name at `at` is a function that is called without brackets.
    fn is_niladic_call(&self, at: usize) -> bool {
        self.script.token_kind(at) == Some(TokenKind::Word) && is_niladic_function(self.script.token_text(at))
    }

    /// Returns whether the token at `at` is a part of a name after a dot.
    fn is_after_dot(&self, at: usize) -> bool {
        at.checked_sub(1).is_some_and(|before| self.script.is_symbol(before, "."))
    }

    /// Returns whether the name at `at` is an alias, because it follows a complete operand or `AS`.
    fn is_alias(&self, at: usize) -> bool {
        let script = self.script;
        let Some(before) = at.checked_sub(1).filter(|_| self.operand_start != Some(at)) else { return false };
        match script.token_kind(before) {
            Some(TokenKind::ReservedWord) => {
                script.is_word(before, "AS") || ends_operand(script.reserved_word(before)) || self.is_after_dot(before)
            }
            Some(TokenKind::Word | TokenKind::QuotedIdentifier) => {
                !script.is_any_word(before, &["PASSING", "KEY", "PLACING", "FINAL"])
            }
            Some(TokenKind::StringLiteral | TokenKind::Number) => true,
            Some(TokenKind::Symbol) => script.is_symbol(before, ")") || script.is_symbol(before, "]"),
            _ => false,
        }
    }

    /// Records a `*` of the current select list.
    pub(super) fn record_star(&mut self, at: usize) {
        if let Some(list) = self.select_lists.last_mut()
            && list.is_open
            && list.star.is_none()
        {
            list.star = Some(self.script.token_span(at));
        }
    }

    /// Walks a call of the function `name`, whose bracket is at `name.next_token`.
    pub(super) fn walk_call(&mut self, name: QualifiedName, end: usize) -> usize {
        let script = self.script;
        let (open, close) = (name.next_token, script.closing_bracket(name.next_token, end));
        let function = match name.parts.as_slice() {
            [only] => only.to_ascii_uppercase(),
            _ => String::new(),
        };
        if is_aggregate_function(&function) {
            self.add_stateful_construct(format!("the aggregate {function}"), name.span.clone());
        } else if is_window_function(&function) {
            self.add_stateful_construct(format!("the window {function}"), name.span.clone());
            if !function.contains('_') {
                self.windows.push(name.span.clone());
            }
        } else if calls_external_service(&function) {
            self.add_stateful_construct(format!("pending requests of {function}"), name.span.clone());
            self.add_named_arguments(&function, open + 1, close);
        } else if function == "DESCRIPTOR" {
            // `DESCRIPTOR` passes columns to functions that take tables.
            self.add_stateful_construct("a function that takes a table", name.span.clone());
        }
        // `GROUP BY TUMBLE(ts, …)` and `GROUPING SETS (…)` are syntax, `FROM TUMBLE(TABLE t, …)` is a function.
        let is_grouping =
            is_window_function(&function) && !function.contains('_') && !self.has_table_argument(open + 1, close)
                || matches!(function.as_str(), "SETS" | "BERNOULLI") && self.follows_grouping_or_tablesample(open);
        let before = open.saturating_sub(1);
        let is_quoted =
            script.token_kind(before) == Some(TokenKind::QuotedIdentifier) && script.unreserved_word(before).is_none();
        let is_bare = !is_quoted && self.table_function_bracket != Some(open);
        if !(is_bare && (is_function_like_syntax(&function) || is_grouping)) {
            self.add_mention(Usage::Calls, ObjectKind::Function, name.parts, name.span);
        }
        if is_search_function(&function)
            && let Some(table) = script.qualified_name(open + 1, close)
            && script.is_symbol(table.next_token, ",")
        {
            let next = table.next_token;
            self.add_table_read(table);
            self.walk_parenthesized(next, close);
        } else {
            self.walk_parenthesized(open + 1, close);
        }
        close + 1
    }

    /// Returns whether one of the arguments is `TABLE t`.
    fn has_table_argument(&self, start: usize, end: usize) -> bool {
        self.script.find_at_top_level(start, end, |script, at| script.is_word(at, "TABLE")).is_some()
    }

    /// Returns whether the name before this bracket belongs to `GROUPING SETS` or `TABLESAMPLE BERNOULLI`.
    fn follows_grouping_or_tablesample(&self, open: usize) -> bool {
        open.checked_sub(2).is_some_and(|at| self.script.is_any_word(at, &["GROUPING", "TABLESAMPLE"]))
    }

    /// Walks a `MATCH_RECOGNIZE` clause. Inside it, variables look like functions in `PATTERN`, and `FIRST` and
    /// `LAST` are syntax.
    pub(super) fn walk_match_recognize(&mut self, open: usize, end: usize) -> usize {
        let script = self.script;
        if !script.is_symbol(open, "(") || open >= end {
            return open;
        }
        let close = script.closing_bracket(open, end);
        let mut at = open + 1;
        let mut in_define = false;
        self.match_recognize_depth += 1;
        while at < close {
            in_define |= script.is_word(at, "DEFINE");
            if in_define && script.is_word(at, "AS") {
                // A condition follows here, not an alias.
                self.operand_start = Some(at + 1);
            }
            let is_pattern = script.is_word(at, "PATTERN") && script.is_symbol(at + 1, "(");
            let next =
                if is_pattern { script.closing_bracket(at + 1, close) + 1 } else { self.walk_element(at, close) };
            at = next.max(at + 1);
        }
        self.match_recognize_depth -= 1;
        close + 1
    }
}
