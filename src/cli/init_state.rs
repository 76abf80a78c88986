//! `floe init --state`: creates the empty state of an environment at the place that the manifests name.

use super::{
    CommandError, Exit, ProcessEnvironment, Screen, arguments::GlobalOptions, lock_holder::lock_holder, project,
    runtime,
};
use crate::state::{Ledger, RunLedger};

/// Creates the state. Nothing is sent, and a state that exists is left unchanged.
pub fn run(global: &GlobalOptions, process: &ProcessEnvironment, screen: &Screen) -> Result<Exit, CommandError> {
    let project_context = project::load_context(global, process)?;
    let environment = &project_context.environment;
    let path = environment.state.path().display();
    let work = async {
        let mut ledger = project_context.ledger();
        ledger.lock(&lock_holder("init", process), global.lock_timeout).await?;
        if ledger.load().await?.is_some() {
            return Err(CommandError::new(format!(
                "environment `{}` already has a state at `{path}`",
                environment.name
            ))
            .with_help("Nothing was written."));
        }
        let recorded = project::recorded_or_new(&ledger, environment, process, None).await?;
        ledger.begin(&recorded).await?;
        ledger.compact(&recorded).await?;
        Ok(())
    };
    runtime::block_on(environment, work)??;
    screen.eprint(&format!("Created the state of environment `{}` at `{path}`. Nothing was sent.\n", environment.name));
    Ok(Exit::Done)
}
