//! Connects to a project's cloud: the simulator in this process, or Confluent Cloud over HTTPS.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{CommandError, ProcessEnvironment, progress::StatusLine};
use crate::{
    cloud::{
        AllowedOrigins, ApiKey, CloudClient, Credentials, EndpointError, Endpoints, HttpsTransport, RateLimits,
        Transport,
    },
    manifest::{Environment, Project},
    resource::PoolDeclaration,
    simulator::{CatalogMode, Scenario, Simulator, SimulatorOptions},
    state::{self, Recorded},
};

/// The seed of the simulator, and of all randomness in a simulated environment. It is fixed so that two runs do not
/// differ.
pub(super) const SIMULATED_SEED: u64 = 7;

/// Whether a command changes the simulated world or only reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorldAccess {
    /// The command reads. It works on a copy of the world in memory, so that it does not disturb a run in progress.
    ReadOnly,
    /// The command writes, and holds the lock of the state.
    ReadWrite,
}

/// A connection to Confluent Cloud or to the simulator.
pub struct CloudConnection {
    /// The client for all API calls.
    pub cloud: CloudClient,
}

/// Connects to the environment of `project`, or to its simulated `world` if there is one. `recorded` has what the
/// project owns so far. `status_line` shows calls that are retried.
pub(super) async fn connect(
    project: &Project,
    recorded: &Recorded,
    process: &ProcessEnvironment,
    world: Option<Simulator>,
    status_line: &StatusLine,
) -> Result<CloudConnection, CommandError> {
    match world {
        Some(world) => connect_to_simulator(world, &project.environment, recorded),
        None => connect_to_confluent(project, recorded, process, status_line).await,
    }
}

/// Connects to a simulated world.
pub(super) fn connect_to_simulator(
    world: Simulator,
    environment: &Environment,
    recorded: &Recorded,
) -> Result<CloudConnection, CommandError> {
    // The simulator accepts any key.
    let credentials = Credentials {
        flink: Some(ApiKey::new("simulated", "simulated")),
        cloud: Some(ApiKey::new("simulated", "simulated")),
    };
    let site = Endpoints::public(&recorded.environment).map_err(|error| CommandError::new(error.to_string()))?;
    let limits = rate_limits(environment);
    Ok(CloudConnection { cloud: CloudClient::new(Arc::new(world), site, credentials, limits, SIMULATED_SEED) })
}

/// Returns the path of the state file of an environment.
pub fn state_file(root: &Path, environment: &Environment) -> PathBuf {
    root.join(environment.state.path())
}

/// Opens the simulated world of an environment from the file next to its state. Returns `None` if the environment is
/// not simulated.
pub fn open_world(
    root: &Path,
    environment: &Environment,
    recorded: &Recorded,
    access: WorldAccess,
) -> Result<Option<Simulator>, CommandError> {
    let Some(simulated) = &environment.simulator else { return Ok(None) };
    let scenario = match &simulated.scenario {
        Some(path) => read_scenario(&root.join(path))?,
        None => Scenario::default(),
    };
    // The recorded identity, since the world of an older state is stored under an older id.
    let identity = &recorded.environment;
    let options = SimulatorOptions {
        seed: SIMULATED_SEED,
        catalog: if simulated.strict_catalog { CatalogMode::Strict } else { CatalogMode::Lenient },
        organization: identity.organization.clone(),
        home_region: (identity.cloud.clone(), identity.region.clone()),
        scenario,
        ..SimulatorOptions::default()
    };
    let file = state::sibling(&state_file(root, environment), "world");
    for path in [&file, &state::sibling(&file, "lock")] {
        check_own_file(path)?;
    }
    let opened = match access {
        WorldAccess::ReadWrite => {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(|error| file_error("create", folder, &error))?;
            }
            Simulator::open(&file, options)
        }
        WorldAccess::ReadOnly => Simulator::load_copy(&file, options),
    };
    opened
        .map(Some)
        .map_err(|error| CommandError::new(format!("cannot open the simulated world `{}`: {error}", file.display())))
}

/// Checks that a file next to the state is missing or a regular file, and no link to a file elsewhere.
fn check_own_file(path: &Path) -> Result<(), CommandError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(CommandError::new(format!("`{}` is not a regular file, so floe does not use it", path.display()))
                .with_help("Remove it, or keep the state elsewhere."))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file_error("check", path, &error)),
    }
}

/// Connects to Confluent Cloud with the keys of the process.
pub(super) async fn connect_to_confluent(
    project: &Project,
    recorded: &Recorded,
    process: &ProcessEnvironment,
    status_line: &StatusLine,
) -> Result<CloudConnection, CommandError> {
    let environment = &project.environment;
    // Before the keys are read.
    let site = endpoints(environment, process)?;
    if let Some((set, missing)) = process.unpaired_key_variable() {
        return Err(CommandError::new(format!("`{set}` is set, but `{missing}` is not"))
            .with_help(format!("An API key works only with its secret. Set `{missing}` too, or unset `{set}`.")));
    }
    let credentials = process.credentials();
    if credentials.flink.is_none() {
        return Err(CommandError::new(format!("no Flink API key for environment `{}`", environment.name)).with_help(
            "Set `FLINK_API_KEY` and `FLINK_API_SECRET` to a Flink API key of that environment and region. To create \
             one in the Confluent Cloud Console, open the environment, then Flink, then API keys.",
        ));
    }
    if credentials.cloud.is_none() {
        check_owns_no_pools(project, recorded)?;
    }
    let https: Arc<dyn Transport> =
        Arc::new(HttpsTransport::new().map_err(|error| CommandError::new(error.to_string()))?);
    let open = |site| {
        let cloud =
            CloudClient::new(Arc::clone(&https), site, credentials.clone(), rate_limits(environment), process.seed);
        let (status_line, secrets) = (status_line.clone(), process.secrets(project));
        cloud.on_retry(move |retrying| status_line.show_retry(retrying, &secrets));
        cloud
    };
    let cloud = open(site.clone());
    // Looked up once in each run. Without a Cloud key the list cannot be read, and the documented name is used.
    if environment.private && cloud.has_cloud_key() {
        let endpoint = cloud.private_endpoint().await?;
        let site = site.with_origins(Some(&endpoint), None).map_err(|error| endpoint_error(environment, error))?;
        return Ok(CloudConnection { cloud: open(site) });
    }
    Ok(CloudConnection { cloud })
}

/// Returns the endpoints of an environment. Hosts outside Confluent Cloud have to be allowed by the process.
fn endpoints(environment: &Environment, process: &ProcessEnvironment) -> Result<Endpoints, CommandError> {
    let allowed = process.allowed_origins().map_err(|error| {
        CommandError::new(error.to_string()).with_help(format!(
            "Correct `{}` or `--allow-endpoint`. The variable lists origins, separated by commas.",
            AllowedOrigins::VARIABLE
        ))
    })?;
    let identity = &environment.identity;
    let site = if environment.private { Endpoints::private(identity) } else { Endpoints::public(identity) };
    let site = site.map_err(|error| CommandError::new(error.to_string()))?.allowing(allowed);
    site.with_origins(environment.endpoint.as_deref(), environment.cloud_endpoint.as_deref())
        .map_err(|error| endpoint_error(environment, error))
}

/// Returns the error for an endpoint that no key is sent to, with the line that allows it.
fn endpoint_error(environment: &Environment, error: EndpointError) -> CommandError {
    let message = error.to_string();
    match error {
        EndpointError::Invalid(_) => CommandError::new(message),
        EndpointError::NotAllowed { export_command, .. } => CommandError::new(message).with_help(format!(
            "`[environments.{}]` in `floe.toml` names it. If you trust it with your API keys, allow it where floe \
             runs:\n\n{export_command}",
            environment.name
        )),
    }
}

/// Returns an error if the project owns a pool, declared or recorded. Owning a pool needs a Cloud key. A pool that is
/// given by its id is trusted without one.
fn check_owns_no_pools(project: &Project, recorded: &Recorded) -> Result<(), CommandError> {
    let declared = project.pools.iter().find(|(_, pool)| matches!(pool.spec, PoolDeclaration::Owned(_)));
    let owned = declared.map(|(key, _)| key).or(recorded.pools.keys().next());
    match owned {
        None => Ok(()),
        Some(key) => Err(CommandError::new(format!("the project owns `pools.{key}`, but no Cloud API key is set"))
            .with_help(format!(
                "Set `CONFLUENT_CLOUD_API_KEY` and `CONFLUENT_CLOUD_API_SECRET` (or `CLOUD_API_KEY` and \
                 `CLOUD_API_SECRET`) to a Cloud API key whose owner has the FlinkAdmin role. Or use a pool that this \
                 project does not own: set `id = \"lfcp-…\"` in `[pools.{key}]`."
            ))),
    }
}

/// Returns the rate limits of an environment.
fn rate_limits(environment: &Environment) -> RateLimits {
    match environment.requests_per_second {
        // The service allows twenty times as many requests per minute as per second.
        Some(rate) => RateLimits { per_second: rate, per_minute: rate.saturating_mul(20), ..RateLimits::default() },
        None => RateLimits::default(),
    }
}

/// Reads a scenario of the simulator from a JSON file.
pub(super) fn read_scenario(path: &Path) -> Result<Scenario, CommandError> {
    let text = fs::read_to_string(path).map_err(|error| file_error("read", path, &error))?;
    Scenario::parse(&text).map_err(|error| CommandError::new(format!("`{}`: {error}", path.display())))
}

/// Returns the error for a file or folder that the system does not let floe use.
pub(super) fn file_error(doing: &str, path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("cannot {doing} `{}`: {error}", path.display()))
}
