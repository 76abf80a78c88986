//! Compares what a saved plan is based on with what holds now.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::Plan;
use crate::{
    diff::{self, Change, Desired, PlanOptions},
    graph::Graph,
    live::{Live, Presence},
    resource::{Address, Fingerprint, ResourceKind, SeenPool, SeenStatement},
    state::{Entry, Fact, Recorded},
};

/// Something that a saved plan is based on and that no longer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleReason {
    /// The plan was made for another `project`, `environment` or `state`.
    MadeForOther(&'static str),
    /// The declaration of this address has changed.
    DeclarationChanged(Address),
    /// The record of this address has changed.
    RecordChanged(Address),
    /// The live statement of this name has changed.
    StatementChanged(String),
    /// The pool with this id has changed.
    PoolChanged(String),
    /// The action for this address has changed.
    ActionChanged(Address),
    /// This address no longer needs a change.
    NothingToDo(Address),
    /// This address cannot be changed now, because a blocked address is in between it and the cloud.
    Blocked {
        /// The address that the plan would change.
        address: Address,
        /// The address that is blocked.
        by: Address,
    },
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StaleReason::MadeForOther(what) => write!(f, "it was made for another {what}"),
            StaleReason::DeclarationChanged(address) => write!(f, "the declaration of {address} has changed"),
            StaleReason::RecordChanged(address) => write!(f, "the record of {address} has changed"),
            StaleReason::StatementChanged(name) => {
                write!(f, "statement `{name}` has changed in Confluent Cloud")
            }
            StaleReason::PoolChanged(id) => write!(f, "pool `{id}` has changed in Confluent Cloud"),
            StaleReason::ActionChanged(address) => write!(f, "the action for {address} has changed"),
            StaleReason::NothingToDo(address) => write!(f, "{address} no longer needs a change"),
            StaleReason::Blocked { address, by } => write!(f, "{by} is now blocked, and {address} has to wait for it"),
        }
    }
}

/// Returns the reasons why `saved` can no longer be applied.
///
/// `now` is the plan that would be made now for the same options, or for those of [`options_without_foreign_blocks`].
/// `excluded_by` is what the function [`excluded_by`] returns for it. Changes of other addresses do not count.
pub fn stale_reasons(saved: &Plan, now: &Plan, excluded_by: &BTreeMap<Address, Address>) -> Vec<StaleReason> {
    let (then, basis) = (&saved.basis, &now.basis);
    let identities = [
        ("project", then.project == basis.project),
        ("environment", then.environment == basis.environment && then.identity == basis.identity),
        ("state", then.lineage == basis.lineage),
    ];
    let mut stale: Vec<StaleReason> =
        identities.into_iter().filter(|(_, same)| !same).map(|(what, _)| StaleReason::MadeForOther(what)).collect();
    if !stale.is_empty() {
        return stale;
    }
    // A blocked plan has no step groups. The block itself is what has changed then.
    let blocked = saved.changes.keys().any(|address| now.changes.get(address).is_some_and(Change::is_blocked));
    for (address, change) in &saved.changes {
        let Some(now_changes) = now.changes.get(address) else {
            let address = address.clone();
            stale.push(match excluded_by.get(&address) {
                Some(by) => StaleReason::Blocked { by: by.clone(), address },
                None => StaleReason::NothingToDo(address),
            });
            continue;
        };
        let before = stale.len();
        if basis.declared.get(address).is_some_and(|now| then.declared.get(address) != Some(now)) {
            stale.push(StaleReason::DeclarationChanged(address.clone()));
        }
        if basis.recorded.get(address).is_some_and(|now| then.recorded.get(address) != Some(now)) {
            stale.push(StaleReason::RecordChanged(address.clone()));
        }
        let group_of = |plan: &Plan| {
            let mut group = plan.groups.iter().find(|group| group.address == *address).cloned()?;
            // Waiting for addresses that the saved plan does not change is not its concern.
            group.after.retain(|before| saved.changes.contains_key(before));
            Some(group)
        };
        let is_different = change.action != now_changes.action || (!blocked && group_of(saved) != group_of(now));
        if stale.len() == before && is_different {
            stale.push(StaleReason::ActionChanged(address.clone()));
        }
    }
    for (name, seen) in &then.seen {
        if basis.seen.get(name).is_some_and(|now| now != seen) {
            stale.push(StaleReason::StatementChanged(name.clone()));
        }
    }
    for (id, seen) in &then.seen_pools {
        if basis.seen_pools.get(id).is_some_and(|now| !seen.still_holds(now)) {
            stale.push(StaleReason::PoolChanged(id.clone()));
        }
    }
    stale
}

/// Returns the options to plan with instead of those of `saved`, if `now` is blocked at addresses that `saved` does
/// not change. They also exclude those addresses and their dependents.
///
/// Such blocks do not concern a plan that was made and approved before. But a blocked plan has no step groups to
/// compare with.
pub fn options_without_foreign_blocks(saved: &Plan, now: &Plan) -> Option<PlanOptions> {
    let foreign_blocks: Vec<&Address> =
        now.blocked_addresses().filter(|address| !saved.changes.contains_key(*address)).collect();
    if foreign_blocks.is_empty() {
        return None;
    }
    let mut options = saved.options.clone();
    options.excludes.extend(foreign_blocks.into_iter().cloned());
    Some(options)
}

/// Returns the addresses that are missing from the plan for [`options_without_foreign_blocks`]: the blocked ones and
/// their dependents, each with the blocked address that it waits for.
pub fn excluded_by(saved: &Plan, now: &Plan, graph: &Graph, recorded: &Recorded) -> BTreeMap<Address, Address> {
    let foreign_blocks = now.options.excludes.difference(&saved.options.excludes);
    diff::addresses_excluded_by(graph, recorded, &now.options, foreign_blocks)
}

/// Returns a digest of what is declared under an address.
pub(super) fn declared_fingerprint(desired: Desired, address: &Address) -> Option<Fingerprint> {
    let project = &desired.graph.project;
    match address.kind {
        ResourceKind::Pool => project.pools.get(&address.key).and_then(|pool| digest(&pool.spec)),
        ResourceKind::Statement => project.statements.get(&address.key).and_then(|statement| digest(&statement.spec)),
    }
}

/// Returns a digest of what is recorded under an address.
pub(super) fn recorded_fingerprint(recorded: &Recorded, address: &Address) -> Option<Fingerprint> {
    match address.kind {
        ResourceKind::Pool => recorded.pools.get(&address.key).and_then(digest),
        ResourceKind::Statement => recorded.statements.get(&address.key).and_then(digest),
    }
}

/// Returns the saved plan on the current record: the entries to record first are those of `now`, with what they are
/// based on.
pub fn rebase_onto(saved: Plan, now: &Plan) -> Plan {
    let mut plan = Plan {
        interrupted_requests: now.interrupted_requests.clone(),
        entries: now.entries.clone(),
        copy_check: now.copy_check.clone(),
        ..saved
    };
    plan.basis.absent.extend(now.basis.absent.iter().cloned());
    for (name, seen) in &now.basis.seen {
        plan.basis.seen.entry(name.clone()).or_insert_with(|| seen.clone());
    }
    plan
}

/// Returns a digest of a value as JSON.
fn digest(value: &impl Serialize) -> Option<Fingerprint> {
    serde_json::to_string(value).ok().map(|text| Fingerprint::of([text.as_str()]))
}

/// Returns the cloud names of every statement of a changed address, and of those that the plan's entries remove from
/// the record.
pub(super) fn statement_names(
    recorded: &Recorded,
    changes: &BTreeMap<Address, Change>,
    entries: &[Entry],
) -> BTreeSet<String> {
    let changed = changes.keys().filter(|address| address.kind == ResourceKind::Statement);
    let records = changed.filter_map(|address| recorded.statements.get(&address.key));
    let kept = records.flat_map(|record| record.generations()).map(|generation| generation.sent.name.clone());
    let gone = entries.iter().filter_map(|entry| match entry {
        Entry::FactRecorded { fact: Fact::GenerationGone { name, .. } } => Some(name.clone()),
        _ => None,
    });
    kept.chain(gone).collect()
}

/// Returns what was seen of each of these statements.
pub(super) fn seen_statements(names: &BTreeSet<String>, live: &Live) -> BTreeMap<String, SeenStatement> {
    let present = names.iter().filter_map(|name| match live.statement(name) {
        Presence::Present(found) => Some((name.clone(), SeenStatement::of(found))),
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
    });
    present.collect()
}

/// Returns those of these statements that are confirmed to be gone.
pub(super) fn absent_statements(mut names: BTreeSet<String>, live: &Live) -> BTreeSet<String> {
    names.retain(|name| live.statement(name) == Presence::Absent);
    names
}

/// Returns what was seen of the recorded pool of an address, with its id.
pub(super) fn seen_pool(recorded: &Recorded, live: &Live, address: &Address) -> Option<(String, SeenPool)> {
    let record = recorded.pools.get(&address.key).filter(|_| address.kind == ResourceKind::Pool)?;
    match live.pool(&record.id) {
        Presence::Present(found) => Some((record.id.clone(), SeenPool::of(found))),
        _ => None,
    }
}
