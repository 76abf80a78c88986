//! Handles renames: those declared with `[[moved]]`, and those that were not declared.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    action::{Action, Block, Change},
    inputs::Inputs,
};
use crate::{
    manifest::{DeclaredStatement, Project},
    resource::{Address, Generation, Pool, PoolDeclaration, ResourceKind},
    sql,
    state::{Fact, Recorded},
};

/// Returns the facts that `[[moved]]` blocks add to the record, and both sides of the moves that are blocked because
/// both addresses have a record.
///
/// A block whose `from` has no record is skipped: it was applied before, or `from` never existed.
pub fn resolve_moved_blocks(project: &Project, recorded: &Recorded) -> (Vec<Fact>, BTreeMap<Address, Change>) {
    let mut present: BTreeSet<Address> = recorded.statements.keys().map(Address::statement).collect();
    present.extend(recorded.pools.keys().map(Address::pool));
    let (mut facts, mut blocked) = (Vec::new(), BTreeMap::new());
    for moved in &project.moved {
        if !present.contains(&moved.from) {
            continue;
        }
        if present.contains(&moved.to) {
            let block = Block::MoveTargetRecorded { from: moved.from.clone() };
            blocked.extend([&moved.from, &moved.to].map(|address| (address.clone(), Change::blocked(block.clone()))));
            continue;
        }
        present.remove(&moved.from);
        present.insert(moved.to.clone());
        facts.push(Fact::Moved { from: moved.from.clone(), to: moved.to.clone() });
    }
    (facts, blocked)
}

/// Returns whether a change is blocked as one side of a rename.
pub(super) fn is_rename(change: &Change) -> bool {
    let is_rename =
        |block: &Block| matches!(block, Block::LooksLikeRename { .. } | Block::RecordedUnderOtherAddress { .. });
    matches!(&change.action, Action::Blocked { by } if by.iter().any(is_rename))
}

/// Blocks both sides of each undeclared rename, with the options to resolve it.
///
/// A statement counts as renamed if it is recorded under one address and declared under another, with the same name
/// or the same SQL. The old side is blocked even if the new one is not selected.
pub(super) fn block_renames(inputs: Inputs, changes: &mut BTreeMap<Address, Change>) {
    block_renamed_pools(inputs, changes);
    let Inputs { desired, recorded, .. } = inputs;
    let in_force = |key: &String| recorded.statements.get(key).is_some_and(|record| record.current.is_some());
    let declared = desired.graph.project.statements.iter();
    let new = declared.filter(|(key, _)| !in_force(key)).map(|(key, declared)| (key, &**declared));
    let new: Vec<_> = new.collect();
    if new.is_empty() {
        return;
    }
    block_renames_by_name(inputs, &new, changes);
    block_renames_by_sql(recorded, &new, changes);
}

/// Blocks pairs of a recorded pool that is no longer declared and a pool to create, if they have the same name, size,
/// network and place. Renaming the key of a pool would otherwise replace the pool and restart every job on it.
fn block_renamed_pools(inputs: Inputs, changes: &mut BTreeMap<Address, Change>) {
    let Inputs { desired, recorded, .. } = inputs;
    let declared = &desired.graph.project.pools;
    for (key, record) in recorded.pools.iter().filter(|(key, _)| !declared.contains_key(*key)) {
        let looks_like = |pool: &PoolDeclaration| match pool {
            PoolDeclaration::Owned(pool) => is_same_pool(pool, &record.declared),
            PoolDeclaration::Borrowed { .. } => false,
        };
        let is_created =
            |address: &Address| matches!(changes.get(address), Some(Change { action: Action::CreatePool { .. }, .. }));
        let candidates = declared.iter().filter(|(_, pool)| looks_like(&pool.spec));
        let Some(to) = candidates.map(|(key, _)| Address::pool(key)).find(is_created) else { continue };
        let from = Address::pool(key);
        for address in [&from, &to] {
            if let Some(change) = changes.get_mut(address) {
                *change = Change::blocked(Block::LooksLikeRename { from: from.clone(), to: to.clone() });
            }
        }
    }
}

/// Returns whether two declarations describe the same pool, apart from its guard.
fn is_same_pool(one: &Pool, other: &Pool) -> bool {
    let identity = |pool: &Pool| {
        (pool.display_name.clone(), pool.max_cfu, pool.network.clone(), pool.cloud.clone(), pool.region.clone())
    };
    identity(one) == identity(other)
}

/// Returns whether a change deletes or forgets a statement.
fn is_removal((address, change): &(&Address, &Change)) -> bool {
    address.kind == ResourceKind::Statement && matches!(change.action, Action::Delete { .. } | Action::Forget)
}

/// Blocks statements whose cloud name is recorded under another address.
fn block_renames_by_name(
    inputs: Inputs,
    new: &[(&String, &DeclaredStatement)],
    changes: &mut BTreeMap<Address, Change>,
) {
    let Inputs { desired, recorded, .. } = inputs;
    let names = recorded_names(recorded);
    for (key, declared) in new {
        for (name, from) in generations_of(&names, &declared.spec.name).filter(|(_, from)| from != key) {
            let (from, to) = (Address::statement(from), Address::statement(*key));
            let is_declared = desired.graph.project.statements.contains_key(&from.key);
            let is_removed = changes.get(&from).is_some_and(|change| is_removal(&(&from, change)));
            let block = if is_declared {
                Block::NameInUse { name: name.to_owned(), by: from.clone() }
            } else {
                Block::RecordedUnderOtherAddress { name: name.to_owned(), from: from.clone(), to: to.clone() }
            };
            for address in [Some(&to), Some(&from).filter(|_| is_removed)].into_iter().flatten() {
                if let Some(change) = changes.get_mut(address) {
                    *change = Change::blocked(block.clone());
                }
            }
        }
    }
}

/// Blocks pairs of a removed and a new statement with the same SQL.
fn block_renames_by_sql(
    recorded: &Recorded,
    new: &[(&String, &DeclaredStatement)],
    changes: &mut BTreeMap<Address, Change>,
) {
    let removed: Vec<Address> = changes.iter().filter(is_removal).map(|(address, _)| address.clone()).collect();
    if removed.is_empty() {
        return;
    }
    let mut new_by_sql: BTreeMap<String, Address> = BTreeMap::new();
    for (key, declared) in new {
        let to = Address::statement(*key);
        // A statement that already runs under the new address is not the old one.
        if changes.get(&to).is_none_or(|change| !matches!(change.action, Action::Adopt { .. })) {
            new_by_sql.entry(sql::normal_form(&declared.spec.sql.masked())).or_insert(to);
        }
    }
    for from in removed {
        let Some(record) = recorded.statements.get(&from.key) else { continue };
        let Some(to) = new_by_sql.get(&sql::normal_form(&record.declared.sql.masked())) else { continue };
        for address in [&from, to] {
            if let Some(change) = changes.get_mut(address) {
                *change = Change::blocked(Block::LooksLikeRename { from: from.clone(), to: to.clone() });
            }
        }
    }
}

/// Returns the cloud name of every recorded generation, with the key that has it.
fn recorded_names(recorded: &Recorded) -> BTreeMap<&str, &String> {
    let statements = recorded.statements.iter();
    statements.flat_map(|(key, record)| record.generations().map(move |found| (&*found.sent.name, key))).collect()
}

/// Returns the entries of `names` that are generations of `base`.
fn generations_of<'a>(
    names: &'a BTreeMap<&str, &'a String>,
    base: &'a str,
) -> impl Iterator<Item = (&'a str, &'a String)> {
    let candidates = names.range(base..).take_while(move |(name, _)| name.starts_with(base));
    candidates.filter(move |(name, _)| Generation::from_name(base, name).is_some()).map(|(name, key)| (*name, *key))
}
