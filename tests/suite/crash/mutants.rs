//! The mutants: versions of floe that each lack one protection, which the suite must catch.

use std::path::Path;

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
    /// Returns true if the syncs of the file that is created at `path` are left out.
    pub fn skips_syncs_of(self, path: &Path) -> bool {
        let is_journal = path.extension().is_some_and(|extension| extension == "journal");
        self == if is_journal { Mutant::JournalNotSynced } else { Mutant::SnapshotNotSynced }
    }

    /// Returns texts of the failures that the mutant may lead to. One of them must occur.
    pub fn expected_failures(self) -> &'static [&'static str] {
        match self {
            Mutant::Unmodified => &[],
            Mutant::JournalNotSynced | Mutant::FolderNotSynced => &["what was acknowledged is lost"],
            Mutant::SnapshotNotSynced => &["what was acknowledged is lost", "the state cannot be read"],
            // Statements run that no record knows.
            Mutant::IntentAfterRequest => {
                &["UnexpectedGenerations", "StateOlderThanCloud", "orphans", "created more than once"]
            }
            Mutant::LostResponseIsRejection => {
                &["PoolExists", "UnexpectedGenerations", "StateOlderThanCloud", "orphans", "created more than once"]
            }
            Mutant::OpenIntentsIgnored => &["still open", "created more than once"],
            Mutant::GenerationNumbersForgotten => {
                &["contradicts the record", "was used before", "created more than once"]
            }
            Mutant::PredecessorResumedUnconfirmed => &["UnguardedResume", "ran more than once"],
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
