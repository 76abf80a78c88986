//! Replaces a job with a new generation, or blocks the replacement until a person consents.

use super::{
    action::{Action, Block, Change, Note, Reason, Strategy},
    context::{DiffContext, StatementContext},
    fields,
};
use crate::{
    resource::{Consent, Evolve, LiveStatement, Statement},
    sql::StatementClass,
};

/// Replaces a job with a new generation. With consent the job restarts from the beginning of its sources. Without
/// consent the change is blocked.
pub(super) fn replace_job(context: &DiffContext, statement: &StatementContext) -> Change {
    let accept = required_consent(statement);
    let by = if statement.class() == StatementClass::TableJob {
        Some(Block::CannotReplaceCreateTableAs)
    } else if statement.declared.spec.prevent_destroy {
        Some(Block::PreventDestroy)
    } else if has_consent(context, statement, &accept) {
        None
    } else if statement.declared.spec.evolve == Evolve::Manual {
        Some(Block::EvolveIsManual { accept })
    } else {
        let stateful_construct = context.inputs.desired.graph.stateful_reason(&statement.address.key);
        Some(Block::LosesOffsets { stateful_construct, accept })
    };
    let reasons = replacement_reasons(context, statement);
    if let Some(by) = by {
        return blocked_with_restart_note(context, by, reasons, statement);
    }
    let change = statement.replace(Strategy::Restart, Some(statement.current.sent.generation), reasons);
    change.with_note(restart_note(context, &statement.address.key, &statement.declared.spec))
}

/// Deletes a statement that FAILED before it took effect, or still waits to take effect, and submits it again.
pub(super) fn replace_never_ran(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Change {
    let mut reasons = vec![Reason::NeverRan { detail: live.detail.clone() }];
    reasons.extend(replacement_reasons(context, statement));
    statement.replace(Strategy::NeverRan, Some(statement.current.sent.generation), reasons)
}

/// Returns whether a person has consented to losing this job's offsets: by policy, by consent to this very change, or
/// by flag.
pub(super) fn has_consent(context: &DiffContext, statement: &StatementContext, accept: &Consent) -> bool {
    statement.declared.spec.evolve == Evolve::Restart
        || statement.declared.has_consent(accept)
        || context.inputs.options.replace.contains(&statement.address)
}

/// Returns whether the job has no known construct that keeps state.
pub(super) fn is_stateless(context: &DiffContext, statement: &StatementContext) -> bool {
    statement.analysis.is_some() && context.inputs.desired.graph.stateful_reason(&statement.address.key).is_none()
}

/// Returns the consent token that a new generation of the statement requires.
pub(super) fn required_consent(statement: &StatementContext) -> Consent {
    fields::restart_consent(
        &statement.address.to_string(),
        &statement.declared.spec,
        statement.current,
        statement.next_generation,
    )
}

/// Returns the reasons for a replacement: what differs, and `--replace` if it was given.
pub(super) fn replacement_reasons(context: &DiffContext, statement: &StatementContext) -> Vec<Reason> {
    let replace_requested =
        context.inputs.options.replace.contains(&statement.address).then_some(Reason::ReplaceRequested);
    statement.differences.reasons().into_iter().chain(replace_requested).collect()
}

/// Returns a change that is blocked until a person consents to where the job starts, and to what that does to its
/// output.
pub(super) fn blocked_with_restart_note(
    context: &DiffContext,
    by: Block,
    reasons: Vec<Reason>,
    statement: &StatementContext,
) -> Change {
    let asks_for_consent = by.consent().is_some();
    let change = Change::new(Action::Blocked { by: vec![by] }, reasons);
    match restart_note(context, &statement.address.key, &statement.declared.spec) {
        Note::OutputRepeated { .. } if !asks_for_consent => change,
        note => change.with_note(note),
    }
}

/// Returns the note about the output of a generation that starts without the offsets of its predecessor.
pub(super) fn restart_note(context: &DiffContext, key: &str, desired: &Statement) -> Note {
    match fields::sets_start_position(desired) {
        true => Note::StartsWhereSqlSays,
        false => Note::OutputRepeated { keyed: context.inputs.desired.graph.writes_are_upserts(key) },
    }
}
