//! The recogniser of one statement: its kind, what it defines, and where its queries are.

use super::{
    Fault, Kind, Mention, ObjectKind, StateKept, Use,
    kind::{Verb, defines},
    query::{Query, qualified},
    script::Script,
    stateless::first_telling_word,
};
use crate::resource::Span;

/// A statement as far as it is understood.
pub(super) struct Statement<'s, 'a> {
    script: &'s Script<'a>,
    /// How many statements were begun: one, and one more for each `EXPLAIN`, `EXECUTE` or `COMPILE PLAN … FOR` before it.
    heads: usize,
    /// What walking its queries gave, the objects of its clauses included.
    pub query: Query<'s, 'a>,
    /// The token ranges of its queries.
    pub queries: Vec<(usize, usize)>,
    /// The pairs of its `WITH (…)` and `SET (…)`.
    pub options: Vec<OptionPair>,
    /// Whether a `CREATE` says `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where a `CREATE` says `TEMPORARY`.
    pub temporary: Option<Span>,
    /// Whether the columns of a table name a primary key.
    pub primary_key: bool,
    /// The functions that computed columns and watermarks call, but for those that come with Flink.
    pub column_functions: Vec<Mention>,
    /// What an `ALTER … RENAME TO` makes of the object.
    pub renamed_to: Option<Mention>,
    /// What ends a statement set too early or stands in it wrongly.
    pub faults: Vec<Fault>,
}

/// `'key' = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OptionPair {
    /// What the key's literal stands for.
    pub key: String,
    /// Where it stands, quotes included.
    pub key_span: Span,
    /// What the value's literal stands for.
    pub value: String,
    /// Where it stands, quotes included.
    pub value_span: Span,
}

/// No sound statement stands behind more heads than this; it keeps a text of nothing but `EXECUTE` from recursing.
const MOST_HEADS: usize = 4;

/// The words with which a query begins.
const QUERY_WORDS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

impl<'s, 'a> Statement<'s, 'a> {
    pub fn new(script: &'s Script<'a>) -> Self {
        Statement {
            script,
            heads: 0,
            query: Query::new(script),
            queries: Vec::new(),
            options: Vec::new(),
            if_not_exists: false,
            temporary: None,
            primary_key: false,
            column_functions: Vec::new(),
            renamed_to: None,
            faults: Vec::new(),
        }
    }

    /// Recognises the statement between two tokens.
    pub fn recognise(&mut self, start: usize, end: usize) -> Kind {
        let script = self.script;
        self.heads += 1;
        if self.heads > MOST_HEADS {
            return Kind::Other;
        }
        if script.symbol(start, "(") || script.is_any(start, &QUERY_WORDS) {
            self.take_query(start, end);
            return Kind::Select;
        }
        match script.text(start).to_ascii_uppercase().as_str() {
            "CREATE" | "REPLACE" => self.create(start + 1, end),
            "ALTER" => self.alter(start + 1, end),
            "DROP" => self.drop(start + 1, end),
            "INSERT" | "UPSERT" => self.insert(start, end),
            "EXECUTE" if script.are(start + 1, &["STATEMENT", "SET"]) => self.statement_set(start + 3, end),
            "BEGIN" if script.are(start + 1, &["STATEMENT", "SET"]) => self.statement_set(start + 3, end),
            "STATEMENT" if script.is(start + 1, "SET") => self.statement_set(start + 2, end),
            "EXECUTE" if !script.is(start + 1, "PLAN") => self.recognise(start + 1, end),
            "COMPILE" => self.compile(start + 1, end),
            "EXPLAIN" => self.explain(start + 1, end),
            "SHOW" => self.show(start + 1, end),
            "DESCRIBE" | "DESC" => self.describe(start + 1, end),
            "USE" => Kind::Use,
            "SET" | "RESET" => Kind::Set,
            "UPDATE" => self.change(Kind::Update, start, start + 1, end),
            "DELETE" => self.change(Kind::Delete, start, start + 2, end),
            "TRUNCATE" => self.change(Kind::Truncate, start, start + 2, end),
            "ANALYZE" => Kind::Analyze,
            _ => Kind::Other,
        }
    }

    fn mention(&mut self, role: Use, object: ObjectKind, at: usize, end: usize) -> Option<usize> {
        let name = self.script.name(at, end)?;
        self.query.mention(role, object, name.parts, name.span);
        Some(name.next)
    }

    fn take_query(&mut self, start: usize, end: usize) {
        if start >= end {
            self.query.keeps_state("a query that is missing", self.script.span(start));
            return;
        }
        self.queries.push((start, end));
        self.query.walk(start, end);
        if let Some(word) = first_telling_word(self.script, start, end) {
            self.query.state.push(word);
        }
    }

    fn begins_query(&self, mut at: usize, end: usize) -> bool {
        while at < end && self.script.symbol(at, "(") {
            at += 1;
        }
        at < end && self.script.is_any(at, &QUERY_WORDS)
    }

    fn create(&mut self, mut at: usize, end: usize) -> Kind {
        let script = self.script;
        if script.is(at, "OR") && script.is_any(at + 1, &["REPLACE", "ALTER"]) {
            at += 2;
        }
        while script.is_any(at, &["TEMPORARY", "SYSTEM", "EXTERNAL"]) {
            if script.is(at, "TEMPORARY") {
                self.temporary = Some(script.span(at));
            }
            at += 1;
        }
        let Some((object, kind)) = defines(Verb::Create, script.text(at)) else { return Kind::Other };
        at += if script.is(at, "MATERIALIZED") { 2 } else { 1 };
        if script.are(at, &["IF", "NOT", "EXISTS"]) {
            self.if_not_exists = true;
            at += 3;
        }
        let Some(next) = self.mention(Use::Creates, object, at, end) else {
            // `Create a connection …`, as prose goes, defines nothing.
            return if at < end { Kind::Other } else { kind };
        };
        at = next;
        if object == ObjectKind::Table && script.symbol(at, "(") {
            let close = script.closing(at, end);
            self.columns(at + 1, close);
            at = close + 1;
        }
        let has_query = self.definition_clauses(kind, at, end);
        match kind {
            Kind::CreateTable if has_query => {
                if self.primary_key {
                    self.query.keeps_state("a created table with a primary key", script.span(next.saturating_sub(1)));
                }
                Kind::CreateTableAs
            }
            _ => kind,
        }
    }

    /// `WITH`, `USING`, `LIKE`, `AS` of a definition, in any order; says whether a query is among them.
    fn definition_clauses(&mut self, kind: Kind, mut at: usize, end: usize) -> bool {
        let script = self.script;
        while at < end {
            if script.is(at, "WITH") && script.symbol(at + 1, "(") {
                let close = script.closing(at + 1, end);
                self.take_options(at + 2, close);
                at = close + 1;
            } else if script.is(at, "USING") {
                at = self.used_objects(at + 1, end);
            } else if script.is(at, "LIKE") && kind == Kind::CreateTable {
                at = self.mention(Use::Reads, ObjectKind::Table, at + 1, end).unwrap_or(at + 1);
            } else if script.is(at, "AS") && (self.begins_query(at + 1, end) || at + 1 >= end) {
                self.take_query(at + 1, end);
                return true;
            } else if script.symbol(at, "(") {
                at = script.closing(at, end) + 1;
            } else {
                at += 1;
            }
        }
        false
    }

    /// Behind `USING`, `SET`, `ADD`, `DROP`: `MODEL m`, `TOOLS a, b`, `CONNECTIONS (a, b)`; gives the index behind.
    fn used_objects(&mut self, at: usize, end: usize) -> usize {
        let object = match self.script.text(at).to_ascii_uppercase().as_str() {
            "MODEL" | "MODELS" => ObjectKind::Model,
            "TOOL" | "TOOLS" => ObjectKind::Tool,
            "AGENT" | "AGENTS" => ObjectKind::Agent,
            "FUNCTION" | "FUNCTIONS" => ObjectKind::Function,
            "CONNECTION" | "CONNECTIONS" => ObjectKind::Connection,
            _ => return at,
        };
        let bracket = self.script.symbol(at + 1, "(");
        let list_end = if bracket { self.script.closing(at + 1, end) } else { end };
        let mut next = at + 1 + usize::from(bracket);
        while let Some(behind) = self.mention(Use::Calls, object, next, list_end) {
            next = behind;
            if !self.script.symbol(next, ",") {
                break;
            }
            next += 1;
        }
        if bracket { list_end + 1 } else { next }
    }

    fn take_options(&mut self, start: usize, end: usize) {
        let script = self.script;
        for at in start..end {
            let (Some(key), Some(value)) = (script.literal(at), script.literal(at + 2)) else { continue };
            if !script.symbol(at + 1, "=") || at + 2 >= end {
                continue;
            }
            if key.to_ascii_lowercase().ends_with(".connection") && !value.trim().is_empty() {
                self.query.mention(Use::Calls, ObjectKind::Connection, qualified(&value), script.span(at + 2));
            }
            let (key_span, value_span) = (script.span(at), script.span(at + 2));
            self.options.push(OptionPair { key, key_span, value, value_span });
        }
    }

    /// Columns, watermarks and constraints: the functions that computed columns call, and whether there is a primary key.
    fn columns(&mut self, start: usize, end: usize) {
        let script = self.script;
        let (mentions, states) = (self.query.mentions.len(), self.query.state.len());
        let mut at = start;
        while at < end {
            if script.are(at, &["PRIMARY", "KEY"]) {
                self.primary_key = true;
            }
            if script.is(at, "AS") {
                let item_end = script.find(at, end, |script, at| script.symbol(at, ",")).unwrap_or(end);
                self.query.computed(at + 1, item_end);
                at = item_end;
            } else if script.symbol(at, "(") {
                at = script.closing(at, end);
            }
            at += 1;
        }
        // What comes with Flink depends on nothing, and a definition does not run.
        let is_built_in = |name: &[String]| matches!(name, [only] if super::functions::is_built_in(only));
        let found = self.query.mentions.split_off(mentions);
        self.column_functions.extend(found.into_iter().filter(|mention| !is_built_in(&mention.name)));
        self.query.state.truncate(states);
    }

    fn alter(&mut self, mut at: usize, end: usize) -> Kind {
        let script = self.script;
        while script.is_any(at, &["TEMPORARY", "SYSTEM"]) {
            at += 1;
        }
        let Some((object, kind)) = defines(Verb::Alter, script.text(at)) else { return Kind::Other };
        at += if script.is(at, "MATERIALIZED") { 2 } else { 1 };
        at += if script.are(at, &["IF", "EXISTS"]) { 2 } else { 0 };
        let Some(next) = self.mention(Use::Alters, object, at, end) else {
            return if at < end { Kind::Other } else { kind };
        };
        at = next;
        if script.are(at, &["RENAME", "TO"]) {
            let name = script.name(at + 2, end);
            self.renamed_to =
                name.map(|name| Mention { role: Use::Creates, object, name: name.parts, span: name.span });
            return kind;
        }
        if object == ObjectKind::Table && script.is_any(at, &["ADD", "MODIFY"]) {
            let inside = at + 1 + usize::from(script.symbol(at + 1, "("));
            let close = if inside > at + 1 { script.closing(at + 1, end) } else { end };
            self.columns(inside, close);
            return kind;
        }
        if script.is(at, "SET") && script.symbol(at + 1, "(") {
            self.take_options(at + 2, script.closing(at + 1, end));
        } else if object != ObjectKind::Table && script.is_any(at, &["SET", "ADD", "DROP", "REMOVE", "MODIFY"]) {
            self.used_objects(at + 1, end);
        } else if script.is(at, "AS") && self.begins_query(at + 1, end) {
            self.take_query(at + 1, end);
        }
        kind
    }

    fn drop(&mut self, mut at: usize, end: usize) -> Kind {
        let script = self.script;
        while script.is_any(at, &["TEMPORARY", "SYSTEM"]) {
            at += 1;
        }
        let Some((object, kind)) = defines(Verb::Drop, script.text(at)) else { return Kind::Other };
        at += if script.is(at, "MATERIALIZED") { 2 } else { 1 };
        at += if script.are(at, &["IF", "EXISTS"]) { 2 } else { 0 };
        while let Some(next) = self.mention(Use::Drops, object, at, end) {
            if !script.symbol(next, ",") {
                break;
            }
            at = next + 1;
        }
        kind
    }

    fn insert(&mut self, start: usize, end: usize) -> Kind {
        let script = self.script;
        let mut at = start + 1;
        if script.is(start, "UPSERT") {
            self.query.keeps_state("UPSERT", script.span(start));
        }
        if !script.is_any(at, &["INTO", "OVERWRITE"]) {
            return Kind::Other;
        }
        at += 1 + usize::from(script.is(at, "OVERWRITE") && script.is(at + 1, "INTO"));
        at += usize::from(script.is(at, "TABLE"));
        let Some(mut at) = self.mention(Use::Writes, ObjectKind::Table, at, end) else {
            self.query.keeps_state("a sink that is missing", script.span(at.min(end)));
            return Kind::InsertInto;
        };
        while at < end {
            // `EXTEND (…)`, `PARTITION (…)` and columns, in any order and number.
            let word = usize::from(script.is_any(at, &["EXTEND", "PARTITION"]));
            if !script.symbol(at + word, "(") || (word == 0 && self.begins_query(at, end)) {
                break;
            }
            at = script.closing(at + word, end) + 1;
        }
        let conflict = script.find(at, end, |script, at| script.are(at, &["ON", "CONFLICT"]));
        if let Some(conflict) = conflict {
            self.query.keeps_state("ON CONFLICT", script.span(conflict));
        }
        let query_end = conflict.unwrap_or(end);
        let mut first = at;
        while first < query_end && script.symbol(first, "(") {
            first += 1;
        }
        let set_words = ["UNION", "EXCEPT", "INTERSECT", "MINUS"];
        let combined = script.find(at, query_end, |script, at| script.is_any(at, &set_words)).is_some();
        self.take_query(at, query_end);
        if script.is(first, "VALUES") && !combined { Kind::InsertValues } else { Kind::InsertInto }
    }

    /// `[;] [BEGIN] INSERT …; INSERT …; END`.
    fn statement_set(&mut self, start: usize, end: usize) -> Kind {
        let script = self.script;
        let mut at = start;
        while script.symbol(at, ";") || script.is(at, "BEGIN") {
            at += 1;
        }
        let mut inserts = 0;
        while at < end {
            if script.is(at, "END") && (at + 1 >= end || script.symbol(at + 1, ";")) {
                self.ends(at + 1, end);
                if inserts == 0 {
                    self.fault("this statement set is empty; put at least one INSERT INTO before END", at);
                }
                return Kind::StatementSet;
            }
            let next = script.find(at, end, |script, at| script.symbol(at, ";")).unwrap_or(end);
            if script.is_any(at, &["INSERT", "UPSERT"]) {
                inserts += 1;
                // Without a `;` before it, END is the last word.
                let is_last = || (next..end).all(|at| script.symbol(at, ";"));
                let closes = script.is(next.saturating_sub(1), "END") && is_last();
                self.insert(at, if closes { next.saturating_sub(1) } else { next });
                if closes {
                    self.fault("the `;` before this END is missing", next.saturating_sub(1));
                    return Kind::StatementSet;
                }
            } else if at < next {
                self.fault(
                    "a statement set holds INSERT INTO statements only, each with a `;` behind it; move this one out",
                    at,
                );
            }
            at = next + 1;
        }
        self.fault(
            "this statement set is never closed; put `END;` behind its last INSERT INTO",
            start.saturating_sub(1),
        );
        Kind::StatementSet
    }

    fn ends(&mut self, start: usize, end: usize) {
        if let Some(at) = (start..end).find(|&at| !self.script.symbol(at, ";")) {
            self.fault(
                "a second statement begins here; one text holds one statement, so give it an entry of its own",
                at,
            );
        }
    }

    fn fault(&mut self, message: &str, at: usize) {
        self.faults.push(Fault { message: message.to_owned(), span: self.script.span(at) });
    }

    fn explain(&mut self, start: usize, end: usize) -> Kind {
        const STARTS: [&str; 12] = [
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
        let begins = |script: &Script<'_>, at: usize| script.symbol(at, "(") || script.is_any(at, &STARTS);
        if let Some(at) = self.script.find(start, end, begins) {
            self.recognise(at, end);
        }
        Kind::Explain
    }

    /// `COMPILE [AND EXECUTE] PLAN '…' [IF NOT EXISTS] FOR statement`.
    fn compile(&mut self, start: usize, end: usize) -> Kind {
        if let Some(at) = self.script.find(start, end, |script, at| script.is(at, "FOR")) {
            self.recognise(at + 1, end);
        }
        Kind::Other
    }

    /// `SHOW CREATE AGENT a`: agents and tools are named, for only the project knows them by name.
    fn show(&mut self, at: usize, end: usize) -> Kind {
        if self.script.is(at, "CREATE") {
            self.agent_or_tool(at + 1, end);
        }
        Kind::Show
    }

    fn describe(&mut self, at: usize, end: usize) -> Kind {
        self.agent_or_tool(at, end);
        Kind::Describe
    }

    fn agent_or_tool(&mut self, at: usize, end: usize) {
        let object = match self.script.text(at).to_ascii_uppercase().as_str() {
            "AGENT" => ObjectKind::Agent,
            "TOOL" => ObjectKind::Tool,
            _ => return,
        };
        let extended = self.script.is(at + 1, "EXTENDED") && self.script.is_identifier(at + 2);
        self.mention(Use::Calls, object, at + 1 + usize::from(extended), end);
    }

    /// `UPDATE t …`, `DELETE FROM t …`, `TRUNCATE TABLE t`.
    fn change(&mut self, kind: Kind, verb: usize, at: usize, end: usize) -> Kind {
        self.query.keeps_state(self.script.text(verb).to_ascii_uppercase(), self.script.span(verb));
        if let Some(next) = self.mention(Use::Writes, ObjectKind::Table, at, end) {
            self.query.expression(next, end);
        }
        kind
    }

    /// Every construct that keeps state, the first one first.
    pub fn first_state(&mut self) -> Option<StateKept> {
        self.query.state.sort_by_key(|state| state.span.start);
        self.query.state.first().cloned()
    }

    /// Whether an option says that changes of the table are upserts. It has a primary key then, wherever that was given.
    pub fn is_said_to_take_upserts(&self) -> bool {
        let says = |pair: &OptionPair| pair.key == "changelog.mode" && pair.value.eq_ignore_ascii_case("upsert");
        self.options.iter().any(says)
    }

    /// Whether there is a hint for each table that is read that ends it.
    pub fn is_bounded(&self) -> bool {
        let reads = self.query.mentions.iter().filter(|mention| mention.role == Use::Reads).count();
        let ends = self.script.hints.iter().filter(|hint| {
            let text = hint.text(self.script.source());
            let inside = text.strip_prefix("/*+").unwrap_or(text);
            let inside = Script::new(inside.strip_suffix("*/").unwrap_or(inside));
            (0..inside.len()).any(|at| {
                inside.literal(at).is_some_and(|key| key == "scan.bounded.mode")
                    && inside.symbol(at + 1, "=")
                    && inside.literal(at + 2).is_some_and(|mode| mode != "unbounded")
            })
        });
        reads > 0 && ends.count() >= reads
    }

    /// Where options or hints set where a source starts.
    pub fn startup_option(&self) -> Option<Span> {
        const KEY: &str = "scan.startup.";
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
