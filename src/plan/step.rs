//! The data that `execute` runs. A step sends one request, waits for one condition, and names the facts that are then
//! recorded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    resource::{Address, Pool, PoolUpdate, SeenStatement, StatementUpdate, Submission},
    state::Fact,
};

/// Steps for one address that run one after another, and their rollback, a guarded list of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepGroup {
    /// The address that the steps belong to.
    pub address: Address,
    /// The addresses whose step groups have to succeed first.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<Address>,
    /// The steps to run, in order.
    pub forward: Vec<Step>,
    /// The steps to run after one of `forward` failed: every step whose guard holds, in order, until one fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "way_back")]
    pub rollback: Vec<Step>,
}

/// One request, with its wait and its facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The condition of a rollback step, judged on the record at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "when")]
    pub guard: Option<RollbackGuard>,
    /// What the step asks of the service.
    #[serde(rename = "act")]
    pub request: StepRequest,
    /// What the step waits for afterwards.
    #[serde(default, skip_serializing_if = "Until::is_nothing")]
    pub until: Until,
    /// The facts to record when the wait succeeds, in one group with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "then")]
    pub facts_on_success: Vec<Fact>,
    /// The maximum duration of the wait, in seconds.
    #[serde(default)]
    pub timeout: u64,
}

/// What a step asks of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum StepRequest {
    /// Sends nothing. Only `facts_on_success` are recorded, for a pool after its wait.
    #[serde(rename = "record")]
    RecordOnly,
    /// Sends nothing and only waits.
    Wait {
        /// The statement to wait for.
        name: String,
    },
    /// Checks that a statement is still what the plan saw.
    #[serde(rename = "look")]
    VerifyUnchanged {
        /// The cloud name of the statement.
        name: String,
        /// What the plan saw of the statement.
        seen: SeenStatement,
    },
    /// POSTs a statement. The pool of the submission is left open and comes from `pool`.
    Submit {
        /// The statement to submit.
        submission: Submission,
        /// The pool to run it on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<PoolRef>,
    },
    /// PUTs a statement. The pool of the update is left open and comes from `pool`.
    #[serde(rename = "amend")]
    Update {
        /// The cloud name of the statement. Its uid is the recorded one.
        name: String,
        /// What the plan saw of it, or `None` once an earlier step of the step group has changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<SeenStatement>,
        /// The fields to change.
        to: StatementUpdate,
        /// The pool to run it on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<PoolRef>,
    },
    /// DELETEs a statement by name.
    #[serde(rename = "remove")]
    Delete {
        /// The cloud name of the statement. Its uid is the recorded one.
        name: String,
        /// What the plan saw of it, or `None` once an earlier step of the step group has changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<SeenStatement>,
        /// Whether the statement stays if it runs or has COMPLETED by then. The plan assumes that it never took
        /// effect.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unless_in_force: bool,
    },
    /// POSTs a compute pool.
    CreatePool {
        /// The pool to create.
        pool: Pool,
        /// The ids of the pools that had its name when the plan was made.
        #[serde(rename = "before")]
        existing_ids: BTreeSet<String>,
    },
    /// PATCHes a compute pool.
    #[serde(rename = "amend-pool")]
    UpdatePool {
        /// The id of the pool.
        id: String,
        /// The fields to change.
        to: PoolUpdate,
    },
    /// DELETEs a compute pool.
    #[serde(rename = "remove-pool")]
    DeletePool {
        /// The id of the pool.
        id: String,
    },
}

/// A pool as a plan can name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolRef {
    /// The id of an existing pool.
    Id(String),
    /// The manifest key of a pool that this plan creates.
    Created(String),
}

/// The changes to where a statement runs, and as whom. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Placement {
    /// The pool to move to.
    pub pool: Option<PoolRef>,
    /// The principal to run as.
    pub principal: Option<String>,
}

/// The maximum duration of a stop or a deletion, in seconds.
pub(super) const STOP_TIMEOUT: u64 = 20 * 60;

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// The step does not wait.
    #[default]
    Nothing,
    /// RUNNING, or COMPLETED for a job that reached its end.
    Running,
    /// The statement has COMPLETED.
    Completed,
    /// The statement is in phase STOPPED.
    Stopped,
    /// STOPPED, COMPLETED or FAILED, so that the statement no longer does anything.
    #[serde(rename = "still")]
    Inactive,
    /// Any phase that is stable.
    #[serde(rename = "settled")]
    Stable,
    /// A GET of the statement returns 404.
    Gone,
    /// The pool is in phase PROVISIONED.
    Provisioned,
    /// The pool no longer exists.
    PoolGone,
}

impl Until {
    /// Returns whether there is nothing to wait for.
    pub fn is_nothing(&self) -> bool {
        *self == Until::Nothing
    }
}

/// The condition under which a rollback step runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "kebab-case")]
pub enum RollbackGuard {
    /// The record has this generation, and it never was RUNNING.
    NeverRan {
        /// The cloud name of the generation.
        name: String,
    },
    /// The record does not have this generation: it was never accepted, or is confirmed to be gone.
    Gone {
        /// The cloud name of the generation.
        name: String,
    },
}

impl Step {
    /// Returns a step that records facts and sends nothing.
    pub fn record_only(facts: Vec<Fact>) -> Self {
        Step {
            guard: None,
            request: StepRequest::RecordOnly,
            until: Until::Nothing,
            facts_on_success: facts,
            timeout: 0,
        }
    }

    /// Returns a step that sends a request and waits up to `timeout` seconds.
    pub fn new(request: StepRequest, until: Until, timeout: u64) -> Self {
        Step { guard: None, request, until, facts_on_success: Vec::new(), timeout }
    }

    /// Returns a step that waits for a statement and sends nothing.
    pub(super) fn wait(name: &str, until: Until, timeout: u64) -> Self {
        Step::new(StepRequest::Wait { name: name.to_owned() }, until, timeout)
    }

    /// Returns a step that stops a statement.
    pub(super) fn stop(name: &str, seen: Option<SeenStatement>, until: Until) -> Self {
        let to = StatementUpdate { stopped: true, ..StatementUpdate::default() };
        Step::new(StepRequest::Update { name: name.to_owned(), seen, to, pool: None }, until, STOP_TIMEOUT)
    }

    /// Returns a step that resumes a statement, with the given pool and principal or those it had.
    pub(super) fn resume(name: &str, seen: Option<SeenStatement>, at: Placement, timeout: u64) -> Self {
        let to = StatementUpdate { stopped: false, pool: None, principal: at.principal };
        Step::new(StepRequest::Update { name: name.to_owned(), seen, to, pool: at.pool }, Until::Running, timeout)
    }

    /// Returns a step that deletes a statement, and waits until a GET confirms that it is gone.
    pub(super) fn delete(name: &str, seen: Option<SeenStatement>) -> Self {
        let request = StepRequest::Delete { name: name.to_owned(), seen, unless_in_force: false };
        Step::new(request, Until::Gone, STOP_TIMEOUT)
    }

    /// Returns a step that deletes a statement that never took effect, unless it has by then.
    pub(super) fn delete_unused(name: &str, seen: Option<SeenStatement>) -> Self {
        let request = StepRequest::Delete { name: name.to_owned(), seen, unless_in_force: true };
        Step::new(request, Until::Gone, STOP_TIMEOUT)
    }

    /// Adds facts to record when the wait succeeds.
    pub fn recording(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.facts_on_success.extend(facts);
        self
    }

    /// Turns it into a rollback step with this guard.
    pub fn guarded_by(mut self, when: RollbackGuard) -> Self {
        self.guard = Some(when);
        self
    }
}

impl StepRequest {
    /// Returns the cloud name of the statement that the request is for.
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

    /// Returns whether the request changes something in the cloud.
    pub fn changes_the_cloud(&self) -> bool {
        !matches!(self, StepRequest::RecordOnly | StepRequest::Wait { .. } | StepRequest::VerifyUnchanged { .. })
    }
}
