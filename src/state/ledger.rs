//! What keeps a record: locked by one run at a time, durable on return.

use std::{future::Future, pin::Pin, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Entry, Recorded};

/// A boxed future, so that ledgers are chosen at run time.
pub type LedgerFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the record of one environment. Every method has done its work, durably, when it returns.
///
/// A run is `lock`, `load`, `begin`, any number of `append`s, `fold`. Readers only `load`.
pub trait Ledger: Send + Sync {
    /// The record: the snapshot with the journal of an interrupted (or still running) run applied. `None` if there is none yet.
    fn load(&self) -> LedgerFuture<'_, Result<Option<Recorded>, LedgerError>>;

    /// Takes the lock for this run, waiting up to `patience` of real time. It is held until the ledger is dropped.
    fn lock<'a>(
        &'a mut self,
        holder: &'a LockHolder,
        lock_timeout: Duration,
    ) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// Whose run holds the lock now, if anybody's: for readers, who say "a run is in progress".
    fn lock_holder(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>>;

    /// Whose run has begun and not folded: it was interrupted, unless `held_by` says that it goes on. For the sentence
    /// "2 steps of the run interrupted 14 min ago had completed".
    fn interrupted_run(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>>;

    /// Starts a journal on `recorded`, which is what `load` gave under the lock or a new record; on anything else it is
    /// [`LedgerError::Changed`]. What an interrupted run left in its journal is folded first, so nothing is lost. The saved
    /// plan that the holder names is used from then on.
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// For a run that has nothing to do: folds what an interrupted run left in its journal and removes that, beginning
    /// none. `recorded` is what `load` gave under the lock. Where no journal lies nothing is written.
    fn compact_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// Appends entries as one group: one write, one fsync. Entries that [`Recorded::apply`] would refuse are
    /// [`LedgerError::Incoherent`], and none of the group is written: a journal can always be read back.
    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>>;

    /// Writes `recorded` as the new snapshot, with the next serial, and removes the journal. It has to be what the
    /// entries made of the record that the run began on, serial aside; anything else is [`LedgerError::Incoherent`].
    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>>;
}

/// Who holds a lock: what its file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHolder {
    /// `apply`, `destroy`, `state mv` …
    pub command: String,
    /// The user and machine.
    pub who: String,
    /// The process id.
    pub pid: u32,
    /// Since when (RFC 3339).
    pub since: String,
    /// The id of the saved plan that the run carries out, if it does: beginning uses it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "plan")]
    pub saved_plan_id: Option<String>,
}

/// Why a record could not be read or kept. Every variant names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another run holds the lock.
    #[error("the state is locked by `{}` of {} (process {}, since {})", .0.command, .0.who, .0.pid, .0.since)]
    Locked(Box<LockHolder>),
    /// The file is written in a format that this build does not know.
    #[error("{file} has format {found}, this floe knows formats up to {known}; it was left untouched")]
    NewerFormat {
        /// The file.
        file: String,
        /// Its format.
        found: u64,
        /// The newest known.
        known: u32,
    },
    /// The file is no state, or not all of one.
    #[error("{file} cannot be read as state: {why}; it was left untouched")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong, with its place.
        why: String,
    },
    /// The state is not what the run was to begin on: another run has written it since it was read.
    #[error("{file} changed since it was read: {why}; nothing was written. Plan again")]
    ChangedSinceRead {
        /// The file.
        file: String,
        /// What differs.
        why: String,
    },
    /// What was to be written contradicts the record. A fault of floe's own; the files are as they were.
    #[error("{why}; nothing was written to {file}. This is a bug in floe, please report it")]
    Inconsistent {
        /// The file.
        file: String,
        /// What contradicts what.
        why: String,
    },
    /// The file system said no. After a failed write nothing more is written.
    #[error("cannot {doing} {file}: {why}")]
    Disk {
        /// `read`, `write`, `fsync`, `rename`, `lock` …
        doing: &'static str,
        /// The file.
        file: String,
        /// The system's words.
        why: String,
    },
    /// The journal is not where the next run would look for it, so the state may be lost with it.
    #[error("cannot find {file}: {why}")]
    JournalLost {
        /// The file.
        file: String,
        /// What is known of it, and the next step.
        why: String,
    },
}
