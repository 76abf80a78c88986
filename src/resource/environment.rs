//! Which Confluent Cloud environment, in which region.

use serde::{Deserialize, Serialize};

/// What makes an environment the same one: compared with the state's before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The organization's UUID.
    pub organization: String,
    /// The environment's id, `env-…`.
    pub environment: String,
    /// The cloud, in lower case: `aws`, `gcp`, `azure`. Host names take it so; pools take it in upper case.
    pub cloud: String,
    /// The region, for example `us-east-1`.
    pub region: String,
}

/// The organization of every simulated environment.
const SIMULATED: &str = "00000000-0000-0000-0000-000000000000";
/// The id that all simulated environments had before each got its own.
const SHARED: &str = "env-sim";

impl Identity {
    /// A simulated environment's own, from its key in the manifests.
    pub fn simulated(key: &str, cloud: String, region: String) -> Self {
        let environment = format!("{SHARED}-{key}");
        Identity { organization: SIMULATED.to_owned(), environment, cloud, region }
    }

    /// Whether a state of this identity is one of `environment`. A simulated state that is older than ids of their own
    /// belongs to whichever simulated environment of its region has it.
    pub fn owns(&self, environment: &Identity) -> bool {
        let shared = self.organization == SIMULATED && self.environment == SHARED;
        let taken = Identity { environment: environment.environment.clone(), ..self.clone() };
        self == environment || (shared && taken == *environment)
    }
}
