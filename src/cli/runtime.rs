//! The tokio runtime that a command runs on.

use std::future::Future;

use super::CommandError;
use crate::manifest::Environment;

/// Runs `work` to completion. In a simulated environment the clock is paused and skips ahead when all tasks wait,
/// unless the environment asks for real pace. The clock is never paused for a real service.
pub(super) fn block_on<T>(environment: &Environment, work: impl Future<Output = T>) -> Result<T, CommandError> {
    check_file_descriptors()?;
    let paused = environment.simulator.as_ref().is_some_and(|simulated| !simulated.real_pace);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .start_paused(paused)
        .build()
        .map_err(|error| CommandError::new(format!("cannot start the async runtime: {error}")))?;
    Ok(runtime.block_on(work))
}

/// The number of file descriptors that have to be free before a runtime is started: those of the runtime and its
/// signals, and those of the state.
const MIN_FREE_DESCRIPTORS: usize = 16;

/// Checks that enough files can be opened. tokio panics when it cannot open the pipe for its signals.
pub(super) fn check_file_descriptors() -> Result<(), CommandError> {
    #[cfg(unix)]
    {
        let opened: std::io::Result<Vec<_>> =
            (0..MIN_FREE_DESCRIPTORS.div_ceil(2)).map(|_| std::os::unix::net::UnixStream::pair()).collect();
        opened.map_err(|error| {
            CommandError::new(format!("floe needs at least {MIN_FREE_DESCRIPTORS} free file descriptors: {error}"))
                .with_help("Raise the limit of open files where floe runs, for example with `ulimit -n 1024`.")
        })?;
    }
    Ok(())
}
