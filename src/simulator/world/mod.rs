//! The simulated world: its resources, its pending events, and the log that keeps it in a file.
//!
//! It is data and a queue. What happens to a statement or a pool is decided by the modules that act on the world.

mod catalog;
mod delayed_effect;
mod log;
mod org_config;
mod pool;
mod pool_index;
mod restore;
mod state;
mod statement;
mod statement_index;

pub(super) use catalog::CatalogChanges;
pub(super) use delayed_effect::DelayedEffect;
pub(super) use log::{LogRecord, WorldLog, read_without_lock};
#[cfg(test)]
pub(super) use log::{WorldChange, read_records};
pub(super) use pool::SimulatedPool;
pub(super) use state::{DueEvent, SimulatedWorld};
pub(super) use statement::{
    FixedFields, MutableFields, ScheduledTransition, SimulatedStatement, SimulatedWarning, requests_dry_run,
};
