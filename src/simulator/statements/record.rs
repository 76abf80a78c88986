//! A statement as the world keeps it: what never changes, and what does.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::super::reading::Traits;
use crate::resource::{InternedStr, Phase, SmallMap};

/// A statement of the world.
#[derive(Debug, Clone)]
pub(in crate::simulator) struct Statement {
    /// Its number in the world, in order of creation.
    pub(in crate::simulator) serial: u64,
    /// What never changes.
    pub(in crate::simulator) born: Box<Born>,
    /// What does.
    pub(in crate::simulator) now: Box<Now>,
    /// What it was before the last change, for stale reads.
    pub(in crate::simulator) before: Option<Box<Now>>,
}

impl Statement {
    /// What it is, or for a stale read what it was before the last change.
    pub(in crate::simulator) fn seen(&self, stale: bool) -> &Now {
        self.before.as_deref().filter(|_| stale).unwrap_or(&self.now)
    }
}

/// What never changes of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct Born {
    pub(in crate::simulator) organization: InternedStr,
    pub(in crate::simulator) environment: InternedStr,
    pub(in crate::simulator) name: String,
    pub(in crate::simulator) uid: String,
    pub(in crate::simulator) created: i64,
    pub(in crate::simulator) sql: String,
    /// As sent; `None` if none were.
    pub(in crate::simulator) properties: Option<SmallMap<String>>,
    pub(in crate::simulator) traits: Traits,
}

impl Born {
    /// A property's value.
    pub(in crate::simulator) fn property(&self, name: &str) -> Option<&str> {
        self.properties.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether it only wants to be checked.
    pub(in crate::simulator) fn dry_run(&self) -> bool {
        is_dry_run(self.properties.as_ref())
    }

    /// Whether it queries a snapshot, so that it ends.
    pub(in crate::simulator) fn snapshot(&self) -> bool {
        self.property("sql.snapshot.mode").is_some_and(|value| value.eq_ignore_ascii_case("now"))
    }

    /// The statement whose offsets it carries over.
    pub(in crate::simulator) fn carries_from(&self) -> Option<&str> {
        self.property("sql.tables.initial-offset-from").filter(|name| !name.is_empty())
    }
}

/// Whether a statement of these properties only wants to be checked.
pub(in crate::simulator) fn is_dry_run(properties: Option<&SmallMap<String>>) -> bool {
    properties.and_then(|it| it.get("sql.dry-run")).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// What changes of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct Now {
    pub(in crate::simulator) pool: InternedStr,
    pub(in crate::simulator) principal: InternedStr,
    /// The pool and principal of its next start, where they were changed while it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) due_move: Option<Box<(InternedStr, InternedStr)>>,
    #[serde(default)]
    pub(in crate::simulator) labels: SmallMap<String>,
    pub(in crate::simulator) stopped: bool,
    pub(in crate::simulator) phase: Phase,
    pub(in crate::simulator) detail: String,
    /// The version at the last change.
    pub(in crate::simulator) version: u64,
    /// When the version moves by itself.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(in crate::simulator) bumps: VecDeque<i64>,
    pub(in crate::simulator) updated: i64,
    /// `scaling_state` and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) scaling: Option<(String, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) baseline_cfu: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::simulator) warnings: Vec<Alarm>,
    /// How many records of each topic it has read in the runs that ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::simulator) read: BTreeMap<String, u64>,
    /// When the offsets were taken: it is STOPPED and shows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) offsets_at: Option<i64>,
    /// When this run, or the last, came to RUNNING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) began: Option<i64>,
    /// When it COMPLETED, FAILED or STOPPED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) ended: Option<i64>,
    /// Whether it takes CFU and reads.
    #[serde(default)]
    pub(in crate::simulator) alive: bool,
    /// Whether it never compiled, so that it has no traits.
    #[serde(default)]
    pub(in crate::simulator) invalid: bool,
    /// Whether it has taken over the offsets of another.
    #[serde(default)]
    pub(in crate::simulator) carried: bool,
    /// The statement for whose stop it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) waits_for: Option<String>,
    /// Name, message and time of what went wrong, the last first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(in crate::simulator) exceptions: VecDeque<(String, String, i64)>,
    /// What happens when by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::simulator) next: Vec<(i64, Next)>,
}

impl Now {
    /// Whether it waits for its pool.
    pub(in crate::simulator) fn queued(&self) -> bool {
        self.phase == Phase::Pending && self.scaling.as_ref().is_some_and(|(state, _)| state == "POOL_EXHAUSTED")
    }

    /// Nothing else is to happen by itself but this.
    pub(in crate::simulator) fn only(&mut self, due: i64, next: Next) {
        self.next = vec![(due, next)];
    }

    /// The version and the time of the last change, at a moment.
    pub(in crate::simulator) fn version_at(&self, moment: i64) -> (u64, i64) {
        let passed = self.bumps.iter().filter(|due| **due <= moment);
        passed.fold((self.version, self.updated), |(version, _), due| (version.saturating_add(1), *due))
    }
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct Alarm {
    pub(in crate::simulator) severity: String,
    pub(in crate::simulator) reason: String,
    pub(in crate::simulator) message: String,
    pub(in crate::simulator) at: i64,
}

/// What happens to a statement by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) enum Next {
    /// It is compiled, waits or runs.
    Start,
    /// A resumed statement is PENDING again.
    Begin,
    /// It COMPLETES.
    Complete,
    /// It becomes FAILING with this detail.
    Fail(String),
    /// FAILING becomes FAILED.
    Failed,
    /// STOPPING becomes STOPPED.
    Stopped,
    /// It becomes DEGRADED.
    Degrade,
    /// Nobody fetched its results for five minutes.
    Idle,
    /// The statement whose offsets it carries over was not stopped in time.
    Overdue,
    /// DELETING ends, or thirty days have passed since it ended.
    Gone,
}
