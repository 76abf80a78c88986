//! Finishes or rolls back a replacement that an interrupted run left open.

use super::{
    action::{Action, Block, Change, Note, Reason, Strategy},
    context::{DiffContext, StatementContext, await_end_of_phase},
    definition::undo_will_not_complete,
    fields,
    lookups::{ConfirmedPresence, Decision},
    replace::{blocked_with_restart_note, has_consent, restart_note},
};
use crate::{
    live::Presence,
    resource::{LiveStatement, PhaseClass},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// Finishes a replacement that an interrupted run left open, from what is live. Nothing else is decided before that.
pub(super) fn open_replacement(context: &DiffContext, statement: &StatementContext) -> Decision {
    if let Some(undo) = &statement.record.undo {
        return Ok(Some(open_undo(context, statement, undo)));
    }
    let Some(successor) = &statement.record.successor else { return Ok(None) };
    let generation = successor.sent.generation;
    let live = match context.confirmed_presence(&successor.sent.name)? {
        ConfirmedPresence::Present(found) => found,
        ConfirmedPresence::Unknown(why) => {
            return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
        }
        ConfirmedPresence::Absent => {
            return Ok(Some(Change::new(Action::RollBackReplacement { from: generation }, Vec::new())));
        }
    };
    if let ConfirmedPresence::Unknown(why) = context.confirmed_presence(&statement.current.sent.name)? {
        return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
    }
    let leftover = Reason::LeftoverSuccessor { generation, phase: Some(live.phase.clone()) };
    let is_still_desired = !fields::compare(&statement.declared.spec, None, context.inputs.desired.secrets, successor)
        .need_replacement()
        && !statement.declared.spec.stopped;
    let may_have_run = successor.reached > FurthestPhase::Submitted;
    // A rollback was deleting it. Once it is gone, its predecessor is resumed.
    if live.is_being_deleted() {
        return Ok(Some(Change { reasons: vec![leftover], ..await_end_of_phase(live) }));
    }
    Ok(match live.phase.class() {
        PhaseClass::Failed if may_have_run => Some(failed_successor(context, statement, successor, live, leftover)),
        // It would fail again, so the predecessor is resumed. The next plan shows what has to be decided.
        PhaseClass::Failed => Some(Change::new(Action::RollBackReplacement { from: generation }, vec![leftover])),
        _ if is_still_desired => Some(Change::new(Action::FinishReplacement { to: generation }, vec![leftover])),
        PhaseClass::Running | PhaseClass::Completed | PhaseClass::Stopped => {
            Some(Change::new(Action::FinishReplacement { to: generation }, vec![leftover]))
        }
        PhaseClass::Transitional if may_have_run => {
            Some(Change { reasons: vec![leftover], ..await_end_of_phase(live) })
        }
        PhaseClass::Transitional => Some(Change::new(Action::RollBackReplacement { from: generation }, vec![leftover])),
    })
}

/// Decides what happens to a desired statement that has no current generation in the record, only leftovers of an
/// interrupted run.
pub(super) fn open_without_current(context: &DiffContext, record: &StatementRecord) -> Decision {
    let Some(leftover) = record.undo.as_ref().or(record.successor.as_ref()) else { return Ok(None) };
    let name = &leftover.sent.name;
    if let ConfirmedPresence::Unknown(why) = context.confirmed_presence(name)? {
        return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
    }
    if record.undo.is_some() {
        let to = record.last_generation.next();
        let action = Action::Replace { strategy: Strategy::Redefine, from: None, to };
        return Ok(Some(Change::new(action, vec![Reason::LeftoverUndo])));
    }
    let generation = leftover.sent.generation;
    Ok(Some(Change::new(
        Action::FinishReplacement { to: generation },
        vec![Reason::LeftoverSuccessor { generation, phase: None }],
    )))
}

/// Decides what happens to an undo that an interrupted run left: the redefinition continues, or is rolled back if the
/// undo will not complete.
fn open_undo(context: &DiffContext, statement: &StatementContext, undo: &GenerationRecord) -> Change {
    if undo_will_not_complete(context, undo) {
        return Change::new(Action::RollBackReplacement { from: undo.sent.generation }, vec![Reason::LeftoverUndo]);
    }
    statement.replace(Strategy::Redefine, Some(statement.current.sent.generation), vec![Reason::LeftoverUndo])
}

/// Decides what happens to a successor that may have written before it FAILED. Declaring the previous SQL rolls it
/// back.
fn failed_successor(
    context: &DiffContext,
    statement: &StatementContext,
    successor: &GenerationRecord,
    live: &LiveStatement,
    leftover: Reason,
) -> Change {
    let name = live.name.clone();
    let can_roll_back = matches!(context.inputs.live.statement(&statement.current.sent.name),
        Presence::Present(before) if before.has_uid(&statement.current.uid));
    // This consent is for this very successor. The consent that allowed it does not allow the next one.
    let accept =
        fields::consent(&statement.address.to_string(), &statement.declared.spec, successor, statement.next_generation);
    let is_accepted = statement.declared.spec.accept.as_deref() == Some(&accept);
    let is_replace_approved = is_accepted || context.inputs.options.replace.contains(&statement.address);
    if can_roll_back && !is_replace_approved && !statement.differences.need_replacement() {
        let rollback = Change::new(Action::RollBackReplacement { from: successor.sent.generation }, vec![leftover]);
        return rollback.with_note(Note::SuccessorOutputRemains { name });
    }
    if !has_consent(context, statement, &accept) {
        let detail = live.detail.clone();
        return blocked_with_restart_note(
            context,
            Block::FailedSuccessor { name, detail, accept, can_roll_back },
            Vec::new(),
            statement,
        );
    }
    statement
        .replace(Strategy::Restart, Some(statement.current.sent.generation), vec![leftover])
        .with_note(restart_note(context, &statement.address.key, &statement.declared.spec))
}
