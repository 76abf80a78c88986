//! The bytes of the snapshot, the formats that can be read, and the migrations from older formats to this build's.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::files::display_path;
use crate::state::{LedgerError, Recorded, STATE_FORMAT};

/// A migration from one format to the next. It changes the JSON in place, or returns why it cannot.
pub(super) type Migration = fn(&mut Value) -> Result<(), String>;

/// The migrations from format 1 on. The first one leads to format 2. This build knows one format, so there are none.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// A snapshot as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The record, in this build's format.
    pub recorded: Recorded,
    /// The format and the bytes of the snapshot if its format is older. They are kept as a backup when the new
    /// snapshot is written.
    pub older_format: Option<(u64, Vec<u8>)>,
}

/// The formats that a build can read, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateFormats {
    /// The newest format, which is also the one that is written.
    pub newest: u32,
    /// The migrations that lead to the newest format.
    pub migrations: &'static [Migration],
}

impl StateFormats {
    /// The formats that this build reads.
    pub const KNOWN: StateFormats = StateFormats { newest: STATE_FORMAT, migrations: MIGRATIONS };

    /// Reads a snapshot of any known format.
    pub fn read(self, path: &Path, bytes: Vec<u8>) -> Result<Snapshot, LedgerError> {
        let damaged = |why: String| LedgerError::Damaged { file: display_path(path), why };
        if bytes.is_empty() {
            return Err(damaged("the file is empty".to_owned()));
        }
        // Nearly always the snapshot has this build's format. Then it is parsed only once.
        if is_object(&bytes)
            && let Ok(text) = std::str::from_utf8(&bytes)
            && let Ok(mut recorded) = serde_json::from_str::<Recorded>(text)
            && recorded.format == self.newest
        {
            recorded.share_equal_sql();
            return Ok(Snapshot { recorded, older_format: None });
        }
        if has_conflict_markers(&bytes) {
            return Err(damaged("it has conflict markers of an unresolved merge".to_owned()));
        }
        let head: Option<SnapshotFormat> =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let format = head.filter(|_| is_object(&bytes)).and_then(|head| head.format.as_u64());
        let format = format.ok_or_else(|| damaged("it has no `format`, so floe did not write it".to_owned()))?;
        if format > u64::from(self.newest) {
            return Err(LedgerError::NewerFormat { file: display_path(path), found: format, known: self.newest });
        }
        // Migrations are counted back from the newest format, so `migrations` may lack those of very old formats.
        let missing_steps = usize::try_from(u64::from(self.newest).saturating_sub(format)).unwrap_or(usize::MAX);
        let first = self.migrations.len().checked_sub(missing_steps);
        let steps = first.and_then(|first| self.migrations.get(first..));
        let steps = steps.ok_or_else(|| damaged(format!("this floe cannot read format {format}")))?;
        // The types reject a misspelled field, here and below. The next compaction would discard its content.
        if steps.is_empty() {
            let recorded = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
            return Ok(Snapshot { recorded, older_format: None });
        }
        let mut json: Value = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        for step in steps {
            step(&mut json).map_err(&damaged)?;
        }
        let mut recorded: Recorded = serde_json::from_value(json).map_err(|error| damaged(error.to_string()))?;
        recorded.format = self.newest;
        Ok(Snapshot { recorded, older_format: Some((format, bytes)) })
    }
}

/// Returns whether git has left conflict markers in the file. JSON has no such lines.
fn has_conflict_markers(bytes: &[u8]) -> bool {
    bytes.starts_with(b"<<<<<<< ") || bytes.windows(9).any(|part| part == b"\n<<<<<<< ")
}

/// Returns whether the text is a JSON object. A list would be read as the fields of a struct, in order.
fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// The part of a snapshot that is read first. In another format, everything else may look different.
#[derive(Deserialize)]
struct SnapshotFormat {
    /// The format, as any JSON value.
    #[serde(default)]
    format: Value,
}

/// Returns the bytes of a snapshot. Keys are sorted and each value is on its own line, so that two snapshots can be
/// compared by eye.
pub(super) fn write(recorded: &Recorded) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_value(recorded)?;
    json.sort_all_objects();
    let mut bytes = serde_json::to_vec_pretty(&json)?;
    bytes.push(b'\n');
    Ok(bytes)
}
