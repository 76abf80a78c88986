//! Errors of making a plan.

use thiserror::Error;

use crate::{cloud, resource::Address, state::InconsistentEntry};

/// The reason why no plan could be made. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanningError {
    /// The cloud could not be read. Code branches on the kind of this error.
    #[error(transparent)]
    Cloud(#[from] cloud::Error),
    /// The record contradicts itself, because the state is damaged or because of a bug.
    #[error("the state is inconsistent: {0}")]
    InconsistentState(#[from] InconsistentEntry),
    /// A selection names an address that is neither declared nor recorded.
    #[error("`{flag} {address}` matches nothing: the address is neither declared nor recorded")]
    UnknownAddress {
        /// The flag that made the selection.
        flag: &'static str,
        /// The address that it names.
        address: Address,
    },
    /// The flag `--replace` names a pool.
    #[error("`--replace {0}` names a pool, but only statements can be replaced by a new generation")]
    PoolNotReplaceable(Address),
    /// Each answer of the cloud led to another lookup, until the limit was reached.
    #[error("the plan could not be completed: every response from Confluent Cloud required another lookup")]
    LookupsNotConverging,
}
