//! A fake disk that skips one kind of sync, or on which something happens between two reads.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::*;
use crate::state::fake_disk::{FakeDisk, FakeFile, FakeLock};

/// A fake disk with a changed behavior.
pub struct WrappedDisk {
    /// The disk that does the work.
    pub disk: FakeDisk,
    /// The sync that a faulty ledger would forget.
    pub skipped_sync: Option<SkippedSync>,
    /// What happens after a file with this ending was read for the first time.
    pub between_reads: Mutex<Option<(&'static str, BetweenReads)>>,
}

/// An action to run once between two reads.
pub type BetweenReads = Box<dyn FnOnce() + Send>;

/// The kind of sync to skip.
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

/// A file on a [`WrappedDisk`].
pub struct WrappedFile {
    /// The file that does the work.
    file: FakeFile,
    /// Whether syncs of this file are skipped.
    skips_sync: bool,
}

impl WrappedDisk {
    /// Wraps a disk without changing its behavior.
    pub fn new(disk: FakeDisk) -> Self {
        WrappedDisk { disk, skipped_sync: None, between_reads: Mutex::new(None) }
    }
}

/// Returns whether the file name has this ending.
fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension == ending)
}

impl Disk for WrappedDisk {
    type File = WrappedFile;
    type Lock = FakeLock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.disk.read(path);
        let due = self.between_reads.lock().unwrap().take_if(|(ending, _)| has_ending(path, ending));
        if let Some((_, happens)) = due {
            happens();
        }
        found
    }

    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.disk.read_link(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.disk.is_folder(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.make_folder(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<WrappedFile> {
        let kind = if has_ending(path, "journal") { SkippedSync::Journal } else { SkippedSync::Snapshot };
        Ok(WrappedFile { file: self.disk.create_new(path)?, skips_sync: self.skipped_sync == Some(kind) })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let is_renamed = self.disk.operations().last().is_some_and(|(operation, _)| *operation == "rename");
        let kind = if is_renamed { SkippedSync::FolderAfterRename } else { SkippedSync::FolderAfterCreate };
        if self.skipped_sync == Some(kind) { Ok(()) } else { self.disk.sync_folder(path) }
    }

    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<FakeLock>> {
        self.disk.lock(path, content)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl DiskFile for WrappedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.skips_sync { Ok(()) } else { self.file.sync() }
    }

    fn is_still_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_still_at(path)
    }
}
