//! Decides what happens to a definition that exists or has existed: it is redefined, undone or blocked.

use super::{
    action::{Action, Block, Change, Strategy},
    context::{DiffContext, StatementContext},
    dependents,
    in_motion::statement_in_motion,
    lookups::Decision,
    replace::{replace_never_ran, replacement_reasons},
};
use crate::{
    live::{Lookups, Presence},
    resource::{LiveStatement, PhaseClass, Template},
    sql::{self, StatementClass},
    state::{FurthestPhase, GenerationRecord, StatementRecord},
};

/// Decides what happens to a definition in a stable phase.
pub(super) fn definition_in_stable_phase(
    context: &DiffContext,
    statement: &StatementContext,
    live: &LiveStatement,
) -> Decision {
    let in_force = statement.current.reached == FurthestPhase::Completed;
    // A job that has run does not COMPLETE because it is now declared as a definition.
    let has_run = statement.current.reached > FurthestPhase::Submitted;
    if has_run && statement.differences.need_redefinition() && is_job(&statement.current.sent.sql) {
        return Ok(Some(Change::new(
            Action::Blocked { by: vec![Block::JobCannotBecomeDefinition] },
            replacement_reasons(context, statement),
        )));
    }
    match live.phase.class() {
        _ if in_force => in_force_definition(context, statement),
        PhaseClass::Running | PhaseClass::Transitional => Ok(Some(statement_in_motion(context, statement, live))),
        PhaseClass::Failed | PhaseClass::Stopped | PhaseClass::Completed => {
            Ok(Some(replace_never_ran(context, statement, live)))
        }
    }
}

/// Decides what happens to a definition that has COMPLETED with its SQL, even if its statement was purged since.
pub(super) fn in_force_definition(context: &DiffContext, statement: &StatementContext) -> Decision {
    if statement.declared.spec.stopped && !statement.record.declared.stopped {
        return Ok(Some(Change::blocked(Block::CannotStop)));
    }
    if !statement.differences.need_redefinition() && !context.inputs.options.replace.contains(&statement.address) {
        return Ok(context.without_cloud_change(
            &statement.address.key,
            statement.declared,
            statement.record,
            Vec::new(),
        ));
    }
    let reasons = replacement_reasons(context, statement);
    let by = match statement.record.undo_sql() {
        _ if statement.declared.spec.prevent_destroy => Block::PreventDestroy,
        None if statement.current.adopted => Block::AdoptedDefinition,
        None if statement.analysis.is_some_and(|analysis| analysis.if_not_exists) => Block::IfNotExists,
        None => Block::NoUndo,
        Some(undo) => match undo_block(context, &statement.address.key, statement.record, undo)? {
            Some(block) => block,
            None => {
                let from = Some(statement.current.sent.generation);
                return Ok(Some(statement.replace(Strategy::Redefine, from, reasons)));
            }
        },
    };
    Ok(Some(Change::new(Action::Blocked { by: vec![by] }, reasons)))
}

/// Returns whether the SQL is a job rather than a definition.
fn is_job(sql: &Template) -> bool {
    sql::analyze(&sql.masked()).kind.class() != StatementClass::Definition
}

/// Returns the block that prevents an undo from being run, if any.
pub(super) fn undo_block(
    context: &DiffContext,
    key: &str,
    record: &StatementRecord,
    undo: &Template,
) -> Result<Option<Block>, Lookups> {
    if may_drop_data(undo) && !context.inputs.options.allow_data_loss {
        return Ok(Some(Block::DataLoss { undo: undo.clone() }));
    }
    let by = dependents::users(context, key, record)?;
    Ok((!by.is_empty()).then_some(Block::ObjectsInUse { by }))
}

/// Returns whether an undo may drop data. SQL that is not known to be harmless counts as dropping data.
fn may_drop_data(undo: &Template) -> bool {
    !sql::analyze(&undo.masked()).kind.keeps_data()
}

/// Returns whether an undo that an interrupted run left can no longer complete. This is not assumed of an undo
/// whose presence is unknown.
pub(super) fn undo_will_not_complete(context: &DiffContext, undo: &GenerationRecord) -> bool {
    matches!(context.inputs.live.statement(&undo.sent.name), Presence::Present(found) if found.will_not_complete(&undo.uid))
}
