//! RECORDED: what the last apply left behind, and the ledger that keeps it.
//!
//! State is a snapshot plus a journal. Both are read through one pure function, [`Recorded::apply`].

mod apply;
mod disk;
mod entry;
pub mod fake;
mod ledger;
mod lineage;
mod local;
mod memory;
mod patience;
mod recorded;
mod used;

pub use apply::InconsistentEntry;
pub use disk::{Disk, DiskFile, RealDisk};
pub use entry::{Entry, Fact, Outcome};
pub use ledger::{Ledger, LedgerError, LedgerFuture, LockHolder};
pub use lineage::{EnvironmentMismatch, check_environment, new_hash_key, new_lineage};
pub use local::{LocalLedger, sibling};
pub use memory::MemoryLedger;
pub use recorded::{
    FurthestPhase, GenerationRecord, OpenIntent, PoolRecord, Recorded, STATE_FORMAT, StatementRecord, Tombstone,
};
pub use used::ConsumedPlans;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
