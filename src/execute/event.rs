//! What an execution says while it runs, and what it leaves behind. Someone else draws it.

use std::fmt;

use crate::{
    cloud::{Error, StatementException},
    plan::Until,
    resource::{Address, MissingSecret, Phase},
    state::{LedgerError, Recorded},
};

/// Something that happened, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The first step of an address's passage begins.
    Started {
        /// Whose.
        address: Address,
    },
    /// A request was accepted.
    RequestAccepted {
        /// Whose.
        address: Address,
        /// What was asked.
        request: RequestAccepted,
    },
    /// What is waited for is in another phase than before, or says something else.
    PhaseObserved {
        /// Whose.
        address: Address,
        /// The statement's cloud name, or the pool's id.
        name: String,
        /// The phase; none if it is gone.
        phase: Option<Phase>,
        /// The service's words.
        detail: String,
    },
    /// All steps of the passage have succeeded.
    Succeeded {
        /// Whose.
        address: Address,
    },
    /// A step failed.
    Failed {
        /// Whose.
        address: Address,
        /// Why.
        failure: StepFailure,
    },
    /// The way back begins.
    RollbackStarted {
        /// Whose.
        address: Address,
    },
    /// The way back has come to its end: what was in force before is in force again.
    RolledBack {
        /// Whose.
        address: Address,
    },
    /// A passage was left out, since one that it waits for did not succeed.
    Skipped {
        /// Whose.
        address: Address,
        /// What it waited for.
        because: Address,
    },
    /// The user asked to stop; what is open is finished, nothing new starts.
    InterruptReceived,
}

/// A request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestAccepted {
    /// A statement was submitted.
    Submitted(String),
    /// A statement was asked to stop.
    Stopped(String),
    /// A statement was asked to resume.
    Resumed(String),
    /// A statement was asked to go.
    Deleted(String),
    /// A pool was created, with this id.
    PoolCreated(String),
    /// A pool was changed.
    PoolUpdated(String),
    /// A pool was asked to go.
    PoolDeleted(String),
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepFailure {
    /// The service refused, or could not be asked.
    RequestFailed(Error),
    /// What is there is not what the plan saw.
    ChangedSincePlan {
        /// The cloud name.
        name: String,
        /// What changed.
        how: String,
    },
    /// Something is there that this state did not send, or nobody can tell what is.
    Unclear {
        /// The cloud name or the pool's id.
        name: String,
        /// Why.
        why: String,
    },
    /// It did not get where it was to get.
    NotReached(Box<NotReached>),
    /// A secret has no value here.
    SecretUnset(MissingSecret),
    /// The record could not be kept. Nothing more is sent.
    Ledger(LedgerError),
    /// The user asked to stop while this was waited for, or before it was asked again.
    Interrupted,
    /// A bug of floe's: the record and the plan contradict each other.
    Incoherent(String),
}

/// A wait that ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReached {
    /// The statement's cloud name, or the pool's id.
    pub name: String,
    /// What was waited for.
    pub until: Until,
    /// Why the wait ended.
    pub cause: NotReachedCause,
    /// The last phase that was seen; none if it is gone.
    pub phase: Option<Phase>,
    /// The service's words on the phase.
    pub detail: String,
    /// The last exceptions of the job, newest first.
    pub exceptions: Vec<StatementException>,
}

/// Why a wait ended badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReachedCause {
    /// It took longer than the statement's `timeout`, in seconds.
    TimedOut(u64),
    /// It got into a phase that it does not leave by itself.
    Stuck,
    /// Its pool has no CFU left.
    PoolExhausted,
    /// The service warned that it is in a critical condition.
    CriticalWarning,
}

/// What an execution leaves behind.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The record.
    pub recorded: Recorded,
    /// What succeeded, in order.
    pub succeeded: Vec<Address>,
    /// What failed, in order.
    pub failed: Vec<(Address, StepFailure)>,
    /// Of those, what could not be taken back either, and why: each stands where its way back ended.
    pub rollback_failed: Vec<(Address, StepFailure)>,
    /// What was left out, and because of what.
    pub skipped: Vec<(Address, Address)>,
    /// What was not begun since the user asked to stop, or since the record could not be kept.
    pub not_started: Vec<Address>,
    /// Jobs that are not meant to stand still and do, or may: a stop was asked for and nobody can tell what became of it.
    pub left_stopped: Vec<Address>,
    /// Pools in no record that bear the name of one that was created here, each by its id.
    pub duplicate_pools: Vec<(Address, String)>,
    /// Whether the user asked to stop.
    pub was_interrupted: bool,
    /// Why the record could not be kept to the end; it is then what the journal holds.
    pub ledger_error: Option<LedgerError>,
}

impl RunReport {
    /// Whether everything that was to be done is done and recorded.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.not_started.is_empty() && self.ledger_error.is_none()
    }

    /// Whether all that failed is that something did not reach its phase.
    pub fn has_only_unreached_phases(&self) -> bool {
        let all = self.failed.iter().chain(&self.rollback_failed);
        all.into_iter().all(|(_, failure)| matches!(failure, StepFailure::NotReached(_)))
    }
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepFailure::RequestFailed(error) => write!(f, "{error}"),
            StepFailure::ChangedSincePlan { name, how } => write!(f, "`{name}` changed meanwhile: {how}; plan again"),
            StepFailure::Unclear { name, why } => write!(f, "`{name}`: {why}"),
            StepFailure::NotReached(not) => write!(f, "{not}"),
            StepFailure::SecretUnset(unset) => write!(f, "{unset}"),
            // Why is told once, for all that it stopped.
            StepFailure::Ledger(_) => f.write_str("given up, since the state could not be kept"),
            StepFailure::Interrupted => f.write_str("interrupted while waiting"),
            StepFailure::Incoherent(why) => write!(f, "the plan contradicts the record, which is a bug in floe: {why}"),
        }
    }
}

impl fmt::Display for NotReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.phase.as_ref().map_or("gone", Phase::as_str);
        write!(f, "`{}` is {phase}", self.name)?;
        match self.cause {
            NotReachedCause::TimedOut(seconds) => write!(f, " after {seconds} s")?,
            NotReachedCause::Stuck => {}
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
