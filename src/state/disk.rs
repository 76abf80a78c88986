//! The seam below [`Local`](super::Local): the few things that it asks of a file system.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A file system as far as a ledger needs one. Nothing is durable before it is synced: a file's bytes by
/// [`DiskFile::sync`], the names in a folder by [`Disk::sync_folder`].
pub trait Disk: Send + Sync {
    /// A file that was made here and is being written.
    type File: DiskFile;
    /// A lock; dropping it lets go.
    type Lock: Send + Sync;

    /// All bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Where the symbolic link at `path` points to; `None` if there is no link.
    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>>;
    /// Whether a folder is there.
    fn is_folder(&self, path: &Path) -> bool;
    /// Makes a folder in one that is there. One that exists already is no error.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder and those above it, durably, where they are missing.
    fn create_folder_all(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.is_folder(path) {
            return Ok(());
        }
        let above = path.parent().unwrap_or(Path::new(""));
        self.create_folder_all(above)?;
        self.make_folder(path)?;
        self.sync_folder(above)
    }
    /// Makes a new, empty file that its owner alone may read and write. One that exists is an error.
    fn create_new(&self, path: &Path) -> io::Result<Self::File>;
    /// Gives a file another name, replacing what bore it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Locks the file at `path`, making it where it is missing, and replaces its content. `None` if somebody else has it.
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>>;
    /// Whether somebody has locked the file at `path`. Changes nothing.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// A file that is being written.
pub trait DiskFile: Send + Sync {
    /// Adds `bytes` at the end. After an error any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was appended durable. After an error nothing is known of what was not durable before.
    fn sync(&mut self) -> io::Result<()>;
    /// Whether this is the file at `path` still: whoever moves or removes it, or its folder, is told by nobody, and
    /// writing to it goes on as if it were there.
    fn is_still_at(&self, path: &Path) -> io::Result<bool>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    type File = File;
    type Lock = File;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::read_link(path).map(Some),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made,
        }
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        private(OpenOptions::new().append(true).create_new(true)).open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Windows opens no folders as files, and its NTFS journals names by itself.
        if cfg!(windows) {
            return Ok(());
        }
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match File::open(path)?.sync_all() {
            // Some network file systems know no sync of folders: there is nothing that could be waited for.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }

    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<File>> {
        let mut file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(content)?;
        Ok(Some(file))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // Shared, so that readers do not take each other for a run.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn is_still_at(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(found) => is_same(&found, &self.metadata()?),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Windows lets nobody move or remove a file that is open, nor its folder.
#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
