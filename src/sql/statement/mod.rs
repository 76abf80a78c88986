//! Recognizes one statement: its kind, what it defines, and where its queries are.

mod columns;
mod definition;
mod insert;
mod options;

use super::{
    Mention, ObjectKind, SqlError, StatefulConstruct, StatementKind, Usage,
    names::{is_stray_after_name, missing, missing_name, model_name, names_one_version, unexpected_after_name},
    operands::operand_errors,
    query::QueryWalker,
    script::Script,
    stateless::first_stateful_keyword,
};
use crate::resource::Span;

/// A statement, as far as it is understood.
pub(super) struct ParsedStatement<'s, 'a> {
    /// The tokens of the text.
    script: &'s Script<'a>,
    /// The number of statements entered so far: one, plus one for each `EXPLAIN`, `EXECUTE` or `COMPILE PLAN … FOR`
    /// prefix.
    statement_depth: usize,
    /// The results of walking its queries, including the objects of its clauses.
    pub query: QueryWalker<'s, 'a>,
    /// The token ranges of its queries.
    pub query_ranges: Vec<(usize, usize)>,
    /// The pairs of its `WITH (…)` and `SET (…)` clauses.
    pub options: Vec<OptionPair>,
    /// Whether a `CREATE` statement contains `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where a `CREATE` statement contains `TEMPORARY`.
    pub temporary_span: Option<Span>,
    /// Whether the columns of a table include a primary key.
    pub has_primary_key: bool,
    /// The functions that computed columns and watermarks call, without Flink's built-in functions.
    pub column_functions: Vec<Mention>,
    /// The new name that `ALTER … RENAME TO` gives to the object.
    pub renamed_to: Option<Mention>,
    /// Errors of a statement set: a wrong end, or a statement that does not belong in it.
    pub errors: Vec<SqlError>,
}

/// One option, `'key' = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OptionPair {
    /// The value of the key's literal.
    pub key: String,
    /// Where the key is, including quotes.
    pub key_span: Span,
    /// The value of the value's literal.
    pub value: String,
    /// Where the value is, including quotes.
    pub value_span: Span,
}

/// The largest number of nested prefixes. No valid statement has more. The limit keeps a text of repeated `EXECUTE`
/// from recursing.
const MAX_STATEMENT_DEPTH: usize = 4;

/// The words that start a query.
const QUERY_START_KEYWORDS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// Returns whether the statement at `start` sets or resets an option of its session, or chooses a catalog or database.
pub(super) fn is_session_setting(script: &Script<'_>, start: usize) -> bool {
    let alters_session = script.is_word(start, "ALTER")
        && script.is_any_word(start + 1, &["SESSION", "SYSTEM"])
        && script.is_any_word(start + 2, &["SET", "RESET"]);
    alters_session || script.is_any_word(start, &["SET", "RESET", "USE"])
}

impl<'s, 'a> ParsedStatement<'s, 'a> {
    /// Returns an empty statement over `script`.
    pub fn new(script: &'s Script<'a>) -> Self {
        ParsedStatement {
            script,
            statement_depth: 0,
            query: QueryWalker::new(script),
            query_ranges: Vec::new(),
            options: Vec::new(),
            if_not_exists: false,
            temporary_span: None,
            has_primary_key: false,
            column_functions: Vec::new(),
            renamed_to: None,
            errors: Vec::new(),
        }
    }

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

    /// Records the object that is named at `at`. Returns the index after the name, or `None` if there is no name.
    fn add_mention(&mut self, usage: Usage, object: ObjectKind, at: usize, end: usize) -> Option<usize> {
        let name = self.script.qualified_name(at, end)?;
        let (usage, parts) = match (object, usage) {
            // The model stays if one of its versions is dropped.
            (ObjectKind::Model, Usage::Drops) if names_one_version(&name.parts) => {
                (Usage::Alters, model_name(name.parts))
            }
            (ObjectKind::Model, _) => (usage, model_name(name.parts)),
            _ => (usage, name.parts),
        };
        self.query.add_mention(usage, object, parts, name.span);
        Some(name.next_token)
    }

    /// Records the object that must be named at `at`. Returns the index after the name. Reports a missing name.
    fn add_required_mention(&mut self, usage: Usage, object: ObjectKind, at: usize, end: usize) -> Option<usize> {
        let next = self.add_mention(usage, object, at, end);
        if next.is_none() {
            self.errors.push(missing_name(self.script, at, end));
        }
        next
    }

    /// Reports what follows the name at `name_at` and belongs to no clause. Returns whether there was such a token.
    fn report_stray_after_name(&mut self, name_at: usize, at: usize, end: usize) -> bool {
        let is_stray = is_stray_after_name(self.script, at, end);
        if is_stray {
            self.errors.push(unexpected_after_name(self.script, name_at, at));
        }
        is_stray
    }

    /// Walks the query between two tokens and records the state that it keeps.
    fn add_query(&mut self, start: usize, end: usize) {
        if !self.starts_query(start, end) {
            self.report_missing_query(start, end);
        }
        if start >= end {
            return;
        }
        self.query_ranges.push((start, end));
        let (own, inside) = (self.errors.len(), self.query.errors.len());
        self.query.walk_query(start, end);
        // After a structural error, the rest is likely to be read wrongly.
        if self.script.errors.is_empty() && self.errors.len() == own && self.query.errors.len() == inside {
            self.errors.extend(operand_errors(self.script, start, end));
        }
        if let Some(word) = first_stateful_keyword(self.script, start, end) {
            self.query.stateful_constructs.push(word);
        }
    }

    /// Reports that no query starts at `at`.
    fn report_missing_query(&mut self, at: usize, end: usize) {
        let error = if at >= end {
            missing(self.script, at, end, "a query")
        } else {
            let message = format!("a query must start here, and `{}` starts none", self.script.token_text(at));
            SqlError { message, span: self.script.token_span(at), help: None }
        };
        self.errors.push(error);
    }

    /// Returns whether a query starts at `at`, behind any opening brackets.
    fn starts_query(&self, mut at: usize, end: usize) -> bool {
        while at < end && self.script.is_symbol(at, "(") {
            at += 1;
        }
        at < end && self.script.is_any_word(at, &QUERY_START_KEYWORDS)
    }

    /// Adds an error at the token `at`.
    fn add_error(&mut self, message: &str, at: usize) {
        self.errors.push(SqlError { message: message.to_owned(), span: self.script.token_span(at), help: None });
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

    /// Returns the first construct that keeps state, in order of place.
    pub fn first_stateful_construct(&mut self) -> Option<StatefulConstruct> {
        self.query.stateful_constructs.sort_by_key(|state| state.span.start);
        self.query.stateful_constructs.first().cloned()
    }
}
