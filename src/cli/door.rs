//! Opens the door to a project's cloud: the simulator in this process, or Confluent Cloud over HTTPS.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Ambient, Trouble, progress::Voice};
use crate::{
    cloud::{Cloud, Credentials, Https, Key, Limits, Site, Transport},
    manifest::{Environment, Project, StateLocation},
    resource::PoolDeclaration,
    simulator::{CatalogMode, Scenario, Simulator, SimulatorOptions},
    state::{self, RealDisk, Recorded},
};

/// What the simulator and everything seeded begins with where nothing is to differ between two runs.
pub(super) const SIMULATED_SEED: u64 = 7;

/// Whether a command means to change the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It reads. On the simulator it works on a copy of the world in memory, so a run that goes on is not disturbed.
    Reads,
    /// It writes, and holds the lock of the state.
    Writes,
}

/// An open door.
pub struct Door {
    /// The verbs.
    pub cloud: Cloud,
}

/// Opens the door to the environment of `project`: into its simulated `world` if it has one. `recorded` says what the
/// project owns so far, `voice` tells of calls that are tried again.
pub(super) async fn open(
    project: &Project,
    recorded: &Recorded,
    ambient: &Ambient,
    world: Option<Simulator>,
    voice: &Voice,
) -> Result<Door, Trouble> {
    match world {
        Some(world) => simulated(world, &project.environment, recorded),
        None => service(project, recorded, ambient, voice).await,
    }
}

/// Opens the door into a simulated world.
pub(super) fn simulated(world: Simulator, environment: &Environment, recorded: &Recorded) -> Result<Door, Trouble> {
    // The simulator takes any key.
    let credentials = Credentials {
        flink: Some(Key::new("simulated", "simulated")),
        cloud: Some(Key::new("simulated", "simulated")),
    };
    let site = Site::public(&recorded.environment).map_err(|error| Trouble::new(error.to_string()))?;
    let limits = limits(environment);
    Ok(Door { cloud: Cloud::new(Arc::new(world), site, credentials, limits, SIMULATED_SEED) })
}

/// Where the state of an environment is kept.
pub fn state_file(root: &Path, environment: &Environment) -> PathBuf {
    let StateLocation::File(path) = &environment.state;
    root.join(path)
}

/// The simulated world of an environment, if it is simulated, from the file beside its state.
pub fn world(
    root: &Path,
    environment: &Environment,
    recorded: &Recorded,
    access: Access,
) -> Result<Option<Simulator>, Trouble> {
    let Some(simulated) = &environment.simulated else { return Ok(None) };
    let scenario = match &simulated.scenario {
        Some(path) => read_scenario(&root.join(path))?,
        None => Scenario::default(),
    };
    // The recorded one: the world of an older state lies under an older id.
    let identity = &recorded.environment;
    let options = SimulatorOptions {
        seed: SIMULATED_SEED,
        catalog: if simulated.strict_catalog { CatalogMode::Strict } else { CatalogMode::Lenient },
        organization: identity.organization.clone(),
        home_region: (identity.cloud.clone(), identity.region.clone()),
        scenario,
        ..SimulatorOptions::default()
    };
    let file = state::sibling(&RealDisk, &state_file(root, environment), "world")?;
    let opened = match access {
        Access::Writes => {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(|error| unwritable("create", folder, &error))?;
            }
            Simulator::open(&file, options)
        }
        Access::Reads => Simulator::load_copy(&file, options),
    };
    opened
        .map(Some)
        .map_err(|error| Trouble::new(format!("the simulated world {} cannot be opened: {error}", file.display())))
}

/// Opens the door to Confluent Cloud.
pub(super) async fn service(
    project: &Project,
    recorded: &Recorded,
    ambient: &Ambient,
    voice: &Voice,
) -> Result<Door, Trouble> {
    let environment = &project.environment;
    if let Some((set, missing)) = ambient.missing_half() {
        return Err(Trouble::new(format!("{set} is set and {missing} is not"))
            .help(format!("a key is worth nothing without its secret: set {missing} too, or unset {set}")));
    }
    let credentials = ambient.credentials();
    if credentials.flink.is_none() {
        return Err(Trouble::new(format!("there is no key to environment `{}`", environment.name)).help(
            "set FLINK_API_KEY and FLINK_API_SECRET: a Flink API key of that environment and region (Confluent Cloud \
             Console, environment, Flink, API keys)",
        ));
    }
    if credentials.cloud.is_none() {
        without_cloud_key(project, recorded)?;
    }
    let identity = &environment.identity;
    let refused = |error: crate::cloud::NotAnOrigin| Trouble::new(error.to_string());
    let mut site =
        if environment.private { Site::private(identity) } else { Site::public(identity) }.map_err(refused)?;
    if let Some(origin) = &environment.endpoint {
        site = site.with_flink(origin).map_err(refused)?;
    }
    if let Some(origin) = &environment.cloud_endpoint {
        site = site.with_cloud(origin).map_err(refused)?;
    }
    let https: Arc<dyn Transport> = Arc::new(Https::new().map_err(|error| Trouble::new(error.to_string()))?);
    let open = |site| {
        let cloud = Cloud::new(Arc::clone(&https), site, credentials.clone(), limits(environment), ambient.seed);
        let (voice, secrets) = (voice.clone(), ambient.secrets(project));
        cloud.on_retry(move |retrying| voice.retrying(retrying, &secrets));
        cloud
    };
    let cloud = open(site.clone());
    // Once a run. Without a Cloud key the list cannot be asked for, and the documented name stands.
    if environment.private && cloud.has_cloud_key() {
        let endpoint = cloud.private_endpoint().await?;
        return Ok(Door { cloud: open(site.with_flink(&endpoint).map_err(refused)?) });
    }
    Ok(Door { cloud })
}

/// Pools given by id are trusted without a Cloud key; owning one needs it.
fn without_cloud_key(project: &Project, recorded: &Recorded) -> Result<(), Trouble> {
    let declared = project.pools.iter().find(|(_, pool)| matches!(pool.spec, PoolDeclaration::Owned(_)));
    let owned = declared.map(|(key, _)| key).or(recorded.pools.keys().next());
    match owned {
        None => Ok(()),
        Some(key) => Err(Trouble::new(format!("the project owns `pools.{key}`, and there is no key to compute pools"))
            .help(format!(
                "set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET (or CLOUD_API_KEY and CLOUD_API_SECRET): a Cloud \
                 API key whose owner has the role FlinkAdmin. Or use a pool that somebody else owns: `id = \"lfcp-…\"` \
                 in [pools.{key}]"
            ))),
    }
}

fn limits(environment: &Environment) -> Limits {
    match environment.requests_per_second {
        // The service allows twenty times as many requests in a minute as in a second.
        Some(rate) => Limits { per_second: rate, per_minute: rate.saturating_mul(20), ..Limits::default() },
        None => Limits::default(),
    }
}

/// Reads a scenario of the simulator.
pub(super) fn read_scenario(path: &Path) -> Result<Scenario, Trouble> {
    let text = fs::read_to_string(path).map_err(|error| unwritable("read", path, &error))?;
    Scenario::parse(&text).map_err(|error| Trouble::new(format!("{}: {error}", path.display())))
}

/// A file or folder that the system refuses.
pub(super) fn unwritable(doing: &str, path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(format!("cannot {doing} {}: {error}", path.display()))
}
