//! The service's phases, and the few classes of them that decisions look at.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `status.phase` of a statement: an extensible enumeration, so one never heard of is kept, not refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "the service's own words")]
pub enum Phase {
    Pending,
    Running,
    Completed,
    Deleting,
    Failing,
    Failed,
    Stopping,
    Stopped,
    Degraded,
    Other(String),
}

impl Phase {
    /// The class that decisions look at.
    pub fn class(&self) -> PhaseClass {
        match self {
            Phase::Running | Phase::Degraded => PhaseClass::Running,
            Phase::Stopped => PhaseClass::Stopped,
            Phase::Completed => PhaseClass::Completed,
            Phase::Failed => PhaseClass::Failed,
            Phase::Pending | Phase::Deleting | Phase::Failing | Phase::Stopping | Phase::Other(_) => {
                PhaseClass::Transitional
            }
        }
    }

    /// The service's spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Phase::Pending => "PENDING",
            Phase::Running => "RUNNING",
            Phase::Completed => "COMPLETED",
            Phase::Deleting => "DELETING",
            Phase::Failing => "FAILING",
            Phase::Failed => "FAILED",
            Phase::Stopping => "STOPPING",
            Phase::Stopped => "STOPPED",
            Phase::Degraded => "DEGRADED",
            Phase::Other(word) => word,
        }
    }
}

impl From<String> for Phase {
    fn from(word: String) -> Self {
        match word.as_str() {
            "PENDING" => Phase::Pending,
            "RUNNING" => Phase::Running,
            "COMPLETED" => Phase::Completed,
            "DELETING" => Phase::Deleting,
            "FAILING" => Phase::Failing,
            "FAILED" => Phase::Failed,
            "STOPPING" => Phase::Stopping,
            "STOPPED" => Phase::Stopped,
            "DEGRADED" => Phase::Degraded,
            _ => Phase::Other(word),
        }
    }
}

impl From<Phase> for String {
    fn from(phase: Phase) -> Self {
        phase.as_str().to_owned()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a decision needs of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseClass {
    /// PENDING, STOPPING, FAILING, DELETING, or a phase never heard of: nothing is decided from it.
    #[serde(rename = "moving")]
    Transitional,
    /// RUNNING or DEGRADED.
    Running,
    /// STOPPED.
    Stopped,
    /// COMPLETED.
    Completed,
    /// FAILED.
    Failed,
}

impl PhaseClass {
    /// Whether what is in this phase runs, or may come to run by itself. One that is STOPPED and is not asked to be is
    /// being resumed.
    pub fn may_run(self, stopped: bool) -> bool {
        match self {
            PhaseClass::Running | PhaseClass::Transitional => true,
            PhaseClass::Stopped => !stopped,
            PhaseClass::Completed | PhaseClass::Failed => false,
        }
    }
}

/// `status.phase` of a compute pool, extensible like a statement's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "the service's own words")]
pub enum PoolPhase {
    Provisioning,
    Provisioned,
    Failed,
    Deprovisioning,
    Other(String),
}

impl PoolPhase {
    /// The service's spelling.
    pub fn as_str(&self) -> &str {
        match self {
            PoolPhase::Provisioning => "PROVISIONING",
            PoolPhase::Provisioned => "PROVISIONED",
            PoolPhase::Failed => "FAILED",
            PoolPhase::Deprovisioning => "DEPROVISIONING",
            PoolPhase::Other(word) => word,
        }
    }
}

impl From<String> for PoolPhase {
    fn from(word: String) -> Self {
        match word.as_str() {
            "PROVISIONING" => PoolPhase::Provisioning,
            "PROVISIONED" => PoolPhase::Provisioned,
            "FAILED" => PoolPhase::Failed,
            "DEPROVISIONING" => PoolPhase::Deprovisioning,
            _ => PoolPhase::Other(word),
        }
    }
}

impl From<PoolPhase> for String {
    fn from(phase: PoolPhase) -> Self {
        phase.as_str().to_owned()
    }
}

impl fmt::Display for PoolPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
