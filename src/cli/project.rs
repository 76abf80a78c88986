//! Loads what a command works with: the project, its ledger, its record, and the live resources.

use std::{sync::Arc, thread};

use tokio::sync::oneshot;

use super::{
    CommandError, ProcessEnvironment, Screen,
    arguments::GlobalOptions,
    connect::{self, CloudConnection, SIMULATED_SEED, WorldAccess},
    lint_problems,
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

/// Returns the options to load a project with, from flags and variables.
pub(super) fn manifest_inputs(global: &GlobalOptions, process: &ProcessEnvironment) -> LoadOptions {
    LoadOptions {
        root: global.folder.clone(),
        environment: global.environment.clone(),
        var_flags: global.variables.iter().cloned().collect(),
        env_variables: process.project_variables(),
        permissions: process.permissions(),
    }
}

/// A project of which only the environment has been read so far.
pub(super) struct ProjectContext {
    /// The options that the project is loaded with.
    pub inputs: LoadOptions,
    /// The selected environment of the project.
    pub environment: Environment,
}

/// Reads the selected environment of a project.
pub(super) fn load_context(
    global: &GlobalOptions,
    process: &ProcessEnvironment,
) -> Result<ProjectContext, CommandError> {
    let inputs = manifest_inputs(global, process);
    let environment = match manifest::load_environment(&inputs) {
        Some(environment) => environment,
        // Loading the whole project reports what is wrong.
        None => planning::load_desired(&inputs)?.project.environment,
    };
    Ok(ProjectContext { inputs, environment })
}

/// A checked project with its record and a snapshot of its live resources.
pub(super) struct OpenProject {
    /// The checked project with its dependencies.
    pub graph: Graph,
    /// The ledger of the environment, not locked.
    pub ledger: LocalLedger,
    /// The record of the environment.
    pub recorded: Arc<Recorded>,
    /// The connection that `live` was read through.
    pub connection: CloudConnection,
    /// The live resources, with secret values redacted.
    pub live: Live,
}

impl ProjectContext {
    /// Returns the ledger of the environment.
    pub fn ledger(&self) -> LocalLedger {
        LocalLedger::at(connect::state_file(&self.inputs.root, &self.environment))
    }

    /// Checks the project and reads its record and its live resources.
    ///
    /// What is on this machine, including a simulated cloud, is read while the project is being checked. No request is
    /// sent to the service before the manifests are valid. Their problems are reported before all other errors.
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
        let graph = graph.await.map_err(|_| CommandError::new("checking the project ended unexpectedly"))??;
        let (recorded, simulated) = recorded_and_simulated?;
        if graph.project.environment != environment {
            return Err(CommandError::new("the manifests changed while they were being read")
                .with_help("Run the command again."));
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

/// Checks the project on a thread of its own. It is not a thread of the runtime, because a simulated clock does not
/// advance while one of those is busy.
fn check_in_background(
    inputs: LoadOptions,
    check: ProjectCheck,
) -> Result<oneshot::Receiver<Result<Graph, CommandError>>, CommandError> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("check".to_owned())
        .spawn(move || drop(sender.send(check(&inputs))))
        .map_err(|error| CommandError::new(format!("cannot start a thread: {error}")))?;
    Ok(receiver)
}

/// A function that loads a project and checks it as far as a command needs.
pub(super) type ProjectCheck = fn(&LoadOptions) -> Result<Graph, CommandError>;

/// Returns the checked project with its dependencies, for commands that send no statements.
pub(super) fn desired(inputs: &LoadOptions) -> Result<Graph, CommandError> {
    Ok(planning::load_desired(inputs)?)
}

/// Returns the checked project for commands that plan to send statements. Lints that block sending are errors here.
pub(super) fn desired_for_sending(inputs: &LoadOptions) -> Result<Graph, CommandError> {
    match planning::load_desired(inputs) {
        Ok(graph) => match lint_problems::blocking_lints(&graph.project) {
            blocking if blocking.is_empty() => Ok(graph),
            blocking => Err(CommandError::Problems(blocking)),
        },
        Err(InvalidProject { problems, partial }) => {
            let problems = problems.into_iter().map(|problem| (problem, ProblemLevel::ERROR));
            Err(CommandError::Problems(
                problems.chain(partial.iter().flat_map(|project| lint_problems::blocking_lints(project))).collect(),
            ))
        }
    }
}

/// Checks that a command may create the state of `environment` if it has none: at the default place, or at the place that
/// `FLOE_STATE` names. Elsewhere only `floe init --state` creates it, because a changed `state` in a manifest would
/// otherwise start again with an empty record.
pub(super) async fn check_may_create_state(
    ledger: &dyn Ledger,
    environment: &Environment,
    process: &ProcessEnvironment,
) -> Result<(), CommandError> {
    match missing_state_notice(ledger, environment, process).await? {
        None => Ok(()),
        Some((message, help)) => Err(CommandError::new(message).with_help(help)),
    }
}

/// Returns what to say about a state that is missing and that only `floe init --state` creates, with the next step.
pub(super) async fn missing_state_notice(
    ledger: &dyn Ledger,
    environment: &Environment,
    process: &ProcessEnvironment,
) -> Result<Option<(String, String)>, CommandError> {
    let is_named_here = environment.has_default_state() || process.permissions().state.is_some();
    if is_named_here || ledger.load().await?.is_some() {
        return Ok(None);
    }
    let (name, path) = (&environment.name, environment.state.path().display());
    Ok(Some((
        format!("environment `{name}` has no state at `{path}`, and `floe apply` does not create one there"),
        format!(
            "If the state is elsewhere, correct `state` in `[environments.{name}]`. If this environment is new, create \
             its state once with `floe init --state -e {name}`, or name the file where floe runs, in `FLOE_STATE`."
        ),
    )))
}

/// Returns the ledger of a project's environment.
pub(super) fn ledger(graph: &Graph) -> LocalLedger {
    LocalLedger::at(connect::state_file(&graph.project.root, &graph.project.environment))
}

/// Loads the record, or returns a new one if there is none. A new record takes `lineage`, which is that of a saved
/// plan.
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
