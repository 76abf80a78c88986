//! Where the two APIs of one environment are asked, and whether an address may be asked at all.

use url::{Host, Url};

use crate::resource::EnvironmentIdentity;

use super::key::Api;

/// The two origins that serve an environment, and the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    flink: Url,
    cloud: Url,
    identity: EnvironmentIdentity,
}

/// An endpoint that may not be used: it is no origin, or keys would travel in the clear.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` cannot be an endpoint: {why}; use an origin like `https://api.confluent.cloud`")]
pub struct InvalidOrigin {
    /// What was given.
    pub given: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Endpoints {
    /// Where pools and regions are asked, for every environment.
    pub const CLOUD_ORIGIN: &str = "https://api.confluent.cloud";

    /// The public endpoints: `https://flink.{region}.{cloud}.confluent.cloud`, the cloud in lower case.
    pub fn public(identity: &EnvironmentIdentity) -> Result<Self, InvalidOrigin> {
        Endpoints::in_domain(identity, "confluent.cloud")
    }

    /// The region's private endpoint by its documented name, `https://flink.{region}.{cloud}.private.confluent.cloud`,
    /// for whoever cannot ask for it ([`super::Cloud::private_endpoint`]). Pools stay on the public host. A network's own
    /// endpoint is given to [`Site::with_flink`].
    pub fn private(identity: &EnvironmentIdentity) -> Result<Self, InvalidOrigin> {
        Endpoints::in_domain(identity, "private.confluent.cloud")
    }

    /// Endpoints that the project names.
    pub fn from_origins(
        flink_origin: &str,
        cloud_origin: &str,
        identity: &EnvironmentIdentity,
    ) -> Result<Self, InvalidOrigin> {
        let identity = EnvironmentIdentity { cloud: identity.cloud.to_ascii_lowercase(), ..identity.clone() };
        Ok(Endpoints { flink: check_origin(flink_origin)?, cloud: check_origin(cloud_origin)?, identity })
    }

    /// The same site with its statements asked at `origin`.
    pub fn with_flink_origin(self, origin: &str) -> Result<Self, InvalidOrigin> {
        Ok(Endpoints { flink: check_origin(origin)?, ..self })
    }

    /// The same site with its pools asked at `origin`.
    pub fn with_cloud_origin(self, origin: &str) -> Result<Self, InvalidOrigin> {
        Ok(Endpoints { cloud: check_origin(origin)?, ..self })
    }

    /// Where statements are asked.
    pub fn flink_origin(&self) -> &Url {
        &self.flink
    }

    /// Where pools and regions are asked.
    pub fn cloud_origin(&self) -> &Url {
        &self.cloud
    }

    /// The environment; its cloud is in lower case.
    pub fn identity(&self) -> &EnvironmentIdentity {
        &self.identity
    }

    pub(super) fn origin(&self, api: Api) -> &Url {
        match api {
            Api::Flink => &self.flink,
            Api::Cloud => &self.cloud,
        }
    }

    fn in_domain(identity: &EnvironmentIdentity, domain: &str) -> Result<Self, InvalidOrigin> {
        let (cloud, region) = (identity.cloud.to_ascii_lowercase(), identity.region.to_ascii_lowercase());
        let given = format!("https://flink.{region}.{cloud}.{domain}");
        // A `/` in a region would end the host early and send the key to whoever comes before it.
        let is_host_label =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_host_label(&cloud) || !is_host_label(&region) {
            return Err(InvalidOrigin { given, why: "the cloud and the region may hold only letters, digits and `-`" });
        }
        Endpoints::from_origins(&given, Endpoints::CLOUD_ORIGIN, identity)
    }
}

/// Checks that `text` is an `https://` origin, or an `http://` one on loopback: nothing but scheme, host and port.
pub fn check_origin(text: &str) -> Result<Url, InvalidOrigin> {
    // What stands before an `@` may be a key that somebody put there.
    let given = text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"));
    let refuse = |why| Err(InvalidOrigin { given, why });
    let Ok(url) = Url::parse(text) else { return refuse("it is no URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("keys come from the environment, not from an address");
    }
    if url.host().is_none() {
        return refuse("it has no host");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return refuse("it may hold no path, query or fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refuse("keys travel over `http://` only to this machine itself (`localhost`, `127.0.0.1`, `[::1]`)"),
        _ => refuse("its scheme is neither `https` nor `http`"),
    }
}

/// Whether a key that was meant for `from` may also be shown to `to`, where `from` redirected: on the same origin, or
/// where both are Confluent Cloud's own, over TLS. The service redirects from a region's host to hosts beside it
/// (Confluent's own command line keeps the key there too).
pub(super) fn may_forward_key(from: &Url, to: &Url) -> bool {
    if !to.username().is_empty() || to.password().is_some() {
        return false;
    }
    from.origin() == to.origin() || (is_confluent_host(from) && is_confluent_host(to))
}

/// Whether a key may be shown to `to`, which the service names in an answer from `asked`: Confluent Cloud's own hosts over
/// TLS, wherever that was read (a proxy passes the service's words on), or the origin that was asked and nothing else.
pub(super) fn is_trusted_endpoint(asked: &Url, to: &Url) -> bool {
    is_confluent_host(to) || asked.origin() == to.origin()
}

fn is_confluent_host(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else { return false };
    url.scheme() == "https" && (host == "confluent.cloud" || host.ends_with(".confluent.cloud"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
