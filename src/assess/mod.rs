//! Judges what is live against the record: the conditions of each address, which say whether it is healthy and whether
//! it has drifted. Pure.
//!
//! `diff`, `status` and `drift` read these conditions and judge nothing of this on their own.

mod condition;
mod generations;
mod pool;
mod statement;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    live::{Live, Lookups},
    resource::Address,
    settle::Settlement,
    state::Recorded,
};

pub use condition::{Condition, LastOffsets};
pub use generations::has_labels_of;
pub use pool::hidden_pool;
pub use statement::has_lost_pool;

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

/// The conditions of all addresses that are recorded or have an open request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessment(BTreeMap<Address, AssessedResource>);

/// One address as it is live, with its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssessedResource {
    /// The cloud name of the statement or the id of the pool. `None` if nothing is submitted.
    pub name: Option<String>,
    /// What the resource is seen as.
    pub state: ObservedState,
    /// When it entered its phase (RFC 3339), if the service reports it.
    pub since: Option<String>,
    /// The conditions of the resource, in the order in which they are shown.
    pub conditions: Vec<Condition>,
    /// The lookups that the conditions lack.
    pub missing: Lookups,
}

/// What a resource is seen as: its phase, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedState {
    /// The service reports this phase.
    Phase(String),
    /// It is gone from Confluent Cloud.
    Gone,
    /// It was stopped and is gone, and the state keeps its offsets.
    Purged,
    /// It completed, and the service has deleted it since.
    Done,
    /// Its name belongs to another statement.
    Foreign,
    /// It could not be read.
    Unknown,
    /// It is declared and not submitted, because `stopped = true`.
    Held,
    /// A request for it is open.
    Open,
}

impl Assessment {
    /// Returns all addresses in order, pools first.
    pub fn iter(&self) -> impl Iterator<Item = (&Address, &AssessedResource)> {
        self.0.iter()
    }

    /// Returns the conditions of an address.
    pub fn conditions(&self, address: &Address) -> &[Condition] {
        self.0.get(address).map_or(&[], |assessed| &assessed.conditions)
    }

    /// Returns the assessment with only those conditions that match.
    #[cfg(test)]
    pub(crate) fn keeping(mut self, matches: impl Fn(&Condition) -> bool) -> Self {
        self.0.values_mut().for_each(|assessed| assessed.conditions.retain(&matches));
        self
    }

    /// Returns whether the resource at this address needs attention.
    pub fn is_unhealthy(&self, address: &Address) -> bool {
        self.conditions(address).iter().any(Condition::is_unhealthy)
    }

    /// Returns the lookups that the conditions of these addresses lack, except where they already show that the
    /// resource needs attention.
    pub fn missing_lookups(&self, addresses: &BTreeSet<Address>) -> Lookups {
        let mut missing = Lookups::default();
        let of_these = self.0.iter().filter(|(address, _)| addresses.contains(*address));
        for (_, assessed) in of_these.filter(|(_, assessed)| !assessed.is_unhealthy()) {
            missing.merge(assessed.missing.clone());
        }
        missing
    }
}

impl AssessedResource {
    /// Returns a resource that is seen as `state`, with conditions.
    fn new(name: Option<&str>, state: ObservedState, conditions: Vec<Condition>) -> Self {
        let name = name.map(str::to_owned);
        AssessedResource { name, state, since: None, conditions, missing: Lookups::default() }
    }

    /// Returns whether the resource needs attention.
    pub fn is_unhealthy(&self) -> bool {
        self.conditions.iter().any(Condition::is_unhealthy)
    }
}

impl ObservedState {
    /// Returns the phase in the service's spelling, or a lower-case word if there is none.
    pub fn as_str(&self) -> &str {
        match self {
            ObservedState::Phase(phase) => phase,
            ObservedState::Gone => "gone",
            ObservedState::Purged => "purged",
            ObservedState::Done => "done",
            ObservedState::Foreign => "foreign",
            ObservedState::Unknown => "unknown",
            ObservedState::Held => "held",
            ObservedState::Open => "open",
        }
    }
}

/// Returns the conditions of every address that is recorded or has an open request.
pub fn assess(evidence: Evidence) -> Assessment {
    let Evidence { recorded, settlement, .. } = evidence;
    let mut resources = BTreeMap::new();
    for (key, record) in &recorded.pools {
        resources.insert(Address::pool(key), pool::assess_pool(evidence, record));
    }
    for (key, record) in &recorded.statements {
        resources.insert(Address::statement(key), statement::assess_statement(evidence, key, record));
    }
    for address in recorded.open_intents.values().map(|open| &open.intent.address) {
        if !recorded.contains(address) {
            let open = || AssessedResource::new(None, ObservedState::Open, vec![Condition::UnresolvedRequest]);
            resources.entry(address.clone()).or_insert_with(open);
        }
    }
    for (address, why) in &settlement.unclear {
        let open = || AssessedResource::new(None, ObservedState::Open, Vec::new());
        let assessed = resources.entry(address.clone()).or_insert_with(open);
        assessed.conditions.push(Condition::UnclearRequest { why: why.clone() });
    }
    Assessment(resources)
}
