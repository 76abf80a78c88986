//! The conditions that a resource can be in, each with its evidence.

use std::collections::BTreeMap;

use crate::resource::{ForeignText, Phase, WarningSeverity};

/// Something that live and recorded show about one address. A healthy resource that runs as it was sent has none, or
/// only ones that are worth knowing.
///
/// `status` prints all of them, `drift` those that are drift, and `diff` decides what to do about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The outcome of a request from an interrupted run cannot be determined.
    UnclearRequest {
        /// Why the outcome is unclear.
        why: String,
    },
    /// An interrupted run sent a request for an address that has no record yet, and its outcome is not known.
    UnresolvedRequest,
    /// The resource could not be read, so nothing is known about it.
    Unreadable {
        /// Why it could not be read.
        why: String,
    },
    /// The pool was not read, because there is no Cloud API key with access.
    Unverified,
    /// The resource is gone although it should exist.
    Gone {
        /// The last known offsets of a statement, or `None` for a pool.
        offsets: Option<LastOffsets>,
    },
    /// The job was stopped and is gone since.
    GoneWhileStopped {
        /// The last known offsets of the job.
        offsets: LastOffsets,
    },
    /// Another statement now has its name: it was deleted and created again outside floe.
    Recreated {
        /// The uid in the record.
        recorded_uid: String,
        /// The uid of the statement that has the name now.
        live_uid: String,
    },
    /// Generations exist that this state does not know: it is older than the cloud.
    StateOlderThanCloud {
        /// The cloud name of the current generation, if there is one.
        current: Option<String>,
        /// The cloud names of the generations that the state does not know.
        names: Vec<String>,
    },
    /// Other statements run the same SQL as this one.
    RunsTwice {
        /// The cloud names of the other statements.
        names: Vec<String>,
    },
    /// Retired generations of the statement may run in addition to the current one.
    UnexpectedGenerations {
        /// The cloud name of the current generation, if there is one.
        current: Option<String>,
        /// The cloud names of the other generations.
        names: Vec<String>,
    },
    /// The service's message about a phase that is neither RUNNING nor an end.
    PhaseMessage {
        /// The message of the service.
        detail: ForeignText,
    },
    /// The job was stopped outside floe.
    StoppedOutside,
    /// The job was stopped by an interrupted run, and should run.
    StoppedByInterruptedRun,
    /// The job runs although it was stopped: it was resumed outside floe.
    ResumedOutside,
    /// The statement is FAILING, and will be FAILED.
    Failing {
        /// The service's message about the phase.
        detail: ForeignText,
    },
    /// The service reports the statement as FAILED.
    Failed {
        /// Whether it may have run before that.
        has_run: bool,
        /// The service's message about the failure.
        detail: ForeignText,
        /// When it FAILED (RFC 3339), if the service reports it.
        since: Option<String>,
    },
    /// The job COMPLETED although its sources have no end.
    CompletedUnexpectedly,
    /// The job runs with reduced performance.
    Degraded {
        /// The service's message about the phase.
        detail: ForeignText,
    },
    /// The job waits because its pool has no free CFU.
    PoolExhausted,
    /// The service reports a warning.
    Warning {
        /// The severity of the warning.
        severity: WarningSeverity,
        /// The reason in `UPPER_SNAKE` case.
        reason: ForeignText,
        /// The service's message for people.
        message: ForeignText,
    },
    /// The service will delete the statement if it stays in its phase.
    Leaving {
        /// The phase that it must not stay in.
        phase: Phase,
        /// The day on which it is deleted, as `2026-01-31`.
        day: String,
    },
    /// The job was moved to another pool or principal outside floe.
    MovedOutside {
        /// The field that changed: `pool` or `principal`.
        field: &'static str,
        /// The live value of the field.
        live: String,
        /// The value that was sent.
        sent: String,
    },
    /// The SQL or the properties that the service shows differ from what was sent.
    SpecDiffers {
        /// The names of the fields that differ.
        fields: Vec<String>,
    },
    /// A replacement is open: its successor has not taken over yet.
    OpenReplacement {
        /// The cloud name of the successor.
        successor: String,
        /// The phase of the successor, or `None` if it was not found.
        phase: Option<Phase>,
    },
    /// The successor of an open replacement FAILED after it had run, and its predecessor is stopped.
    FailedSuccessor {
        /// The cloud name of the successor.
        successor: String,
        /// The service's message about the failure.
        detail: ForeignText,
    },
    /// An interrupted run left the undo of a definition, running or done.
    OpenUndo {
        /// The cloud name of the undo statement.
        name: String,
    },
    /// The pool could not be provisioned.
    PoolFailed,
    /// A field of the pool was changed outside floe.
    PoolChangedOutside {
        /// The field that changed: `display_name` or `max_cfu`.
        field: &'static str,
        /// The live value of the field.
        live: String,
        /// The value that was sent.
        sent: String,
    },
    /// Other pools look like this one and are neither recorded nor declared.
    DuplicatePools {
        /// The ids of the pools.
        ids: Vec<String>,
    },
}

/// What is known of the offsets of a job that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastOffsets {
    /// The state keeps the offsets where floe stopped it.
    Kept,
    /// The offsets are from a stop outside floe, and the job may have run since then.
    Uncertain(BTreeMap<String, String>),
    /// The offsets are not known.
    Unknown,
    /// The job never ran, so it has no offsets.
    NeverRan,
}

impl Condition {
    /// Returns whether the condition is about other statements, and there are none.
    pub(super) fn names_nothing(&self) -> bool {
        match self {
            Condition::StateOlderThanCloud { names, .. } | Condition::UnexpectedGenerations { names, .. } => {
                names.is_empty()
            }
            _ => false,
        }
    }

    /// Returns whether the resource needs attention.
    pub fn is_unhealthy(&self) -> bool {
        match self {
            Condition::UnclearRequest { .. }
            | Condition::UnresolvedRequest
            | Condition::Unreadable { .. }
            | Condition::Gone { .. }
            | Condition::Recreated { .. }
            | Condition::UnexpectedGenerations { .. }
            | Condition::StateOlderThanCloud { .. }
            | Condition::RunsTwice { .. }
            | Condition::StoppedOutside
            | Condition::StoppedByInterruptedRun
            | Condition::ResumedOutside
            | Condition::Failing { .. }
            | Condition::Failed { .. }
            | Condition::CompletedUnexpectedly
            | Condition::Degraded { .. }
            | Condition::PoolExhausted
            | Condition::MovedOutside { .. }
            | Condition::OpenReplacement { .. }
            | Condition::FailedSuccessor { .. }
            | Condition::OpenUndo { .. }
            | Condition::PoolFailed
            | Condition::DuplicatePools { .. } => true,
            Condition::GoneWhileStopped { offsets } => *offsets == LastOffsets::Unknown,
            Condition::Warning { severity, .. } => *severity == WarningSeverity::Critical,
            Condition::Unverified
            | Condition::PhaseMessage { .. }
            | Condition::Leaving { .. }
            | Condition::SpecDiffers { .. }
            | Condition::PoolChangedOutside { .. } => false,
        }
    }

    /// Returns whether floe may be able to revert the condition. The service cannot change SQL or properties and cannot
    /// lower a pool's `max_cfu`, and floe does not touch what it did not create or cannot read.
    pub fn is_revertible(&self) -> bool {
        match self {
            Condition::SpecDiffers { .. }
            | Condition::Recreated { .. }
            | Condition::UnexpectedGenerations { .. }
            | Condition::StateOlderThanCloud { .. }
            | Condition::RunsTwice { .. }
            | Condition::Unreadable { .. } => false,
            Condition::PoolChangedOutside { field, .. } => *field != "max_cfu",
            _ => true,
        }
    }

    /// Returns whether what floe sent is no longer in force, for a cause outside floe.
    pub fn is_drift(&self) -> bool {
        match self {
            Condition::Unreadable { .. }
            | Condition::Gone { .. }
            | Condition::Recreated { .. }
            | Condition::UnexpectedGenerations { .. }
            | Condition::StateOlderThanCloud { .. }
            | Condition::RunsTwice { .. }
            | Condition::StoppedOutside
            | Condition::ResumedOutside
            | Condition::CompletedUnexpectedly
            | Condition::MovedOutside { .. }
            | Condition::SpecDiffers { .. }
            | Condition::FailedSuccessor { .. }
            | Condition::PoolChangedOutside { .. } => true,
            // The run that submitted a statement reports that it FAILED before it ran.
            Condition::Failed { has_run, .. } => *has_run,
            Condition::UnclearRequest { .. }
            | Condition::UnresolvedRequest
            | Condition::Unverified
            | Condition::GoneWhileStopped { .. }
            | Condition::PhaseMessage { .. }
            | Condition::StoppedByInterruptedRun
            | Condition::Failing { .. }
            | Condition::Degraded { .. }
            | Condition::PoolExhausted
            | Condition::Warning { .. }
            | Condition::Leaving { .. }
            | Condition::OpenReplacement { .. }
            | Condition::OpenUndo { .. }
            | Condition::PoolFailed
            | Condition::DuplicatePools { .. } => false,
        }
    }
}
