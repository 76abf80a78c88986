//! Blocks the start of a job while a copy of it may run, and runs a completed statement again where what it filled is
//! made anew.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    action::{Action, Block, Change, Note, Strategy},
    adoption::LiveComparison,
    context::DiffContext,
};
use crate::{
    assess::{CopyEvidence, JobIdentity, PossibleCopy, copy_consent},
    manifest::DeclaredStatement,
    resource::{Address, LiveStatement, PhaseClass, ResourceKind},
    sql::{StatementClass, Usage},
};

/// Blocks each start of a job of which another statement may be a copy. Returns the uids of the running copies that do
/// not block it.
pub(super) fn block_copies(context: &DiffContext, changes: &mut BTreeMap<Address, Change>) -> BTreeSet<String> {
    let mut accepted = BTreeSet::new();
    let starts: Vec<Address> =
        changes.iter().filter(|(_, change)| starts_job(change)).map(|(address, _)| address.clone()).collect();
    for address in starts.iter().filter(|address| address.kind == ResourceKind::Statement) {
        let Some((key, declared)) = context.inputs.desired.graph.project.statements.get_key_value(&address.key) else {
            continue;
        };
        if declared.analysis.kind.class() == StatementClass::Job {
            accepted.extend(block_copies_of(context, key, declared, changes));
        }
    }
    accepted
}

/// Returns whether a change starts a job.
fn starts_job(change: &Change) -> bool {
    match &change.action {
        Action::Create { .. } | Action::Resume { .. } => true,
        Action::Replace { strategy, .. } => *strategy != Strategy::Redefine,
        _ => false,
    }
}

/// Blocks the start of one job, or adds notes, if there are copies of it. Returns the uids of those that run.
fn block_copies_of<'a>(
    context: &DiffContext<'a>,
    key: &'a str,
    declared: &'a DeclaredStatement,
    changes: &mut BTreeMap<Address, Change>,
) -> Vec<String> {
    let address = Address::statement(key);
    let record = context.inputs.recorded.statements.get(key).map(Box::as_ref);
    let job = JobIdentity { key, declared: Some(&declared.spec), record, compares_inserts: true };
    let found = context.finder.possible_copies(&job);
    let renamed = found.iter().find_map(|copy| match &copy.evidence_kind {
        CopyEvidence::EqualInsert { recorded_as: Some(from), .. } if copy.live.may_run() => Some(from.clone()),
        _ => None,
    });
    if let Some(from) = renamed {
        let block = Block::LooksLikeRename { from: from.clone(), to: address.clone() };
        for side in [&from, &address] {
            if let Some(change) = changes.get_mut(side) {
                *change = Change::blocked(block.clone());
            }
        }
        return Vec::new();
    }
    let copies: Vec<_> =
        found.iter().filter(|copy| matches!(copy.evidence_kind, CopyEvidence::EqualInsert { .. })).collect();
    let Some(change) = changes.get_mut(&address) else { return Vec::new() };
    let (running, inactive): (Vec<&PossibleCopy>, Vec<&PossibleCopy>) =
        copies.into_iter().partition(|copy| copy.live.may_run());
    let uids = running.iter().map(|copy| copy.live.uid.clone()).collect();
    let names = |copies: &[&PossibleCopy]| copies.iter().map(|copy| copy.live.name.clone()).collect();
    if !inactive.is_empty() {
        change.notes.push(Note::InactiveCopies { names: names(&inactive) });
    }
    if context.finder.only_generates_rows(&declared.spec) {
        if !running.is_empty() {
            change.notes.push(Note::GeneratingCopies { names: names(&running) });
        }
        return uids;
    }
    let mut blocks: Vec<Block> =
        running.iter().filter_map(|copy| copy_block(context, &address, declared, (copy.live, true))).collect();
    if matches!(change.action, Action::Create { .. }) {
        let known: BTreeSet<&str> = found.iter().map(|copy| copy.live.name.as_str()).collect();
        let orphans = context.finder.orphans().map(|(_, live)| live);
        let sharing = orphans.filter(|live| live.may_run() && !known.contains(live.name.as_str()));
        let sharing = sharing.filter(|live| context.finder.shares_sink(&declared.spec, live));
        blocks.extend(sharing.filter_map(|live| copy_block(context, &address, declared, (live, false))));
    }
    if !blocks.is_empty() {
        change.action = Action::Blocked { by: blocks };
    }
    uids
}

/// Returns the block about a running statement with the same SQL, or with the same sink. `None` if a person has
/// consented to it.
fn copy_block(
    context: &DiffContext,
    address: &Address,
    declared: &DeclaredStatement,
    (live, has_same_sql): (&LiveStatement, bool),
) -> Option<Block> {
    let accept = copy_consent(address, live);
    if context.inputs.desired.graph.project.has_consent(address, &accept) {
        return None;
    }
    let pool = declared.spec.pool.as_ref().and_then(|key| context.pools.get(key));
    let import = LiveComparison::of(context.inputs, &declared.spec, pool, live).import;
    let labeled_as = context.finder.labeled_address(live).filter(|labeled| !is_known(context, labeled));
    Some(Block::Copy { name: live.name.clone(), has_same_sql, labeled_as, import, accept })
}

/// Returns whether an address is declared or recorded, so that no `[[moved]]` block can lead from it.
fn is_known(context: &DiffContext, address: &Address) -> bool {
    context.inputs.desired.graph.project.declares(address) || context.inputs.recorded.contains(address)
}

/// Submits a completed statement again instead of adopting it, if this plan creates what it filled or altered: the
/// object is new, and what the statement did to the old one is gone.
pub(super) fn run_again_on_new_objects(context: &DiffContext, changes: &mut BTreeMap<Address, Change>) {
    let graph = context.inputs.desired.graph;
    let creates = |address: &Address| {
        let change = changes.get(address).map(|change| &change.action);
        matches!(change, Some(Action::Create { .. } | Action::Replace { strategy: Strategy::Redefine, .. }))
    };
    let is_outdated = |address: &Address, name: &str| {
        let live = context.inputs.live.statements().find(|live| live.name == name);
        let is_done = live.is_some_and(|live| live.phase.class() == PhaseClass::Completed);
        let mentions = graph.analysis(&address.key).map(|analysis| analysis.mentions.as_slice()).unwrap_or_default();
        let changed = mentions.iter().filter(|mention| matches!(mention.usage, Usage::Writes | Usage::Alters));
        let objects = changed.filter_map(|mention| graph.object_of(&address.key, mention));
        let creators = objects.filter_map(|object| graph.creator_of(&object).map(Address::statement));
        is_done && creators.into_iter().any(|creator| creates(&creator))
    };
    let outdated: Vec<Address> = changes
        .iter()
        .filter(|(address, change)| matches!(&change.action, Action::Adopt { name, .. } if is_outdated(address, name)))
        .map(|(address, _)| address.clone())
        .collect();
    for address in outdated {
        let Some(declared) = graph.project.statements.get(&address.key) else { continue };
        let record = context.inputs.recorded.statements.get(&address.key).map(Box::as_ref);
        let generation = context.next_generation(&address.key, &declared.spec.name, record);
        let (sql, name) = (declared.spec.sql.clone(), generation.name(&declared.spec.name));
        changes.insert(address, Change::new(Action::Create { sql, name, generation }, Vec::new()));
    }
}
