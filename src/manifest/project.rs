//! A project as one environment sees it: overlays merged, defaults filled in, variables replaced.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::SqlSourceMap;
use crate::{
    resource::{
        Address, EnvironmentIdentity, PoolDeclaration, Problem, ResourceKind, SmallMap, SourceLocation, Statement,
    },
    sql::Analysis,
};

/// Everything that is desired of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// `[project] name`.
    pub name: String,
    /// The folder of `floe.toml`.
    pub root: PathBuf,
    /// The environment that was chosen.
    pub environment: Environment,
    /// Pools by key.
    pub pools: BTreeMap<String, DeclaredPool>,
    /// Statements by key.
    pub statements: BTreeMap<String, Box<DeclaredStatement>>,
    /// `[[moved]]` blocks. `to` is where a chain of them ends: a declared address.
    pub moved: Vec<MovedBlock>,
    /// Secrets: the environment variable that holds each, by name. `cli` reads them.
    pub secrets: BTreeMap<String, String>,
}

impl Project {
    /// Returns whether the project declares this address.
    pub fn declares(&self, address: &Address) -> bool {
        match address.kind {
            ResourceKind::Pool => self.pools.contains_key(&address.key),
            ResourceKind::Statement => self.statements.contains_key(&address.key),
        }
    }
}

/// A project with problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProject {
    /// All of them, in order of file and place.
    pub problems: Vec<Problem>,
    /// What stands in spite of them: good for finding more problems and nothing else. `None` where nothing does.
    pub partial: Option<Box<Project>>,
}

/// A pool and where it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPool {
    /// What is declared.
    pub spec: PoolDeclaration,
    /// Its header, `[pools.main]`.
    pub place: SourceLocation,
}

/// A statement and where it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStatement {
    /// What is declared.
    pub spec: Statement,
    /// Its header, or the start of its `.sql` file.
    pub place: SourceLocation,
    /// Where its SQL stands.
    pub source_map: SqlSourceMap,
    /// What its SQL says.
    pub analysis: Analysis,
    /// The key of each `depends_on` entry and of `pool`, for problems found later.
    pub reference_places: SmallMap<SourceLocation, Address>,
    /// The value of each property that is named like a secret.
    pub secret_places: SmallMap<SourceLocation>,
    /// Codes of lints that are allowed here, the project's included.
    pub allow: BTreeSet<String>,
}

/// `[[moved]]`: a thing that has a new address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedBlock {
    /// The address until now.
    pub from: Address,
    /// The address from now on.
    pub to: Address,
    /// The block.
    pub place: SourceLocation,
}

/// `[environments.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its key.
    pub name: String,
    /// Which Confluent Cloud environment in which region. A simulated one has fixed ids.
    pub identity: EnvironmentIdentity,
    /// Where it is simulated, how. `None` for the real service.
    pub simulator: Option<SimulatorSettings>,
    /// Whether the private host names are used.
    pub private: bool,
    /// The Flink gateway's origin, if it is set.
    pub endpoint: Option<String>,
    /// The origin where pools are asked, if it is set.
    pub cloud_endpoint: Option<String>,
    /// Where its state is kept.
    pub state: StateLocation,
    /// What every cloud name of a statement begins with.
    pub name_prefix: String,
    /// Ids that SQL may use for a catalog or database, and the name each stands for.
    pub aliases: BTreeMap<String, String>,
    /// Whether stricter lints hold.
    pub protected: bool,
    /// Requests a second that this run may send, if lowered: the service's limit is per address, so pipelines share it.
    pub requests_per_second: Option<u32>,
}

impl Environment {
    /// What stands in where nobody knows which environment is meant.
    pub(super) fn placeholder() -> Self {
        Environment {
            name: String::new(),
            identity: EnvironmentIdentity::simulated("", String::new(), String::new()),
            simulator: None,
            private: false,
            endpoint: None,
            cloud_endpoint: None,
            state: StateLocation::File(PathBuf::new()),
            name_prefix: String::new(),
            aliases: BTreeMap::new(),
            protected: false,
            requests_per_second: None,
        }
    }
}

/// How an environment is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatorSettings {
    /// Whether simulated time passes as fast as real time, for demonstrations.
    pub real_pace: bool,
    /// Whether a table that no statement made is missing, rather than taken for a topic made elsewhere.
    pub strict_catalog: bool,
    /// A scenario of faults and verdicts, relative to the project.
    pub scenario: Option<PathBuf>,
}

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A file, relative to the project unless it is absolute; the journal and the lock lie beside it.
    File(PathBuf),
}
