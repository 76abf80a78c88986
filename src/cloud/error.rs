//! What can go wrong with a call: a kind that code branches on, and all that a person needs to act.

use std::fmt;

use super::Method;

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// What code branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 401: no key, a wrong key, or a key of the other API.
    Unauthorized,
    /// 403: a role is missing. (A pool's 403 "was not found" is absence and never gets here.)
    Forbidden,
    /// 404 (of a pool also 403) in which the service says of the very name or id that it does not exist.
    NotFound,
    /// 409: the name is taken, or the object changed between GET and PUT.
    Conflict,
    /// Any other 4xx, a 404 that says nothing of what was asked for among them, and 501: refused, nothing was changed.
    Rejected,
    /// A change that was sent, and whose outcome is unknown: a lost answer or a 5xx. To be settled by reading.
    Uncertain,
    /// Nothing was changed and nothing can be said: no connection, a read that kept failing.
    Unreachable,
    /// The answer was no answer of this API: HTML, cut JSON, missing fields, an endless page chain.
    InvalidResponse,
    /// The answer is larger than floe takes in.
    TooLarge,
}

/// A call that failed: everything that is known of it, no credential among it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What code branches on.
    pub kind: ErrorKind,
    /// The method.
    pub method: Method,
    /// The URL without its query.
    pub url: String,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// The service's own words, or the transport's.
    pub detail: String,
    /// `X-Request-Id`, for Confluent's support.
    pub request_id: Option<String>,
    /// The next step: for a 403 the role that is wanted, for a 401 the variables that hold the key.
    pub help: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        if let Some(status) = self.status {
            write!(f, ": {status}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
