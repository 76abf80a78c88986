//! What a saved plan rests on, and what has moved since.

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

/// Something that a saved plan rests on and that is not so any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaleReason {
    /// It was made for something else: `project`, `environment` or `state`.
    MadeForOther(&'static str),
    /// The manifests declare this address differently now.
    DeclarationChanged(Address),
    /// The state records something else of this address now.
    RecordChanged(Address),
    /// The cloud holds something else under this name now.
    StatementChanged(String),
    /// The pool with this id is not what it was.
    PoolChanged(String),
    /// What would be done to this address now is something else.
    ActionChanged(Address),
    /// Nothing is to be done to this address any more.
    NothingToDo(Address),
    /// Nothing can be done to this address now: another one that stands between it and the cloud is blocked.
    Blocked {
        /// What the plan would change.
        address: Address,
        /// What is blocked.
        by: Address,
    },
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StaleReason::MadeForOther(what) => write!(f, "it was made for another {what}"),
            StaleReason::DeclarationChanged(address) => write!(f, "{address} is declared differently now"),
            StaleReason::RecordChanged(address) => write!(f, "the state records something else of {address} now"),
            StaleReason::StatementChanged(name) => {
                write!(f, "statement `{name}` is not what it was when the plan was made")
            }
            StaleReason::PoolChanged(id) => write!(f, "pool {id} is not what it was when the plan was made"),
            StaleReason::ActionChanged(address) => write!(f, "something else would be done to {address} now"),
            StaleReason::NothingToDo(address) => write!(f, "nothing is to be done to {address} any more"),
            StaleReason::Blocked { address, by } => write!(f, "{by} is blocked now, and {address} has to wait for it"),
        }
    }
}

/// What keeps `saved` from being applied, given the plan that would be made `now` for the same request or for that of
/// [`without_blocks_elsewhere`], and what that has [`taken_out`]. Changes of other addresses do not.
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
    // A plan with a block has no passages at all; the block itself is what has moved then.
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
            let mut group = plan.groups.iter().find(|passage| passage.address == *address).cloned()?;
            // What it waits for beyond what this plan changes is the other changes' concern.
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

/// What to ask instead of what `saved` asks, if `now` is blocked by other addresses than those that `saved` changes:
/// the same without them, and without what needs them. They are no concern of a plan that was made and approved
/// before; but a plan with a block has no passages to compare with.
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

/// What the plan of [`without_blocks_elsewhere`] says nothing of, each with the blocked address that it waits for: those
/// that are blocked, and what needs them.
pub fn excluded_by(saved: &Plan, now: &Plan, graph: &Graph, recorded: &Recorded) -> BTreeMap<Address, Address> {
    let foreign_blocks = now.options.excludes.difference(&saved.options.excludes);
    diff::addresses_excluded_by(graph, recorded, &now.options, foreign_blocks)
}

/// A digest of what is declared under an address.
pub(super) fn declared_fingerprint(desired: &Desired, address: &Address) -> Option<Fingerprint> {
    let project = &desired.graph.project;
    match address.kind {
        ResourceKind::Pool => project.pools.get(&address.key).and_then(|pool| digest(&pool.spec)),
        ResourceKind::Statement => project.statements.get(&address.key).and_then(|statement| digest(&statement.spec)),
    }
}

/// A digest of what is recorded under an address.
pub(super) fn recorded_fingerprint(recorded: &Recorded, address: &Address) -> Option<Fingerprint> {
    match address.kind {
        ResourceKind::Pool => recorded.pools.get(&address.key).and_then(digest),
        ResourceKind::Statement => recorded.statements.get(&address.key).and_then(digest),
    }
}

/// The saved plan on the record of now: what has to be recorded first is as it is found now, with what that rests on.
pub fn rebase_onto(saved: Plan, now: &Plan) -> Plan {
    let mut plan =
        Plan { interrupted_requests: now.interrupted_requests.clone(), entries: now.entries.clone(), ..saved };
    plan.basis.absent.extend(now.basis.absent.iter().cloned());
    for (name, seen) in &now.basis.seen {
        plan.basis.seen.entry(name.clone()).or_insert_with(|| seen.clone());
    }
    plan
}

fn digest(value: &impl Serialize) -> Option<Fingerprint> {
    serde_json::to_string(value).ok().map(|text| Fingerprint::of([text.as_str()]))
}

/// The cloud names of every statement that a changed address has, and of those that the plan's entries take out of the
/// record.
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

/// What was seen of each of these statements.
pub(super) fn seen_statements(names: &BTreeSet<String>, live: &Live) -> BTreeMap<String, SeenStatement> {
    let present = names.iter().filter_map(|name| match live.statement(name) {
        Presence::Present(found) => Some((name.clone(), SeenStatement::of(found))),
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
    });
    present.collect()
}

/// Those of these statements that are confirmed to be gone.
pub(super) fn absent_statements(mut names: BTreeSet<String>, live: &Live) -> BTreeSet<String> {
    names.retain(|name| live.statement(name) == Presence::Absent);
    names
}

/// What was seen of the recorded pool that an address is.
pub(super) fn seen_pool(recorded: &Recorded, live: &Live, address: &Address) -> Option<(String, SeenPool)> {
    let record = recorded.pools.get(&address.key).filter(|_| address.kind == ResourceKind::Pool)?;
    match live.pool(&record.id) {
        Presence::Present(found) => Some((record.id.clone(), SeenPool::of(found))),
        _ => None,
    }
}
