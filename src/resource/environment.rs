//! The identity of a Confluent Cloud environment and its region.

use serde::{Deserialize, Serialize};

/// The fields that identify an environment. They are compared with those of the state before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentIdentity {
    /// The UUID of the organization.
    pub organization: String,
    /// The environment's id, `env-…`.
    pub environment: String,
    /// The cloud in lower case: `aws`, `gcp`, `azure`. Host names use lower case, but pools use upper case.
    pub cloud: String,
    /// The region, for example `us-east-1`.
    pub region: String,
}

/// The organization of every simulated environment.
const SIMULATED_ORGANIZATION: &str = "00000000-0000-0000-0000-000000000000";
/// The id that all simulated environments shared before each had its own.
const SHARED_SIMULATED_ID: &str = "env-sim";

impl EnvironmentIdentity {
    /// Returns the identity of the simulated environment with this manifest key.
    pub fn simulated(key: &str, cloud: String, region: String) -> Self {
        let environment = format!("{SHARED_SIMULATED_ID}-{key}");
        EnvironmentIdentity { organization: SIMULATED_ORGANIZATION.to_owned(), environment, cloud, region }
    }

    /// Returns whether a state with this identity belongs to `environment`. A simulated state from before each
    /// environment had its own id matches any simulated environment of its region.
    pub fn matches_environment(&self, environment: &EnvironmentIdentity) -> bool {
        let has_shared_id = self.organization == SIMULATED_ORGANIZATION && self.environment == SHARED_SIMULATED_ID;
        let with_its_id = EnvironmentIdentity { environment: environment.environment.clone(), ..self.clone() };
        self == environment || (has_shared_id && with_its_id == *environment)
    }
}
