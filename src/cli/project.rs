//! What a command begins with: the project that it is about, its ledger, and its record.

use std::sync::Arc;

use super::{
    Ambient, Trouble,
    arguments::Global,
    door::{self, SIMULATED_SEED},
};
use crate::{
    graph::Graph,
    manifest::Inputs,
    planning,
    state::{self, Ledger, Local, Recorded},
};

/// What a project is loaded with.
fn inputs(global: &Global, ambient: &Ambient) -> Inputs {
    Inputs {
        root: global.folder.clone(),
        environment: global.environment.clone(),
        var_flags: global.variables.iter().cloned().collect(),
        var_environment: ambient.project_variables(),
    }
}

/// The checked project with its dependencies.
pub(super) fn desired(global: &Global, ambient: &Ambient) -> Result<Graph, Trouble> {
    Ok(planning::desired(&inputs(global, ambient))?)
}

/// The ledger of a project's environment.
pub(super) fn ledger(graph: &Graph) -> Local {
    Local::at(door::state_file(&graph.project))
}

/// The record, or a new one where there is none. `lineage` is that of a saved plan, which a record that has yet to be
/// begun takes over.
pub(super) async fn recorded(
    ledger: &dyn Ledger,
    graph: &Graph,
    ambient: &Ambient,
    lineage: Option<&str>,
) -> Result<Arc<Recorded>, Trouble> {
    let environment = &graph.project.environment;
    if let Some(recorded) = ledger.load().await? {
        state::check(&recorded, &environment.identity)?;
        return Ok(Arc::new(recorded));
    }
    let seed = if environment.simulated.is_some() { SIMULATED_SEED } else { ambient.seed };
    let mut random = fastrand::Rng::with_seed(seed);
    let made = state::lineage(&mut random);
    let key = state::hash_key(&mut random);
    let lineage = lineage.map_or(made, str::to_owned);
    Ok(Arc::new(Recorded::new(lineage, environment.identity.clone(), key)))
}
