//! What the files contain together: the snapshot, with the journal applied if it builds on that snapshot.

use super::{
    files::{StateFiles, display_path, read_if_exists},
    journal_format::{self, Journal, JournalHeader},
    snapshot::{Snapshot, StateFormats},
};
use crate::state::{Disk, LedgerError, LockHolder, Recorded};

/// The maximum number of reads of two files that do not match. A run may compact its journal while they are being
/// read.
const MAX_READS: usize = 3;

/// The content of the files.
#[derive(Debug)]
pub(super) struct LoadedState {
    /// The record with the serial of the snapshot. It is `None` if there is no record yet.
    pub recorded: Option<Recorded>,
    /// The holder of the run that has begun on this snapshot and not compacted its journal.
    pub interrupted_run: Option<LockHolder>,
    /// Whether a journal exists, even if it is out of date.
    pub has_journal: bool,
    /// Whether there is a snapshot.
    has_snapshot: bool,
    /// The format and the bytes of a snapshot in an older format.
    older_format: Option<(u64, Vec<u8>)>,
    /// Whether the journal has entries that the snapshot lacks.
    has_entries: bool,
}

impl LoadedState {
    /// Reads the files, the journal first. If a run compacts between the two reads, its journal builds on an older
    /// snapshot, and the newer snapshot contains everything in it.
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
            let read_journal =
                |bytes: Vec<u8>| journal_format::read(&files.journal, &bytes, formats.newest, is_compacted);
            let journal = journal.map_or(Ok(None), read_journal)?;
            match combine(files, snapshot, journal) {
                Ok(found) => return Ok(LoadedState { has_journal, ..found }),
                Err(error) if reads >= MAX_READS => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Returns whether a snapshot must be written before a journal can build on it.
    pub fn needs_compaction(&self) -> bool {
        !self.has_snapshot || self.has_entries || self.older_format.is_some()
    }

    /// Returns the format and the bytes of the snapshot if its format is older.
    pub fn older_format(&self) -> Option<&(u64, Vec<u8>)> {
        self.older_format.as_ref()
    }

    /// Checks that the files still contain the record that the run was prepared for.
    pub fn check_unchanged(&self, recorded: &Recorded, files: &StateFiles) -> Result<(), LedgerError> {
        let why = match &self.recorded {
            None if recorded.serial == 0 => return Ok(()),
            Some(found) if found == recorded => return Ok(()),
            None => "it no longer exists".to_owned(),
            Some(found) if found.lineage != recorded.lineage => {
                format!("its lineage is {}, not {}", found.lineage, recorded.lineage)
            }
            Some(found) if found.serial != recorded.serial => {
                format!("its serial is {}, not {}", found.serial, recorded.serial)
            }
            Some(_) => format!("its content or that of {} has changed", display_path(&files.journal)),
        };
        Err(LedgerError::ChangedSinceRead { file: display_path(&files.snapshot), why })
    }
}

/// Combines the snapshot with the journal, if they belong together.
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
            // The journal has no entries, or they were compacted and therefore not read.
            _ if entries.is_empty() => {}
            found => return Err(orphaned_journal(files, found.as_ref(), &header)),
        }
    }
    Ok(LoadedState { recorded, interrupted_run, has_journal: false, has_snapshot, older_format, has_entries })
}

/// Applies the journal's entries to the record of the snapshot.
fn apply_entries(
    files: &StateFiles,
    record: &mut Recorded,
    entries: &[crate::state::Entry],
) -> Result<(), LedgerError> {
    entries.iter().try_for_each(|entry| record.apply(entry)).map_err(|error| LedgerError::Damaged {
        file: display_path(&files.journal),
        why: format!("its entries do not apply to {}: {error}", display_path(&files.snapshot)),
    })
}

/// Returns the error for a journal with entries whose snapshot was removed, or replaced by an older or another one.
/// No crash has this effect. It was done from outside, and ignoring the journal would lose its entries.
fn orphaned_journal(files: &StateFiles, found: Option<&Recorded>, header: &JournalHeader) -> LedgerError {
    let snapshot = display_path(&files.snapshot);
    let there = match found {
        None => format!("{snapshot} is missing"),
        Some(found) => format!("{snapshot} has serial {} of lineage {}", found.serial, found.lineage),
    };
    LedgerError::Damaged {
        file: display_path(&files.journal),
        why: format!(
            "it holds steps of an interrupted run on serial {} of lineage {}, but {there}. Restore that snapshot, or \
             move the journal away to discard these steps",
            header.base_serial, header.lineage
        ),
    }
}
