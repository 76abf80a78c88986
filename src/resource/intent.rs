//! Intents: what the journal records before a request that changes something is sent.

use std::{collections::BTreeSet, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Address, Generation, Pool, Properties, ServiceTime, Template};

/// How long a request whose answer is not known may still take effect after it was sent, whoever sent it. It may be
/// under way, or the service may be acting on it. Until then nothing is started, resumed or deleted that it could meet.
pub const IN_FLIGHT: Duration = Duration::from_secs(150);

/// The id of one intent, unique within a lineage: the run and a number within the run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub String);

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request that is about to be sent. The intent is durable before the request leaves, and it is settled when the
/// outcome is known. An interrupted run can leave intents that are never settled; the next run settles those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The id of this intent.
    pub id: IntentId,
    /// The address that the request is for.
    pub address: Address,
    /// The request to the service.
    pub operation: Operation,
    /// When the request was about to be sent, by the service's clock. States that an older version wrote lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<ServiceTime>,
}

impl Intent {
    /// Returns how long the request may still take effect at `now`, or `None` if it no longer can. If it is not known
    /// when it was sent, the time counts from `now`.
    pub fn in_flight_for(&self, now: Option<ServiceTime>) -> Option<Duration> {
        let age = self.sent_at.zip(now).and_then(|(sent_at, now)| now.since(sent_at)).unwrap_or_default();
        IN_FLIGHT.checked_sub(age).filter(|left| !left.is_zero())
    }

    /// Returns whether a request for `address` must not be sent while this one may still take effect, because the two
    /// could meet: two generations of a job could run, a statement could come to life after its deletion, or what was
    /// started could be deleted.
    ///
    /// The same request may be sent again while its first copy is in flight. A submission takes effect once for each
    /// name, and an update only if the statement has not changed since it was read.
    pub fn could_meet(&self, address: &Address, next: &Operation) -> bool {
        match (&self.operation, next) {
            (Operation::DeletePool { id }, Operation::Submit(next)) => next.pool.as_ref() == Some(id),
            (Operation::DeletePool { id }, Operation::Update { to, .. }) => !to.stopped && to.pool.as_ref() == Some(id),
            _ if self.address != *address => false,
            (Operation::Submit(late), Operation::Submit(next)) => {
                late.name != next.name && late.role != Role::Undo && next.role != Role::Undo
            }
            (Operation::Submit(late), Operation::Update { name, to, .. }) => {
                late.role != Role::Undo && !to.stopped && late.name != *name
            }
            (Operation::Submit(late), Operation::Delete { name, .. }) => late.name == *name,
            (Operation::Update { to: late, .. }, Operation::Submit(next)) => !late.stopped && next.role != Role::Undo,
            (Operation::Update { name: late, to: late_update, .. }, Operation::Update { name, to, .. }) => {
                !late_update.stopped && !to.stopped && late != name
            }
            (Operation::Delete { name, .. }, Operation::Submit(next)) => *name == next.name,
            (Operation::Delete { name: late, .. }, Operation::Update { name, to, .. }) => !to.stopped && late == name,
            _ => false,
        }
    }
}

/// A request that changes something, as data. It is complete except for the values of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// POSTs a statement under a name that is free.
    Submit(Submission),
    /// PUTs `stopped`, the pool or the principal of one statement.
    #[serde(rename = "amend")]
    Update {
        /// The statement's cloud name.
        name: String,
        /// The uid, which identifies the physical statement.
        uid: String,
        /// The values to set.
        to: StatementUpdate,
    },
    /// Deletes one statement with DELETE.
    #[serde(rename = "remove")]
    Delete {
        /// The statement's cloud name.
        name: String,
        /// The uid, which identifies the physical statement.
        uid: String,
    },
    /// POSTs a pool. The service assigns the id and names are not unique, so the intent keeps the ids of the pools
    /// that already had this name. Another pool with this name and spec is then the one that was created.
    CreatePool {
        /// The pool to create.
        pool: Pool,
        /// The ids of the pools that already had this display name.
        #[serde(rename = "before")]
        existing_ids: BTreeSet<String>,
    },
    /// Changes a pool with PATCH.
    #[serde(rename = "amend-pool")]
    UpdatePool {
        /// The id of the pool.
        id: String,
        /// The values to set.
        to: PoolUpdate,
    },
    /// Deletes a pool with DELETE.
    #[serde(rename = "remove-pool")]
    DeletePool {
        /// The id of the pool.
        id: String,
    },
}

/// A statement to submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The statement's cloud name.
    pub name: String,
    /// The generation that this submission creates.
    pub generation: Generation,
    /// The role that the statement will have for its address.
    pub role: Role,
    /// The SQL to submit.
    pub sql: Template,
    /// The properties from the manifests.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties<Template>,
    /// Properties that floe adds: the offsets to start from, or the predecessor to carry state over from.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    #[serde(rename = "added")]
    pub added_properties: Properties<String>,
    /// The id of the pool, already resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The principal that the statement runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// The role of a physical statement for its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The generation that is current.
    Current,
    /// The generation that is going to take over.
    Successor,
    /// A statement that undoes the definition and runs once.
    Undo,
}

/// The values to change on an existing statement. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementUpdate {
    /// Whether to stop the statement; otherwise it is resumed.
    pub stopped: bool,
    /// The pool's id. The service accepts a change only together with a resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The principal's id. The service accepts a change only together with a resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// The values to change on a pool. `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolUpdate {
    /// The new display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The new, higher CFU limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cfu: Option<u32>,
}
