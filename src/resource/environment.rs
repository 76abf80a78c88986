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
