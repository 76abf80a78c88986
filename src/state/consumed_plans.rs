//! The ids of the saved plans that were used, one per line in a file next to the state. Each plan can be used once.
//! That includes copies of its file, and plans whose run was interrupted.

use std::path::{Path, PathBuf};

use super::{
    Disk, LedgerError,
    local::{read_if_exists, replace_file, sibling, with_suffix},
};

/// The used saved plans of one environment.
#[derive(Debug)]
pub struct ConsumedPlans<'d, D: Disk> {
    /// The disk that holds the file.
    disk: &'d D,
    /// The path of the file with the ids.
    file: PathBuf,
}

impl<'d, D: Disk> ConsumedPlans<'d, D> {
    /// Returns the used plans of the state at `state`.
    pub fn for_state(disk: &'d D, state: &Path) -> Self {
        ConsumedPlans { disk, file: sibling(state, "plans") }
    }

    /// Returns the used plans that are listed in `file`.
    pub(super) fn in_file(disk: &'d D, file: PathBuf) -> Self {
        ConsumedPlans { disk, file }
    }

    /// Returns whether the plan `id` was used.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn contains(&self, id: &str) -> Result<bool, LedgerError> {
        let ids = read_if_exists(self.disk, &self.file)?.unwrap_or_default();
        Ok(ids.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == id.as_bytes()))
    }

    /// Adds `id` durably. The caller holds the lock of the state.
    pub(super) fn add(&self, id: &str) -> Result<(), LedgerError> {
        let mut ids = read_if_exists(self.disk, &self.file)?.unwrap_or_default();
        // The file of an older floe may end in a partial line.
        if ids.last().is_some_and(|byte| *byte != b'\n') {
            ids.push(b'\n');
        }
        ids.extend(format!("{id}\n").as_bytes());
        replace_file(self.disk, &with_suffix(&self.file, "next"), &ids, &self.file)
    }
}
