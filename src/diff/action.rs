//! The changes that people approve: one per address, with its reasons and what people should know about it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::resource::{Address, Generation, Phase, PoolUpdate, Template};

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
    /// Adopts a statement that has this address's labels and is not in the record.
    Adopt {
        /// The cloud name of the statement.
        name: String,
        /// The generation of the statement.
        generation: Generation,
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

/// A value that only the planner reads. It is neither serialized nor compared, since the steps of a plan carry its effect.
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
        detail: String,
    },
    /// The resource is gone from Confluent Cloud.
    Gone,
    /// The job FAILED after having run.
    Failed {
        /// The service's message about the failure.
        detail: String,
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
        detail: String,
        /// When it FAILED, by the service's clock.
        since: Option<String>,
    },
    /// The job COMPLETED although its sources have no end.
    #[serde(rename = "ended")]
    CompletedUnexpectedly,
    /// The job runs with reduced performance.
    Degraded {
        /// The service's message about the phase.
        detail: String,
    },
    /// The service reports a warning.
    #[serde(rename = "warned")]
    ServiceWarning {
        /// The severity of the warning.
        severity: String,
        /// The service's message in the warning.
        message: String,
    },
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

/// Why floe does not act on an address until a person decides or a phase has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub enum Block {
    /// A statement with this name exists and is not managed by this project.
    #[serde(rename = "not-ours")]
    ForeignStatement {
        /// The cloud name of the statement.
        name: String,
    },
    /// Generations run that the record does not expect.
    #[serde(rename = "several-live")]
    UnexpectedGenerations {
        /// The cloud names of the generations.
        names: Vec<String>,
    },
    /// The statement has this project's labels, but its text differs from the declared one and contains a secret,
    /// or something that looks like one. Adopting it would write the secret's value into the state.
    #[serde(rename = "hides-secret")]
    AdoptionExposesSecret {
        /// The cloud name of the statement.
        name: String,
    },
    /// The manifests declare under `to` what is recorded under `from`, which they do not declare.
    #[serde(rename = "recorded-elsewhere")]
    RecordedUnderOtherAddress {
        /// The cloud name of the statement.
        name: String,
        /// The address in the record.
        from: Address,
        /// The address in the manifests.
        to: Address,
    },
    /// Another declared statement keeps this cloud name until its next generation.
    NameInUse {
        /// The cloud name that is taken.
        name: String,
        /// The address that has the name.
        by: Address,
    },
    /// The statement was deleted and created again outside floe.
    RecreatedOutside {
        /// The cloud name of the statement.
        name: String,
        /// What happens if the statement created outside floe is deleted.
        #[serde(rename = "deleted")]
        if_deleted: AfterDeletion,
    },
    /// The resource could not be read, so its presence is unknown.
    #[serde(rename = "unknown")]
    PresenceUnknown {
        /// The service's message about the failed read.
        why: String,
    },
    /// The outcome of a request from an interrupted run is unclear.
    #[serde(rename = "unclear")]
    UnclearIntent {
        /// Why the outcome is unclear.
        why: String,
    },
    /// The replacement restarts from the beginning of its sources, and the policy `evolve = "auto"` does not allow
    /// that.
    #[serde(rename = "loses-position")]
    LosesOffsets {
        /// The construct in the SQL that keeps state, if one is known.
        #[serde(rename = "keeps")]
        stateful_construct: Option<String>,
        /// The consent token, such as `restart:3f2a9c`.
        accept: String,
    },
    /// The policy `evolve = "manual"` requires consent to each change.
    #[serde(rename = "manual")]
    EvolveIsManual {
        /// The consent token for this change.
        accept: String,
    },
    /// The job FAILED after having run.
    FailedPredecessor {
        /// The service's message about the failure.
        detail: String,
        /// The consent token for this change.
        accept: String,
    },
    /// The successor of an open replacement FAILED and may have run.
    FailedSuccessor {
        /// The cloud name of the successor.
        name: String,
        /// The service's message about the failure.
        detail: String,
        /// The consent token for this change.
        accept: String,
        /// Whether the predecessor still exists, so that declaring the previous SQL again resumes it.
        #[serde(default)]
        #[serde(rename = "can_go_back")]
        can_roll_back: bool,
    },
    /// A new generation of a `CREATE TABLE … AS` would fail on its own table.
    #[serde(rename = "table-job")]
    CannotReplaceCreateTableAs,
    /// The current generation is a job, and a definition is declared.
    #[serde(rename = "was-job")]
    JobCannotBecomeDefinition,
    /// This kind of statement cannot be resumed or stopped.
    CannotStop,
    /// The SQL of a definition without `undo` has changed.
    NoUndo,
    /// The definition says `IF NOT EXISTS`, so it would complete and change nothing.
    IfNotExists,
    /// The undo drops data, and `--allow-data-loss` was not given.
    DataLoss {
        /// The SQL that drops data.
        undo: Template,
    },
    /// Live statements read or write what would be dropped.
    #[serde(rename = "in-use")]
    ObjectsInUse {
        /// The addresses of the users, or the cloud names of statements that are not managed by this project.
        by: Vec<String>,
    },
    /// The setting `prevent_destroy` forbids the change.
    PreventDestroy,
    /// The job is gone, and the record has no offsets to start from.
    GoneWithoutOffsets {
        /// The consent token for this change.
        accept: String,
    },
    /// The job is gone and had several sources. The SQL has to say where each of them starts.
    GoneWithSeveralSources {
        /// The hint to paste, by topic. Empty if the SQL already says where it starts.
        hints: BTreeMap<String, String>,
        /// The consent token for this change.
        accept: String,
    },
    /// The job is gone, and the project does not say whether the rows of its source ever change. The offsets are
    /// enough to resume from only if they never do.
    #[serde(rename = "gone-from-unknown-source")]
    GoneWithUnknownSource {
        /// The table that is not defined in the project.
        source: String,
        /// The hint to paste, by topic. Empty if the SQL already says where it starts.
        hints: BTreeMap<String, String>,
        /// The consent token for this change.
        accept: String,
    },
    /// The change cannot be decided while the resource is in a transitional phase.
    InMotion {
        /// The phase of the resource.
        phase: Phase,
    },
    /// The change looks like a rename: the same SQL is removed at one address and added at another.
    #[serde(rename = "renamed")]
    LooksLikeRename {
        /// The address that is removed.
        from: Address,
        /// The address that is added.
        to: Address,
    },
    /// A `[[moved]]` block leads to an address that has a record of its own.
    #[serde(rename = "moved-onto")]
    MoveTargetRecorded {
        /// The address that the block moves.
        from: Address,
    },
    /// The plan would remove everything that the state records, although `destroy` was not requested.
    RemovesEverything,
    /// An unrecorded pool has the same name.
    PoolExists {
        /// The id of the pool.
        id: String,
    },
    /// The cloud, region or network of an owned pool differs from the declaration.
    #[serde(rename = "pool-moved")]
    PoolFieldImmutable {
        /// The name of the field.
        field: String,
        /// The live value of the field.
        live: String,
        /// The desired value of the field.
        desired: String,
    },
    /// Statements that are not managed by this project run on the pool, or CFU are in use that none of its statements
    /// explains.
    PoolInUse {
        /// The cloud names of the statements.
        statements: Vec<String>,
        /// The number of CFU in use.
        current_cfu: u32,
    },
    /// The pool would be deleted while our own statements are on it, and nothing in this plan moves them away.
    #[serde(rename = "pool-carries")]
    PoolHasStatements {
        /// The addresses of the statements.
        statements: Vec<Address>,
    },
    /// A pool that this project does not own does not exist.
    PoolMissing {
        /// The id of the pool.
        id: String,
    },
    /// The creation of the pool FAILED.
    PoolFailed {
        /// The id of the pool.
        id: String,
    },
    /// The pool of the statement is blocked.
    PoolBlocked {
        /// The address of the pool.
        pool: Address,
    },
}

/// What happens to a statement that was created again outside floe, if the new one is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDeletion {
    /// The statement is submitted again.
    #[serde(rename = "anew")]
    Resubmit,
    /// The statement is submitted again with this consent.
    #[serde(rename = "accepted")]
    ResubmitWithConsent(String),
    /// Nothing happens, because the statement has done its work.
    #[serde(rename = "done")]
    Nothing,
    /// The statement is blocked for another reason.
    #[serde(rename = "stuck")]
    Blocked,
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

impl Block {
    /// Returns the consent token that would allow a new generation in spite of the block.
    pub fn consent(&self) -> Option<&str> {
        match self {
            Block::LosesOffsets { accept, .. }
            | Block::EvolveIsManual { accept }
            | Block::FailedPredecessor { accept, .. }
            | Block::FailedSuccessor { accept, .. }
            | Block::GoneWithoutOffsets { accept }
            | Block::GoneWithSeveralSources { accept, .. }
            | Block::GoneWithUnknownSource { accept, .. }
            | Block::RecreatedOutside { if_deleted: AfterDeletion::ResubmitWithConsent(accept), .. } => Some(accept),
            _ => None,
        }
    }
}

impl Change {
    /// Returns a change with reasons and no notes.
    pub fn new(action: Action, reasons: Vec<Reason>) -> Self {
        Change { action, reasons, notes: Vec::new() }
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
        let is_in_motion_block = |block: &Block| matches!(block, Block::InMotion { .. });
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

    /// Returns whether something is wrong with the live resource, regardless of the action.
    pub fn is_unhealthy(&self) -> bool {
        let is_left_stopped = self.reasons.contains(&Reason::StoppedByInterruptedRun);
        let by: &[Block] = if let Action::Blocked { by } = &self.action { by } else { &[] };
        let has_unhealthy_block = by.iter().any(|block| {
            matches!(
                block,
                Block::UnexpectedGenerations { .. } | Block::RecreatedOutside { .. } | Block::UnclearIntent { .. }
            )
        });
        is_left_stopped
            || has_unhealthy_block
            || self.notes.iter().any(|note| {
                matches!(
                    note,
                    Note::StoppedOutside
                        | Note::ResumedOutside
                        | Note::LateSubmissions { .. }
                        | Note::DuplicatePools { .. }
                        | Note::MovedOutside { .. }
                        | Note::Failed { .. }
                        | Note::CompletedUnexpectedly
                        | Note::GoneWithUnknownOffsets
                        | Note::GoneWithUncertainOffsets { .. }
                        | Note::Degraded { .. }
                )
            })
    }
}
