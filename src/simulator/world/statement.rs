//! A statement as the world stores it: the fields that never change, and those that do.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::super::sql_summary::StatementTraits;
use crate::resource::{InternedStr, Labels, Phase, Properties, properties};

/// A statement as the world stores it.
#[derive(Debug, Clone)]
pub(in crate::simulator) struct SimulatedStatement {
    /// The serial number in the world, in order of creation.
    pub(in crate::simulator) serial: u64,
    /// The fields that never change.
    pub(in crate::simulator) fixed: Box<FixedFields>,
    /// The fields that can change.
    pub(in crate::simulator) current: Box<MutableFields>,
    /// The mutable fields before the last change, for stale reads.
    pub(in crate::simulator) previous: Option<Box<MutableFields>>,
}

impl SimulatedStatement {
    /// Returns the current mutable fields or, for a stale read, those before the last change.
    pub(in crate::simulator) fn fields_for_read(&self, stale: bool) -> &MutableFields {
        self.previous.as_deref().filter(|_| stale).unwrap_or(&self.current)
    }
}

/// The fields of a statement that never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct FixedFields {
    /// The organization in the path of the POST.
    pub(in crate::simulator) organization: InternedStr,
    /// The environment that holds the statement.
    pub(in crate::simulator) environment: InternedStr,
    /// The name, unique within the environment.
    pub(in crate::simulator) name: String,
    /// The `uid`, unique across recreations of the name.
    pub(in crate::simulator) uid: String,
    /// When the statement was created, in microseconds since 1970.
    #[serde(rename = "created")]
    pub(in crate::simulator) created_at: i64,
    /// The SQL exactly as submitted.
    pub(in crate::simulator) sql: String,
    /// The properties as submitted; `None` if there were none.
    pub(in crate::simulator) properties: Option<Properties<String>>,
    /// The traits that were read from the SQL.
    pub(in crate::simulator) traits: StatementTraits,
}

impl FixedFields {
    /// Returns the value of a property.
    pub(in crate::simulator) fn property(&self, name: &str) -> Option<&str> {
        self.properties.as_ref()?.get(name).map(String::as_str)
    }

    /// Returns whether the statement is a dry run, which is only validated.
    pub(in crate::simulator) fn is_dry_run(&self) -> bool {
        requests_dry_run(self.properties.as_ref())
    }

    /// Returns whether the statement queries a snapshot, so that it ends.
    pub(in crate::simulator) fn is_snapshot_query(&self) -> bool {
        self.properties.as_ref().is_some_and(Properties::has_snapshot_mode)
    }

    /// Returns the name of the statement whose offsets this one carries over.
    pub(in crate::simulator) fn carry_over_source(&self) -> Option<&str> {
        self.property(properties::INITIAL_OFFSET_FROM).filter(|name| !name.is_empty())
    }
}

/// Returns whether these properties request a dry run, which is only validated.
pub(in crate::simulator) fn requests_dry_run(properties: Option<&Properties<String>>) -> bool {
    properties.and_then(|it| it.get(properties::DRY_RUN)).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The fields of a statement that can change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct MutableFields {
    /// The id of the pool that it runs on.
    pub(in crate::simulator) pool: InternedStr,
    /// The principal that it runs as.
    pub(in crate::simulator) principal: InternedStr,
    /// The pool and principal of the next start, if they were changed while the statement ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "due_move")]
    pub(in crate::simulator) pending_move: Option<Box<(InternedStr, InternedStr)>>,
    /// The labels of the statement.
    #[serde(default)]
    pub(in crate::simulator) labels: Labels,
    /// The value of `spec.stopped`.
    pub(in crate::simulator) stopped: bool,
    /// The current phase of the statement.
    pub(in crate::simulator) phase: Phase,
    /// The value of `status.detail`.
    pub(in crate::simulator) detail: String,
    /// The resource version at the last change.
    pub(in crate::simulator) version: u64,
    /// When the version changes without a request.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    #[serde(rename = "bumps")]
    pub(in crate::simulator) version_bumps: VecDeque<i64>,
    /// When the statement last changed, in microseconds since 1970.
    #[serde(rename = "updated")]
    pub(in crate::simulator) updated_at: i64,
    /// The `scaling_state`, and since when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) scaling: Option<(String, i64)>,
    /// The value of `spec.scaling.baseline_cfu`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) baseline_cfu: Option<u32>,
    /// The warnings in `status.warnings`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::simulator) warnings: Vec<SimulatedWarning>,
    /// The number of records read from each topic, in the runs that have ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[serde(rename = "read")]
    pub(in crate::simulator) records_read: BTreeMap<String, u64>,
    /// When the offsets were taken. A STOPPED job has this and shows its offsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) offsets_at: Option<i64>,
    /// When the current or last run reached RUNNING.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "began")]
    pub(in crate::simulator) started_at: Option<i64>,
    /// When the statement became COMPLETED, FAILED or STOPPED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "ended")]
    pub(in crate::simulator) ended_at: Option<i64>,
    /// Whether the statement uses CFU and reads its sources.
    #[serde(default)]
    #[serde(rename = "alive")]
    pub(in crate::simulator) executing: bool,
    /// Whether the statement did not compile, so that it has no traits.
    #[serde(default)]
    #[serde(rename = "invalid")]
    pub(in crate::simulator) failed_to_compile: bool,
    /// Whether the statement has taken over the offsets of another one.
    #[serde(default)]
    #[serde(rename = "carried")]
    pub(in crate::simulator) offsets_carried_over: bool,
    /// The statement that must stop before this one starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "waits_for")]
    pub(in crate::simulator) waiting_for: Option<String>,
    /// The exceptions as name, message and time, newest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(in crate::simulator) exceptions: VecDeque<(String, String, i64)>,
    /// The transitions that are scheduled, with their due times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "next")]
    pub(in crate::simulator) scheduled: Vec<(i64, ScheduledTransition)>,
}

impl MutableFields {
    /// Returns whether the statement waits for room on its pool.
    pub(in crate::simulator) fn is_waiting_for_pool(&self) -> bool {
        self.phase == Phase::Pending && self.scaling.as_ref().is_some_and(|(state, _)| state == "POOL_EXHAUSTED")
    }

    /// Replaces all scheduled transitions by this one.
    pub(in crate::simulator) fn schedule_only(&mut self, due: i64, next: ScheduledTransition) {
        self.scheduled = vec![(due, next)];
    }

    /// Starts over from PENDING, with the pool and principal of a pending move.
    pub(in crate::simulator) fn restart_from_pending(&mut self, due: i64) {
        self.phase = Phase::Pending;
        self.detail.clear();
        self.offsets_at = None;
        self.ended_at = None;
        self.failed_to_compile = false;
        self.warnings.clear();
        self.scaling = None;
        self.schedule_only(due, ScheduledTransition::Start);
        if let Some((pool, principal)) = self.pending_move.take().map(|due| *due) {
            self.pool = pool;
            self.principal = principal;
        }
    }

    /// Returns the version, and the time of the last change, as of `time`.
    pub(in crate::simulator) fn version_at(&self, time: i64) -> (u64, i64) {
        let passed = self.version_bumps.iter().filter(|due| **due <= time);
        passed.fold((self.version, self.updated_at), |(version, _), due| (version.saturating_add(1), *due))
    }
}

/// A warning in the status of a statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) struct SimulatedWarning {
    /// The severity, such as `CRITICAL`.
    pub(in crate::simulator) severity: String,
    /// The machine-readable reason of the warning.
    pub(in crate::simulator) reason: String,
    /// The text of the warning.
    pub(in crate::simulator) message: String,
    /// When the warning was created, in microseconds since 1970.
    #[serde(rename = "at")]
    pub(in crate::simulator) created_at: i64,
}

/// A transition of a statement that happens without a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::simulator) enum ScheduledTransition {
    /// The statement is compiled, and then waits or runs.
    Start,
    /// A resumed statement becomes PENDING again.
    #[serde(rename = "Begin")]
    EnterPending,
    /// The statement becomes COMPLETED.
    Complete,
    /// The statement becomes FAILING with this detail.
    Fail(String),
    /// A FAILING statement becomes FAILED.
    #[serde(rename = "Failed")]
    FinishFailing,
    /// A STOPPING statement becomes STOPPED.
    #[serde(rename = "Stopped")]
    FinishStopping,
    /// The statement becomes DEGRADED.
    Degrade,
    /// The query is stopped, because its results were not fetched for five minutes.
    #[serde(rename = "Idle")]
    ResultsIdle,
    /// The statement whose offsets this one carries over was not stopped in time.
    #[serde(rename = "Overdue")]
    CarryOverTimedOut,
    /// The statement is removed: DELETING ends, or thirty days have passed since it ended.
    #[serde(rename = "Gone")]
    Remove,
}
