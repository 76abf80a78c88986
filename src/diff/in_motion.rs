//! Decides what happens to a statement in a transitional phase.

use super::{
    action::{Action, AfterWait, Change, Reason},
    context::{DiffContext, StatementContext, await_end_of_phase, restart, with_due_notes},
    replace::replace_never_ran,
};
use crate::{
    assess,
    live::Lookups,
    resource::{LiveStatement, Phase},
    sql::StatementClass,
    state::FurthestPhase,
};

/// Decides what happens to a statement in a transitional phase, in which most decisions are not possible.
///
/// There are two exceptions. A statement that waits and never took effect may be replaced. A job may wait for
/// room on its pool indefinitely, so it can be stopped or moved.
pub(super) fn statement_in_motion(context: &DiffContext, statement: &StatementContext, live: &LiveStatement) -> Change {
    let is_replace_requested = context.inputs.options.replace.contains(&statement.address);
    let is_job = statement.class() != StatementClass::Definition;
    let has_changed =
        if is_job { statement.differences.need_replacement() } else { statement.differences.need_redefinition() };
    let (is_new_generation_wanted, is_to_be_stopped) =
        (has_changed || is_replace_requested, statement.declared.spec.stopped);
    let has_placement_change = !statement.differences.placement_change.is_empty();
    let never_ran = live.phase == Phase::Pending && statement.current.reached == FurthestPhase::Submitted;
    if never_ran && !is_to_be_stopped && (is_new_generation_wanted || (is_job && has_placement_change)) {
        return replace_never_ran(context, statement, live);
    }
    if is_job && (live.phase == Phase::Pending || live.is_resuming()) {
        if is_to_be_stopped && !statement.current.stopped {
            return with_due_notes(Change::new(Action::Stop, vec![Reason::StoppedChanged { to: true }]), statement);
        }
        if has_placement_change && !is_to_be_stopped && !is_new_generation_wanted {
            return restart(statement);
        }
    }
    let is_ending = match live.phase {
        // A stop that is desired needs no decision.
        Phase::Stopping => !(is_to_be_stopped && live.stopped),
        Phase::Failing | Phase::Deleting => true,
        _ => false,
    };
    if is_ending || is_new_generation_wanted || is_to_be_stopped != statement.current.stopped || has_placement_change {
        return await_end_of_phase(live);
    }
    Change::new(Action::wait(live.phase.clone(), AfterWait::RecordDeclared), Vec::new())
}

/// Returns whether a STOPPED job is being resumed.
///
/// A job whose pool is gone stays stopped, even if it was asked to run.
///
/// # Errors
/// The lookup of the pool, if nothing is known of it yet.
pub(super) fn is_resuming(
    context: &DiffContext,
    statement: &StatementContext,
    live: &LiveStatement,
) -> Result<bool, Lookups> {
    if statement.class() == StatementClass::Definition || !live.is_resuming() {
        return Ok(false);
    }
    let has_lost_pool = assess::has_lost_pool(context.inputs.live, live);
    has_lost_pool.map(|lost| !lost).ok_or_else(|| Lookups::of_pool(live.pool.as_deref().unwrap_or_default()))
}
