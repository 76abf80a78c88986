//! What floe does with each kind of statement, and the name of the kind in the API.

use super::mention::ObjectKind;

/// The kind of a statement, named like the values of the API's `traits.sql_kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant repeats the first words of the statement")]
pub enum StatementKind {
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
    /// `INSERT INTO … SELECT`, which runs until it is stopped or its sources end.
    InsertInto,
    /// `INSERT INTO … VALUES`, which completes once.
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

/// What floe does with statements of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementClass {
    /// Meant to keep running: `INSERT INTO … SELECT` or a statement set.
    Job,
    /// Defines a table and keeps running: `CREATE TABLE … AS`.
    TableJob,
    /// Meant to complete once: `CREATE`, `ALTER`, `DROP` or `INSERT … VALUES`.
    Definition,
    /// Recognized, but no tool can manage it. The text says why.
    Unsupported(&'static str),
}

impl StatementKind {
    /// Returns whether a statement of this kind certainly drops no data. Kinds that are not known to be harmless
    /// return `false`.
    pub fn keeps_data(self) -> bool {
        matches!(
            self,
            StatementKind::DropView
                | StatementKind::DropFunction
                | StatementKind::DropModel
                | StatementKind::DropConnection
                | StatementKind::DropAgent
                | StatementKind::DropTool
                | StatementKind::CreateTable
                | StatementKind::CreateView
                | StatementKind::CreateFunction
                | StatementKind::AlterView
                | StatementKind::AlterFunction
                | StatementKind::AlterModel
                | StatementKind::AlterConnection
        )
    }

    /// Returns the kind as the API spells it in `traits.sql_kind`. Clients and responses of the service show
    /// `CREATE_TABLE`, `CREATE_TABLE_AS`, `CREATE_VIEW`, `CREATE_FUNCTION`, `ALTER_TABLE`, `DROP_TABLE`, `DROP_VIEW`,
    /// `SELECT`, `INSERT_INTO` and `EXPLAIN`. The other names follow their pattern.
    pub fn api_name(self) -> &'static str {
        match self {
            StatementKind::CreateTable => "CREATE_TABLE",
            StatementKind::CreateTableAs => "CREATE_TABLE_AS",
            StatementKind::CreateView => "CREATE_VIEW",
            StatementKind::CreateFunction => "CREATE_FUNCTION",
            StatementKind::CreateModel => "CREATE_MODEL",
            StatementKind::CreateConnection => "CREATE_CONNECTION",
            StatementKind::CreateAgent => "CREATE_AGENT",
            StatementKind::CreateTool => "CREATE_TOOL",
            StatementKind::CreateDatabase => "CREATE_DATABASE",
            StatementKind::CreateCatalog => "CREATE_CATALOG",
            StatementKind::CreateMaterializedTable => "CREATE_MATERIALIZED_TABLE",
            StatementKind::AlterTable => "ALTER_TABLE",
            StatementKind::AlterView => "ALTER_VIEW",
            StatementKind::AlterFunction => "ALTER_FUNCTION",
            StatementKind::AlterModel => "ALTER_MODEL",
            StatementKind::AlterConnection => "ALTER_CONNECTION",
            StatementKind::AlterAgent => "ALTER_AGENT",
            StatementKind::AlterTool => "ALTER_TOOL",
            StatementKind::AlterDatabase => "ALTER_DATABASE",
            StatementKind::AlterCatalog => "ALTER_CATALOG",
            StatementKind::AlterMaterializedTable => "ALTER_MATERIALIZED_TABLE",
            StatementKind::DropTable => "DROP_TABLE",
            StatementKind::DropView => "DROP_VIEW",
            StatementKind::DropFunction => "DROP_FUNCTION",
            StatementKind::DropModel => "DROP_MODEL",
            StatementKind::DropConnection => "DROP_CONNECTION",
            StatementKind::DropAgent => "DROP_AGENT",
            StatementKind::DropTool => "DROP_TOOL",
            StatementKind::DropDatabase => "DROP_DATABASE",
            StatementKind::DropCatalog => "DROP_CATALOG",
            StatementKind::DropMaterializedTable => "DROP_MATERIALIZED_TABLE",
            StatementKind::InsertInto | StatementKind::InsertValues => "INSERT_INTO",
            StatementKind::StatementSet => "EXECUTE_STATEMENT_SET",
            StatementKind::Select => "SELECT",
            StatementKind::Show => "SHOW",
            StatementKind::Describe => "DESCRIBE",
            StatementKind::Explain => "EXPLAIN",
            StatementKind::Use => "USE",
            StatementKind::Set => "SET",
            StatementKind::Update => "UPDATE",
            StatementKind::Delete => "DELETE",
            StatementKind::Truncate => "TRUNCATE_TABLE",
            StatementKind::Analyze => "ANALYZE_TABLE",
            StatementKind::Other => "OTHER",
        }
    }

    /// Returns what floe does with statements of this kind.
    pub fn class(self) -> StatementClass {
        match self {
            StatementKind::InsertInto | StatementKind::StatementSet => StatementClass::Job,
            StatementKind::CreateTableAs => StatementClass::TableJob,
            StatementKind::InsertValues
            | StatementKind::CreateTable
            | StatementKind::CreateView
            | StatementKind::CreateFunction
            | StatementKind::CreateModel
            | StatementKind::CreateConnection
            | StatementKind::CreateAgent
            | StatementKind::CreateTool
            | StatementKind::AlterTable
            | StatementKind::AlterView
            | StatementKind::AlterFunction
            | StatementKind::AlterModel
            | StatementKind::AlterConnection
            | StatementKind::AlterAgent
            | StatementKind::AlterTool
            | StatementKind::DropTable
            | StatementKind::DropView
            | StatementKind::DropFunction
            | StatementKind::DropModel
            | StatementKind::DropConnection
            | StatementKind::DropAgent
            | StatementKind::DropTool => StatementClass::Definition,
            _ => StatementClass::Unsupported(self.unsupported_reason()),
        }
    }

    /// Returns whether a stopped statement of this kind can be resumed. The service resumes only `INSERT INTO …
    /// SELECT`, statement sets and `CREATE TABLE … AS`.
    pub fn can_resume(self) -> bool {
        matches!(self, StatementKind::InsertInto | StatementKind::StatementSet | StatementKind::CreateTableAs)
    }

    /// Returns why floe cannot manage statements of this kind, with the next step. The text continues a headline.
    fn unsupported_reason(self) -> &'static str {
        match self {
            StatementKind::Select => {
                "the service stops a foreground query after five minutes, so write its rows to a table with `INSERT \
                 INTO … SELECT`"
            }
            StatementKind::Show | StatementKind::Describe | StatementKind::Explain => {
                "it only returns information and leaves nothing to manage, so run it in a shell or workspace"
            }
            StatementKind::Use => {
                "it affects only its own session, so set `sql.current-catalog` and `sql.current-database` in \
                 `properties` instead"
            }
            StatementKind::Set => "it affects only its own session, so set the option in `properties` instead",
            StatementKind::CreateMaterializedTable
            | StatementKind::AlterMaterializedTable
            | StatementKind::DropMaterializedTable => {
                "materialized tables are not supported yet because submitting one unchanged may discard its state, \
                 so use `CREATE TABLE` and `INSERT INTO`"
            }
            StatementKind::CreateDatabase | StatementKind::AlterDatabase | StatementKind::DropDatabase => {
                "a database on Confluent Cloud is a Kafka cluster that SQL cannot create, change or drop, so manage \
                 the cluster outside floe and refer to it by name"
            }
            StatementKind::CreateCatalog | StatementKind::AlterCatalog | StatementKind::DropCatalog => {
                "a catalog on Confluent Cloud is an environment that SQL cannot create, change or drop, so manage \
                 the environment outside floe and refer to it by name"
            }
            StatementKind::Update | StatementKind::Delete | StatementKind::Truncate => {
                "Flink on Confluent Cloud appends to topics and has no such statement, so write the change with \
                 `INSERT INTO` to a table with a primary key"
            }
            StatementKind::Analyze => "Flink on Confluent Cloud keeps no statistics, so remove this statement",
            _ => {
                "its kind is unknown, so check its first words: floe accepts `CREATE`, `ALTER`, `DROP`, `INSERT \
                 INTO` and `EXECUTE STATEMENT SET`"
            }
        }
    }
}

/// The verb of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DdlVerb {
    /// `CREATE` or `REPLACE` of an object.
    Create,
    /// `ALTER` of an object.
    Alter,
    /// `DROP` of an object.
    Drop,
}

/// Returns the object and the statement kind that `verb` and `object_word` stand for.
pub(super) fn ddl_object_and_kind(verb: DdlVerb, object_word: &str) -> Option<(ObjectKind, StatementKind)> {
    let (object, [create, alter, drop]) = match object_word.to_ascii_uppercase().as_str() {
        "TABLE" => {
            (ObjectKind::Table, [StatementKind::CreateTable, StatementKind::AlterTable, StatementKind::DropTable])
        }
        "VIEW" => (ObjectKind::Table, [StatementKind::CreateView, StatementKind::AlterView, StatementKind::DropView]),
        "FUNCTION" => (
            ObjectKind::Function,
            [StatementKind::CreateFunction, StatementKind::AlterFunction, StatementKind::DropFunction],
        ),
        "MODEL" => {
            (ObjectKind::Model, [StatementKind::CreateModel, StatementKind::AlterModel, StatementKind::DropModel])
        }
        "CONNECTION" => (
            ObjectKind::Connection,
            [StatementKind::CreateConnection, StatementKind::AlterConnection, StatementKind::DropConnection],
        ),
        "AGENT" => {
            (ObjectKind::Agent, [StatementKind::CreateAgent, StatementKind::AlterAgent, StatementKind::DropAgent])
        }
        "TOOL" => (ObjectKind::Tool, [StatementKind::CreateTool, StatementKind::AlterTool, StatementKind::DropTool]),
        "DATABASE" | "SCHEMA" => (
            ObjectKind::Database,
            [StatementKind::CreateDatabase, StatementKind::AlterDatabase, StatementKind::DropDatabase],
        ),
        "CATALOG" => (
            ObjectKind::Catalog,
            [StatementKind::CreateCatalog, StatementKind::AlterCatalog, StatementKind::DropCatalog],
        ),
        "MATERIALIZED" => (
            ObjectKind::Table,
            [
                StatementKind::CreateMaterializedTable,
                StatementKind::AlterMaterializedTable,
                StatementKind::DropMaterializedTable,
            ],
        ),
        _ => return None,
    };
    let kind = match verb {
        DdlVerb::Create => create,
        DdlVerb::Alter => alter,
        DdlVerb::Drop => drop,
    };
    Some((object, kind))
}

/// Returns whether the API's name of a kind is that of a definition. Kinds that may also be jobs return `false`.
pub fn is_definition_kind(api_name: &str) -> bool {
    let defines = ["CREATE_", "ALTER_", "DROP_"].iter().any(|verb| api_name.starts_with(verb));
    defines && api_name != StatementKind::CreateTableAs.api_name()
}
