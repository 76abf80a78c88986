//! What each file says, field by field, before anything is merged: typed layers with the place of every value.

mod document;
mod duplicates;
mod fields;
pub(super) mod toml_string;

use std::{collections::BTreeMap, sync::Arc};

use crate::resource::{SmallMap, SourceFile, SourceLocation};

pub(super) use document::{ManifestRole, read_manifest};

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub value: T,
    pub place: SourceLocation,
}

/// A field that may be written or not. Boxed: most of most things are not.
pub(super) type Field<T> = Option<Box<At<T>>>;

/// One manifest.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub project: ProjectLayer,
    pub defaults: StatementLayer,
    /// The environment variable of each secret, if nothing is wrong with it.
    pub secrets: BTreeMap<String, At<Field<String>>>,
    pub environments: BTreeMap<String, At<EnvironmentLayer>>,
    pub pools: BTreeMap<String, At<PoolLayer>>,
    pub statements: BTreeMap<String, At<Box<StatementLayer>>>,
    pub moved: Vec<At<MovedLayer>>,
    /// Whether something could not be read, so that what seems to be missing may be in there.
    pub incomplete: bool,
    /// Files that are not even TOML. What their tables seem to say is good for knowing names and nothing else.
    pub unparsable: Vec<Arc<SourceFile>>,
}

/// `[project]`.
#[derive(Debug, Default)]
pub(super) struct ProjectLayer {
    pub name: Field<String>,
    pub include: Option<Vec<At<String>>>,
    pub allow: Vec<At<String>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub has_invalid_fields: bool,
}

/// `[defaults]`, `[statements.<key>]`, or an environment's overlay of one.
#[derive(Debug, Default, Clone)]
pub(super) struct StatementLayer {
    pub name: Field<String>,
    pub sql: Field<Arc<str>>,
    pub sql_file: Field<String>,
    pub undo: Field<Arc<str>>,
    pub pool: Field<String>,
    pub principal: Field<String>,
    pub properties: SmallMap<StringEntry>,
    pub stopped: Field<bool>,
    pub evolve: Field<String>,
    pub accept: Field<String>,
    pub on_failed: Field<String>,
    pub on_stopped: Field<String>,
    pub depends_on: Option<Vec<At<String>>>,
    pub prevent_destroy: Field<bool>,
    pub timeout: Field<String>,
    pub allow: Option<Vec<At<String>>>,
    pub unset: Vec<At<String>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub has_invalid_fields: bool,
    /// Whether one of `properties` was lost to a problem, so that what they decide is not known.
    pub has_invalid_properties: bool,
}

/// One entry of a table of strings.
#[derive(Debug, Clone)]
pub(super) struct StringEntry {
    /// Where its key stands.
    pub key_place: SourceLocation,
    pub value: At<Arc<str>>,
}

/// `[pools.<key>]`, or an environment's overlay of one.
#[derive(Debug, Default, Clone)]
pub(super) struct PoolLayer {
    pub id: Field<String>,
    pub display_name: Field<String>,
    pub max_cfu: Field<i64>,
    pub network: Field<String>,
    pub prevent_destroy: Field<bool>,
    pub unset: Vec<At<String>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub has_invalid_fields: bool,
}

/// `[environments.<name>]`.
#[derive(Debug, Default)]
pub(super) struct EnvironmentLayer {
    pub organization: Field<String>,
    pub id: Field<String>,
    pub cloud: Field<String>,
    pub region: Field<String>,
    pub private: Field<bool>,
    pub endpoint: Field<String>,
    pub cloud_endpoint: Field<String>,
    pub state: Field<String>,
    pub name_prefix: Field<String>,
    pub variables: SmallMap<StringEntry>,
    pub aliases: SmallMap<StringEntry>,
    pub evolve: Field<String>,
    pub protected: Field<bool>,
    pub requests_per_second: Field<i64>,
    pub simulator: Field<bool>,
    pub pace: Field<String>,
    pub catalog: Field<String>,
    pub scenario: Field<String>,
    pub pools: BTreeMap<String, At<PoolLayer>>,
    pub statements: BTreeMap<String, At<Box<StatementLayer>>>,
    /// Whether a field was lost to a problem, so that none is missing.
    pub has_invalid_fields: bool,
    /// Whether all that it says of itself, its overlays apart, could be read.
    pub is_valid: bool,
}

/// `[[moved]]`.
#[derive(Debug)]
pub(super) struct MovedLayer {
    pub from: At<String>,
    pub to: At<String>,
}
