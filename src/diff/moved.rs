//! `[[moved]]`: the same things under another address; and renames that somebody forgot to declare.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Desired,
    action::{Action, Block, Change},
};
use crate::{
    manifest::Project,
    resource::{Address, Kind},
    sql,
    state::{Fact, Recorded},
};

/// The facts that `[[moved]]` blocks make of the record, and the moves that cannot be made since both addresses have
/// a record. A block whose `from` has no record is done, or never was.
pub fn moves(project: &Project, recorded: &Recorded) -> (Vec<Fact>, BTreeMap<Address, Change>) {
    let mut present: BTreeSet<Address> = recorded.statements.keys().map(Address::statement).collect();
    present.extend(recorded.pools.keys().map(Address::pool));
    let (mut facts, mut blocked) = (Vec::new(), BTreeMap::new());
    for moved in &project.moved {
        if !present.contains(&moved.from) {
            continue;
        }
        if present.contains(&moved.to) {
            blocked.insert(moved.to.clone(), Change::blocked(Block::MovedOnto { from: moved.from.clone() }));
            continue;
        }
        present.remove(&moved.from);
        present.insert(moved.to.clone());
        facts.push(Fact::Moved { from: moved.from.clone(), to: moved.to.clone() });
    }
    (facts, blocked)
}

/// A job that is deleted here and created there with the same SQL is a rename: both are blocked, with the way out.
pub(super) fn block_renames(desired: &Desired, recorded: &Recorded, changes: &mut BTreeMap<Address, Change>) {
    let deleted: Vec<_> = changes
        .iter()
        .filter(|(address, change)| {
            address.kind == Kind::Statement && matches!(change.action, Action::Delete { .. } | Action::Forget)
        })
        .filter_map(|(address, _)| Some((address.clone(), recorded.statements.get(&address.key)?)))
        .collect();
    if deleted.is_empty() {
        return;
    }
    let mut created: BTreeMap<String, Address> = BTreeMap::new();
    for (address, change) in changes.iter() {
        if let (Action::Create { .. } | Action::Hold, Some(declared)) =
            (&change.action, desired.graph.project.statements.get(&address.key))
        {
            created.entry(sql::normal_form(&declared.spec.sql.masked())).or_insert_with(|| address.clone());
        }
    }
    for (from, record) in deleted {
        let Some(to) = created.get(&sql::normal_form(&record.declared.sql.masked())) else { continue };
        for address in [&from, to] {
            let block = Block::Renamed { from: from.clone(), to: to.clone() };
            changes.insert(address.clone(), Change::blocked(block));
        }
    }
}
