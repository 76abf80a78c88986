//! A ledger in memory, for tests. Its clones share the record, and it can be made to fail.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Entry, Ledger, LedgerError, LedgerFuture, LockHolder, Recorded, RunLedger, lock_wait};

/// Keeps a record in memory. Clones are handles on the same record, like processes on the same files: each has its
/// own lock, which is released when the clone is dropped.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    /// The record and the lock, shared by all handles.
    shared: Arc<Mutex<SharedRecord>>,
    /// The run of this handle.
    run: MemoryRun,
}

/// The record that all handles share.
#[derive(Debug, Default)]
struct SharedRecord {
    /// The snapshot, if there is a record yet.
    snapshot: Option<Recorded>,
    /// The journal of a run that has begun.
    journal: Option<MemoryJournal>,
    /// The holder of the lock, if it is taken.
    holder: Option<LockHolder>,
    /// The number of writes that were requested.
    writes: usize,
    /// An injected error and the number of the write that fails with it.
    fault: Option<(usize, LedgerError)>,
}

/// The journal of a run that has begun.
#[derive(Debug)]
struct MemoryJournal {
    /// The holder of the lock when the run began.
    holder: LockHolder,
    /// The entries that were appended.
    entries: Vec<Entry>,
    /// The snapshot with these entries applied.
    record: Recorded,
}

/// The progress of one handle's run.
#[derive(Debug, Default)]
struct MemoryRun {
    /// The holder of the lock, while this handle has it.
    holder: Option<LockHolder>,
    /// Whether this handle has begun a run.
    has_begun: bool,
    /// The error after which this handle fails every write.
    broken: Option<LedgerError>,
}

impl MemoryLedger {
    /// Returns a ledger without a record.
    pub fn new() -> Self {
        MemoryLedger::default()
    }

    /// Returns a ledger that already keeps `recorded`.
    pub fn with_record(recorded: Recorded) -> Self {
        let shared = SharedRecord { snapshot: Some(recorded), ..SharedRecord::default() };
        MemoryLedger { shared: Arc::new(Mutex::new(shared)), run: MemoryRun::default() }
    }

    /// Makes the write after the next `count` writes fail with `error` and leave nothing behind. `begin`, `append`
    /// and `compact` are one write each. Afterwards its handle rejects all writes, while other handles still work.
    pub fn fail_after(&self, count: usize, error: LedgerError) {
        let mut shared = self.shared();
        shared.fault = Some((shared.writes.saturating_add(count), error));
    }

    /// Returns the number of requested writes, including failed ones.
    pub fn writes(&self) -> usize {
        self.shared().writes
    }

    /// Returns the record as the next run would find it.
    pub fn recorded(&self) -> Option<Recorded> {
        self.shared().recorded()
    }

    /// Returns the entries that were not compacted yet.
    pub fn entries(&self) -> Vec<Entry> {
        self.shared().journal.as_ref().map(|journal| journal.entries.clone()).unwrap_or_default()
    }

    /// Returns the shared record, locked.
    fn shared(&self) -> MutexGuard<'_, SharedRecord> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Performs one write, unless this handle is broken or the injected error is due.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut SharedRecord, &mut MemoryRun) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        if let Some(error) = &self.run.broken {
            return Err(error.clone());
        }
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let now = shared.writes;
        shared.writes = now.saturating_add(1);
        if let Some((_, error)) = shared.fault.take_if(|(at, _)| *at <= now) {
            self.run.broken = Some(error.clone());
            return Err(error);
        }
        let done = work(&mut shared, &mut self.run);
        if let Err(error @ LedgerError::Inconsistent { .. }) = &done {
            self.run.broken = Some(error.clone());
        }
        done
    }
}

impl MemoryJournal {
    /// Discards the part of a rejected group that was already applied.
    fn rebuild_record(&mut self, snapshot: Option<&Recorded>) {
        if let Some(snapshot) = snapshot {
            self.record = snapshot.clone();
            self.entries.iter().for_each(|entry| drop(self.record.apply(entry)));
        }
    }
}

impl SharedRecord {
    /// Returns the snapshot with the journal applied.
    fn recorded(&self) -> Option<Recorded> {
        self.journal.as_ref().map(|journal| journal.record.clone()).or_else(|| self.snapshot.clone())
    }
}

impl Clone for MemoryLedger {
    fn clone(&self) -> Self {
        MemoryLedger { shared: Arc::clone(&self.shared), run: MemoryRun::default() }
    }
}

impl Drop for MemoryLedger {
    fn drop(&mut self) {
        if self.run.holder.is_some() {
            self.shared().holder = None;
        }
    }
}

impl Ledger for MemoryLedger {
    fn load(&self) -> LedgerFuture<'_, Result<Option<Recorded>, LedgerError>> {
        Box::pin(async { Ok(self.recorded()) })
    }

    fn lock<'a>(
        &'a mut self,
        holder: &'a LockHolder,
        lock_timeout: Duration,
    ) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            if self.run.holder.is_some() {
                return Ok(());
            }
            let started = Instant::now();
            loop {
                {
                    let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                    match &shared.holder {
                        None => {
                            shared.holder = Some(holder.clone());
                            self.run.holder = Some(holder.clone());
                            return Ok(());
                        }
                        Some(other) if started.elapsed() >= lock_timeout => {
                            return Err(LedgerError::Locked(Box::new(other.clone())));
                        }
                        Some(_) => {}
                    }
                }
                lock_wait::sleep_wall_clock(lock_timeout.saturating_sub(started.elapsed())).await;
            }
        })
    }

    fn lock_holder(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        Box::pin(async { Ok(self.shared().holder.clone()) })
    }

    fn interrupted_run(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        Box::pin(async { Ok(self.shared().journal.as_ref().map(|journal| journal.holder.clone())) })
    }

    fn compact_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            if self.shared().journal.is_none() {
                return Ok(());
            }
            self.begin(recorded).await?;
            self.write(|shared, run| {
                shared.journal = None;
                run.has_begun = false;
                Ok(())
            })
        })
    }
}

impl RunLedger for MemoryLedger {
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let holder = run.holder.clone().ok_or_else(|| inconsistent("a run cannot begin without the lock"))?;
                if let Some(kept) = shared.recorded()
                    && kept != *recorded
                {
                    return Err(LedgerError::ChangedSinceRead { file: FILE.to_owned(), why: "it differs".to_owned() });
                }
                let mut base = recorded.clone();
                if shared.snapshot.is_none()
                    || shared.journal.as_ref().is_some_and(|journal| !journal.entries.is_empty())
                {
                    base.serial = base.serial.saturating_add(1);
                }
                shared.snapshot = Some(base.clone());
                shared.journal = Some(MemoryJournal { holder, entries: Vec::new(), record: base });
                run.has_begun = true;
                Ok(())
            })
        })
    }

    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let journal = shared.journal.as_mut().filter(|_| run.has_begun);
                let journal = journal.ok_or_else(|| inconsistent("no run has begun"))?;
                let applied = entries.iter().try_for_each(|entry| journal.record.apply(entry));
                if let Err(error) = applied.map_err(|error| inconsistent(&error.to_string())) {
                    journal.rebuild_record(shared.snapshot.as_ref());
                    return Err(error);
                }
                journal.entries.extend_from_slice(entries);
                Ok(())
            })
        })
    }

    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let journal = shared.journal.as_ref().filter(|_| run.has_begun);
                let journal = journal.ok_or_else(|| inconsistent("no run has begun"))?;
                let serial = journal.record.serial;
                if journal.record != (Recorded { serial, ..recorded.clone() }) {
                    return Err(inconsistent("the record to write differs from the one that the entries produce"));
                }
                shared.snapshot = Some(Recorded { serial: serial.saturating_add(1), ..recorded.clone() });
                shared.journal = None;
                run.has_begun = false;
                Ok(())
            })
        })
    }
}

/// The name of this ledger in error messages.
const FILE: &str = "the state in memory";

/// Returns the error for a call that contradicts the record.
fn inconsistent(why: &str) -> LedgerError {
    LedgerError::Inconsistent { file: FILE.to_owned(), why: why.to_owned() }
}
