//! What a command begins with: the project that it is about, its ledger, and its record.

use std::{sync::Arc, thread};

use tokio::sync::oneshot;

use super::{
    Ambient, Screen, Trouble,
    arguments::Global,
    door::{self, Access, Door, SIMULATED_SEED},
    lints,
    problems::Rank,
    progress::Voice,
};
use crate::{
    graph::Graph,
    live::{self, Live},
    manifest::{self, Environment, InvalidProject, LoadOptions},
    planning,
    state::{self, Ledger, LocalLedger, Recorded},
};

/// What a project is loaded with.
pub(super) fn inputs(global: &Global, ambient: &Ambient) -> LoadOptions {
    LoadOptions {
        root: global.folder.clone(),
        environment: global.environment.clone(),
        var_flags: global.variables.iter().cloned().collect(),
        env_variables: ambient.project_variables(),
    }
}

/// A project of which only the environment is known so far.
pub(super) struct Begun {
    /// What it is loaded with.
    pub inputs: LoadOptions,
    /// The environment that it is about.
    pub environment: Environment,
}

/// Reads which environment a project is about.
pub(super) fn begin(global: &Global, ambient: &Ambient) -> Result<Begun, Trouble> {
    let inputs = inputs(global, ambient);
    let environment = match manifest::load_environment(&inputs) {
        Some(environment) => environment,
        // It says what is wrong.
        None => planning::load_desired(&inputs)?.project.environment,
    };
    Ok(Begun { inputs, environment })
}

/// A project, what is kept of its environment, and what its cloud holds.
pub(super) struct Opened {
    pub graph: Graph,
    pub ledger: LocalLedger,
    pub recorded: Arc<Recorded>,
    pub door: Door,
    pub live: Live,
}

impl Begun {
    /// The ledger of its environment.
    pub fn ledger(&self) -> LocalLedger {
        LocalLedger::at(door::state_file(&self.inputs.root, &self.environment))
    }

    /// Checks the project and, meanwhile, reads what lies on this machine, a simulated cloud included. The service is
    /// asked nothing before the manifests are right, and their problems are told before all others.
    pub async fn open(self, check: Check, ambient: &Ambient, screen: &Screen) -> Result<Opened, Trouble> {
        let ledger = self.ledger();
        let Begun { inputs, environment } = self;
        let root = inputs.root.clone();
        let graph = checked(inputs, check)?;
        let kept = async {
            let recorded = recorded(&ledger, &environment, ambient, None).await?;
            let simulated = match door::world(&root, &environment, &recorded, Access::Reads)? {
                Some(world) => {
                    let door = door::simulated(world, &environment, &recorded)?;
                    let read = live::read(&door.cloud).await;
                    Some((door, read))
                }
                None => None,
            };
            Ok::<_, Trouble>((recorded, simulated))
        };
        let kept = kept.await;
        let graph = graph.await.map_err(|_| Trouble::new("checking the project broke off"))??;
        let (recorded, simulated) = kept?;
        if graph.project.environment != environment {
            return Err(Trouble::new("the manifests changed while they were read").help("run it again"));
        }
        let (door, read) = match simulated {
            Some(read) => read,
            None => {
                let door = door::service(&graph.project, &recorded, ambient, &Voice::new(*screen)).await?;
                let read = live::read(&door.cloud).await;
                (door, read)
            }
        };
        let live = planning::redact_read_error(read, &ambient.secrets(&graph.project))?;
        Ok(Opened { graph, ledger, recorded, door, live })
    }
}

/// Checks the project on a thread of its own. It is none of the runtime's: while those work, a simulated clock stands still.
fn checked(inputs: LoadOptions, check: Check) -> Result<oneshot::Receiver<Result<Graph, Trouble>>, Trouble> {
    let (told, graph) = oneshot::channel();
    thread::Builder::new()
        .name("check".to_owned())
        .spawn(move || drop(told.send(check(&inputs))))
        .map_err(|error| Trouble::new(format!("the system does not let floe work in the background: {error}")))?;
    Ok(graph)
}

/// Checks a project as far as a command needs it.
pub(super) type Check = fn(&LoadOptions) -> Result<Graph, Trouble>;

/// The checked project with its dependencies, to be looked at.
pub(super) fn desired(inputs: &LoadOptions) -> Result<Graph, Trouble> {
    Ok(planning::load_desired(inputs)?)
}

/// The same where it is to be sent: some of what may be written must not be.
pub(super) fn to_be_sent(inputs: &LoadOptions) -> Result<Graph, Trouble> {
    match planning::load_desired(inputs) {
        Ok(graph) => match lints::forbidding(&graph.project) {
            forbidding if forbidding.is_empty() => Ok(graph),
            forbidding => Err(Trouble::Problems(forbidding)),
        },
        Err(InvalidProject { problems, partial }) => {
            let problems = problems.into_iter().map(|problem| (problem, Rank::ERROR));
            Err(Trouble::Problems(
                problems.chain(partial.iter().flat_map(|project| lints::forbidding(project))).collect(),
            ))
        }
    }
}

/// The ledger of a project's environment.
pub(super) fn ledger(graph: &Graph) -> LocalLedger {
    LocalLedger::at(door::state_file(&graph.project.root, &graph.project.environment))
}

/// The record, or a new one where there is none. `lineage` is that of a saved plan, which a record that has yet to be
/// begun takes over.
pub(super) async fn recorded(
    ledger: &dyn Ledger,
    environment: &Environment,
    ambient: &Ambient,
    lineage: Option<&str>,
) -> Result<Arc<Recorded>, Trouble> {
    if let Some(recorded) = ledger.load().await? {
        state::check_environment(&recorded, &environment.identity)?;
        return Ok(Arc::new(recorded));
    }
    let seed = if environment.simulator.is_some() { SIMULATED_SEED } else { ambient.seed };
    let mut random = fastrand::Rng::with_seed(seed);
    let made = state::new_lineage(&mut random);
    let key = state::new_hash_key(&mut random);
    let lineage = lineage.map_or(made, str::to_owned);
    Ok(Arc::new(Recorded::new(lineage, environment.identity.clone(), key)))
}
