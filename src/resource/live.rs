//! What the cloud holds now, and what a plan saw of it.

use serde::{Deserialize, Serialize};

use super::{Fingerprint, Labels, Offsets, Phase, PhaseClass, PoolPhase, Properties};

/// A statement as the service reports it. Fields that the service left out are empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStatement {
    /// Its name, unique in the environment.
    pub name: String,
    /// Unique in time and space, even if the name is used again.
    pub uid: String,
    /// The service's opaque version; moves by itself. Good only between a GET and its PUT.
    pub resource_version: String,
    /// Labels.
    pub labels: Labels,
    /// When it was created (RFC 3339).
    pub created_at: Option<String>,
    /// When it last changed (RFC 3339); for a terminal phase, about when that began.
    pub updated_at: Option<String>,
    /// The SQL, verbatim.
    pub sql: String,
    /// The properties, as they were sent.
    pub properties: Properties<String>,
    /// The id of its pool.
    pub pool: Option<String>,
    /// Who it runs as.
    pub principal: Option<String>,
    /// `spec.stopped`: what it was asked, not what it does.
    pub stopped: bool,
    /// What it does.
    pub phase: Phase,
    /// The service's word on the phase; empty when there is nothing to say.
    pub detail: String,
    /// `traits.sql_kind`, absent for a statement that failed to compile.
    pub sql_kind: Option<String>,
    /// `traits.is_bounded`. Not to be trusted for a streaming `CREATE TABLE … AS`.
    pub bounded: Option<bool>,
    /// `traits.is_append_only`: whether the statement's results are. Not to be trusted for what a job writes, whose own result
    /// is empty: definitions are said to be append-only, too.
    pub append_only: Option<bool>,
    /// `scaling_status.scaling_state`, for example `POOL_EXHAUSTED`.
    pub scaling_state: Option<String>,
    /// The service's warnings.
    pub warnings: Vec<StatementWarning>,
    /// Where it stood when it stopped; empty while it runs.
    pub offsets: Offsets,
}

impl LiveStatement {
    /// Whether this is the physical statement with that uid. While one is being deleted the service may show nothing
    /// of it but its name; then it still is the one that was.
    pub fn has_uid(&self, uid: &str) -> bool {
        self.uid == uid || self.uid.is_empty()
    }

    /// Whether it is about to run again: it still says STOPPED, and is not asked to be.
    pub fn is_resuming(&self) -> bool {
        self.phase == Phase::Stopped && !self.stopped
    }

    /// Whether it runs, or may come to run by itself.
    pub fn may_run(&self) -> bool {
        self.phase.class().may_run(self.stopped)
    }

    /// Whether it is being deleted: it may run until it is gone, and nothing keeps it.
    pub fn is_being_deleted(&self) -> bool {
        self.phase == Phase::Deleting
    }

    /// Whether it is the physical statement with that uid, and one that was to complete will not any more.
    pub fn will_not_complete(&self, uid: &str) -> bool {
        self.has_uid(uid) && matches!(self.phase.class(), PhaseClass::Failed | PhaseClass::Stopped)
    }

    /// Where it stands, if it does and the service tells.
    pub fn stopped_offsets(&self) -> Option<&Offsets> {
        let is_stopped = self.phase == Phase::Stopped && self.stopped;
        Some(&self.offsets).filter(|offsets| is_stopped && !offsets.is_empty())
    }
}

/// A warning of the service about a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementWarning {
    /// How bad.
    pub severity: WarningSeverity,
    /// `UPPER_SNAKE` reason.
    pub reason: String,
    /// The service's words.
    pub message: String,
}

/// How bad a warning is; extensible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "the service's own words")]
pub enum WarningSeverity {
    Low,
    Moderate,
    Critical,
    Other(String),
}

impl From<String> for WarningSeverity {
    fn from(word: String) -> Self {
        match word.as_str() {
            "LOW" => WarningSeverity::Low,
            "MODERATE" => WarningSeverity::Moderate,
            "CRITICAL" => WarningSeverity::Critical,
            _ => WarningSeverity::Other(word),
        }
    }
}

impl From<WarningSeverity> for String {
    fn from(severity: WarningSeverity) -> Self {
        match severity {
            WarningSeverity::Low => "LOW".to_owned(),
            WarningSeverity::Moderate => "MODERATE".to_owned(),
            WarningSeverity::Critical => "CRITICAL".to_owned(),
            WarningSeverity::Other(word) => word,
        }
    }
}

/// A compute pool as the service reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePool {
    /// `lfcp-…`, never used again after a deletion.
    pub id: String,
    /// Its display name.
    pub display_name: String,
    /// The cloud, in lower case whatever the service wrote.
    pub cloud: String,
    /// The region.
    pub region: String,
    /// The most CFU it may use.
    pub max_cfu: u32,
    /// The network it lives in.
    pub network: Option<String>,
    /// What it does.
    pub phase: PoolPhase,
    /// CFU in use now.
    pub current_cfu: u32,
    /// When it was created (RFC 3339).
    pub created_at: Option<String>,
}

/// What a plan saw of a statement: enough to know later whether it is still the same thing in the same condition.
/// One check for saved plans, the 409 loop and settle. The service's version is not in it: it moves by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStatement {
    /// Which physical statement.
    pub uid: String,
    /// Its SQL, properties, pool and principal, digested.
    pub spec: Fingerprint,
    /// What it was asked.
    pub stopped: bool,
    /// What it did.
    #[serde(rename = "class")]
    pub phase_class: PhaseClass,
}

impl SeenStatement {
    /// What is to be seen of `live`.
    pub fn of(live: &LiveStatement) -> Self {
        let pool = live.pool.as_deref().unwrap_or_default();
        let principal = live.principal.as_deref().unwrap_or_default();
        let properties = live.properties.iter().flat_map(|(key, value)| [&**key, value.as_str()]);
        let spec = Fingerprint::of([live.sql.as_str(), pool, principal].into_iter().chain(properties));
        SeenStatement { uid: live.uid.clone(), spec, stopped: live.stopped, phase_class: live.phase.class() }
    }

    /// Whether it ran, or might have come to run by itself.
    pub fn may_run(&self) -> bool {
        self.phase_class.may_run(self.stopped)
    }

    /// Whether `live` is still what was seen. The first difference is named. Nothing was decided from a phase that was
    /// under way, so it is none that it came to an end.
    pub fn still_holds(&self, live: &LiveStatement) -> Result<(), &'static str> {
        let now = SeenStatement::of(live);
        if self.uid != now.uid {
            Err("it was deleted and created again")
        } else if self.spec != now.spec {
            Err("its SQL, properties, pool or principal changed")
        } else if self.stopped != now.stopped {
            Err("somebody stopped or resumed it")
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
    /// Its display name.
    pub display_name: String,
    /// The most CFU that it may use.
    pub max_cfu: u32,
    /// What it did.
    #[serde(rename = "class")]
    pub phase_class: PhaseClass,
}

impl SeenPool {
    /// What is to be seen of `live`.
    pub fn of(live: &LivePool) -> Self {
        let phase_class = match live.phase {
            PoolPhase::Provisioned => PhaseClass::Running,
            PoolPhase::Failed => PhaseClass::Failed,
            PoolPhase::Provisioning | PoolPhase::Deprovisioning | PoolPhase::Other(_) => PhaseClass::Transitional,
        };
        SeenPool { display_name: live.display_name.clone(), max_cfu: live.max_cfu, phase_class }
    }

    /// Whether what is seen `now` is what was seen. A phase that was under way may have come to its end.
    pub fn still_holds(&self, now: &SeenPool) -> bool {
        let phase_class = if self.phase_class == PhaseClass::Transitional { self.phase_class } else { now.phase_class };
        *self == SeenPool { phase_class, ..now.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_phase(phase: Phase) -> LiveStatement {
        LiveStatement {
            name: "orders".to_owned(),
            uid: "u".to_owned(),
            resource_version: "1".to_owned(),
            labels: Labels::new(),
            created_at: None,
            updated_at: None,
            sql: "SELECT 1".to_owned(),
            properties: Properties::new(),
            pool: None,
            principal: None,
            stopped: false,
            phase,
            detail: String::new(),
            sql_kind: None,
            bounded: None,
            append_only: None,
            scaling_state: None,
            warnings: Vec::new(),
            offsets: Offsets::default(),
        }
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
        assert_eq!(pending.still_holds(&stopped), Err("somebody stopped or resumed it"));
    }
}
