//! Hooks of a fake disk: one skips a kind of sync, and one does something between two reads.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use crate::state::{
    fake_disk::FakeDisk,
    hooked_disk::{DiskHook, Synced},
};

/// The kind of sync that a faulty ledger would forget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SkippedSync {
    /// The syncs of the journal's bytes.
    Journal,
    /// The syncs of the snapshot's bytes.
    Snapshot,
    /// The syncs of the folder after a rename.
    FolderAfterRename,
    /// The syncs of the folder after a file was created.
    FolderAfterCreate,
}

impl DiskHook<FakeDisk> for SkippedSync {
    fn skips_sync(&self, disk: &FakeDisk, synced: Synced<'_>) -> bool {
        let is_renamed = || disk.operations().last().is_some_and(|(operation, _)| *operation == "rename");
        let kind = match synced {
            Synced::File(path) if has_ending(path, "journal") => SkippedSync::Journal,
            Synced::File(_) => SkippedSync::Snapshot,
            Synced::Folder(_) if is_renamed() => SkippedSync::FolderAfterRename,
            Synced::Folder(_) => SkippedSync::FolderAfterCreate,
        };
        kind == *self
    }
}

/// An action to run once, after a file with this ending was read for the first time.
#[derive(Clone)]
pub struct BetweenReads(Arc<Mutex<Option<DueAction>>>);

/// The ending of the file, and the action.
type DueAction = (&'static str, Box<dyn FnOnce() + Send>);

impl BetweenReads {
    /// Returns a hook that runs `action` after a file with this ending was read.
    pub fn new(ending: &'static str, action: impl FnOnce() + Send + 'static) -> Self {
        BetweenReads(Arc::new(Mutex::new(Some((ending, Box::new(action))))))
    }
}

impl DiskHook<FakeDisk> for BetweenReads {
    fn after_read(&self, path: &Path) {
        let due = self.0.lock().unwrap().take_if(|(ending, _)| has_ending(path, ending));
        if let Some((_, happens)) = due {
            happens();
        }
    }
}

/// Returns whether the file name has this ending.
fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension == ending)
}
