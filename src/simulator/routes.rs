//! Routes a request to its API, checks its API key, and applies delayed effects.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    api_request::ApiRequest,
    options::SimulatorOptions,
    pools,
    response::{ApiError, ApiResponse},
    statements,
    world::{DelayedEffect, SimulatedWorld},
};
use crate::cloud::{Headers, Method};

/// The two APIs, each with its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServedApi {
    /// The statements API, `sql/v1`.
    Statements,
    /// The pools API, `fcpm/v2`.
    Pools,
}

/// Handles a request whose sender was authenticated.
pub(super) fn dispatch(world: &mut SimulatedWorld, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let segments = request.path_segments();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    match (served_api(request), segments.as_slice()) {
        (
            Some(ServedApi::Statements),
            ["sql", "v1", "organizations", organization, "environments", environment, "statements", rest @ ..],
        ) => statements::handle(world, request, organization, environment, rest),
        (Some(ServedApi::Pools), ["api", "fcpm", "v2", rest @ ..] | ["fcpm", "v2", rest @ ..]) => {
            pools::handle(world, request, rest)
        }
        _ => Err(ApiError::new(404, "Not Found")),
    }
}

/// Returns the API that the path belongs to, if the host serves it.
fn served_api(request: &ApiRequest) -> Option<ServedApi> {
    let (statements, pools) = request.served_apis();
    let path = request.path.strip_prefix("/api").unwrap_or(&request.path);
    if path.starts_with("/sql/") {
        statements.then_some(ServedApi::Statements)
    } else {
        (pools && path.starts_with("/fcpm/")).then_some(ServedApi::Pools)
    }
}

/// Returns the principal that owns the request's key, a 401 for a wrong key, or a 403 for a key of the other API.
pub(super) fn authenticate(
    request: &ApiRequest,
    headers: &Headers,
    options: &SimulatorOptions,
) -> Result<String, ApiError> {
    let unauthenticated = |code: &str, description: &str| {
        let challenge = format!("Basic error=\"{code}\", error_description=\"{description}\"");
        ApiError::new(401, "Valid authentication credentials must be provided")
            .with_code("user_unauthenticated", "Authentication Required")
            .with_header("WWW-Authenticate", challenge)
    };
    let invalid = || unauthenticated("invalid_key", "The API Key is invalid");
    let (accepted_key, other_key) = match served_api(request) {
        Some(ServedApi::Pools) => (&options.cloud_key, &options.flink_key),
        _ => (&options.flink_key, &options.cloud_key),
    };
    let authorization =
        headers.get("authorization").ok_or_else(|| unauthenticated("missing_key", "No API Key was given"))?;
    let (scheme, credentials) = authorization.split_once(' ').ok_or_else(invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") && accepted_key.is_none() && !credentials.trim().is_empty() {
        return Ok(principal_id("pool", credentials));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid());
    }
    let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (id, secret) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or_else(invalid)?;
    let matches = |key: &Option<(String, String)>| key.as_ref().is_some_and(|(i, s)| i == id && s == secret);
    if matches(accepted_key) || (accepted_key.is_none() && !matches(other_key) && !id.is_empty()) {
        Ok(principal_id("u", id))
    } else if matches(other_key) {
        let detail = format!("The API key '{id}' is not allowed to access this API.");
        Err(ApiError::new(403, detail).with_code("user_unauthorized", "User Access Unauthorized"))
    } else {
        Err(invalid())
    }
}

/// Returns the id of the user or identity pool behind a credential. Equal credentials give equal ids.
fn principal_id(kind: &str, credential: &str) -> String {
    let hash = credential
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut random = fastrand::Rng::with_seed(hash);
    let letters: String = (0..6).map(|_| random.alphanumeric().to_ascii_lowercase()).collect();
    format!("{kind}-{letters}")
}

/// Applies the effect of a request whose response was lost.
pub(super) fn apply_delayed_effect(world: &mut SimulatedWorld, effect: &DelayedEffect) {
    let Ok(method) = effect.method.parse::<Method>() else { return };
    let Some(mut request) = ApiRequest::parse(&method, &effect.url, effect.body.as_bytes()) else { return };
    request.principal.clone_from(&effect.principal);
    // No client waits for the response.
    drop(dispatch(world, &request));
}
