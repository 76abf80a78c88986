//! Recognizes one statement: its kind, what it defines, and where its queries are.

use super::{
    Mention, ObjectKind, SqlError, StatefulConstruct, StatementKind, Usage,
    kind::{DdlVerb, ddl_object_and_kind},
    query::{QueryWalker, parse_qualified_name},
    script::Script,
    stateless::first_stateful_keyword,
    table_clauses::{ChangelogMode, TableClauses, parse_like_clause},
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
    /// What it says about the rows of its table.
    pub table: TableClauses,
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
            table: TableClauses::default(),
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
        self.query.add_mention(usage, object, name.parts, name.span);
        Some(name.next_token)
    }

    /// Walks the query between two tokens and records the state that it keeps.
    fn add_query(&mut self, start: usize, end: usize) {
        if start >= end {
            self.query.add_stateful_construct("a missing query", self.script.token_span(start));
            return;
        }
        self.query_ranges.push((start, end));
        self.query.walk_query(start, end);
        if let Some(word) = first_stateful_keyword(self.script, start, end) {
            self.query.stateful_constructs.push(word);
        }
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
        let Some(next) = self.add_mention(Usage::Creates, object, at, end) else {
            // Prose such as `Create a connection …` defines nothing.
            return if at < end { StatementKind::Other } else { kind };
        };
        at = next;
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
                at = self.add_mention(Usage::Reads, ObjectKind::Table, at + 1, end).unwrap_or(at + 1);
                if script.is_symbol(at, "(") {
                    self.table.like = parse_like_clause(script, at + 1, script.closing_bracket(at, end));
                }
            } else if script.is_word(at, "AS") && (self.starts_query(at + 1, end) || at + 1 >= end) {
                self.add_query(at + 1, end);
                return true;
            } else if script.is_symbol(at, "(") {
                at = script.closing_bracket(at, end) + 1;
            } else {
                at += 1;
            }
        }
        false
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
        while let Some(after_name) = self.add_mention(Usage::Calls, object, next, list_end) {
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
            self.table.set_option(&key, &value);
            self.options.push(OptionPair { key, key_span, value, value_span });
        }
    }

    /// Parses columns, watermarks and constraints: records the functions that computed columns call, and a primary
    /// key.
    fn parse_columns(&mut self, start: usize, end: usize) {
        let script = self.script;
        let (mention_count, construct_count) = (self.query.mentions.len(), self.query.stateful_constructs.len());
        let mut at = start;
        while at < end {
            if script.are_words(at, &["PRIMARY", "KEY"]) {
                self.table.primary_key = Some(true);
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
        let Some(next) = self.add_mention(Usage::Alters, object, at, end) else {
            return if at < end { StatementKind::Other } else { kind };
        };
        at = next;
        if script.are_words(at, &["RENAME", "TO"]) {
            let name = script.qualified_name(at + 2, end);
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
        while let Some(next) = self.add_mention(Usage::Drops, object, at, end) {
            if !script.is_symbol(next, ",") {
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
        at += usize::from(script.is_word(at, "TABLE"));
        let Some(mut at) = self.add_mention(Usage::Writes, ObjectKind::Table, at, end) else {
            self.query.add_stateful_construct("a missing sink", script.token_span(at.min(end)));
            return StatementKind::InsertInto;
        };
        while at < end {
            // `EXTEND (…)`, `PARTITION (…)` and column lists, in any order and number.
            let word = usize::from(script.is_any_word(at, &["EXTEND", "PARTITION"]));
            if !script.is_symbol(at + word, "(") || (word == 0 && self.starts_query(at, end)) {
                break;
            }
            at = script.closing_bracket(at + word, end) + 1;
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
        self.errors.push(SqlError { message: message.to_owned(), span: self.script.token_span(at) });
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

    /// Returns whether its queries come to an end: each table that is read has a hint that bounds it, or no table is
    /// read at all, so that every row is a constant.
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
        !self.query_ranges.is_empty() && ends.count() >= reads
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
