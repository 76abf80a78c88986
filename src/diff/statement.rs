//! Decides what happens to each statement from desired, recorded and live, one address at a time.

use super::{
    action::{Action, Block, Change, Note},
    confirmation::{await_leaving_generations, block_if_unknown, note_ignored_replace},
    context::{DiffContext, StatementContext},
    create::unrecorded_statement,
    definition::definition_in_stable_phase,
    fields,
    gone::{gone_statement, recreated_outside},
    in_motion::{is_resuming, statement_in_motion},
    lookups::Decision,
    open_replacement::{open_replacement, open_without_current},
    removed::remove_statement,
    running::job_in_stable_phase,
};
use crate::{
    assess::Condition,
    live::Presence,
    manifest::DeclaredStatement,
    resource::{Address, LiveStatement, PhaseClass, Statement},
    sql::StatementClass,
    state::StatementRecord,
};

/// Returns the change of one statement, or `None` if it needs none.
///
/// # Errors
/// The lookups that the decision needs, as many of them as are known now.
pub(super) fn diff_statement<'a>(context: &DiffContext<'a>, key: &'a str) -> Decision {
    let address = Address::statement(key);
    if let Some(why) = unclear_request(context.assessment.conditions(&address)) {
        return Ok(Some(Change::blocked(Block::UnclearIntent { why: why.to_owned() })));
    }
    let declared = context.inputs.desired.graph.project.statements.get(key).filter(|_| !context.inputs.options.destroy);
    match (declared, context.inputs.recorded.statements.get(key)) {
        (Some(declared), None) => {
            let change = unrecorded_statement(context, key, declared, None)?;
            Ok(change.map(|change| with_missing_secret_notes(context, change, &declared.spec)))
        }
        (Some(declared), Some(record)) => {
            let change = recorded_statement(context, key, declared, record)?;
            let change = change.map(|change| block_if_unknown(context, change, record)).transpose()?;
            let change = change.map(|change| await_leaving_generations(context, change, record));
            Ok(note_ignored_replace(context, &address, declared, change))
        }
        (None, Some(record)) => {
            let change = remove_statement(context, key, record)?;
            change.map(|change| block_if_unknown(context, change, record)).transpose()
        }
        (None, None) => Ok(None),
    }
}

/// Decides what happens to a statement that is desired and recorded.
fn recorded_statement<'a>(
    context: &DiffContext<'a>,
    key: &'a str,
    declared: &'a DeclaredStatement,
    record: &'a StatementRecord,
) -> Decision {
    let Some(current) = &record.current else {
        // An interrupted run may have left the undo of a redefinition, or the successor of a job that is gone.
        if let Some(change) = open_without_current(context, record)? {
            return Ok(Some(change));
        }
        let change = unrecorded_statement(context, key, declared, Some(record))?;
        return Ok(change.map(|change| with_missing_secret_notes(context, change, &declared.spec)));
    };
    let address = Address::statement(key);
    if let Some(block) = context.unexpected_generations_block(&address) {
        return Ok(Some(Change::blocked(block)));
    }
    let pool = declared.spec.pool.as_deref().and_then(|key| Some((key, context.pools.get(key)?)));
    let statement = StatementContext {
        conditions: context.assessment.conditions(&address),
        address,
        declared,
        record,
        current,
        analysis: context.inputs.desired.graph.analysis(key),
        differences: fields::compare(&declared.spec, pool, context.inputs.desired.secrets, current),
        next_generation: context.next_generation(key, &declared.spec.name, Some(record)),
    };
    let change = match context.inputs.live.statement(&current.sent.name) {
        _ if record.successor.is_some() || record.undo.is_some() => open_replacement(context, &statement)?,
        Presence::Present(live) if statement.is_recreated() => Some(recreated_outside(context, &statement, live)),
        Presence::Present(live) => present_statement(context, &statement, live)?,
        Presence::Absent | Presence::Unlisted | Presence::Unknown(_) => gone_statement(context, &statement)?,
    };
    let has_uncompared_secrets = is_real_cloud(context) && !statement.differences.unknown_secrets.is_empty();
    let change = change.or_else(|| has_uncompared_secrets.then(|| Change::new(Action::Inform, Vec::new())));
    let change = change.map(|change| with_settings_notes(change, &statement));
    Ok(change.map(|change| with_missing_secret_notes(context, change, &declared.spec)))
}

/// Returns why the outcome of a request from an interrupted run is unclear, if it is.
fn unclear_request(conditions: &[Condition]) -> Option<&str> {
    conditions.iter().find_map(|condition| match condition {
        Condition::UnclearRequest { why } => Some(why.as_str()),
        _ => None,
    })
}

/// Decides what happens to a statement that is desired, recorded and live.
fn present_statement(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Decision {
    if live.phase.class() == PhaseClass::Transitional || is_resuming(context, statement, live)? {
        return Ok(Some(statement_in_motion(context, statement, live)));
    }
    match statement.class() {
        StatementClass::Definition => definition_in_stable_phase(context, statement, live),
        StatementClass::Job | StatementClass::TableJob | StatementClass::Unsupported(_) => {
            Ok(job_in_stable_phase(context, statement, live))
        }
    }
}

/// Returns whether the environment is real. On the simulator a placeholder replaces a secret, and nothing depends
/// on its value.
fn is_real_cloud(context: &DiffContext) -> bool {
    context.inputs.desired.graph.project.environment.simulator.is_none()
}

/// Adds a note for each secret that a submission needs and that has no value here.
fn with_missing_secret_notes(context: &DiffContext, mut change: Change, desired: &Statement) -> Change {
    let is_submission = matches!(change.action, Action::Create { .. } | Action::Replace { .. });
    if is_submission && is_real_cloud(context) {
        change.notes.retain(|note| !matches!(note, Note::SecretNotCompared { .. }));
        let missing = fields::secrets_without_value(desired, context.inputs.desired.secrets);
        change.notes.extend(missing.into_iter().map(|name| Note::SecretMissing { name }));
    }
    change
}

/// Adds the notes about settings, which apply to every action.
fn with_settings_notes(mut change: Change, statement: &StatementContext) -> Change {
    if statement.differences.is_cosmetic {
        change.notes.push(Note::CosmeticSqlChange);
    }
    let base = statement.current.sent.generation.name(&statement.declared.spec.name);
    if base != statement.current.sent.name && !matches!(change.action, Action::Replace { .. }) {
        change.notes.push(Note::RenamedAtNextGeneration { current_name: statement.current.sent.name.clone() });
    }
    for name in &statement.differences.unknown_secrets {
        change.notes.push(Note::SecretNotCompared { name: name.clone() });
    }
    change
}
