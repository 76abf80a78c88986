//! Removes a statement that is recorded and not desired.

use super::{
    action::{Action, Block, Change, Note, Reason},
    context::DiffContext,
    definition::{undo_block, undo_will_not_complete},
    fields::DesiredPool,
    lookups::{ConfirmedPresence, Decision},
};
use crate::{
    live::Lookups,
    resource::Address,
    sql::{self, ObjectKind, StatementClass, Usage},
    state::{FurthestPhase, StatementRecord},
};

/// Removes a statement that is recorded and not desired.
pub(super) fn remove_statement(context: &DiffContext, key: &str, record: &StatementRecord) -> Decision {
    let why = if context.inputs.options.destroy { Reason::DestroyRequested } else { Reason::NotDeclared };
    if record.declared.prevent_destroy && record.generations().next().is_some() {
        let undeclared = !context.inputs.desired.graph.project.statements.contains_key(key);
        return Ok(Some(Change::blocked_by_prevent_destroy(why, undeclared)));
    }
    if let Some(block) = context.unexpected_generations_block(&Address::statement(key)) {
        return Ok(Some(Change::new(Action::Blocked { by: vec![block] }, vec![why])));
    }
    let Some(current) = &record.current else {
        // An interrupted run may have left its undo or its successor. Both are deleted with it.
        let has_leftover = record.generations().next().is_some();
        let action = if has_leftover { Action::Delete { undo: None } } else { Action::Forget };
        return Ok(Some(Change::new(action, vec![why])));
    };
    let analysis = sql::analyze(&record.declared.sql.masked());
    let is_undone = record.undo_sql().is_some() || record.undo.is_some();
    match analysis.kind.class() {
        StatementClass::Definition if current.reached == FurthestPhase::Completed => {
            return remove_definition(context, key, record, why).map(Some);
        }
        // The job is stopped first. Then its table is undone like any other.
        StatementClass::TableJob if current.reached > FurthestPhase::Submitted && is_undone => {
            return remove_definition(context, key, record, why).map(Some);
        }
        StatementClass::Definition
        | StatementClass::Job
        | StatementClass::TableJob
        | StatementClass::Unsupported(_) => {}
    }
    let change = match context.confirmed_generation(record, current)? {
        ConfirmedPresence::Unknown(text) => Change::blocked(Block::PresenceUnknown { why: text.to_owned() }),
        // The name now belongs to another statement.
        ConfirmedPresence::Present(found) if !found.has_uid(&current.uid) && record.generations().count() == 1 => {
            Change::new(Action::Forget, vec![why])
        }
        ConfirmedPresence::Present(_) => Change::new(Action::Delete { undo: None }, vec![why]),
        ConfirmedPresence::Absent if record.generations().count() > 1 => {
            Change::new(Action::Delete { undo: None }, vec![why])
        }
        ConfirmedPresence::Absent => Change::new(Action::Forget, vec![why, Reason::Gone]),
    };
    Ok(Some(if analysis.kind.class() == StatementClass::TableJob {
        change.with_note(objects_remain_note(&analysis))
    } else {
        change
    }))
}

/// Removes a definition: undoes it, forgets it, or blocks the removal.
fn remove_definition(
    context: &DiffContext,
    key: &str,
    record: &StatementRecord,
    why: Reason,
) -> Result<Change, Lookups> {
    let analysis = sql::analyze(&record.declared.sql.masked());
    let leftover: Vec<Reason> = record.undo.iter().map(|_| Reason::LeftoverUndo).collect();
    let why: Vec<Reason> = std::iter::once(why).chain(leftover).collect();
    // If an interrupted run submitted an undo, do not ask for consent again, unless that undo failed. A failed undo
    // is submitted again and needs fresh consent.
    if record.undo.as_deref().is_some_and(|undo| !undo_will_not_complete(context, undo)) {
        return Ok(Change::new(Action::Delete { undo: record.undo_sql().cloned() }, why));
    }
    Ok(match record.undo_sql() {
        None if record.undo.is_some() => {
            Change::new(Action::Delete { undo: None }, why).with_note(objects_remain_note(&analysis))
        }
        None => Change::new(Action::Forget, why).with_note(objects_remain_note(&analysis)),
        Some(undo) => match undo_block(context, key, record, undo)? {
            Some(block) => Change::new(Action::Blocked { by: vec![block] }, why),
            None => match missing_pool(context, record)? {
                Some((pool, is_declared)) => {
                    let block = Block::UndoNeedsPool { undo: undo.clone(), pool, is_declared };
                    Change::new(Action::Blocked { by: vec![block] }, why)
                }
                None => Change::new(Action::Delete { undo: Some(undo.clone()) }, why),
            },
        },
    })
}

/// Returns the pool on which an undo would have to run, if no such pool exists and this plan creates none, and whether
/// the manifests declare it.
fn missing_pool(context: &DiffContext, record: &StatementRecord) -> Result<Option<(Address, bool)>, Lookups> {
    let Some(key) = &record.declared.pool else { return Ok(None) };
    let address = Address::pool(key);
    let is_declared = match context.pools.get(key) {
        Some(DesiredPool::Id(_)) => return Ok(None),
        Some(DesiredPool::ToCreate) if context.inputs.options.destroy || !context.selected.contains(&address) => true,
        Some(DesiredPool::ToCreate) => return Ok(None),
        None => false,
    };
    let recorded = context.inputs.recorded.pools.get(key).map(|pool| &pool.id);
    let sent = record.current.as_ref().and_then(|current| current.sent.pool.as_ref());
    let live = context.inputs.live;
    for id in recorded.into_iter().chain(sent).filter(|_| live.pools_listed) {
        match ConfirmedPresence::of(live.pool(id), || Lookups::of_pool(id))? {
            ConfirmedPresence::Present(_) if !is_declared => return Ok(None),
            // The pool itself is blocked, and so is this statement.
            ConfirmedPresence::Unknown(_) => return Ok(None),
            ConfirmedPresence::Present(_) | ConfirmedPresence::Absent => {}
        }
    }
    let is_known_to_be_gone = live.pools_listed && (recorded.is_some() || sent.is_some());
    Ok((is_declared || is_known_to_be_gone).then_some((address, is_declared)))
}

/// Returns the note that names the objects that remain.
fn objects_remain_note(analysis: &sql::Analysis) -> Note {
    let is_created_object =
        |mention: &&sql::Mention| mention.usage == Usage::Creates && mention.kind != ObjectKind::Catalog;
    let objects = analysis.mentions.iter().filter(is_created_object).map(|mention| mention.name.join(".")).collect();
    Note::ObjectsRemain { objects }
}
