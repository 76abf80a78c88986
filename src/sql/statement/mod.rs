//! Recognizes one statement: its kind, what it defines, and where its queries are.

mod columns;
mod definition;
mod insert;
mod options;
mod parsed_statement;

use super::{ObjectKind, StatementKind, Usage, script::Script};
use parsed_statement::QUERY_START_KEYWORDS;
pub(super) use parsed_statement::{OptionPair, ParsedStatement};

/// The largest number of nested prefixes. No valid statement has more. The limit keeps a text of repeated `EXECUTE`
/// from recursing.
const MAX_STATEMENT_DEPTH: usize = 4;

/// Returns whether the statement at `start` sets or resets an option of its session, or chooses a catalog or database.
pub(super) fn is_session_setting(script: &Script<'_>, start: usize) -> bool {
    let alters_session = script.is_word(start, "ALTER")
        && script.is_any_word(start + 1, &["SESSION", "SYSTEM"])
        && script.is_any_word(start + 2, &["SET", "RESET"]);
    alters_session || script.is_any_word(start, &["SET", "RESET", "USE"])
}

impl ParsedStatement<'_, '_> {
    /// Parses the statement between two tokens and returns its kind.
    pub fn parse(&mut self, start: usize, end: usize) -> StatementKind {
        let script = self.script;
        self.statement_depth += 1;
        if self.statement_depth > MAX_STATEMENT_DEPTH {
            return StatementKind::Other;
        }
        if script.is_symbol(start, "(") || script.is_any_word(start, &QUERY_START_KEYWORDS) {
            self.add_query(start, end);
            return StatementKind::Select;
        }
        match script.token_text(start).to_ascii_uppercase().as_str() {
            "CREATE" | "REPLACE" => self.parse_create(start + 1, end),
            "ALTER" if is_session_setting(script, start) => StatementKind::Set,
            "ALTER" => self.parse_alter(start + 1, end),
            "DROP" => self.parse_drop(start + 1, end),
            "INSERT" | "UPSERT" => self.parse_insert(start, end),
            "EXECUTE" if script.are_words(start + 1, &["STATEMENT", "SET"]) => self.parse_statement_set(start + 3, end),
            "BEGIN" if script.are_words(start + 1, &["STATEMENT", "SET"]) => self.parse_statement_set(start + 3, end),
            "STATEMENT" if script.is_word(start + 1, "SET") => self.parse_statement_set(start + 2, end),
            "EXECUTE" if !script.is_word(start + 1, "PLAN") => self.parse(start + 1, end),
            "COMPILE" => self.parse_compile(start + 1, end),
            "EXPLAIN" => self.parse_explain(start + 1, end),
            "SHOW" => self.parse_show(start + 1, end),
            "DESCRIBE" | "DESC" => self.parse_describe(start + 1, end),
            "USE" => StatementKind::Use,
            "SET" | "RESET" => StatementKind::Set,
            "UPDATE" => self.parse_data_change(StatementKind::Update, start, start + 1, end),
            "DELETE" => self.parse_data_change(StatementKind::Delete, start, start + 2, end),
            "TRUNCATE" => self.parse_data_change(StatementKind::Truncate, start, start + 2, end),
            "ANALYZE" => StatementKind::Analyze,
            _ => StatementKind::Other,
        }
    }

    /// Parses the statement that `EXPLAIN` explains.
    fn parse_explain(&mut self, start: usize, end: usize) -> StatementKind {
        const STATEMENT_START_KEYWORDS: [&str; 12] = [
            "SELECT",
            "WITH",
            "VALUES",
            "TABLE",
            "INSERT",
            "UPSERT",
            "EXECUTE",
            "CREATE",
            "REPLACE",
            "STATEMENT",
            "UPDATE",
            "DELETE",
        ];
        let begins = |script: &Script<'_>, at: usize| {
            script.is_symbol(at, "(") || script.is_any_word(at, &STATEMENT_START_KEYWORDS)
        };
        if let Some(at) = self.script.find_at_top_level(start, end, begins) {
            self.parse(at, end);
        }
        StatementKind::Explain
    }

    /// Parses `COMPILE [AND EXECUTE] PLAN '…' [IF NOT EXISTS] FOR statement`.
    fn parse_compile(&mut self, start: usize, end: usize) -> StatementKind {
        if let Some(at) = self.script.find_at_top_level(start, end, |script, at| script.is_word(at, "FOR")) {
            self.parse(at + 1, end);
        }
        StatementKind::Other
    }

    /// Parses a `SHOW` statement such as `SHOW CREATE AGENT a`. Only agents and tools are recorded, because only the
    /// project knows them by name.
    fn parse_show(&mut self, at: usize, end: usize) -> StatementKind {
        if self.script.is_word(at, "CREATE") {
            self.parse_agent_or_tool(at + 1, end);
        }
        StatementKind::Show
    }

    /// Parses a `DESCRIBE` statement, and records the agent or tool that it names.
    fn parse_describe(&mut self, at: usize, end: usize) -> StatementKind {
        self.parse_agent_or_tool(at, end);
        StatementKind::Describe
    }

    /// Records the agent or tool that is named at `at`.
    fn parse_agent_or_tool(&mut self, at: usize, end: usize) {
        let object = match self.script.token_text(at).to_ascii_uppercase().as_str() {
            "AGENT" => ObjectKind::Agent,
            "TOOL" => ObjectKind::Tool,
            _ => return,
        };
        let extended = self.script.is_word(at + 1, "EXTENDED") && self.script.is_identifier(at + 2);
        self.add_mention(Usage::Calls, object, at + 1 + usize::from(extended), end);
    }

    /// Parses `UPDATE t …`, `DELETE FROM t …` or `TRUNCATE TABLE t`.
    fn parse_data_change(&mut self, kind: StatementKind, verb_at: usize, at: usize, end: usize) -> StatementKind {
        self.query.add_stateful_construct(
            self.script.token_text(verb_at).to_ascii_uppercase(),
            self.script.token_span(verb_at),
        );
        if let Some(next) = self.add_mention(Usage::Writes, ObjectKind::Table, at, end) {
            self.query.walk_expression(next, end);
        }
        kind
    }
}
