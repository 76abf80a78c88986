//! Validates an environment: its identity, its endpoints, its state and its simulator settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{problem_at, values};
use crate::{
    manifest::{
        Environment, Permissions, SimulatorSettings, StateLocation,
        layer::{At, EnvironmentLayer, Field, StringEntry},
        project_folder::ProjectFolder,
        substitute::{self, Substitution},
    },
    resource::{EnvironmentIdentity, InternedStr, Problem, SmallMap},
};

/// Whether the environment that is checked was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum EnvironmentSelection {
    /// The environment was chosen, so all required fields must be set.
    Chosen,
    /// The environment was not chosen. Required fields may be missing, but those that are set must be valid.
    Other,
}

/// Checks the environment `name` except for its overlays. `substitution` knows only flags and the process's
/// environment, since the environment's variables are among the fields. If there is a problem, use the returned
/// environment only to find more problems.
pub(in crate::manifest) fn check_environment(
    folder: &ProjectFolder<'_>,
    (name, at): (&str, &At<EnvironmentLayer>),
    selection: EnvironmentSelection,
    substitution: &mut Substitution<'_>,
    problems: &mut Vec<Problem>,
) -> Environment {
    resolve_variables(&at.value, substitution);
    for (variable, entry) in at.value.variables.iter().filter(|(variable, _)| !substitute::is_variable_name(variable)) {
        let problem = Problem::new(format!("`{variable}` is not a valid variable name"));
        problems.push(problem.at(entry.key_place.clone(), "letters, digits, `_` and `-` only"));
    }
    let is_simulated = at.value.simulator.as_ref().is_some_and(|simulator| simulator.value);
    let mut checker = EnvironmentChecker { folder, name, at, selection, substitution, problems };
    let identity = if is_simulated { checker.simulated_identity() } else { checker.identity() };
    let simulated = checker.simulator_settings(is_simulated);
    let (private, endpoint, cloud_endpoint) = checker.endpoints(is_simulated);
    Environment {
        name: name.to_owned(),
        identity,
        simulator: simulated,
        private,
        endpoint,
        cloud_endpoint,
        state: checker.state_location(),
        name_prefix: checker.name_prefix(),
        aliases: checker.interpolate_entries(&at.value.aliases),
        protected: at.value.protected.as_ref().is_some_and(|at| at.value),
        requests_per_second: checker.requests_per_second(),
    }
}

/// Returns the variables of an environment. Their values may use flags and the process's environment.
pub(in crate::manifest) fn resolve_variables(
    at: &EnvironmentLayer,
    substitution: &mut Substitution<'_>,
) -> BTreeMap<String, String> {
    let interpolated = |(name, entry): (&InternedStr, &StringEntry)| {
        Some((name.to_string(), substitution.interpolate(&entry.value)?.value))
    };
    at.variables.iter().filter_map(interpolated).collect()
}

/// Checks the fields of one environment.
struct EnvironmentChecker<'c, 'a> {
    /// The folder of the project.
    folder: &'c ProjectFolder<'c>,
    /// The name of the environment.
    name: &'c str,
    /// The environment as it is written.
    at: &'c At<EnvironmentLayer>,
    /// Whether the environment was chosen.
    selection: EnvironmentSelection,
    /// The substitution for the environment's fields.
    substitution: &'c mut Substitution<'a>,
    /// The problems found so far.
    problems: &'c mut Vec<Problem>,
}

impl EnvironmentChecker<'_, '_> {
    /// Returns the substituted value of a field, if it is set and valid.
    fn interpolate(&mut self, field: &Field<String>) -> Option<At<String>> {
        self.substitution.interpolate(field.as_ref()?)
    }

    /// Returns the substituted value of a field, and reports the field if it is required here and missing.
    fn required(&mut self, field: &Field<String>, name: &str, example: &str) -> Option<At<String>> {
        if field.is_none() && !self.at.value.has_invalid_fields && self.selection == EnvironmentSelection::Chosen {
            let message = format!("`environments.{}` has no `{name}`", self.name);
            let problem = problem_at(self.at, message, "required").help(format!(
                "Set it, for example `{name} = \"{example}\"`. With `simulator = true` you need no account."
            ));
            self.problems.push(problem);
        }
        self.interpolate(field)
    }

    /// Returns the identity of an environment on Confluent Cloud.
    fn identity(&mut self) -> EnvironmentIdentity {
        let layer = &self.at.value;
        let organization = self.required(&layer.organization, "organization", "b0b21724-4586-4a07-b787-d0bb5aacbf87");
        let id = self.required(&layer.id, "id", "env-z3y2x1");
        let cloud = self.required(&layer.cloud, "cloud", "aws");
        let region = self.required(&layer.region, "region", "us-east-1");
        let organization = organization.filter(|at| {
            let is_valid = is_uuid(&at.value);
            if !is_valid {
                self.problems.push(problem_at(
                    at,
                    format!("`{}` is not a valid organization id", at.value),
                    "must be a UUID",
                ));
            }
            is_valid
        });
        let id = id.and_then(|at| values::check_id("id", &["env-"], "env-z3y2x1", &at, self.problems));
        let (cloud, region) = (self.check_cloud(cloud), self.check_region(region));
        EnvironmentIdentity {
            organization: organization.map(|at| at.value).unwrap_or_default(),
            environment: id.unwrap_or_default(),
            cloud: cloud.unwrap_or_default(),
            region: region.unwrap_or_default(),
        }
    }

    /// Returns the identity of a simulated environment, and reports the fields that have no effect in one.
    fn simulated_identity(&mut self) -> EnvironmentIdentity {
        let layer = &self.at.value;
        let fields_without_effect = [
            ("organization", layer.organization.as_ref().map(|at| &at.place)),
            ("id", layer.id.as_ref().map(|at| &at.place)),
            ("private", layer.private.as_ref().map(|at| &at.place)),
            ("endpoint", layer.endpoint.as_ref().map(|at| &at.place)),
            ("cloud_endpoint", layer.cloud_endpoint.as_ref().map(|at| &at.place)),
        ];
        for (name, place) in fields_without_effect {
            let Some(place) = place else { continue };
            self.problems.push(
                Problem::new(format!("`{name}` has no effect with `simulator = true`"))
                    .at(place.clone(), "a simulated environment sends no requests to Confluent Cloud")
                    .help("Remove it, or remove `simulator`."),
            );
        }
        let (cloud, region) = (self.interpolate(&layer.cloud), self.interpolate(&layer.region));
        let cloud = self.check_cloud(cloud).unwrap_or_else(|| "aws".to_owned());
        let region = self.check_region(region).unwrap_or_else(|| "us-east-1".to_owned());
        EnvironmentIdentity::simulated(self.name, cloud, region)
    }

    /// Returns the cloud provider in lower case, if it is valid.
    fn check_cloud(&mut self, at: Option<At<String>>) -> Option<String> {
        let lower = at.map(|at| At { value: at.value.to_lowercase(), place: at.place })?;
        let clouds = [("aws", "aws"), ("gcp", "gcp"), ("azure", "azure")];
        values::parse_keyword("cloud", &lower, &clouds, self.problems).map(str::to_owned)
    }

    /// Returns the region, if it has a valid form.
    fn check_region(&mut self, at: Option<At<String>>) -> Option<String> {
        let at = at?;
        let is_valid = !at.value.is_empty()
            && at.value.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
        if !is_valid {
            self.problems.push(problem_at(
                &at,
                format!("`{}` is not a valid region", at.value),
                "should look like `us-east-1`",
            ));
        }
        is_valid.then_some(at.value)
    }

    /// Returns the settings of the simulator, and reports them in an environment that is not simulated.
    fn simulator_settings(&mut self, is_simulated: bool) -> Option<SimulatorSettings> {
        let layer = &self.at.value;
        let only_simulated = [("pace", &layer.pace), ("catalog", &layer.catalog), ("scenario", &layer.scenario)];
        if !is_simulated {
            for (name, field) in only_simulated {
                let Some(at) = field else { continue };
                let message = format!("`{name}` has no effect without `simulator = true`");
                self.problems.push(problem_at(at, message, "only for a simulated environment"));
            }
            return None;
        }
        let pace = self.interpolate(&layer.pace);
        let catalog = self.interpolate(&layer.catalog);
        let real_pace = pace.and_then(|at| values::parse_keyword("pace", &at, &[("real", true)], self.problems));
        let strict = catalog.and_then(|at| values::parse_keyword("catalog", &at, &[("strict", true)], self.problems));
        let scenario = self.interpolate(&layer.scenario).and_then(|at| self.check_scenario(&at));
        Some(SimulatorSettings {
            real_pace: real_pace.unwrap_or_default(),
            strict_catalog: strict.unwrap_or_default(),
            scenario,
        })
    }

    /// Returns the path of a scenario, if it is a file that the project may name.
    fn check_scenario(&mut self, at: &At<String>) -> Option<PathBuf> {
        let path = PathBuf::from(&at.value);
        let Err(problem) = self.folder.check_any_file(&path) else { return Some(path) };
        let is_missing = self.folder.check_inside(&path).is_ok_and(|real| !real.exists());
        let missing = || Problem::new(format!("there is no file `{}`", at.value));
        let problem = if is_missing { missing() } else { problem };
        self.problems.push(problem.at(at.place.clone(), "relative to the folder of `floe.toml`"));
        None
    }

    /// Returns whether private host names are used, the Flink endpoint and the endpoint for pools.
    fn endpoints(&mut self, is_simulated: bool) -> (bool, Option<String>, Option<String>) {
        if is_simulated {
            return (false, None, None);
        }
        let layer = &self.at.value;
        let private = layer.private.as_ref().filter(|at| at.value);
        if let (Some(private), Some(endpoint)) = (private, &layer.endpoint) {
            self.problems.push(
                problem_at(endpoint, "`private` and `endpoint` cannot be set together", "sets the host")
                    .at(private.place.clone(), "selects another host")
                    .help("Remove one of the two."),
            );
        }
        let endpoint = self.check_origin("endpoint", &layer.endpoint);
        let cloud_endpoint = self.check_origin("cloud_endpoint", &layer.cloud_endpoint);
        (private.is_some(), endpoint, cloud_endpoint)
    }

    /// Returns the origin in `field`, if it is valid. It must use `https://`, or `http://` on loopback, so that keys
    /// are never sent in the clear.
    fn check_origin(&mut self, name: &str, field: &Field<String>) -> Option<String> {
        let at = self.interpolate(field)?;
        let reason = match url::Url::parse(&at.value) {
            Err(error) => format!("{error}"),
            Ok(url) if !matches!(url.scheme(), "https" | "http") => {
                "must start with `https://` or `http://`".to_owned()
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                "credentials are read only from environment variables".to_owned()
            }
            Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
                "`http://` is allowed only on loopback".to_owned()
            }
            Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
                format!("write only the origin, `{}`", url.origin().ascii_serialization())
            }
            Ok(url) => return Some(url.origin().ascii_serialization()),
        };
        self.problems.push(
            problem_at(&at, format!("`{name}` is not an allowed origin"), reason)
                .help("Use `https://host`, or `http://` on loopback, for example `http://127.0.0.1:8080`."),
        );
        None
    }

    /// Returns where the state is kept, `state/<environment>.json` by default.
    fn state_location(&mut self) -> StateLocation {
        let given = self.interpolate(&self.at.value.state);
        if let (Some(path), EnvironmentSelection::Chosen) = (&self.folder.permissions.state, self.selection) {
            return StateLocation::File(path.clone());
        }
        let Some(at) = given else {
            let default = StateLocation::default_for(self.name);
            if let Err(outside) = self.folder.check_inside(default.path()) {
                self.problems.push(with_state_variable(outside).at(self.at.place.clone(), "keeps its state there"));
            }
            return default;
        };
        let issue = match at.value.split_once("://") {
            Some(("s3" | "gs" | "az", _)) => Some((
                "this build does not support shared state yet".to_owned(),
                "Keep the state in a file, for example `state = \"state/prod.json\"`.".to_owned(),
            )),
            Some((scheme, _)) => Some((
                format!("cannot keep state at `{scheme}://`"),
                "Keep the state in a file, for example `state = \"state/prod.json\"`.".to_owned(),
            )),
            None if at.value.is_empty() || at.value.ends_with('/') => Some((
                "`state` does not name a file".to_owned(),
                format!("Name a file, for example `state = \"state/{}.json\"`.", self.name),
            )),
            None => None,
        };
        if let Some((message, help)) = issue {
            self.problems.push(problem_at(&at, message, "here").help(help));
        } else if let Err(outside) = self.folder.check_inside(Path::new(&at.value)) {
            self.problems.push(with_state_variable(outside).at(at.place.clone(), "leads outside the project"));
        }
        StateLocation::File(PathBuf::from(at.value))
    }

    /// Returns the prefix of cloud names, or an empty string if it is not set or invalid.
    fn name_prefix(&mut self) -> String {
        let Some(at) = self.interpolate(&self.at.value.name_prefix) else { return String::new() };
        let is_allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let is_valid = at.value.chars().all(|letter| is_allowed(letter) || letter == '-') && !at.value.starts_with('-');
        if !is_valid {
            self.problems.push(problem_at(
                &at,
                format!("`{}` is not a valid `name_prefix`", at.value),
                "a-z, 0-9 and `-`, starting with a letter or digit",
            ));
        }
        if is_valid { at.value } else { String::new() }
    }

    /// Returns the maximum number of requests per second, if it is set and valid.
    fn requests_per_second(&mut self) -> Option<u32> {
        let at = self.at.value.requests_per_second.as_ref()?;
        let is_valid = (1..=50).contains(&at.value);
        if !is_valid {
            self.problems.push(problem_at(
                at,
                "`requests_per_second` is out of range",
                "must be 1 to 50: the service allows 50",
            ));
        }
        u32::try_from(at.value).ok().filter(|_| is_valid)
    }

    /// Returns the substituted entries of a table of strings.
    fn interpolate_entries(&mut self, entries: &SmallMap<StringEntry>) -> BTreeMap<String, String> {
        let interpolated = |(key, entry): (&InternedStr, &StringEntry)| {
            Some((key.to_string(), self.substitution.interpolate(&entry.value)?.value))
        };
        entries.iter().filter_map(interpolated).collect()
    }
}

/// Returns the problem of a state outside the project, with the variable that names a state.
fn with_state_variable(outside: Problem) -> Problem {
    outside.help(format!(
        "A manifest can keep the state only in the project. To keep it elsewhere, name the file where floe runs, in \
         `{}`.",
        Permissions::STATE_VARIABLE
    ))
}

/// Returns the chosen environment: the given one, or else the only one, or else `local`.
///
/// # Errors
/// The problem to report if there is no such environment.
pub(in crate::manifest) fn choose_environment<'a>(
    given: Option<&str>,
    environments: &'a BTreeMap<String, At<EnvironmentLayer>>,
) -> Result<(&'a str, &'a At<EnvironmentLayer>), Problem> {
    let names: BTreeSet<&str> = environments.keys().map(String::as_str).collect();
    let list = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let found = match given {
        Some(name) => environments.get_key_value(name),
        None if environments.len() == 1 => environments.first_key_value(),
        None => environments.get_key_value("local"),
    };
    if let Some((name, at)) = found {
        return Ok((name, at));
    }
    if environments.is_empty() {
        return Err(Problem::new("the project has no environment")
            .help("To start without an account, add this to `floe.toml`:\n\n[environments.local]\nsimulator = true"));
    }
    Err(match given {
        None => Problem::new("no environment is selected").help(format!("Choose one of {} with `--env`.", list())),
        Some(name) => {
            let problem = Problem::new(format!("there is no environment `{name}`"));
            match crate::manifest::suggest::suggestion(name, names.iter().copied()) {
                Some(help) => problem.help(help),
                None => problem,
            }
        }
    })
}

/// Returns whether `text` has the form of a UUID.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit())
}

/// Returns whether the host of `url` is on loopback.
fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
