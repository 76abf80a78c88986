//! What the files say together: the snapshot, with the journal on it if it builds on that snapshot.

use super::{
    files::{StateFiles, display_path, read_if_exists},
    journal::{self, Journal, JournalHeader},
    snapshot::{Snapshot, StateFormats},
};
use crate::state::{Disk, LedgerError, LockHolder, Recorded};

/// How often two files that do not belong together are read again: a run may fold while they are being read.
const MAX_READS: usize = 3;

/// What was found in the files.
#[derive(Debug)]
pub(super) struct LoadedState {
    /// The record, with the serial of the snapshot. `None` if there is none yet.
    pub recorded: Option<Recorded>,
    /// Whose run has begun on this snapshot and not folded.
    pub interrupted_run: Option<LockHolder>,
    /// Whether there is a journal at all, of use or not.
    pub has_journal: bool,
    has_snapshot: bool,
    older_format: Option<(u64, Vec<u8>)>,
    has_entries: bool,
}

impl LoadedState {
    /// Reads the files. The journal goes first: if a run folds in between, its journal is found to build on an older
    /// snapshot, and the newer one holds all that is in it.
    pub fn read(disk: &impl Disk, files: &StateFiles, formats: StateFormats) -> Result<LoadedState, LedgerError> {
        let mut reads = 0;
        loop {
            reads += 1;
            let journal = read_if_exists(disk, &files.journal)?;
            let has_journal = journal.is_some();
            let snapshot = read_if_exists(disk, &files.snapshot)?;
            let snapshot = snapshot.map(|bytes| formats.read(&files.snapshot, bytes)).transpose()?;
            let is_compacted = |header: &JournalHeader| {
                let record = snapshot.as_ref().map(|snapshot| &snapshot.recorded);
                record.is_some_and(|record| record.lineage == header.lineage && record.serial > header.base_serial)
            };
            let read_journal = |bytes: Vec<u8>| journal::read(&files.journal, &bytes, formats.newest, is_compacted);
            let journal = journal.map_or(Ok(None), read_journal)?;
            match combine(files, snapshot, journal) {
                Ok(found) => return Ok(LoadedState { has_journal, ..found }),
                Err(error) if reads >= MAX_READS => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Whether a snapshot has to be written before a journal can build on it.
    pub fn needs_compaction(&self) -> bool {
        !self.has_snapshot || self.has_entries || self.older_format.is_some()
    }

    /// The bytes of a snapshot of an older format, and which.
    pub fn older_format(&self) -> Option<&(u64, Vec<u8>)> {
        self.older_format.as_ref()
    }

    /// Whether this is what a run was made for.
    pub fn check_unchanged(&self, recorded: &Recorded, files: &StateFiles) -> Result<(), LedgerError> {
        let why = match &self.recorded {
            None if recorded.serial == 0 => return Ok(()),
            Some(found) if found == recorded => return Ok(()),
            None => "it is gone".to_owned(),
            Some(found) if found.lineage != recorded.lineage => {
                format!("its lineage is {}, not {}", found.lineage, recorded.lineage)
            }
            Some(found) if found.serial != recorded.serial => {
                format!("its serial is {}, not {}", found.serial, recorded.serial)
            }
            Some(_) => format!("it and {} say something else", display_path(&files.journal)),
        };
        Err(LedgerError::ChangedSinceRead { file: display_path(&files.snapshot), why })
    }
}

fn combine(
    files: &StateFiles,
    snapshot: Option<Snapshot>,
    journal: Option<Journal>,
) -> Result<LoadedState, LedgerError> {
    let has_snapshot = snapshot.is_some();
    let (mut recorded, older_format) =
        snapshot.map_or((None, None), |snapshot| (Some(snapshot.recorded), snapshot.older_format));
    let mut interrupted_run = None;
    let mut has_entries = false;
    if let Some(Journal { header, entries }) = journal {
        match &mut recorded {
            Some(record) if record.lineage == header.lineage && record.serial == header.base_serial => {
                has_entries = !entries.is_empty();
                apply_entries(files, record, &entries)?;
                interrupted_run = Some(header.holder);
            }
            // It says nothing, or what it says was folded and therefore not read.
            _ if entries.is_empty() => {}
            found => return Err(orphaned_journal(files, found.as_ref(), &header)),
        }
    }
    Ok(LoadedState { recorded, interrupted_run, has_journal: false, has_snapshot, older_format, has_entries })
}

fn apply_entries(
    files: &StateFiles,
    record: &mut Recorded,
    entries: &[crate::state::Entry],
) -> Result<(), LedgerError> {
    entries.iter().try_for_each(|entry| record.apply(entry)).map_err(|error| LedgerError::Damaged {
        file: display_path(&files.journal),
        why: format!("it does not continue {}: {error}", display_path(&files.snapshot)),
    })
}

/// A journal with entries whose snapshot was removed, or replaced by an older or another one. No cut leads here:
/// somebody did that, and what the entries say would be lost if the journal were ignored.
fn orphaned_journal(files: &StateFiles, found: Option<&Recorded>, header: &JournalHeader) -> LedgerError {
    let snapshot = display_path(&files.snapshot);
    let there = match found {
        None => format!("{snapshot} is missing"),
        Some(found) => format!("{snapshot} has serial {} of lineage {}", found.serial, found.lineage),
    };
    LedgerError::Damaged {
        file: display_path(&files.journal),
        why: format!(
            "it holds steps of an interrupted run on serial {} of lineage {}, but {there}; put that snapshot back, or \
             move the journal away to give up what it says",
            header.base_serial, header.lineage
        ),
    }
}
