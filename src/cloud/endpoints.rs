//! The origins of the two APIs for one environment.

use url::Url;

use crate::resource::{EnvironmentIdentity, is_confluent_origin};

use super::{
    AllowedOrigins,
    key::Api,
    origin::{InvalidOrigin, check_origin, origin_of},
};

/// The origins of the two APIs that serve an environment, and the environment's identity. Each origin is a host of
/// Confluent Cloud, or is allowed by the environment of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The checked origin for statements.
    flink: Url,
    /// The checked origin for pools and regions.
    cloud: Url,
    /// The environment's identity, with its cloud in lower case.
    identity: EnvironmentIdentity,
    /// The other origins that may receive a key, for redirects and for endpoints that the service names.
    allowed: AllowedOrigins,
}

/// An endpoint that no API key is sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The endpoint is not an origin, or would send keys unencrypted.
    #[error(transparent)]
    Invalid(#[from] InvalidOrigin),
    /// The endpoints are not hosts of Confluent Cloud, and the environment of the process does not allow them.
    #[error("{} of Confluent Cloud, so no API key is sent there", not_hosts(.origins))]
    NotAllowed {
        /// The origins that are not allowed.
        origins: Vec<String>,
        /// The shell command that allows them.
        export_command: String,
    },
}

/// Returns "`a` is not a host" or "`a` and `b` are not hosts".
fn not_hosts(origins: &[String]) -> String {
    let quoted: Vec<String> = origins.iter().map(|origin| format!("`{origin}`")).collect();
    format!("{} {}", quoted.join(" and "), if quoted.len() == 1 { "is not a host" } else { "are not hosts" })
}

impl Endpoints {
    /// The origin for pools and regions of every environment.
    pub const CLOUD_ORIGIN: &str = "https://api.confluent.cloud";

    /// Returns the public endpoints: `https://flink.{region}.{cloud}.confluent.cloud`, with the cloud in lower case.
    pub fn public(identity: &EnvironmentIdentity) -> Result<Self, InvalidOrigin> {
        Endpoints::in_domain(identity, "confluent.cloud")
    }

    /// Returns the region's private endpoint by its documented name,
    /// `https://flink.{region}.{cloud}.private.confluent.cloud`, for callers that cannot look it up with
    /// [`super::CloudClient::private_endpoint`]. Pools stay on the public host. For a network's own endpoint, use
    /// [`Endpoints::with_origins`].
    pub fn private(identity: &EnvironmentIdentity) -> Result<Self, InvalidOrigin> {
        Endpoints::in_domain(identity, "private.confluent.cloud")
    }

    /// Returns the same endpoints, with permission to send keys to these other origins.
    pub fn allowing(self, allowed: AllowedOrigins) -> Self {
        Endpoints { allowed, ..self }
    }

    /// Returns the same endpoints with other origins: `flink` for statements, `cloud` for pools and regions.
    ///
    /// # Errors
    /// When one of them is not an origin, or may not receive a key.
    pub fn with_origins(self, flink: Option<&str>, cloud: Option<&str>) -> Result<Self, EndpointError> {
        let (flink, cloud) = (flink.map(check_origin).transpose()?, cloud.map(check_origin).transpose()?);
        let mut refused: Vec<&Url> =
            [&flink, &cloud].into_iter().flatten().filter(|url| !self.may_receive_key(url)).collect();
        refused.dedup();
        if !refused.is_empty() {
            let origins = refused.iter().map(|url| origin_of(url)).collect();
            return Err(EndpointError::NotAllowed { origins, export_command: self.allowed.export_command(refused) });
        }
        Ok(Endpoints { flink: flink.unwrap_or(self.flink), cloud: cloud.unwrap_or(self.cloud), ..self })
    }

    /// Returns the origin for statements.
    pub fn flink_origin(&self) -> &Url {
        &self.flink
    }

    /// Returns the origin for pools and regions.
    pub fn cloud_origin(&self) -> &Url {
        &self.cloud
    }

    /// Returns the environment's identity, with its cloud in lower case.
    pub fn identity(&self) -> &EnvironmentIdentity {
        &self.identity
    }

    /// Returns whether an API key may be sent to `url`, which the project or the service names.
    pub(super) fn may_receive_key(&self, url: &Url) -> bool {
        self.allowed.allows(url)
    }

    /// Returns whether a key for `from` may also be sent to `to`, the target of a redirect: on the same origin, if both
    /// are hosts of Confluent Cloud over TLS, or if the environment of the process allows `to`. The service redirects
    /// from a region's host to neighboring hosts, and Confluent's own command-line tool keeps the key there too.
    pub(super) fn may_forward_key(&self, from: &Url, to: &Url) -> bool {
        if !to.username().is_empty() || to.password().is_some() {
            return false;
        }
        let are_both_confluents = is_confluent_host(from) && is_confluent_host(to);
        from.origin() == to.origin() || are_both_confluents || self.allowed.contains(to)
    }

    /// Returns the shell command that allows `url` to receive keys, or `None` if no variable can allow it.
    pub(super) fn export_command(&self, url: &Url) -> Option<String> {
        check_origin(&origin_of(url)).ok().map(|url| self.allowed.export_command([&url]))
    }

    /// Returns the origin of `api`.
    pub(super) fn origin(&self, api: Api) -> &Url {
        match api {
            Api::Flink => &self.flink,
            Api::Cloud => &self.cloud,
        }
    }

    /// Returns the endpoints whose host for statements is in `domain`.
    fn in_domain(identity: &EnvironmentIdentity, domain: &str) -> Result<Self, InvalidOrigin> {
        let (cloud, region) = (identity.cloud.to_ascii_lowercase(), identity.region.to_ascii_lowercase());
        let given = format!("https://flink.{region}.{cloud}.{domain}");
        // A `/` in a region would end the host name early, and the key would be sent to the host named before it.
        let is_host_label =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_host_label(&cloud) || !is_host_label(&region) {
            return Err(InvalidOrigin {
                given,
                why: "the cloud and the region may contain only letters, digits and `-`",
            });
        }
        Ok(Endpoints {
            flink: check_origin(&given)?,
            cloud: check_origin(Endpoints::CLOUD_ORIGIN)?,
            identity: EnvironmentIdentity { cloud, ..identity.clone() },
            allowed: AllowedOrigins::default(),
        })
    }
}

/// Returns whether `url` is on a host of Confluent Cloud over TLS.
fn is_confluent_host(url: &Url) -> bool {
    is_confluent_origin(&origin_of(url))
}
