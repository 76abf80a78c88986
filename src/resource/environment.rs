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

/// The domain of Confluent Cloud's own hosts.
const CONFLUENT_DOMAIN: &str = "confluent.cloud";

/// Returns whether `origin`, such as `https://api.confluent.cloud`, is a host of Confluent Cloud over TLS. API keys may
/// always be sent there. Every other origin needs permission from the environment of the process.
pub fn is_confluent_origin(origin: &str) -> bool {
    let Some(host) = origin.strip_prefix("https://") else { return false };
    let host = match host.split_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        Some(_) => return false,
        None => host,
    };
    let is_host_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let labels = host.strip_suffix(CONFLUENT_DOMAIN);
    labels.is_some_and(|labels| labels.chars().all(is_host_name) && (labels.is_empty() || labels.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tls_hosts_in_confluents_domain_are_confluents() {
        for origin in
            ["https://api.confluent.cloud", "https://confluent.cloud", "https://lkc-1.aws.private.confluent.cloud:8443"]
        {
            assert!(is_confluent_origin(origin), "{origin}");
        }
        for origin in [
            "http://api.confluent.cloud",
            "https://evilconfluent.cloud",
            "https://confluent.cloud.evil.example",
            "https://confluent.cloud@evil.example",
            "https://evil.example/.confluent.cloud",
            "https://evil.example?x.confluent.cloud",
            "https://evil.example#.confluent.cloud",
            "https://evil.example\\.confluent.cloud",
            "https://evil.example:443.confluent.cloud",
            "https://api.confluent.cloud.",
            "https://api.confluent.cloud:",
            "https://127.0.0.1",
            "api.confluent.cloud",
            "",
        ] {
            assert!(!is_confluent_origin(origin), "{origin}");
        }
    }
}
