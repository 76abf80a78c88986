//! The changes that people approve: one per address, with its reasons and what people should know about it.

mod block;
mod note;
mod reason;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::resource::{Generation, Phase, PoolUpdate, Template};

pub use block::{AfterDeletion, Block, ImportMode};
pub use note::Note;
pub use reason::Reason;

/// What happens to one address, as data. `render` shows it and `plan` turns it into steps. Neither decides it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What is done to the address.
    pub action: Action,
    /// The reasons, in the order in which they were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// What people should also know about the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Whether the live resource needs attention, regardless of the action.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unhealthy: bool,
}

/// What is done to one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Submits a statement that does not exist.
    Create {
        /// The first SQL of the statement.
        sql: Template,
        /// The cloud name of the statement.
        name: String,
        /// The generation to submit.
        generation: Generation,
    },
    /// Creates a pool that this project owns.
    CreatePool {
        /// The maximum number of CFU that the pool may use.
        max_cfu: u32,
    },
    /// Keeps a declared statement unsubmitted until `stopped` is turned off.
    #[serde(rename = "hold")]
    KeepUnsubmitted,
    /// Adopts a statement that has this address's labels, is not in the record and is equal to the declaration.
    Adopt {
        /// The cloud name of the statement.
        name: String,
        /// The generation of the statement.
        generation: Generation,
        /// The cloud names of its other generations, which are recorded as retired.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retired: Vec<String>,
    },
    /// Stops a job. Its offsets and state are kept.
    Stop,
    /// Resumes a stopped job, with the changes that were due.
    #[serde(rename = "start")]
    Resume {
        /// The placement fields that the request sends.
        #[serde(skip)]
        placement: ForPlanner<PlacementChange>,
        /// What is recorded once the job runs.
        #[serde(skip)]
        records: ForPlanner<RecordedSettings>,
    },
    /// Changes a pool that this project owns.
    #[serde(rename = "amend-pool")]
    UpdatePool {
        /// The fields to change, with their new values.
        to: PoolUpdate,
    },
    /// Stops a running job, changes its pool or principal, and resumes it. Its state is kept.
    Restart {
        /// The placement fields that the request sends.
        #[serde(skip)]
        placement: ForPlanner<PlacementChange>,
    },
    /// Replaces the current generation with a new one.
    Replace {
        /// How the generation is replaced.
        strategy: Strategy,
        /// The generation that is replaced, or `None` if it is already gone.
        from: Option<Generation>,
        /// The generation that replaces it.
        to: Generation,
    },
    /// Finishes a replacement that an interrupted run left open.
    #[serde(rename = "go-on")]
    FinishReplacement {
        /// The generation that takes over.
        to: Generation,
    },
    /// Rolls back an interrupted replacement: deletes the successor and resumes the predecessor.
    #[serde(rename = "take-back")]
    RollBackReplacement {
        /// The generation that is deleted.
        from: Generation,
    },
    /// Deletes a live resource: a statement (running its `undo` if it is a definition) or a pool.
    Delete {
        /// The SQL that reverses a definition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Template>,
    },
    /// Removes the address from the record. Live resources stay as they are.
    Forget,
    /// Waits for a transitional phase to end.
    Await {
        /// The phase of the resource.
        phase: Phase,
        /// What follows once the phase has ended.
        #[serde(skip)]
        then: ForPlanner<AfterWait>,
    },
    /// Records settings that only floe reads.
    #[serde(rename = "record")]
    RecordSettings,
    /// Does nothing. The notes say what people should know.
    #[serde(rename = "note")]
    Inform,
    /// Does nothing, because a person has to decide.
    Blocked {
        /// Everything that blocks the change.
        by: Vec<Block>,
    },
}

/// A value that only planning reads. It is neither serialized nor compared, since the steps of a plan carry its effect:
/// a change that is read from a file has the default.
#[derive(Clone, Copy, Default)]
pub struct ForPlanner<T>(pub T);

impl<T: fmt::Debug> fmt::Debug for ForPlanner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> PartialEq for ForPlanner<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl<T> Eq for ForPlanner<T> {}

/// The placement fields that differ and that a resume therefore sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlacementChange {
    /// Whether the declared pool is sent.
    pub pool: bool,
    /// Whether the declared principal is sent.
    pub principal: bool,
}

impl PlacementChange {
    /// Returns whether no field differs.
    pub fn is_empty(self) -> bool {
        !self.pool && !self.principal
    }
}

/// What is recorded once an action has succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RecordedSettings {
    /// The declared settings are in force and are recorded.
    #[default]
    Declared,
    /// The record keeps its settings, and the next plan decides on the declared ones.
    Unchanged,
}

/// What follows once an awaited phase has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterWait {
    /// Nothing is left to decide, and the declared settings are recorded.
    #[default]
    RecordDeclared,
    /// The change cannot be decided in this phase, and a new plan is made.
    PlanAgain,
}

/// How a generation is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Stops the predecessor and submits the successor, which restarts from the beginning of its sources.
    Restart,
    /// Deletes a predecessor that never took effect, and submits the successor.
    NeverRan,
    /// Runs the recorded `undo` of a definition, then submits the new SQL.
    Redefine,
    /// Submits a successor to a generation that is gone, starting from the recorded offsets.
    FromOffsets,
    /// Submits a successor to a generation that is gone, which restarts from the beginning of its sources.
    #[serde(rename = "again")]
    FromSources,
}

impl Action {
    /// Resumes a job with the placement that differs, and records `records` once it runs.
    pub fn resume(placement: PlacementChange, records: RecordedSettings) -> Self {
        Action::Resume { placement: ForPlanner(placement), records: ForPlanner(records) }
    }

    /// Restarts a running job with the placement that differs.
    pub fn restart(placement: PlacementChange) -> Self {
        Action::Restart { placement: ForPlanner(placement) }
    }

    /// Waits until `phase` has ended.
    pub fn wait(phase: Phase, then: AfterWait) -> Self {
        Action::Await { phase, then: ForPlanner(then) }
    }
}

impl Change {
    /// Returns a change with reasons and no notes.
    pub fn new(action: Action, reasons: Vec<Reason>) -> Self {
        Change { action, reasons, notes: Vec::new(), unhealthy: false }
    }

    /// Returns a change that a person has to decide.
    pub fn blocked(by: Block) -> Self {
        Change::new(Action::Blocked { by: vec![by] }, Vec::new())
    }

    /// Returns a change that `prevent_destroy` blocks. If `undeclared`, the reasons say that the resource is no
    /// longer declared.
    pub fn blocked_by_prevent_destroy(why: Reason, undeclared: bool) -> Self {
        let undeclared = (undeclared && why != Reason::NotDeclared).then_some(Reason::NotDeclared);
        let reasons = std::iter::once(why).chain(undeclared).collect();
        Change::new(Action::Blocked { by: vec![Block::PreventDestroy] }, reasons)
    }

    /// Returns the change with more notes.
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = Note>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Returns the change with one more note.
    pub fn with_note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// Returns whether the change is blocked.
    pub fn is_blocked(&self) -> bool {
        matches!(self.action, Action::Blocked { .. })
    }

    /// Returns whether the change cannot be decided until a phase has passed.
    pub fn is_undecided(&self) -> bool {
        let is_in_motion_block =
            |block: &Block| matches!(block, Block::InMotion { .. } | Block::RequestInFlight { .. });
        match &self.action {
            Action::Await { then, .. } => then.0 == AfterWait::PlanAgain,
            Action::Blocked { by } => by.iter().all(is_in_motion_block),
            _ => false,
        }
    }

    /// Returns whether an apply would change the cloud or what floe manages. `--detailed-exitcode` reports this.
    pub fn is_pending(&self) -> bool {
        !matches!(self.action, Action::RecordSettings | Action::Inform | Action::Await { .. } | Action::Blocked { .. })
    }
}
