//! The interface between [`LocalLedger`](super::LocalLedger) and the file system: the few operations that it needs.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A file system with the operations that a ledger needs. Nothing is durable before it is synced: [`DiskFile::sync`]
/// makes the bytes of a file durable, [`Disk::sync_folder`] the names in a folder.
pub trait Disk: Send + Sync {
    /// A file that was created here and is being written.
    type File: DiskFile;
    /// A lock, which is released when it is dropped.
    type Lock: Send + Sync;

    /// Returns all bytes of a regular file. A symbolic link is not followed.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Returns the target of the symbolic link at `path`, or `None` if there is no link.
    fn read_link(&self, path: &Path) -> io::Result<Option<PathBuf>>;
    /// Returns whether `path` is a folder.
    fn is_folder(&self, path: &Path) -> bool;
    /// Creates a folder in an existing folder. A folder that already exists is not an error.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Creates a folder and its missing parents durably.
    fn create_folder_all(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.is_folder(path) {
            return Ok(());
        }
        let above = path.parent().unwrap_or(Path::new(""));
        self.create_folder_all(above)?;
        self.make_folder(path)?;
        self.sync_folder(above)
    }
    /// Creates a new, empty file that only its owner may read and write. A file that already exists is an error.
    fn create_new(&self, path: &Path) -> io::Result<Self::File>;
    /// Renames a file and replaces any file that has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes the file at `path`.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Locks the file at `path`, creating it if it is missing, and replaces its content. Returns `None` if the lock
    /// is taken.
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>>;
    /// Returns whether the file at `path` is locked. Changes nothing.
    fn is_locked(&self, path: &Path) -> io::Result<bool>;
}

/// A file that is being written.
pub trait DiskFile: Send + Sync {
    /// Appends `bytes`. After an error, any part of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything that was appended durable. After an error, nothing is known about the bytes that were not
    /// durable before.
    fn sync(&mut self) -> io::Result<()>;
    /// Returns whether `path` still refers to this open file. Writing to a file that was moved or removed, itself or
    /// with its folder, succeeds silently.
    fn is_still_at(&self, path: &Path) -> io::Result<bool>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    type File = File;
    type Lock = File;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open_regular(OpenOptions::new().read(true), path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
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
        // Windows cannot open folders as files, and its NTFS journals names itself.
        if cfg!(windows) {
            return Ok(());
        }
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match File::open(path)?.sync_all() {
            // Some network file systems cannot sync folders. Then there is nothing to wait for.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }

    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<File>> {
        let mut file =
            open_regular(private(OpenOptions::new().read(true).write(true).create(true).truncate(false)), path)?;
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
        let file = match open_regular(OpenOptions::new().read(true), path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // Use a shared lock, so that readers do not take each other for a run.
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
        match fs::symlink_metadata(path) {
            Ok(found) => is_same(&found, &self.metadata()?),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Opens a regular file without following a link at `path`, and without waiting for the other end of a pipe.
fn open_regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let is_link = || fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let link_refused = || refused("it is a symbolic link, which floe does not follow");
    // Where the system has no flag against links, this check has to do.
    if cfg!(not(unix)) && is_link() {
        return link_refused();
    }
    let file = match without_links_or_waiting(options).open(path) {
        Err(_) if is_link() => return link_refused(),
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { refused("it is not a regular file") }
}

/// Makes opening fail at a symbolic link, and return at once for a pipe.
#[cfg(unix)]
fn without_links_or_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed())
}

/// Does nothing, because this system has no such flags.
#[cfg(not(unix))]
fn without_links_or_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Returns whether both describe the same file.
#[cfg(unix)]
fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Windows does not allow moving or removing an open file or its folder.
#[cfg(not(unix))]
fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> io::Result<bool> {
    Ok(true)
}

/// Makes new files readable and writable by their owner only.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

/// Does nothing, because this system has no such file modes.
#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
