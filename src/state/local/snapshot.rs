//! The snapshot's bytes: formats, and the way from an older one to this build's.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::files::display_path;
use crate::state::{LedgerError, Recorded, STATE_FORMAT};

/// One step from a format to the next: changes the JSON in place, or says why it cannot.
pub(super) type Migration = fn(&mut Value) -> Result<(), String>;

/// The steps from format 1 on: the first leads to 2. This build knows one format, so there is none.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// A snapshot as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// What it says, in this build's format.
    pub recorded: Recorded,
    /// Its bytes and their format, if that is an older one: kept beside when the new one is written.
    pub older_format: Option<(u64, Vec<u8>)>,
}

/// The formats that a build reads, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateFormats {
    pub newest: u32,
    pub migrations: &'static [Migration],
}

impl StateFormats {
    /// What this build reads.
    pub const KNOWN: StateFormats = StateFormats { newest: STATE_FORMAT, migrations: MIGRATIONS };

    /// Reads a snapshot of any known format.
    pub fn read(self, path: &Path, bytes: Vec<u8>) -> Result<Snapshot, LedgerError> {
        let damaged = |why: String| LedgerError::Damaged { file: display_path(path), why };
        if bytes.is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        // Nearly always it is in this build's format, and need not be read twice.
        if is_object(&bytes)
            && let Ok(text) = std::str::from_utf8(&bytes)
            && let Ok(mut recorded) = serde_json::from_str::<Recorded>(text)
            && recorded.format == self.newest
        {
            recorded.share_equal_sql();
            return Ok(Snapshot { recorded, older_format: None });
        }
        let head: Option<SnapshotFormat> =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let format = head.filter(|_| is_object(&bytes)).and_then(|head| head.format.as_u64());
        let format = format.ok_or_else(|| damaged("it has no `format`, so it is no state of floe's".to_owned()))?;
        if format > u64::from(self.newest) {
            return Err(LedgerError::NewerFormat { file: display_path(path), found: format, known: self.newest });
        }
        // Steps are counted from the newest format back, so that `migrations` may lack those of formats long gone.
        let missing_steps = usize::try_from(u64::from(self.newest).saturating_sub(format)).unwrap_or(usize::MAX);
        let first = self.migrations.len().checked_sub(missing_steps);
        let steps = first.and_then(|first| self.migrations.get(first..));
        let steps = steps.ok_or_else(|| damaged(format!("format {format} is none that this floe can read")))?;
        // A misspelt field, whose content the next fold would throw away, is refused by the types, here and there.
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

/// A list would be read as a struct's fields in their order.
fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// What is read before the rest can be: of another format everything else may look otherwise.
#[derive(Deserialize)]
struct SnapshotFormat {
    #[serde(default)]
    format: Value,
}

/// The bytes of a snapshot: sorted keys and one thing a line, so that two of them can be compared by eye.
pub(super) fn write(recorded: &Recorded) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_value(recorded)?;
    json.sort_all_objects();
    let mut bytes = serde_json::to_vec_pretty(&json)?;
    bytes.push(b'\n');
    Ok(bytes)
}
