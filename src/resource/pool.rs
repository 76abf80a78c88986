//! A compute pool as the project declares it.

use serde::{Deserialize, Serialize};

/// What a project declares about a pool that it uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolDeclaration {
    /// The project owns the pool: it creates, changes and deletes it.
    Owned(Pool),
    /// The pool is not managed by this project: statements may use it, but floe never changes or deletes it.
    Borrowed {
        /// The pool's id, `lfcp-…`.
        id: String,
    },
}

/// A compute pool that the project owns. Its cloud and region are those of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The pool's display name. The service does not promise that it is unique. The id is the pool's identity.
    pub display_name: String,
    /// The maximum number of CFUs: one of 5, 10, 20, 30, 40 and 50, or more where Confluent has raised the limit. It
    /// can only be raised.
    pub max_cfu: u32,
    /// The id of the pool's network, `n-…`. It can be set only at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The cloud, in lower case.
    pub cloud: String,
    /// The region of the pool.
    pub region: String,
    /// Whether plans are forbidden to delete the pool.
    #[serde(default)]
    pub prevent_destroy: bool,
}

impl Pool {
    /// Returns this pool as it is once it is applied over `applied`: the service cannot lower `max_cfu`.
    pub fn applied_over(&self, applied: &Pool) -> Pool {
        Pool { max_cfu: self.max_cfu.max(applied.max_cfu), ..self.clone() }
    }
}
