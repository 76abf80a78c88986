//! A statement, as far as it is understood, and how its objects, queries and errors are recorded.

use crate::{
    resource::Span,
    sql::{
        Mention, ObjectKind, SqlError, StatefulConstruct, Usage,
        names::{is_stray_after_name, missing, missing_name, model_name, names_one_version, unexpected_after_name},
        operands::operand_errors,
        query::QueryWalker,
        script::Script,
        stateless::first_stateful_keyword,
        table_clauses::TableClauses,
    },
};

/// The words that start a query.
pub(super) const QUERY_START_KEYWORDS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// A statement, as far as it is understood.
pub(in crate::sql) struct ParsedStatement<'s, 'a> {
    /// The tokens of the text.
    pub(super) script: &'s Script<'a>,
    /// The number of statements entered so far: one, plus one for each `EXPLAIN`, `EXECUTE` or `COMPILE PLAN … FOR`
    /// prefix.
    pub(super) statement_depth: usize,
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
pub(in crate::sql) struct OptionPair {
    /// The value of the key's literal.
    pub key: String,
    /// Where the key is, including quotes.
    pub key_span: Span,
    /// The value of the value's literal.
    pub value: String,
    /// Where the value is, including quotes.
    pub value_span: Span,
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
            table: TableClauses::default(),
            column_functions: Vec::new(),
            renamed_to: None,
            errors: Vec::new(),
        }
    }

    /// Records the object that is named at `at`. Returns the index after the name, or `None` if there is no name.
    pub(super) fn add_mention(&mut self, usage: Usage, object: ObjectKind, at: usize, end: usize) -> Option<usize> {
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
    pub(super) fn add_required_mention(
        &mut self,
        usage: Usage,
        object: ObjectKind,
        at: usize,
        end: usize,
    ) -> Option<usize> {
        let next = self.add_mention(usage, object, at, end);
        if next.is_none() {
            self.errors.push(missing_name(self.script, at, end));
        }
        next
    }

    /// Reports what follows the name at `name_at` and belongs to no clause. Returns whether there was such a token.
    pub(super) fn report_stray_after_name(&mut self, name_at: usize, at: usize, end: usize) -> bool {
        let is_stray = is_stray_after_name(self.script, at, end);
        if is_stray {
            self.errors.push(unexpected_after_name(self.script, name_at, at));
        }
        is_stray
    }

    /// Walks the query between two tokens and records the state that it keeps.
    pub(super) fn add_query(&mut self, start: usize, end: usize) {
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
    pub(super) fn report_missing_query(&mut self, at: usize, end: usize) {
        let error = if at >= end {
            missing(self.script, at, end, "a query")
        } else {
            let message = format!("a query must start here, and `{}` starts none", self.script.token_text(at));
            SqlError { message, span: self.script.token_span(at), help: None }
        };
        self.errors.push(error);
    }

    /// Returns whether a query starts at `at`, behind any opening brackets.
    pub(super) fn starts_query(&self, mut at: usize, end: usize) -> bool {
        while at < end && self.script.is_symbol(at, "(") {
            at += 1;
        }
        at < end && self.script.is_any_word(at, &QUERY_START_KEYWORDS)
    }

    /// Adds an error at the token `at`.
    pub(super) fn add_error(&mut self, message: &str, at: usize) {
        self.errors.push(SqlError { message: message.to_owned(), span: self.script.token_span(at), help: None });
    }

    /// Returns the first construct that keeps state, in order of place.
    pub fn first_stateful_construct(&mut self) -> Option<StatefulConstruct> {
        self.query.stateful_constructs.sort_by_key(|state| state.span.start);
        self.query.stateful_constructs.first().cloned()
    }
}
