//! What a statement's text means to the world: what becomes of it, and the objects it names.

use serde::{Deserialize, Serialize};

use crate::sql::{self, ObjectKind, StatementKind, Usage};

/// What a text means to the world.
#[derive(Debug, Clone)]
pub(super) struct SqlSummary {
    /// What answers show of it.
    pub(super) traits: StatementTraits,
    /// Whether `IF NOT EXISTS` is said.
    pub(super) if_not_exists: bool,
    /// Whether it says `OR REPLACE` or `OR ALTER`.
    pub(super) replaces_existing: bool,
    /// Whether `IF EXISTS` is said.
    pub(super) if_exists: bool,
    /// What the altered object is called from then on.
    pub(super) renamed_to: Option<(ObjectKind, Vec<String>)>,
    /// Every object it names: what it does with it, what it is, its name's parts.
    pub(super) mentions: Vec<(Usage, ObjectKind, Vec<String>)>,
    /// Why it cannot compile, if so.
    pub(super) parse_error: Option<String>,
}

/// What answers show of a text: kept with the statement, so that a list reads no SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StatementTraits {
    /// `traits.sql_kind`.
    pub(super) kind: String,
    /// What becomes of it.
    #[serde(rename = "sort")]
    pub(super) behavior: StatementBehavior,
    /// `traits.connection_refs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) connections: Vec<String>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StatementBehavior {
    /// COMPLETES.
    Definition,
    /// Runs until stopped.
    Job,
    /// Defines a table when it starts, and runs until stopped.
    TableJob,
    /// Runs while somebody fetches its results.
    Foreground,
    /// COMPLETES with results.
    #[serde(rename = "inquiry")]
    Introspection,
    /// FAILS.
    #[serde(rename = "refused")]
    Unsupported,
}

impl StatementBehavior {
    /// Whether the service can resume it: `CREATE TABLE AS`, `INSERT INTO` and statement sets.
    pub(super) fn is_resumable(self) -> bool {
        matches!(self, StatementBehavior::Job | StatementBehavior::TableJob)
    }
}

impl SqlSummary {
    /// Reads `text`.
    pub(super) fn read(text: &str) -> SqlSummary {
        let analysis = sql::analyze(text);
        let parse_error = analysis.errors.first().map(|parse_error| parse_error.message.clone());
        let keywords = LeadingKeywords::read(text);
        let connections = analysis.mentions.iter().filter(|it| it.kind == ObjectKind::Connection);
        let traits = StatementTraits {
            kind: match analysis.kind {
                StatementKind::CreateMaterializedTable if keywords.contains_pair("OR", &["ALTER"]) => {
                    "CREATE_OR_ALTER_MATERIALIZED_TABLE".to_owned()
                }
                kind => kind.api_name().to_owned(),
            },
            behavior: behavior_of(analysis.kind),
            connections: connections.filter_map(|it| it.name.last().cloned()).collect(),
        };
        SqlSummary {
            traits,
            if_not_exists: analysis.if_not_exists,
            replaces_existing: keywords.contains_pair("OR", &["REPLACE", "ALTER"]),
            if_exists: keywords.contains_pair("IF", &["EXISTS"]),
            renamed_to: analysis.renamed_to.map(|mention| (mention.kind, mention.name)),
            mentions: analysis.mentions.into_iter().map(|m| (m.usage, m.kind, m.name)).collect(),
            parse_error,
        }
    }

    /// The names it uses so.
    pub(super) fn objects_with_role(&self, role: Usage) -> impl Iterator<Item = (ObjectKind, &[String])> {
        self.mentions.iter().filter(move |(r, ..)| *r == role).map(|(_, object, name)| (*object, name.as_slice()))
    }
}

fn behavior_of(kind: StatementKind) -> StatementBehavior {
    match kind {
        StatementKind::InsertInto | StatementKind::StatementSet => StatementBehavior::Job,
        StatementKind::CreateTableAs => StatementBehavior::TableJob,
        // The job that fills it is the table's, not the statement's, which COMPLETES.
        StatementKind::CreateMaterializedTable => StatementBehavior::Definition,
        StatementKind::Select => StatementBehavior::Foreground,
        StatementKind::Show | StatementKind::Describe | StatementKind::Explain => StatementBehavior::Introspection,
        StatementKind::Set
        | StatementKind::Use
        | StatementKind::Update
        | StatementKind::Delete
        | StatementKind::Truncate
        | StatementKind::Analyze
        | StatementKind::Other => StatementBehavior::Unsupported,
        _ => StatementBehavior::Definition,
    }
}

/// The words of a `CREATE`, `ALTER` or `DROP` before anything of the object's own.
struct LeadingKeywords(Vec<String>);

impl LeadingKeywords {
    fn read(text: &str) -> LeadingKeywords {
        let normal_form = sql::normal_form(text);
        LeadingKeywords(normal_form.split_whitespace().take(10).map(str::to_owned).collect())
    }

    fn contains_pair(&self, first: &str, then: &[&str]) -> bool {
        let is = |word: &String, keyword: &str| word.eq_ignore_ascii_case(keyword);
        self.0.windows(2).any(|pair| matches!(pair, [a, b] if is(a, first) && then.iter().any(|then| is(b, then))))
    }
}
