//! A project as one environment sees it, with overlays merged, defaults filled in and variables replaced.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::SqlSourceMap;
use crate::{
    resource::{
        Address, Consent, EnvironmentIdentity, PoolDeclaration, Problem, ResourceKind, SmallMap, SourceLocation,
        Statement,
    },
    sql::Analysis,
};

/// Everything that the manifests declare for one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The value of `name` in `[project]`.
    pub name: String,
    /// The folder that holds `floe.toml`.
    pub root: PathBuf,
    /// The environment that was chosen for this load.
    pub environment: Environment,
    /// The declared pools by key.
    pub pools: BTreeMap<String, DeclaredPool>,
    /// The declared statements by key.
    pub statements: BTreeMap<String, Box<DeclaredStatement>>,
    /// The `[[moved]]` blocks. Chains are resolved, so `to` is always a declared address.
    pub moved: Vec<MovedBlock>,
    /// The `[[removed]]` blocks, at most one for each address.
    pub removed: Vec<RemovedBlock>,
    /// The environment variable that holds each secret, by the secret's name. `cli` reads the values.
    pub secrets: BTreeMap<String, String>,
}

impl Project {
    /// Returns whether the manifests give this consent for an address, be it declared or removed.
    pub fn has_consent(&self, address: &Address, consent: &Consent) -> bool {
        let of_statement = match address.kind {
            ResourceKind::Statement => self.statements.get(&address.key).map(|declared| declared.accept.as_slice()),
            ResourceKind::Pool => None,
        };
        let of_removed = self.removed.iter().find(|removed| removed.address == *address);
        let given =
            of_statement.into_iter().flatten().chain(of_removed.into_iter().flat_map(|removed| &removed.accept));
        given.into_iter().any(|given| given.consent == *consent)
    }

    /// Returns whether the project declares this address.
    pub fn declares(&self, address: &Address) -> bool {
        match address.kind {
            ResourceKind::Pool => self.pools.contains_key(&address.key),
            ResourceKind::Statement => self.statements.contains_key(&address.key),
        }
    }
}

/// A project that has at least one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidProject {
    /// All problems, sorted by file and position.
    pub problems: Vec<Problem>,
    /// The part of the project that could be loaded. Use it only to find more problems. `None` if there is none.
    pub partial: Option<Box<Project>>,
}

/// A declared pool and the location of its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPool {
    /// The pool as it is declared.
    pub spec: PoolDeclaration,
    /// The location of its header, `[pools.main]`.
    pub place: SourceLocation,
}

/// A declared statement and the location of its declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStatement {
    /// The statement as it is declared.
    pub spec: Statement,
    /// The location of its header, or of the first line of its `.sql` file.
    pub place: SourceLocation,
    /// The map from its SQL to the file that holds the SQL.
    pub source_map: SqlSourceMap,
    /// The result of analyzing its SQL.
    pub analysis: Analysis,
    /// The location of each `depends_on` entry and of `pool`, for problems that are found later.
    pub reference_places: SmallMap<SourceLocation, Address>,
    /// The location of the value of each property that holds a secret.
    pub secret_places: SmallMap<SourceLocation>,
    /// The codes of the lints that are allowed for this statement, including those that the project allows.
    pub allow: BTreeSet<String>,
    /// Whether it creates a function that is declared to keep state in the jobs that call it.
    pub is_stateful_function: bool,
    /// The consents in `accept`, in the order in which they are written.
    pub accept: Vec<GivenConsent>,
}

impl DeclaredStatement {
    /// Returns whether `accept` contains this consent.
    pub fn has_consent(&self, consent: &Consent) -> bool {
        self.accept.iter().any(|given| given.consent == *consent)
    }
}

/// A consent that a manifest gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenConsent {
    /// The consent as a plan printed it.
    pub consent: Consent,
    /// The location of the code in the manifest.
    pub place: SourceLocation,
}

/// A `[[removed]]` block: the consents for an address that is no longer declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedBlock {
    /// The address that is no longer declared.
    pub address: Address,
    /// The consents in `accept`, in the order in which they are written.
    pub accept: Vec<GivenConsent>,
    /// The location of the block.
    pub place: SourceLocation,
}

/// A `[[moved]]` block, which gives a resource a new address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedBlock {
    /// The address before the move.
    pub from: Address,
    /// The address after the move.
    pub to: Address,
    /// The location of the block.
    pub place: SourceLocation,
}

/// An environment, declared by `[environments.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The environment's key in `[environments]`.
    pub name: String,
    /// The Confluent Cloud environment and its region. A simulated environment has fixed ids.
    pub identity: EnvironmentIdentity,
    /// The settings of the simulator. `None` if the environment uses Confluent Cloud.
    pub simulator: Option<SimulatorSettings>,
    /// Whether requests go to the private host names.
    pub private: bool,
    /// The origin of the Flink gateway, if it is set.
    pub endpoint: Option<String>,
    /// The origin of the API that serves pools, if it is set.
    pub cloud_endpoint: Option<String>,
    /// Where the environment's state is kept.
    pub state: StateLocation,
    /// The prefix of the cloud names that derive from statement keys. A statement's own `name` does not get it.
    pub name_prefix: String,
    /// Ids that SQL may use for a catalog or database, each with the name that it stands for.
    pub aliases: BTreeMap<String, String>,
    /// Whether stricter lints apply to this environment.
    pub protected: bool,
    /// The maximum number of requests per second of this run, if it is lowered. The service's limit is per address,
    /// so pipelines share it.
    pub requests_per_second: Option<u32>,
}

impl Environment {
    /// Returns the environment to check against when none could be chosen.
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

/// The settings of a simulated environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatorSettings {
    /// Whether simulated time passes at the speed of real time, for demonstrations.
    pub real_pace: bool,
    /// Whether a table that no statement created is missing. Otherwise it counts as a topic that was created
    /// elsewhere.
    pub strict_catalog: bool,
    /// The file with a scenario of faults and verdicts, relative to the project.
    pub scenario: Option<PathBuf>,
}

/// Where an environment's state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateLocation {
    /// A file, relative to the project unless the path is absolute. The journal and the lock are in the same folder.
    File(PathBuf),
}
