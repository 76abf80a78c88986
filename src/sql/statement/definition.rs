//! Parses `CREATE`, `ALTER` and `DROP`.

use super::parsed_statement::ParsedStatement;
use crate::sql::{
    Mention, ObjectKind, SqlError, StatementKind, Usage,
    keywords::is_unreserved_keyword,
    kind::{DdlVerb, ddl_object_and_kind},
    lexer::TokenKind,
    names::{is_stray_after_name, missing, missing_name, reserved_word, unexpected_after_name},
    table_clauses::{ChangelogMode, parse_like_clause},
};

/// Reserved words that start a statement and no clause of a definition.
const STATEMENT_VERBS: [&str; 12] = [
    "ALTER", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXECUTE", "EXPLAIN", "INSERT", "MERGE", "SELECT", "SHOW",
    "UPDATE",
];

/// Reserved words that can follow the name that a definition creates. Unreserved words, such as `INPUT`, all can.
const DEFINITION_CLAUSES: [&str; 14] = [
    "AS",
    "COMMENT",
    "DISTRIBUTED",
    "DISTRIBUTION",
    "FOR",
    "FRESHNESS",
    "FROM",
    "IN",
    "LANGUAGE",
    "LIKE",
    "ON",
    "REFRESH_MODE",
    "USING",
    "WITH",
];

impl ParsedStatement<'_, '_> {
    /// Parses the rest of a `CREATE` statement.
    pub(super) fn parse_create(&mut self, mut at: usize, end: usize) -> StatementKind {
        let script = self.script;
        if script.is_word(at, "OR") && script.is_any_word(at + 1, &["REPLACE", "ALTER"]) {
            at += 2;
        }
        while script.is_any_word(at, &["TEMPORARY", "SYSTEM", "EXTERNAL"]) {
            if script.is_word(at, "TEMPORARY") {
                self.temporary_span = Some(script.token_span(at));
            }
            at += 1;
        }
        let Some((object, kind)) = ddl_object_and_kind(DdlVerb::Create, script.token_text(at)) else {
            return StatementKind::Other;
        };
        at += if script.is_word(at, "MATERIALIZED") { 2 } else { 1 };
        if script.are_words(at, &["IF", "NOT", "EXISTS"]) {
            self.if_not_exists = true;
            at += 3;
        }
        let name_at = at;
        let Some(next) = self.add_required_mention(Usage::Creates, object, at, end) else { return kind };
        at = next;
        if self.cannot_follow_created_name(at, end) {
            self.errors.push(unexpected_after_name(script, name_at, at));
            return kind;
        }
        if object == ObjectKind::Table && script.is_symbol(at, "(") {
            let close = script.closing_bracket(at, end);
            self.parse_columns(at + 1, close);
            at = close + 1;
        }
        let has_query = self.parse_definition_clauses(kind, at, end);
        match kind {
            StatementKind::CreateTable if has_query => {
                if self.table.primary_key == Some(true) && self.table.changelog_mode != Some(ChangelogMode::Append) {
                    self.query.add_stateful_construct(
                        "a created table with a primary key",
                        script.token_span(next.saturating_sub(1)),
                    );
                }
                StatementKind::CreateTableAs
            }
            _ => kind,
        }
    }

    /// Returns whether the token at `at` starts no clause of a definition.
    fn cannot_follow_created_name(&self, at: usize, end: usize) -> bool {
        let script = self.script;
        if at >= end || is_stray_after_name(script, at, end) || script.is_symbol(at, ",") {
            return at < end;
        }
        match script.token_kind(at) {
            Some(TokenKind::ReservedWord) => !script.is_any_word(at, &DEFINITION_CLAUSES),
            Some(TokenKind::Word) => !is_unreserved_keyword(script.token_text(at)),
            Some(TokenKind::QuotedIdentifier) => true,
            _ => false,
        }
    }

    /// Parses the clauses `WITH`, `USING`, `LIKE` and `AS` of a definition, in any order. Returns whether a query is
    /// among them.
    fn parse_definition_clauses(&mut self, kind: StatementKind, mut at: usize, end: usize) -> bool {
        let script = self.script;
        while at < end {
            if script.is_word(at, "WITH") && script.is_symbol(at + 1, "(") {
                let close = script.closing_bracket(at + 1, end);
                self.parse_options(at + 2, close);
                at = close + 1;
            } else if script.is_word(at, "USING") {
                at = self.parse_used_objects(at + 1, end);
            } else if script.is_word(at, "LIKE") && kind == StatementKind::CreateTable {
                let Some(next) = self.add_required_mention(Usage::Reads, ObjectKind::Table, at + 1, end) else {
                    return false;
                };
                if self.report_stray_after_name(at + 1, next, end) {
                    return false;
                }
                at = next;
                if script.is_symbol(at, "(") {
                    self.table.like = parse_like_clause(script, at + 1, script.closing_bracket(at, end));
                }
            } else if script.is_word(at, "AS") && (self.starts_query(at + 1, end) || at + 1 >= end) {
                self.add_query(at + 1, end);
                return true;
            } else if script.is_symbol(at, "(") {
                at = script.closing_bracket(at, end) + 1;
            } else if script.is_any_word(at, &STATEMENT_VERBS) {
                self.report_another_statement(at);
                return false;
            } else {
                at += 1;
            }
        }
        if kind == StatementKind::CreateView || script.is_any_word(end.saturating_sub(1), &["USING", "LIKE", "COMMENT"])
        {
            self.errors.push(missing(
                script,
                end,
                end,
                if kind == StatementKind::CreateView { "a query" } else { "a name" },
            ));
        }
        false
    }

    /// Reports a statement that starts at `at`, where the one before it is complete.
    fn report_another_statement(&mut self, at: usize) {
        let message = format!(
            "another statement starts at this `{}`: give each statement its own entry",
            self.script.reserved_word(at)
        );
        self.errors.push(SqlError { message, span: self.script.token_span(at), help: None });
    }

    /// Parses the objects after `USING`, `SET`, `ADD` or `DROP`: `MODEL m`, `TOOLS a, b`, `CONNECTIONS (a, b)`.
    /// Returns the index after them.
    fn parse_used_objects(&mut self, at: usize, end: usize) -> usize {
        let object = match self.script.token_text(at).to_ascii_uppercase().as_str() {
            "MODEL" | "MODELS" => ObjectKind::Model,
            "TOOL" | "TOOLS" => ObjectKind::Tool,
            "AGENT" | "AGENTS" => ObjectKind::Agent,
            "FUNCTION" | "FUNCTIONS" => ObjectKind::Function,
            "CONNECTION" | "CONNECTIONS" => ObjectKind::Connection,
            _ => return at,
        };
        let bracket = self.script.is_symbol(at + 1, "(");
        let list_end = if bracket { self.script.closing_bracket(at + 1, end) } else { end };
        let mut next = at + 1 + usize::from(bracket);
        while let Some(after_name) = self.add_required_mention(Usage::Calls, object, next, list_end) {
            if self.report_stray_after_name(next, after_name, list_end) {
                return end;
            }
            next = after_name;
            if !self.script.is_symbol(next, ",") {
                break;
            }
            next += 1;
        }
        if bracket { list_end + 1 } else { next }
    }

    /// Parses the rest of an `ALTER` statement.
    pub(super) fn parse_alter(&mut self, mut at: usize, end: usize) -> StatementKind {
        let script = self.script;
        while script.is_any_word(at, &["TEMPORARY", "SYSTEM"]) {
            at += 1;
        }
        let Some((object, kind)) = ddl_object_and_kind(DdlVerb::Alter, script.token_text(at)) else {
            return StatementKind::Other;
        };
        at += if script.is_word(at, "MATERIALIZED") { 2 } else { 1 };
        at += if script.are_words(at, &["IF", "EXISTS"]) { 2 } else { 0 };
        let name_at = at;
        let Some(next) = self.add_required_mention(Usage::Alters, object, at, end) else { return kind };
        at = next;
        if self.report_stray_after_name(name_at, at, end) {
            return kind;
        }
        if script.are_words(at, &["RENAME", "TO"]) {
            let name = script.qualified_name(at + 2, end);
            match &name {
                None => self.errors.push(missing_name(script, at + 2, end)),
                Some(name) if name.next_token < end => {
                    self.errors.push(unexpected_after_name(script, at + 2, name.next_token));
                }
                Some(_) => {}
            }
            self.renamed_to =
                name.map(|name| Mention { usage: Usage::Creates, kind: object, name: name.parts, span: name.span });
            return kind;
        }
        if object == ObjectKind::Table && script.is_any_word(at, &["ADD", "MODIFY"]) {
            let inside = at + 1 + usize::from(script.is_symbol(at + 1, "("));
            let close = if inside > at + 1 { script.closing_bracket(at + 1, end) } else { end };
            self.parse_columns(inside, close);
            return kind;
        }
        if object == ObjectKind::Table
            && script.is_any_word(at, &["DROP", "RENAME"])
            && script.is_word(at + 1, "COLUMN")
        {
            self.errors.push(reserved_word(script, at + 1));
        }
        let leftover = script
            .find_at_top_level(at, end, |script, at| script.is_any_word(at, &["ALTER", "CREATE", "INSERT", "SHOW"]));
        if let Some(leftover) = leftover {
            self.report_another_statement(leftover);
            return kind;
        }
        if object == ObjectKind::Table && script.is_word(at, "DROP") {
            // Without a name to compare it with, a dropped constraint is taken for the primary key, the only kind of
            // constraint that Flink has.
            let drops_key = script.are_words(at + 1, &["PRIMARY", "KEY"]) || script.is_word(at + 1, "CONSTRAINT");
            self.table.primary_key = drops_key.then_some(false);
        } else if script.is_word(at, "RESET") && script.is_symbol(at + 1, "(") {
            let close = script.closing_bracket(at + 1, end);
            (at + 2..close).filter_map(|at| script.string_literal(at)).for_each(|key| self.table.reset_option(&key));
        } else if script.is_word(at, "SET") && script.is_symbol(at + 1, "(") {
            self.parse_options(at + 2, script.closing_bracket(at + 1, end));
        } else if object != ObjectKind::Table && script.is_any_word(at, &["SET", "ADD", "DROP", "REMOVE", "MODIFY"]) {
            self.parse_used_objects(at + 1, end);
        } else if script.is_word(at, "AS") && self.starts_query(at + 1, end) {
            self.add_query(at + 1, end);
        }
        kind
    }

    /// Parses the rest of a `DROP` statement.
    pub(super) fn parse_drop(&mut self, mut at: usize, end: usize) -> StatementKind {
        let script = self.script;
        while script.is_any_word(at, &["TEMPORARY", "SYSTEM"]) {
            at += 1;
        }
        let Some((object, kind)) = ddl_object_and_kind(DdlVerb::Drop, script.token_text(at)) else {
            return StatementKind::Other;
        };
        at += if script.is_word(at, "MATERIALIZED") { 2 } else { 1 };
        at += if script.are_words(at, &["IF", "EXISTS"]) { 2 } else { 0 };
        while let Some(next) = self.add_required_mention(Usage::Drops, object, at, end) {
            if !script.is_symbol(next, ",") {
                if next < end && !script.is_any_word(next, &["RESTRICT", "CASCADE", "ON", "EXTENDED"]) {
                    self.errors.push(unexpected_after_name(script, at, next));
                }
                break;
            }
            at = next + 1;
        }
        kind
    }
}
