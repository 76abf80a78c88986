//! The tables of a manifest as they are written.

use std::{collections::BTreeMap, sync::Arc};

use super::place::{At, Field, StringEntry};
use crate::resource::{SmallMap, SourceFile};

/// The content of one manifest, or of all manifests of a project.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Manifest {
    /// The content of the table `[project]`.
    pub project: ProjectLayer,
    /// The content of the table `[defaults]`.
    pub defaults: StatementLayer,
    /// The environment variable of each secret, or `None` if it has a problem.
    pub secrets: BTreeMap<String, At<Field<String>>>,
    /// The `[environments.<name>]` tables by name.
    pub environments: BTreeMap<String, At<EnvironmentLayer>>,
    /// The `[pools.<key>]` tables by key.
    pub pools: BTreeMap<String, At<PoolLayer>>,
    /// The `[statements.<key>]` tables by key.
    pub statements: BTreeMap<String, At<Box<StatementLayer>>>,
    /// The `[[moved]]` blocks in order.
    pub moved: Vec<At<MovedLayer>>,
    /// The `[[removed]]` blocks in order.
    pub removed: Vec<At<RemovedLayer>>,
    /// Whether a part could not be read. Declarations that seem to be missing may be in that part.
    pub is_incomplete: bool,
    /// The files with TOML syntax errors. Only the names of their tables can be used, not the content.
    pub unparsable: Vec<Arc<SourceFile>>,
}

/// The table `[project]` as it is written.
#[derive(Debug, Default)]
pub(in crate::manifest) struct ProjectLayer {
    /// The name of the project.
    pub name: Field<String>,
    /// The glob patterns of the files to include.
    pub include: Option<Vec<At<String>>>,
    /// The codes of the lints that the project allows.
    pub allow: Vec<At<String>>,
    /// Whether a field could not be read. If so, no other field is reported as missing.
    pub has_invalid_fields: bool,
}

/// The table `[defaults]`, a table `[statements.<key>]`, or an environment's overlay of a statement.
#[derive(Debug, Default, Clone)]
pub(in crate::manifest) struct StatementLayer {
    /// The cloud name, used without the environment's prefix.
    pub name: Field<String>,
    /// The SQL text of the statement.
    pub sql: Field<Arc<str>>,
    /// The file with the SQL, relative to the manifest.
    pub sql_file: Field<String>,
    /// The SQL that reverses the statement.
    pub undo: Field<Arc<str>>,
    /// The key of the pool that the statement runs on.
    pub pool: Field<String>,
    /// The id of the principal that the statement runs as.
    pub principal: Field<String>,
    /// The Flink properties of the statement.
    pub properties: SmallMap<StringEntry>,
    /// Whether the job should be stopped.
    pub stopped: Field<bool>,
    /// What floe may do when a job changes: `auto`, `restart` or `manual`.
    pub evolve: Field<String>,
    /// The consents to blocked changes, from one string or a list of strings.
    pub accept: Option<Vec<At<String>>>,
    /// What to do with a job that failed: `report` or `resume`.
    pub on_failed: Field<String>,
    /// What to do with a job that was stopped outside floe: `report` or `resume`.
    pub on_stopped: Field<String>,
    /// The addresses of dependencies that the SQL does not show.
    pub depends_on: Option<Vec<At<String>>>,
    /// Whether plans that would destroy the statement are blocked.
    pub prevent_destroy: Field<bool>,
    /// The duration that the statement may take to reach its phase.
    pub timeout: Field<String>,
    /// Whether the created function keeps state in the jobs that call it.
    pub stateful: Field<bool>,
    /// The codes of the lints that are allowed for the statement.
    pub allow: Option<Vec<At<String>>>,
    /// The names of the fields to remove from the layer below.
    pub unset: Vec<At<String>>,
    /// Whether a field could not be read. If so, no other field is reported as missing.
    pub has_invalid_fields: bool,
    /// Whether one of `properties` could not be read. If so, nothing that depends on properties can be decided.
    pub has_invalid_properties: bool,
}

/// A table `[pools.<key>]`, or an environment's overlay of a pool.
#[derive(Debug, Default, Clone)]
pub(in crate::manifest) struct PoolLayer {
    /// The id of a pool that the project uses and does not own.
    pub id: Field<String>,
    /// The name that Confluent Cloud shows.
    pub display_name: Field<String>,
    /// The maximum number of CFU of the pool.
    pub max_cfu: Field<i64>,
    /// The id of the network that the pool is created in.
    pub network: Field<String>,
    /// Whether plans that would delete the pool are blocked.
    pub prevent_destroy: Field<bool>,
    /// The names of the fields to remove from the declaration.
    pub unset: Vec<At<String>>,
    /// Whether a field could not be read. If so, no other field is reported as missing.
    pub has_invalid_fields: bool,
}

/// A table `[environments.<name>]` as it is written.
#[derive(Debug, Default)]
pub(in crate::manifest) struct EnvironmentLayer {
    /// The id of the Confluent Cloud organization.
    pub organization: Field<String>,
    /// The id of the Confluent Cloud environment.
    pub id: Field<String>,
    /// The cloud provider: `aws`, `gcp` or `azure`.
    pub cloud: Field<String>,
    /// The region of the cloud provider.
    pub region: Field<String>,
    /// Whether requests go to the private host names.
    pub private: Field<bool>,
    /// The origin of the Flink gateway.
    pub endpoint: Field<String>,
    /// The origin of the API that serves pools.
    pub cloud_endpoint: Field<String>,
    /// The file that keeps the state.
    pub state: Field<String>,
    /// The prefix of cloud names that derive from statement keys.
    pub name_prefix: Field<String>,
    /// The variables that texts can use.
    pub variables: SmallMap<StringEntry>,
    /// Ids of catalogs and databases, each with its name.
    pub aliases: SmallMap<StringEntry>,
    /// The default of `evolve` in this environment.
    pub evolve: Field<String>,
    /// Whether stricter lints apply to this environment.
    pub protected: Field<bool>,
    /// The maximum number of requests per second.
    pub requests_per_second: Field<i64>,
    /// Whether the environment is simulated.
    pub simulator: Field<bool>,
    /// The speed of simulated time, `real` if it is set.
    pub pace: Field<String>,
    /// How the simulator treats unknown tables, `strict` if it is set.
    pub catalog: Field<String>,
    /// The scenario file of the simulator.
    pub scenario: Field<String>,
    /// The overlays of pools, by key.
    pub pools: BTreeMap<String, At<PoolLayer>>,
    /// The overlays of statements, by key.
    pub statements: BTreeMap<String, At<Box<StatementLayer>>>,
    /// Whether a field could not be read. If so, no other field is reported as missing.
    pub has_invalid_fields: bool,
    /// Whether everything except the overlays could be read.
    pub is_valid: bool,
}

/// A `[[removed]]` block as it is written.
#[derive(Debug)]
pub(in crate::manifest) struct RemovedLayer {
    /// The address that is no longer declared.
    pub address: At<String>,
    /// The consents, from one string or a list of strings.
    pub accept: Vec<At<String>>,
}

/// A `[[moved]]` block as it is written.
#[derive(Debug)]
pub(in crate::manifest) struct MovedLayer {
    /// The address before the move.
    pub from: At<String>,
    /// The address after the move.
    pub to: At<String>,
}
