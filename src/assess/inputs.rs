//! What conditions are judged from.

use std::collections::{BTreeMap, BTreeSet};

use crate::{live::Live, settle::Settlement, state::Recorded};

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
    /// The cloud names of the declared statements, by key.
    pub statements: BTreeMap<&'a str, &'a str>,
    /// The ids of the pools that are declared by their id.
    pub borrowed_pools: BTreeSet<&'a str>,
}
