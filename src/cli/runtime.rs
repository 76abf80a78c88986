//! The runtime that a command runs on.

use std::future::Future;

use super::CommandError;
use crate::manifest::Environment;

/// Runs `work` to its end. On a simulated environment time is paused and leaps ahead when all wait, unless real pace is
/// asked for; a real service never meets a paused clock.
pub(super) fn block_on<T>(environment: &Environment, work: impl Future<Output = T>) -> Result<T, CommandError> {
    let paused = environment.simulator.as_ref().is_some_and(|simulated| !simulated.real_pace);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime =
        builder.enable_all().start_paused(paused).build().map_err(|error| {
            CommandError::new(format!("the system does not let floe work in the background: {error}"))
        })?;
    Ok(runtime.block_on(work))
}
