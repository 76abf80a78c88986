//! Decides what happens to a statement that is gone, or whose name belongs to another statement.

use std::collections::BTreeMap;

use super::{
    action::{Action, AfterDeletion, Block, Change, Note, Reason, Strategy},
    adoption::LiveComparison,
    context::{DiffContext, StatementContext, is_bounded},
    definition::in_force_definition,
    fields,
    lookups::{ConfirmedPresence, Decision},
    replace::{
        blocked_with_restart_note, has_consent, is_stateless, replacement_reasons, required_consent, restart_note,
    },
};
use crate::{assess::Condition, resource::LiveStatement, sql::StatementClass, state::FurthestPhase};

/// Decides what happens to a desired and recorded statement that is gone, or whose presence is unknown.
pub(super) fn gone_statement(context: &DiffContext, statement: &StatementContext) -> Decision {
    if statement.class() == StatementClass::Definition && statement.current.reached == FurthestPhase::Completed {
        return in_force_definition(context, statement);
    }
    let is_done = statement.class() == StatementClass::Job
        && statement.current.reached == FurthestPhase::Completed
        && is_bounded(statement);
    if is_done
        && !statement.differences.need_replacement()
        && !context.inputs.options.replace.contains(&statement.address)
    {
        return Ok(context.without_cloud_change(
            &statement.address.key,
            statement.declared,
            statement.record,
            Vec::new(),
        ));
    }
    if statement.declared.spec.stopped {
        // A stopped statement may have been purged. One that ran may still be running even if a list does not show
        // it.
        if !statement.current.stopped
            && let ConfirmedPresence::Unknown(why) =
                context.confirmed_generation(statement.record, statement.current)?
        {
            return Ok(Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })));
        }
        return Ok(context.without_cloud_change(
            &statement.address.key,
            statement.declared,
            statement.record,
            last_offsets_note(statement).into_iter().collect(),
        ));
    }
    Ok(match context.confirmed_generation(statement.record, statement.current)? {
        ConfirmedPresence::Absent => Some(confirmed_gone(context, statement)),
        ConfirmedPresence::Unknown(why) => Some(Change::blocked(Block::PresenceUnknown { why: why.to_owned() })),
        ConfirmedPresence::Present(_) => None,
    })
}

/// Decides what happens to a statement that is confirmed to be gone.
fn confirmed_gone(context: &DiffContext, statement: &StatementContext) -> Change {
    let mut reasons = vec![Reason::Gone];
    reasons.extend(replacement_reasons(context, statement));
    if statement.current.reached == FurthestPhase::Submitted {
        return statement.replace(Strategy::NeverRan, None, reasons);
    }
    if statement.class() == StatementClass::TableJob {
        return Change::new(Action::Blocked { by: vec![Block::CannotReplaceCreateTableAs] }, reasons);
    }
    let accept = required_consent(statement);
    if has_consent(context, statement, &accept) {
        return statement.replace(Strategy::FromSources, None, reasons).with_note(restart_note(
            context,
            &statement.address.key,
            &statement.declared.spec,
        ));
    }
    // The job may have been stopped and resumed outside floe, and may have run on unobserved.
    if !statement.current.stopped {
        let by = vec![Block::GoneWithoutOffsets { accept }];
        let blocked = Change::new(Action::Blocked { by }, reasons);
        let uncertain_offsets =
            last_offsets_note(statement).filter(|note| matches!(note, Note::GoneWithUncertainOffsets { .. }));
        return uncertain_offsets.into_iter().fold(blocked, Change::with_note);
    }
    let offsets = statement.current.offsets.as_ref();
    let stateless = is_stateless(context, statement);
    let sets_start_position = fields::sets_start_position(&statement.declared.spec);
    let hints = offsets.filter(|_| !sets_start_position).map(|offsets| offsets.by_topic()).unwrap_or_default();
    let by = match offsets.and_then(|offsets| offsets.specific_offsets()) {
        // Offsets without the state that belongs to them would give wrong results, so a person decides.
        Some(offsets) if stateless && !statement.differences.need_replacement() => {
            match block_of_offsets(context, statement, &hints) {
                Some(block) => block,
                None => {
                    return statement
                        .replace(Strategy::FromOffsets, None, reasons)
                        .with_note(Note::StartsAtOffsets { offsets });
                }
            }
        }
        None if stateless && offsets.is_some_and(|offsets| offsets.topics.len() > 1) => {
            Block::GoneWithSeveralSources { hints, accept }
        }
        Some(_) | None => Block::GoneWithoutOffsets { accept },
    };
    blocked_with_restart_note(context, by, reasons, statement)
}

/// Returns what keeps a stateless job from starting at its recorded offsets: they may not say all about where it
/// stopped, or properties would not make it start there.
fn block_of_offsets(
    context: &DiffContext,
    statement: &StatementContext,
    hints: &BTreeMap<String, String>,
) -> Option<Block> {
    let (graph, key) = (context.inputs.desired.graph, &statement.address.key);
    let (hints, accept) = (hints.clone(), required_consent(statement));
    if let Some(source) = graph.source_with_unknown_changelog(key) {
        return Some(Block::GoneWithUnknownSource { source: source.to_string(), hints, accept });
    }
    if let Some(sink) = graph.sink_with_unknown_changelog(key) {
        return Some(Block::GoneWithUnknownSink { sink: sink.to_string(), hints, accept });
    }
    let source = graph.source_with_startup_option(key)?;
    Some(Block::GoneWithStartupOption { source: source.to_string(), hints, accept })
}

/// Returns a note about the last known offsets of a job that is gone, if there is one to make.
fn last_offsets_note(statement: &StatementContext) -> Option<Note> {
    let is_gone =
        |condition: &Condition| matches!(condition, Condition::Gone { .. } | Condition::GoneWhileStopped { .. });
    statement.notes_about(is_gone).pop()
}

/// Blocks a statement whose name now belongs to a statement that was created outside floe.
pub(super) fn recreated_outside(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Change {
    let has_specific_offsets =
        statement.current.offsets.as_ref().is_some_and(|offsets| offsets.specific_offsets().is_some());
    let can_start_at_offsets =
        is_stateless(context, statement) && block_of_offsets(context, statement, &BTreeMap::new()).is_none();
    let resumes_from_offsets =
        has_specific_offsets && can_start_at_offsets && !statement.differences.need_replacement();
    let if_deleted = match (statement.class(), statement.current.reached) {
        (_, FurthestPhase::Submitted) => AfterDeletion::Resubmit,
        (StatementClass::Definition, _) => AfterDeletion::Nothing,
        (StatementClass::TableJob, _) => AfterDeletion::Blocked,
        (_, FurthestPhase::Completed) if is_bounded(statement) => AfterDeletion::Nothing,
        _ if resumes_from_offsets => AfterDeletion::Resubmit,
        _ => match required_consent(statement) {
            accept if has_consent(context, statement, &accept) => AfterDeletion::Resubmit,
            accept => AfterDeletion::ResubmitWithConsent(accept),
        },
    };
    let pool = statement.declared.spec.pool.as_ref().and_then(|key| context.pools.get(key));
    let comparison = LiveComparison::of(context.inputs, &statement.declared.spec, pool, live);
    blocked_with_restart_note(
        context,
        Block::RecreatedOutside { name: live.name.clone(), if_deleted, import: comparison.import },
        Vec::new(),
        statement,
    )
}
