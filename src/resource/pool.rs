//! A compute pool as the project declares it.

use serde::{Deserialize, Serialize};

/// What a project says of a pool that it uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolDeclaration {
    /// The project owns it: creates, changes and deletes it.
    Owned(Pool),
    /// Somebody else owns it: it may be used, and is never changed or deleted.
    Borrowed {
        /// The pool's id, `lfcp-…`.
        id: String,
    },
}

/// An owned compute pool. Cloud and region are the environment's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Its display name. The service does not promise that it is unique; identity is the id.
    pub display_name: String,
    /// The most CFU it may use: one of 5, 10, 20, 30, 40, 50, more where Confluent has raised the limit. Can only be raised.
    pub max_cfu: u32,
    /// The network it lives in, `n-…`; only at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The cloud, in lower case.
    pub cloud: String,
    /// The region.
    pub region: String,
    /// Whether a plan may delete it.
    #[serde(default)]
    pub prevent_destroy: bool,
}
