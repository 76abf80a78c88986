//! What people approve: one change per address, why, and what they should know about it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::resource::{Address, Generation, Phase, PoolUpdate, Template};

/// What happens to one address, as data: renders draw it, plans carry it out, nobody decides anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happens.
    pub action: Action,
    /// Why, in the order in which the reasons were found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// What people should know beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// What is done to one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Submit a statement that is not there.
    Create {
        /// Its first SQL.
        sql: Template,
        /// The cloud name.
        name: String,
        /// The generation to submit.
        generation: Generation,
    },
    /// Create a pool.
    CreatePool {
        /// The most CFU it may use.
        max_cfu: u32,
    },
    /// Keep a declared statement unsubmitted until `stopped` is turned off.
    #[serde(rename = "hold")]
    KeepUnsubmitted,
    /// Take over a statement that bears this address's labels and is not in the record.
    Adopt {
        /// Its cloud name.
        name: String,
        /// Its generation.
        generation: Generation,
    },
    /// Stop a job, keeping its position and state.
    Stop,
    /// Resume a job that stands still, with what was due.
    #[serde(rename = "start")]
    Resume {
        /// Which placement fields the request sends.
        #[serde(skip)]
        placement: ForPlanner<PlacementChange>,
        /// What is recorded once the job runs.
        #[serde(skip)]
        records: ForPlanner<RecordedSettings>,
    },
    /// Change an owned pool.
    #[serde(rename = "amend-pool")]
    UpdatePool {
        /// To what.
        to: PoolUpdate,
    },
    /// Stop a running job, change its pool or principal, and resume it; its state is kept.
    Restart {
        /// Which placement fields the request sends.
        #[serde(skip)]
        placement: ForPlanner<PlacementChange>,
    },
    /// Put a new generation in the place of the present one.
    Replace {
        /// How.
        strategy: Strategy,
        /// The generation that goes; none if it is gone already.
        from: Option<Generation>,
        /// The generation that comes.
        to: Generation,
    },
    /// Go on with a replacement that an interrupted run left open.
    #[serde(rename = "go-on")]
    FinishReplacement {
        /// The generation that comes.
        to: Generation,
    },
    /// Take an interrupted replacement back: delete the successor, resume the predecessor.
    #[serde(rename = "take-back")]
    RollBackReplacement {
        /// The generation that goes.
        from: Generation,
    },
    /// Delete what is in the cloud: a statement (running its `undo` if it defines something), or a pool.
    Delete {
        /// The SQL that undoes a definition.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo: Option<Template>,
    },
    /// Drop it from the record; whatever is in the cloud stays.
    Forget,
    /// Wait for what is under way.
    Await {
        /// The phase it is in.
        phase: Phase,
        /// What follows once the phase has passed.
        #[serde(skip)]
        then: ForPlanner<AfterWait>,
    },
    /// Write down settings that only floe reads.
    #[serde(rename = "record")]
    RecordSettings,
    /// Do nothing; the notes say what is to be known.
    #[serde(rename = "note")]
    Inform,
    /// Do nothing, since a person has to decide.
    Blocked {
        /// Everything that stands in the way.
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
    /// The record keeps its settings. The next plan decides on the declared ones.
    Unchanged,
}

/// What follows once an awaited phase has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterWait {
    /// Nothing is left to decide, and the declared settings are recorded.
    #[default]
    RecordDeclared,
    /// The change cannot be decided in this phase. A new plan is made afterwards.
    PlanAgain,
}

/// How a generation is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Stop the old one, submit the new one, which begins again from its sources.
    Restart,
    /// The old one never took effect: delete it, submit the new one.
    NeverRan,
    /// A definition: run its old `undo`, then the new SQL.
    Redefine,
    /// The old one is gone: submit the new one from its recorded offsets.
    FromOffsets,
    /// The old one is gone: submit the new one, which begins again from its sources.
    #[serde(rename = "again")]
    FromSources,
}

/// Why something happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// The SQL says something else.
    SqlChanged {
        /// As it was sent.
        before: Template,
        /// As it is desired.
        after: Template,
    },
    /// Properties differ. A value with secrets is shown as its template.
    PropertyChanged {
        /// The property.
        key: String,
        /// As it was sent.
        before: Option<Template>,
        /// As it is desired.
        after: Option<Template>,
    },
    /// A secret that goes into it has another value.
    SecretChanged {
        /// Its name.
        name: String,
    },
    /// The pool differs: ids, or a key for one that is yet to be created.
    PoolChanged {
        /// What it was sent with.
        before: Option<String>,
        /// What is desired.
        after: String,
    },
    /// The principal differs.
    PrincipalChanged {
        /// What it was sent with.
        before: Option<String>,
        /// What is desired.
        after: String,
    },
    /// A field of a pool differs.
    #[serde(rename = "field-changed")]
    PoolFieldChanged {
        /// Its name.
        field: String,
        /// As it is.
        before: String,
        /// As it is desired.
        after: String,
    },
    /// `stopped` was turned on or off.
    StoppedChanged {
        /// Whether it is to stand still.
        to: bool,
    },
    /// It never took effect.
    NeverRan {
        /// The service's words on it.
        detail: String,
    },
    /// It is gone from the cloud.
    Gone,
    /// It FAILED after having run.
    Failed {
        /// The service's words.
        detail: String,
    },
    /// It COMPLETED although its sources have no end.
    #[serde(rename = "ended")]
    CompletedUnexpectedly,
    /// Somebody stopped it outside.
    StoppedOutside,
    /// Somebody resumed it outside.
    ResumedOutside,
    /// Somebody moved it to another pool or principal outside.
    MovedOutside {
        /// `pool` or `principal`.
        field: String,
        /// What it has now.
        live: String,
        /// What was sent.
        sent: String,
    },
    /// An interrupted run stopped it.
    StoppedByInterruptedRun,
    /// An interrupted run left a successor.
    #[serde(rename = "successor-left")]
    LeftoverSuccessor {
        /// Its generation.
        generation: Generation,
        /// Its phase; none if it is gone.
        phase: Option<Phase>,
    },
    /// An interrupted run left its undo running or done.
    #[serde(rename = "undo-left")]
    LeftoverUndo,
    /// The project does not declare it any more.
    NotDeclared,
    /// `destroy` was asked for.
    #[serde(rename = "destroy")]
    DestroyRequested,
    /// `--replace` names it.
    #[serde(rename = "asked")]
    ReplaceRequested,
}

/// What people should know about a change, or about something that does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// The SQL differs in layout, comments or keyword case only.
    #[serde(rename = "cosmetic")]
    CosmeticSqlChange,
    /// The new name is used from the next generation on.
    #[serde(rename = "name-at-next-generation")]
    RenamedAtNextGeneration {
        /// The name in use.
        #[serde(rename = "now")]
        current_name: String,
    },
    /// It stands still because somebody stopped it outside.
    StoppedOutside,
    /// It runs although it is to stand still: somebody resumed it outside.
    ResumedOutside,
    /// Submissions of an address that is neither declared nor recorded took effect after they were given up.
    #[serde(rename = "runs-unrecorded")]
    LateSubmissions {
        /// The cloud names.
        names: Vec<String>,
    },
    /// Its pool or principal was changed outside.
    MovedOutside {
        /// `pool` or `principal`.
        field: String,
        /// What it has now.
        live: String,
        /// What was sent.
        sent: String,
    },
    /// It FAILED.
    Failed {
        /// The service's words.
        detail: String,
        /// When, by the service's clock.
        since: Option<String>,
    },
    /// It COMPLETED although its sources have no end.
    #[serde(rename = "ended")]
    CompletedUnexpectedly,
    /// It runs with reduced performance.
    Degraded {
        /// The service's words.
        detail: String,
    },
    /// The service warns.
    #[serde(rename = "warned")]
    ServiceWarning {
        /// How bad.
        severity: String,
        /// The service's words.
        message: String,
    },
    /// These changes are carried out when it is started.
    DueAtNextStart {
        /// The fields.
        fields: Vec<String>,
    },
    /// It was purged or deleted while it stood still: its offsets live in the state alone.
    #[serde(rename = "offsets-only-here")]
    OffsetsOnlyInState,
    /// It is gone, and where it stood is not known.
    #[serde(rename = "gone-from-nowhere")]
    GoneWithUnknownOffsets,
    /// It is gone. It once stood here, when somebody else had stopped it; whether it went on from there nobody knows.
    #[serde(rename = "stood-when-stopped-outside")]
    GoneWithUncertainOffsets {
        /// `partition:0,offset:100;…` per topic.
        topics: BTreeMap<String, String>,
    },
    /// One of its name was removed before.
    #[serde(rename = "removed-before")]
    PreviouslyRemoved {
        /// Where it stood then, as far as that is known: `partition:0,offset:100;…` per topic.
        topics: BTreeMap<String, String>,
    },
    /// It goes on as it was sent; these changes are for the next plan.
    #[serde(rename = "still-to-decide")]
    ChangesLeftForNextPlan {
        /// The fields.
        fields: Vec<String>,
    },
    /// `--replace` names it, and it is to stand still.
    #[serde(rename = "not-replaced")]
    ReplaceIgnoredWhileStopped,
    /// It is under way; nothing is decided from that.
    InMotion {
        /// The phase.
        phase: Phase,
    },
    /// These statements keep the old definition of what changes until they are replaced.
    StaleReaders {
        /// Their addresses.
        readers: Vec<Address>,
    },
    /// A pool's `max_cfu` cannot be lowered.
    #[serde(rename = "cannot-lower")]
    CannotLowerMaxCfu {
        /// What it is.
        live: u32,
        /// What is desired.
        desired: u32,
    },
    /// What it defined stays.
    #[serde(rename = "objects-stay")]
    ObjectsRemain {
        /// Their names, as the SQL writes them.
        objects: Vec<String>,
    },
    /// Its output will be written again from the beginning of its sources: appended rows come twice, keyed rows are
    /// overwritten.
    #[serde(rename = "output-again")]
    OutputRepeated {
        /// Whether the tables that it writes have a primary key; `None` where the project does not say or they differ.
        keyed: Option<bool>,
    },
    /// It starts where its SQL or its properties say, not where it stood.
    #[serde(rename = "starts-as-written")]
    StartsWhereSqlSays,
    /// What a successor wrote before it FAILED stays: appended rows may be there twice.
    #[serde(rename = "successor-wrote")]
    SuccessorOutputRemains {
        /// Its cloud name.
        name: String,
    },
    /// It starts where it stood.
    #[serde(rename = "starts-at")]
    StartsAtOffsets {
        /// `partition:0,offset:100;…`
        offsets: String,
    },
    /// These statements stopped with the pool.
    StoppedWithPool {
        /// Their addresses.
        statements: Vec<Address>,
    },
    /// Pools of the same name, cloud and region are there that no record has and no manifest names: perhaps of a creation
    /// whose answer was lost and that took effect after another was asked for.
    #[serde(rename = "pool-twins")]
    DuplicatePools {
        /// Their ids.
        ids: Vec<String>,
    },
    /// A pool of somebody else's that could not be looked at: there is no Cloud API key.
    #[serde(rename = "trusted")]
    UnverifiedPool,
    /// A secret has no value here, and is to be sent.
    #[serde(rename = "secret-wanted")]
    SecretMissing {
        /// Its name.
        name: String,
    },
    /// A secret has no value here, so a change of it would not be seen.
    #[serde(rename = "secret-unknown")]
    SecretNotCompared {
        /// Its name.
        name: String,
    },
}

/// What stands in the way of a change until a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub enum Block {
    /// A statement of that name exists and is not this project's.
    #[serde(rename = "not-ours")]
    ForeignStatement {
        /// The cloud name.
        name: String,
    },
    /// Several generations run that the record does not know.
    #[serde(rename = "several-live")]
    UnexpectedGenerations {
        /// Their cloud names.
        names: Vec<String>,
    },
    /// It bears this project's labels, has another text than is declared, and there is a secret in it, or what looks like
    /// one: adopting it would write the secret's value into the state.
    #[serde(rename = "hides-secret")]
    AdoptionExposesSecret {
        /// The cloud name.
        name: String,
    },
    /// The manifests declare under `to` what the record has under `from`, which they do not declare.
    #[serde(rename = "recorded-elsewhere")]
    RecordedUnderOtherAddress {
        /// The cloud name.
        name: String,
        /// The address in the record.
        from: Address,
        /// The address in the manifests.
        to: Address,
    },
    /// Another declared statement still has this cloud name, until its next generation.
    NameInUse {
        /// The cloud name.
        name: String,
        /// Which.
        by: Address,
    },
    /// It was deleted and created again by somebody else.
    RecreatedOutside {
        /// The cloud name.
        name: String,
        /// What comes of it if theirs is deleted.
        #[serde(rename = "deleted")]
        if_deleted: AfterDeletion,
    },
    /// Nobody can tell what is there.
    #[serde(rename = "unknown")]
    PresenceUnknown {
        /// The service's words.
        why: String,
    },
    /// An interrupted run's request cannot be settled.
    #[serde(rename = "unclear")]
    UnclearIntent {
        /// Why.
        why: String,
    },
    /// A replacement begins again from the sources, and the policy `evolve = "auto"` does not allow that.
    LosesPosition {
        /// What in the SQL keeps state, if anything surely does.
        #[serde(rename = "keeps")]
        stateful_construct: Option<String>,
        /// The consent: `restart:3f2a9c`.
        accept: String,
    },
    /// `evolve = "manual"`.
    #[serde(rename = "manual")]
    EvolveIsManual {
        /// The consent.
        accept: String,
    },
    /// It FAILED after having run.
    FailedPredecessor {
        /// The service's words.
        detail: String,
        /// The consent.
        accept: String,
    },
    /// The successor of an open replacement FAILED and may have run.
    FailedSuccessor {
        /// Its cloud name.
        name: String,
        /// The service's words.
        detail: String,
        /// The consent.
        accept: String,
        /// Whether its predecessor is there, and goes on once the SQL in force before is declared again.
        #[serde(default)]
        #[serde(rename = "can_go_back")]
        can_roll_back: bool,
    },
    /// A `CREATE TABLE … AS` would fail on its own table.
    #[serde(rename = "table-job")]
    CannotReplaceCreateTableAs,
    /// What is in force is a job, and what is declared is a definition.
    #[serde(rename = "was-job")]
    JobCannotBecomeDefinition,
    /// The kind of statement cannot be resumed or stopped.
    CannotStop,
    /// A definition without `undo` has another SQL.
    NoUndo,
    /// A definition says `IF NOT EXISTS`: it would complete and change nothing.
    IfNotExists,
    /// The undo drops data, and `--allow-data-loss` was not given.
    DataLoss {
        /// The SQL that drops.
        undo: Template,
    },
    /// Live statements read or write what would be dropped.
    #[serde(rename = "in-use")]
    ObjectsInUse {
        /// Addresses, or cloud names of statements that are not ours.
        by: Vec<String>,
    },
    /// `prevent_destroy`.
    PreventDestroy,
    /// It is gone, and the record has no offsets to start from.
    GoneWithoutOffsets {
        /// The consent.
        accept: String,
    },
    /// It is gone, and had several sources: where to start each has to be written into the SQL.
    GoneWithSeveralSources {
        /// Per topic, the hint to paste; none where the SQL says already where it begins.
        hints: BTreeMap<String, String>,
        /// The consent.
        accept: String,
    },
    /// It is gone, and where it stood is enough to go on from only if the rows of a source never change, of which the project
    /// does not say.
    #[serde(rename = "gone-from-unknown-source")]
    GoneWithUnknownSource {
        /// The table that nobody in the project defines.
        source: String,
        /// The hint to paste, by topic; none where the SQL says already where it begins.
        hints: BTreeMap<String, String>,
        /// The consent.
        accept: String,
    },
    /// It is being changed in a way that cannot be decided while it is under way.
    InMotion {
        /// The phase.
        phase: Phase,
    },
    /// It looks like a rename: the same SQL is deleted there and created here.
    #[serde(rename = "renamed")]
    LooksLikeRename {
        /// The address until now.
        from: Address,
        /// The address from now on.
        to: Address,
    },
    /// `[[moved]]` leads to an address that has a record of its own.
    #[serde(rename = "moved-onto")]
    MoveTargetRecorded {
        /// The address until now.
        from: Address,
    },
    /// Everything that the state records would be removed, outside `destroy`.
    RemovesEverything,
    /// An unrecorded pool bears the same name.
    PoolExists {
        /// Its id.
        id: String,
    },
    /// Cloud, region or network of an owned pool differ from the declaration.
    #[serde(rename = "pool-moved")]
    PoolFieldImmutable {
        /// Which.
        field: String,
        /// As it is.
        live: String,
        /// As it is desired.
        desired: String,
    },
    /// Statements that are not ours run on the pool, or CFU are in use that none of ours explains.
    PoolInUse {
        /// Cloud names of the statements.
        statements: Vec<String>,
        /// CFU in use.
        current_cfu: u32,
    },
    /// The pool would be deleted under our own statements, which nothing in this plan takes off it.
    #[serde(rename = "pool-carries")]
    PoolHasStatements {
        /// Their addresses.
        statements: Vec<Address>,
    },
    /// A pool of somebody else's is not there.
    PoolMissing {
        /// Its id.
        id: String,
    },
    /// The pool's creation FAILED.
    PoolFailed {
        /// Its id.
        id: String,
    },
    /// Its pool is blocked.
    PoolBlocked {
        /// The pool.
        pool: Address,
    },
}

/// What comes of a statement that somebody recreated, if theirs is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDeletion {
    /// It is submitted anew.
    #[serde(rename = "anew")]
    Resubmit,
    /// It is submitted anew with this consent.
    #[serde(rename = "accepted")]
    ResubmitWithConsent(String),
    /// Nothing: it has done its work.
    #[serde(rename = "done")]
    Nothing,
    /// It is blocked for another reason.
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

    /// Waits until `phase` has passed.
    pub fn wait(phase: Phase, then: AfterWait) -> Self {
        Action::Await { phase, then: ForPlanner(then) }
    }
}

impl Block {
    /// The consent that would let a new generation begin in spite of it.
    pub fn consent(&self) -> Option<&str> {
        match self {
            Block::LosesPosition { accept, .. }
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
    /// A change with its reasons and no notes.
    pub fn new(action: Action, reasons: Vec<Reason>) -> Self {
        Change { action, reasons, notes: Vec::new() }
    }

    /// Something that a person has to decide.
    pub fn blocked(by: Block) -> Self {
        Change::new(Action::Blocked { by: vec![by] }, Vec::new())
    }

    /// Something that `prevent_destroy` keeps from being removed, which may be declared no more.
    pub fn blocked_by_prevent_destroy(why: Reason, undeclared: bool) -> Self {
        let undeclared = (undeclared && why != Reason::NotDeclared).then_some(Reason::NotDeclared);
        let reasons = std::iter::once(why).chain(undeclared).collect();
        Change::new(Action::Blocked { by: vec![Block::PreventDestroy] }, reasons)
    }

    /// The same change with one more note.
    pub fn with_note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// Whether a person has to decide first.
    pub fn is_blocked(&self) -> bool {
        matches!(self.action, Action::Blocked { .. })
    }

    /// Whether it cannot be decided until a phase has passed.
    pub fn is_undecided(&self) -> bool {
        let is_in_motion_block = |block: &Block| matches!(block, Block::InMotion { .. });
        match &self.action {
            Action::Await { then, .. } => then.0 == AfterWait::PlanAgain,
            Action::Blocked { by } => by.iter().all(is_in_motion_block),
            _ => false,
        }
    }

    /// Whether an apply would change the cloud or what floe answers for: what `--detailed-exitcode` reports.
    pub fn is_pending(&self) -> bool {
        !matches!(self.action, Action::RecordSettings | Action::Inform | Action::Await { .. } | Action::Blocked { .. })
    }

    /// Whether something is wrong with the live thing, whatever is done about it.
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
