//! The origins of the two APIs for one environment, and the check that an origin may be used at all.

use url::{Host, Url};

use crate::resource::EnvironmentIdentity;

use super::key::Api;

/// The origins of the two APIs that serve an environment, and the environment's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The checked origin for statements.
    flink: Url,
    /// The checked origin for pools and regions.
    cloud: Url,
    /// The environment's identity, with its cloud in lower case.
    identity: EnvironmentIdentity,
}

/// An endpoint that must not be used, because it is not an origin or would send keys unencrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a valid endpoint: {why} (use an origin like `https://api.confluent.cloud`)")]
pub struct InvalidOrigin {
    /// The endpoint that was given, without any text before an `@`.
    pub given: String,
    /// The reason why the endpoint is invalid.
    pub why: &'static str,
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
    /// [`Endpoints::with_flink_origin`].
    pub fn private(identity: &EnvironmentIdentity) -> Result<Self, InvalidOrigin> {
        Endpoints::in_domain(identity, "private.confluent.cloud")
    }

    /// Returns endpoints with the origins that the project configures.
    pub fn from_origins(
        flink_origin: &str,
        cloud_origin: &str,
        identity: &EnvironmentIdentity,
    ) -> Result<Self, InvalidOrigin> {
        let identity = EnvironmentIdentity { cloud: identity.cloud.to_ascii_lowercase(), ..identity.clone() };
        Ok(Endpoints { flink: check_origin(flink_origin)?, cloud: check_origin(cloud_origin)?, identity })
    }

    /// Returns the same endpoints with `origin` for statements.
    pub fn with_flink_origin(self, origin: &str) -> Result<Self, InvalidOrigin> {
        Ok(Endpoints { flink: check_origin(origin)?, ..self })
    }

    /// Returns the same endpoints with `origin` for pools and regions.
    pub fn with_cloud_origin(self, origin: &str) -> Result<Self, InvalidOrigin> {
        Ok(Endpoints { cloud: check_origin(origin)?, ..self })
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
        Endpoints::from_origins(&given, Endpoints::CLOUD_ORIGIN, identity)
    }
}

/// Returns `text` as a URL if it is an `https://` origin, or an `http://` origin on loopback. An origin has a scheme,
/// a host and a port, and nothing else.
pub fn check_origin(text: &str) -> Result<Url, InvalidOrigin> {
    // The text before an `@` may be a key that was put there by mistake.
    let given = text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"));
    let invalid = |why| Err(InvalidOrigin { given, why });
    let Ok(url) = Url::parse(text) else { return invalid("it is not a URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("keys belong in environment variables, not in a URL");
    }
    if url.host().is_none() {
        return invalid("it has no host");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return invalid("it must not have a path, query or fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => invalid("keys are sent over `http://` only to this machine (`localhost`, `127.0.0.1`, `[::1]`)"),
        _ => invalid("its scheme is neither `https` nor `http`"),
    }
}

/// Returns whether a key for `from` may also be sent to `to`, the target of a redirect: on the same origin, or if
/// both are hosts of Confluent Cloud over TLS. The service redirects from a region's host to neighboring hosts, and
/// Confluent's own command-line tool keeps the key there too.
pub(super) fn may_forward_key(from: &Url, to: &Url) -> bool {
    if !to.username().is_empty() || to.password().is_some() {
        return false;
    }
    from.origin() == to.origin() || (is_confluent_host(from) && is_confluent_host(to))
}

/// Returns whether a key may be sent to `to`, which the service names in a response from `asked`. Trusted are
/// Confluent Cloud's own hosts over TLS, no matter where the response came from (a proxy passes on what the service
/// says), and the origin that was asked.
pub(super) fn is_trusted_endpoint(asked: &Url, to: &Url) -> bool {
    is_confluent_host(to) || asked.origin() == to.origin()
}

/// Returns whether `url` is on a host of Confluent Cloud over TLS.
fn is_confluent_host(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else { return false };
    url.scheme() == "https" && (host == "confluent.cloud" || host.ends_with(".confluent.cloud"))
}

/// Returns whether the host of `url` is this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
