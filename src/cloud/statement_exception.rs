//! An exception of a statement, as the service lists it.

use crate::resource::Secrets;

/// One of the last ten failures of a statement. The service recovers from most of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementException {
    /// The time of the failure (RFC 3339).
    pub at: Option<String>,
    /// The exception's class, for example `java.lang.RuntimeException`.
    pub name: String,
    /// The message of the exception.
    pub message: String,
}

impl StatementException {
    /// Returns the exception with the values of `secrets` redacted.
    pub fn redacted(mut self, secrets: &Secrets) -> StatementException {
        self.message = secrets.redact(&self.message);
        self.name = secrets.redact(&self.name);
        self
    }
}
