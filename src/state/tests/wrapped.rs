//! A fake disk that leaves out one kind of sync, or on which something happens between two reads.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::*;
use crate::state::fake::{FakeDisk, FakeFile, FakeLock};

pub struct Wrapped {
    pub disk: FakeDisk,
    /// What a ledger that forgets this sync would be like.
    pub forgets: Option<Forgets>,
    /// What happens after a file with this ending was read for the first time.
    pub meanwhile: Mutex<Option<(&'static str, Meanwhile)>>,
}

pub type Meanwhile = Box<dyn FnOnce() + Send>;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Forgets {
    Journal,
    Snapshot,
    FolderAfterRename,
    FolderAfterCreate,
}

pub struct WrappedFile {
    file: FakeFile,
    forgets: bool,
}

impl Wrapped {
    pub fn around(disk: FakeDisk) -> Self {
        Wrapped { disk, forgets: None, meanwhile: Mutex::new(None) }
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|extension| extension == ending)
}

impl Disk for Wrapped {
    type File = WrappedFile;
    type Lock = FakeLock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.disk.read(path);
        let due = self.meanwhile.lock().unwrap().take_if(|(ending, _)| has_ending(path, ending));
        if let Some((_, happens)) = due {
            happens();
        }
        found
    }

    fn link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.disk.link(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.disk.is_folder(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.make_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<WrappedFile> {
        let kind = if has_ending(path, "journal") { Forgets::Journal } else { Forgets::Snapshot };
        Ok(WrappedFile { file: self.disk.create(path)?, forgets: self.forgets == Some(kind) })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let is_renamed = self.disk.operations().last().is_some_and(|(operation, _)| *operation == "rename");
        let kind = if is_renamed { Forgets::FolderAfterRename } else { Forgets::FolderAfterCreate };
        if self.forgets == Some(kind) { Ok(()) } else { self.disk.sync_folder(path) }
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
        if self.forgets { Ok(()) } else { self.file.sync() }
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}
