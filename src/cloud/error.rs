//! The error of a call: a kind that code branches on, and the details that a person needs to act.

use std::fmt;

use super::Method;
use crate::resource::{ForeignText, Secrets};

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

/// The kind of an error, which code branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 401: no key, a wrong key, or a key of the other API.
    Unauthorized,
    /// 403: a role is missing. (A pool's 403 "was not found" means absence and becomes `NotFound`.)
    Forbidden,
    /// 404 (for a pool also 403) in which the service says that exactly this name or id does not exist.
    NotFound,
    /// 409: the name is taken, or the object changed between GET and PUT.
    Conflict,
    /// Any other 4xx, including a 404 that says nothing about the requested resource, and 501: the request was
    /// rejected and nothing was changed.
    Rejected,
    /// A change was sent and its outcome is unknown, because of a lost response or a 5xx. Only a read can tell.
    Uncertain,
    /// Nothing was changed and nothing is known: there was no connection, or a read kept failing.
    Unreachable,
    /// The response is not one of this API: HTML, truncated JSON, missing fields, or an endless chain of pages.
    InvalidResponse,
    /// The response is larger than floe accepts.
    TooLarge,
}

/// A call that failed, with everything that is known about it except credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The kind of the error, which code branches on.
    pub kind: ErrorKind,
    /// The HTTP method of the call.
    pub method: Method,
    /// The URL without its query.
    pub url: String,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// The message of the service or of the transport.
    pub detail: ForeignText,
    /// The `X-Request-Id` of the response, for Confluent's support.
    pub request_id: Option<Box<str>>,
    /// Whether the body is one of the service's own error bodies, which have a list `errors`. A gateway's is not.
    pub has_service_body: bool,
    /// The next step: for a 403 the required role, for a 401 the variables that hold the key.
    pub help: Option<String>,
}

impl Error {
    /// Returns whether this error proves that a request which would have changed something had no effect: it was never
    /// sent, or the service itself says in its own words that it rejects it. A 401, 403 or 404 may come from a gateway
    /// that hides the service's answer.
    pub fn proves_no_effect(&self) -> bool {
        match (self.kind, self.status) {
            (ErrorKind::Uncertain | ErrorKind::InvalidResponse, _) => false,
            (_, None | Some(429)) => true,
            (_, Some(400 | 409 | 422)) => self.has_service_body && self.request_id.is_some(),
            (_, Some(_)) => false,
        }
    }

    /// Returns whether the service refuses the key (401 or 403).
    pub fn refuses_key(&self) -> bool {
        matches!(self.kind, ErrorKind::Unauthorized | ErrorKind::Forbidden)
    }

    /// Returns the error with the values of `secrets` redacted. The service may quote the SQL that it received.
    pub fn redacted(mut self, secrets: &Secrets) -> Error {
        self.detail = self.detail.map(|text| secrets.redact(text));
        self
    }
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
