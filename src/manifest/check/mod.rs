//! Validates the merged layers and returns what is desired.

pub(super) mod cloud_name;
mod context;
pub(super) mod environment;
pub(super) mod environment_conflicts;
pub(super) mod moved;
pub(super) mod pool;
pub(super) mod removed;
pub(super) mod secret;
mod settings;
mod sql;
pub(super) mod statement;
mod values;

pub(super) use context::ValidationContext;
use context::{problem_at, with_both_places};
