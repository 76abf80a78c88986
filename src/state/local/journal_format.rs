//! The bytes of the journal: one record with a checksum per line. The first line says what the journal builds on, and
//! each later line is one group of entries.
//!
//! A group is a single line. So if a crash cuts a group, it is always the last line, regardless of the order in which
//! the pages reached the disk. Each checksum covers the previous one, so that a line missing from the middle is detected.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::files::display_path;
use crate::{
    resource::Fingerprint,
    state::{Entry, LedgerError, LockHolder},
};

/// The first line: what the journal builds on, and which run it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournalHeader {
    /// The format of the journal.
    pub format: u64,
    /// The lineage of the state.
    pub lineage: String,
    /// The serial of the snapshot that the entries apply to.
    #[serde(rename = "base")]
    pub base_serial: u64,
    /// The holder of the lock, which identifies the run.
    #[serde(rename = "run")]
    pub holder: LockHolder,
}

/// The readable part of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    /// The first line of the journal.
    pub header: JournalHeader,
    /// The entries of all complete groups.
    pub entries: Vec<Entry>,
}

/// One line of the journal.
#[derive(Serialize, Deserialize)]
struct JournalLine<'a> {
    /// The checksum of the previous line's checksum and this line's content.
    #[serde(rename = "sum")]
    checksum: String,
    /// The header or a group of entries, as JSON.
    #[serde(borrow)]
    #[serde(rename = "holds")]
    content: &'a RawValue,
}

/// Encodes lines, each with a checksum that continues the previous one.
#[derive(Debug, Default)]
pub(super) struct JournalEncoder {
    /// The checksum of the previous line.
    checksum: String,
}

impl JournalEncoder {
    /// Returns the bytes of the next line, including the newline. The work is proportional to `content` and does not
    /// depend on what was written before.
    pub fn encode_line(&mut self, content: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, serde_json::Error> {
        let raw = serde_json::value::to_raw_value(content)?;
        self.checksum = checksum(&self.checksum, &raw);
        let mut bytes = serde_json::to_vec(&JournalLine { checksum: self.checksum.clone(), content: &raw })?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Reads the complete lines. Returns `None` if not even the first line is complete. Then no request was sent on the
/// basis of this journal.
///
/// A last line without its newline, or with pages that never reached the disk, was being written when the run was
/// cut. It was not acknowledged, so it is left out. Any other unreadable line is damage. There is no migration from
/// an older format to `newest`: entries of old builds are read as they are, so any field added to an entry needs a
/// default. If `is_compacted` says that the snapshot contains everything, only the first line is read.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    newest: u32,
    is_compacted: impl Fn(&JournalHeader) -> bool,
) -> Result<Option<Journal>, LedgerError> {
    let mut journal: Option<Journal> = None;
    let mut previous = String::new();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let last = lines.peek().is_none();
        if last && (line.last() != Some(&b'\n') || line.contains(&0)) {
            break;
        }
        let damaged =
            |why: String| LedgerError::Damaged { file: display_path(path), why: format!("line {}: {why}", index + 1) };
        let JournalLine { checksum: line_checksum, content } =
            serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
        if line_checksum != checksum(&previous, content) {
            return Err(damaged("its checksum does not match".to_owned()));
        }
        previous = line_checksum;
        match &mut journal {
            None => {
                let header = header(path, content, newest, damaged)?;
                let is_done = is_compacted(&header);
                journal = Some(Journal { header, entries: Vec::new() });
                if is_done {
                    break;
                }
            }
            Some(journal) => {
                let group: Vec<Entry> =
                    serde_json::from_str(content.get()).map_err(|error| damaged(error.to_string()))?;
                journal.entries.extend(group);
            }
        }
    }
    Ok(journal)
}

/// Returns the parsed first line, or an error if its format is newer than `newest`.
fn header(
    path: &Path,
    content: &RawValue,
    newest: u32,
    damaged: impl Fn(String) -> LedgerError,
) -> Result<JournalHeader, LedgerError> {
    /// The part of the header that can be read in any format.
    #[derive(Deserialize)]
    struct JournalFormat {
        /// The format of the journal.
        format: u64,
    }
    let JournalFormat { format } = serde_json::from_str(content.get()).map_err(|error| damaged(error.to_string()))?;
    if format > u64::from(newest) {
        return Err(LedgerError::NewerFormat { file: display_path(path), found: format, known: newest });
    }
    serde_json::from_str(content.get()).map_err(|error| damaged(error.to_string()))
}

/// Returns the checksum of a line.
fn checksum(previous: &str, content: &RawValue) -> String {
    Fingerprint::of([previous, content.get()]).to_string()
}
