//! An exception of a statement, as the service lists it.

use crate::resource::{ForeignText, Secrets};

/// One of the last ten failures of a statement. The service recovers from most of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementException {
    /// The time of the failure (RFC 3339).
    pub at: Option<String>,
    /// The exception's class, for example `java.lang.RuntimeException`.
    pub name: ForeignText,
    /// The message of the exception.
    pub message: ForeignText,
}

impl StatementException {
    /// Returns the exception with the values of `secrets` redacted.
    pub fn redacted(mut self, secrets: &Secrets) -> StatementException {
        self.message = self.message.map(|text| secrets.redact(text));
        self.name = self.name.map(|text| secrets.redact(text));
        self
    }
}
