//! Desired: reads TOML and SQL files and returns one checked project, or every problem with its location.
//!
//! `file` finds and reads the files, `layer` parses each of them, and `gather` combines them. `merge` and
//! `substitute` apply the overlay and the variables of one environment, and `check` validates the result.

mod check;
mod credential_variables;
mod file;
mod gather;
mod layer;
mod merge;
mod permissions;
mod project;
mod project_folder;
mod sql_source_map;
mod substitute;
mod suggest;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub use permissions::Permissions;
pub use project::{
    DeclaredPool, DeclaredStatement, Environment, GivenConsent, InvalidProject, MovedBlock, Project, RemovedBlock,
    SimulatorSettings, StateLocation,
};
pub use sql_source_map::SqlSourceMap;

use crate::resource::{Address, Problem, SourceLocation};
use check::{ValidationContext, environment::EnvironmentSelection};
use gather::{GatherScope, GatheredManifest, SqlFileCache};
use layer::{At, EnvironmentLayer, Field, Manifest, ProjectLayer, StatementLayer};
use project_folder::ProjectFolder;
use substitute::{Substitution, Variables};

/// The inputs of a load besides the project's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadOptions {
    /// The folder that holds `floe.toml`.
    pub root: PathBuf,
    /// The value of `--env` or `FLOE_ENV`. If it is `None`, the only environment is chosen, or else `local`.
    pub environment: Option<String>,
    /// The values of `--var name=value`, by name.
    pub var_flags: BTreeMap<String, String>,
    /// The `FLOE_VAR_<NAME>` variables by `<NAME>`, as `cli` read them. `${name}` matches `<NAME>` as it is written,
    /// or in upper case with `_` for `-`.
    pub env_variables: BTreeMap<String, String>,
    /// What the environment of the process allows beyond the rules for manifests, as `cli` read it.
    pub permissions: Permissions,
}

impl LoadOptions {
    /// Returns the folder of the project, with the folders whose files it may name.
    fn folder(&self) -> ProjectFolder<'_> {
        ProjectFolder::new(&self.root, &self.permissions)
    }
}

/// Loads a project as one environment sees it.
///
/// # Errors
/// Every problem of the project, together with the part of the project that could still be loaded.
pub fn load(options: &LoadOptions) -> Result<Project, InvalidProject> {
    let mut problems = Vec::new();
    match load_into(options, &mut problems) {
        Some(project) if problems.is_empty() => Ok(project),
        partial => Err(InvalidProject { problems: sorted_problems(problems), partial: partial.map(Box::new) }),
    }
}

/// Loads only the chosen environment, from `floe.toml` alone. The environment says where the state is kept. Returns
/// `None` if the environment has a problem, which [`load`] reports. Problems elsewhere are ignored.
pub fn load_environment(options: &LoadOptions) -> Option<Environment> {
    let mut problems = Vec::new();
    let folder = options.folder();
    let main = gather::read_main_manifest(&folder, &mut problems)?;
    let chosen = check::environment::choose_environment(options.environment.as_deref(), &main.environments).ok()?;
    if !(main.unparsable.is_empty() && chosen.1.value.is_valid) {
        return None;
    }
    let mut problems = Vec::new();
    let mut fields =
        VariableScope { options, secrets: main.secrets.keys().map(String::as_str).collect() }.base_substitution();
    let environment = check::environment::check_environment(
        &folder,
        chosen,
        EnvironmentSelection::Chosen,
        &mut fields,
        &mut problems,
    );
    problems.append(&mut fields.problems);
    problems.is_empty().then_some(environment)
}

/// Returns the names of the environments that `floe.toml` declares, sorted.
///
/// # Errors
/// The problems of `floe.toml`, if it cannot be read completely.
pub fn environment_names(options: &LoadOptions) -> Result<Vec<String>, Vec<Problem>> {
    let mut problems = Vec::new();
    match gather::read_main_manifest(&options.folder(), &mut problems) {
        Some(main) if !main.is_incomplete => Ok(main.environments.into_keys().collect()),
        _ => Err(sorted_problems(problems)),
    }
}

/// Loads the project and adds its problems to `problems`. Returns `None` if `floe.toml` cannot be used at all.
fn load_into(options: &LoadOptions, problems: &mut Vec<Problem>) -> Option<Project> {
    let folder = options.folder();
    let mut main = gather::read_main_manifest(&folder, problems)?;
    let environments = std::mem::take(&mut main.environments);
    let secrets = std::mem::take(&mut main.secrets);
    let scope = VariableScope { options, secrets: secrets.keys().map(String::as_str).collect() };

    // Problems from here on are collected separately. If a file is not valid TOML, a problem may only be a
    // consequence of how the parser recovered.
    let mut provisional_problems = Vec::new();
    let chosen = check::environment::choose_environment(options.environment.as_deref(), &environments);
    let chosen = chosen.map_err(|problem| provisional_problems.push(problem)).ok();
    let mut fields = scope.base_substitution();
    let chosen_environment = chosen.map(|chosen| {
        check::environment::check_environment(
            &folder,
            chosen,
            EnvironmentSelection::Chosen,
            &mut fields,
            &mut provisional_problems,
        )
    });
    provisional_problems.append(&mut fields.problems);
    for (name, at) in environments.iter().filter(|(name, _)| chosen.is_none_or(|(chosen, _)| chosen != *name)) {
        // The variables of other environments may not be known here, so undefined ones are not reported.
        check::environment::check_environment(
            &folder,
            (name, at),
            EnvironmentSelection::Other,
            &mut scope.base_substitution(),
            &mut provisional_problems,
        );
    }
    provisional_problems.extend(check::environment_conflicts::find_conflicts(
        &options.root,
        &environments,
        &mut fields,
    ));

    let mut substitution =
        chosen.map_or_else(|| scope.base_substitution(), |(_, at)| scope.environment_substitution(at));
    substitution.used_variables.append(&mut fields.used_variables);
    let patterns = main.project.include.as_deref();
    let include = patterns.map(|patterns| substitution.interpolate_all(patterns));
    // A pattern that could not be resolved may match files that declare what other files refer to.
    main.is_incomplete |= include.as_ref().map(Vec::len) != patterns.map(<[_]>::len);
    let mut other_substitutions: BTreeMap<&str, Substitution<'_>> =
        environments.iter().map(|(name, at)| (name.as_str(), scope.environment_substitution(at))).collect();
    let mut sql_files = SqlFileCache::default();
    let substitutions = other_substitutions.values_mut().collect();
    let scope =
        GatherScope { folder: &folder, environments: &environments, include: include.as_deref(), substitutions };
    let gathered = gather::gather_manifests(scope, main, &mut sql_files, problems);
    report_orphan_overlays(&environments, &gathered, &mut provisional_problems);

    let chosen = chosen.map(|(name, _)| name);
    if let Some(chosen) = chosen {
        other_substitutions.remove(chosen);
    }
    let manifest = &gathered.manifest;
    let context = ValidationContext {
        folder: &folder,
        environment: &chosen_environment.unwrap_or_else(Environment::placeholder),
        defaults: &effective_defaults(manifest, chosen.and_then(|chosen| environments.get(chosen))),
        allow: &manifest.project.allow,
        is_complete: !manifest.is_incomplete,
        pool_keys: manifest.pools.keys().map(String::as_str).collect(),
        statement_keys: manifest.statements.keys().map(String::as_str).collect(),
        substitution,
        sql_files,
        problems: Vec::new(),
        invalid_statements: BTreeSet::new(),
    };
    let declared_environments = DeclaredEnvironments { chosen, layers: &environments, other_substitutions };
    let project = check_project(context, &gathered, declared_environments, &secrets, &mut provisional_problems);
    problems.extend(provisional_problems.into_iter().filter(|problem| is_reliable(problem, manifest)));
    is_parsed(manifest, Path::new("floe.toml")).then_some(project)
}

/// Returns whether the file at `path` was parsed without syntax errors.
fn is_parsed(manifest: &Manifest, path: &Path) -> bool {
    !manifest.unparsable.iter().any(|source| source.path == path)
}

/// Returns whether a problem is based only on files without syntax errors.
fn is_reliable(problem: &Problem, manifest: &Manifest) -> bool {
    let main_is_broken = !is_parsed(manifest, Path::new("floe.toml"));
    let has_no_place = problem.locations.is_empty();
    let is_in_broken_file = problem.locations.iter().any(|(place, _)| manifest.unparsable.contains(&place.source));
    !(is_in_broken_file || has_no_place && main_is_broken)
}

/// The variables and secrets that texts may refer to.
struct VariableScope<'a> {
    /// The options that hold the flags and the process's environment.
    options: &'a LoadOptions,
    /// The names of the declared secrets.
    secrets: BTreeSet<&'a str>,
}

impl<'a> VariableScope<'a> {
    /// Returns the substitution for the fields of environments. It knows only flags and the process's environment.
    fn base_substitution(&self) -> Substitution<'a> {
        let variables = Variables {
            flags: Some(&self.options.var_flags),
            process_env: Some(&self.options.env_variables),
            manifest: BTreeMap::new(),
        };
        Substitution::new(variables, self.secrets.clone())
    }

    /// Returns the substitution for everything else. It also knows the variables of `environment`.
    fn environment_substitution(&self, environment: &At<EnvironmentLayer>) -> Substitution<'a> {
        let mut substitution = self.base_substitution();
        substitution.variables.manifest =
            check::environment::resolve_variables(&environment.value, &mut self.base_substitution());
        substitution
    }
}

/// Returns `[defaults]` with the settings that `environment` has for all of its statements. A statement's own
/// settings override both.
fn effective_defaults(manifest: &Manifest, environment: Option<&At<EnvironmentLayer>>) -> StatementLayer {
    let mut defaults = manifest.defaults.clone();
    if let Some(evolve) = environment.and_then(|environment| environment.value.evolve.as_ref()) {
        defaults.evolve = Some(evolve.clone());
    }
    defaults
}

/// The environments of a project, one of which may be chosen.
struct DeclaredEnvironments<'e, 'a> {
    /// The name of the chosen environment, or `None` if none could be chosen.
    chosen: Option<&'e str>,
    /// The tables of all environments, by name.
    layers: &'e BTreeMap<String, At<EnvironmentLayer>>,
    /// The variables and secrets of the environments that were not chosen, by name.
    other_substitutions: BTreeMap<&'e str, Substitution<'a>>,
}

/// Checks everything that is declared, as the chosen environment sees it, and returns the project. Also checks the
/// overlays of the other environments as far as their variables are known. If no environment could be chosen, checks
/// only what applies to all of them.
fn check_project<'a>(
    mut context: ValidationContext<'a>,
    gathered: &GatheredManifest,
    environments: DeclaredEnvironments<'_, 'a>,
    secrets: &BTreeMap<String, At<Field<String>>>,
    problems: &mut Vec<Problem>,
) -> Project {
    let GatheredManifest { manifest, bare_keys } = gathered;
    let DeclaredEnvironments { chosen, layers: environments, other_substitutions } = environments;
    let overlays = chosen.and_then(|chosen| environments.get(chosen)).map(|at| &at.value);
    // A declaration that an overlay may complete cannot be checked without that overlay.
    let awaits_overlay = |is_overlaid: &dyn Fn(&EnvironmentLayer) -> bool| {
        chosen.is_none() && environments.values().any(|environment| is_overlaid(&environment.value))
    };
    let name = project_name(&manifest.project, &mut context).unwrap_or_default();
    let mut pools = BTreeMap::new();
    for (key, at) in manifest.pools.iter().filter(|(key, _)| !awaits_overlay(&|layer| layer.pools.contains_key(*key))) {
        let overlay = overlays.and_then(|overlays| overlays.pools.get(key));
        pools.extend(check::pool::check_pool(&mut context, key, at, overlay).map(|pool| (key.clone(), pool)));
    }
    check::statement::check_defaults(&mut context);
    let declared =
        manifest.statements.iter().filter(|(key, _)| !awaits_overlay(&|layer| layer.statements.contains_key(*key)));
    let mut statements = BTreeMap::new();
    for (key, at) in declared {
        let overlay = overlays.and_then(|overlays| overlays.statements.get(key));
        let statement = check::statement::check_statement(&mut context, key, at, overlay, bare_keys.contains(key));
        statements.extend(statement.map(|statement| (key.clone(), Box::new(statement))));
    }
    let moved = check::moved::check_moved_blocks(&mut context, &manifest.moved);
    let removed = check::removed::check_removed_blocks(&mut context, &manifest.removed);
    let secrets = check::secret::check_secrets(&mut context, secrets);
    check::cloud_name::check_duplicate_names(&statements, &mut context.problems);
    if chosen.is_some() {
        problems.append(&mut context.substitution.problems);
    }
    let declared_variables = environments.values().flat_map(|at| at.value.variables.keys().map(|name| &**name));
    problems.extend(context.substitution.unused_flag_problems(declared_variables));
    for (name, substitution) in other_substitutions {
        context.substitution = substitution;
        if let Some(at) = environments.get(name) {
            check_overlays(&mut context, manifest, &at.value);
            check::cloud_name::check_names_in_environment(&mut context, manifest, &statements, (name, at));
        }
    }
    problems.append(&mut context.problems);
    let ValidationContext { folder, environment, invalid_statements, .. } = context;
    statements.retain(|key, statement| !invalid_statements.contains(key) && is_reliable_statement(statement, manifest));
    Project {
        name,
        root: folder.path().to_owned(),
        environment: environment.clone(),
        pools,
        statements,
        moved,
        removed,
        secrets,
    }
}

/// Returns whether a statement can be trusted to be what the user meant. A manifest with syntax errors may name a
/// `.sql` file that otherwise looks like a statement of its own.
fn is_reliable_statement(statement: &DeclaredStatement, manifest: &Manifest) -> bool {
    let is_bare_file = statement.place.source.path.extension().is_some_and(|extension| extension == "sql");
    is_parsed(manifest, &statement.place.source.path) && (manifest.unparsable.is_empty() || !is_bare_file)
}

/// Checks the overlays of an environment that was not chosen. Its variables may not be known here, so undefined ones
/// are not reported.
fn check_overlays(context: &mut ValidationContext<'_>, manifest: &Manifest, environment: &EnvironmentLayer) {
    check::statement::check_policy(context, environment);
    for (key, overlay) in &environment.pools {
        if let Some(declared) = manifest.pools.get(key) {
            check::pool::check_pool(context, key, declared, Some(overlay));
        }
    }
    for (key, overlay) in &environment.statements {
        if let Some(declared) = manifest.statements.get(key) {
            check::statement::check_overlay(context, key, declared, overlay);
        }
    }
}

/// Returns the project's name, or reports why there is none.
fn project_name(project: &ProjectLayer, context: &mut ValidationContext<'_>) -> Option<String> {
    let Some(name) = &project.name else {
        if !project.has_invalid_fields {
            let problem = Problem::new("the project has no name");
            context.problems.push(problem.help("Add a name to `floe.toml`:\n\n[project]\nname = \"my-project\""));
        }
        return None;
    };
    let name = context.substitution.interpolate(name)?;
    if name.value.trim().is_empty() {
        context.problems.push(Problem::new("the project name is empty").at(name.place, "empty"));
    } else if name.value.chars().any(char::is_control) {
        let problem = Problem::new("the project name contains a control character").at(name.place, "not printable");
        context.problems.push(problem.help(
            "Use printable characters, such as letters, digits and spaces. floe prints the name and sets it as a \
             label on every statement.",
        ));
    }
    Some(name.value)
}

/// Reports overlays, in any environment, of pools and statements that are not declared.
fn report_orphan_overlays(
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    gathered: &GatheredManifest,
    problems: &mut Vec<Problem>,
) {
    let manifest = &gathered.manifest;
    if manifest.is_incomplete {
        return;
    }
    for (name, environment) in environments {
        let pools = environment.value.pools.iter().map(|(key, at)| (Address::pool(key), &at.place));
        let statements = environment.value.statements.iter().map(|(key, at)| (Address::statement(key), &at.place));
        let missing = pools
            .filter(|(address, _)| !manifest.pools.contains_key(&address.key))
            .chain(statements.filter(|(address, _)| !manifest.statements.contains_key(&address.key)));
        for (address, place) in missing {
            problems.push(orphan_overlay(gathered, name, &address, place));
        }
    }
}

/// Returns the problem of an overlay whose `address` is not declared.
fn orphan_overlay(
    gathered: &GatheredManifest,
    environment: &str,
    address: &Address,
    place: &SourceLocation,
) -> Problem {
    let near = match address.kind {
        crate::resource::ResourceKind::Pool => {
            suggest::nearest(&address.key, gathered.manifest.pools.keys().map(String::as_str))
        }
        crate::resource::ResourceKind::Statement => {
            suggest::nearest(&address.key, gathered.manifest.statements.keys().map(String::as_str))
        }
    };
    let problem = Problem::new(format!("environment `{environment}` overlays `{address}`, which is not declared"))
        .at(place.clone(), "nothing to overlay");
    match near {
        Some(near) => problem.help(format!("Did you mean `{}.{near}`?", address.kind.manifest_table())),
        None => problem.help(
            "Declare it in a manifest, or remove the overlay. An overlay only changes a resource that is \
             declared.",
        ),
    }
}

/// Returns the problems sorted by file and position, without duplicates.
pub(crate) fn sorted_problems(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|one, other| sort_key(one).cmp(&sort_key(other)));
    problems.dedup();
    problems
}

/// Returns the key that orders problems: file, position, message.
fn sort_key(problem: &Problem) -> (Option<(&Path, usize)>, &str) {
    let first = problem.locations.first().map(|(place, _)| (place.source.path.as_path(), place.span.start));
    (first, problem.message.as_str())
}
