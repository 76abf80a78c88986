//! Why a change happens.

use serde::{Deserialize, Serialize};

use crate::resource::{ForeignText, Generation, Phase, Template};

/// Why a change happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// The SQL has changed in substance.
    SqlChanged {
        /// The SQL that was sent.
        before: Template,
        /// The SQL that is desired.
        after: Template,
    },
    /// A property differs. A value with secrets is shown as its template.
    PropertyChanged {
        /// The key of the property.
        key: String,
        /// The value that was sent, if any.
        before: Option<Template>,
        /// The value that is desired, if any.
        after: Option<Template>,
    },
    /// A secret that the statement uses has another value.
    SecretChanged {
        /// The name of the secret.
        name: String,
    },
    /// The pool differs. It is given by id, or by key if it has yet to be created.
    PoolChanged {
        /// The pool that was sent, if any.
        before: Option<String>,
        /// The pool that is desired.
        after: String,
    },
    /// The principal of the statement differs.
    PrincipalChanged {
        /// The principal that was sent, if any.
        before: Option<String>,
        /// The principal that is desired.
        after: String,
    },
    /// A field of a pool differs.
    #[serde(rename = "field-changed")]
    PoolFieldChanged {
        /// The name of the field.
        field: String,
        /// The live value of the field.
        before: String,
        /// The desired value of the field.
        after: String,
    },
    /// `stopped` was turned on or off.
    StoppedChanged {
        /// Whether the job should be stopped.
        to: bool,
    },
    /// The statement never took effect.
    NeverRan {
        /// The service's message about the statement.
        detail: ForeignText,
    },
    /// The resource is gone from Confluent Cloud.
    Gone,
    /// The job FAILED after having run.
    Failed {
        /// The service's message about the failure.
        detail: ForeignText,
    },
    /// The job COMPLETED although its sources have no end.
    #[serde(rename = "ended")]
    CompletedUnexpectedly,
    /// The job was stopped outside floe.
    StoppedOutside,
    /// The job was resumed outside floe.
    ResumedOutside,
    /// The job was moved to another pool or principal outside floe.
    MovedOutside {
        /// The field that changed: `pool` or `principal`.
        field: String,
        /// The live value of the field.
        live: String,
        /// The value that was sent.
        sent: String,
    },
    /// An interrupted run stopped the job.
    StoppedByInterruptedRun,
    /// An interrupted run left a successor.
    #[serde(rename = "successor-left")]
    LeftoverSuccessor {
        /// The generation of the successor.
        generation: Generation,
        /// The phase of the successor, or `None` if it is gone.
        phase: Option<Phase>,
    },
    /// An interrupted run left its undo, running or done.
    #[serde(rename = "undo-left")]
    LeftoverUndo,
    /// The resource is no longer declared in the manifests.
    NotDeclared,
    /// The user ran `destroy` on it.
    #[serde(rename = "destroy")]
    DestroyRequested,
    /// The user named it in `--replace`.
    #[serde(rename = "asked")]
    ReplaceRequested,
}
