//! The service's phases, and the classes of phases that decisions are based on.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ForeignText, Secrets};

/// The `status.phase` of a statement. The service may add phases, so an unknown one is kept instead of rejected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "these are the service's names")]
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
    Other(ForeignText),
}

impl Phase {
    /// Returns the phase with the values of `secrets` redacted. A phase that floe does not know is the service's own
    /// text.
    pub fn redacted(&self, secrets: &Secrets) -> Phase {
        match self {
            Phase::Other(word) => Phase::Other(word.clone().map(|word| secrets.redact(word))),
            known => known.clone(),
        }
    }

    /// Returns the class that decisions are based on.
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

    /// Returns the phase in the service's spelling.
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
            _ => Phase::Other(word.into()),
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

/// The part of a phase that matters for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseClass {
    /// PENDING, STOPPING, FAILING, DELETING or an unknown phase. Nothing can be decided in this phase.
    #[serde(rename = "moving")]
    Transitional,
    /// The service reports RUNNING or DEGRADED.
    Running,
    /// The service reports STOPPED.
    Stopped,
    /// The service reports COMPLETED.
    Completed,
    /// The service reports FAILED.
    Failed,
}

impl PhaseClass {
    /// Returns whether a statement in this phase runs, or may start to run without a request. A STOPPED statement
    /// whose `stopped` is false is being resumed.
    pub fn may_run(self, stopped: bool) -> bool {
        match self {
            PhaseClass::Running | PhaseClass::Transitional => true,
            PhaseClass::Stopped => !stopped,
            PhaseClass::Completed | PhaseClass::Failed => false,
        }
    }
}

/// The `status.phase` of a compute pool. The service may add phases, as it may for statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[expect(missing_docs, reason = "these are the service's names")]
pub enum PoolPhase {
    Provisioning,
    Provisioned,
    Failed,
    Deprovisioning,
    Other(ForeignText),
}

impl PoolPhase {
    /// Returns the phase with the values of `secrets` redacted, as for a statement.
    pub fn redacted(&self, secrets: &Secrets) -> PoolPhase {
        match self {
            PoolPhase::Other(word) => PoolPhase::Other(word.clone().map(|word| secrets.redact(word))),
            known => known.clone(),
        }
    }

    /// Returns the phase in the service's spelling.
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
            _ => PoolPhase::Other(word.into()),
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
