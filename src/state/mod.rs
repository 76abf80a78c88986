//! RECORDED: what the last apply left behind, and the ledger that keeps it.
//!
//! State is a snapshot plus a journal. Both are read through one pure function, [`Recorded::apply`].

mod entry;
mod ledger;
mod recorded;

pub use entry::{Entry, Fact, Outcome};
pub use ledger::{BoxFuture, Holder, Ledger, LedgerError};
pub use recorded::{FORMAT, GenerationRecord, PoolRecord, Reached, Recorded, StatementRecord, Tombstone};
