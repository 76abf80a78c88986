//! A statement as the world keeps it: what never changes, and what does.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::super::sql_summary::StatementTraits;
use crate::resource::{InternedStr, Labels, Phase, Properties, properties};

/// A statement of the world.
#[derive(Debug, Clone)]
pub(in crate::simulator) struct SimulatedStatement {
    /// Its number in the world, in order of creation.
    pub(in crate::simulator) serial: u64,
    /// What never changes.
    pub(in crate::simulator) fixed: Box<FixedFields>,
    /// What does.
    pub(in crate::simulator) current: Box<MutableFields>,
    /// What it was before the last change, for stale reads.
    pub(in crate::simulator) previous: Option<Box<MutableFields>>,
}

impl SimulatedStatement {
    /// What it is, or for a stale read what it was before the last change.
    pub(in crate::simulator) fn fields_for_read(&self, stale: bool) -> &MutableFields {
        self.previous.as_deref().filter(|_| stale).unwrap_or(&self.current)
    }
}

/// What never changes of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct FixedFields {
    pub(in crate::simulator) organization: InternedStr,
    pub(in crate::simulator) environment: InternedStr,
    pub(in crate::simulator) name: String,
    pub(in crate::simulator) uid: String,
    #[serde(rename = "created")]
    pub(in crate::simulator) created_at: i64,
    pub(in crate::simulator) sql: String,
    /// As sent; `None` if none were.
    pub(in crate::simulator) properties: Option<Properties<String>>,
    pub(in crate::simulator) traits: StatementTraits,
}

impl FixedFields {
    /// A property's value.
    pub(in crate::simulator) fn property(&self, name: &str) -> Option<&str> {
        self.properties.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether it only wants to be checked.
    pub(in crate::simulator) fn is_dry_run(&self) -> bool {
        requests_dry_run(self.properties.as_ref())
    }

    /// Whether it queries a snapshot, so that it ends.
    pub(in crate::simulator) fn is_snapshot_query(&self) -> bool {
        self.properties.as_ref().is_some_and(Properties::read_snapshot)
    }

    /// The statement whose offsets it carries over.
    pub(in crate::simulator) fn carry_over_source(&self) -> Option<&str> {
        self.property(properties::INITIAL_OFFSET_FROM).filter(|name| !name.is_empty())
    }
}

/// Whether a statement of these properties only wants to be checked.
pub(in crate::simulator) fn requests_dry_run(properties: Option<&Properties<String>>) -> bool {
    properties.and_then(|it| it.get(properties::DRY_RUN)).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// What changes of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct MutableFields {
    pub(in crate::simulator) pool: InternedStr,
    pub(in crate::simulator) principal: InternedStr,
    /// The pool and principal of its next start, where they were changed while it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "due_move")]
    pub(in crate::simulator) pending_move: Option<Box<(InternedStr, InternedStr)>>,
    #[serde(default)]
    pub(in crate::simulator) labels: Labels,
    pub(in crate::simulator) stopped: bool,
    pub(in crate::simulator) phase: Phase,
    pub(in crate::simulator) detail: String,
    /// The version at the last change.
    pub(in crate::simulator) version: u64,
    /// When the version moves by itself.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    #[serde(rename = "bumps")]
    pub(in crate::simulator) version_bumps: VecDeque<i64>,
    #[serde(rename = "updated")]
    pub(in crate::simulator) updated_at: i64,
    /// `scaling_state` and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) scaling: Option<(String, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) baseline_cfu: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::simulator) warnings: Vec<SimulatedWarning>,
    /// How many records of each topic it has read in the runs that ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "read")]
    pub(in crate::simulator) records_read: BTreeMap<String, u64>,
    /// When the offsets were taken: it is STOPPED and shows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) offsets_at: Option<i64>,
    /// When this run, or the last, came to RUNNING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "began")]
    pub(in crate::simulator) started_at: Option<i64>,
    /// When it COMPLETED, FAILED or STOPPED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "ended")]
    pub(in crate::simulator) ended_at: Option<i64>,
    /// Whether it takes CFU and reads.
    #[serde(default)]
    #[serde(rename = "alive")]
    pub(in crate::simulator) executing: bool,
    /// Whether it never compiled, so that it has no traits.
    #[serde(default)]
    #[serde(rename = "invalid")]
    pub(in crate::simulator) failed_to_compile: bool,
    /// Whether it has taken over the offsets of another.
    #[serde(default)]
    #[serde(rename = "carried")]
    pub(in crate::simulator) offsets_carried_over: bool,
    /// The statement for whose stop it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "waits_for")]
    pub(in crate::simulator) waiting_for: Option<String>,
    /// Name, message and time of what went wrong, the last first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(in crate::simulator) exceptions: VecDeque<(String, String, i64)>,
    /// What happens when by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "next")]
    pub(in crate::simulator) scheduled: Vec<(i64, ScheduledTransition)>,
}

impl MutableFields {
    /// Whether it waits for its pool.
    pub(in crate::simulator) fn is_waiting_for_pool(&self) -> bool {
        self.phase == Phase::Pending && self.scaling.as_ref().is_some_and(|(state, _)| state == "POOL_EXHAUSTED")
    }

    /// Nothing else is to happen by itself but this.
    pub(in crate::simulator) fn schedule_only(&mut self, due: i64, next: ScheduledTransition) {
        self.scheduled = vec![(due, next)];
    }

    /// The version and the time of the last change, at a moment.
    pub(in crate::simulator) fn version_at(&self, time: i64) -> (u64, i64) {
        let passed = self.version_bumps.iter().filter(|due| **due <= time);
        passed.fold((self.version, self.updated_at), |(version, _), due| (version.saturating_add(1), *due))
    }
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct SimulatedWarning {
    pub(in crate::simulator) severity: String,
    pub(in crate::simulator) reason: String,
    pub(in crate::simulator) message: String,
    #[serde(rename = "at")]
    pub(in crate::simulator) created_at: i64,
}

/// What happens to a statement by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) enum ScheduledTransition {
    /// It is compiled, waits or runs.
    Start,
    /// A resumed statement is PENDING again.
    #[serde(rename = "Begin")]
    EnterPending,
    /// It COMPLETES.
    Complete,
    /// It becomes FAILING with this detail.
    Fail(String),
    /// FAILING becomes FAILED.
    #[serde(rename = "Failed")]
    FinishFailing,
    /// STOPPING becomes STOPPED.
    #[serde(rename = "Stopped")]
    FinishStopping,
    /// It becomes DEGRADED.
    Degrade,
    /// Nobody fetched its results for five minutes.
    #[serde(rename = "Idle")]
    ResultsIdle,
    /// The statement whose offsets it carries over was not stopped in time.
    #[serde(rename = "Overdue")]
    CarryOverTimedOut,
    /// DELETING ends, or thirty days have passed since it ended.
    #[serde(rename = "Gone")]
    Remove,
}
