//! What conditions are judged from.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    live::Live,
    resource::{Address, Consent, Statement},
    settle::Settlement,
    state::Recorded,
};

/// Everything that conditions are judged from.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The settled record of the environment.
    pub recorded: &'a Recorded,
    /// What settling found about an interrupted run.
    pub settlement: &'a Settlement,
    /// The snapshot of Confluent Cloud.
    pub live: &'a Live,
    /// The names and ids that the manifests use.
    pub declared: &'a DeclaredNames<'a>,
}

/// The names and ids in the manifests. They tell which live resources belong to the project.
#[derive(Debug, Clone, Default)]
pub struct DeclaredNames<'a> {
    /// The name of the project.
    pub project: &'a str,
    /// The key of the environment.
    pub environment: &'a str,
    /// The declared statements, by key.
    pub statements: BTreeMap<&'a str, &'a Statement>,
    /// The addresses that `[[moved]]` blocks lead from, by the key that they lead to.
    pub former_addresses: BTreeMap<&'a str, Vec<&'a Address>>,
    /// The consents that are given for each statement, by its key.
    pub consents: BTreeMap<&'a str, Vec<&'a Consent>>,
    /// Ids that SQL may use for a catalog or database, each with the name that it stands for.
    pub aliases: Option<&'a BTreeMap<String, String>>,
    /// The ids of the pools that are declared by their id.
    pub borrowed_pools: BTreeSet<&'a str>,
}
