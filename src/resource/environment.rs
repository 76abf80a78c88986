//! Which Confluent Cloud environment, in which region.

use serde::{Deserialize, Serialize};

/// What makes an environment the same one: compared with the state's before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentIdentity {
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
const SIMULATED_ORGANIZATION: &str = "00000000-0000-0000-0000-000000000000";
/// The id that all simulated environments had before each got its own.
const SHARED_SIMULATED_ID: &str = "env-sim";

impl EnvironmentIdentity {
    /// A simulated environment's own, from its key in the manifests.
    pub fn simulated(key: &str, cloud: String, region: String) -> Self {
        let environment = format!("{SHARED_SIMULATED_ID}-{key}");
        EnvironmentIdentity { organization: SIMULATED_ORGANIZATION.to_owned(), environment, cloud, region }
    }

    /// Whether a state of this identity is one of `environment`. A simulated state that is older than ids of their own
    /// belongs to whichever simulated environment of its region has it.
    pub fn matches_environment(&self, environment: &EnvironmentIdentity) -> bool {
        let has_shared_id = self.organization == SIMULATED_ORGANIZATION && self.environment == SHARED_SIMULATED_ID;
        let with_its_id = EnvironmentIdentity { environment: environment.environment.clone(), ..self.clone() };
        self == environment || (has_shared_id && with_its_id == *environment)
    }
}
