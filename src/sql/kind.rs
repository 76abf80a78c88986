//! What floe does with each kind of statement, and what the API calls it.

use super::{Class, Kind, ObjectKind};

impl Kind {
    /// Whether a statement of this kind surely drops no data. What is not known to be harmless is not.
    pub fn keeps_data(self) -> bool {
        matches!(
            self,
            Kind::DropView
                | Kind::DropFunction
                | Kind::DropModel
                | Kind::DropConnection
                | Kind::DropAgent
                | Kind::DropTool
                | Kind::CreateTable
                | Kind::CreateView
                | Kind::CreateFunction
                | Kind::AlterView
                | Kind::AlterFunction
                | Kind::AlterModel
                | Kind::AlterConnection
        )
    }

    /// The spelling of the API's `traits.sql_kind`. Seen in clients and answers of the service are `CREATE_TABLE`,
    /// `CREATE_TABLE_AS`, `CREATE_VIEW`, `CREATE_FUNCTION`, `ALTER_TABLE`, `DROP_TABLE`, `DROP_VIEW`, `SELECT`, `INSERT_INTO`
    /// and `EXPLAIN`; the others follow their pattern.
    pub fn api_name(self) -> &'static str {
        match self {
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
            Kind::Truncate => "TRUNCATE_TABLE",
            Kind::Analyze => "ANALYZE_TABLE",
            Kind::Other => "OTHER",
        }
    }

    /// What floe does with it.
    pub fn class(self) -> Class {
        match self {
            Kind::InsertInto | Kind::StatementSet => Class::Job,
            Kind::CreateTableAs => Class::TableJob,
            Kind::InsertValues
            | Kind::CreateTable
            | Kind::CreateView
            | Kind::CreateFunction
            | Kind::CreateModel
            | Kind::CreateConnection
            | Kind::CreateAgent
            | Kind::CreateTool
            | Kind::AlterTable
            | Kind::AlterView
            | Kind::AlterFunction
            | Kind::AlterModel
            | Kind::AlterConnection
            | Kind::AlterAgent
            | Kind::AlterTool
            | Kind::DropTable
            | Kind::DropView
            | Kind::DropFunction
            | Kind::DropModel
            | Kind::DropConnection
            | Kind::DropAgent
            | Kind::DropTool => Class::Definition,
            _ => Class::Refused(self.refusal()),
        }
    }

    /// Whether a stopped statement of this kind can be resumed. The service resumes `INSERT INTO … SELECT`, statement sets and
    /// `CREATE TABLE … AS` only.
    pub fn can_resume(self) -> bool {
        matches!(self, Kind::InsertInto | Kind::StatementSet | Kind::CreateTableAs)
    }

    fn refusal(self) -> &'static str {
        match self {
            Kind::Select => {
                "the service stops a foreground query after five minutes, so no tool can keep one; write its rows somewhere with INSERT INTO … SELECT"
            }
            Kind::Show | Kind::Describe | Kind::Explain => {
                "it shows something and leaves nothing behind; run it in a shell or workspace instead"
            }
            Kind::Use => {
                "it changes a session, and every statement has its own; set `sql.current-catalog` and `sql.current-database` in `properties`"
            }
            Kind::Set => "it changes a session, and every statement has its own; set the option in `properties`",
            Kind::CreateMaterializedTable | Kind::AlterMaterializedTable | Kind::DropMaterializedTable => {
                "materialized tables are not supported yet: submitting one unchanged may discard its state; use CREATE TABLE and INSERT INTO"
            }
            Kind::CreateDatabase | Kind::AlterDatabase | Kind::DropDatabase => {
                "on Confluent Cloud a database is a Kafka cluster, which SQL can't create, change or drop; manage the cluster and name it here"
            }
            Kind::CreateCatalog | Kind::AlterCatalog | Kind::DropCatalog => {
                "on Confluent Cloud a catalog is an environment, which SQL can't create, change or drop; manage the environment and name it here"
            }
            Kind::Update | Kind::Delete | Kind::Truncate => {
                "Flink on Confluent Cloud appends to topics and has no such statement; write the change with INSERT INTO a table with a primary key"
            }
            Kind::Analyze => "Flink on Confluent Cloud keeps no statistics; leave it out",
            _ => {
                "floe does not know this kind of statement; declare a CREATE, ALTER, DROP, INSERT INTO or EXECUTE STATEMENT SET, and check its first words"
            }
        }
    }
}

/// `CREATE`, `ALTER` or `DROP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Alter,
    Drop,
}

/// The object and the kind that the words `verb what` make.
pub(super) fn defines(verb: Verb, what: &str) -> Option<(ObjectKind, Kind)> {
    let (object, [create, alter, drop]) = match what.to_ascii_uppercase().as_str() {
        "TABLE" => (ObjectKind::Table, [Kind::CreateTable, Kind::AlterTable, Kind::DropTable]),
        "VIEW" => (ObjectKind::Table, [Kind::CreateView, Kind::AlterView, Kind::DropView]),
        "FUNCTION" => (ObjectKind::Function, [Kind::CreateFunction, Kind::AlterFunction, Kind::DropFunction]),
        "MODEL" => (ObjectKind::Model, [Kind::CreateModel, Kind::AlterModel, Kind::DropModel]),
        "CONNECTION" => (ObjectKind::Connection, [Kind::CreateConnection, Kind::AlterConnection, Kind::DropConnection]),
        "AGENT" => (ObjectKind::Agent, [Kind::CreateAgent, Kind::AlterAgent, Kind::DropAgent]),
        "TOOL" => (ObjectKind::Tool, [Kind::CreateTool, Kind::AlterTool, Kind::DropTool]),
        "DATABASE" | "SCHEMA" => {
            (ObjectKind::Database, [Kind::CreateDatabase, Kind::AlterDatabase, Kind::DropDatabase])
        }
        "CATALOG" => (ObjectKind::Catalog, [Kind::CreateCatalog, Kind::AlterCatalog, Kind::DropCatalog]),
        "MATERIALIZED" => (
            ObjectKind::Table,
            [Kind::CreateMaterializedTable, Kind::AlterMaterializedTable, Kind::DropMaterializedTable],
        ),
        _ => return None,
    };
    let kind = match verb {
        Verb::Create => create,
        Verb::Alter => alter,
        Verb::Drop => drop,
    };
    Some((object, kind))
}
