//! The live resources, and what a plan saw of them.

use serde::{Deserialize, Serialize};

use super::{Fingerprint, ForeignText, Labels, Offsets, Phase, PhaseClass, PoolPhase, Properties, Secrets};

/// A statement as the service reports it. Fields that the service left out are empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStatement {
    /// The statement's name, unique in the environment.
    pub name: String,
    /// The uid, which stays unique even if the name is used again.
    pub uid: String,
    /// The service's opaque version. It changes on its own, so use it only between a GET and the PUT that follows.
    pub resource_version: String,
    /// The labels of the statement.
    pub labels: Labels,
    /// When it was created (RFC 3339).
    pub created_at: Option<String>,
    /// When it last changed (RFC 3339). For a terminal phase, this is about when the phase began.
    pub updated_at: Option<String>,
    /// The SQL as the service returned it.
    pub sql: String,
    /// The properties, as they were sent.
    pub properties: Properties<String>,
    /// The id of its pool.
    pub pool: Option<String>,
    /// The principal that it runs as.
    pub principal: Option<String>,
    /// `spec.stopped`: the requested condition, which can differ from `phase`.
    pub stopped: bool,
    /// The phase that the service reports.
    pub phase: Phase,
    /// The service's message about the phase. It is empty when there is nothing to report.
    pub detail: ForeignText,
    /// `traits.sql_kind`, which is absent for a statement that failed to compile.
    pub sql_kind: Option<String>,
    /// `traits.is_bounded`. It is not reliable for a streaming `CREATE TABLE … AS`.
    pub bounded: Option<bool>,
    /// `traits.is_append_only`: whether the statement's own results are append-only. It is not reliable for what a
    /// job writes, because a job's own result is empty. Definitions are reported as append-only, too.
    pub append_only: Option<bool>,
    /// `scaling_status.scaling_state`, for example `POOL_EXHAUSTED`.
    pub scaling_state: Option<String>,
    /// The service's warnings about the statement.
    pub warnings: Vec<StatementWarning>,
    /// The offsets where it stopped. They are empty while it runs.
    pub offsets: Offsets,
}

impl LiveStatement {
    /// Returns a statement of which only the name and the phase are known. All other fields are empty.
    pub fn known_by_name(name: &str, phase: Phase) -> Self {
        LiveStatement {
            name: name.to_owned(),
            uid: String::new(),
            resource_version: String::new(),
            labels: Labels::new(),
            created_at: None,
            updated_at: None,
            sql: String::new(),
            properties: Properties::new(),
            pool: None,
            principal: None,
            stopped: false,
            phase,
            detail: ForeignText::default(),
            sql_kind: None,
            bounded: None,
            append_only: None,
            scaling_state: None,
            warnings: Vec::new(),
            offsets: Offsets::default(),
        }
    }

    /// Returns whether this is the physical statement with this uid. While the service deletes a statement, it may
    /// report nothing but its name. Then it still counts as the same statement.
    pub fn has_uid(&self, uid: &str) -> bool {
        self.uid == uid || self.uid.is_empty()
    }

    /// Returns whether it is about to run again: its phase is still STOPPED, but `stopped` is false.
    pub fn is_resuming(&self) -> bool {
        self.phase == Phase::Stopped && !self.stopped
    }

    /// Returns whether it runs, or may start to run without a request.
    pub fn may_run(&self) -> bool {
        self.phase.class().may_run(self.stopped)
    }

    /// Returns whether it waits because its pool has no free CFU (`scaling_status.scaling_state`, the gateway's OpenAPI
    /// document).
    pub fn is_pool_exhausted(&self) -> bool {
        self.scaling_state.as_deref() == Some("POOL_EXHAUSTED")
    }

    /// Returns whether it is being deleted. It may run until it is gone, and nothing can keep it.
    pub fn is_being_deleted(&self) -> bool {
        self.phase == Phase::Deleting
    }

    /// Returns whether it is the physical statement with this uid and, if it was expected to complete, no longer can.
    pub fn will_not_complete(&self, uid: &str) -> bool {
        self.has_uid(uid) && matches!(self.phase.class(), PhaseClass::Failed | PhaseClass::Stopped)
    }

    /// Returns the offsets where it stopped, if it is stopped and the service reports them.
    pub fn stopped_offsets(&self) -> Option<&Offsets> {
        let is_stopped = self.phase == Phase::Stopped && self.stopped;
        Some(&self.offsets).filter(|offsets| is_stopped && !offsets.is_empty())
    }

    /// Redacts the values of `secrets` in all messages of the service, which may quote SQL. SQL and properties stay as
    /// they are because they are compared later.
    pub fn redact_messages(&mut self, secrets: &Secrets) {
        let hide = |text: &mut ForeignText| *text = std::mem::take(text).map(|text| secrets.redact(text));
        hide(&mut self.detail);
        // Unknown phases and severities are text from the service, so they are redacted too.
        self.phase = self.phase.redacted(secrets);
        for warning in &mut self.warnings {
            hide(&mut warning.message);
            hide(&mut warning.reason);
            if let WarningSeverity::Other(word) = &mut warning.severity {
                hide(word);
            }
        }
    }
}

/// A warning of the service about a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementWarning {
    /// The severity of the warning.
    pub severity: WarningSeverity,
    /// The reason in `UPPER_SNAKE` case.
    pub reason: ForeignText,
    /// The service's message for people.
    pub message: ForeignText,
}

/// The severity of a warning. The service may add more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "these are the service's names")]
pub enum WarningSeverity {
    Low,
    Moderate,
    Critical,
    Other(ForeignText),
}

impl From<String> for WarningSeverity {
    fn from(word: String) -> Self {
        match word.as_str() {
            "LOW" => WarningSeverity::Low,
            "MODERATE" => WarningSeverity::Moderate,
            "CRITICAL" => WarningSeverity::Critical,
            _ => WarningSeverity::Other(word.into()),
        }
    }
}

impl From<WarningSeverity> for String {
    fn from(severity: WarningSeverity) -> Self {
        match severity {
            WarningSeverity::Low => "LOW".to_owned(),
            WarningSeverity::Moderate => "MODERATE".to_owned(),
            WarningSeverity::Critical => "CRITICAL".to_owned(),
            WarningSeverity::Other(word) => word.into(),
        }
    }
}

/// A compute pool as the service reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePool {
    /// The id, `lfcp-…`, which is never used again after a deletion.
    pub id: String,
    /// The display name of the pool.
    pub display_name: String,
    /// The cloud in lower case, regardless of how the service wrote it.
    pub cloud: String,
    /// The region of the pool.
    pub region: String,
    /// The maximum number of CFUs.
    pub max_cfu: u32,
    /// The id of its network.
    pub network: Option<String>,
    /// The phase that the service reports.
    pub phase: PoolPhase,
    /// The number of CFUs in use now.
    pub current_cfu: u32,
    /// When it was created (RFC 3339).
    pub created_at: Option<String>,
}

/// What a plan saw of a statement. It is enough to check later that the statement and its condition have not changed.
/// Saved plans, the 409 loop and settle all use this check. The service's version is left out because it changes on
/// its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStatement {
    /// The uid, which identifies the physical statement.
    pub uid: String,
    /// A digest of its SQL, properties, pool and principal.
    pub spec: Fingerprint,
    /// The requested condition, `spec.stopped`.
    pub stopped: bool,
    /// The class of its phase.
    #[serde(rename = "class")]
    pub phase_class: PhaseClass,
}

impl SeenStatement {
    /// Returns the parts of `live` that later checks compare.
    pub fn of(live: &LiveStatement) -> Self {
        let pool = live.pool.as_deref().unwrap_or_default();
        let principal = live.principal.as_deref().unwrap_or_default();
        let properties = live.properties.iter().flat_map(|(key, value)| [&**key, value.as_str()]);
        let spec = Fingerprint::of([live.sql.as_str(), pool, principal].into_iter().chain(properties));
        SeenStatement { uid: live.uid.clone(), spec, stopped: live.stopped, phase_class: live.phase.class() }
    }

    /// Returns whether it ran, or might have started to run without a request.
    pub fn may_run(&self) -> bool {
        self.phase_class.may_run(self.stopped)
    }

    /// Checks that `live` is still what the plan saw. The error names the first difference. A transitional phase may
    /// have ended since then, because no decision was based on it.
    pub fn still_holds(&self, live: &LiveStatement) -> Result<(), &'static str> {
        let now = SeenStatement::of(live);
        if self.uid != now.uid {
            Err("it was deleted and created again")
        } else if self.spec != now.spec {
            Err("its SQL, properties, pool or principal changed")
        } else if self.stopped != now.stopped {
            Err("it was stopped or resumed")
        } else if self.phase_class != now.phase_class && self.phase_class != PhaseClass::Transitional {
            Err("its phase changed")
        } else {
            Ok(())
        }
    }
}

/// What a plan saw of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPool {
    /// The pool's display name.
    pub display_name: String,
    /// The maximum number of CFUs.
    pub max_cfu: u32,
    /// The class of its phase.
    #[serde(rename = "class")]
    pub phase_class: PhaseClass,
}

impl SeenPool {
    /// Returns the parts of `live` that later checks compare.
    pub fn of(live: &LivePool) -> Self {
        let phase_class = match live.phase {
            PoolPhase::Provisioned => PhaseClass::Running,
            PoolPhase::Failed => PhaseClass::Failed,
            PoolPhase::Provisioning | PoolPhase::Deprovisioning | PoolPhase::Other(_) => PhaseClass::Transitional,
        };
        SeenPool { display_name: live.display_name.clone(), max_cfu: live.max_cfu, phase_class }
    }

    /// Returns whether `now` is still what the plan saw. A transitional phase may have ended since then.
    pub fn still_holds(&self, now: &SeenPool) -> bool {
        let phase_class = if self.phase_class == PhaseClass::Transitional { self.phase_class } else { now.phase_class };
        *self == SeenPool { phase_class, ..now.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_phase(phase: Phase) -> LiveStatement {
        LiveStatement { uid: "u".to_owned(), ..LiveStatement::known_by_name("orders", phase) }
    }

    #[test]
    fn a_stopped_statement_that_is_being_resumed_may_run() {
        let in_phase_stopped = |stopped| LiveStatement { stopped, ..in_phase(Phase::Stopped) };
        assert!(in_phase_stopped(false).may_run() && SeenStatement::of(&in_phase_stopped(false)).may_run());
        assert!(!in_phase_stopped(true).may_run() && !SeenStatement::of(&in_phase_stopped(true)).may_run());
        assert!(in_phase(Phase::Stopping).may_run() && in_phase(Phase::Degraded).may_run());
        assert!(!in_phase(Phase::Failed).may_run() && !in_phase(Phase::Completed).may_run());
    }

    #[test]
    fn a_transitional_phase_may_settle_and_any_other_must_not_change() {
        let pending = SeenStatement::of(&in_phase(Phase::Pending));
        assert_eq!(pending.still_holds(&in_phase(Phase::Running)), Ok(()));
        assert_eq!(pending.still_holds(&in_phase(Phase::Completed)), Ok(()));
        let running = SeenStatement::of(&in_phase(Phase::Running));
        assert_eq!(running.still_holds(&in_phase(Phase::Degraded)), Ok(()));
        assert_eq!(running.still_holds(&in_phase(Phase::Failed)), Err("its phase changed"));
        let stopped = LiveStatement { stopped: true, ..in_phase(Phase::Completed) };
        assert_eq!(pending.still_holds(&stopped), Err("it was stopped or resumed"));
    }
}
