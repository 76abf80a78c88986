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

pub use apply::Incoherent;
pub use disk::{Disk, DiskFile, RealDisk};
pub use entry::{Entry, Fact, Outcome};
pub use ledger::{BoxFuture, Holder, Ledger, LedgerError};
pub use lineage::{OtherEnvironment, check, hash_key, lineage};
pub use local::{Local, sibling};
pub use memory::Memory;
pub use recorded::{FORMAT, GenerationRecord, OpenIntent, PoolRecord, Reached, Recorded, StatementRecord, Tombstone};
pub use used::Used;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests;
