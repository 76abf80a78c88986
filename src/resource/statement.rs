//! A SQL statement as the project declares it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Address, Properties, Template};

/// Everything a project says about a statement, after overlays, defaults and variables. State keeps it whole as
/// `declared`: a *change* is a difference between two of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The cloud name of its first generation.
    pub name: String,
    /// Its SQL, git's text after `${…}`, byte for byte.
    pub sql: Template,
    /// Its properties, defaults merged in.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties<Template>,
    /// The manifest key of its pool; without one the service takes the environment's default pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Who it runs as (`sa-…`, `u-…`, `pool-…`); without one the service takes the API key's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Whether it is to stand still.
    #[serde(default)]
    pub stopped: bool,
    /// The SQL that undoes it when it is removed or redefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Template>,
    /// What may be done when its SQL changes.
    #[serde(default)]
    pub evolve: Evolve,
    /// Consent to one change, as plan printed it: `restart:3f2a9c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// What to do when it has FAILED after having run.
    #[serde(default)]
    pub on_failed: UnexpectedPhasePolicy,
    /// What to do when somebody stopped it outside.
    #[serde(default)]
    pub on_stopped: UnexpectedPhasePolicy,
    /// What it needs that its SQL does not show.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<Address>,
    /// Whether a plan may delete, undo or restart it.
    #[serde(default)]
    pub prevent_destroy: bool,
    /// Seconds it may take to reach RUNNING or COMPLETED.
    pub timeout: u64,
}

/// What may be done when the SQL of a job changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evolve {
    /// Carry offsets over where that is sure to be right; block otherwise.
    #[default]
    Auto,
    /// Where offsets cannot be carried over, begin again from the sources.
    Restart,
    /// Always block, unless accepted.
    Manual,
}

/// What to do about a phase that nobody asked for in the manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnexpectedPhasePolicy {
    /// Say so, and do nothing.
    #[default]
    Report,
    /// Resume it.
    Resume,
}

/// The labels under `user.confluent.io/` that go out with every submission. They are evidence of whose a statement
/// is; their absence proves nothing.
pub mod labels {
    /// The project's name.
    pub const PROJECT: &str = "user.confluent.io/floe-project";
    /// The address in the project.
    pub const ADDRESS: &str = "user.confluent.io/floe-address";
    /// The lineage of the state that submitted it.
    pub const LINEAGE: &str = "user.confluent.io/floe-lineage";
    /// The intent that submitted it.
    pub const INTENT: &str = "user.confluent.io/floe-intent";
}
