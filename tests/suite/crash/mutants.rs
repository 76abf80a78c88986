//! The mutants: versions of floe that each lack one protection, which the suite must catch.

use std::{
    io,
    path::{Path, PathBuf},
};

use floe::state::{Disk, DiskFile};

/// The protection that a version of floe lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// No protection is missing: floe as it is.
    Unmodified,
    /// The journal's bytes are not synced.
    JournalNotSynced,
    /// The snapshot's bytes are not synced before the rename.
    SnapshotNotSynced,
    /// The folder is not synced.
    FolderNotSynced,
    /// An intent is written only with the entries that follow it.
    IntentAfterRequest,
    /// A lost response is treated as a rejection.
    LostResponseIsRejection,
    /// The open intents of an interrupted run are dropped unread.
    OpenIntentsIgnored,
    /// The generation numbers that were used are forgotten.
    GenerationNumbersForgotten,
    /// A rollback resumes the predecessor without knowing what became of the successor.
    PredecessorResumedUnconfirmed,
}

impl Mutant {
    /// Returns texts of the failures that the mutant may lead to. One of them must occur.
    pub fn expected_failures(self) -> &'static [&'static str] {
        match self {
            Mutant::Unmodified => &[],
            Mutant::JournalNotSynced | Mutant::FolderNotSynced => &["what was acknowledged is lost"],
            Mutant::SnapshotNotSynced => &["what was acknowledged is lost", "the state cannot be read"],
            // Statements run that no record knows.
            Mutant::IntentAfterRequest => &["UnexpectedGenerations", "orphans", "created more than once"],
            Mutant::LostResponseIsRejection => {
                &["PoolExists", "UnexpectedGenerations", "orphans", "created more than once"]
            }
            Mutant::OpenIntentsIgnored => &["still open", "created more than once"],
            Mutant::GenerationNumbersForgotten => {
                &["contradicts the record", "was used before", "created more than once"]
            }
            Mutant::PredecessorResumedUnconfirmed => {
                &["a rollback resumes only after a confirmed deletion", "ran more than once"]
            }
        }
    }
}

/// Every mutant, without the unmodified program.
pub const MUTANTS: [Mutant; 8] = [
    Mutant::JournalNotSynced,
    Mutant::SnapshotNotSynced,
    Mutant::FolderNotSynced,
    Mutant::IntentAfterRequest,
    Mutant::LostResponseIsRejection,
    Mutant::OpenIntentsIgnored,
    Mutant::GenerationNumbersForgotten,
    Mutant::PredecessorResumedUnconfirmed,
];

/// A disk that leaves out the syncs that the mutant lacks.
#[derive(Clone)]
pub struct MutantDisk<D> {
    /// The disk that does the work.
    pub disk: D,
    /// The mutant that uses the disk.
    pub mutant: Mutant,
}

/// A file on the disk of a mutant.
pub struct MutantFile<F> {
    /// The file that is written to.
    file: F,
    /// True if syncs of the file are left out.
    skips_sync: bool,
}

impl<D: Disk> Disk for MutantDisk<D> {
    type File = MutantFile<D::File>;
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
        let skips_sync = self.mutant == if is_journal { Mutant::JournalNotSynced } else { Mutant::SnapshotNotSynced };
        Ok(MutantFile { file: self.disk.create_new(path)?, skips_sync })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if self.mutant == Mutant::FolderNotSynced { Ok(()) } else { self.disk.sync_folder(path) }
    }
    fn lock(&self, path: &Path, content: &[u8]) -> io::Result<Option<Self::Lock>> {
        self.disk.lock(path, content)
    }
    fn is_locked(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_locked(path)
    }
}

impl<F: DiskFile> DiskFile for MutantFile<F> {
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
