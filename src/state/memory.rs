//! A ledger in memory, for tests: shared between its clones, and it fails when told to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Entry, Ledger, LedgerError, LedgerFuture, LockHolder, Recorded, lock_wait};

/// Keeps a record in memory. Clones are handles on the same record, like processes on the same files: each locks for
/// itself, and lets go when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    shared: Arc<Mutex<SharedRecord>>,
    run: MemoryRun,
}

#[derive(Debug, Default)]
struct SharedRecord {
    snapshot: Option<Recorded>,
    journal: Option<MemoryJournal>,
    holder: Option<LockHolder>,
    writes: usize,
    fault: Option<(usize, LedgerError)>,
}

#[derive(Debug)]
struct MemoryJournal {
    holder: LockHolder,
    entries: Vec<Entry>,
    record: Recorded,
}

/// What one handle is at.
#[derive(Debug, Default)]
struct MemoryRun {
    holder: Option<LockHolder>,
    has_begun: bool,
    broken: Option<LedgerError>,
}

impl MemoryLedger {
    /// A ledger that keeps nothing yet.
    pub fn new() -> Self {
        MemoryLedger::default()
    }

    /// A ledger that keeps `recorded` already.
    pub fn with_record(recorded: Recorded) -> Self {
        let shared = SharedRecord { snapshot: Some(recorded), ..SharedRecord::default() };
        MemoryLedger { shared: Arc::new(Mutex::new(shared)), run: MemoryRun::default() }
    }

    /// Lets the write after the next `count` (`begin`, `append` and `fold` are one each) fail with `error`, leaving
    /// nothing of it. Its handle then refuses all others; another handle goes on.
    pub fn fail_after(&self, count: usize, error: LedgerError) {
        let mut shared = self.shared();
        shared.fault = Some((shared.writes.saturating_add(count), error));
    }

    /// How many writes were asked for, the failed one included.
    pub fn writes(&self) -> usize {
        self.shared().writes
    }

    /// The record as the next run would find it.
    pub fn recorded(&self) -> Option<Recorded> {
        self.shared().recorded()
    }

    /// The entries that are not folded.
    pub fn entries(&self) -> Vec<Entry> {
        self.shared().journal.as_ref().map(|journal| journal.entries.clone()).unwrap_or_default()
    }

    fn shared(&self) -> MutexGuard<'_, SharedRecord> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write, unless this handle is broken or the fault is due.
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
    /// Forgets the part of a refused group that was applied.
    fn rebuild_record(&mut self, snapshot: Option<&Recorded>) {
        if let Some(snapshot) = snapshot {
            self.record = snapshot.clone();
            self.entries.iter().for_each(|entry| drop(self.record.apply(entry)));
        }
    }
}

impl SharedRecord {
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

    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let holder = run.holder.clone().ok_or_else(|| inconsistent("a run begins without the lock"))?;
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

    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let journal = shared.journal.as_mut().filter(|_| run.has_begun);
                let journal = journal.ok_or_else(|| inconsistent("entries come without a run"))?;
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
                let journal = journal.ok_or_else(|| inconsistent("a fold comes without a run"))?;
                let serial = journal.record.serial;
                if journal.record != (Recorded { serial, ..recorded.clone() }) {
                    return Err(inconsistent("what is to be folded is not what the entries made of the record"));
                }
                shared.snapshot = Some(Recorded { serial: serial.saturating_add(1), ..recorded.clone() });
                shared.journal = None;
                run.has_begun = false;
                Ok(())
            })
        })
    }
}

const FILE: &str = "the state in memory";

fn inconsistent(why: &str) -> LedgerError {
    LedgerError::Inconsistent { file: FILE.to_owned(), why: why.to_owned() }
}
