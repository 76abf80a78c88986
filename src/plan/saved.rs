//! What a saved plan rests on, and what has moved since.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::Plan;
use crate::{
    diff::{self, Change, Desired, Request},
    graph::Graph,
    live::{Live, Presence},
    resource::{Address, Fingerprint, ResourceKind, SeenPool, SeenStatement},
    state::{Entry, Fact, Recorded},
};

/// Something that a saved plan rests on and that is not so any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It was made for something else: `project`, `environment` or `state`.
    Elsewhere(&'static str),
    /// The manifests declare this address differently now.
    Declared(Address),
    /// The state records something else of this address now.
    Recorded(Address),
    /// The cloud holds something else under this name now.
    Live(String),
    /// The pool with this id is not what it was.
    Pool(String),
    /// What would be done to this address now is something else.
    Planned(Address),
    /// Nothing is to be done to this address any more.
    Done(Address),
    /// Nothing can be done to this address now: another one that stands between it and the cloud is blocked.
    Blocked {
        /// What the plan would change.
        address: Address,
        /// What is blocked.
        by: Address,
    },
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moved::Elsewhere(what) => write!(f, "it was made for another {what}"),
            Moved::Declared(address) => write!(f, "{address} is declared differently now"),
            Moved::Recorded(address) => write!(f, "the state records something else of {address} now"),
            Moved::Live(name) => write!(f, "statement `{name}` is not what it was when the plan was made"),
            Moved::Pool(id) => write!(f, "pool {id} is not what it was when the plan was made"),
            Moved::Planned(address) => write!(f, "something else would be done to {address} now"),
            Moved::Done(address) => write!(f, "nothing is to be done to {address} any more"),
            Moved::Blocked { address, by } => write!(f, "{by} is blocked now, and {address} has to wait for it"),
        }
    }
}

/// What keeps `saved` from being applied, given the plan that would be made `now` for the same request or for that of
/// [`without_blocks_elsewhere`], and what that has [`taken_out`]. Changes of other addresses do not.
pub fn moved_since(saved: &Plan, now: &Plan, taken_out: &BTreeMap<Address, Address>) -> Vec<Moved> {
    let (then, basis) = (&saved.basis, &now.basis);
    let identities = [
        ("project", then.project == basis.project),
        ("environment", then.environment == basis.environment && then.identity == basis.identity),
        ("state", then.lineage == basis.lineage),
    ];
    let mut moved: Vec<Moved> =
        identities.into_iter().filter(|(_, same)| !same).map(|(what, _)| Moved::Elsewhere(what)).collect();
    if !moved.is_empty() {
        return moved;
    }
    // A plan with a block has no passages at all; the block itself is what has moved then.
    let blocked = saved.changes.keys().any(|address| now.changes.get(address).is_some_and(Change::is_blocked));
    for (address, change) in &saved.changes {
        let Some(now_changes) = now.changes.get(address) else {
            let address = address.clone();
            moved.push(match taken_out.get(&address) {
                Some(by) => Moved::Blocked { by: by.clone(), address },
                None => Moved::Done(address),
            });
            continue;
        };
        let before = moved.len();
        if basis.declared.get(address).is_some_and(|now| then.declared.get(address) != Some(now)) {
            moved.push(Moved::Declared(address.clone()));
        }
        if basis.recorded.get(address).is_some_and(|now| then.recorded.get(address) != Some(now)) {
            moved.push(Moved::Recorded(address.clone()));
        }
        let passage = |plan: &Plan| {
            let mut passage = plan.passages.iter().find(|passage| passage.address == *address).cloned()?;
            // What it waits for beyond what this plan changes is the other changes' concern.
            passage.after.retain(|before| saved.changes.contains_key(before));
            Some(passage)
        };
        let otherwise = change.action != now_changes.action || (!blocked && passage(saved) != passage(now));
        if moved.len() == before && otherwise {
            moved.push(Moved::Planned(address.clone()));
        }
    }
    for (name, seen) in &then.seen {
        if basis.seen.get(name).is_some_and(|now| now != seen) {
            moved.push(Moved::Live(name.clone()));
        }
    }
    for (id, seen) in &then.seen_pools {
        if basis.seen_pools.get(id).is_some_and(|now| !seen.still_holds(now)) {
            moved.push(Moved::Pool(id.clone()));
        }
    }
    moved
}

/// What to ask instead of what `saved` asks, if `now` is blocked by other addresses than those that `saved` changes:
/// the same without them, and without what needs them. They are no concern of a plan that was made and approved
/// before; but a plan with a block has no passages to compare with.
pub fn without_blocks_elsewhere(saved: &Plan, now: &Plan) -> Option<Request> {
    let elsewhere: Vec<&Address> = now.blocked().filter(|address| !saved.changes.contains_key(*address)).collect();
    if elsewhere.is_empty() {
        return None;
    }
    let mut request = saved.request.clone();
    request.excludes.extend(elsewhere.into_iter().cloned());
    Some(request)
}

/// What the plan of [`without_blocks_elsewhere`] says nothing of, each with the blocked address that it waits for: those
/// that are blocked, and what needs them.
pub fn taken_out(saved: &Plan, now: &Plan, graph: &Graph, recorded: &Recorded) -> BTreeMap<Address, Address> {
    let elsewhere = now.request.excludes.difference(&saved.request.excludes);
    diff::left_out(graph, recorded, &now.request, elsewhere)
}

/// A digest of what is declared under an address.
pub(super) fn declared(desired: &Desired, address: &Address) -> Option<Fingerprint> {
    let project = &desired.graph.project;
    match address.kind {
        ResourceKind::Pool => project.pools.get(&address.key).and_then(|pool| digest(&pool.spec)),
        ResourceKind::Statement => project.statements.get(&address.key).and_then(|statement| digest(&statement.spec)),
    }
}

/// A digest of what is recorded under an address.
pub(super) fn recorded(recorded: &Recorded, address: &Address) -> Option<Fingerprint> {
    match address.kind {
        ResourceKind::Pool => recorded.pools.get(&address.key).and_then(digest),
        ResourceKind::Statement => recorded.statements.get(&address.key).and_then(digest),
    }
}

/// The saved plan on the record of now: what has to be recorded first is as it is found now, with what that rests on.
pub fn on_record_of(saved: Plan, now: &Plan) -> Plan {
    let mut plan = Plan { found: now.found.clone(), entries: now.entries.clone(), ..saved };
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
pub(super) fn names(recorded: &Recorded, changes: &BTreeMap<Address, Change>, entries: &[Entry]) -> BTreeSet<String> {
    let changed = changes.keys().filter(|address| address.kind == ResourceKind::Statement);
    let records = changed.filter_map(|address| recorded.statements.get(&address.key));
    let kept = records.flat_map(|record| record.generations()).map(|generation| generation.sent.name.clone());
    let lost = entries.iter().filter_map(|entry| match entry {
        Entry::FactRecorded { fact: Fact::GenerationGone { name, .. } } => Some(name.clone()),
        _ => None,
    });
    kept.chain(lost).collect()
}

/// What was seen of each of these statements.
pub(super) fn seen(names: &BTreeSet<String>, live: &Live) -> BTreeMap<String, SeenStatement> {
    let present = names.iter().filter_map(|name| match live.statement(name) {
        Presence::Present(found) => Some((name.clone(), SeenStatement::of(found))),
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => None,
    });
    present.collect()
}

/// Those of these statements that are confirmed to be gone.
pub(super) fn absent(mut names: BTreeSet<String>, live: &Live) -> BTreeSet<String> {
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
