//! What a statement's text means to the world: what becomes of it, and the objects it names.

use serde::{Deserialize, Serialize};

use crate::sql::{self, ObjectKind, StatementKind, Usage};

/// What a text means to the world.
#[derive(Debug, Clone)]
pub(super) struct Gist {
    /// What answers show of it.
    pub(super) traits: Traits,
    /// Whether `IF NOT EXISTS` is said.
    pub(super) if_not_exists: bool,
    /// Whether it says `OR REPLACE` or `OR ALTER`.
    pub(super) replaces: bool,
    /// Whether `IF EXISTS` is said.
    pub(super) if_exists: bool,
    /// What the altered object is called from then on.
    pub(super) renamed_to: Option<(ObjectKind, Vec<String>)>,
    /// Every object it names: what it does with it, what it is, its name's parts.
    pub(super) mentions: Vec<(Usage, ObjectKind, Vec<String>)>,
    /// Why it cannot compile, if so.
    pub(super) fault: Option<String>,
}

/// What answers show of a text: kept with the statement, so that a list reads no SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Traits {
    /// `traits.sql_kind`.
    pub(super) kind: String,
    /// What becomes of it.
    pub(super) sort: Sort,
    /// `traits.connection_refs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) connections: Vec<String>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sort {
    /// COMPLETES.
    Definition,
    /// Runs until stopped.
    Job,
    /// Defines a table when it starts, and runs until stopped.
    TableJob,
    /// Runs while somebody fetches its results.
    Foreground,
    /// COMPLETES with results.
    Inquiry,
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
        let analysis = sql::analyze(text);
        let fault = analysis.errors.first().map(|fault| fault.message.clone());
        let head = Head::of(text);
        let connections = analysis.mentions.iter().filter(|it| it.kind == ObjectKind::Connection);
        let traits = Traits {
            kind: match analysis.kind {
                StatementKind::CreateMaterializedTable if head.says("OR", &["ALTER"]) => {
                    "CREATE_OR_ALTER_MATERIALIZED_TABLE".to_owned()
                }
                kind => kind.api_name().to_owned(),
            },
            sort: sort(analysis.kind),
            connections: connections.filter_map(|it| it.name.last().cloned()).collect(),
        };
        Gist {
            traits,
            if_not_exists: analysis.if_not_exists,
            replaces: head.says("OR", &["REPLACE", "ALTER"]),
            if_exists: head.says("IF", &["EXISTS"]),
            renamed_to: analysis.renamed_to.map(|mention| (mention.kind, mention.name)),
            mentions: analysis.mentions.into_iter().map(|m| (m.usage, m.kind, m.name)).collect(),
            fault,
        }
    }

    /// The names it uses so.
    pub(super) fn named(&self, role: Usage) -> impl Iterator<Item = (ObjectKind, &[String])> {
        self.mentions.iter().filter(move |(r, ..)| *r == role).map(|(_, object, name)| (*object, name.as_slice()))
    }
}

fn sort(kind: StatementKind) -> Sort {
    match kind {
        StatementKind::InsertInto | StatementKind::StatementSet => Sort::Job,
        StatementKind::CreateTableAs => Sort::TableJob,
        // The job that fills it is the table's, not the statement's, which COMPLETES.
        StatementKind::CreateMaterializedTable => Sort::Definition,
        StatementKind::Select => Sort::Foreground,
        StatementKind::Show | StatementKind::Describe | StatementKind::Explain => Sort::Inquiry,
        StatementKind::Set
        | StatementKind::Use
        | StatementKind::Update
        | StatementKind::Delete
        | StatementKind::Truncate
        | StatementKind::Analyze
        | StatementKind::Other => Sort::Refused,
        _ => Sort::Definition,
    }
}

/// The words of a `CREATE`, `ALTER` or `DROP` before anything of the object's own.
struct Head(Vec<String>);

impl Head {
    fn of(text: &str) -> Head {
        let normal = sql::normal_form(text);
        Head(normal.split_whitespace().take(10).map(str::to_owned).collect())
    }

    fn says(&self, first: &str, then: &[&str]) -> bool {
        let is = |word: &String, keyword: &str| word.eq_ignore_ascii_case(keyword);
        self.0.windows(2).any(|pair| matches!(pair, [a, b] if is(a, first) && then.iter().any(|then| is(b, then))))
    }
}
