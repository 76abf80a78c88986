//! A project as one environment sees it: overlays merged, defaults filled in, variables replaced.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use crate::resource::{Address, Identity, Place, PoolDeclaration, Source, Span, Statement};

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
    pub statements: BTreeMap<String, DeclaredStatement>,
    /// `[[moved]]` blocks.
    pub moved: Vec<Moved>,
    /// Secrets: the environment variable that holds each, by name. `cli` reads them.
    pub secrets: BTreeMap<String, String>,
}

/// A pool and where it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPool {
    /// What is declared.
    pub spec: PoolDeclaration,
    /// Its header, `[pools.main]`.
    pub place: Place,
}

/// A statement and where it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStatement {
    /// What is declared.
    pub spec: Statement,
    /// Its header, or the start of its `.sql` file.
    pub place: Place,
    /// Where its SQL stands.
    pub sql: SqlText,
    /// The key of each `depends_on` entry and of `pool`, for problems found later.
    pub reference_places: BTreeMap<Address, Place>,
    /// Codes of lints that are allowed here, the project's included.
    pub allow: BTreeSet<String>,
}

/// Where a statement's SQL stands in a file: maps offsets of the text after `${…}` to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlText {
    /// The `.sql` file or the manifest that holds the string.
    pub source: Arc<Source>,
    /// Stretches of the text in ascending order: from this offset of the SQL on, it is the file from that offset on.
    /// An escape or a variable ends a stretch; what it stands for maps to its place.
    pub stretches: Vec<(usize, usize)>,
    /// The end of the SQL in the file.
    pub end: usize,
}

impl SqlText {
    /// The place in the file of a span of the SQL.
    pub fn locate(&self, span: &Span) -> Place {
        let offset_of = |at: usize| {
            let index = self.stretches.partition_point(|(sql, _)| *sql <= at).saturating_sub(1);
            let (sql, file) = self.stretches.get(index).copied().unwrap_or_default();
            let next = self.stretches.get(index + 1).map_or(self.end, |(_, file)| *file);
            (file + at.saturating_sub(sql)).min(next)
        };
        let start = offset_of(span.start);
        Place { source: Arc::clone(&self.source), span: start..offset_of(span.end).max(start) }
    }
}

/// `[[moved]]`: a thing that has a new address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The address until now.
    pub from: Address,
    /// The address from now on.
    pub to: Address,
    /// The block.
    pub place: Place,
}

/// `[environments.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its key.
    pub name: String,
    /// Which Confluent Cloud environment in which region. A simulated one has fixed ids.
    pub identity: Identity,
    /// Where it is simulated, how. `None` for the real service.
    pub simulated: Option<Simulated>,
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

/// How an environment is simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
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
    /// A file; the journal and the lock lie beside it.
    File(PathBuf),
}
