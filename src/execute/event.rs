//! What a run reports: its events, its failures and its final report. `render` turns them into text.

use std::{fmt, time::Duration};

use crate::{
    cloud::{Error, StatementException},
    plan::Until,
    resource::{Address, ForeignText, MissingSecret, Operation, Phase},
    state::{LedgerError, Recorded},
};

/// An event of a run. Events are emitted in the order in which they happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first step of a step group begins.
    Started {
        /// The address of the step group.
        address: Address,
    },
    /// A request was accepted by the service.
    RequestAccepted {
        /// The address of the step group.
        address: Address,
        /// The request that was accepted.
        request: RequestAccepted,
    },
    /// A statement or pool that is waited for has another phase or another message than before.
    PhaseObserved {
        /// The address of the step group.
        address: Address,
        /// The statement's cloud name, or the pool's id.
        name: String,
        /// The phase, or `None` if it is gone.
        phase: Option<Phase>,
        /// The service's message about the phase.
        detail: ForeignText,
    },
    /// The step group waits for a request that may still take effect, before it does what that request could meet.
    AwaitingRequest {
        /// The address of the step group.
        address: Address,
        /// The request whose answer is not known.
        operation: Box<Operation>,
        /// How long the wait takes at most.
        at_most: Duration,
    },
    /// The service refuses the key in the middle of a wait. The wait ends soon unless the key works again.
    AccessRefused {
        /// The address of the step group.
        address: Address,
        /// The statement's cloud name, or the pool's id.
        name: String,
        /// The service's answer to the last read.
        error: Error,
    },
    /// All steps of the step group have succeeded.
    Succeeded {
        /// The address of the step group.
        address: Address,
    },
    /// A step of the step group failed.
    Failed {
        /// The address of the step group.
        address: Address,
        /// Why the step failed.
        failure: StepFailure,
    },
    /// The rollback of the step group begins.
    RollbackStarted {
        /// The address of the step group.
        address: Address,
    },
    /// The rollback has completed: what was in force before is in force again.
    RolledBack {
        /// The address of the step group.
        address: Address,
    },
    /// A step group was skipped, because one that it waits for did not succeed.
    Skipped {
        /// The address of the step group.
        address: Address,
        /// The address that it waits for.
        because: Address,
    },
    /// The user asked to stop. Open step groups are finished, and nothing new starts.
    InterruptReceived,
}

/// A request that the service accepted, with the statement's cloud name or the pool's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestAccepted {
    /// A statement was submitted under this name.
    Submitted(String),
    /// The statement was asked to stop.
    Stopped(String),
    /// The statement was asked to resume.
    Resumed(String),
    /// The deletion of the statement was requested.
    Deleted(String),
    /// A pool was created with this id.
    PoolCreated(String),
    /// The pool was changed as requested.
    PoolUpdated(String),
    /// The deletion of the pool was requested.
    PoolDeleted(String),
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepFailure {
    /// The service rejected the request, or could not be reached.
    RequestFailed(Error),
    /// The live resource is not what the plan saw.
    ChangedSincePlan {
        /// The statement's cloud name, or the pool's id.
        name: String,
        /// What has changed since then.
        how: String,
    },
    /// The live resource is not what this state sent, or its presence is unknown.
    Unclear {
        /// The statement's cloud name, or the pool's id.
        name: String,
        /// Why the outcome is unclear.
        why: String,
    },
    /// A statement that this project does not manage has appeared, and may be a copy of the job.
    ForeignCopy {
        /// The cloud name of that statement.
        name: String,
    },
    /// The resource did not reach the condition that the step waits for.
    NotReached(Box<NotReached>),
    /// A secret has no value here.
    SecretUnset(MissingSecret),
    /// The record could not be kept. Nothing more is sent.
    Ledger(LedgerError),
    /// The user asked to stop during a wait, or before the request was sent again.
    Interrupted,
    /// A bug in floe: the record and the plan contradict each other.
    Incoherent(String),
}

/// A wait that did not reach its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReached {
    /// The statement's cloud name, or the pool's id.
    pub name: String,
    /// The condition that was waited for.
    pub until: Until,
    /// Why the wait ended.
    pub cause: NotReachedCause,
    /// The last phase that was observed, or `None` if it is gone.
    pub phase: Option<Phase>,
    /// The service's message about the phase.
    pub detail: ForeignText,
    /// The last exceptions of the job, newest first.
    pub exceptions: Vec<StatementException>,
}

/// Why a wait did not reach its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReachedCause {
    /// The wait took longer than its timeout, in seconds.
    TimedOut(u64),
    /// The resource is in a phase that it does not leave on its own.
    UnexpectedPhase,
    /// The pool has no CFU left.
    PoolExhausted,
    /// The service reports a CRITICAL warning.
    CriticalWarning,
}

/// What a run did, and what it left.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The record after the run.
    pub recorded: Recorded,
    /// The addresses that succeeded, in order.
    pub succeeded: Vec<Address>,
    /// The addresses that failed, in order, each with its failure.
    pub failed: Vec<(Address, StepFailure)>,
    /// The failed addresses whose rollback failed too, each with that failure. They are left where the rollback
    /// ended.
    pub rollback_failed: Vec<(Address, StepFailure)>,
    /// The addresses that were skipped, each with the address that caused it.
    pub skipped: Vec<(Address, Address)>,
    /// The addresses that were not started, because the user asked to stop or the record could not be kept.
    pub not_started: Vec<Address>,
    /// The jobs that are or may be stopped, and should be running. A job may be stopped if the outcome of a stop is
    /// unknown.
    pub left_stopped: Vec<Address>,
    /// Unrecorded pools with the name of a pool that this run created, each by address and id.
    pub duplicate_pools: Vec<(Address, String)>,
    /// Whether the user asked to stop.
    pub was_interrupted: bool,
    /// Why the record could not be kept to the end. The record is then what the journal holds.
    pub ledger_error: Option<LedgerError>,
}

impl RunReport {
    /// Returns whether the whole plan is done and recorded.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.not_started.is_empty() && self.ledger_error.is_none()
    }

    /// Returns whether every failure is a phase that was not reached.
    pub fn has_only_unreached_phases(&self) -> bool {
        let all = self.failed.iter().chain(&self.rollback_failed);
        all.into_iter().all(|(_, failure)| matches!(failure, StepFailure::NotReached(_)))
    }
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepFailure::RequestFailed(error) => write!(f, "{error}"),
            StepFailure::ChangedSincePlan { name, how } => {
                write!(f, "`{name}` has changed since the plan was made: {how} (plan again)")
            }
            StepFailure::Unclear { name, why } => write!(f, "the status of `{name}` is unclear: {why}"),
            StepFailure::ForeignCopy { name } => write!(
                f,
                "statement `{name}` exists and is not managed by this project. It may be a copy of this job, so the job \
                 was not submitted (plan again)"
            ),
            StepFailure::NotReached(not_reached) => write!(f, "{not_reached}"),
            StepFailure::SecretUnset(unset) => write!(f, "{unset}"),
            // The cause is reported once, for everything that it stopped.
            StepFailure::Ledger(_) => f.write_str("stopped because the state could not be written"),
            StepFailure::Interrupted => f.write_str("interrupted before it finished"),
            StepFailure::Incoherent(why) => write!(f, "the plan contradicts the record (a bug in floe): {why}"),
        }
    }
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.phase.as_ref().map_or("gone", Phase::as_str);
        write!(f, "`{}` is {phase}", self.name)?;
        match self.cause {
            NotReachedCause::TimedOut(seconds) => write!(f, ", timed out after {seconds} s")?,
            NotReachedCause::UnexpectedPhase => {}
            NotReachedCause::PoolExhausted => write!(f, ", and its pool has no CFU left (POOL_EXHAUSTED)")?,
            NotReachedCause::CriticalWarning => write!(f, ", with a CRITICAL warning")?,
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl fmt::Display for RequestAccepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestAccepted::Submitted(name) => write!(f, "submitted {name}"),
            RequestAccepted::Stopped(name) => write!(f, "stopping {name}"),
            RequestAccepted::Resumed(name) => write!(f, "resuming {name}"),
            RequestAccepted::Deleted(name) => write!(f, "deleting {name}"),
            RequestAccepted::PoolCreated(id) => write!(f, "created pool {id}"),
            RequestAccepted::PoolUpdated(id) => write!(f, "changed pool {id}"),
            RequestAccepted::PoolDeleted(id) => write!(f, "deleting pool {id}"),
        }
    }
}
