//! A SQL statement as the project declares it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Address, Properties, Template};

/// Everything that a project declares about a statement, after overlays, defaults and variables. The state keeps it
/// whole as `declared`. A *change* is a difference between two of these values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The cloud name of its first generation.
    pub name: String,
    /// Its SQL: the text in git with `${…}` filled in, byte for byte.
    pub sql: Template,
    /// Its properties, including the merged defaults.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties<Template>,
    /// The manifest key of its pool. Without one, the service uses the environment's default pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The principal that it runs as (`sa-…`, `u-…`, `pool-…`). Without one, the service uses the API key's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Whether the statement should be stopped.
    #[serde(default)]
    pub stopped: bool,
    /// The SQL that undoes it when it is removed or redefined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Template>,
    /// How floe may handle a change of its SQL.
    #[serde(default)]
    pub evolve: Evolve,
    /// The consent that floe 0.1.0 recorded as part of the declaration. It is read, and never written anew or compared.
    #[serde(default, rename = "accept", skip_serializing_if = "FormerConsent::is_none")]
    pub former_consent: FormerConsent,
    /// What to do when it has FAILED after having run.
    #[serde(default)]
    pub on_failed: UnexpectedPhasePolicy,
    /// What to do when it was stopped outside floe.
    #[serde(default)]
    pub on_stopped: UnexpectedPhasePolicy,
    /// Dependencies that its SQL does not show.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<Address>,
    /// Whether plans are forbidden to delete, undo or replace it.
    #[serde(default)]
    pub prevent_destroy: bool,
    /// The number of seconds it may take to reach RUNNING or COMPLETED.
    pub timeout: u64,
}

/// A consent in a record of floe 0.1.0. All values are equal, because a consent is no part of what is declared.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormerConsent(Option<String>);

impl FormerConsent {
    /// Returns whether the record has no consent.
    fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl From<String> for FormerConsent {
    fn from(code: String) -> Self {
        FormerConsent(Some(code))
    }
}

impl PartialEq for FormerConsent {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for FormerConsent {}

/// How floe may handle a change of a job's SQL or properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evolve {
    /// Blocks the change until a person consents to it.
    #[default]
    Auto,
    /// Replaces the job, which restarts from the beginning of its sources.
    Restart,
    /// Blocks like `Auto`, and the plan says that each change requires consent.
    Manual,
}

/// What to do about a phase that the manifests did not ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnexpectedPhasePolicy {
    /// Reports the phase and does nothing else.
    #[default]
    Report,
    /// Resumes the statement without asking.
    Resume,
}

/// The labels under `user.confluent.io/` that are sent with every submission. They are evidence of which project
/// manages a statement. If they are missing, that proves nothing.
pub mod labels {
    /// Holds the name of the project.
    pub const PROJECT: &str = "user.confluent.io/floe-project";
    /// Holds the key of the environment in the project.
    pub const ENVIRONMENT: &str = "user.confluent.io/floe-environment";
    /// Holds the address in the project.
    pub const ADDRESS: &str = "user.confluent.io/floe-address";
    /// Holds the lineage of the state that submitted the statement.
    pub const LINEAGE: &str = "user.confluent.io/floe-lineage";
    /// Holds the intent that submitted the statement.
    pub const INTENT: &str = "user.confluent.io/floe-intent";
}
