//! Why no plan could be made.

use thiserror::Error;

use crate::{cloud, resource::Address, state::InconsistentEntry};

/// Why no plan could be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanningError {
    /// The cloud could not be read; what code branches on is in its kind.
    #[error(transparent)]
    Cloud(#[from] cloud::Error),
    /// The record contradicts itself: a damaged state, or a bug.
    #[error("the state contradicts itself: {0}")]
    InconsistentState(#[from] InconsistentEntry),
    /// A selection names what is neither declared nor recorded.
    #[error("`{flag} {address}` names nothing: it is neither declared nor recorded")]
    UnknownAddress {
        /// The flag.
        flag: &'static str,
        /// What it names.
        address: Address,
    },
    /// `--replace` names a pool.
    #[error("`--replace {0}` names a pool, and only statements have generations that replace one another")]
    PoolNotReplaceable(Address),
    /// Whatever is asked of the cloud opens another question.
    #[error("the cloud's answers leave the same question open again and again")]
    LookupsNotConverging,
}
