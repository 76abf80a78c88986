//! The record: the resources of each address in the cloud, and what was sent for them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::resource::{
    Address, EnvironmentIdentity, Generation, HashKey, Intent, IntentId, KeyedHash, Offsets, Operation, Pool,
    ResourceKind, Role, ServiceTime, Statement, Submission, Template,
};

/// The format that this build writes.
pub const STATE_FORMAT: u32 = 1;

/// Everything that floe remembers about one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The format of this record. A format newer than [`STATE_FORMAT`] is rejected and left unchanged.
    pub format: u32,
    /// The lineage, created once with the state. Two states of the same environment have different lineages.
    pub lineage: String,
    /// The serial number, which counts the snapshots.
    pub serial: u64,
    /// The environment of this state. It is compared before anything else.
    pub environment: EnvironmentIdentity,
    /// The key for the hashes of secrets.
    #[serde(rename = "key")]
    pub hash_key: HashKey,
    /// The owned pools by manifest key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, PoolRecord>,
    /// The statements by manifest key. They are boxed because records are large and a tree that grows at its end is
    /// half empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statements: BTreeMap<String, Box<StatementRecord>>,
    /// What was deleted or forgotten: its offsets, and the numbers that must not be used again. The map is by
    /// manifest key. An older tombstone whose key was taken by another cloud name is stored under `key/name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tombstones: BTreeMap<String, Tombstone>,
    /// The highest generation number that was used under a cloud name, where it is not in a record or a tombstone of
    /// that name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "numbers")]
    pub highest_numbers: BTreeMap<String, Generation>,
    /// Requests whose outcome is not known yet, and those that were sent again and may still take effect.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "open")]
    pub open_intents: BTreeMap<IntentId, OpenIntent>,
}

/// A request that was about to be sent and whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenIntent {
    /// The request that was about to be sent.
    pub intent: Intent,
    /// Keyed hashes of the secrets in the request. They become those of the generation once the request is known to
    /// be applied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, KeyedHash>,
    /// The offsets of the generation that the request resumes. They are still valid if the request has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "voided")]
    pub voided_offsets: Option<Offsets>,
}

/// A pool that the project owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolRecord {
    /// The pool's id, which is its identity.
    pub id: String,
    /// The pool as it was last declared and applied.
    pub declared: Pool,
    /// Whether the service has accepted its deletion. If the pool is not found after that, it is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_deleted: bool,
}

/// A statement and its generations. It has no generations between its declaration and its first submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementRecord {
    /// The statement as it was last declared and applied. When it is removed, its undo, guards and policies are taken
    /// from here.
    pub declared: Statement,
    /// The dependencies, declared or inferred, sorted and without duplicates. They determine the order of deletions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "needs")]
    pub dependencies: Vec<Address>,
    /// The current generation, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Box<GenerationRecord>>,
    /// The generation that is going to take over, if a replacement is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Box<GenerationRecord>>,
    /// The statement that undoes the definition, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<GenerationRecord>>,
    /// Retired generations, which stay in the cloud, stopped, so that a rollback is possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<GenerationRecord>,
    /// The highest generation number that any intent has used.
    pub last_generation: Generation,
    /// The number of undo statements that intents have used.
    #[serde(default)]
    #[serde(rename = "undos")]
    pub undo_count: u32,
    /// The offsets where the last current generation stopped, if it is gone, until another one has run. They go into
    /// the tombstone, or tell a submission where to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "left_at")]
    pub last_offsets: Option<Offsets>,
}

/// One physical statement: what was sent, and how far it is known to have progressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationRecord {
    /// What was sent. An update changes its pool and principal.
    pub sent: Submission,
    /// The uid that the service assigned.
    pub uid: String,
    /// The value of `stopped` in the last request.
    #[serde(default)]
    pub stopped: bool,
    /// The furthest phase that it reached.
    pub reached: FurthestPhase,
    /// The kind that the service reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "kind")]
    pub sql_kind: Option<String>,
    /// Whether the service said that the statement is bounded, so it ends without being stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bounded: bool,
    /// The offsets where it last stopped. The intent to resume it voids them, and they are restored if the request is
    /// rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsets: Option<Offsets>,
    /// Whether it was taken over: another state or another tool submitted it. Whether it defined what its `undo` would
    /// undo is then not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Keyed hashes of the secrets that were sent, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, KeyedHash>,
    /// When the service created it (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// The furthest phase that a physical statement has reached. The variants are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FurthestPhase {
    /// The service has accepted the statement.
    Submitted,
    /// The statement has been RUNNING.
    Running,
    /// The statement has COMPLETED.
    Completed,
}

/// What the record keeps of a removed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// The cloud name that its generations were named after.
    pub name: String,
    /// The highest generation number used under this name.
    pub last_generation: Generation,
    /// The number of undo statements used under this name.
    #[serde(default)]
    #[serde(rename = "undos")]
    pub undo_count: u32,
    /// The offsets where it stopped, if it was stopped before it was deleted.
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

    /// Returns the highest generation number that was ever used under the cloud name `base`: in any record, tombstone
    /// or open intent, under any key.
    pub fn highest_number(&self, base: &str) -> Option<Generation> {
        self.used_numbers().get(base).copied()
    }

    /// Returns the highest generation number that was ever used under each cloud name. It reads the whole record, so
    /// whoever needs the numbers of many names asks once.
    pub fn used_numbers(&self) -> BTreeMap<&str, Generation> {
        let named = self.statements.values().map(|record| (record.declared.name.as_str(), record.last_generation));
        let generations = self.statements.values().flat_map(|record| record.generations());
        let open = self.open_intents.values().filter_map(|open| match &open.intent.operation {
            Operation::Submit(submission) => Some(submission),
            _ => None,
        });
        let submitted = generations.map(|generation| &generation.sent).chain(open);
        let submitted = submitted
            .filter(|submission| submission.role != Role::Undo)
            .filter_map(|submission| Some((submission.generation.base_of(&submission.name)?, submission.generation)));
        let tombstones = self.tombstones.values().map(|it| (it.name.as_str(), it.last_generation));
        let raised = self.highest_numbers.iter().map(|(name, number)| (name.as_str(), *number));
        let mut highest: BTreeMap<&str, Generation> = BTreeMap::new();
        for (name, number) in named.chain(submitted).chain(tombstones).chain(raised) {
            let known = highest.entry(name).or_insert(number);
            *known = number.max(*known);
        }
        highest
    }

    /// Gives every open intent that lacks a time, or has one in the future, the time `now`: the run that finds such an
    /// intent counts from when it has found it.
    pub fn date_open_intents(&mut self, now: ServiceTime) {
        for open in self.open_intents.values_mut() {
            let is_known = open.intent.sent_at.is_some_and(|sent_at| sent_at <= now);
            if !is_known {
                open.intent.sent_at = Some(now);
            }
        }
    }

    /// Returns whether [`Recorded::date_open_intents`] would change anything.
    pub fn has_undated_intents(&self, now: ServiceTime) -> bool {
        self.open_intents.values().any(|open| open.intent.sent_at.is_none_or(|sent_at| sent_at > now))
    }

    /// Returns the record of an environment in which nothing was done yet. [`new_lineage`](super::new_lineage) and
    /// [`new_hash_key`](super::new_hash_key) create the two values that are generated once.
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
            highest_numbers: BTreeMap::new(),
            open_intents: BTreeMap::new(),
        }
    }

    /// Stores the SQL once if the declared and the sent SQL are equal, as they nearly always are.
    pub(super) fn share_equal_sql(&mut self) {
        for record in self.statements.values_mut() {
            if let Some(current) = &mut record.current
                && current.sent.sql == record.declared.sql
            {
                current.sent.sql = record.declared.sql.clone();
            }
        }
    }

    /// Returns the cloud names of all recorded generations. Other statements are not managed by this project.
    pub fn statement_names(&self) -> BTreeSet<&str> {
        let generations = self.statements.values().flat_map(|record| record.generations());
        generations.map(|generation| generation.sent.name.as_str()).collect()
    }
}

impl StatementRecord {
    /// Returns a record without generations.
    pub fn new(declared: Statement) -> Self {
        StatementRecord {
            declared,
            dependencies: Vec::new(),
            current: None,
            successor: None,
            undo: None,
            retired: Vec::new(),
            last_generation: Generation(0),
            undo_count: 0,
            last_offsets: None,
        }
    }

    /// Returns all generations, the current one first.
    pub fn generations(&self) -> impl Iterator<Item = &GenerationRecord> {
        self.current.as_deref().into_iter().chain(self.other_generations())
    }

    /// Returns all generations except the current one.
    pub fn other_generations(&self) -> impl Iterator<Item = &GenerationRecord> {
        self.successor.as_deref().into_iter().chain(self.undo.as_deref()).chain(&self.retired)
    }

    /// Returns the SQL that undoes the definition. There is none while the definition was not applied by this project,
    /// because it might undo what somebody else has made.
    pub fn undo_sql(&self) -> Option<&Template> {
        let is_adopted = self.current.as_ref().is_some_and(|current| current.adopted);
        self.declared.undo.as_ref().filter(|_| !is_adopted)
    }

    /// Returns the generation with the cloud name `name`.
    pub fn generation_named(&self, name: &str) -> Option<&GenerationRecord> {
        self.generations().find(|generation| generation.sent.name == name)
    }

    /// Returns all generations, mutably.
    pub(super) fn generations_mut(&mut self) -> impl Iterator<Item = &mut GenerationRecord> {
        let slots = [&mut self.current, &mut self.successor, &mut self.undo];
        slots.into_iter().filter_map(Option::as_deref_mut).chain(&mut self.retired)
    }
}

impl GenerationRecord {
    /// Returns a generation that the service has accepted under this uid, and of which nothing else is known.
    pub fn submitted(sent: Submission, uid: String) -> Self {
        GenerationRecord {
            sent,
            uid,
            stopped: false,
            reached: FurthestPhase::Submitted,
            sql_kind: None,
            bounded: false,
            adopted: false,
            offsets: None,
            secrets: BTreeMap::new(),
            created_at: None,
        }
    }
}
