//! What keeps floe from acting on an address.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resource::{Address, Consent, ForeignText, Operation, Phase, Template};

/// Why floe does not act on an address until a person decides or a phase has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "block", rename_all = "kebab-case")]
pub enum Block {
    /// A statement with this name exists and is not managed by this project.
    #[serde(rename = "not-ours")]
    ForeignStatement {
        /// The cloud name of the statement.
        name: String,
        /// How `floe import` can take the statement over.
        #[serde(default, skip_serializing_if = "ImportMode::is_refused")]
        import: ImportMode,
    },
    /// A statement has this address's labels and no record, and it is not what is declared.
    AdoptionDiffers {
        /// The cloud name of the statement.
        name: String,
        /// How `floe import` can take the statement over.
        import: ImportMode,
    },
    /// Another statement may run the same SQL, or has the labels of this project and may write to the same table.
    Copy {
        /// The cloud name of the statement.
        name: String,
        /// Whether it runs the same SQL.
        #[serde(rename = "same_sql")]
        has_same_sql: bool,
        /// The address in its labels, if they are those of this project and environment and the address is neither
        /// declared nor recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labeled_as: Option<Address>,
        /// How `floe import` can take the statement over.
        import: ImportMode,
        /// The consent token to start the job in spite of it.
        accept: Consent,
    },
    /// Generations exist that this state does not know: it is older than the cloud.
    #[serde(rename = "state-older-than-cloud")]
    StateOlderThanCloud {
        /// The cloud names of the generations.
        names: Vec<String>,
        /// The generation that `floe import` can take over, and how.
        import: Option<(String, ImportMode)>,
    },
    /// The definition was taken over from a statement that this project did not submit, so its `undo` is not run.
    AdoptedDefinition,
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
        /// How `floe import` can take the statement over.
        #[serde(default, skip_serializing_if = "ImportMode::is_refused")]
        import: ImportMode,
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
    /// A request that an earlier run sent, or was about to send, may still take effect. Nothing that it could meet is
    /// started, resumed or deleted before that.
    #[serde(rename = "in-flight")]
    RequestInFlight {
        /// The request that may still take effect.
        operation: Box<Operation>,
        /// For how many more seconds it may take effect.
        seconds_left: u64,
    },
    /// A job runs twice: both the predecessor and the successor of an open replacement run.
    #[serde(rename = "two-copies")]
    TwoCopies {
        /// The cloud name of the predecessor.
        predecessor: String,
        /// The cloud name of the successor.
        successor: String,
    },
    /// The undo needs a pool, and the pool no longer exists.
    UndoNeedsPool {
        /// The SQL that cannot be run.
        undo: Template,
        /// The pool that does not exist.
        pool: Address,
        /// Whether the manifests declare the pool, so that an apply creates it again.
        is_declared: bool,
    },
    /// The replacement restarts from the beginning of its sources, and the policy `evolve = "auto"` does not allow
    /// that.
    #[serde(rename = "loses-position")]
    LosesOffsets {
        /// The construct in the SQL that keeps state, if one is known.
        #[serde(rename = "keeps")]
        stateful_construct: Option<String>,
        /// The consent token, such as `restart:3f2a9c`.
        accept: Consent,
    },
    /// The policy `evolve = "manual"` requires consent to each change.
    #[serde(rename = "manual")]
    EvolveIsManual {
        /// The consent token for this change.
        accept: Consent,
    },
    /// The job FAILED after having run.
    FailedPredecessor {
        /// The service's message about the failure.
        detail: ForeignText,
        /// The consent token for this change.
        accept: Consent,
    },
    /// The successor of an open replacement FAILED and may have run.
    FailedSuccessor {
        /// The cloud name of the successor.
        name: String,
        /// The service's message about the failure.
        detail: ForeignText,
        /// The consent token for this change.
        accept: Consent,
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
        accept: Consent,
    },
    /// The job is gone and had several sources. The SQL has to say where each of them starts.
    GoneWithSeveralSources {
        /// The hint to paste, by topic. Empty if the SQL already says where it starts.
        hints: BTreeMap<String, String>,
        /// The consent token for this change.
        accept: Consent,
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
        accept: Consent,
    },
    /// The job is gone, and the project does not say whether its sink takes upserts. The offsets are enough to resume
    /// from only if it takes none.
    #[serde(rename = "gone-into-unknown-sink")]
    GoneWithUnknownSink {
        /// The table that is not defined in the project.
        sink: String,
        /// The hint to paste, by topic. Empty if the SQL already says where it starts.
        hints: BTreeMap<String, String>,
        /// The consent token for this change.
        accept: Consent,
    },
    /// The job is gone, and the definition of its source sets where readers start. Properties with offsets would have
    /// no effect on such a table.
    #[serde(rename = "gone-from-startup-option")]
    GoneWithStartupOption {
        /// The table or view whose definition sets the option.
        source: String,
        /// The hint to paste, by topic. Empty if the SQL already says where it starts.
        hints: BTreeMap<String, String>,
        /// The consent token for this change.
        accept: Consent,
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
    /// The pool that is declared by its id is in another cloud or region than the environment.
    PoolElsewhere {
        /// The id of the pool.
        id: String,
        /// The cloud of the pool.
        cloud: String,
        /// The region of the pool.
        region: String,
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

/// How `floe import` can take a statement over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportMode {
    /// It is equal to what is declared.
    AsDeclared,
    /// It differs from what is declared, so `--as-is` has to record what runs.
    AsIs,
    /// It cannot be taken over.
    #[default]
    Refused,
}

impl ImportMode {
    /// Returns whether the statement cannot be taken over.
    pub fn is_refused(&self) -> bool {
        *self == ImportMode::Refused
    }
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
    ResubmitWithConsent(Consent),
    /// Nothing happens, because the statement has done its work.
    #[serde(rename = "done")]
    Nothing,
    /// The statement is blocked for another reason.
    #[serde(rename = "stuck")]
    Blocked,
}

impl Block {
    /// Returns the consent token that would allow a new generation in spite of the block.
    pub fn consent(&self) -> Option<&Consent> {
        match self {
            Block::LosesOffsets { accept, .. }
            | Block::EvolveIsManual { accept }
            | Block::FailedPredecessor { accept, .. }
            | Block::FailedSuccessor { accept, .. }
            | Block::GoneWithoutOffsets { accept }
            | Block::GoneWithSeveralSources { accept, .. }
            | Block::GoneWithUnknownSource { accept, .. }
            | Block::Copy { accept, .. }
            | Block::GoneWithUnknownSink { accept, .. }
            | Block::GoneWithStartupOption { accept, .. }
            | Block::RecreatedOutside { if_deleted: AfterDeletion::ResubmitWithConsent(accept), .. } => Some(accept),
            _ => None,
        }
    }
}
