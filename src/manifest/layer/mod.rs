//! What each file says, field by field, before anything is merged: typed layers with the place of every value.

mod document;
mod fields;
pub(super) mod string;
mod twice;

use std::{collections::BTreeMap, sync::Arc};

use crate::resource::{Few, Place, Source};

pub(super) use document::{Role, read};

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

/// One manifest.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub project: ProjectLayer,
    pub defaults: StatementLayer,
    /// The environment variable of each secret, if nothing is wrong with it.
    pub secrets: BTreeMap<String, At<Option<At<String>>>>,
    pub environments: BTreeMap<String, At<EnvironmentLayer>>,
    pub pools: BTreeMap<String, At<PoolLayer>>,
    pub statements: BTreeMap<String, At<Box<StatementLayer>>>,
    pub moved: Vec<At<MovedLayer>>,
    /// Whether something could not be read, so that what seems to be missing may be in there.
    pub incomplete: bool,
    /// Files that are not even TOML. What their tables seem to say is good for knowing names and nothing else.
    pub broken: Vec<Arc<Source>>,
}

/// `[project]`.
#[derive(Debug, Default)]
pub(super) struct ProjectLayer {
    pub name: Option<At<String>>,
    pub include: Option<Vec<At<String>>>,
    pub allow: Vec<At<String>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub flawed: bool,
}

/// `[defaults]`, `[statements.<key>]`, or an environment's overlay of one.
#[derive(Debug, Default, Clone)]
pub(super) struct StatementLayer {
    pub name: Option<At<String>>,
    pub sql: Option<At<Arc<str>>>,
    pub sql_file: Option<At<String>>,
    pub undo: Option<At<Arc<str>>>,
    pub pool: Option<At<String>>,
    pub principal: Option<At<String>>,
    pub properties: Few<Property>,
    pub stopped: Option<At<bool>>,
    pub evolve: Option<At<String>>,
    pub accept: Option<At<String>>,
    pub on_failed: Option<At<String>>,
    pub on_stopped: Option<At<String>>,
    pub depends_on: Option<Vec<At<String>>>,
    pub prevent_destroy: Option<At<bool>>,
    pub timeout: Option<At<String>>,
    pub allow: Option<Vec<At<String>>>,
    pub unset: Vec<At<String>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub flawed: bool,
    /// Whether one of `properties` was lost to a problem, so that what they decide is not known.
    pub lost_properties: bool,
}

/// One entry of a table of strings.
#[derive(Debug, Clone)]
pub(super) struct Property {
    /// Where its key stands.
    pub key: Place,
    pub value: At<Arc<str>>,
}

/// `[pools.<key>]`, or an environment's overlay of one.
#[derive(Debug, Default, Clone)]
pub(super) struct PoolLayer {
    pub id: Option<At<String>>,
    pub display_name: Option<At<String>>,
    pub max_cfu: Option<At<i64>>,
    pub network: Option<At<String>>,
    pub prevent_destroy: Option<At<bool>>,
    pub unset: Vec<At<String>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub flawed: bool,
}

/// `[environments.<name>]`.
#[derive(Debug, Default)]
pub(super) struct EnvironmentLayer {
    pub organization: Option<At<String>>,
    pub id: Option<At<String>>,
    pub cloud: Option<At<String>>,
    pub region: Option<At<String>>,
    pub private: Option<At<bool>>,
    pub endpoint: Option<At<String>>,
    pub cloud_endpoint: Option<At<String>>,
    pub state: Option<At<String>>,
    pub name_prefix: Option<At<String>>,
    pub variables: Few<Property>,
    pub aliases: Few<Property>,
    pub evolve: Option<At<String>>,
    pub protected: Option<At<bool>>,
    pub requests_per_second: Option<At<i64>>,
    pub simulator: Option<At<bool>>,
    pub pace: Option<At<String>>,
    pub catalog: Option<At<String>>,
    pub scenario: Option<At<String>>,
    pub pools: BTreeMap<String, At<PoolLayer>>,
    pub statements: BTreeMap<String, At<Box<StatementLayer>>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub flawed: bool,
    /// Whether all that it says of itself, its overlays apart, could be read.
    pub sound: bool,
}

/// `[[moved]]`.
#[derive(Debug)]
pub(super) struct MovedLayer {
    pub from: At<String>,
    pub to: At<String>,
}
