//! The text of each condition, the same wherever it is shown.

use super::{
    super::{PlanContext, RunFlags, style::sanitize},
    reason::{detail_suffix, field_value},
};
use crate::{
    assess::{Condition, LastOffsets},
    resource::{Address, Phase},
};

/// The text for a job that was stopped outside floe.
pub(super) const STOPPED_OUTSIDE: &str = "stopped outside floe";
/// The text for a job that was resumed outside floe.
pub(super) const RESUMED_OUTSIDE: &str = "running although `stopped = true`: it was resumed outside floe";
/// The text for a job that COMPLETED and should not.
pub(super) const COMPLETED_UNEXPECTEDLY: &str = "COMPLETED although its sources are unbounded";
/// The text for a job whose pool has no free CFU.
pub(super) const POOL_EXHAUSTED: &str = "POOL_EXHAUSTED: its pool has no free CFU";

/// Returns the text of a condition: a fragment that starts in lower case.
pub(in super::super) fn condition_text(condition: &Condition, context: &PlanContext) -> String {
    match condition {
        Condition::UnclearRequest { why } => {
            format!("the outcome of a request from an interrupted run is unclear: {why}")
        }
        Condition::UnresolvedRequest => "requested by an interrupted run, and the outcome is not known yet".to_owned(),
        Condition::Unreadable { why } => format!("cannot read this resource: {why}"),
        Condition::Unverified => "not verified: reading pools needs a Cloud API key with access".to_owned(),
        Condition::Gone { .. } => "no longer exists".to_owned(),
        Condition::GoneWhileStopped { offsets: LastOffsets::Kept } => {
            "it was stopped, and its offsets are kept only in the state".to_owned()
        }
        Condition::GoneWhileStopped { .. } => "it was stopped, and its offsets are not known".to_owned(),
        Condition::Recreated { .. } => "deleted and created again under the same name outside floe".to_owned(),
        Condition::StateOlderThanCloud { names, .. } => {
            format!("the state is older than the cloud: it does not know `{}`", names.join("` and `"))
        }
        Condition::RunsTwice { names } => runs_twice_text(names),
        Condition::UnexpectedGenerations { current, names } => running_next_to(names, current.as_deref()),
        Condition::PhaseMessage { detail } => sanitize(detail),
        Condition::StoppedOutside => STOPPED_OUTSIDE.to_owned(),
        Condition::StoppedByInterruptedRun => "stopped by an interrupted run, and the next apply resumes it".to_owned(),
        Condition::ResumedOutside => RESUMED_OUTSIDE.to_owned(),
        Condition::Failing { detail } => format!("FAILING{}", detail_suffix(detail)),
        Condition::Failed { detail, .. } => format!("FAILED{}", detail_suffix(detail)),
        Condition::CompletedUnexpectedly => COMPLETED_UNEXPECTEDLY.to_owned(),
        Condition::Degraded { detail } => format!("DEGRADED{}", detail_suffix(detail)),
        Condition::PoolExhausted => POOL_EXHAUSTED.to_owned(),
        Condition::Warning { severity, reason, message } => {
            format!("warning {} {reason}: {message}", String::from(severity.clone()))
        }
        Condition::Leaving { day, .. } => format!("the service deletes it on {day} if it stays in this phase"),
        Condition::MovedOutside { field, live, sent } | Condition::PoolChangedOutside { field, live, sent } => {
            changed_outside(field, live, sent, context)
        }
        Condition::SpecDiffers { fields } => format!("differs from what was sent: {}", fields.join(", ")),
        Condition::OpenReplacement { successor, phase } => {
            let phase = phase.as_ref().map_or("not found", Phase::as_str);
            format!(
                "replacement in progress: the successor is `{successor}` ({phase}). If it was interrupted, the next \
                 apply finishes it or rolls it back"
            )
        }
        Condition::FailedSuccessor { successor, detail } => {
            format!("stopped, because its successor `{successor}` FAILED after it had run{}", detail_suffix(detail))
        }
        Condition::OpenUndo { name } => format!("an interrupted run submitted its undo `{name}`"),
        Condition::PoolFailed => "the service could not provision it".to_owned(),
        Condition::DuplicatePools { ids } => {
            format!("other pools have the same name, cloud and region: {}", ids.join(", "))
        }
    }
}

/// Returns the text for a field that was changed outside floe.
pub(super) fn changed_outside(field: &str, live: &str, sent: &str, context: &PlanContext) -> String {
    format!(
        "its {field} was changed outside floe: {} → {}",
        field_value(field, sent, context),
        field_value(field, live, context)
    )
}

/// Returns why `--fix-drift` does not revert a condition, and what to do instead.
pub(in super::super) fn not_reverted_text(condition: &Condition, address: &Address, flags: &RunFlags) -> String {
    match condition {
        Condition::SpecDiffers { .. } => format!(
            "The service cannot change SQL or properties, so `--fix-drift` does not revert it. `{}` submits the \
             statement again.",
            flags.command("apply").option("--replace", address)
        ),
        Condition::PoolChangedOutside { field: "max_cfu", live, .. } => format!(
            "The service cannot lower `max_cfu`, so `--fix-drift` does not revert it. Set `max_cfu = {live}` to keep it."
        ),
        _ => format!("`--fix-drift` does not revert it. `{}` shows what to do.", flags.command("plan")),
    }
}

/// Returns the text for statements that run the same SQL.
pub(super) fn runs_twice_text(names: &[String]) -> String {
    let run = if names.len() == 1 { "runs" } else { "run" };
    format!("`{}` {run} the same SQL, so every row is written more than once", names.join("` and `"))
}

/// Returns the text for generations that run next to the current one.
fn running_next_to(names: &[String], current: Option<&str>) -> String {
    let next_to = current.map_or(String::new(), |current| format!(" next to `{current}`"));
    let are = if names.len() == 1 { "is" } else { "are" };
    format!("`{}` {are} still running{next_to}", names.join("` and `"))
}
