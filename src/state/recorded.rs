//! The record: what each address has in the cloud, and what was sent for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::resource::{
    Address, EnvironmentIdentity, Generation, HashKey, Intent, IntentId, KeyedHash, Offsets, Pool, ResourceKind,
    Statement, Submission,
};

/// The format this build writes.
pub const STATE_FORMAT: u32 = 1;

/// Everything that floe remembers of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The format of this record; one that is newer than [`FORMAT`] is refused untouched.
    pub format: u32,
    /// Made once, when the state is: two states of the same environment have different ones.
    pub lineage: String,
    /// Counts folds.
    pub serial: u64,
    /// Whose state this is; compared before anything else.
    pub environment: EnvironmentIdentity,
    /// The key for hashes of secrets.
    #[serde(rename = "key")]
    pub hash_key: HashKey,
    /// Owned pools by manifest key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolRecord>,
    /// Statements by manifest key. Boxed: a tree that grows at its end is half empty, and records are large.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statements: BTreeMap<String, Box<StatementRecord>>,
    /// What was deleted or forgotten: its offsets, and the numbers that may not be used again. By manifest key; an older
    /// one whose key another cloud name has taken since stands under `key/name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tombstones: BTreeMap<String, Tombstone>,
    /// Requests whose outcome is not known yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "open")]
    pub open_intents: BTreeMap<IntentId, OpenIntent>,
}

/// A request that was about to be sent, and whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenIntent {
    /// What was about to be asked.
    pub intent: Intent,
    /// Keyed hashes of the secrets that went with it: they become the generation's once it is known to be applied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, KeyedHash>,
    /// Where the generation stood that is to be resumed: still true if nothing comes of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "voided")]
    pub voided_offsets: Option<Offsets>,
}

/// An owned pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRecord {
    /// Its id: its identity.
    pub id: String,
    /// As it was last declared and applied.
    pub declared: Pool,
}

/// A statement and its generations. Between its declaration and its first submission it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementRecord {
    /// As it was last declared and applied: undo, guards and policies are taken from here when it is removed.
    pub declared: Statement,
    /// What it needed, declared or inferred, sorted, each once: gives deletions their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "needs")]
    pub dependencies: Vec<Address>,
    /// The generation in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Box<GenerationRecord>>,
    /// One that is to take over: there is an open replacement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Box<GenerationRecord>>,
    /// One that undoes the definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<GenerationRecord>>,
    /// Predecessors that still stand, stopped, as a way back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<GenerationRecord>,
    /// The highest generation number ever intended.
    pub last_generation: Generation,
    /// How many undo statements were ever intended.
    #[serde(default)]
    #[serde(rename = "undos")]
    pub undo_count: u32,
    /// Where the last generation in force stood that is gone by now, until another one has run: goes into the
    /// tombstone, or tells a submission where to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "left_at")]
    pub last_offsets: Option<Offsets>,
}

/// One physical statement: what was sent, and what is known of how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationRecord {
    /// What was sent; an amendment changes its pool and principal.
    pub sent: Submission,
    /// The service's uid of it.
    pub uid: String,
    /// The last `stopped` that was asked for.
    #[serde(default)]
    pub stopped: bool,
    /// How far it ever got.
    pub reached: FurthestPhase,
    /// The kind that the service reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "kind")]
    pub sql_kind: Option<String>,
    /// Whether the service said that it comes to its end by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bounded: bool,
    /// Where it stood when it last stopped; voided by the intent to resume it, and given back if that is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsets: Option<Offsets>,
    /// Keyed hashes of the secrets that were sent, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, KeyedHash>,
    /// When the service created it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// The furthest that a physical statement ever got. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FurthestPhase {
    /// The service has accepted it.
    Submitted,
    /// It was RUNNING.
    Running,
    /// It COMPLETED.
    Completed,
}

/// What is left of a deleted statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// The cloud name that its generations were named after.
    pub name: String,
    /// The highest number used under it.
    pub last_generation: Generation,
    /// How many undo statements were used under it.
    #[serde(default)]
    #[serde(rename = "undos")]
    pub undo_count: u32,
    /// Where it stood, if it was stopped before it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsets: Option<Offsets>,
}

impl Recorded {
    /// Returns whether there is a record of this address.
    pub fn contains(&self, address: &Address) -> bool {
        match address.kind {
            ResourceKind::Pool => self.pools.contains_key(&address.key),
            ResourceKind::Statement => self.statements.contains_key(&address.key),
        }
    }

    /// Returns whether an interrupted run left an open request about this address.
    pub fn has_open_intent(&self, address: &Address) -> bool {
        self.open_intents.values().any(|open| open.intent.address == *address)
    }

    /// The record of an environment in which nothing was done yet. See [`lineage`](super::lineage) and
    /// [`hash_key`](super::hash_key) for the two that are made once.
    pub fn new(lineage: String, environment: EnvironmentIdentity, hash_key: HashKey) -> Recorded {
        Recorded {
            format: STATE_FORMAT,
            lineage,
            serial: 0,
            environment,
            hash_key,
            pools: BTreeMap::new(),
            statements: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            open_intents: BTreeMap::new(),
        }
    }

    /// Keeps a text once that is both declared and sent, as nearly all are.
    pub(super) fn share_equal_sql(&mut self) {
        for record in self.statements.values_mut() {
            if let Some(current) = &mut record.current
                && current.sent.sql == record.declared.sql
            {
                current.sent.sql = record.declared.sql.clone();
            }
        }
    }

    /// The cloud name of every recorded generation: what is not among them is not ours.
    pub fn statement_names(&self) -> BTreeSet<&str> {
        let generations = self.statements.values().flat_map(|record| record.generations());
        generations.map(|generation| generation.sent.name.as_str()).collect()
    }
}

impl StatementRecord {
    /// Every generation it has, the current one first.
    pub fn generations(&self) -> impl Iterator<Item = &GenerationRecord> {
        self.current.as_deref().into_iter().chain(self.other_generations())
    }

    /// Every generation but the one in force.
    pub fn other_generations(&self) -> impl Iterator<Item = &GenerationRecord> {
        self.successor.as_deref().into_iter().chain(self.undo.as_deref()).chain(&self.retired)
    }

    /// The generation that bears the cloud name `name`.
    pub fn generation_named(&self, name: &str) -> Option<&GenerationRecord> {
        self.generations().find(|generation| generation.sent.name == name)
    }

    pub(super) fn generations_mut(&mut self) -> impl Iterator<Item = &mut GenerationRecord> {
        let slots = [&mut self.current, &mut self.successor, &mut self.undo];
        slots.into_iter().filter_map(Option::as_deref_mut).chain(&mut self.retired)
    }
}
