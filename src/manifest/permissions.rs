//! What the environment of the process allows a project beyond its own rules. A manifest alone cannot allow any of it,
//! because `floe plan` also runs on manifests of people who may not see the pipeline's credentials.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::credential_variables::is_credential_variable;
use crate::resource::shell_quoted;

/// The permissions of one run, as `cli` read them from the environment of the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions {
    /// Folders outside the project whose files may be read, from `FLOE_ALLOW_PATHS`.
    pub paths: Vec<PathBuf>,
    /// The state file to use instead of the one that the manifests name, from `FLOE_STATE`.
    pub state: Option<PathBuf>,
    /// Variables that a secret may read although they usually hold a credential of the pipeline, from
    /// `FLOE_ALLOW_SECRETS`.
    pub secrets: BTreeSet<String>,
    /// The only variables that a secret may read, from `FLOE_ONLY_SECRETS`. `None` if it is not set.
    pub only_secrets: Option<BTreeSet<String>>,
}

/// The reason why a secret may not read a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretRefusal {
    /// The variable usually holds a credential of the pipeline.
    PipelineCredential,
    /// The variable is not in `FLOE_ONLY_SECRETS`.
    NotListed,
}

impl Permissions {
    /// The separator of folders in a variable, as in `PATH`.
    pub const PATH_SEPARATOR: &str = if cfg!(windows) { ";" } else { ":" };
    /// The variable with folders outside the project, separated as in `PATH`.
    pub const PATHS_VARIABLE: &str = "FLOE_ALLOW_PATHS";
    /// The variable with the path of the state file.
    pub const STATE_VARIABLE: &str = "FLOE_STATE";
    /// The variable with the names of credentials that a secret may read.
    pub const SECRETS_VARIABLE: &str = "FLOE_ALLOW_SECRETS";
    /// The variable with the names of the only variables that a secret may read.
    pub const ONLY_SECRETS_VARIABLE: &str = "FLOE_ONLY_SECRETS";

    /// Returns why a secret may not read `variable`, or `None` if it may.
    pub(super) fn refuses_secret(&self, variable: &str) -> Option<SecretRefusal> {
        match &self.only_secrets {
            // A pipeline that lists a credential itself has allowed it.
            Some(only) => (!only.contains(variable)).then_some(SecretRefusal::NotListed),
            None => (is_credential_variable(variable) && !self.secrets.contains(variable))
                .then_some(SecretRefusal::PipelineCredential),
        }
    }

    /// Returns the shell command that also allows files below `folder`.
    pub(super) fn export_path(&self, folder: &Path) -> String {
        let all: Vec<_> = self.paths.iter().map(PathBuf::as_path).chain([folder]).map(Path::to_string_lossy).collect();
        let list = all.join(Permissions::PATH_SEPARATOR);
        format!("export {}={}", Permissions::PATHS_VARIABLE, shell_quoted(&list))
    }

    /// Returns the shell command that also allows secrets to read `variable`, for a refusal of this kind.
    pub(super) fn export_secret(&self, variable: &str, refusal: SecretRefusal) -> String {
        let (name, listed) = match refusal {
            SecretRefusal::PipelineCredential => (Permissions::SECRETS_VARIABLE, Some(&self.secrets)),
            SecretRefusal::NotListed => (Permissions::ONLY_SECRETS_VARIABLE, self.only_secrets.as_ref()),
        };
        let all: BTreeSet<&str> = listed.into_iter().flatten().map(String::as_str).chain([variable]).collect();
        format!("export {name}={}", shell_quoted(&all.into_iter().collect::<Vec<_>>().join(",")))
    }
}
