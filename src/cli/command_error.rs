//! What ends a command before it has done what it was asked: words for people, an exit code for pipelines.

use super::{Exit, problems::ProblemLevel};
use crate::{
    cloud,
    manifest::InvalidProject,
    planning::PlanningError,
    resource::{Problem, Secrets},
    state::{EnvironmentMismatch, InconsistentEntry, LedgerError},
};

/// Why a command ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// What the user wrote has problems, each with its place.
    Problems(Vec<(Problem, ProblemLevel)>),
    /// Something else.
    Message {
        /// What happened.
        message: String,
        /// The next step.
        help: Option<String>,
        /// How the command exits.
        exit: Exit,
    },
}

impl CommandError {
    /// An error in words.
    pub fn new(message: impl Into<String>) -> Self {
        CommandError::Message { message: message.into(), help: None, exit: Exit::Error }
    }

    /// Says the next step.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        match self {
            CommandError::Message { message, exit, .. } => {
                CommandError::Message { message, help: Some(help.into()), exit }
            }
            problems @ CommandError::Problems(_) => problems,
        }
    }

    /// Exits otherwise.
    pub fn with_exit(self, exit: Exit) -> Self {
        match self {
            CommandError::Message { message, help, .. } => CommandError::Message { message, help, exit },
            problems @ CommandError::Problems(_) => problems,
        }
    }

    /// How the command exits.
    pub fn exit(&self) -> Exit {
        match self {
            CommandError::Problems(_) => Exit::Error,
            CommandError::Message { exit, .. } => *exit,
        }
    }

    /// As problems, so that all trouble is drawn alike.
    pub fn problems(&self) -> Vec<(Problem, ProblemLevel)> {
        match self {
            CommandError::Problems(problems) => problems.clone(),
            CommandError::Message { message, help, .. } => {
                vec![(
                    Problem { message: message.clone(), help: help.clone(), locations: Vec::new() },
                    ProblemLevel::ERROR,
                )]
            }
        }
    }
}

/// A call that failed, without the values of secrets: the service may quote what it was sent.
pub(super) fn redact_error(mut error: cloud::Error, secrets: &Secrets) -> cloud::Error {
    error.detail = secrets.redact(&error.detail);
    error
}

impl From<InvalidProject> for CommandError {
    fn from(invalid: InvalidProject) -> Self {
        CommandError::Problems(invalid.problems.into_iter().map(|problem| (problem, ProblemLevel::ERROR)).collect())
    }
}

impl From<cloud::Error> for CommandError {
    fn from(error: cloud::Error) -> Self {
        CommandError::Message { message: error.to_string(), help: error.help, exit: Exit::Error }
    }
}

impl From<cloud::PrivateEndpointError> for CommandError {
    fn from(error: cloud::PrivateEndpointError) -> Self {
        let command_error = CommandError::new(error.to_string());
        match error {
            cloud::PrivateEndpointError::RegionsUnavailable(error) => error.into(),
            cloud::PrivateEndpointError::UnknownRegion { .. } => command_error.with_help("see to `cloud` and `region` of the environment"),
            cloud::PrivateEndpointError::NotOffered { .. } | cloud::PrivateEndpointError::UntrustedHost { .. } => command_error.with_help(
                "name the endpoint of your network instead: `endpoint = \"https://flink…confluent.cloud\"` in place of \
                 `private = true`",
            ),
        }
    }
}

impl From<PlanningError> for CommandError {
    fn from(error: PlanningError) -> Self {
        let message = error.to_string();
        match error {
            PlanningError::Cloud(error) => error.into(),
            PlanningError::InconsistentState(error) => error.into(),
            PlanningError::UnknownAddress { .. } => {
                CommandError::new(message).with_help("`floe state list` and the manifests say what there is")
            }
            PlanningError::PoolNotReplaceable(_) => CommandError::new(message).with_help(
                "for another pool, declare one under a new key, let the statements name that, and remove the old one",
            ),
            PlanningError::LookupsNotConverging => CommandError::new(message).with_help("plan again in a moment"),
        }
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        let command_error = CommandError::new(error.to_string());
        match error {
            LedgerError::Locked(_) => command_error
                .with_help("wait for that run to end, or let this one wait with `--lock-timeout 10m`")
                .with_exit(Exit::Locked),
            LedgerError::Disk { .. } | LedgerError::JournalLost { .. } => command_error
                .with_help("nothing was sent to the cloud after this; see to the folder's rights and the disk's room"),
            LedgerError::Damaged { .. } => {
                command_error.with_help("put a good copy of the file in its place; floe changes nothing meanwhile")
            }
            LedgerError::NewerFormat { .. } => command_error.with_help("use the newer floe that wrote it"),
            LedgerError::ChangedSinceRead { .. } | LedgerError::Inconsistent { .. } => command_error,
        }
    }
}

impl From<Box<EnvironmentMismatch>> for CommandError {
    fn from(error: Box<EnvironmentMismatch>) -> Self {
        CommandError::new(error.to_string())
    }
}

impl From<InconsistentEntry> for CommandError {
    fn from(error: InconsistentEntry) -> Self {
        CommandError::new(format!("the state contradicts itself: {error}"))
            .with_help("nothing was sent; put a good copy of the state in its place, or report this as a bug in floe")
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        CommandError::new(format!("this cannot be written as JSON: {error}"))
    }
}
