//! A ledger in memory, for tests: shared between its clones, and it fails when told to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{BoxFuture, Entry, Holder, Ledger, LedgerError, Recorded, patience};

/// Keeps a record in memory. Clones are handles on the same record, like processes on the same files: each locks for
/// itself, and lets go when it is dropped.
#[derive(Debug, Default)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
    run: Run,
}

#[derive(Debug, Default)]
struct Shared {
    snapshot: Option<Recorded>,
    journal: Option<Journal>,
    holder: Option<Holder>,
    writes: usize,
    fault: Option<(usize, LedgerError)>,
}

#[derive(Debug)]
struct Journal {
    begun_by: Holder,
    entries: Vec<Entry>,
    record: Recorded,
}

/// What one handle is at.
#[derive(Debug, Default)]
struct Run {
    holder: Option<Holder>,
    has_begun: bool,
    broken: Option<LedgerError>,
}

impl Memory {
    /// A ledger that keeps nothing yet.
    pub fn new() -> Self {
        Memory::default()
    }

    /// A ledger that keeps `recorded` already.
    pub fn keeping(recorded: Recorded) -> Self {
        let shared = Shared { snapshot: Some(recorded), ..Shared::default() };
        Memory { shared: Arc::new(Mutex::new(shared)), run: Run::default() }
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

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write, unless this handle is broken or the fault is due.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Shared, &mut Run) -> Result<T, LedgerError>,
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
        if let Err(error @ LedgerError::Incoherent { .. }) = &done {
            self.run.broken = Some(error.clone());
        }
        done
    }
}

impl Journal {
    /// Forgets the part of a refused group that was applied.
    fn refold(&mut self, snapshot: Option<&Recorded>) {
        if let Some(snapshot) = snapshot {
            self.record = snapshot.clone();
            self.entries.iter().for_each(|entry| drop(self.record.apply(entry)));
        }
    }
}

impl Shared {
    fn recorded(&self) -> Option<Recorded> {
        self.journal.as_ref().map(|journal| journal.record.clone()).or_else(|| self.snapshot.clone())
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Memory { shared: Arc::clone(&self.shared), run: Run::default() }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.run.holder.is_some() {
            self.shared().holder = None;
        }
    }
}

impl Ledger for Memory {
    fn load(&self) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        Box::pin(async { Ok(self.recorded()) })
    }

    fn lock<'a>(&'a mut self, holder: &'a Holder, patience: Duration) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            if self.run.holder.is_some() {
                return Ok(());
            }
            let asked = Instant::now();
            loop {
                {
                    let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                    match &shared.holder {
                        None => {
                            shared.holder = Some(holder.clone());
                            self.run.holder = Some(holder.clone());
                            return Ok(());
                        }
                        Some(other) if asked.elapsed() >= patience => {
                            return Err(LedgerError::Locked(Box::new(other.clone())));
                        }
                        Some(_) => {}
                    }
                }
                patience::nap(patience.saturating_sub(asked.elapsed())).await;
            }
        })
    }

    fn held_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(async { Ok(self.shared().holder.clone()) })
    }

    fn begun_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(async { Ok(self.shared().journal.as_ref().map(|journal| journal.begun_by.clone())) })
    }

    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let begun_by = run.holder.clone().ok_or_else(|| incoherent("a run begins without the lock"))?;
                if let Some(kept) = shared.recorded()
                    && kept != *recorded
                {
                    return Err(LedgerError::Changed { file: FILE.to_owned(), why: "it differs".to_owned() });
                }
                let mut base = recorded.clone();
                if shared.snapshot.is_none()
                    || shared.journal.as_ref().is_some_and(|journal| !journal.entries.is_empty())
                {
                    base.serial = base.serial.saturating_add(1);
                }
                shared.snapshot = Some(base.clone());
                shared.journal = Some(Journal { begun_by, entries: Vec::new(), record: base });
                run.has_begun = true;
                Ok(())
            })
        })
    }

    fn fold_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
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

    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let journal = shared.journal.as_mut().filter(|_| run.has_begun);
                let journal = journal.ok_or_else(|| incoherent("entries come without a run"))?;
                let applied = entries.iter().try_for_each(|entry| journal.record.apply(entry));
                if let Err(error) = applied.map_err(|error| incoherent(&error.to_string())) {
                    journal.refold(shared.snapshot.as_ref());
                    return Err(error);
                }
                journal.entries.extend_from_slice(entries);
                Ok(())
            })
        })
    }

    fn fold<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.write(|shared, run| {
                let journal = shared.journal.as_ref().filter(|_| run.has_begun);
                let journal = journal.ok_or_else(|| incoherent("a fold comes without a run"))?;
                let serial = journal.record.serial;
                if journal.record != (Recorded { serial, ..recorded.clone() }) {
                    return Err(incoherent("what is to be folded is not what the entries made of the record"));
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

fn incoherent(why: &str) -> LedgerError {
    LedgerError::Incoherent { file: FILE.to_owned(), why: why.to_owned() }
}
