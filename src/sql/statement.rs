//! Recognizes one statement: its kind, what it defines, and where its queries are.

use super::{
    Mention, ObjectKind, SqlError, StatefulConstruct, StatementKind, Usage,
    keywords::is_unreserved_keyword,
    kind::{DdlVerb, ddl_object_and_kind},
    lexer::TokenKind,
    names::{
        is_stray_after_name, missing, missing_name, model_name, name_list_errors, names_one_version, reserved_word,
        unexpected_after_name,
    },
    operands::operand_errors,
    query::{QueryWalker, parse_qualified_name},
    script::Script,
    stateless::first_stateful_keyword,
};
use crate::resource::{Span, properties};

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

    /// Parses the rest of a `CREATE` statement.
    fn parse_create(&mut self, mut at: usize, end: usize) -> StatementKind {
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
                if self.has_primary_key {
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

    /// Parses the options between two tokens, and records the connections that they name.
    fn parse_options(&mut self, start: usize, end: usize) {
        let script = self.script;
        self.check_option_list(start, end);
        for at in start..end {
            let (Some(key), Some(value)) = (script.string_literal(at), script.string_literal(at + 2)) else { continue };
            if !script.is_symbol(at + 1, "=") || at + 2 >= end {
                continue;
            }
            if key.to_ascii_lowercase().ends_with(".connection") && !value.trim().is_empty() {
                self.query.add_mention(
                    Usage::Calls,
                    ObjectKind::Connection,
                    parse_qualified_name(&value),
                    script.token_span(at + 2),
                );
            }
            let (key_span, value_span) = (script.token_span(at), script.token_span(at + 2));
            self.options.push(OptionPair { key, key_span, value, value_span });
        }
    }

    /// Reports a comma in a list of options that separates nothing, or one that is missing.
    fn check_option_list(&mut self, start: usize, end: usize) {
        let script = self.script;
        let is_string = |at: usize| at < end && script.token_kind(at) == Some(TokenKind::StringLiteral);
        for at in start..end {
            let is_comma = script.is_symbol(at, ",");
            if is_comma && !is_string(at + 1) {
                self.errors.push(missing(script, at + 1, end, "an option"));
                return;
            }
            let ends_pair = at >= start + 2 && is_string(at) && script.is_symbol(at - 1, "=") && is_string(at - 2);
            if ends_pair && at + 1 < end && !script.is_symbol(at + 1, ",") {
                self.errors.push(missing(script, at + 1, end, "a comma"));
                return;
            }
        }
    }

    /// Parses columns, watermarks and constraints: records the functions that computed columns call, and a primary
    /// key.
    fn parse_columns(&mut self, start: usize, end: usize) {
        let script = self.script;
        let (mention_count, construct_count) = (self.query.mentions.len(), self.query.stateful_constructs.len());
        self.check_column_items(start, end);
        let mut at = start;
        while at < end {
            if script.are_words(at, &["PRIMARY", "KEY"]) {
                self.has_primary_key = true;
                if script.is_symbol(at + 2, "(") {
                    self.check_name_list(at + 3, script.closing_bracket(at + 2, end));
                }
            }
            if script.is_word(at, "AS") {
                let item_end = script.find_at_top_level(at, end, |script, at| script.is_symbol(at, ",")).unwrap_or(end);
                self.query.walk_computed_column(at + 1, item_end);
                at = item_end;
            } else if script.is_symbol(at, "(") {
                at = script.closing_bracket(at, end);
            }
            at += 1;
        }
        // Built-in functions are not dependencies. A definition does not run, so its calls keep no state.
        let is_built_in = |name: &[String]| matches!(name, [only] if super::functions::is_built_in_function(only));
        let found = self.query.mentions.split_off(mention_count);
        self.column_functions.extend(found.into_iter().filter(|mention| !is_built_in(&mention.name)));
        self.query.stateful_constructs.truncate(construct_count);
    }

    /// Reports each column between two tokens that starts with no name, and operators after a name.
    fn check_column_items(&mut self, start: usize, end: usize) {
        let script = self.script;
        let starts_constraint = |at: usize| {
            script.are_words(at, &["PRIMARY", "KEY"])
                || script.are_words(at, &["WATERMARK", "FOR"])
                || (script.is_word(at, "UNIQUE") && script.is_symbol(at + 1, "("))
                || (script.is_word(at, "CONSTRAINT") && script.is_identifier(at + 1))
                || (script.is_word(at, "PARTITION") && script.is_symbol(at + 1, "("))
                || (script.is_word(at, "DISTRIBUTION") && script.is_any_word(at + 1, &["BY", "INTO"]))
        };
        self.errors.extend(name_list_errors(script, start, end, starts_constraint));
        let unsupported = ["DEFAULT", "REFERENCES", "CHECK"];
        let unsupported = (start..end).find(|&at| {
            script.is_any_word(at, &unsupported)
                && at > start
                && !script.is_symbol(at - 1, ".")
                && !script.is_symbol(at - 1, ",")
        });
        if let Some(at) = unsupported.filter(|_| self.errors.is_empty()) {
            let word = script.reserved_word(at);
            self.errors.push(SqlError {
                message: format!("a column has no `{word}` in Flink SQL"),
                span: script.token_span(at),
                help: Some("Remove it.".to_owned()),
            });
        }
    }

    /// Reports each item between two tokens that is no name.
    fn check_name_list(&mut self, start: usize, end: usize) {
        self.errors.extend(name_list_errors(self.script, start, end, |_| false));
    }

    /// Parses the rest of an `ALTER` statement.
    fn parse_alter(&mut self, mut at: usize, end: usize) -> StatementKind {
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
        if script.is_word(at, "SET") && script.is_symbol(at + 1, "(") {
            self.parse_options(at + 2, script.closing_bracket(at + 1, end));
        } else if object != ObjectKind::Table && script.is_any_word(at, &["SET", "ADD", "DROP", "REMOVE", "MODIFY"]) {
            self.parse_used_objects(at + 1, end);
        } else if script.is_word(at, "AS") && self.starts_query(at + 1, end) {
            self.add_query(at + 1, end);
        }
        kind
    }

    /// Parses the rest of a `DROP` statement.
    fn parse_drop(&mut self, mut at: usize, end: usize) -> StatementKind {
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

    /// Parses an `INSERT` or `UPSERT` statement.
    fn parse_insert(&mut self, start: usize, end: usize) -> StatementKind {
        let script = self.script;
        let mut at = start + 1;
        if script.is_word(start, "UPSERT") {
            self.query.add_stateful_construct("UPSERT", script.token_span(start));
        }
        if !script.is_any_word(at, &["INTO", "OVERWRITE"]) {
            return StatementKind::Other;
        }
        at += 1 + usize::from(script.is_word(at, "OVERWRITE") && script.is_word(at + 1, "INTO"));
        // If no name follows, `TABLE` is meant as the name.
        let is_named_next = script.is_identifier(at + 1)
            || (script.token_kind(at + 1) == Some(TokenKind::ReservedWord) && !self.starts_query(at + 1, end));
        at += usize::from(script.is_word(at, "TABLE") && is_named_next);
        let sink_at = at;
        let mut at = match self.add_required_mention(Usage::Writes, ObjectKind::Table, at, end) {
            Some(next) => next,
            // A reserved word is the name that was meant.
            None if script.token_kind(at) == Some(TokenKind::ReservedWord) && !self.starts_query(at, end) => at + 1,
            None => return StatementKind::InsertInto,
        };
        while at < end {
            // `EXTEND (…)`, `PARTITION (…)` and column lists, in any order and number.
            let word = usize::from(script.is_any_word(at, &["EXTEND", "PARTITION"]));
            if !script.is_symbol(at + word, "(") || (word == 0 && self.starts_query(at, end)) {
                break;
            }
            let close = script.closing_bracket(at + word, end);
            if word == 0 {
                self.check_name_list(at + 1, close);
            }
            at = close + 1;
        }
        if at < end && !self.starts_query(at, end) {
            self.errors.push(unexpected_after_name(script, sink_at, at));
            return StatementKind::InsertInto;
        }
        let conflict = script.find_at_top_level(at, end, |script, at| script.are_words(at, &["ON", "CONFLICT"]));
        if let Some(conflict) = conflict {
            self.query.add_stateful_construct("ON CONFLICT", script.token_span(conflict));
        }
        let query_end = conflict.unwrap_or(end);
        let mut first = at;
        while first < query_end && script.is_symbol(first, "(") {
            first += 1;
        }
        let set_words = ["UNION", "EXCEPT", "INTERSECT", "MINUS"];
        let combined =
            script.find_at_top_level(at, query_end, |script, at| script.is_any_word(at, &set_words)).is_some();
        self.add_query(at, query_end);
        if script.is_word(first, "VALUES") && !combined {
            StatementKind::InsertValues
        } else {
            StatementKind::InsertInto
        }
    }

    /// Parses a statement set: `[;] [BEGIN] INSERT …; INSERT …; END`.
    fn parse_statement_set(&mut self, start: usize, end: usize) -> StatementKind {
        let script = self.script;
        let mut at = start;
        while script.is_symbol(at, ";") || script.is_word(at, "BEGIN") {
            at += 1;
        }
        let mut inserts = 0;
        while at < end {
            if script.is_word(at, "END") && (at + 1 >= end || script.is_symbol(at + 1, ";")) {
                self.expect_end(at + 1, end);
                if inserts == 0 {
                    self.add_error("this statement set is empty: add at least one `INSERT INTO` before `END`", at);
                }
                return StatementKind::StatementSet;
            }
            let next = script.find_at_top_level(at, end, |script, at| script.is_symbol(at, ";")).unwrap_or(end);
            if script.is_any_word(at, &["INSERT", "UPSERT"]) {
                inserts += 1;
                // If the `;` before it is missing, `END` is the last word.
                let is_last = || (next..end).all(|at| script.is_symbol(at, ";"));
                let closes = script.is_word(next.saturating_sub(1), "END") && is_last();
                self.parse_insert(at, if closes { next.saturating_sub(1) } else { next });
                if closes {
                    self.add_error("the `;` before this `END` is missing", next.saturating_sub(1));
                    return StatementKind::StatementSet;
                }
            } else if at < next {
                self.add_error(
                    "a statement set holds only `INSERT INTO` statements, each followed by `;`: move this one out of \
                     it",
                    at,
                );
            }
            at = next + 1;
        }
        self.add_error(
            "this statement set is never closed: add `END;` after its last `INSERT INTO`",
            start.saturating_sub(1),
        );
        StatementKind::StatementSet
    }

    /// Adds an error if anything but semicolons follows the end of the statement set.
    fn expect_end(&mut self, start: usize, end: usize) {
        if let Some(at) = (start..end).find(|&at| !self.script.is_symbol(at, ";")) {
            self.add_error("a second statement starts here: give each statement its own entry", at);
        }
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

    /// Returns whether an option says that changes of the table are upserts. The table then has a primary key,
    /// wherever it is defined.
    pub fn declares_upserts(&self) -> bool {
        let is_upsert_mode =
            |pair: &OptionPair| pair.key == "changelog.mode" && pair.value.eq_ignore_ascii_case("upsert");
        self.options.iter().any(is_upsert_mode)
    }

    /// Returns whether each table that is read has a hint that bounds it.
    pub fn is_bounded(&self) -> bool {
        let reads = self.query.mentions.iter().filter(|mention| mention.usage == Usage::Reads).count();
        let ends = self.script.hints.iter().filter(|hint| {
            let text = hint.text(self.script.source());
            let inside = text.strip_prefix("/*+").unwrap_or(text);
            let inside = Script::new(inside.strip_suffix("*/").unwrap_or(inside));
            (0..inside.len()).any(|at| {
                inside.string_literal(at).is_some_and(|key| key == "scan.bounded.mode")
                    && inside.is_symbol(at + 1, "=")
                    && inside.string_literal(at + 2).is_some_and(|mode| mode != "unbounded")
            })
        });
        reads > 0 && ends.count() >= reads
    }

    /// Returns where an option or a hint sets the position where a source starts.
    pub fn startup_option(&self) -> Option<Span> {
        const KEY: &str = properties::STARTUP_OPTION_PREFIX;
        let in_options = self.options.iter().find(|pair| pair.key.contains(KEY)).map(|pair| pair.key_span.clone());
        let in_hints = self.script.hints.iter().find_map(|hint| {
            let inside = hint.text(self.script.source());
            let start = hint.start + inside.find(KEY)?;
            let length = inside.get(start - hint.start..)?.find(['\'', ' ', '=']).unwrap_or(KEY.len());
            Some(start..start + length)
        });
        in_options.into_iter().chain(in_hints).min_by_key(|span| span.start)
    }
}
