//! What a diff is computed from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    assess::DeclaredNames,
    graph::Graph,
    live::Live,
    resource::{Address, PoolDeclaration, ResourceKind, SecretHashes},
    settle::Settlement,
    state::Recorded,
};

/// Everything that a plan is made from.
///
/// The record must be settled, with `[[moved]]` blocks applied (see [`super::resolve_moved_blocks`]).
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The desired project and its secrets.
    pub desired: Desired<'a>,
    /// The settled record of the environment.
    pub recorded: &'a Recorded,
    /// What settling found about an interrupted run.
    pub settlement: &'a Settlement,
    /// The snapshot of Confluent Cloud.
    pub live: &'a Live,
    /// What the user asks of the plan.
    pub options: &'a PlanOptions,
}

impl<'a> Inputs<'a> {
    /// Returns whether an address without a change is counted. `destroy` has nothing to do with what was never applied.
    pub(super) fn counts_as_unchanged(&self, address: &Address) -> bool {
        !self.options.destroy || self.recorded.contains(address)
    }

    /// Returns the names and ids that the manifests use. With `destroy` no statement counts as declared.
    pub fn declared_names(&self) -> DeclaredNames<'a> {
        let project = &self.desired.graph.project;
        let statements = project.statements.iter().filter(|_| !self.options.destroy);
        let borrowed_pools = project.pools.values().filter_map(|declared| match &declared.spec {
            PoolDeclaration::Borrowed { id } => Some(id.as_str()),
            PoolDeclaration::Owned(_) => None,
        });
        let mut former_addresses: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for moved in project.moved.iter().filter(|moved| moved.to.kind == ResourceKind::Statement) {
            former_addresses.entry(&moved.to.key).or_default().push(&moved.from);
        }
        let consents = project.statements.iter().filter(|(_, declared)| !declared.accept.is_empty());
        DeclaredNames {
            project: &project.name,
            environment: &project.environment.name,
            statements: statements.map(|(key, declared)| (key.as_str(), &declared.spec)).collect(),
            former_addresses,
            consents: consents
                .map(|(key, declared)| (key.as_str(), declared.accept.iter().map(|given| &given.consent).collect()))
                .collect(),
            aliases: Some(&project.environment.aliases),
            borrowed_pools: borrowed_pools.collect(),
        }
    }
}

/// The desired project, with what is known about the values of its secrets.
#[derive(Debug, Clone, Copy)]
pub struct Desired<'a> {
    /// The dependency graph of the checked project.
    pub graph: &'a Graph,
    /// The hashes of the secrets whose values are available here.
    pub secrets: &'a SecretHashes,
}

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
