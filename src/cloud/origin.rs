//! Origins, and the check that one may be used at all.

use url::{Host, Url};

/// An endpoint that must not be used, because it is not an origin or would send keys unencrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a valid endpoint: {why} (use an origin like `https://api.confluent.cloud`)")]
pub struct InvalidOrigin {
    /// The endpoint that was given, without any text before an `@`.
    pub given: String,
    /// The reason why the endpoint is invalid.
    pub why: &'static str,
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

/// Returns the origin of `url` as text: scheme, host, and the port if it is not the scheme's default.
pub(super) fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
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
