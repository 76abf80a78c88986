//! The ledger in a folder: a snapshot, the journal of a run beside it, and a lock that dies with its process.

mod files;
mod found;
mod journal;
mod snapshot;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use self::{
    files::{Files, refused, remove, replace, shown},
    found::Found,
    journal::{Base, Writer},
    snapshot::Formats,
};
use super::{BoxFuture, Disk, DiskFile, Entry, Holder, Ledger, LedgerError, RealDisk, Recorded, Used, patience};

pub use files::sibling;
pub(super) use files::{read, replace as replace_file, with};

/// A reader asks for the lock for an instant to see whether somebody has it; a run is not turned away by that.
const GRACE: Duration = Duration::from_millis(200);

/// What is known while nothing was begun.
const NOT_BEGUN: &str = "this run has sent nothing to change the cloud, and the record is as it was";

/// Keeps the record of one environment in files: `state/prod.json`, and beside it `prod.journal` and `prod.lock`.
#[derive(Debug)]
pub struct Local<D: Disk = RealDisk> {
    disk: D,
    path: PathBuf,
    formats: Formats,
    held: Option<Held<D::Lock>>,
    run: Option<Run<D::File>>,
    broken: Option<LedgerError>,
}

/// The lock, and what is known under it.
#[derive(Debug)]
struct Held<L> {
    files: Files,
    holder: Holder,
    _lock: L,
}

/// A run that has begun.
#[derive(Debug)]
struct Run<F> {
    journal: F,
    writer: Writer,
    /// The snapshot with every entry of the journal applied.
    record: Recorded,
    durable: usize,
}

impl<F: DiskFile> Run<F> {
    /// Fails if the journal is not where the next run would look for it: then nothing in it counts as kept.
    fn is_there(&self, file: &Path) -> Result<(), LedgerError> {
        if self.journal.is_at(file).map_err(refused("find", file))? {
            return Ok(());
        }
        let why = format!(
            "it is gone: somebody moved or removed it, or its folder, while this run went on, and {} entries that were \
             durable in it went along. Nothing more is sent or written. If it was moved put all of that folder back, \
             then run floe again. If it was removed run floe again: statements with this project's labels are adopted, and \
             of pools it says what is to be decided",
            self.durable
        );
        Err(LedgerError::Disk { doing: "find", file: shown(file), why })
    }
}

impl Local<RealDisk> {
    /// The state in the file at `path`, which need not exist yet. Errors name it as it is given here.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Local::on(RealDisk, path)
    }
}

impl<D: Disk> Local<D> {
    /// The state in the file at `path` of `disk`.
    pub fn on(disk: D, path: impl Into<PathBuf>) -> Self {
        Local { disk, path: path.into(), formats: Formats::KNOWN, held: None, run: None, broken: None }
    }

    /// As a later build would be: with more formats.
    #[cfg(test)]
    pub(super) fn with_formats(self, newest: u32, migrations: &'static [snapshot::Migration]) -> Self {
        Local { formats: Formats { newest, migrations }, ..self }
    }

    fn files(&self) -> Result<Files, LedgerError> {
        match &self.held {
            Some(held) => Ok(held.files.clone()),
            None => Files::beside(&self.disk, &self.path),
        }
    }

    async fn take_lock(&mut self, holder: &Holder, patience: Duration) -> Result<(), LedgerError> {
        if self.held.is_some() {
            return Ok(());
        }
        let files = Files::beside(&self.disk, &self.path)?;
        self.disk.create_folder(&files.folder).map_err(refused("create", &files.folder))?;
        let mut content = serde_json::to_vec(holder).map_err(|error| incoherent(&files.lock, error))?;
        content.push(b'\n');
        let (asked, patience) = (Instant::now(), patience.max(GRACE));
        loop {
            if let Some(lock) = self.disk.lock(&files.lock, &content).map_err(refused("lock", &files.lock))? {
                self.held = Some(Held { files, holder: holder.clone(), _lock: lock });
                return Ok(());
            }
            let remaining = patience.saturating_sub(asked.elapsed());
            if remaining.is_zero() {
                return Err(LedgerError::Locked(Box::new(self.holder_in(&files))));
            }
            patience::nap(remaining).await;
        }
    }

    fn holder(&self) -> Result<Option<Holder>, LedgerError> {
        let files = self.files()?;
        if !self.disk.is_locked(&files.lock).map_err(refused("look at", &files.lock))? {
            return Ok(None);
        }
        Ok(Some(self.holder_in(&files)))
    }

    fn who_began(&self) -> Result<Option<Holder>, LedgerError> {
        let files = self.files()?;
        // Without a journal nobody has begun, and the snapshot need not be read for that.
        if files::read(&self.disk, &files.journal)?.is_none() {
            return Ok(None);
        }
        Ok(Found::now(&self.disk, &files, self.formats)?.begun_by)
    }

    /// What the lock file says. It is no part of the state, so one that is cut short or cannot be read says less.
    fn holder_in(&self, files: &Files) -> Holder {
        let content = self.disk.read(&files.lock).unwrap_or_default();
        serde_json::from_slice(&content).unwrap_or_else(|_| Holder {
            command: "another run".to_owned(),
            who: "somebody unknown".to_owned(),
            pid: 0,
            since: "an unknown time".to_owned(),
            plan: None,
        })
    }

    fn begin_on(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let held = self.held()?;
        let files = held.files.clone();
        let base_line = |serial| Base {
            format: u64::from(self.formats.newest),
            lineage: recorded.lineage.clone(),
            base: serial,
            run: held.holder.clone(),
        };
        let found = Found::now(&self.disk, &files, self.formats)?;
        found.is_still(recorded, &files)?;
        let record = self.fold_found(&found, recorded, &files)?;
        let mut writer = Writer::default();
        let line = writer.line(&base_line(record.serial)).map_err(|error| incoherent(&files.journal, error))?;
        let mut journal = self.disk.create(&files.journal).map_err(refused("create", &files.journal))?;
        journal.append(&line).map_err(refused("write", &files.journal))?;
        journal.sync().map_err(refused("fsync", &files.journal))?;
        self.disk.sync_folder(&files.folder).map_err(refused("fsync", &files.folder))?;
        if let Some(plan) = &held.holder.plan {
            Used::in_file(&self.disk, files.plans).add(plan)?;
        }
        self.run = Some(Run { journal, writer, record, durable: 0 });
        Ok(())
    }

    fn fold_left(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let files = self.held()?.files.clone();
        let found = Found::now(&self.disk, &files, self.formats)?;
        if !found.has_journal {
            return Ok(());
        }
        found.is_still(recorded, &files)?;
        match &found.recorded {
            None => remove(&self.disk, &files.journal),
            Some(_) => self.fold_found(&found, recorded, &files).map(drop),
        }
    }

    /// Folds what was found into the snapshot, and removes its journal. What the snapshot holds then.
    fn fold_found(&self, found: &Found, recorded: &Recorded, files: &Files) -> Result<Recorded, LedgerError> {
        let mut record = recorded.clone();
        record.format = self.formats.newest;
        if found.needs_folding() {
            record.serial = record.serial.saturating_add(1);
            self.write_snapshot(files, &record, found.older())?;
        }
        if found.has_journal {
            remove(&self.disk, &files.journal)?;
        }
        Ok(record)
    }

    fn held(&self) -> Result<&Held<D::Lock>, LedgerError> {
        self.held.as_ref().ok_or_else(|| incoherent(&self.path, "a run begins without the lock"))
    }

    fn append_group(&mut self, entries: &[Entry]) -> Result<(), LedgerError> {
        let file = self.files()?.journal;
        let run = self.run.as_mut().ok_or_else(|| incoherent(&file, "entries come before the run has begun"))?;
        if entries.is_empty() {
            return Ok(());
        }
        entries.iter().try_for_each(|entry| run.record.apply(entry)).map_err(|error| incoherent(&file, error))?;
        let line = run.writer.line(entries).map_err(|error| incoherent(&file, error))?;
        let (durable, new) = (run.durable, entries.len());
        let known = || {
            format!(
                "{durable} entries of this run are durable in it, and the {new} after them may or may not be. Nothing \
                 more is sent or written; make room or repair the disk, then run floe again: it settles what is open"
            )
        };
        run.journal.append(&line).map_err(|error| told(refused("write", &file)(error), &known()))?;
        run.journal.sync().map_err(|error| told(refused("fsync", &file)(error), &known()))?;
        run.durable = durable.saturating_add(new);
        run.is_there(&file)
    }

    fn fold_into_snapshot(&mut self, recorded: &Recorded) -> Result<(), LedgerError> {
        let files = self.files()?;
        let run =
            self.run.as_ref().ok_or_else(|| incoherent(&files.snapshot, "a fold comes before the run has begun"))?;
        run.is_there(&files.journal)?;
        let (format, serial) = (run.record.format, run.record.serial);
        let mut next = Recorded { format, serial, ..recorded.clone() };
        if next != run.record {
            return Err(incoherent(&files.snapshot, "what is to be folded is not what the entries made of the record"));
        }
        next.serial = serial.saturating_add(1);
        let known = format!(
            "all {} entries of this run are durable in {}, so nothing is lost; run floe again, which folds them",
            run.durable,
            shown(&files.journal)
        );
        self.write_snapshot(&files, &next, None).map_err(|error| told(error, &known))?;
        self.run = None;
        // A journal that stays builds on a snapshot that is no more: every reader ignores it, and the next run's
        // `begin` removes it. So a refusal here takes nothing away from what is done.
        drop(remove(&self.disk, &files.journal));
        Ok(())
    }

    /// Puts `record` in the snapshot's place so that at every instant one whole snapshot is there.
    fn write_snapshot(
        &self,
        files: &Files,
        record: &Recorded,
        older: Option<&(u64, Vec<u8>)>,
    ) -> Result<(), LedgerError> {
        if let Some((format, bytes)) = older {
            let mut kept = files.snapshot.clone().into_os_string();
            kept.push(format!(".format-{format}"));
            replace(&self.disk, &files.next, bytes, Path::new(&kept))?;
        }
        let bytes = snapshot::write(record).map_err(|error| incoherent(&files.snapshot, error))?;
        replace(&self.disk, &files.next, &bytes, &files.snapshot)
    }

    /// Runs `work` unless an earlier one failed while writing: after that nothing is known of what a write would meet.
    fn unless_broken(&mut self, work: impl FnOnce(&mut Self) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        work(self).inspect_err(|error| {
            if matches!(error, LedgerError::Disk { .. } | LedgerError::Incoherent { .. }) {
                self.broken = Some(error.clone());
            }
        })
    }
}

impl<D: Disk> Ledger for Local<D> {
    fn load(&self) -> BoxFuture<'_, Result<Option<Recorded>, LedgerError>> {
        let found = || Found::now(&self.disk, &self.files()?, self.formats).map(|found| found.recorded);
        Box::pin(async move { found().map_err(|error| told(error, NOT_BEGUN)) })
    }

    fn lock<'a>(&'a mut self, holder: &'a Holder, patience: Duration) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.take_lock(holder, patience).await.map_err(|error| told(error, NOT_BEGUN)) })
    }

    fn held_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(async { self.holder().map_err(|error| told(error, NOT_BEGUN)) })
    }

    fn begun_by(&self) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(async { self.who_began().map_err(|error| told(error, NOT_BEGUN)) })
    }

    fn begin<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        let begin = move |ledger: &mut Self| ledger.begin_on(recorded).map_err(|error| told(error, NOT_BEGUN));
        Box::pin(async move { self.unless_broken(begin) })
    }

    fn fold_interrupted<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        let fold = move |ledger: &mut Self| ledger.fold_left(recorded).map_err(|error| told(error, NOT_BEGUN));
        Box::pin(async move { self.unless_broken(fold) })
    }

    fn append<'a>(&'a mut self, entries: &'a [Entry]) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.unless_broken(|ledger| ledger.append_group(entries)) })
    }

    fn fold<'a>(&'a mut self, recorded: &'a Recorded) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move { self.unless_broken(|ledger| ledger.fold_into_snapshot(recorded)) })
    }
}

/// The bytes of a journal on `recorded` with these groups, whether or not the record would take them.
pub(super) fn journal_of(recorded: &Recorded, groups: &[Vec<Entry>]) -> Result<Vec<u8>, serde_json::Error> {
    let [command, who, since] = ["apply", "somebody", ""].map(str::to_owned);
    let run = Holder { command, who, pid: 1, since, plan: None };
    let base =
        Base { format: u64::from(recorded.format), lineage: recorded.lineage.clone(), base: recorded.serial, run };
    let mut writer = Writer::default();
    let mut bytes = writer.line(&base)?;
    for group in groups {
        bytes.extend(writer.line(group)?);
    }
    Ok(bytes)
}

fn incoherent(file: &Path, why: impl ToString) -> LedgerError {
    LedgerError::Incoherent { file: shown(file), why: why.to_string() }
}

/// Adds what is known of the files to a refusal.
fn told(error: LedgerError, known: &str) -> LedgerError {
    match error {
        LedgerError::Disk { doing, file, why } => LedgerError::Disk { doing, file, why: format!("{why}; {known}") },
        other => other,
    }
}
