//! What ends a command before it has done what it was asked: words for people, an exit code for pipelines.

use super::{Exit, problems::Rank};
use crate::{
    cloud,
    manifest::InvalidProject,
    planning::PlanningError,
    resource::{Problem, Secrets},
    state::{EnvironmentMismatch, InconsistentEntry, LedgerError},
};

/// Why a command ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// What the user wrote has problems, each with its place.
    Problems(Vec<(Problem, Rank)>),
    /// Something else.
    Told {
        /// What happened.
        message: String,
        /// The next step.
        help: Option<String>,
        /// How the command exits.
        exit: Exit,
    },
}

impl Trouble {
    /// An error in words.
    pub fn new(message: impl Into<String>) -> Self {
        Trouble::Told { message: message.into(), help: None, exit: Exit::Error }
    }

    /// Says the next step.
    pub fn help(self, help: impl Into<String>) -> Self {
        match self {
            Trouble::Told { message, exit, .. } => Trouble::Told { message, help: Some(help.into()), exit },
            problems @ Trouble::Problems(_) => problems,
        }
    }

    /// Exits otherwise.
    pub fn exiting(self, exit: Exit) -> Self {
        match self {
            Trouble::Told { message, help, .. } => Trouble::Told { message, help, exit },
            problems @ Trouble::Problems(_) => problems,
        }
    }

    /// How the command exits.
    pub fn exit(&self) -> Exit {
        match self {
            Trouble::Problems(_) => Exit::Error,
            Trouble::Told { exit, .. } => *exit,
        }
    }

    /// As problems, so that all trouble is drawn alike.
    pub fn problems(&self) -> Vec<(Problem, Rank)> {
        match self {
            Trouble::Problems(problems) => problems.clone(),
            Trouble::Told { message, help, .. } => {
                vec![(Problem { message: message.clone(), help: help.clone(), locations: Vec::new() }, Rank::ERROR)]
            }
        }
    }
}

/// A call that failed, without the values of secrets: the service may quote what it was sent.
pub(super) fn redacted(mut error: cloud::Error, secrets: &Secrets) -> cloud::Error {
    error.detail = secrets.redact(&error.detail);
    error
}

impl From<InvalidProject> for Trouble {
    fn from(flawed: InvalidProject) -> Self {
        Trouble::Problems(flawed.problems.into_iter().map(|problem| (problem, Rank::ERROR)).collect())
    }
}

impl From<cloud::Error> for Trouble {
    fn from(error: cloud::Error) -> Self {
        Trouble::Told { message: error.to_string(), help: error.help, exit: Exit::Error }
    }
}

impl From<cloud::PrivateEndpointError> for Trouble {
    fn from(error: cloud::PrivateEndpointError) -> Self {
        let trouble = Trouble::new(error.to_string());
        match error {
            cloud::PrivateEndpointError::RegionsUnavailable(error) => error.into(),
            cloud::PrivateEndpointError::UnknownRegion { .. } => trouble.help("see to `cloud` and `region` of the environment"),
            cloud::PrivateEndpointError::NotOffered { .. } | cloud::PrivateEndpointError::UntrustedHost { .. } => trouble.help(
                "name the endpoint of your network instead: `endpoint = \"https://flink…confluent.cloud\"` in place of \
                 `private = true`",
            ),
        }
    }
}

impl From<PlanningError> for Trouble {
    fn from(error: PlanningError) -> Self {
        let message = error.to_string();
        match error {
            PlanningError::Cloud(error) => error.into(),
            PlanningError::InconsistentState(error) => error.into(),
            PlanningError::UnknownAddress { .. } => {
                Trouble::new(message).help("`floe state list` and the manifests say what there is")
            }
            PlanningError::PoolNotReplaceable(_) => Trouble::new(message).help(
                "for another pool, declare one under a new key, let the statements name that, and remove the old one",
            ),
            PlanningError::LookupsNotConverging => Trouble::new(message).help("plan again in a moment"),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        let trouble = Trouble::new(error.to_string());
        match error {
            LedgerError::Locked(_) => trouble
                .help("wait for that run to end, or let this one wait with `--lock-timeout 10m`")
                .exiting(Exit::Locked),
            LedgerError::Disk { .. } => {
                trouble.help("nothing was sent to the cloud after this; see to the folder's rights and the disk's room")
            }
            LedgerError::Damaged { .. } => {
                trouble.help("put a good copy of the file in its place; floe changes nothing meanwhile")
            }
            LedgerError::NewerFormat { .. } => trouble.help("use the newer floe that wrote it"),
            LedgerError::ChangedSinceRead { .. } | LedgerError::Inconsistent { .. } => trouble,
        }
    }
}

impl From<Box<EnvironmentMismatch>> for Trouble {
    fn from(error: Box<EnvironmentMismatch>) -> Self {
        Trouble::new(error.to_string())
    }
}

impl From<InconsistentEntry> for Trouble {
    fn from(error: InconsistentEntry) -> Self {
        Trouble::new(format!("the state contradicts itself: {error}"))
            .help("nothing was sent; put a good copy of the state in its place, or report this as a bug in floe")
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Trouble::new(format!("this cannot be written as JSON: {error}"))
    }
}
