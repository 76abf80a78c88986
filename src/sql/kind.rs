//! What floe does with each kind of statement, and what the API calls it.

use super::{ObjectKind, StatementClass, StatementKind};

impl StatementKind {
    /// Whether a statement of this kind surely drops no data. What is not known to be harmless is not.
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

    /// The spelling of the API's `traits.sql_kind`. Seen in clients and answers of the service are `CREATE_TABLE`,
    /// `CREATE_TABLE_AS`, `CREATE_VIEW`, `CREATE_FUNCTION`, `ALTER_TABLE`, `DROP_TABLE`, `DROP_VIEW`, `SELECT`, `INSERT_INTO`
    /// and `EXPLAIN`; the others follow their pattern.
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
            StatementKind::StatementSet => "STATEMENT_SET",
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

    /// What floe does with it.
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

    /// Whether a stopped statement of this kind can be resumed. The service resumes `INSERT INTO … SELECT`, statement sets and
    /// `CREATE TABLE … AS` only.
    pub fn can_resume(self) -> bool {
        matches!(self, StatementKind::InsertInto | StatementKind::StatementSet | StatementKind::CreateTableAs)
    }

    fn unsupported_reason(self) -> &'static str {
        match self {
            StatementKind::Select => {
                "the service stops a foreground query after five minutes, so no tool can keep one; write its rows somewhere with INSERT INTO … SELECT"
            }
            StatementKind::Show | StatementKind::Describe | StatementKind::Explain => {
                "it shows something and leaves nothing behind; run it in a shell or workspace instead"
            }
            StatementKind::Use => {
                "it changes a session, and every statement has its own; set `sql.current-catalog` and `sql.current-database` in `properties`"
            }
            StatementKind::Set => {
                "it changes a session, and every statement has its own; set the option in `properties`"
            }
            StatementKind::CreateMaterializedTable
            | StatementKind::AlterMaterializedTable
            | StatementKind::DropMaterializedTable => {
                "materialized tables are not supported yet: submitting one unchanged may discard its state; use CREATE TABLE and INSERT INTO"
            }
            StatementKind::CreateDatabase | StatementKind::AlterDatabase | StatementKind::DropDatabase => {
                "on Confluent Cloud a database is a Kafka cluster, which SQL can't create, change or drop; manage the cluster and name it here"
            }
            StatementKind::CreateCatalog | StatementKind::AlterCatalog | StatementKind::DropCatalog => {
                "on Confluent Cloud a catalog is an environment, which SQL can't create, change or drop; manage the environment and name it here"
            }
            StatementKind::Update | StatementKind::Delete | StatementKind::Truncate => {
                "Flink on Confluent Cloud appends to topics and has no such statement; write the change with INSERT INTO a table with a primary key"
            }
            StatementKind::Analyze => "Flink on Confluent Cloud keeps no statistics; leave it out",
            _ => {
                "floe does not know this kind of statement; declare a CREATE, ALTER, DROP, INSERT INTO or EXECUTE STATEMENT SET, and check its first words"
            }
        }
    }
}

/// `CREATE`, `ALTER` or `DROP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DdlVerb {
    Create,
    Alter,
    Drop,
}

/// The object and the kind that the words `verb what` make.
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
