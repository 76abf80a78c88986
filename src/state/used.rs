//! The saved plans that were used: their ids in a file beside the state, one a line. Each is used once, copies of its file
//! included, and one whose run was cut short is used too.

use std::path::{Path, PathBuf};

use super::{
    Disk, LedgerError,
    local::{read, replace_file, sibling, with},
};

/// The ids of the saved plans of one environment that were used.
#[derive(Debug)]
pub struct Used<'d, D: Disk> {
    disk: &'d D,
    file: PathBuf,
}

impl<'d, D: Disk> Used<'d, D> {
    /// Those of the state at `state`.
    ///
    /// # Errors
    /// When a symbolic link at `state` cannot be followed.
    pub fn beside(disk: &'d D, state: &Path) -> Result<Self, LedgerError> {
        Ok(Used { disk, file: sibling(disk, state, "plans")? })
    }

    pub(super) fn in_file(disk: &'d D, file: PathBuf) -> Self {
        Used { disk, file }
    }

    /// Whether `id` is one of them.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn has(&self, id: &str) -> Result<bool, LedgerError> {
        let marks = read(self.disk, &self.file)?.unwrap_or_default();
        Ok(marks.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == id.as_bytes()))
    }

    /// Adds `id`, durably. The caller holds the lock of the state.
    pub(super) fn add(&self, id: &str) -> Result<(), LedgerError> {
        let mut marks = read(self.disk, &self.file)?.unwrap_or_default();
        // What an older floe left may end in half a mark.
        if marks.last().is_some_and(|byte| *byte != b'\n') {
            marks.push(b'\n');
        }
        marks.extend(format!("{id}\n").as_bytes());
        replace_file(self.disk, &with(&self.file, "next"), &marks, &self.file)
    }
}
