//! The way of a request into the world: which API, whose key, and what it is answered.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    answer::{Answer, Failure},
    asked::Asked,
    options::Options,
    pools, statements,
    world::{Late, World},
};
use crate::cloud::{Headers, Method};

/// The two APIs, each with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    Statements,
    Pools,
}

/// Answers a request whose sender may send it.
pub(super) fn answer(world: &mut World, asked: &Asked) -> Result<Answer, Failure> {
    let segments = asked.segments();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    match (api(asked), segments.as_slice()) {
        (
            Some(Api::Statements),
            ["sql", "v1", "organizations", organization, "environments", environment, "statements", rest @ ..],
        ) => statements::answer(world, asked, organization, environment, rest),
        (Some(Api::Pools), ["api", "fcpm", "v2", rest @ ..] | ["fcpm", "v2", rest @ ..]) => {
            pools::answer(world, asked, rest)
        }
        _ => Err(Failure::new(404, "Not Found")),
    }
}

/// Which API a path belongs to, if the host serves it.
fn api(asked: &Asked) -> Option<Api> {
    let (statements, pools) = asked.serves();
    let path = asked.path.strip_prefix("/api").unwrap_or(&asked.path);
    if path.starts_with("/sql/") {
        statements.then_some(Api::Statements)
    } else {
        (pools && path.starts_with("/fcpm/")).then_some(Api::Pools)
    }
}

/// The principal that owns the request's key, or 401 for a wrong key and 403 for a key of the other API.
pub(super) fn owner(asked: &Asked, headers: &Headers, options: &Options) -> Result<String, Failure> {
    let refused = |code: &str, words: &str| {
        let challenge = format!("Basic error=\"{code}\", error_description=\"{words}\"");
        Failure::new(401, "Valid authentication credentials must be provided")
            .coded("user_unauthenticated", "Authentication Required")
            .with("WWW-Authenticate", challenge)
    };
    let invalid = || refused("invalid_key", "The API Key is invalid");
    let (ours, other) = match api(asked) {
        Some(Api::Pools) => (&options.cloud_key, &options.flink_key),
        _ => (&options.flink_key, &options.cloud_key),
    };
    let given = headers.get("authorization").ok_or_else(|| refused("missing_key", "No API Key was given"))?;
    let (scheme, credentials) = given.split_once(' ').ok_or_else(invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") && ours.is_none() && !credentials.trim().is_empty() {
        return Ok(principal("pool", credentials));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid());
    }
    let decoded = STANDARD.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let (id, secret) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or_else(invalid)?;
    let is = |key: &Option<(String, String)>| key.as_ref().is_some_and(|(i, s)| i == id && s == secret);
    if is(ours) || (ours.is_none() && !is(other) && !id.is_empty()) {
        Ok(principal("u", id))
    } else if is(other) {
        let words = format!("The API key '{id}' is not allowed to access this API.");
        Err(Failure::new(403, words).coded("user_unauthorized", "User Access Unauthorized"))
    } else {
        Err(invalid())
    }
}

/// The id of the user or identity pool behind a credential: always the same for the same one.
fn principal(kind: &str, credential: &str) -> String {
    let hash = credential
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut random = fastrand::Rng::with_seed(hash);
    let letters: String = (0..6).map(|_| random.alphanumeric().to_ascii_lowercase()).collect();
    format!("{kind}-{letters}")
}

/// A request whose answer was lost has its effect now.
pub(super) fn carry_out_late(world: &mut World, late: &Late) {
    let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    let method = methods.into_iter().find(|method| method.as_str() == late.method);
    let Some(mut asked) = method.and_then(|method| Asked::of(method, &late.url, late.body.as_bytes())) else { return };
    asked.owner.clone_from(&late.owner);
    // Nobody is left to hear the answer.
    drop(answer(world, &asked));
}
