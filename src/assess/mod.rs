//! Judges what is live against the record: the conditions of each address, which say whether it is healthy and whether
//! it has drifted. Pure.
//!
//! `diff`, `status` and `drift` read these conditions and judge nothing of this on their own.

mod assessed_resource;
mod condition;
mod copies;
mod generations;
mod inputs;
mod labels;
mod pool;
mod statement;

use std::collections::{BTreeMap, BTreeSet};

use crate::{live::Lookups, resource::Address};

pub use assessed_resource::{AssessedResource, ObservedState};
pub use condition::{Condition, LastOffsets};
pub use copies::{CopyEvidence, CopyFinder, JobIdentity, PossibleCopy, copy_consent};
pub use inputs::{DeclaredNames, Evidence};
pub use pool::hidden_pool;
pub use statement::has_lost_pool;

/// The conditions of all addresses that are recorded or have an open request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessment(BTreeMap<Address, AssessedResource>);

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

/// Returns the conditions of every address that is recorded or has an open request.
pub fn assess(evidence: Evidence) -> Assessment {
    let Evidence { recorded, settlement, .. } = evidence;
    let finder = CopyFinder::new(evidence);
    let mut resources = BTreeMap::new();
    for (key, record) in &recorded.pools {
        resources.insert(Address::pool(key), pool::assess_pool(evidence, record));
    }
    for (key, record) in &recorded.statements {
        resources.insert(Address::statement(key), statement::assess_statement(evidence, &finder, key, record));
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
