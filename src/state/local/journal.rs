//! The journal's bytes: one checksummed record a line, first what it builds on, then one group of entries each.
//!
//! A group is one line, so what a cut leaves of a group is always the last line, however its pages reached the disk.
//! Each checksum covers the one before, so that a line lost from the middle is found.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::files::display_path;
use crate::{
    resource::Fingerprint,
    state::{Entry, LedgerError, LockHolder},
};

/// The first line: what the journal builds on, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct JournalHeader {
    pub format: u64,
    pub lineage: String,
    /// The serial of the snapshot that the entries apply to.
    #[serde(rename = "base")]
    pub base_serial: u64,
    #[serde(rename = "run")]
    pub holder: LockHolder,
}

/// A journal as it was found: what is whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    pub header: JournalHeader,
    pub entries: Vec<Entry>,
}

/// One line.
#[derive(Serialize, Deserialize)]
struct JournalLine<'a> {
    /// Of the previous line's sum and this line's content.
    #[serde(rename = "sum")]
    checksum: String,
    #[serde(borrow)]
    #[serde(rename = "holds")]
    content: &'a RawValue,
}

/// Writes lines, each continuing the one before.
#[derive(Debug, Default)]
pub(super) struct JournalWriter {
    checksum: String,
}

impl JournalWriter {
    /// The bytes of the next line, newline included. Work is in proportion to `content`, whatever was written before.
    pub fn encode_line(&mut self, content: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, serde_json::Error> {
        let raw = serde_json::value::to_raw_value(content)?;
        self.checksum = checksum(&self.checksum, &raw);
        let mut bytes = serde_json::to_vec(&JournalLine { checksum: self.checksum.clone(), content: &raw })?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Reads what is whole. `None` if not even the first line is: then nothing was ever sent on its account.
///
/// A last line without its newline, or with pages that never reached the disk in it, was being written when the run
/// was cut; it was not acknowledged, and it is left out. Anything else that does not read is damage. There is no way from
/// an older format to `newest`: entries of a build long gone read as they are, so whatever is added to one has a default.
/// Where `is_folded` says that the snapshot has it all, nothing but the first line is read.
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
            return Err(damaged("its checksum is wrong".to_owned()));
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

fn header(
    path: &Path,
    content: &RawValue,
    newest: u32,
    damaged: impl Fn(String) -> LedgerError,
) -> Result<JournalHeader, LedgerError> {
    #[derive(Deserialize)]
    struct JournalFormat {
        format: u64,
    }
    let JournalFormat { format } = serde_json::from_str(content.get()).map_err(|error| damaged(error.to_string()))?;
    if format > u64::from(newest) {
        return Err(LedgerError::NewerFormat { file: display_path(path), found: format, known: newest });
    }
    serde_json::from_str(content.get()).map_err(|error| damaged(error.to_string()))
}

fn checksum(previous: &str, content: &RawValue) -> String {
    Fingerprint::of([previous, content.get()]).to_string()
}
