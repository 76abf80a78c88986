//! A statement to submit.

use std::fmt;

use crate::resource::{Labels, Properties};

/// A statement to submit, with its secrets revealed. `Debug` shows no SQL and no values.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NewStatement {
    /// The statement's name, which must be free in the environment.
    pub name: String,
    /// The SQL, which is sent byte for byte.
    pub sql: String,
    /// The properties of the statement.
    pub properties: Properties<String>,
    /// The id of the pool. Without one, the service uses the region's default pool.
    pub pool: Option<String>,
    /// The principal that the statement runs as. Without one, it is the key's owner.
    pub principal: Option<String>,
    /// Whether the statement is created in the stopped state. It is not documented whether the service honors this.
    pub stopped: bool,
    /// The labels, sent as `metadata.labels`.
    pub labels: Labels,
}

impl fmt::Debug for NewStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewStatement")
            .field("name", &self.name)
            .field("properties", &self.properties.keys())
            .field("pool", &self.pool)
            .field("principal", &self.principal)
            .field("stopped", &self.stopped)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}
