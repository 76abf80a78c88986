//! The ledger in a folder: a snapshot, the journal of a run next to it, and a lock that is released when its process
//! ends.

mod files;
mod journal_format;
mod loaded;
mod snapshot;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use self::{
    files::{StateFiles, disk_error, display_path, remove_if_exists, replace_atomically},
    journal_format::{JournalEncoder, JournalHeader},
    loaded::LoadedState,
    snapshot::StateFormats,
};
use super::{
    ConsumedPlans, Disk, DiskFile, Entry, Ledger, LedgerError, LedgerFuture, LockHolder, RealDisk, Recorded, RunLedger,
    lock_wait,
};

pub use files::sibling;
pub(super) use files::{read_if_exists, replace_atomically as replace_file, with_suffix};

/// The minimum time to wait for the lock. A reader takes it for a moment to find out whether it is held, and that
/// must not make a run fail.
const MIN_LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// The note in errors before a run has begun.
const NO_MUTATION_SENT: &str = "This run sent no request that changes Confluent Cloud, and the record is unchanged.";

/// Keeps the record of one environment in files: `state/prod.json`, and next to it `prod.journal` and `prod.lock`.
#[derive(Debug)]
pub struct LocalLedger<D: Disk = RealDisk> {
    /// The disk that holds the files.
    disk: D,
    /// The path of the state file, as it was given.
    path: PathBuf,
    /// The formats that this ledger reads.
    formats: StateFormats,
    /// The lock, while this ledger holds it.
    held_lock: Option<HeldLock<D::Lock>>,
    /// The run, after it has begun.
    run: Option<ActiveRun<D::File>>,
    /// The error after which this ledger fails every write.
    broken: Option<LedgerError>,
}

/// The lock, and what stays fixed while it is held.
#[derive(Debug)]
struct HeldLock<L> {
    /// The files of the state.
    files: StateFiles,
    /// The holder that the lock file names.
    holder: LockHolder,
    /// The lock itself, which is released when it is dropped.
    _lock: L,
}

/// A run that has begun.
#[derive(Debug)]
struct ActiveRun<F> {
    /// The open file of the journal.
    journal: F,
    /// The encoder of the journal's lines.
    writer: JournalEncoder,
    /// The snapshot with all entries of the journal applied.
    record: Recorded,
    /// The number of entries that are durable in the journal.
    durable_entries: usize,
}

impl<F: DiskFile> ActiveRun<F> {
    /// Checks that the journal is still where the next run looks for it. If it is not, none of its entries count as
    /// kept.
    fn check_journal_in_place(&self, file: &Path) -> Result<(), LedgerError> {
        let lost = |why| LedgerError::JournalLost { file: display_path(file), why };
        if self.journal.is_still_at(file).map_err(|error| lost(error.to_string()))? {
            return Ok(());
        }
        let why = format!(
            "it is gone. The file or its folder was moved or removed during this run, along with {} entries that were \
             durable in it. Nothing more is sent or written. If it was moved, move the whole folder back and run floe \
             again. If it was removed, run floe again: it adopts statements with this project's labels, and reports \
             what you need to decide about pools.",
            self.durable_entries
        );
        Err(lost(why))
    }
}

impl LocalLedger<RealDisk> {
    /// Returns the ledger of the state file at `path`, which need not exist yet. Errors show the path as it is given
    /// here.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        LocalLedger::on_disk(RealDisk, path)
    }
}

impl<D: Disk> LocalLedger<D> {
    /// Returns the ledger of the state file at `path` on `disk`.
    pub fn on_disk(disk: D, path: impl Into<PathBuf>) -> Self {
        LocalLedger { disk, path: path.into(), formats: StateFormats::KNOWN, held_lock: None, run: None, broken: None }
    }

    /// Returns this ledger as a later build with more formats would have it.
    #[cfg(test)]
    pub(super) fn with_formats(self, newest: u32, migrations: &'static [snapshot::Migration]) -> Self {
        LocalLedger { formats: StateFormats { newest, migrations }, ..self }
    }

    /// Returns the files of the state. Under the lock they stay the same.
    fn files(&self) -> Result<StateFiles, LedgerError> {
        match &self.held_lock {
            Some(held_lock) => Ok(held_lock.files.clone()),
            None => StateFiles::for_state(&self.disk, &self.path),
        }
    }

    /// Takes the lock and waits up to `lock_timeout` for it.
    async fn acquire_lock(&mut self, holder: &LockHolder, lock_timeout: Duration) -> Result<(), LedgerError> {
        if self.held_lock.is_some() {
            return Ok(());
        }
        let files = StateFiles::for_state(&self.disk, &self.path)?;
        self.disk.create_folder_all(&files.folder).map_err(disk_error("create", &files.folder))?;
        let mut content = serde_json::to_vec(holder).map_err(|error| inconsistent(&files.lock, error))?;
        content.push(b'\n');
        let (started, lock_timeout) = (Instant::now(), lock_timeout.max(MIN_LOCK_TIMEOUT));
        loop {
            if let Some(lock) = self.disk.lock(&files.lock, &content).map_err(disk_error("lock", &files.lock))? {
                self.held_lock = Some(HeldLock { files, holder: holder.clone(), _lock: lock });
                return Ok(());
            }
            let remaining = lock_timeout.saturating_sub(started.elapsed());
            if remaining.is_zero() {
                return Err(LedgerError::Locked(Box::new(self.read_holder(&files))));
            }
            lock_wait::sleep_wall_clock(remaining).await;
        }
    }

    /// Returns the holder of the lock, if it is held.
    fn current_holder(&self) -> Result<Option<LockHolder>, LedgerError> {
        let files = self.files()?;
        if !self.disk.is_locked(&files.lock).map_err(disk_error("check", &files.lock))? {
            return Ok(None);
        }
        Ok(Some(self.read_holder(&files)))
    }

    /// Returns the holder of the run that has begun and not compacted its journal.
    fn interrupted_holder(&self) -> Result<Option<LockHolder>, LedgerError> {
        let files = self.files()?;
        // Without a journal no run has begun, so there is no need to read the snapshot.
        if files::read_if_exists(&self.disk, &files.journal)?.is_none() {
            return Ok(None);
        }
        Ok(LoadedState::read(&self.disk, &files, self.formats)?.interrupted_run)
    }

    /// Returns the content of the lock file. It is not part of the state, so if it is incomplete or unreadable,
    /// placeholders replace it.
    fn read_holder(&self, files: &StateFiles) -> LockHolder {
        let content = self.disk.read(&files.lock).unwrap_or_default();
        serde_json::from_slice(&content).unwrap_or_else(|_| LockHolder {
            command: "another run".to_owned(),
            who: "an unknown user".to_owned(),
            pid: 0,
            since: "an unknown time".to_owned(),
            saved_plan_id: None,
        })
    }

    /// Starts a new journal on `recorded`, after compacting the journal of an interrupted run.
    fn begin_journal(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let held_lock = self.held_lock()?;
        let files = held_lock.files.clone();
        let header_for = |serial| JournalHeader {
            format: u64::from(self.formats.newest),
            lineage: recorded.lineage.clone(),
            base_serial: serial,
            holder: held_lock.holder.clone(),
        };
        let found = LoadedState::read(&self.disk, &files, self.formats)?;
        found.check_unchanged(recorded, &files)?;
        let record = self.compact_loaded(&found, recorded, &files)?;
        let mut writer = JournalEncoder::default();
        let line =
            writer.encode_line(&header_for(record.serial)).map_err(|error| inconsistent(&files.journal, error))?;
        let mut journal = self.disk.create_new(&files.journal).map_err(disk_error("create", &files.journal))?;
        journal.append(&line).map_err(disk_error("write", &files.journal))?;
        journal.sync().map_err(disk_error("fsync", &files.journal))?;
        self.disk.sync_folder(&files.folder).map_err(disk_error("fsync", &files.folder))?;
        if let Some(plan) = &held_lock.holder.saved_plan_id {
            ConsumedPlans::in_file(&self.disk, files.consumed_plans).add(plan)?;
        }
        self.run = Some(ActiveRun { journal, writer, record, durable_entries: 0 });
        Ok(())
    }

    /// Compacts and removes the journal of an interrupted run.
    fn compact_interrupted_journal(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let files = self.held_lock()?.files.clone();
        let found = LoadedState::read(&self.disk, &files, self.formats)?;
        if !found.has_journal {
            return Ok(());
        }
        found.check_unchanged(recorded, &files)?;
        match &found.recorded {
            None => remove_if_exists(&self.disk, &files.journal),
            Some(_) => self.compact_loaded(&found, recorded, &files).map(drop),
        }
    }

    /// Compacts the loaded journal into the snapshot and removes it. Returns the content of the snapshot.
    fn compact_loaded(
        &self,
        found: &LoadedState,
        recorded: &Recorded,
        files: &StateFiles,
    ) -> Result<Recorded, LedgerError> {
        let mut record = recorded.clone();
        record.format = self.formats.newest;
        if found.needs_compaction() {
            record.serial = record.serial.saturating_add(1);
            self.write_snapshot(files, &record, found.older_format())?;
        }
        if found.has_journal {
            remove_if_exists(&self.disk, &files.journal)?;
        }
        Ok(record)
    }

    /// Returns the lock, or an error if this ledger does not hold it.
    fn held_lock(&self) -> Result<&HeldLock<D::Lock>, LedgerError> {
        self.held_lock.as_ref().ok_or_else(|| inconsistent(&self.path, "a run cannot begin without the lock"))
    }

    /// Appends one group of entries to the journal and syncs it.
    fn append_group(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        let file = self.files()?.journal;
        let run = self.run.as_mut().ok_or_else(|| inconsistent(&file, "no run has begun"))?;
        if entries.is_empty() {
            return Ok(());
        }
        entries.iter().try_for_each(|entry| run.record.apply(entry)).map_err(|error| inconsistent(&file, error))?;
        let line = run.writer.encode_line(entries).map_err(|error| inconsistent(&file, error))?;
        let (durable, new) = (run.durable_entries, entries.len());
        let known = || {
            format!(
                "{durable} entries of this run are durable in it, and the {new} after them may or may not be. Nothing \
                 more is sent or written. Free space or repair the disk, then run floe again: it resolves the open \
                 requests."
            )
        };
        run.journal.append(&line).map_err(|error| with_context(disk_error("write", &file)(error), &known()))?;
        run.journal.sync().map_err(|error| with_context(disk_error("fsync", &file)(error), &known()))?;
        run.durable_entries = durable.saturating_add(new);
        run.check_journal_in_place(&file)
    }

    /// Writes the record as the new snapshot and removes the journal.
    fn compact_into_snapshot(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let files = self.files()?;
        let run = self.run.as_ref().ok_or_else(|| inconsistent(&files.snapshot, "no run has begun"))?;
        run.check_journal_in_place(&files.journal)?;
        let (format, serial) = (run.record.format, run.record.serial);
        let mut next = Recorded { format, serial, ..recorded.clone() };
        if next != run.record {
            return Err(inconsistent(
                &files.snapshot,
                "the record to write differs from the one that the entries produce",
            ));
        }
        next.serial = serial.saturating_add(1);
        let known = format!(
            "All {} entries of this run are durable in {}, so nothing is lost. Run floe again to compact them.",
            run.durable_entries,
            display_path(&files.journal)
        );
        self.write_snapshot(&files, &next, None).map_err(|error| with_context(error, &known))?;
        self.run = None;
        // If the journal cannot be removed, it builds on a snapshot that no longer exists. Readers ignore it and the
        // next run's `begin` removes it, so an error here does not undo anything.
        drop(remove_if_exists(&self.disk, &files.journal));
        Ok(())
    }

    /// Replaces the snapshot with `record` atomically, so that a complete snapshot exists at every moment.
    fn write_snapshot(
        &self,
        files: &StateFiles,
        record: &Recorded,
        older_format: Option<&(u64, Vec<u8>)>,
    ) -> Result<(), LedgerError> {
        if let Some((format, bytes)) = older_format {
            let mut backup = files.snapshot.clone().into_os_string();
            backup.push(format!(".format-{format}"));
            replace_atomically(&self.disk, &files.next_snapshot, bytes, Path::new(&backup))?;
        }
        let bytes = snapshot::write(record).map_err(|error| inconsistent(&files.snapshot, error))?;
        replace_atomically(&self.disk, &files.next_snapshot, &bytes, &files.snapshot)
    }

    /// Runs `work` unless an earlier write failed. After a failed write, the result of another one cannot be
    /// predicted.
    fn unless_broken(&mut self, work: impl FnOnce(&mut Self) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        work(self).inspect_err(|error| {
            if matches!(
                error,
                LedgerError::Disk { .. } | LedgerError::JournalLost { .. } | LedgerError::Inconsistent { .. }
            ) {
                self.broken = Some(error.clone());
            }
        })
    }
}

impl<D: Disk> Ledger for LocalLedger<D> {
    fn load(&self) -> LedgerFuture<'_, Result<Option<Recorded>, LedgerError>> {
        let found = || LoadedState::read(&self.disk, &self.files()?, self.formats).map(|found| found.recorded);
        Box::pin(async move { found().map_err(|error| with_context(error, NO_MUTATION_SENT)) })
    }

    fn lock<'a>(
        &'a mut self,
        holder: &'a LockHolder,
        lock_timeout: Duration,
    ) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.acquire_lock(holder, lock_timeout).await.map_err(|error| with_context(error, NO_MUTATION_SENT))
        })
    }

    fn lock_holder(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        Box::pin(async { self.current_holder().map_err(|error| with_context(error, NO_MUTATION_SENT)) })
    }

    fn interrupted_run(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        Box::pin(async { self.interrupted_holder().map_err(|error| with_context(error, NO_MUTATION_SENT)) })
    }

    fn compact_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        let compact = move |ledger: &mut Self| {
            ledger.compact_interrupted_journal(recorded).map_err(|error| with_context(error, NO_MUTATION_SENT))
        };
        Box::pin(async move { self.unless_broken(compact) })
    }
}

impl<D: Disk> RunLedger for LocalLedger<D> {
    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        let begin = move |ledger: &mut Self| {
            ledger.begin_journal(recorded).map_err(|error| with_context(error, NO_MUTATION_SENT))
        };
        Box::pin(async move { self.unless_broken(begin) })
    }

    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.unless_broken(|ledger| ledger.append_group(entries)) })
    }

    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.unless_broken(|ledger| ledger.compact_into_snapshot(recorded)) })
    }
}

/// Returns the bytes of a journal on `recorded` with these groups, even if the record would reject them.
pub(super) fn encode_journal(recorded: &Recorded, groups: &[Vec<Entry>]) -> Result<Vec<u8>, serde_json::Error> {
    let [command, who, since] = ["apply", "somebody", ""].map(str::to_owned);
    let holder = LockHolder { command, who, pid: 1, since, saved_plan_id: None };
    let header = JournalHeader {
        format: u64::from(recorded.format),
        lineage: recorded.lineage.clone(),
        base_serial: recorded.serial,
        holder,
    };
    let mut writer = JournalEncoder::default();
    let mut bytes = writer.encode_line(&header)?;
    for group in groups {
        bytes.extend(writer.encode_line(group)?);
    }
    Ok(bytes)
}

/// Returns the error for a call that contradicts the record.
fn inconsistent(file: &Path, why: impl ToString) -> LedgerError {
    LedgerError::Inconsistent { file: display_path(file), why: why.to_string() }
}

/// Adds what is known about the files to an error of the disk.
fn with_context(error: LedgerError, known: &str) -> LedgerError {
    match error {
        LedgerError::Disk { doing, file, why } => LedgerError::Disk { doing, file, why: format!("{why}. {known}") },
        other => other,
    }
}
