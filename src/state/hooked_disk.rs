//! A disk that tells a hook about the operations of another disk, for tests and measurements that observe them or leave
//! out a sync.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Disk, DiskFile};

/// A disk whose operations go through a hook.
#[derive(Debug, Clone)]
pub struct HookedDisk<D, H> {
    /// The disk that does the work.
    disk: D,
    /// The hook that is told about the operations.
    hook: H,
}

/// A file on a [`HookedDisk`].
#[derive(Debug)]
pub struct HookedFile<D: Disk, H> {
    /// The file that does the work.
    file: D::File,
    /// The path at which the file was created.
    path: PathBuf,
    /// The disk that holds the file.
    disk: HookedDisk<D, H>,
}

/// Reacts to the operations of a disk. Every method has a default that does nothing.
pub trait DiskHook<D: Disk>: Clone + Send + Sync {
    /// Is called before `change` is made on `disk`.
    fn before_change(&self, disk: &D, change: &DiskChange<'_, D::File>) {
        let (_, _) = (disk, change);
    }

    /// Returns whether to leave out the sync of `synced`, and report success.
    fn skips_sync(&self, disk: &D, synced: Synced<'_>) -> bool {
        let (_, _) = (disk, synced);
        false
    }

    /// Is called after the file at `path` was read, or could not be read.
    fn after_read(&self, path: &Path) {
        let _ = path;
    }
}

/// An operation that changes something on a disk.
#[derive(Debug)]
pub enum DiskChange<'a, F> {
    /// Creates the folder at this path.
    MakeFolder(&'a Path),
    /// Creates the file at this path.
    CreateNew(&'a Path),
    /// Renames a file from the first path to the second.
    Rename(&'a Path, &'a Path),
    /// Removes the file at this path.
    Remove(&'a Path),
    /// Makes the names in this folder durable.
    SyncFolder(&'a Path),
    /// Locks the file at this path and replaces its content.
    Lock(&'a Path, &'a [u8]),
    /// Appends these bytes to this file.
    Append(&'a F, &'a [u8]),
    /// Makes the bytes of this file durable.
    Sync(&'a F),
}

/// What a sync makes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced<'a> {
    /// The bytes of the file that was created at this path.
    File(&'a Path),
    /// The names in the folder at this path.
    Folder(&'a Path),
}

impl<D, H> HookedDisk<D, H> {
    /// Returns `disk` with its operations going through `hook`.
    pub fn new(disk: D, hook: H) -> Self {
        HookedDisk { disk, hook }
    }
}

impl<D: Disk + Clone, H: DiskHook<D>> Disk for HookedDisk<D, H> {
    type File = HookedFile<D, H>;
    type Lock = D::Lock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.disk.read(path);
        self.hook.after_read(path);
        found
    }

    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        self.disk.read_link(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.disk.is_folder(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.hook.before_change(&self.disk, &DiskChange::MakeFolder(path));
        self.disk.make_folder(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Self::File> {
        self.hook.before_change(&self.disk, &DiskChange::CreateNew(path));
        Ok(HookedFile { file: self.disk.create_new(path)?, path: path.to_owned(), disk: self.clone() })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.hook.before_change(&self.disk, &DiskChange::Rename(from, to));
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.hook.before_change(&self.disk, &DiskChange::Remove(path));
        self.disk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if self.hook.skips_sync(&self.disk, Synced::Folder(path)) {
            return Ok(());
        }
        self.hook.before_change(&self.disk, &DiskChange::SyncFolder(path));
        self.disk.sync_folder(path)
    }

    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>> {
        self.hook.before_change(&self.disk, &DiskChange::Lock(path, content));
        self.disk.lock(path, content)
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl<D: Disk + Clone, H: DiskHook<D>> DiskFile for HookedFile<D, H> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.hook.before_change(&self.disk.disk, &DiskChange::Append(&self.file, bytes));
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.disk.hook.skips_sync(&self.disk.disk, Synced::File(&self.path)) {
            return Ok(());
        }
        self.disk.hook.before_change(&self.disk.disk, &DiskChange::Sync(&self.file));
        self.file.sync()
    }

    fn is_still_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_still_at(path)
    }
}
