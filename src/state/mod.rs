//! *Recorded*: what floe remembers of an environment, and the ledger that keeps it.
//!
//! A state is a snapshot and a journal. Both are read through one pure function, [`Recorded::apply`].

mod apply;
mod consumed_plans;
mod disk;
mod entry;
pub mod fake_disk;
pub mod hooked_disk;
mod ledger;
mod lineage;
mod local;
mod lock_wait;
mod memory;
mod recorded;

pub use apply::InconsistentEntry;
pub use consumed_plans::ConsumedPlans;
pub use disk::{Disk, DiskFile, RealDisk};
pub use entry::{Entry, Fact, Outcome};
pub use ledger::{Ledger, LedgerError, LedgerFuture, LockHolder, RunLedger};
pub use lineage::{EnvironmentMismatch, check_environment, new_hash_key, new_lineage};
pub use local::{LocalLedger, sibling};
pub use memory::MemoryLedger;
pub use recorded::{
    FurthestPhase, GenerationRecord, OpenIntent, PoolRecord, Recorded, STATE_FORMAT, StatementRecord, Tombstone,
};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
