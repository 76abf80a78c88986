//! Judges how a run ended.

use super::event::{RunReport, StepFailure};

/// The overall result of an apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunResult {
    /// Every change is applied and recorded.
    Done,
    /// A resource did not reach its phase, or a pool exists twice.
    Unhealthy,
    /// A step failed, or the record could not be saved.
    Failed,
    /// The user interrupted the run.
    Interrupted,
}

impl RunResult {
    /// Returns the overall result of a report.
    pub fn of(report: &RunReport) -> Self {
        // An interrupted step and a phase that was not reached are not errors.
        let is_error =
            |failure: &StepFailure| !matches!(failure, StepFailure::Interrupted | StepFailure::NotReached(_));
        let failed = report.failed.iter().any(|(_, failure)| is_error(failure));
        // In a rollback only an interrupt is harmless. After any other failure the previous generation is
        // not restored.
        let rollback_failed = report.rollback_failed.iter().any(|(_, failure)| *failure != StepFailure::Interrupted);
        if report.ledger_error.is_some() || failed || rollback_failed {
            RunResult::Failed
        } else if report.was_interrupted {
            RunResult::Interrupted
        } else if report.is_complete() && report.duplicate_pools.is_empty() {
            RunResult::Done
        } else if report.is_complete() || (report.has_only_unreached_phases() && !report.failed.is_empty()) {
            RunResult::Unhealthy
        } else {
            RunResult::Failed
        }
    }
}
