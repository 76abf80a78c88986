//! The environment of the process: its variables and a random seed. Only this file reads the process's environment.
//! clap and anstream read the variables of flags and of colors on their own.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    cloud::{AllowedOrigins, ApiKey, Credentials, InvalidOrigin},
    manifest::{Permissions, Project},
    resource::Secrets,
};

/// The environment of the process, as plain values so that tests can build their own.
#[derive(Clone, Default)]
pub struct ProcessEnvironment {
    /// The environment variables of the process.
    pub variables: BTreeMap<String, String>,
    /// The seed of all randomness.
    pub seed: u64,
}

/// Shows the number of variables, but never their values.
impl std::fmt::Debug for ProcessEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessEnvironment").field("variables", &self.variables.len()).finish_non_exhaustive()
    }
}

/// The variables of a Flink key and its secret.
const FLINK_KEY_VARIABLES: [(&str, &str); 1] = [("FLINK_API_KEY", "FLINK_API_SECRET")];
/// The variables of a Cloud key and its secret. The first pair that is set is used.
const CLOUD_KEY_VARIABLES: [(&str, &str); 2] =
    [("CONFLUENT_CLOUD_API_KEY", "CONFLUENT_CLOUD_API_SECRET"), ("CLOUD_API_KEY", "CLOUD_API_SECRET")];

impl ProcessEnvironment {
    /// Returns the environment of this process, with a random seed.
    pub fn from_process() -> Self {
        // Names and values that are not valid UTF-8 are ignored.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        ProcessEnvironment { variables: std::env::vars_os().filter_map(text).collect(), seed: fastrand::u64(..) }
    }

    /// Returns a variable that is set to a non-empty value.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// Returns the values of all `FLOE_VAR_<NAME>` variables by `<NAME>`.
    pub fn project_variables(&self) -> BTreeMap<String, String> {
        let named =
            |(name, value): (&String, &String)| Some((name.strip_prefix("FLOE_VAR_")?.to_owned(), value.clone()));
        self.variables.iter().filter_map(named).collect()
    }

    /// Adds the origins of `--allow-endpoint` to those that the environment allows.
    pub fn allow_endpoints(&mut self, origins: &[String]) {
        if !origins.is_empty() {
            let list = self.variables.entry(AllowedOrigins::VARIABLE.to_owned()).or_default();
            *list = format!("{list},{}", origins.join(","));
        }
    }

    /// Returns the origins outside Confluent Cloud that API keys may be sent to.
    ///
    /// # Errors
    /// When the variable names something that is not an origin.
    pub fn allowed_origins(&self) -> Result<AllowedOrigins, InvalidOrigin> {
        AllowedOrigins::parse(self.variable(AllowedOrigins::VARIABLE).unwrap_or_default())
    }

    /// Returns what the environment allows beyond the rules for manifests.
    pub fn permissions(&self) -> Permissions {
        let names = |variable| self.variable(variable).map(names_in_list);
        let paths = self.variable(Permissions::PATHS_VARIABLE).unwrap_or_default();
        let paths = paths.split(Permissions::PATH_SEPARATOR).map(str::trim).filter(|path| !path.is_empty());
        Permissions {
            paths: paths.map(|path| absolute(path.as_ref())).collect(),
            state: self.variable(Permissions::STATE_VARIABLE).map(|path| absolute(path.trim().as_ref())),
            secrets: names(Permissions::SECRETS_VARIABLE).unwrap_or_default(),
            only_secrets: names(Permissions::ONLY_SECRETS_VARIABLE),
        }
    }

    /// Returns the values of a project's secrets, as far as they are set.
    pub fn secrets(&self, project: &Project) -> Secrets {
        let value = |(name, variable): (&String, &String)| Some((name.clone(), self.variable(variable)?.to_owned()));
        Secrets::new(project.secrets.iter().filter_map(value).collect())
    }

    /// Returns the keys that are set. A key without its secret is ignored here;
    /// [`ProcessEnvironment::unpaired_key_variable`] names what is missing.
    pub fn credentials(&self) -> Credentials {
        Credentials { flink: self.key_from(&FLINK_KEY_VARIABLES), cloud: self.key_from(&CLOUD_KEY_VARIABLES) }
    }

    /// Returns a key variable that is set although its counterpart is not, and that counterpart.
    pub fn unpaired_key_variable(&self) -> Option<(&'static str, &'static str)> {
        FLINK_KEY_VARIABLES.iter().chain(&CLOUD_KEY_VARIABLES).find_map(|(id, secret)| {
            match (self.variable(id), self.variable(secret)) {
                (Some(_), None) => Some((*id, *secret)),
                (None, Some(_)) => Some((*secret, *id)),
                _ => None,
            }
        })
    }

    /// Returns the first key in `names` that is set together with its secret.
    fn key_from(&self, names: &[(&str, &str)]) -> Option<ApiKey> {
        names.iter().find_map(|(id, secret)| Some(ApiKey::new(self.variable(id)?, self.variable(secret)?)))
    }
}

/// Returns the names in a list that is separated by commas.
fn names_in_list(list: &str) -> BTreeSet<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Returns a path of the environment relative to the folder that floe was started in. `-C` does not change it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an environment with these variables.
    fn with_variables(variables: &[(&str, &str)]) -> ProcessEnvironment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        ProcessEnvironment { variables: variables.iter().map(owned).collect(), seed: 1 }
    }

    #[test]
    fn a_key_without_its_secret_is_not_used() {
        let both = with_variables(&[("FLINK_API_KEY", "k"), ("FLINK_API_SECRET", "s"), ("CLOUD_API_KEY", "c")]);
        assert!(both.credentials().flink.is_some());
        assert!(both.credentials().cloud.is_none());
        assert_eq!(both.unpaired_key_variable(), Some(("CLOUD_API_KEY", "CLOUD_API_SECRET")));
        assert!(!format!("{both:?}").contains("\"s\""));
    }

    #[test]
    fn permissions_are_lists_in_variables() {
        let set = with_variables(&[
            ("FLOE_ALLOW_PATHS", "/nix/store:/out"),
            ("FLOE_STATE", "/srv/prod.json"),
            ("FLOE_ALLOW_SECRETS", "AWS_X, GITHUB_TOKEN,"),
            ("FLOE_ONLY_SECRETS", ","),
        ]);
        let Permissions { paths, state, secrets, only_secrets } = set.permissions();
        assert_eq!(paths, [Path::new("/nix/store"), Path::new("/out")]);
        assert_eq!(state.as_deref(), Some(Path::new("/srv/prod.json")));
        assert_eq!(secrets.into_iter().collect::<Vec<_>>(), ["AWS_X", "GITHUB_TOKEN"]);
        assert_eq!(only_secrets, Some(BTreeSet::new()), "a list without a name allows none");
        assert_eq!(with_variables(&[("FLOE_ONLY_SECRETS", "")]).permissions(), Permissions::default());
    }

    #[test]
    fn a_flag_adds_to_the_allowed_origins() {
        let mut process = with_variables(&[("FLOE_ALLOW_ENDPOINTS", "https://a.example")]);
        process.allow_endpoints(&["http://127.0.0.1:8080".to_owned()]);
        assert_eq!(process.allowed_origins(), AllowedOrigins::parse("https://a.example,http://127.0.0.1:8080"));
        assert!(with_variables(&[("FLOE_ALLOW_ENDPOINTS", "a.example")]).allowed_origins().is_err());
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert!(with_variables(&[("FLINK_API_KEY", ""), ("FLINK_API_SECRET", " ")]).credentials().flink.is_none());
    }
}
