//! What people should know about a change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    assess::{Condition, LastOffsets},
    resource::{Address, ForeignText, Phase},
};

/// What people should know about a change, or about a resource that does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// The SQL differs only in layout, comments or keyword case.
    #[serde(rename = "cosmetic")]
    CosmeticSqlChange,
    /// The new name is used from the next generation on.
    #[serde(rename = "name-at-next-generation")]
    RenamedAtNextGeneration {
        /// The cloud name that is in use.
        #[serde(rename = "now")]
        current_name: String,
    },
    /// The job is stopped because it was stopped outside floe.
    StoppedOutside,
    /// The job is running although it should be stopped: it was resumed outside floe.
    ResumedOutside,
    /// Submissions that were given up took effect late, at an address that is neither declared nor recorded.
    #[serde(rename = "runs-unrecorded")]
    LateSubmissions {
        /// The cloud names of the statements.
        names: Vec<String>,
    },
    /// The pool or principal was changed outside floe.
    MovedOutside {
        /// The field that changed: `pool` or `principal`.
        field: String,
        /// The live value of the field.
        live: String,
        /// The value that was sent.
        sent: String,
    },
    /// The job is in phase FAILED.
    Failed {
        /// The service's message about the failure.
        detail: ForeignText,
        /// When it FAILED, by the service's clock.
        since: Option<String>,
    },
    /// The job COMPLETED although its sources have no end.
    #[serde(rename = "ended")]
    CompletedUnexpectedly,
    /// The job runs with reduced performance.
    Degraded {
        /// The service's message about the phase.
        detail: ForeignText,
    },
    /// The service reports a warning.
    #[serde(rename = "warned")]
    ServiceWarning {
        /// The severity of the warning.
        severity: ForeignText,
        /// The service's message in the warning.
        message: ForeignText,
    },
    /// The job waits because its pool has no free CFU.
    PoolExhausted,
    /// These changes are applied when the job is started.
    DueAtNextStart {
        /// The names of the changed fields.
        fields: Vec<String>,
    },
    /// The job was purged or deleted while it was stopped. Its offsets are kept only in the state.
    #[serde(rename = "offsets-only-here")]
    OffsetsOnlyInState,
    /// The job is gone, and its offsets are not known.
    #[serde(rename = "gone-from-nowhere")]
    GoneWithUnknownOffsets,
    /// The job is gone. Its offsets are known from a stop outside floe, but it is not known whether it was resumed
    /// after that.
    #[serde(rename = "stood-when-stopped-outside")]
    GoneWithUncertainOffsets {
        /// The offsets of each topic, as `partition:0,offset:100;…`.
        topics: BTreeMap<String, String>,
    },
    /// Statements have the same SQL and do not run now.
    InactiveCopies {
        /// The cloud names of the statements.
        names: Vec<String>,
    },
    /// Statements run the same SQL, which only generates rows.
    GeneratingCopies {
        /// The cloud names of the statements.
        names: Vec<String>,
    },
    /// Other statements run the same SQL.
    RunsTwice {
        /// The cloud names of the other statements.
        names: Vec<String>,
    },
    /// A statement with this name was removed before.
    #[serde(rename = "removed-before")]
    PreviouslyRemoved {
        /// The offsets where it stopped, as far as they are known: `partition:0,offset:100;…` per topic.
        topics: BTreeMap<String, String>,
    },
    /// The job continues as it was sent. These changes are left for the next plan.
    #[serde(rename = "still-to-decide")]
    ChangesLeftForNextPlan {
        /// The names of the changed fields.
        fields: Vec<String>,
    },
    /// `--replace` names a job that should be stopped, so it is ignored.
    #[serde(rename = "not-replaced")]
    ReplaceIgnoredWhileStopped,
    /// The resource is in a transitional phase, so nothing can be decided yet.
    InMotion {
        /// The phase of the resource.
        phase: Phase,
    },
    /// These statements keep the old definition of the changed object until they are replaced.
    StaleReaders {
        /// The addresses of the statements.
        readers: Vec<Address>,
    },
    /// The `max_cfu` of a pool cannot be lowered.
    #[serde(rename = "cannot-lower")]
    CannotLowerMaxCfu {
        /// The live value of `max_cfu`.
        live: u32,
        /// The desired value of `max_cfu`.
        desired: u32,
    },
    /// The objects that the statement created remain.
    #[serde(rename = "objects-stay")]
    ObjectsRemain {
        /// The names of the objects, as the SQL writes them.
        objects: Vec<String>,
    },
    /// The output is written again from the beginning of the sources: appended rows are duplicated, keyed rows are
    /// overwritten.
    #[serde(rename = "output-again")]
    OutputRepeated {
        /// Whether the tables that the job writes have a primary key. `None` if the project does not say, or if they
        /// differ.
        keyed: Option<bool>,
    },
    /// The job starts where its SQL or its properties say, not from the offsets where it stopped.
    #[serde(rename = "starts-as-written")]
    StartsWhereSqlSays,
    /// The rows that a successor wrote before it FAILED remain. Appended rows may be duplicated.
    #[serde(rename = "successor-wrote")]
    SuccessorOutputRemains {
        /// The cloud name of the successor.
        name: String,
    },
    /// The job starts from the offsets where it stopped.
    #[serde(rename = "starts-at")]
    StartsAtOffsets {
        /// The offsets, as `partition:0,offset:100;…`.
        offsets: String,
    },
    /// These statements stopped with the pool.
    StoppedWithPool {
        /// The addresses of the statements.
        statements: Vec<Address>,
    },
    /// There are pools with the same name, cloud and region that are neither recorded nor declared.
    ///
    /// They may come from a creation whose response was lost, and that took effect after another one was requested.
    #[serde(rename = "pool-twins")]
    DuplicatePools {
        /// The ids of the pools.
        ids: Vec<String>,
    },
    /// A pool that this project does not own could not be verified, because there is no Cloud API key with access.
    #[serde(rename = "trusted")]
    UnverifiedPool,
    /// A secret that has to be sent has no value here.
    #[serde(rename = "secret-wanted")]
    SecretMissing {
        /// The name of the secret.
        name: String,
    },
    /// A secret has no value here, so a change of its value would not be noticed.
    #[serde(rename = "secret-unknown")]
    SecretNotCompared {
        /// The name of the secret.
        name: String,
    },
}

impl Note {
    /// Returns the note about a condition. `None` if a plan has no note about it, because a block or a reason says it.
    pub fn about(condition: &Condition) -> Option<Note> {
        match condition {
            Condition::StoppedOutside => Some(Note::StoppedOutside),
            Condition::ResumedOutside => Some(Note::ResumedOutside),
            Condition::MovedOutside { field, live, sent } => {
                Some(Note::MovedOutside { field: (*field).to_owned(), live: live.clone(), sent: sent.clone() })
            }
            Condition::Failed { has_run: true, detail, since } => {
                Some(Note::Failed { detail: detail.clone(), since: since.clone() })
            }
            Condition::CompletedUnexpectedly => Some(Note::CompletedUnexpectedly),
            Condition::Degraded { detail } => Some(Note::Degraded { detail: detail.clone() }),
            Condition::PoolExhausted => Some(Note::PoolExhausted),
            Condition::Warning { severity, message, .. } if condition.is_unhealthy() => {
                Some(Note::ServiceWarning { severity: String::from(severity.clone()).into(), message: message.clone() })
            }
            Condition::Gone { offsets: Some(offsets) } | Condition::GoneWhileStopped { offsets } => match offsets {
                LastOffsets::Kept => Some(Note::OffsetsOnlyInState),
                LastOffsets::Uncertain(topics) => Some(Note::GoneWithUncertainOffsets { topics: topics.clone() }),
                LastOffsets::Unknown => Some(Note::GoneWithUnknownOffsets),
                LastOffsets::NeverRan => None,
            },
            Condition::RunsTwice { names } => Some(Note::RunsTwice { names: names.clone() }),
            Condition::DuplicatePools { ids } => Some(Note::DuplicatePools { ids: ids.clone() }),
            Condition::UnclearRequest { .. }
            | Condition::UnresolvedRequest
            | Condition::Unreadable { .. }
            | Condition::Unverified
            | Condition::Gone { offsets: None }
            | Condition::Recreated { .. }
            | Condition::UnexpectedGenerations { .. }
            | Condition::StateOlderThanCloud { .. }
            | Condition::PhaseMessage { .. }
            | Condition::StoppedByInterruptedRun
            | Condition::Failing { .. }
            | Condition::Failed { has_run: false, .. }
            | Condition::Warning { .. }
            | Condition::Leaving { .. }
            | Condition::SpecDiffers { .. }
            | Condition::OpenReplacement { .. }
            | Condition::FailedSuccessor { .. }
            | Condition::OpenUndo { .. }
            | Condition::PoolFailed
            | Condition::PoolChangedOutside { .. } => None,
        }
    }
}
