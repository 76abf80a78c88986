//! What runs: a step asks one thing of the service, waits for one condition, and says what is then recorded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    resource::{Address, Pool, PoolUpdate, SeenStatement, StatementUpdate, Submission},
    state::Fact,
};

/// Steps that belong together, run one after another; and the way back, its own guarded list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepGroup {
    /// Whose.
    pub address: Address,
    /// The addresses whose passages have to succeed first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<Address>,
    /// What is done.
    pub forward: Vec<Step>,
    /// What is done after a step of `forward` failed: every step whose guard holds, in order, until one fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "way_back")]
    pub rollback: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// On the way back: the condition, judged on the record at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "when")]
    pub guard: Option<RollbackGuard>,
    /// What is asked.
    #[serde(rename = "act")]
    pub request: StepRequest,
    /// What is waited for afterwards.
    #[serde(default, skip_serializing_if = "Until::is_nothing")]
    pub until: Until,
    /// What is recorded when the wait ends well, in one group with what was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "then")]
    pub facts_on_success: Vec<Fact>,
    /// Seconds the wait may take.
    #[serde(default)]
    pub timeout: u64,
}

/// What a step asks of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum StepRequest {
    /// Nothing: only `then` is recorded, once a pool has come to where it is to be.
    #[serde(rename = "record")]
    RecordOnly,
    /// Nothing: only the wait counts.
    Wait {
        /// The statement waited for.
        name: String,
    },
    /// Look whether a statement is still what the plan saw.
    #[serde(rename = "look")]
    VerifyUnchanged {
        /// Its cloud name.
        name: String,
        /// What the plan saw.
        seen: SeenStatement,
    },
    /// POST a statement. The pool of the submission is left open and comes from `pool`.
    Submit {
        /// What to submit.
        submission: Submission,
        /// Where it runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<PoolRef>,
    },
    /// PUT a statement. The pool of the amendment is left open and comes from `pool`.
    #[serde(rename = "amend")]
    Update {
        /// Its cloud name; the uid is the recorded one.
        name: String,
        /// What the plan saw of it; none once an earlier step of the passage has changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<SeenStatement>,
        /// What to change.
        to: StatementUpdate,
        /// Where it is to run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<PoolRef>,
    },
    /// DELETE a statement.
    #[serde(rename = "remove")]
    Delete {
        /// Its cloud name; the uid is the recorded one.
        name: String,
        /// What the plan saw of it; none once an earlier step of the passage has changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<SeenStatement>,
        /// Whether it stays if it runs or has COMPLETED by then: the plan takes it for one that never took effect.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unless_in_force: bool,
    },
    /// POST a pool.
    CreatePool {
        /// What to create.
        pool: Pool,
        /// The ids that bore its name when the plan was made.
        #[serde(rename = "before")]
        existing_ids: BTreeSet<String>,
    },
    /// PATCH a pool.
    #[serde(rename = "amend-pool")]
    UpdatePool {
        /// Its id.
        id: String,
        /// What to change.
        to: PoolUpdate,
    },
    /// DELETE a pool.
    #[serde(rename = "remove-pool")]
    DeletePool {
        /// Its id.
        id: String,
    },
}

/// A pool as a plan can name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolRef {
    /// One that exists.
    Id(String),
    /// The one that this plan creates under that manifest key.
    Created(String),
}

/// What is to change of where a statement runs, and as whom. `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Placement {
    pub pool: Option<PoolRef>,
    pub principal: Option<String>,
}

/// Seconds that a stop or a deletion may take.
pub(super) const STOP_TIMEOUT: u64 = 20 * 60;

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Nothing.
    #[default]
    Nothing,
    /// RUNNING, or COMPLETED for a job that came to its end.
    Running,
    /// COMPLETED.
    Completed,
    /// STOPPED.
    Stopped,
    /// STOPPED, COMPLETED or FAILED: it does nothing any more.
    #[serde(rename = "still")]
    Inactive,
    /// Any phase that lasts.
    #[serde(rename = "settled")]
    Stable,
    /// A GET says 404.
    Gone,
    /// The pool is PROVISIONED.
    Provisioned,
    /// The pool is gone.
    PoolGone,
}

impl Until {
    /// Whether nothing is waited for.
    pub fn is_nothing(&self) -> bool {
        *self == Until::Nothing
    }
}

/// When a step of the way back is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "kebab-case")]
pub enum RollbackGuard {
    /// The record holds this generation, and it never was RUNNING.
    NeverRan {
        /// Its cloud name.
        name: String,
    },
    /// The record does not hold this generation: it was never accepted, or is confirmed to be gone.
    Gone {
        /// Its cloud name.
        name: String,
    },
}

impl Step {
    /// Records facts, and asks nothing.
    pub fn record_only(facts: Vec<Fact>) -> Self {
        Step {
            guard: None,
            request: StepRequest::RecordOnly,
            until: Until::Nothing,
            facts_on_success: facts,
            timeout: 0,
        }
    }

    /// Asks for something and waits up to `timeout` seconds.
    pub fn new(request: StepRequest, until: Until, timeout: u64) -> Self {
        Step { guard: None, request, until, facts_on_success: Vec::new(), timeout }
    }

    /// Waits for a statement and asks nothing.
    pub(super) fn wait(name: &str, until: Until, timeout: u64) -> Self {
        Step::new(StepRequest::Wait { name: name.to_owned() }, until, timeout)
    }

    /// Stops a statement.
    pub(super) fn stop(name: &str, seen: Option<SeenStatement>, until: Until) -> Self {
        let to = StatementUpdate { stopped: true, ..StatementUpdate::default() };
        Step::new(StepRequest::Update { name: name.to_owned(), seen, to, pool: None }, until, STOP_TIMEOUT)
    }

    /// Lets a statement run, where and as whom is given, else where it was.
    pub(super) fn resume(name: &str, seen: Option<SeenStatement>, at: Placement, timeout: u64) -> Self {
        let to = StatementUpdate { stopped: false, pool: None, principal: at.principal };
        Step::new(StepRequest::Update { name: name.to_owned(), seen, to, pool: at.pool }, Until::Running, timeout)
    }

    /// Deletes a statement, and waits until a GET says that it is gone.
    pub(super) fn delete(name: &str, seen: Option<SeenStatement>) -> Self {
        let request = StepRequest::Delete { name: name.to_owned(), seen, unless_in_force: false };
        Step::new(request, Until::Gone, STOP_TIMEOUT)
    }

    /// Deletes a statement that never took effect, unless it has by then.
    pub(super) fn delete_unused(name: &str, seen: Option<SeenStatement>) -> Self {
        let request = StepRequest::Delete { name: name.to_owned(), seen, unless_in_force: true };
        Step::new(request, Until::Gone, STOP_TIMEOUT)
    }

    /// Records facts when the wait has ended well.
    pub fn recording(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts_on_success.extend(facts);
        self
    }

    /// Makes it a step of the way back.
    pub fn guarded_by(mut self, when: RollbackGuard) -> Self {
        self.guard = Some(when);
        self
    }
}

impl StepRequest {
    /// The cloud name of the statement that is meant.
    pub fn statement_name(&self) -> Option<&str> {
        match self {
            StepRequest::Wait { name }
            | StepRequest::VerifyUnchanged { name, .. }
            | StepRequest::Update { name, .. }
            | StepRequest::Delete { name, .. } => Some(name),
            StepRequest::Submit { submission, .. } => Some(&submission.name),
            StepRequest::RecordOnly
            | StepRequest::CreatePool { .. }
            | StepRequest::UpdatePool { .. }
            | StepRequest::DeletePool { .. } => None,
        }
    }

    /// Whether it changes something in the cloud.
    pub fn changes_the_cloud(&self) -> bool {
        !matches!(self, StepRequest::RecordOnly | StepRequest::Wait { .. } | StepRequest::VerifyUnchanged { .. })
    }
}
