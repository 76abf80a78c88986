//! Summarizes a statement's SQL for the simulator: how the statement behaves, and which objects it names.

use serde::{Deserialize, Serialize};

use crate::sql::{self, ObjectKind, StatementKind, Usage};

/// What the simulator needs to know about a statement's SQL.
#[derive(Debug, Clone)]
pub(super) struct SqlSummary {
    /// The traits that responses show.
    pub(super) traits: StatementTraits,
    /// Whether the SQL says `IF NOT EXISTS`.
    pub(super) if_not_exists: bool,
    /// Whether the SQL says `OR REPLACE` or `OR ALTER`.
    pub(super) replaces_existing: bool,
    /// Whether the SQL says `IF EXISTS`.
    pub(super) if_exists: bool,
    /// The new name of the object that an `ALTER` renames.
    pub(super) renamed_to: Option<(ObjectKind, Vec<String>)>,
    /// Every object that the SQL names: its role, its kind, and the parts of its name.
    pub(super) mentions: Vec<(Usage, ObjectKind, Vec<String>)>,
    /// The reason why the SQL cannot compile, if it cannot.
    pub(super) parse_error: Option<String>,
}

/// The traits that responses show. They are stored with the statement, so that a list does not read any SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StatementTraits {
    /// The API's name of the kind, `traits.sql_kind`.
    pub(super) kind: String,
    /// How the statement behaves when it starts.
    #[serde(rename = "sort")]
    pub(super) behavior: StatementBehavior,
    /// Whether its queries come to an end, so that it becomes COMPLETED without being stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) bounded: bool,
    /// The connections that the SQL names, `traits.connection_refs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) connections: Vec<String>,
}

/// How a statement behaves when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StatementBehavior {
    /// It becomes COMPLETED when it is done.
    Definition,
    /// It runs until it is stopped.
    Job,
    /// It creates a table when it starts, and runs until it is stopped.
    TableJob,
    /// It runs while a client fetches its results.
    Foreground,
    /// It becomes COMPLETED and has results.
    #[serde(rename = "inquiry")]
    Introspection,
    /// It becomes FAILED, because it is not supported.
    #[serde(rename = "refused")]
    Unsupported,
}

impl StatementBehavior {
    /// Returns whether the service can resume it: `CREATE TABLE AS`, `INSERT INTO` and statement sets.
    pub(super) fn is_resumable(self) -> bool {
        matches!(self, StatementBehavior::Job | StatementBehavior::TableJob)
    }
}

impl SqlSummary {
    /// Summarizes the SQL in `text`.
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
            bounded: analysis.is_bounded && behavior_of(analysis.kind).is_resumable(),
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

    /// Returns the objects that the SQL uses in this role.
    pub(super) fn objects_with_role(&self, role: Usage) -> impl Iterator<Item = (ObjectKind, &[String])> {
        self.mentions.iter().filter(move |(r, ..)| *r == role).map(|(_, object, name)| (*object, name.as_slice()))
    }
}

/// Returns how a statement of this kind behaves.
fn behavior_of(kind: StatementKind) -> StatementBehavior {
    match kind {
        StatementKind::InsertInto | StatementKind::StatementSet => StatementBehavior::Job,
        StatementKind::CreateTableAs => StatementBehavior::TableJob,
        // The job that fills the table belongs to the table. The statement itself becomes COMPLETED.
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

/// The first words of a `CREATE`, `ALTER` or `DROP`, up to the object's definition.
struct LeadingKeywords(Vec<String>);

impl LeadingKeywords {
    /// Reads the first ten words of the normal form of `text`.
    fn read(text: &str) -> LeadingKeywords {
        let normal_form = sql::normal_form(text);
        LeadingKeywords(normal_form.split_whitespace().take(10).map(str::to_owned).collect())
    }

    /// Returns whether `first` is directly followed by one of the words in `then`.
    fn contains_pair(&self, first: &str, then: &[&str]) -> bool {
        let is = |word: &String, keyword: &str| word.eq_ignore_ascii_case(keyword);
        self.0.windows(2).any(|pair| matches!(pair, [a, b] if is(a, first) && then.iter().any(|then| is(b, then))))
    }
}
