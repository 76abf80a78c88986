//! What is written down before a request that changes something leaves.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{Address, Generation, Pool, Properties, Template};

/// Identifies one intent within a lineage: the run and a number in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub String);

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request about to be sent: durable before it leaves, settled when its outcome is known. One that is never settled
/// is what an interrupted run leaves to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Its name.
    pub id: IntentId,
    /// Whose it is.
    pub address: Address,
    /// What is asked of the service.
    pub operation: Operation,
}

/// A request that changes something, as data: complete but for secrets' values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// POST a statement under a name that is free.
    Submit(Submission),
    /// PUT `stopped`, pool or principal of one statement.
    #[serde(rename = "amend")]
    Update {
        /// Its cloud name.
        name: String,
        /// Which physical statement is meant.
        uid: String,
        /// What to change.
        to: StatementUpdate,
    },
    /// DELETE one statement.
    #[serde(rename = "remove")]
    Delete {
        /// Its cloud name.
        name: String,
        /// Which physical statement is meant.
        uid: String,
    },
    /// POST a pool. Pools get their ids from the service and their names are not unique, so the ids that bore the
    /// name before are kept: one more with this name and spec is ours.
    CreatePool {
        /// What to create.
        pool: Pool,
        /// The ids that bore this display name before.
        #[serde(rename = "before")]
        existing_ids: BTreeSet<String>,
    },
    /// PATCH a pool.
    #[serde(rename = "amend-pool")]
    UpdatePool {
        /// Its id.
        id: String,
        /// What to change.
        to: PoolUpdate,
    },
    /// DELETE a pool.
    #[serde(rename = "remove-pool")]
    DeletePool {
        /// Its id.
        id: String,
    },
}

/// A statement to submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The cloud name.
    pub name: String,
    /// Which generation this is.
    pub generation: Generation,
    /// What it will be to its address.
    pub role: Role,
    /// The SQL.
    pub sql: Template,
    /// The user's properties.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties<Template>,
    /// Properties that floe adds: offsets to start from, a predecessor to carry over from.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    #[serde(rename = "added")]
    pub added_properties: Properties<String>,
    /// The pool's id, resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Who it runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// What a physical statement is to its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The generation in force.
    Current,
    /// The one that is to take over.
    Successor,
    /// One that undoes the definition, run once.
    Undo,
}

/// What to change on a statement that exists. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementUpdate {
    /// Stop or resume.
    pub stopped: bool,
    /// The pool's id; the service takes a change only together with a resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The principal; the service takes a change only together with a resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// What to change on a pool. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolUpdate {
    /// A new display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// A higher limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cfu: Option<u32>,
}
