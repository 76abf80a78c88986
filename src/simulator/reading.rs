//! What the simulator needs of a statement's text: its kind, what runs, and the objects it names.

use crate::sql::{Fault, Kind, Mention, ObjectKind, Reading, Use};

/// What a text means to the world.
#[derive(Debug, Clone)]
pub(super) struct Gist {
    /// `traits.sql_kind`.
    pub(super) kind: &'static str,
    /// What becomes of it.
    pub(super) sort: Sort,
    /// Whether `IF NOT EXISTS` is said.
    pub(super) if_not_exists: bool,
    /// Whether it says `OR REPLACE` or `OR ALTER`.
    pub(super) replaces: bool,
    /// Whether `IF EXISTS` is said.
    pub(super) if_exists: bool,
    /// Every object it names: what it does with it, what it is, its name's parts.
    pub(super) mentions: Vec<(Use, ObjectKind, Vec<String>)>,
    /// Why it cannot compile, if so.
    pub(super) fault: Option<String>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// COMPLETES.
    Definition,
    /// Runs until stopped.
    Job,
    /// Defines a table when it starts, and runs until stopped.
    TableJob,
    /// Runs while somebody fetches its results.
    Foreground,
    /// FAILS.
    Refused,
}

impl Sort {
    /// Whether the service can resume it: `CREATE TABLE AS`, `INSERT INTO` and statement sets.
    pub(super) fn resumes(self) -> bool {
        matches!(self, Sort::Job | Sort::TableJob)
    }
}

impl Gist {
    /// Reads `text`.
    pub(super) fn of(text: &str) -> Gist {
        let reading = read(text);
        let fault = reading.faults.first().map(|fault| fault.message.clone());
        Gist {
            kind: api_name(reading.kind),
            sort: sort(reading.kind),
            if_not_exists: reading.if_not_exists,
            replaces: says(text, "OR", &["REPLACE", "ALTER"]),
            if_exists: says(text, "IF", &["EXISTS"]),
            mentions: reading.mentions.into_iter().map(|m| (m.role, m.object, m.name)).collect(),
            fault,
        }
    }

    /// The names it uses so.
    pub(super) fn named(&self, role: Use) -> impl Iterator<Item = (ObjectKind, &[String])> {
        self.mentions.iter().filter(move |(r, ..)| *r == role).map(|(_, object, name)| (*object, name.as_slice()))
    }
}

/// Whether one of `then` follows `first` before the first bracket, where a statement's head ends.
fn says(text: &str, first: &str, then: &[&str]) -> bool {
    let words = words(text);
    let mut head = words.split(|word| word.is("(") || word.is("AS")).next().unwrap_or_default().windows(2);
    head.any(|pair| matches!(pair, [a, b] if a.is(first) && then.iter().any(|then| b.is(then))))
}

fn sort(kind: Kind) -> Sort {
    match kind {
        Kind::InsertInto | Kind::StatementSet => Sort::Job,
        Kind::CreateTableAs | Kind::CreateMaterializedTable => Sort::TableJob,
        Kind::Select => Sort::Foreground,
        Kind::Set | Kind::Use | Kind::Other => Sort::Refused,
        _ => Sort::Definition,
    }
}

/// One word, name or sign of a text; a string's content is of no interest.
struct Word {
    text: String,
    quoted: bool,
    at: usize,
}

impl Word {
    fn is(&self, keyword: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(keyword)
    }

    fn names(&self) -> bool {
        self.quoted || self.text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, c)| *c);
        match (c, next) {
            _ if c.is_whitespace() => {}
            ('-', Some('-')) | ('/', Some('/')) => {
                for (_, c) in rest.by_ref() {
                    if c == '\n' {
                        break;
                    }
                }
            }
            ('/', Some('*')) => {
                let mut before = ' ';
                for (_, c) in rest.by_ref() {
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            ('\'' | '`', _) => {
                let mut inside = String::new();
                while let Some((_, d)) = rest.next() {
                    if d == c {
                        if rest.peek().is_some_and(|(_, e)| *e == c) {
                            rest.next();
                        } else {
                            break;
                        }
                    }
                    inside.push(d);
                }
                let text = if c == '`' { inside } else { "'".to_owned() };
                words.push(Word { text, quoted: c == '`', at });
            }
            _ if c.is_alphanumeric() || c == '_' || c == '$' => {
                let mut text = String::from(c);
                while let Some((_, d)) = rest.next_if(|(_, d)| d.is_alphanumeric() || *d == '_' || *d == '$') {
                    text.push(d);
                }
                words.push(Word { text, quoted: false, at });
            }
            _ => words.push(Word { text: c.to_string(), quoted: false, at }),
        }
    }
    words
}

/// A dotted name that begins at `from`, and where it ends.
fn name(words: &[Word], from: usize) -> Option<(Vec<String>, usize)> {
    let mut parts = Vec::new();
    let mut at = from;
    while let Some(word) = words.get(at).filter(|word| word.names()) {
        parts.push(word.text.clone());
        at = at.saturating_add(1);
        if !words.get(at).is_some_and(|word| word.is(".")) {
            break;
        }
        at = at.saturating_add(1);
    }
    (!parts.is_empty()).then_some((parts, at))
}

fn object(word: &Word) -> Option<ObjectKind> {
    Some(match word.text.to_ascii_uppercase().as_str() {
        "TABLE" | "VIEW" => ObjectKind::Table,
        "FUNCTION" => ObjectKind::Function,
        "MODEL" => ObjectKind::Model,
        "CONNECTION" => ObjectKind::Connection,
        "AGENT" => ObjectKind::Agent,
        "TOOL" => ObjectKind::Tool,
        "DATABASE" => ObjectKind::Database,
        "CATALOG" => ObjectKind::Catalog,
        _ => return None,
    })
}

fn kind(verb: &str, noun: &Word, query: bool) -> Kind {
    match (verb, noun.text.to_ascii_uppercase().as_str()) {
        ("CREATE", "TABLE") if query => Kind::CreateTableAs,
        ("CREATE", "TABLE") => Kind::CreateTable,
        ("CREATE", "VIEW") => Kind::CreateView,
        ("CREATE", "FUNCTION") => Kind::CreateFunction,
        ("CREATE", "MODEL") => Kind::CreateModel,
        ("CREATE", "CONNECTION") => Kind::CreateConnection,
        ("CREATE", "AGENT") => Kind::CreateAgent,
        ("CREATE", "TOOL") => Kind::CreateTool,
        ("CREATE", "DATABASE") => Kind::CreateDatabase,
        ("CREATE", "CATALOG") => Kind::CreateCatalog,
        ("ALTER", "TABLE") => Kind::AlterTable,
        ("ALTER", "VIEW") => Kind::AlterView,
        ("ALTER", "FUNCTION") => Kind::AlterFunction,
        ("ALTER", "MODEL") => Kind::AlterModel,
        ("ALTER", "CONNECTION") => Kind::AlterConnection,
        ("ALTER", "AGENT") => Kind::AlterAgent,
        ("ALTER", "TOOL") => Kind::AlterTool,
        ("ALTER", "DATABASE") => Kind::AlterDatabase,
        ("ALTER", "CATALOG") => Kind::AlterCatalog,
        ("DROP", "TABLE") => Kind::DropTable,
        ("DROP", "VIEW") => Kind::DropView,
        ("DROP", "FUNCTION") => Kind::DropFunction,
        ("DROP", "MODEL") => Kind::DropModel,
        ("DROP", "CONNECTION") => Kind::DropConnection,
        ("DROP", "AGENT") => Kind::DropAgent,
        ("DROP", "TOOL") => Kind::DropTool,
        ("DROP", "DATABASE") => Kind::DropDatabase,
        ("DROP", "CATALOG") => Kind::DropCatalog,
        _ => Kind::Other,
    }
}

fn read(text: &str) -> Reading {
    let words = words(text);
    let mut mentions: Vec<Mention> = Vec::new();
    let mut mention = |role, object, name: Vec<String>, at: usize| {
        mentions.push(Mention { role, object, name, span: at..at });
    };
    let verb = words.first().map(|word| word.text.to_ascii_uppercase()).unwrap_or_default();
    let query = words.iter().any(|word| word.is("SELECT"));
    let if_not_exists = words.windows(3).any(|w| matches!(w, [a, b, c] if a.is("IF") && b.is("NOT") && c.is("EXISTS")));
    let mut found = match verb.as_str() {
        "INSERT" if !query && words.iter().any(|word| word.is("VALUES")) => Kind::InsertValues,
        "INSERT" => Kind::InsertInto,
        "EXECUTE" => Kind::StatementSet,
        "SELECT" | "WITH" | "VALUES" => Kind::Select,
        "SHOW" => Kind::Show,
        "DESCRIBE" | "DESC" => Kind::Describe,
        "EXPLAIN" => Kind::Explain,
        "USE" => Kind::Use,
        "SET" => Kind::Set,
        "UPDATE" => Kind::Update,
        "DELETE" => Kind::Delete,
        _ => Kind::Other,
    };
    let role = match verb.as_str() {
        "CREATE" => Some(Use::Creates),
        "ALTER" => Some(Use::Alters),
        "DROP" => Some(Use::Drops),
        _ => None,
    };
    let mut rest = 0;
    if let Some(role) = role
        && let Some((at, noun, what)) =
            words.iter().enumerate().skip(1).take(5).find_map(|(at, word)| Some((at, word, object(word)?)))
    {
        found = kind(&verb, noun, query);
        let skip = words.iter().skip(at.saturating_add(1)).take_while(|w| w.is("IF") || w.is("NOT") || w.is("EXISTS"));
        let begin = at.saturating_add(1).saturating_add(skip.count());
        if let Some((name, end)) = name(&words, begin) {
            mention(role, what, name, noun.at);
            rest = end;
        }
    }
    for (at, word) in words.iter().enumerate().skip(rest) {
        let role = match () {
            () if !query && role.is_some() => continue,
            () if word.is("INTO") => Use::Writes,
            () if word.is("FROM") || word.is("JOIN") => Use::Reads,
            () => continue,
        };
        if let Some((name, end)) = name(&words, at.saturating_add(1))
            && !words.get(end).is_some_and(|word| word.is("("))
        {
            mention(role, ObjectKind::Table, name, word.at);
        }
    }
    let faults = if words.is_empty() {
        vec![Fault { message: "the statement is empty".to_owned(), span: 0..0 }]
    } else {
        Vec::new()
    };
    Reading { kind: found, mentions, state: None, faults, if_not_exists, startup_option: None, primary_key: false }
}

fn api_name(kind: Kind) -> &'static str {
    match kind {
        Kind::CreateTable => "CREATE_TABLE",
        Kind::CreateTableAs => "CREATE_TABLE_AS",
        Kind::CreateView => "CREATE_VIEW",
        Kind::CreateFunction => "CREATE_FUNCTION",
        Kind::CreateModel => "CREATE_MODEL",
        Kind::CreateConnection => "CREATE_CONNECTION",
        Kind::CreateAgent => "CREATE_AGENT",
        Kind::CreateTool => "CREATE_TOOL",
        Kind::CreateDatabase => "CREATE_DATABASE",
        Kind::CreateCatalog => "CREATE_CATALOG",
        Kind::CreateMaterializedTable => "CREATE_MATERIALIZED_TABLE",
        Kind::AlterTable => "ALTER_TABLE",
        Kind::AlterView => "ALTER_VIEW",
        Kind::AlterFunction => "ALTER_FUNCTION",
        Kind::AlterModel => "ALTER_MODEL",
        Kind::AlterConnection => "ALTER_CONNECTION",
        Kind::AlterAgent => "ALTER_AGENT",
        Kind::AlterTool => "ALTER_TOOL",
        Kind::AlterDatabase => "ALTER_DATABASE",
        Kind::AlterCatalog => "ALTER_CATALOG",
        Kind::AlterMaterializedTable => "ALTER_MATERIALIZED_TABLE",
        Kind::DropTable => "DROP_TABLE",
        Kind::DropView => "DROP_VIEW",
        Kind::DropFunction => "DROP_FUNCTION",
        Kind::DropModel => "DROP_MODEL",
        Kind::DropConnection => "DROP_CONNECTION",
        Kind::DropAgent => "DROP_AGENT",
        Kind::DropTool => "DROP_TOOL",
        Kind::DropDatabase => "DROP_DATABASE",
        Kind::DropCatalog => "DROP_CATALOG",
        Kind::DropMaterializedTable => "DROP_MATERIALIZED_TABLE",
        Kind::InsertInto | Kind::InsertValues => "INSERT_INTO",
        Kind::StatementSet => "STATEMENT_SET",
        Kind::Select => "SELECT",
        Kind::Show => "SHOW",
        Kind::Describe => "DESCRIBE",
        Kind::Explain => "EXPLAIN",
        Kind::Use => "USE",
        Kind::Set => "SET",
        Kind::Update => "UPDATE",
        Kind::Delete => "DELETE",
        Kind::Truncate => "TRUNCATE",
        Kind::Analyze => "ANALYZE",
        Kind::Other => "OTHER",
    }
}
