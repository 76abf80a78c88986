//! The entries of the journal: requests that are about to be sent, their outcomes, and facts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FurthestPhase, GenerationRecord};
use crate::resource::{Address, Intent, IntentId, KeyedHash, Offsets, Pool, Statement};

/// One entry of the journal. The record is a snapshot with entries applied to it by [`super::Recorded::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// A request is about to be sent. This reserves the number of a submission, and voids the offsets of a statement
    /// that is resumed.
    #[serde(rename = "intend")]
    IntentOpened {
        /// The request that is about to be sent.
        intent: Intent,
        /// Keyed hashes of the secrets in the request, by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        secrets: BTreeMap<String, KeyedHash>,
    },
    /// The outcome of a request is known.
    #[serde(rename = "settle")]
    IntentSettled {
        /// The id of the intent that is settled.
        #[serde(rename = "intent")]
        intent_id: IntentId,
        /// The outcome of the request.
        outcome: Outcome,
    },
    /// Something was learned or decided without a request.
    #[serde(rename = "record")]
    FactRecorded {
        /// The fact to record.
        fact: Fact,
    },
}

/// The outcome of a request, based on evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The request took effect.
    Applied {
        /// The uid of a submitted statement, or the id of a created pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// When the service says it was created (RFC 3339).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created_at: Option<String>,
    },
    /// The request had no effect, and there is evidence: the service rejected it, or it was never sent and its result
    /// does not exist.
    #[serde(rename = "rejected")]
    NotApplied {
        /// The reason, usually the service's message.
        why: String,
    },
}

/// A change of the record that needs no request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// Sets what is declared for a statement, and creates its record if there is none. If a tombstone has the same
    /// cloud name, under any key, its numbers continue here and the tombstone is removed.
    Declared {
        /// The manifest key of the statement.
        key: String,
        /// Everything that the project declares about it.
        declared: Box<Statement>,
        /// The addresses that it depends on.
        #[serde(rename = "needs")]
        dependencies: BTreeSet<Address>,
    },
    /// Sets what is declared for a recorded pool.
    PoolDeclared {
        /// The manifest key of the pool.
        key: String,
        /// Everything that the project declares about it.
        declared: Pool,
    },
    /// An existing statement now belongs to this address. A statement that an open intent explains cannot be adopted.
    /// Instead, that intent was applied.
    Adopted {
        /// The manifest key of a declared record.
        key: String,
        /// What is known about the statement.
        generation: Box<GenerationRecord>,
        /// The other generations that exist without a record. They become retired.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retired: Vec<GenerationRecord>,
        /// Whether the recorded generations become retired too, because an import names this one as the current.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replaces_recorded: bool,
    },
    /// An existing pool now belongs to this address.
    PoolAdopted {
        /// The manifest key of the pool.
        key: String,
        /// The id of the pool.
        id: String,
        /// Everything that the project declares about it.
        declared: Pool,
    },
    /// A generation was seen to have reached a phase.
    #[serde(rename = "reached")]
    PhaseReached {
        /// The manifest key of the statement.
        key: String,
        /// The generation's cloud name.
        name: String,
        /// The furthest phase that it reached.
        reached: FurthestPhase,
        /// The kind that the service reported.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(rename = "kind")]
        sql_kind: Option<String>,
        /// Whether the service said that the statement is bounded, so it ends without being stopped.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
    },
    /// A generation stopped at these offsets. Without topics it means that the generation runs again, so its offsets
    /// are no longer valid.
    #[serde(rename = "stood")]
    OffsetsSet {
        /// The manifest key of the statement.
        key: String,
        /// The generation's cloud name.
        name: String,
        /// The offsets where it stopped.
        offsets: Offsets,
    },
    /// The hashes of a generation's secrets are replaced by stronger ones of the same values.
    SecretsRehashed {
        /// The manifest key of the statement.
        key: String,
        /// The generation's cloud name.
        name: String,
        /// The hashes of all secrets that were sent, by name.
        secrets: BTreeMap<String, KeyedHash>,
    },
    /// The successor has taken over: it becomes current, and the predecessor is retired.
    Promoted {
        /// The manifest key of the statement.
        key: String,
    },
    /// A generation is confirmed to be gone. The offsets of the current generation are kept until another one has
    /// run.
    #[serde(rename = "gone")]
    GenerationGone {
        /// The manifest key of the statement.
        key: String,
        /// The generation's cloud name.
        name: String,
    },
    /// The address is deleted. A statement leaves a tombstone, a pool leaves nothing. The address must not have open
    /// intents.
    #[serde(rename = "buried")]
    Deleted {
        /// The address that was deleted.
        address: Address,
    },
    /// floe no longer manages the address. Its resources stay in the cloud. A statement leaves a tombstone without
    /// offsets, so that its numbers stay used. The open intents of the address are removed.
    Forgotten {
        /// The address that was forgotten.
        address: Address,
    },
    /// The resources move to another address, which must not have any. References to the old address are replaced.
    Moved {
        /// The address before the move.
        from: Address,
        /// The address after the move.
        to: Address,
    },
}
