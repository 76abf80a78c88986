//! What a command begins with: the project that it is about, its ledger, and its record.

use std::{sync::Arc, thread};

use tokio::sync::oneshot;

use super::{
    CommandError, ProcessEnvironment, Screen,
    arguments::GlobalOptions,
    connect::{self, CloudConnection, SIMULATED_SEED, WorldAccess},
    lints,
    problems::ProblemLevel,
    progress::StatusLine,
};
use crate::{
    graph::Graph,
    live::{self, Live},
    manifest::{self, Environment, InvalidProject, LoadOptions},
    planning,
    state::{self, Ledger, LocalLedger, Recorded},
};

/// What a project is loaded with.
pub(super) fn manifest_inputs(global: &GlobalOptions, process: &ProcessEnvironment) -> LoadOptions {
    LoadOptions {
        root: global.folder.clone(),
        environment: global.environment.clone(),
        var_flags: global.variables.iter().cloned().collect(),
        env_variables: process.project_variables(),
    }
}

/// A project of which only the environment is known so far.
pub(super) struct ProjectContext {
    /// What it is loaded with.
    pub inputs: LoadOptions,
    /// The environment that it is about.
    pub environment: Environment,
}

/// Reads which environment a project is about.
pub(super) fn load_context(
    global: &GlobalOptions,
    process: &ProcessEnvironment,
) -> Result<ProjectContext, CommandError> {
    let inputs = manifest_inputs(global, process);
    let environment = match manifest::load_environment(&inputs) {
        Some(environment) => environment,
        // It says what is wrong.
        None => planning::load_desired(&inputs)?.project.environment,
    };
    Ok(ProjectContext { inputs, environment })
}

/// A project, what is kept of its environment, and what its cloud holds.
pub(super) struct OpenProject {
    pub graph: Graph,
    pub ledger: LocalLedger,
    pub recorded: Arc<Recorded>,
    pub connection: CloudConnection,
    pub live: Live,
}

impl ProjectContext {
    /// The ledger of its environment.
    pub fn ledger(&self) -> LocalLedger {
        LocalLedger::at(connect::state_file(&self.inputs.root, &self.environment))
    }

    /// Checks the project and, meanwhile, reads what lies on this machine, a simulated cloud included. The service is
    /// asked nothing before the manifests are right, and their problems are told before all others.
    pub async fn open(
        self,
        check: ProjectCheck,
        process: &ProcessEnvironment,
        screen: &Screen,
    ) -> Result<OpenProject, CommandError> {
        let ledger = self.ledger();
        let ProjectContext { inputs, environment } = self;
        let root = inputs.root.clone();
        let graph = check_in_background(inputs, check)?;
        let recorded_and_simulated = async {
            let recorded = recorded_or_new(&ledger, &environment, process, None).await?;
            let simulated = match connect::open_world(&root, &environment, &recorded, WorldAccess::ReadOnly)? {
                Some(world) => {
                    let connection = connect::connect_to_simulator(world, &environment, &recorded)?;
                    let read = live::read(&connection.cloud).await;
                    Some((connection, read))
                }
                None => None,
            };
            Ok::<_, CommandError>((recorded, simulated))
        };
        let recorded_and_simulated = recorded_and_simulated.await;
        let graph = graph.await.map_err(|_| CommandError::new("checking the project broke off"))??;
        let (recorded, simulated) = recorded_and_simulated?;
        if graph.project.environment != environment {
            return Err(CommandError::new("the manifests changed while they were read").with_help("run it again"));
        }
        let (connection, read) = match simulated {
            Some(read) => read,
            None => {
                let connection =
                    connect::connect_to_confluent(&graph.project, &recorded, process, &StatusLine::new(*screen))
                        .await?;
                let read = live::read(&connection.cloud).await;
                (connection, read)
            }
        };
        let live = planning::redact_read_error(read, &process.secrets(&graph.project))?;
        Ok(OpenProject { graph, ledger, recorded, connection, live })
    }
}

/// Checks the project on a thread of its own. It is none of the runtime's: while those work, a simulated clock stands still.
fn check_in_background(
    inputs: LoadOptions,
    check: ProjectCheck,
) -> Result<oneshot::Receiver<Result<Graph, CommandError>>, CommandError> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("check".to_owned())
        .spawn(move || drop(sender.send(check(&inputs))))
        .map_err(|error| CommandError::new(format!("the system does not let floe work in the background: {error}")))?;
    Ok(receiver)
}

/// Checks a project as far as a command needs it.
pub(super) type ProjectCheck = fn(&LoadOptions) -> Result<Graph, CommandError>;

/// The checked project with its dependencies, to be looked at.
pub(super) fn desired(inputs: &LoadOptions) -> Result<Graph, CommandError> {
    Ok(planning::load_desired(inputs)?)
}

/// The same where it is to be sent: some of what may be written must not be.
pub(super) fn desired_for_sending(inputs: &LoadOptions) -> Result<Graph, CommandError> {
    match planning::load_desired(inputs) {
        Ok(graph) => match lints::blocking_lints(&graph.project) {
            forbidding if forbidding.is_empty() => Ok(graph),
            forbidding => Err(CommandError::Problems(forbidding)),
        },
        Err(InvalidProject { problems, partial }) => {
            let problems = problems.into_iter().map(|problem| (problem, ProblemLevel::ERROR));
            Err(CommandError::Problems(
                problems.chain(partial.iter().flat_map(|project| lints::blocking_lints(project))).collect(),
            ))
        }
    }
}

/// The ledger of a project's environment.
pub(super) fn ledger(graph: &Graph) -> LocalLedger {
    LocalLedger::at(connect::state_file(&graph.project.root, &graph.project.environment))
}

/// The record, or a new one where there is none. `lineage` is that of a saved plan, which a record that has yet to be
/// begun takes over.
pub(super) async fn recorded_or_new(
    ledger: &dyn Ledger,
    environment: &Environment,
    process: &ProcessEnvironment,
    lineage: Option<&str>,
) -> Result<Arc<Recorded>, CommandError> {
    if let Some(recorded) = ledger.load().await? {
        state::check_environment(&recorded, &environment.identity)?;
        return Ok(Arc::new(recorded));
    }
    let seed = if environment.simulator.is_some() { SIMULATED_SEED } else { process.seed };
    let mut random = fastrand::Rng::with_seed(seed);
    let new_lineage = state::new_lineage(&mut random);
    let key = state::new_hash_key(&mut random);
    let lineage = lineage.map_or(new_lineage, str::to_owned);
    Ok(Arc::new(Recorded::new(lineage, environment.identity.clone(), key)))
}
