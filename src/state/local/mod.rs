//! The ledger in a folder: a snapshot, the journal of a run beside it, and a lock that dies with its process.

mod files;
mod journal;
mod loaded;
mod snapshot;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use self::{
    files::{StateFiles, disk_error, display_path, remove_if_exists, replace_atomically},
    journal::{JournalHeader, JournalWriter},
    loaded::LoadedState,
    snapshot::StateFormats,
};
use super::{
    ConsumedPlans, Disk, DiskFile, Entry, Ledger, LedgerError, LedgerFuture, LockHolder, RealDisk, Recorded, lock_wait,
};

pub use files::sibling;
pub(super) use files::{read_if_exists, replace_atomically as replace_file, with_suffix};

/// A reader asks for the lock for an instant to see whether somebody has it; a run is not turned away by that.
const MIN_LOCK_TIMEOUT: Duration = Duration::from_millis(200);

/// What is known while nothing was begun.
const NOT_BEGUN: &str = "this run has sent nothing to change the cloud, and the record is as it was";

/// Keeps the record of one environment in files: `state/prod.json`, and beside it `prod.journal` and `prod.lock`.
#[derive(Debug)]
pub struct LocalLedger<D: Disk = RealDisk> {
    disk: D,
    path: PathBuf,
    formats: StateFormats,
    held_lock: Option<HeldLock<D::Lock>>,
    run: Option<ActiveRun<D::File>>,
    broken: Option<LedgerError>,
}

/// The lock, and what is known under it.
#[derive(Debug)]
struct HeldLock<L> {
    files: StateFiles,
    holder: LockHolder,
    _lock: L,
}

/// A run that has begun.
#[derive(Debug)]
struct ActiveRun<F> {
    journal: F,
    writer: JournalWriter,
    /// The snapshot with every entry of the journal applied.
    record: Recorded,
    durable_entries: usize,
}

impl<F: DiskFile> ActiveRun<F> {
    /// Fails if the journal is not where the next run would look for it: then nothing in it counts as kept.
    fn check_journal_in_place(&self, file: &Path) -> Result<(), LedgerError> {
        let lost = |why| LedgerError::JournalLost { file: display_path(file), why };
        if self.journal.is_still_at(file).map_err(|error| lost(error.to_string()))? {
            return Ok(());
        }
        let why = format!(
            "it is gone: somebody moved or removed it, or its folder, while this run went on, and {} entries that were \
             durable in it went along. Nothing more is sent or written. If it was moved put all of that folder back, \
             then run floe again. If it was removed run floe again: statements with this project's labels are adopted, and \
             of pools it says what is to be decided",
            self.durable_entries
        );
        Err(lost(why))
    }
}

impl LocalLedger<RealDisk> {
    /// The state in the file at `path`, which need not exist yet. Errors name it as it is given here.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        LocalLedger::on_disk(RealDisk, path)
    }
}

impl<D: Disk> LocalLedger<D> {
    /// The state in the file at `path` of `disk`.
    pub fn on_disk(disk: D, path: impl Into<PathBuf>) -> Self {
        LocalLedger { disk, path: path.into(), formats: StateFormats::KNOWN, held_lock: None, run: None, broken: None }
    }

    /// As a later build would be: with more formats.
    #[cfg(test)]
    pub(super) fn with_formats(self, newest: u32, migrations: &'static [snapshot::Migration]) -> Self {
        LocalLedger { formats: StateFormats { newest, migrations }, ..self }
    }

    fn files(&self) -> Result<StateFiles, LedgerError> {
        match &self.held_lock {
            Some(held_lock) => Ok(held_lock.files.clone()),
            None => StateFiles::for_state(&self.disk, &self.path),
        }
    }

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

    fn current_holder(&self) -> Result<Option<LockHolder>, LedgerError> {
        let files = self.files()?;
        if !self.disk.is_locked(&files.lock).map_err(disk_error("look at", &files.lock))? {
            return Ok(None);
        }
        Ok(Some(self.read_holder(&files)))
    }

    fn interrupted_holder(&self) -> Result<Option<LockHolder>, LedgerError> {
        let files = self.files()?;
        // Without a journal nobody has begun, and the snapshot need not be read for that.
        if files::read_if_exists(&self.disk, &files.journal)?.is_none() {
            return Ok(None);
        }
        Ok(LoadedState::read(&self.disk, &files, self.formats)?.interrupted_run)
    }

    /// What the lock file says. It is no part of the state, so one that is cut short or cannot be read says less.
    fn read_holder(&self, files: &StateFiles) -> LockHolder {
        let content = self.disk.read(&files.lock).unwrap_or_default();
        serde_json::from_slice(&content).unwrap_or_else(|_| LockHolder {
            command: "another run".to_owned(),
            who: "somebody unknown".to_owned(),
            pid: 0,
            since: "an unknown time".to_owned(),
            saved_plan_id: None,
        })
    }

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
        let mut writer = JournalWriter::default();
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

    fn compact_leftover(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
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

    /// Folds what was found into the snapshot, and removes its journal. What the snapshot holds then.
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

    fn held_lock(&self) -> Result<&HeldLock<D::Lock>, LedgerError> {
        self.held_lock.as_ref().ok_or_else(|| inconsistent(&self.path, "a run begins without the lock"))
    }

    fn append_group(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        let file = self.files()?.journal;
        let run = self.run.as_mut().ok_or_else(|| inconsistent(&file, "entries come before the run has begun"))?;
        if entries.is_empty() {
            return Ok(());
        }
        entries.iter().try_for_each(|entry| run.record.apply(entry)).map_err(|error| inconsistent(&file, error))?;
        let line = run.writer.encode_line(entries).map_err(|error| inconsistent(&file, error))?;
        let (durable, new) = (run.durable_entries, entries.len());
        let known = || {
            format!(
                "{durable} entries of this run are durable in it, and the {new} after them may or may not be. Nothing \
                 more is sent or written; make room or repair the disk, then run floe again: it settles what is open"
            )
        };
        run.journal.append(&line).map_err(|error| with_context(disk_error("write", &file)(error), &known()))?;
        run.journal.sync().map_err(|error| with_context(disk_error("fsync", &file)(error), &known()))?;
        run.durable_entries = durable.saturating_add(new);
        run.check_journal_in_place(&file)
    }

    fn compact_into_snapshot(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let files = self.files()?;
        let run =
            self.run.as_ref().ok_or_else(|| inconsistent(&files.snapshot, "a fold comes before the run has begun"))?;
        run.check_journal_in_place(&files.journal)?;
        let (format, serial) = (run.record.format, run.record.serial);
        let mut next = Recorded { format, serial, ..recorded.clone() };
        if next != run.record {
            return Err(inconsistent(
                &files.snapshot,
                "what is to be folded is not what the entries made of the record",
            ));
        }
        next.serial = serial.saturating_add(1);
        let known = format!(
            "all {} entries of this run are durable in {}, so nothing is lost; run floe again, which folds them",
            run.durable_entries,
            display_path(&files.journal)
        );
        self.write_snapshot(&files, &next, None).map_err(|error| with_context(error, &known))?;
        self.run = None;
        // A journal that stays builds on a snapshot that is no more: every reader ignores it, and the next run's
        // `begin` removes it. So a refusal here takes nothing away from what is done.
        drop(remove_if_exists(&self.disk, &files.journal));
        Ok(())
    }

    /// Puts `record` in the snapshot's place so that at every instant one whole snapshot is there.
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

    /// Runs `work` unless an earlier one failed while writing: after that nothing is known of what a write would meet.
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
        Box::pin(async move { found().map_err(|error| with_context(error, NOT_BEGUN)) })
    }

    fn lock<'a>(
        &'a mut self,
        holder: &'a LockHolder,
        lock_timeout: Duration,
    ) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            self.acquire_lock(holder, lock_timeout).await.map_err(|error| with_context(error, NOT_BEGUN))
        })
    }

    fn lock_holder(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        Box::pin(async { self.current_holder().map_err(|error| with_context(error, NOT_BEGUN)) })
    }

    fn interrupted_run(&self) -> LedgerFuture<'_, Result<Option<LockHolder>, LedgerError>> {
        Box::pin(async { self.interrupted_holder().map_err(|error| with_context(error, NOT_BEGUN)) })
    }

    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        let begin =
            move |ledger: &mut Self| ledger.begin_journal(recorded).map_err(|error| with_context(error, NOT_BEGUN));
        Box::pin(async move { self.unless_broken(begin) })
    }

    fn compact_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        let compact =
            move |ledger: &mut Self| ledger.compact_leftover(recorded).map_err(|error| with_context(error, NOT_BEGUN));
        Box::pin(async move { self.unless_broken(compact) })
    }

    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.unless_broken(|ledger| ledger.append_group(entries)) })
    }

    fn compact<'a>(&'a mut self, recorded: &'a Recorded) -> LedgerFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.unless_broken(|ledger| ledger.compact_into_snapshot(recorded)) })
    }
}

/// The bytes of a journal on `recorded` with these groups, whether or not the record would take them.
pub(super) fn encode_journal(recorded: &Recorded, groups: &[Vec<Entry>]) -> Result<Vec<u8>, serde_json::Error> {
    let [command, who, since] = ["apply", "somebody", ""].map(str::to_owned);
    let holder = LockHolder { command, who, pid: 1, since, saved_plan_id: None };
    let header = JournalHeader {
        format: u64::from(recorded.format),
        lineage: recorded.lineage.clone(),
        base_serial: recorded.serial,
        holder,
    };
    let mut writer = JournalWriter::default();
    let mut bytes = writer.encode_line(&header)?;
    for group in groups {
        bytes.extend(writer.encode_line(group)?);
    }
    Ok(bytes)
}

fn inconsistent(file: &Path, why: impl ToString) -> LedgerError {
    LedgerError::Inconsistent { file: display_path(file), why: why.to_string() }
}

/// Adds what is known of the files to a refusal.
fn with_context(error: LedgerError, known: &str) -> LedgerError {
    match error {
        LedgerError::Disk { doing, file, why } => LedgerError::Disk { doing, file, why: format!("{why}; {known}") },
        other => other,
    }
}
