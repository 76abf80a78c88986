//! A disk that forgets what was not synced: for tests that cut a run at every step it takes on the disk.
//!
//! Synced and unsynced bytes are kept apart, and so are the names in folders. After a cut nothing more can be done with
//! this disk; [`FakeDisk::restart`] gives the one that the next run finds, on which of what was not synced any part may
//! have survived: any selection of the changes of names, and any beginning of the bytes, with holes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, DiskFile, Entry, Recorded};

/// A disk in memory. Clones are the same disk.
///
/// Operations that change something are counted from 0: `make_folder`, `create`, `append`, `sync`, `rename`, `remove`,
/// `sync_folder` and `lock`.
#[derive(Debug, Clone, Default)]
pub struct FakeDisk {
    state: Arc<Mutex<DiskState>>,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// The machine stops during it: any part of it may be done, and all that follows fails.
    Crash,
    /// It fails with this error number (28 is no space, 5 an input/output error, 30 a read-only file system), once. An
    /// append leaves a part of its bytes; what a failed sync did not write is lost, even to a later sync.
    Error(i32),
    /// It and every later one fails so.
    PersistentError(i32),
}

/// An operation that was asked for: its name and the file's name.
pub type DiskOperation = (&'static str, String);

/// The bytes of a journal on `recorded` with any entries, also with such as no run may write.
///
/// # Errors
/// When an entry cannot be written as JSON.
pub fn journal_bytes(recorded: &Recorded, groups: &[Vec<Entry>]) -> Result<Vec<u8>, serde_json::Error> {
    super::local::encode_journal(recorded, groups)
}

#[derive(Debug, Default)]
struct DiskState {
    files: BTreeMap<u64, FileBytes>,
    /// Names as a process sees them, and as they are on the disk.
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Folders likewise.
    folders: BTreeSet<PathBuf>,
    durable_folders: BTreeSet<PathBuf>,
    unsynced: Vec<FolderChange>,
    locked: BTreeSet<PathBuf>,
    operations: Vec<DiskOperation>,
    fault: Option<(usize, DiskFault)>,
    fault_occurred: bool,
    has_crashed: bool,
    random: SeededRandom,
}

#[derive(Debug, Clone, Default)]
struct FileBytes {
    all: Vec<u8>,
    /// So many of them are on the disk.
    synced: usize,
    /// A sync failed: what was not on the disk then never gets there.
    is_lost: bool,
}

/// A change of names in one folder.
#[derive(Debug, Clone)]
enum FolderChange {
    CreateFolder(PathBuf),
    CreateFile(PathBuf, u64),
    Rename(PathBuf, PathBuf, u64),
    Remove(PathBuf),
}

#[derive(Debug)]
struct SeededRandom(fastrand::Rng);

impl Default for SeededRandom {
    fn default() -> Self {
        SeededRandom(fastrand::Rng::with_seed(0))
    }
}

impl FakeDisk {
    /// An empty disk.
    pub fn new() -> Self {
        FakeDisk::default()
    }

    /// Lets `fault` strike operation `at`. How much of it is done before, `seed` decides.
    pub fn inject_fault(&self, at: usize, fault: DiskFault, seed: u64) {
        let mut state = self.state();
        state.fault = Some((at, fault));
        state.random = SeededRandom(fastrand::Rng::with_seed(seed));
    }

    /// Counts an operation of another seam, a request sent or its answer received, among those of this disk: cuts then
    /// fall on both in one order. An error is what the operation has to fail with; after a cut every one does.
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

    /// Whether the machine has stopped.
    pub fn has_crashed(&self) -> bool {
        self.state().has_crashed
    }

    /// Whether the fault has struck: a test asserts that it did, so that it tests what it is meant to.
    pub fn fault_occurred(&self) -> bool {
        self.state().fault_occurred
    }

    /// The operations so far, the one that was struck included.
    pub fn operations(&self) -> Vec<DiskOperation> {
        self.state().operations.clone()
    }

    /// The disk that is found after the machine stopped: locks are free, and of what was not synced some is there.
    /// With `seed` 0 nothing of it is, with 1 all; any other seed selects by chance.
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
        // With a folder goes what was in it.
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

    /// Another disk that is as this one is now, on which nobody holds a lock yet and operations are counted from 0: what
    /// would become of this one can be tried on it.
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

    /// The files that a process sees, with their bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let bytes = |number| state.files.get(number).map(|bytes| bytes.all.clone()).unwrap_or_default();
        state.names.iter().map(|(path, number)| (path.clone(), bytes(number))).collect()
    }

    /// Puts a file there, durably: damage, or what somebody did by hand.
    pub fn put(&self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) {
        let (path, all) = (path.into(), bytes.into());
        let mut state = self.state();
        let number = state.next_file_number();
        state.files.insert(number, FileBytes { synced: all.len(), all, is_lost: false });
        state.names.insert(path.clone(), number);
        state.durable_names.insert(path, number);
    }

    fn state(&self) -> MutexGuard<'_, DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskState {
    fn next_file_number(&self) -> u64 {
        self.files.last_key_value().map_or(0, |(number, _)| number.saturating_add(1))
    }

    /// Counts an operation. `Ok(None)`: it is to be done; `Ok(Some(error))`: in part, and then to fail so.
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

    /// A change of names: struck by a cut it may be done or not, struck by an error it is not.
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

    fn file_number(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl FileBytes {
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
        // A page that did not reach the disk before the file's length did reads as zeros.
        if seed > 1 && survives > 0 && (self.is_lost || random.u8(..4) == 0) {
            let from = random.usize(..survives);
            let to = random.usize(from..=survives);
            left.iter_mut().skip(synced).skip(from).take(to.saturating_sub(from)).for_each(|byte| *byte = 0);
        }
        left
    }
}

impl FolderChange {
    fn apply_to(&self, names: &mut BTreeMap<PathBuf, u64>, folders: &mut BTreeSet<PathBuf>) {
        match self {
            FolderChange::CreateFolder(path) => {
                folders.insert(path.clone());
            }
            FolderChange::CreateFile(path, number) => {
                names.insert(path.clone(), *number);
            }
            FolderChange::Rename(from, to, number) => {
                // If the name it had never got to the disk, the new one is all there is.
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
    disk: FakeDisk,
    path: PathBuf,
    number: u64,
}

impl FakeFile {
    /// The same file on a [fork](FakeDisk::fork) of its disk.
    pub fn on_fork(&self, fork: &FakeDisk) -> FakeFile {
        FakeFile { disk: fork.clone(), path: self.path.clone(), number: self.number }
    }
}

/// A lock on a [`FakeDisk`].
#[derive(Debug)]
pub struct FakeLock {
    disk: FakeDisk,
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
                // As if nothing of it had been synced; what survives is decided when the machine starts again.
                Some(_) => file.is_lost |= !has_crashed,
                None if !file.is_lost => file.synced = file.all.len(),
                None => {}
            }
        }
        fault.map_or(Ok(()), Err)
    }

    /// Nobody takes anything from this disk but the test itself.
    fn is_still_at(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }
}

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
        // What is synced on the fork is not synced here.
        let fork = disk.fork();
        file.on_fork(&fork).sync().unwrap();
        fork.sync_folder(Path::new(FOLDER)).unwrap();
        assert_eq!(read_text(&fork.restart(0), "a").as_deref(), Some("onetwo"));
        assert_eq!(read_text(&disk.restart(0), "a"), None);
    }
}
