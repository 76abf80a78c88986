//! A disk that loses what was not synced, for tests that crash a run at each of its disk operations.
//!
//! It keeps synced and unsynced bytes apart, and does the same for the names in folders. After a crash this disk
//! cannot be used any more. [`FakeDisk::restart`] returns the disk that the next run finds. Any part of what was not
//! synced may have survived on it: any selection of the changes of names, and any prefix of the bytes, with holes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, DiskFile, Entry, Recorded};

/// A disk in memory. Clones are the same disk.
///
/// Operations that change something are counted from 0: `make_folder`, `create`, `append`, `sync`, `rename`,
/// `remove`, `sync_folder` and `lock`.
#[derive(Debug, Clone, Default)]
pub struct FakeDisk {
    /// The content and the counters, shared by all clones.
    state: Arc<Mutex<DiskState>>,
}

/// A fault that an operation can be made to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// The machine stops during the operation. Any part of it may be done, and all later operations fail.
    Crash,
    /// The operation fails once with this error number (28 is no space, 5 an input/output error, 30 a read-only file
    /// system). An append leaves some of its bytes. What a failed sync did not write is lost, even to a later sync.
    Error(i32),
    /// This operation and all later ones fail with this error number.
    PersistentError(i32),
}

/// A requested operation: its name and the name of the file.
pub type DiskOperation = (&'static str, String);

/// Returns the bytes of a journal on `recorded` with any entries, including entries that no run could write.
///
/// # Errors
/// When an entry cannot be written as JSON.
pub fn journal_bytes(recorded: &Recorded, groups: &[Vec<Entry>]) -> Result<Vec<u8>, serde_json::Error> {
    super::local::encode_journal(recorded, groups)
}

/// The state of a disk: its files, names and counters.
#[derive(Debug, Default)]
struct DiskState {
    /// The bytes of each file, by file number.
    files: BTreeMap<u64, FileBytes>,
    /// The file names that processes see, with the file numbers.
    names: BTreeMap<PathBuf, u64>,
    /// The file names that are already on the disk.
    durable_names: BTreeMap<PathBuf, u64>,
    /// The folders that processes see.
    folders: BTreeSet<PathBuf>,
    /// The folders that are already on the disk.
    durable_folders: BTreeSet<PathBuf>,
    /// The changes of names that were not synced yet.
    unsynced: Vec<FolderChange>,
    /// The paths of the files that are locked.
    locked: BTreeSet<PathBuf>,
    /// The operations that were requested so far.
    operations: Vec<DiskOperation>,
    /// The injected fault and the number of its operation.
    fault: Option<(usize, DiskFault)>,
    /// Whether the injected fault has occurred.
    fault_occurred: bool,
    /// Whether the machine has stopped.
    has_crashed: bool,
    /// The source of random decisions about faults.
    random: SeededRandom,
}

/// The bytes of one file.
#[derive(Debug, Clone, Default)]
struct FileBytes {
    /// The bytes that processes see.
    all: Vec<u8>,
    /// The number of leading bytes that are on the disk.
    synced: usize,
    /// Whether a sync failed. Then the bytes that were not on the disk never get there.
    is_lost: bool,
}

/// A change of names in one folder.
#[derive(Debug, Clone)]
enum FolderChange {
    /// A folder with this path was created.
    CreateFolder(PathBuf),
    /// A file with this path and number was created.
    CreateFile(PathBuf, u64),
    /// The file with this number was renamed from the first path to the second.
    Rename(PathBuf, PathBuf, u64),
    /// The file with this path was removed.
    Remove(PathBuf),
}

/// A random number generator that starts with a fixed seed.
#[derive(Debug)]
struct SeededRandom(fastrand::Rng);

impl Default for SeededRandom {
    fn default() -> Self {
        SeededRandom(fastrand::Rng::with_seed(0))
    }
}

impl FakeDisk {
    /// Returns an empty disk.
    pub fn new() -> Self {
        FakeDisk::default()
    }

    /// Injects `fault` into operation number `at`. The `seed` decides how much of the operation is done first.
    pub fn inject_fault(&self, at: usize, fault: DiskFault, seed: u64) {
        let mut state = self.state();
        state.fault = Some((at, fault));
        state.random = SeededRandom(fastrand::Rng::with_seed(seed));
    }

    /// Counts an operation of another interface, such as a request that is sent or its response. Crashes then fall on
    /// disk operations and these in one order. An error is what the operation has to fail with. After a crash every
    /// operation fails.
    pub fn external_operation(&self, name: &'static str, what: &str) -> io::Result<()> {
        match self.state().count_operation(name, Path::new(what))? {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Stops the machine now.
    pub fn crash(&self) {
        self.state().has_crashed = true;
    }

    /// Returns whether the machine has stopped.
    pub fn has_crashed(&self) -> bool {
        self.state().has_crashed
    }

    /// Returns whether the injected fault has occurred. Tests assert this, so that they test what they are meant to.
    pub fn fault_occurred(&self) -> bool {
        self.state().fault_occurred
    }

    /// Returns the operations so far, including the one with the fault.
    pub fn operations(&self) -> Vec<DiskOperation> {
        self.state().operations.clone()
    }

    /// Returns the disk after a restart of the machine. Locks are free, and some of what was not synced is present:
    /// nothing with `seed` 0, everything with 1, and a random selection with any other seed.
    pub fn restart(&self, seed: u64) -> FakeDisk {
        let state = self.state();
        let mut random = fastrand::Rng::with_seed(seed);
        let mut survives = move || match seed {
            0 => false,
            1 => true,
            _ => random.bool(),
        };
        let (mut names, mut folders) = (state.durable_names.clone(), state.durable_folders.clone());
        for change in state.unsynced.iter().filter(|_| survives()) {
            change.apply_to(&mut names, &mut folders);
        }
        // The files in a lost folder are lost with it.
        let is_gone =
            |path: &Path| path.ancestors().any(|above| state.folders.contains(above) && !folders.contains(above));
        names.retain(|path, _| !is_gone(path));
        let folders: BTreeSet<PathBuf> = folders.iter().filter(|path| !is_gone(path)).cloned().collect();
        let mut random = fastrand::Rng::with_seed(seed);
        let mut files = BTreeMap::new();
        for number in names.values() {
            let bytes = state.files.get(number).cloned().unwrap_or_default();
            let all = bytes.after_restart(seed, &mut random);
            files.insert(*number, FileBytes { synced: all.len(), all, is_lost: false });
        }
        let (durable_names, durable_folders) = (names.clone(), folders.clone());
        let after = DiskState { files, names, durable_names, folders, durable_folders, ..DiskState::default() };
        FakeDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// Returns a copy of this disk on which no locks are held and operations are counted from 0. Tests use it to try
    /// what would happen to this disk.
    pub fn fork(&self) -> FakeDisk {
        let state = self.state();
        let fork = DiskState {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            folders: state.folders.clone(),
            durable_folders: state.durable_folders.clone(),
            unsynced: state.unsynced.clone(),
            ..DiskState::default()
        };
        FakeDisk { state: Arc::new(Mutex::new(fork)) }
    }

    /// Returns the files that a process sees, with their bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let bytes = |number| state.files.get(number).map(|bytes| bytes.all.clone()).unwrap_or_default();
        state.names.iter().map(|(path, number)| (path.clone(), bytes(number))).collect()
    }

    /// Writes a file durably, for example a damaged one or one that a user has edited.
    pub fn put(&self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        let (path, all) = (path.into(), bytes.into());
        let mut state = self.state();
        let number = state.next_file_number();
        state.files.insert(number, FileBytes { synced: all.len(), all, is_lost: false });
        state.names.insert(path.clone(), number);
        state.durable_names.insert(path, number);
    }

    /// Returns the shared state, locked.
    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskState {
    /// Returns the number for the next new file.
    fn next_file_number(&self) -> u64 {
        self.files.last_key_value().map_or(0, |(number, _)| number.saturating_add(1))
    }

    /// Counts an operation. Returns `Ok(None)` if it should be done, and `Ok(Some(error))` if it should be done in
    /// part and then fail.
    fn count_operation(&mut self, name: &'static str, path: &Path) -> io::Result<Option<io::Error>> {
        if self.has_crashed {
            return Err(crashed());
        }
        let now = self.operations.len();
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        self.operations.push((name, file));
        let error = match self.fault {
            Some((at, DiskFault::Crash)) if at == now => {
                self.has_crashed = true;
                crashed()
            }
            Some((at, DiskFault::Error(number))) if at == now => io::Error::from_raw_os_error(number),
            Some((at, DiskFault::PersistentError(number))) if at <= now => io::Error::from_raw_os_error(number),
            _ => return Ok(None),
        };
        self.fault_occurred = true;
        Ok(Some(error))
    }

    /// Applies a change of names. In a crash the change may happen or not. With an error it does not happen.
    fn apply_change(&mut self, name: &'static str, path: &Path, change: FolderChange) -> io::Result<()> {
        match self.count_operation(name, path)? {
            Some(error) if !self.has_crashed || self.random.0.bool() => Err(error),
            struck => {
                change.apply_to(&mut self.names, &mut self.folders);
                self.unsynced.push(change);
                struck.map_or(Ok(()), Err)
            }
        }
    }

    /// Returns the number of the file at `path`.
    fn file_number(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl FileBytes {
    /// Returns the bytes that are found after a restart.
    fn after_restart(&self, seed: u64, random: &mut fastrand::Rng) -> Vec<u8> {
        let mut left = self.all.clone();
        let synced = self.synced.min(left.len());
        let unsynced = left.len().saturating_sub(synced);
        let survives = match seed {
            0 => 0,
            1 if !self.is_lost => unsynced,
            _ => random.usize(..=unsynced),
        };
        left.truncate(synced.saturating_add(survives));
        // If the file's length reached the disk before one of its pages, that page reads as zeros.
        if seed > 1 && survives > 0 && (self.is_lost || random.u8(..4) == 0) {
            let from = random.usize(..survives);
            let to = random.usize(from..=survives);
            left.iter_mut().skip(synced).skip(from).take(to.saturating_sub(from)).for_each(|byte| *byte = 0);
        }
        left
    }
}

impl FolderChange {
    /// Applies the change to these names and folders.
    fn apply_to(&self, names: &mut BTreeMap<PathBuf, u64>, folders: &mut BTreeSet<PathBuf>) {
        match self {
            FolderChange::CreateFolder(path) => {
                folders.insert(path.clone());
            }
            FolderChange::CreateFile(path, number) => {
                names.insert(path.clone(), *number);
            }
            FolderChange::Rename(from, to, number) => {
                // If the previous name never reached the disk, the file has only the new one.
                if names.get(from) == Some(number) {
                    names.remove(from);
                }
                names.insert(to.clone(), *number);
            }
            FolderChange::Remove(path) => {
                names.remove(path);
            }
        }
    }

    /// Returns whether the change is one of names in `folder`.
    fn is_in(&self, folder: &Path) -> bool {
        let (FolderChange::CreateFolder(path)
        | FolderChange::CreateFile(path, _)
        | FolderChange::Rename(_, path, _)
        | FolderChange::Remove(path)) = self;
        path.parent() == Some(folder)
    }
}

/// A file that is being written.
#[derive(Debug)]
pub struct FakeFile {
    /// The disk that holds the file.
    disk: FakeDisk,
    /// The path that the file was created with.
    path: PathBuf,
    /// The number of the file on its disk.
    number: u64,
}

impl FakeFile {
    /// Returns the same file on a [fork](FakeDisk::fork) of its disk.
    pub fn on_fork(&self, fork: &FakeDisk) -> FakeFile {
        FakeFile { disk: fork.clone(), path: self.path.clone(), number: self.number }
    }
}

/// A lock on a [`FakeDisk`].
#[derive(Debug)]
pub struct FakeLock {
    /// The disk that holds the lock.
    disk: FakeDisk,
    /// The path of the locked file.
    path: PathBuf,
}

impl Drop for FakeLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.path);
    }
}

impl Disk for FakeDisk {
    type File = FakeFile;
    type Lock = FakeLock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        if state.has_crashed {
            return Err(crashed());
        }
        let number = state.file_number(path)?;
        Ok(state.files.get(&number).map(|bytes| bytes.all.clone()).unwrap_or_default())
    }

    fn read_link(&self, _: &Path) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.state().folders.contains(path)
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.state().apply_change("make_folder", path, FolderChange::CreateFolder(path.to_owned()))
    }

    fn create_new(&self, path: &Path) -> io::Result<FakeFile> {
        let mut state = self.state();
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.next_file_number();
        state.files.insert(number, FileBytes::default());
        state.apply_change("create", path, FolderChange::CreateFile(path.to_owned(), number))?;
        Ok(FakeFile { disk: self.clone(), path: path.to_owned(), number })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let number = state.file_number(from)?;
        state.apply_change("rename", to, FolderChange::Rename(from.to_owned(), to.to_owned(), number))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file_number(path)?;
        state.apply_change("remove", path, FolderChange::Remove(path.to_owned()))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if let Some(error) = state.count_operation("sync_folder", path)? {
            return Err(error);
        }
        let DiskState { unsynced, durable_names, durable_folders, .. } = &mut *state;
        unsynced.retain(|change| {
            if change.is_in(path) {
                change.apply_to(durable_names, durable_folders);
            }
            !change.is_in(path)
        });
        Ok(())
    }

    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<FakeLock>> {
        let mut state = self.state();
        if state.locked.contains(path) {
            return Ok(None);
        }
        if let Some(error) = state.count_operation("lock", path)? {
            return Err(error);
        }
        state.locked.insert(path.to_owned());
        drop(state);
        self.put(path, content);
        Ok(Some(FakeLock { disk: self.clone(), path: path.to_owned() }))
    }

    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().locked.contains(path))
    }
}

impl DiskFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.count_operation("append", &self.path)?;
        let done = if fault.is_some() { state.random.0.usize(..=bytes.len()) } else { bytes.len() };
        if let Some(file) = state.files.get_mut(&self.number) {
            file.all.extend(bytes.iter().take(done));
        }
        fault.map_or(Ok(()), Err)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.count_operation("sync", &self.path)?;
        let has_crashed = state.has_crashed;
        if let Some(file) = state.files.get_mut(&self.number) {
            match &fault {
                // Treat the bytes as not synced. Restarting the machine decides what survives.
                Some(_) => file.is_lost |= !has_crashed,
                None if !file.is_lost => file.synced = file.all.len(),
                None => {}
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// Returns true, because only the test itself removes files from this disk.
    fn is_still_at(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }
}

/// Returns the error of every operation after a crash.
fn crashed() -> io::Error {
    io::Error::other("the machine has stopped")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const FOLDER: &str = "state";

    fn path(name: &str) -> PathBuf {
        Path::new(FOLDER).join(name)
    }

    fn create_file(disk: &FakeDisk, name: &str, bytes: &str) -> FakeFile {
        let mut file = disk.create_new(&path(name)).unwrap();
        file.append(bytes.as_bytes()).unwrap();
        file
    }

    fn read_text(disk: &FakeDisk, name: &str) -> Option<String> {
        disk.read(&path(name)).ok().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn file_names_and_bytes_become_durable_by_separate_syncs() {
        for (file_synced, folder_synced, found) in
            [(false, false, None), (true, false, None), (false, true, Some("")), (true, true, Some("all"))]
        {
            let disk = FakeDisk::new();
            let mut file = create_file(&disk, "a", "all");
            if file_synced {
                file.sync().unwrap();
            }
            if folder_synced {
                disk.sync_folder(Path::new(FOLDER)).unwrap();
            }
            assert_eq!(read_text(&disk, "a").as_deref(), Some("all"));
            assert_eq!(read_text(&disk.restart(0), "a").as_deref(), found);
            assert_eq!(read_text(&disk.restart(1), "a").as_deref(), Some("all"));
        }
    }

    #[test]
    fn an_unsynced_rename_is_all_or_nothing() {
        let disk = FakeDisk::new();
        for (name, bytes) in [("a", "old"), ("b", "new")] {
            create_file(&disk, name, bytes).sync().unwrap();
        }
        disk.sync_folder(Path::new(FOLDER)).unwrap();
        disk.rename(&path("b"), &path("a")).unwrap();
        let found: BTreeSet<_> = (0..20)
            .map(|seed| {
                let after = disk.restart(seed);
                (read_text(&after, "a").unwrap(), read_text(&after, "b"))
            })
            .collect();
        let either = [("new".to_owned(), None), ("old".to_owned(), Some("new".to_owned()))];
        assert_eq!(found, BTreeSet::from(either));
    }

    #[test]
    fn losing_an_unsynced_folder_loses_its_files() {
        let (disk, deep) = (FakeDisk::new(), Path::new("above/deep"));
        disk.make_folder(Path::new("above")).unwrap();
        disk.make_folder(deep).unwrap();
        disk.create_new(&deep.join("a")).unwrap();
        for folder in [deep, Path::new("above")] {
            disk.sync_folder(folder).unwrap();
            assert_eq!((disk.restart(0).files().len(), disk.restart(1).files().len()), (0, 1));
        }
        disk.sync_folder(Path::new("")).unwrap();
        assert_eq!(disk.restart(0).files().len(), 1);
        assert!(disk.restart(0).is_folder(deep));
    }

    #[test]
    fn any_prefix_of_unsynced_bytes_may_survive() {
        let disk = FakeDisk::new();
        let mut file = create_file(&disk, "a", "safe");
        file.sync().unwrap();
        disk.sync_folder(Path::new(FOLDER)).unwrap();
        file.append(b"1234").unwrap();
        let found: BTreeSet<_> = (0..200).map(|seed| read_text(&disk.restart(seed), "a").unwrap()).collect();
        assert!(found.iter().all(|text| text.starts_with("safe")));
        assert!(["safe", "safe12", "safe1234", "safe\0\u{0}34"].iter().all(|text| found.contains(*text)), "{found:?}");
    }

    #[test]
    fn bytes_lost_by_a_failed_sync_are_not_written_by_a_later_one() {
        let disk = FakeDisk::new();
        let mut file = create_file(&disk, "a", "all");
        disk.sync_folder(Path::new(FOLDER)).unwrap();
        disk.inject_fault(disk.operations().len(), DiskFault::Error(5), 0);
        assert!(file.sync().is_err());
        assert!(file.sync().is_ok());
        assert_eq!(read_text(&disk.restart(0), "a").as_deref(), Some(""));
    }

    #[test]
    fn after_a_crash_every_operation_fails_and_restart_frees_locks() {
        let disk = FakeDisk::new();
        let _lock = disk.lock(&path("lock"), b"me").unwrap().unwrap();
        assert!(disk.lock(&path("lock"), b"you").unwrap().is_none());
        disk.external_operation("send", "POST").unwrap();
        assert_eq!(disk.operations(), [("lock", "lock".to_owned()), ("send", "POST".to_owned())]);
        disk.crash();
        assert!(
            disk.has_crashed() && disk.external_operation("send", "POST").is_err() && disk.read(&path("lock")).is_err()
        );
        assert!(disk.restart(0).lock(&path("lock"), b"you").unwrap().is_some());
    }

    #[test]
    fn a_fork_behaves_like_its_disk_and_leaves_it_unchanged() {
        let disk = FakeDisk::new();
        let mut file = create_file(&disk, "a", "one");
        let _lock = disk.lock(&path("lock"), b"me").unwrap().unwrap();
        for seed in [0, 1, 17, 4711] {
            let fork = disk.fork();
            fork.inject_fault(0, DiskFault::Crash, seed);
            assert!(file.on_fork(&fork).append(b"two").is_err() && fork.fault_occurred());
            let crashed_fork = disk.fork();
            crashed_fork.inject_fault(0, DiskFault::Crash, seed);
            drop(file.on_fork(&crashed_fork).append(b"two"));
            assert_eq!(fork.restart(seed).files(), crashed_fork.restart(seed).files());
        }
        assert!(!disk.has_crashed() && disk.is_locked(&path("lock")).unwrap());
        file.append(b"two").unwrap();
        assert_eq!(read_text(&disk, "a").as_deref(), Some("onetwo"));
        assert_eq!(read_text(&disk.fork(), "a").as_deref(), Some("onetwo"));
        // A sync on the fork does not sync the original disk.
        let fork = disk.fork();
        file.on_fork(&fork).sync().unwrap();
        fork.sync_folder(Path::new(FOLDER)).unwrap();
        assert_eq!(read_text(&fork.restart(0), "a").as_deref(), Some("onetwo"));
        assert_eq!(read_text(&disk.restart(0), "a"), None);
    }
}
