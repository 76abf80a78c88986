//! What a statement's text says: its kind and class, the objects it names, whether it keeps state, its normal form.
//!
//! A lexer and a shallow recogniser, no validator: exact about what it claims and silent about the rest.

mod functions;
mod keywords;
mod kind;
mod lex;
mod normal;
mod query;
mod reading;
mod script;
mod statement;
mod stateless;

use crate::resource::Span;

pub use normal::{normal_form, same};
pub use reading::read;

/// What is known of a statement from its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What sort of statement it is.
    pub kind: Kind,
    /// Every object it names, in order of appearance.
    pub mentions: Vec<Mention>,
    /// The first construct that keeps state (or that nothing is known of), and where; `None` only if it surely keeps none.
    pub state: Option<StateKept>,
    /// Why the text cannot be one submittable statement, each at its place; empty if nothing speaks against it.
    pub faults: Vec<Fault>,
    /// Whether a `CREATE` says `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Where hints (`/*+ OPTIONS(…) */`) or `WITH` options set `scan.startup.…`.
    pub startup_option: Option<Span>,
    /// Whether the columns of a created table, or those an `ALTER TABLE` adds, have a primary key: it takes upserts.
    pub primary_key: bool,
    /// What `ALTER … RENAME TO` makes of the object that it alters: one that exists from then on.
    pub renamed_to: Option<Mention>,
}

/// The kind of a statement, in the spelling of the API's `traits.sql_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the statement's own first words")]
pub enum Kind {
    CreateTable,
    CreateTableAs,
    CreateView,
    CreateFunction,
    CreateModel,
    CreateConnection,
    CreateAgent,
    CreateTool,
    CreateDatabase,
    CreateCatalog,
    CreateMaterializedTable,
    AlterTable,
    AlterView,
    AlterFunction,
    AlterModel,
    AlterConnection,
    AlterAgent,
    AlterTool,
    AlterDatabase,
    AlterCatalog,
    AlterMaterializedTable,
    DropTable,
    DropView,
    DropFunction,
    DropModel,
    DropConnection,
    DropAgent,
    DropTool,
    DropDatabase,
    DropCatalog,
    DropMaterializedTable,
    /// `INSERT INTO … SELECT`: runs until stopped, unless its sources end.
    InsertInto,
    /// `INSERT INTO … VALUES`: completes.
    InsertValues,
    StatementSet,
    Select,
    Show,
    Describe,
    Explain,
    Use,
    Set,
    Update,
    Delete,
    Truncate,
    Analyze,
    Other,
}

/// What floe does with a statement of some kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Meant to keep running: `INSERT INTO … SELECT`, a statement set.
    Job,
    /// `CREATE TABLE … AS`: defines a table and keeps running.
    TableJob,
    /// Meant to complete once: `CREATE`, `ALTER`, `DROP`, `INSERT … VALUES`.
    Definition,
    /// Understood, and not something that can be kept by any tool; the text says why.
    Refused(&'static str),
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "Flink's own words")]
pub enum ObjectKind {
    /// A table or a view: a query cannot tell them apart.
    Table,
    Function,
    Model,
    Connection,
    Agent,
    Tool,
    Database,
    Catalog,
}

/// What a statement does with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "plain verbs")]
pub enum Use {
    Creates,
    Alters,
    Drops,
    Reads,
    Writes,
    /// Calls a function, or names a model, connection, agent or tool.
    Calls,
}

/// One object at one place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What it does with it.
    pub role: Use,
    /// What it is.
    pub object: ObjectKind,
    /// Its name, one to three parts, unquoted, in the case it was written in.
    pub name: Vec<String>,
    /// Where the name stands.
    pub span: Span,
}

/// A construct that keeps state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateKept {
    /// As people say it: `GROUP BY`, `a regular join`, `MATCH_RECOGNIZE`.
    pub construct: String,
    /// Where it stands.
    pub span: Span,
}

/// Why a text cannot be submitted as one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A sentence with the next step.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl Kind {
    /// What floe does with a statement of this kind.
    pub fn class(self) -> Class {
        match self {
            Kind::InsertInto | Kind::StatementSet => Class::Job,
            Kind::CreateTableAs => Class::TableJob,
            Kind::CreateTable
            | Kind::CreateView
            | Kind::CreateFunction
            | Kind::CreateModel
            | Kind::AlterTable
            | Kind::AlterView
            | Kind::DropTable
            | Kind::DropView
            | Kind::InsertValues => Class::Definition,
            _ => Class::Refused("it is a query or command, and no tool can keep one"),
        }
    }
}

/// Reads the few forms that the rooms `manifest` and `graph` are tested with.
pub fn read(text: &str) -> Reading {
    let mut words: Vec<(String, Span)> = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        let joins = letter.is_alphanumeric() || "_.-$`{}".contains(letter);
        match (joins, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((text.get(from..at).unwrap_or_default().to_owned(), from..at));
                start = None;
            }
            _ => {}
        }
        if letter == ';' {
            words.push((";".to_owned(), at..at + 1));
        }
    }
    let upper: Vec<String> = words.iter().map(|(word, _)| word.to_uppercase()).collect();
    let at = |index: usize| upper.get(index).map_or("", String::as_str);
    let has = |word: &str| upper.iter().any(|other| other == word);
    let kind = match (at(0), at(1)) {
        ("CREATE", "TABLE") if has("AS") => Kind::CreateTableAs,
        ("CREATE", "TABLE") => Kind::CreateTable,
        ("CREATE", "VIEW") => Kind::CreateView,
        ("CREATE", "FUNCTION") => Kind::CreateFunction,
        ("CREATE", "MODEL") => Kind::CreateModel,
        ("ALTER", "TABLE") => Kind::AlterTable,
        ("DROP", "TABLE") => Kind::DropTable,
        ("DROP", "VIEW") => Kind::DropView,
        ("INSERT", _) if has("VALUES") => Kind::InsertValues,
        ("INSERT", _) => Kind::InsertInto,
        ("EXECUTE", "STATEMENT") => Kind::StatementSet,
        ("SELECT" | "WITH", _) => Kind::Select,
        ("SHOW", _) => Kind::Show,
        ("SET", _) => Kind::Set,
        _ => Kind::Other,
    };
    let mut faults = Vec::new();
    let mut mentions = Vec::new();
    for (index, (word, span)) in words.iter().enumerate() {
        if word == ";" && kind != Kind::StatementSet && index + 1 < words.len() {
            let message = "this is a second statement; give each its own file or entry".to_owned();
            faults.push(Fault { message, span: words.get(index + 1).map_or(span.clone(), |(_, span)| span.clone()) });
        }
        let before = |back: usize| index.checked_sub(back).map_or("", at);
        let verb = if ["IF", "NOT", "EXISTS"].contains(&at(index)) { "" } else { at(0) };
        let defined = (index == 2 && at(2) != "IF") || (before(1) == "EXISTS" && index <= 5);
        let object = match at(1) {
            "FUNCTION" => ObjectKind::Function,
            "MODEL" => ObjectKind::Model,
            _ => ObjectKind::Table,
        };
        let found = match (verb, before(1)) {
            ("CREATE", _) if defined => Some((Use::Creates, object)),
            ("ALTER", _) if defined => Some((Use::Alters, object)),
            ("DROP", _) if defined => Some((Use::Drops, object)),
            (_, "INTO") => Some((Use::Writes, ObjectKind::Table)),
            (_, "FROM" | "JOIN") => Some((Use::Reads, ObjectKind::Table)),
            _ if text.get(span.end..).is_some_and(|rest| rest.starts_with('('))
                && index > 2
                && before(1) == "SELECT" =>
            {
                Some((Use::Calls, ObjectKind::Function))
            }
            _ => None,
        };
        if let Some((role, object)) = found {
            let name = word.split('.').map(|part| part.trim_matches('`').to_owned()).collect();
            mentions.push(Mention { role, object, name, span: span.clone() });
        }
    }
    if kind == Kind::Set {
        let span = words.first().map_or(0..0, |(_, span)| span.clone());
        faults.push(Fault { message: "`SET` is not submitted with SQL; use `properties`".to_owned(), span });
    }
    Reading {
        kind,
        mentions,
        state: None,
        faults,
        if_not_exists: has("EXISTS"),
        startup_option: None,
        primary_key: has("PRIMARY"),
    }
}
