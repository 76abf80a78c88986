//! The journal's entries: what is about to be asked, what came of it, and what was learnt.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FurthestPhase, GenerationRecord};
use crate::resource::{Address, Intent, IntentId, KeyedHash, Offsets, Pool, Statement};

/// One entry of the journal. State is the fold of entries over a snapshot, by [`super::Recorded::apply`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// A request is about to be sent. Uses up the number of a submission, and voids the offsets of what is resumed.
    #[serde(rename = "intend")]
    IntentOpened {
        /// What will be asked.
        intent: Intent,
        /// Keyed hashes of the secrets that go with it.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        secrets: BTreeMap<String, KeyedHash>,
    },
    /// The outcome of a request is known.
    #[serde(rename = "settle")]
    IntentSettled {
        /// Which one.
        #[serde(rename = "intent")]
        intent_id: IntentId,
        /// What came of it.
        outcome: Outcome,
    },
    /// Something was learnt or decided without a request.
    #[serde(rename = "record")]
    FactRecorded {
        /// What.
        fact: Fact,
    },
}

/// What came of a request, on evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The service acted on it.
    Applied {
        /// The uid of a submitted statement, or the id of a created pool.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// When the service says it was created (RFC 3339).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created_at: Option<String>,
    },
    /// Nothing came of it, on evidence: the service refused it, or it was never sent and is not there.
    Rejected {
        /// Why, in the service's words.
        why: String,
    },
}

/// What changes the record without a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// A statement is declared so from now on; makes its record if there is none. Numbers of a tombstone with the
    /// same cloud name, whatever key it is under, go on counting, and the tombstone goes.
    Declared {
        /// The manifest key.
        key: String,
        /// All that the project says of it.
        declared: Box<Statement>,
        /// What it needs.
        #[serde(rename = "needs")]
        dependencies: BTreeSet<Address>,
    },
    /// A recorded pool is declared so from now on.
    PoolDeclared {
        /// The manifest key.
        key: String,
        /// All that the project says of it.
        declared: Pool,
    },
    /// A statement that runs already is this address's from now on. One that an open intent explains is not adopted:
    /// that intent was applied.
    Adopted {
        /// The manifest key of a record that is declared and has no current generation.
        key: String,
        /// What is known of it.
        generation: Box<GenerationRecord>,
    },
    /// A pool that exists is this address's from now on.
    PoolAdopted {
        /// The manifest key.
        key: String,
        /// Its id.
        id: String,
        /// All that the project says of it.
        declared: Pool,
    },
    /// A generation was seen to have got this far.
    #[serde(rename = "reached")]
    PhaseReached {
        /// The manifest key.
        key: String,
        /// The generation's cloud name.
        name: String,
        /// How far.
        reached: FurthestPhase,
        /// The kind that the service reported.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(rename = "kind")]
        sql_kind: Option<String>,
        /// Whether the service said that it comes to its end by itself.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bounded: bool,
    },
    /// A generation stopped, here. Without topics: it runs again, so where it stood says nothing any more.
    #[serde(rename = "stood")]
    OffsetsSet {
        /// The manifest key.
        key: String,
        /// The generation's cloud name.
        name: String,
        /// Where.
        offsets: Offsets,
    },
    /// The successor is in force: it becomes current, and the predecessor retires.
    Promoted {
        /// The manifest key.
        key: String,
    },
    /// A generation is confirmed to be gone. Where the one in force stood is kept until another one has run.
    #[serde(rename = "gone")]
    GenerationGone {
        /// The manifest key.
        key: String,
        /// The generation's cloud name.
        name: String,
    },
    /// The address is deleted: a tombstone takes a statement's place, nothing a pool's. No intent of it may be open.
    #[serde(rename = "buried")]
    Deleted {
        /// Whose.
        address: Address,
    },
    /// The address is not floe's any more; what is in the cloud stays. A statement leaves a tombstone without offsets,
    /// so that its numbers stay used; open intents of the address go along.
    Forgotten {
        /// Whose.
        address: Address,
    },
    /// The same things under another address, which has none; whatever needs the one needs the other from now on.
    Moved {
        /// The address until now.
        from: Address,
        /// The address from now on.
        to: Address,
    },
}
