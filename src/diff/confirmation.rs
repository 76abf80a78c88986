//! Confirms that a statement is absent before acting on its absence. A name missing from a list, or a 403, is not
//! evidence that it is gone.

use super::{
    action::{Action, Block, Change, Note},
    context::{DiffContext, await_end_of_phase},
};
use crate::{
    live::{Lookups, Presence},
    manifest::DeclaredStatement,
    resource::Address,
    state::StatementRecord,
};

/// Blocks a change that would start, delete or undo something while the presence of one of the statement's
/// generations is unknown, since that generation may run.
///
/// # Errors
/// The lookups of the generations of which nothing is known yet.
pub(super) fn block_if_unknown(
    context: &DiffContext,
    change: Change,
    record: &StatementRecord,
) -> Result<Change, Lookups> {
    let starts_or_deletes = match change.action {
        Action::Create { .. }
        | Action::Resume { .. }
        | Action::Restart { .. }
        | Action::Replace { .. }
        | Action::FinishReplacement { .. }
        | Action::RollBackReplacement { .. }
        | Action::Delete { .. } => true,
        Action::CreatePool { .. }
        | Action::UpdatePool { .. }
        | Action::KeepUnsubmitted
        | Action::Adopt { .. }
        | Action::Stop
        | Action::Forget
        | Action::Await { .. }
        | Action::RecordSettings
        | Action::Inform
        | Action::Blocked { .. } => false,
    };
    if !starts_or_deletes {
        return Ok(change);
    }
    let missing = context.missing_generations(record);
    if !missing.is_empty() {
        return Err(missing);
    }
    let unknown = record.generations().find_map(|found| match context.inputs.live.statement(&found.sent.name) {
        Presence::Unknown(why) => Some(why.to_owned()),
        Presence::Present(_) | Presence::Absent | Presence::Unlisted => None,
    });
    Ok(match unknown {
        Some(why) => Change { action: Action::Blocked { by: vec![Block::PresenceUnknown { why }] }, ..change },
        None => change,
    })
}

/// Turns a pending change into a wait while a retired generation is being deleted, since it may run until it is
/// gone.
pub(super) fn await_leaving_generations(context: &DiffContext, change: Change, record: &StatementRecord) -> Change {
    let leaving = record.retired.iter().find_map(|retired| match context.inputs.live.statement(&retired.sent.name) {
        Presence::Present(live) if live.has_uid(&retired.uid) && live.is_being_deleted() => Some(live),
        _ => None,
    });
    match leaving {
        Some(live) if change.is_pending() => await_end_of_phase(live),
        _ => change,
    }
}

/// Adds a note if `--replace` names a job that should be stopped, where it has no effect.
pub(super) fn note_ignored_replace(
    context: &DiffContext,
    address: &Address,
    declared: &DeclaredStatement,
    change: Option<Change>,
) -> Option<Change> {
    let replaces = |change: &Change| change.is_blocked() || matches!(change.action, Action::Replace { .. });
    let is_ignored = context.inputs.options.replace.contains(address) && declared.spec.stopped;
    if !is_ignored || change.as_ref().is_some_and(replaces) {
        return change;
    }
    Some(change.unwrap_or_else(|| Change::new(Action::Inform, Vec::new())).with_note(Note::ReplaceIgnoredWhileStopped))
}
