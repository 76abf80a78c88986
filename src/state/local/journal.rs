//! The journal's bytes: one checksummed record a line, first what it builds on, then one group of entries each.
//!
//! A group is one line, so what a cut leaves of a group is always the last line, however its pages reached the disk.
//! Each checksum covers the one before, so that a line lost from the middle is found.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::files::shown;
use crate::{
    resource::Fingerprint,
    state::{Entry, Holder, LedgerError},
};

/// The first line: what the journal builds on, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    pub format: u64,
    pub lineage: String,
    /// The serial of the snapshot that the entries apply to.
    pub base: u64,
    pub run: Holder,
}

/// A journal as it was found: what is whole of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Journal {
    pub base: Base,
    pub entries: Vec<Entry>,
}

/// One line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    /// Of the previous line's sum and this line's content.
    sum: String,
    #[serde(borrow)]
    holds: &'a RawValue,
}

/// Writes lines, each continuing the one before.
#[derive(Debug, Default)]
pub(super) struct Writer {
    sum: String,
}

impl Writer {
    /// The bytes of the next line, newline included. Work is in proportion to `content`, whatever was written before.
    pub fn line(&mut self, content: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, serde_json::Error> {
        let holds = serde_json::value::to_raw_value(content)?;
        self.sum = sum(&self.sum, &holds);
        let mut bytes = serde_json::to_vec(&Line { sum: self.sum.clone(), holds: &holds })?;
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
    is_folded: impl Fn(&Base) -> bool,
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
            |why: String| LedgerError::Damaged { file: shown(path), why: format!("line {}: {why}", index + 1) };
        let Line { sum: found, holds } = serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))?;
        if found != sum(&previous, holds) {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        previous = found;
        match &mut journal {
            None => {
                let base = base(path, holds, newest, damaged)?;
                let is_done = is_folded(&base);
                journal = Some(Journal { base, entries: Vec::new() });
                if is_done {
                    break;
                }
            }
            Some(journal) => {
                let group: Vec<Entry> =
                    serde_json::from_str(holds.get()).map_err(|error| damaged(error.to_string()))?;
                journal.entries.extend(group);
            }
        }
    }
    Ok(journal)
}

fn base(
    path: &Path,
    holds: &RawValue,
    newest: u32,
    damaged: impl Fn(String) -> LedgerError,
) -> Result<Base, LedgerError> {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    let Format { format } = serde_json::from_str(holds.get()).map_err(|error| damaged(error.to_string()))?;
    if format > u64::from(newest) {
        return Err(LedgerError::Newer { file: shown(path), found: format, known: newest });
    }
    serde_json::from_str(holds.get()).map_err(|error| damaged(error.to_string()))
}

fn sum(previous: &str, holds: &RawValue) -> String {
    Fingerprint::of([previous, holds.get()]).to_string()
}
