//! What a diff is computed from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    graph::Graph,
    resource::{Address, KeyedHash},
};

/// What the user asks of a plan, beyond what the manifests say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    /// Whether to remove every selected resource.
    #[serde(default)]
    pub destroy: bool,
    /// The addresses to plan, together with their dependencies. Empty means all addresses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<Address>,
    /// The addresses to leave out, together with their dependents.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub excludes: BTreeSet<Address>,
    /// The addresses to replace even if nothing changed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replace: BTreeSet<Address>,
    /// Whether undos that drop data are allowed.
    #[serde(default)]
    pub allow_data_loss: bool,
    /// Whether to revert changes that were made outside floe.
    #[serde(default)]
    pub fix_drift: bool,
}

/// The desired project, with what is known about the values of its secrets.
#[derive(Debug, Clone, Copy)]
pub struct Desired<'a> {
    /// The dependency graph of the checked project.
    pub graph: &'a Graph,
    /// Keyed hashes of the secrets whose values are available here.
    pub secrets: &'a BTreeMap<String, KeyedHash>,
}
