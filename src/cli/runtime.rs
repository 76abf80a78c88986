//! The tokio runtime that a command runs on.

use std::future::Future;

use super::CommandError;
use crate::manifest::Environment;

/// Runs `work` to completion. In a simulated environment the clock is paused and skips ahead when all tasks wait,
/// unless the environment asks for real pace. The clock is never paused for a real service.
pub(super) fn block_on<T>(environment: &Environment, work: impl Future<Output = T>) -> Result<T, CommandError> {
    let paused = environment.simulator.as_ref().is_some_and(|simulated| !simulated.real_pace);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .start_paused(paused)
        .build()
        .map_err(|error| CommandError::new(format!("cannot start the async runtime: {error}")))?;
    Ok(runtime.block_on(work))
}
