//! The saved plans that were used: their ids in a file beside the state, one a line. Each is used once, copies of its file
//! included, and one whose run was cut short is used too.

use std::path::{Path, PathBuf};

use super::{
    Disk, LedgerError,
    local::{read_if_exists, replace_file, sibling, with_suffix},
};

/// The ids of the saved plans of one environment that were used.
#[derive(Debug)]
pub struct ConsumedPlans<'d, D: Disk> {
    disk: &'d D,
    file: PathBuf,
}

impl<'d, D: Disk> ConsumedPlans<'d, D> {
    /// Those of the state at `state`.
    ///
    /// # Errors
    /// When a symbolic link at `state` cannot be followed.
    pub fn for_state(disk: &'d D, state: &Path) -> Result<Self, LedgerError> {
        Ok(ConsumedPlans { disk, file: sibling(disk, state, "plans")? })
    }

    pub(super) fn in_file(disk: &'d D, file: PathBuf) -> Self {
        ConsumedPlans { disk, file }
    }

    /// Whether `id` is one of them.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn contains(&self, id: &str) -> Result<bool, LedgerError> {
        let ids = read_if_exists(self.disk, &self.file)?.unwrap_or_default();
        Ok(ids.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == id.as_bytes()))
    }

    /// Adds `id`, durably. The caller holds the lock of the state.
    pub(super) fn add(&self, id: &str) -> Result<(), LedgerError> {
        let mut ids = read_if_exists(self.disk, &self.file)?.unwrap_or_default();
        // What an older floe left may end in half a mark.
        if ids.last().is_some_and(|byte| *byte != b'\n') {
            ids.push(b'\n');
        }
        ids.extend(format!("{id}\n").as_bytes());
        replace_file(self.disk, &with_suffix(&self.file, "next"), &ids, &self.file)
    }
}
