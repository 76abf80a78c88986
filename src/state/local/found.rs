//! What the files say together: the snapshot, with the journal on it if it builds on that snapshot.

use super::{
    files::{Files, read, shown},
    journal::{self, Base, Journal},
    snapshot::{Formats, Snapshot},
};
use crate::state::{Disk, Holder, LedgerError, Recorded};

/// How often two files that do not belong together are read again: a run may fold while they are being read.
const LOOKS: usize = 3;

/// What was found in the files.
#[derive(Debug)]
pub(super) struct Found {
    /// The record, with the serial of the snapshot. `None` if there is none yet.
    pub recorded: Option<Recorded>,
    /// Whose run has begun on this snapshot and not folded.
    pub begun_by: Option<Holder>,
    /// Whether there is a journal at all, of use or not.
    pub has_journal: bool,
    has_snapshot: bool,
    older: Option<(u64, Vec<u8>)>,
    has_entries: bool,
}

impl Found {
    /// Reads the files. The journal goes first: if a run folds in between, its journal is found to build on an older
    /// snapshot, and the newer one holds all that is in it.
    pub fn now(disk: &impl Disk, files: &Files, formats: Formats) -> Result<Found, LedgerError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let journal = read(disk, &files.journal)?;
            let has_journal = journal.is_some();
            let snapshot = read(disk, &files.snapshot)?;
            let snapshot = snapshot.map(|bytes| formats.read(&files.snapshot, bytes)).transpose()?;
            let is_folded = |base: &Base| {
                let record = snapshot.as_ref().map(|snapshot| &snapshot.recorded);
                record.is_some_and(|record| record.lineage == base.lineage && record.serial > base.base)
            };
            let read_journal = |bytes: Vec<u8>| journal::read(&files.journal, &bytes, formats.newest, is_folded);
            let journal = journal.map_or(Ok(None), read_journal)?;
            match combine(files, snapshot, journal) {
                Ok(found) => return Ok(Found { has_journal, ..found }),
                Err(error) if looks >= LOOKS => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Whether a snapshot has to be written before a journal can build on it.
    pub fn needs_folding(&self) -> bool {
        !self.has_snapshot || self.has_entries || self.older.is_some()
    }

    /// The bytes of a snapshot of an older format, and which.
    pub fn older(&self) -> Option<&(u64, Vec<u8>)> {
        self.older.as_ref()
    }

    /// Whether this is what a run was made for.
    pub fn is_still(&self, recorded: &Recorded, files: &Files) -> Result<(), LedgerError> {
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
            Some(_) => format!("it and {} say something else", shown(&files.journal)),
        };
        Err(LedgerError::Changed { file: shown(&files.snapshot), why })
    }
}

fn combine(files: &Files, snapshot: Option<Snapshot>, journal: Option<Journal>) -> Result<Found, LedgerError> {
    let has_snapshot = snapshot.is_some();
    let (mut recorded, older) = snapshot.map_or((None, None), |snapshot| (Some(snapshot.recorded), snapshot.older));
    let mut begun_by = None;
    let mut has_entries = false;
    if let Some(Journal { base, entries }) = journal {
        match &mut recorded {
            Some(record) if record.lineage == base.lineage && record.serial == base.base => {
                has_entries = !entries.is_empty();
                apply(files, record, &entries)?;
                begun_by = Some(base.run);
            }
            // It says nothing, or what it says was folded and therefore not read.
            _ if entries.is_empty() => {}
            found => return Err(homeless(files, found.as_ref(), &base)),
        }
    }
    Ok(Found { recorded, begun_by, has_journal: false, has_snapshot, older, has_entries })
}

fn apply(files: &Files, record: &mut Recorded, entries: &[crate::state::Entry]) -> Result<(), LedgerError> {
    entries.iter().try_for_each(|entry| record.apply(entry)).map_err(|error| LedgerError::Damaged {
        file: shown(&files.journal),
        why: format!("it does not continue {}: {error}", shown(&files.snapshot)),
    })
}

/// A journal with entries whose snapshot was removed, or replaced by an older or another one. No cut leads here:
/// somebody did that, and what the entries say would be lost if the journal were ignored.
fn homeless(files: &Files, found: Option<&Recorded>, base: &Base) -> LedgerError {
    let snapshot = shown(&files.snapshot);
    let there = match found {
        None => format!("{snapshot} is missing"),
        Some(found) => format!("{snapshot} has serial {} of lineage {}", found.serial, found.lineage),
    };
    LedgerError::Damaged {
        file: shown(&files.journal),
        why: format!(
            "it holds steps of an interrupted run on serial {} of lineage {}, but {there}; put that snapshot back, or \
             move the journal away to give up what it says",
            base.base, base.lineage
        ),
    }
}
