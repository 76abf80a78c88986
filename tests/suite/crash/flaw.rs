//! What a floe would be like that lacks one protection: the mutants that the suite has to catch.

use std::{
    io,
    path::{Path, PathBuf},
};

use floe::state::{Disk, DiskFile};

/// The protection that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// None: floe as it is.
    None,
    /// The journal's bytes are not synced.
    JournalNotSynced,
    /// The snapshot's bytes are not synced before the rename.
    SnapshotNotSynced,
    /// The folder is not synced.
    FolderNotSynced,
    /// An intent is written only with what comes after it.
    IntentAfterRequest,
    /// An answer that is lost is taken for a refusal.
    LossIsRefusal,
    /// Intents that an interrupted run left open are dropped unread.
    OpenIgnored,
    /// The numbers that were used are forgotten.
    NumbersForgotten,
    /// The way back resumes a predecessor whatever became of the successor.
    ResumedUnconfirmed,
}

impl Flaw {
    /// The words of what has to come of it, any of them.
    pub fn leads_to(self) -> &'static [&'static str] {
        match self {
            Flaw::None => &[],
            Flaw::JournalNotSynced | Flaw::FolderNotSynced => &["what was acknowledged is lost"],
            Flaw::SnapshotNotSynced => &["what was acknowledged is lost", "the state cannot be read"],
            // Statements that run and that no record knows.
            Flaw::IntentAfterRequest => &["SeveralLive", "orphans", "created more than once"],
            Flaw::LossIsRefusal => &["PoolExists", "SeveralLive", "orphans", "created more than once"],
            Flaw::OpenIgnored => &["still open", "created more than once"],
            Flaw::NumbersForgotten => &["contradicts the record", "was used before", "created more than once"],
            Flaw::ResumedUnconfirmed => {
                &["a resume on the way back follows a confirmed deletion", "ran more than once"]
            }
        }
    }
}

pub const FLAWS: [Flaw; 8] = [
    Flaw::JournalNotSynced,
    Flaw::SnapshotNotSynced,
    Flaw::FolderNotSynced,
    Flaw::IntentAfterRequest,
    Flaw::LossIsRefusal,
    Flaw::OpenIgnored,
    Flaw::NumbersForgotten,
    Flaw::ResumedUnconfirmed,
];

/// A disk on which a floe with that flaw would leave out a sync.
#[derive(Clone)]
pub struct FlawedDisk<D> {
    pub disk: D,
    pub flaw: Flaw,
}

pub struct FlawedFile<F> {
    file: F,
    unsynced: bool,
}

impl<D: Disk> Disk for FlawedDisk<D> {
    type File = FlawedFile<D::File>;
    type Lock = D::Lock;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.disk.read(path)
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
    fn create_new(&self, path: &Path) -> io::Result<Self::File> {
        let is_journal = path.extension().is_some_and(|extension| extension == "journal");
        let unsynced = self.flaw == if is_journal { Flaw::JournalNotSynced } else { Flaw::SnapshotNotSynced };
        Ok(FlawedFile { file: self.disk.create_new(path)?, unsynced })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if self.flaw == Flaw::FolderNotSynced { Ok(()) } else { self.disk.sync_folder(path) }
    }
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>> {
        self.disk.lock(path, content)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl<F: DiskFile> DiskFile for FlawedFile<F> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        if self.unsynced { Ok(()) } else { self.file.sync() }
    }
    fn is_still_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_still_at(path)
    }
}
