//! The interface that keeps a record. One run at a time locks it, and changes are durable when a method returns.

use std::{future::Future, pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Entry, Recorded};
use crate::resource::one_line;

/// A boxed future, which allows choosing a ledger at run time.
pub type LedgerFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the record of one environment. When a method returns, its work is done and durable.
///
/// A run calls `lock` and `load`, then the methods of [`RunLedger`]. Readers only call `load`.
pub trait Ledger: RunLedger {
    /// Returns the record: the snapshot with the journal of an interrupted or ongoing run applied. It is `None` if
    /// there is none yet.
    fn load(&self) -> LedgerFuture<'_, Result<Option<Recorded>, LedgerError>>;

    /// Takes the lock for this run and waits up to `lock_timeout` of real time for it. The lock is held until the
    /// ledger is dropped.
    fn lock<'a>(
        &'a mut self,
        holder: &'a LockHolder,
        lock_timeout: Duration,
    ) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// Returns who holds the lock now, if it is held. Readers use it to report that a run is in progress.
    fn lock_holder(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>>;

    /// Returns the run that has begun and not compacted its journal. That run was interrupted, unless `lock_holder`
    /// shows that it still runs. Used for the sentence "2 steps of the run interrupted 14 min ago had completed".
    fn interrupted_run(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>>;

    /// Compacts and removes the journal of an interrupted run without starting a new one, for a run that has nothing
    /// to do. `recorded` is what `load` returned under the lock. If there is no journal, nothing is written.
    fn compact_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>>;
}

/// What a run needs of the [`Ledger`] whose lock it holds: it calls `begin`, any number of `append`s, and `compact`.
pub trait RunLedger: Send + Sync {
    /// Starts a journal on `recorded`, which must be a new record or what [`Ledger::load`] returned under the lock. For
    /// anything else the error is [`LedgerError::ChangedSinceRead`]. The journal of an interrupted run is compacted
    /// first, so nothing is lost. From then on, the saved plan that the holder names counts as used.
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// Appends entries as one group, with one write and one fsync. If [`Recorded::apply`] would reject an entry, the
    /// error is [`LedgerError::Inconsistent`] and none of the group is written. So a journal can always be read back.
    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// Writes `recorded` as the new snapshot with the next serial, and removes the journal. Apart from the serial, it
    /// must be the record that the run began on with all entries applied. Otherwise the error is
    /// [`LedgerError::Inconsistent`].
    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>>;
}

/// The holder of a lock, as written in the lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// The command: `apply`, `destroy`, `state mv` and so on.
    pub command: String,
    /// The user and the machine.
    pub who: String,
    /// The id of the process.
    pub pid: u32,
    /// When the lock was taken (RFC 3339).
    pub since: String,
    /// The id of the saved plan, if the run applies one. Beginning the run makes the plan used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "plan")]
    pub saved_plan_id: Option<String>,
}

/// The reason why a record could not be read or kept. Every variant names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another run holds the lock.
    #[error("the state is locked by `{}` of {} (process {}, since {})",
            one_line(&.0.command), one_line(&.0.who), .0.pid, one_line(&.0.since))]
    Locked(Box<LockHolder>),
    /// The file has a format that this build does not know.
    #[error("{file} has format {found}, but this floe reads only formats up to {known}: the file was left unchanged")]
    NewerFormat {
        /// The file with the newer format.
        file: String,
        /// The format of the file.
        found: u64,
        /// The newest format that this build knows.
        known: u32,
    },
    /// The file is not a state, or is incomplete.
    #[error("{file} cannot be read as state and was left unchanged: {why}")]
    Damaged {
        /// The file that is damaged.
        file: String,
        /// What is wrong, with its location.
        why: String,
    },
    /// The file is a symbolic link, through which a run could change a file elsewhere.
    #[error("{file} is a symbolic link to {target}, which floe does not follow")]
    Link {
        /// The file that is a link.
        file: String,
        /// The target of the link.
        target: String,
    },
    /// The state is not the one that the run should begin on. Another run has written it since it was read.
    #[error("{file} changed since it was read, so nothing was written: {why}")]
    ChangedSinceRead {
        /// The file that has changed.
        file: String,
        /// The difference that was found.
        why: String,
    },
    /// The data to write contradicts the record. This is a bug in floe. The files are unchanged.
    #[error("nothing was written to {file}, because of a bug in floe: {why}")]
    Inconsistent {
        /// The file that was not written.
        file: String,
        /// The contradiction that was found.
        why: String,
    },
    /// The file system returned an error. After a failed write nothing more is written.
    #[error("cannot {doing} {file}: {why}")]
    Disk {
        /// The operation that failed: `read`, `write`, `fsync`, `rename`, `lock` and so on.
        doing: &'static str,
        /// The file or folder of the operation.
        file: String,
        /// The message of the operating system.
        why: String,
    },
    /// The journal is not where the next run would look for it, so the state may be lost with it.
    #[error("cannot find {file}: {why}")]
    JournalLost {
        /// The path of the file.
        file: String,
        /// What is known of it, and the next step.
        why: String,
    },
}
