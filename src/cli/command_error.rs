//! The error that ends a command early, with a message for people and an exit code for pipelines.

use super::{Exit, problems::ProblemLevel};
use crate::{
    cloud,
    manifest::InvalidProject,
    planning::PlanningError,
    resource::Problem,
    state::{EnvironmentMismatch, InconsistentEntry, LedgerError},
};

/// The reason why a command ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// The user's files have problems, each with its location.
    Problems(Vec<(Problem, ProblemLevel)>),
    /// Any other error, without a location.
    Message {
        /// The headline: what happened, and why.
        message: String,
        /// The next step, in full sentences.
        help: Option<String>,
        /// The exit code of the command.
        exit: Exit,
    },
}

impl CommandError {
    /// Returns an error with the headline `message`. Its exit code is 1.
    pub fn new(message: impl Into<String>) -> Self {
        CommandError::Message { message: message.into(), help: None, exit: Exit::Error }
    }

    /// Adds the next step to a message.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        match self {
            CommandError::Message { message, exit, .. } => {
                CommandError::Message { message, help: Some(help.into()), exit }
            }
            problems @ CommandError::Problems(_) => problems,
        }
    }

    /// Sets the exit code of a message.
    pub fn with_exit(self, exit: Exit) -> Self {
        match self {
            CommandError::Message { message, help, .. } => CommandError::Message { message, help, exit },
            problems @ CommandError::Problems(_) => problems,
        }
    }

    /// Returns how the command exits.
    pub fn exit(&self) -> Exit {
        match self {
            CommandError::Problems(_) => Exit::Error,
            CommandError::Message { exit, .. } => *exit,
        }
    }

    /// Returns the error as problems, so that all errors are drawn the same way.
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
            cloud::PrivateEndpointError::UnknownRegion { .. } => {
                command_error.with_help("Check `cloud` and `region` of the environment.")
            }
            cloud::PrivateEndpointError::NotOffered { .. } | cloud::PrivateEndpointError::UntrustedHost { .. } => {
                command_error.with_help(
                    "Name the endpoint of your network instead: replace `private = true` with \
                 `endpoint = \"https://flink…confluent.cloud\"`.",
                )
            }
        }
    }
}

impl From<PlanningError> for CommandError {
    fn from(error: PlanningError) -> Self {
        let message = error.to_string();
        match error {
            PlanningError::Cloud(error) => error.into(),
            PlanningError::InconsistentState(error) => error.into(),
            PlanningError::UnknownAddress { .. } => CommandError::new(message)
                .with_help("`floe state list` lists the recorded addresses. The manifests have the declared ones."),
            PlanningError::PoolNotReplaceable(_) => CommandError::new(message).with_help(
                "To use another pool, declare it under a new key, point the statements to it, and remove the old one.",
            ),
            PlanningError::LookupsNotConverging => CommandError::new(message).with_help("Plan again in a moment."),
        }
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        let command_error = CommandError::new(error.to_string());
        match error {
            LedgerError::Locked(_) => command_error
                .with_help("Wait for that run to end, or let this run wait with `--lock-timeout 10m`.")
                .with_exit(Exit::Locked),
            LedgerError::Disk { .. } | LedgerError::JournalLost { .. } => command_error.with_help(
                "Nothing was sent after this error. Check the folder's permissions and the free disk space.",
            ),
            LedgerError::Damaged { .. } => {
                command_error.with_help("Restore a good copy of the file. Until then, floe changes nothing.")
            }
            LedgerError::Link { .. } => command_error.with_help(
                "Replace the link with the file itself. To keep the state at the link's target, name that file in \
                 `FLOE_STATE` where floe runs.",
            ),
            LedgerError::NewerFormat { .. } => command_error.with_help("Use the newer version of floe that wrote it."),
            LedgerError::ChangedSinceRead { .. } => command_error.with_help("Plan again."),
            LedgerError::Inconsistent { .. } => command_error.with_help("Please report this bug."),
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
        CommandError::new(format!("the state is inconsistent: {error}"))
            .with_help("Nothing was sent. Restore a good copy of the state, or report this as a bug in floe.")
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        CommandError::new(format!("cannot write this as JSON: {error}"))
    }
}
