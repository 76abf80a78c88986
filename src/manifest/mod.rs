//! DESIRED: TOML and SQL files in, one checked project out, or every problem with its place.
//!
//! `file` finds and reads, `layer` says what each file says, `gather` lays the files side by side, `merge` and
//! `substitute` make of them what one environment sees, `check` holds it against the rules.

mod check;
mod file;
mod gather;
mod layer;
mod merge;
mod near;
mod project;
mod sql_text;
mod substitute;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub use project::{DeclaredPool, DeclaredStatement, Environment, Moved, Project, Simulated, StateLocation};
pub use sql_text::SqlText;

use crate::resource::{Address, Place, Problem};
use check::Desk;
use gather::{Sources, Written};
use layer::{At, EnvironmentLayer};
use substitute::{Substitution, Variables};

/// What a project is loaded with besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inputs {
    /// The folder of `floe.toml`.
    pub root: PathBuf,
    /// `--env` or `FLOE_ENV`; without it the only environment, else `local`.
    pub environment: Option<String>,
    /// `--var name=value`.
    pub var_flags: BTreeMap<String, String>,
    /// The `FLOE_VAR_<NAME>` variables by `<NAME>`, as `cli` read them. `${name}` finds its name as it is written, or in
    /// upper case with `_` for `-`.
    pub var_environment: BTreeMap<String, String>,
}

/// Loads a project as one environment sees it, or says everything that is wrong with it, in order of file and place.
pub fn load(inputs: &Inputs) -> Result<Project, Vec<Problem>> {
    let mut problems = Vec::new();
    let project = load_into(inputs, &mut problems);
    match project {
        Some(project) if problems.is_empty() => Ok(project),
        _ => Err(in_order(problems)),
    }
}

/// The names of the environments that `floe.toml` in `root` declares, sorted.
pub fn environments(root: &Path) -> Result<Vec<String>, Vec<Problem>> {
    let mut problems = Vec::new();
    match gather::main_manifest(root, &mut problems) {
        Some(main) if !main.incomplete => Ok(main.environments.into_keys().collect()),
        _ => Err(in_order(problems)),
    }
}

fn load_into(inputs: &Inputs, problems: &mut Vec<Problem>) -> Option<Project> {
    let root = inputs.root.as_path();
    let mut main = gather::main_manifest(root, problems)?;
    let environments = std::mem::take(&mut main.environments);
    let secrets = std::mem::take(&mut main.secrets);
    let names: BTreeSet<&str> = secrets.keys().map(String::as_str).collect();

    // Fields of environments know flags and the process's environment, everything else the chosen one's variables too.
    let outer =
        Variables { flags: Some(&inputs.var_flags), process: Some(&inputs.var_environment), table: BTreeMap::new() };
    let quiet = || Substitution::new(outer.clone(), names.clone());
    let chosen = check::environment::choose(inputs.environment.as_deref(), &environments);
    let mut of_fields = quiet();
    let environment = match &chosen {
        Ok((name, at)) => check::environment::environment(name, at, &mut of_fields, problems),
        Err(problem) => {
            problems.push(problem.clone());
            None
        }
    };
    let variables_of = |at: &EnvironmentLayer, substitution: &mut Substitution<'_>| Variables {
        table: check::environment::variables(at, substitution),
        ..outer.clone()
    };
    let variables = match &chosen {
        Ok((_, at)) => variables_of(&at.value, &mut of_fields),
        Err(_) => outer.clone(),
    };
    problems.append(&mut of_fields.problems);
    problems.extend(check::environment::apart(&environments, &mut quiet()));

    let mut substitution = Substitution::new(variables, names.clone());
    let include = main.project.include.as_deref().map(|patterns| substitution.plains(patterns));
    let mut claims: Vec<Substitution<'_>> = environments
        .values()
        .map(|at| Substitution::new(variables_of(&at.value, &mut quiet()), names.clone()))
        .collect();
    let mut sources = Sources::default();
    let written = gather::gather(root, main, &environments, include.as_deref(), &mut claims, &mut sources, problems);
    let complete = !written.manifest.incomplete;
    if complete {
        overlays_for_nothing(&environments, &written, problems);
    }
    let (Some(environment), Ok((_, chosen))) = (environment, chosen) else { return None };

    let Written { manifest, bare } = &written;
    // What an environment says for all its statements lies between `[defaults]` and what a statement says itself.
    let mut defaults = manifest.defaults.clone();
    if chosen.value.evolve.is_some() {
        defaults.evolve.clone_from(&chosen.value.evolve);
    }
    let name = project_name(&manifest.project.name, complete, &mut substitution, problems);
    let mut desk = Desk {
        root,
        environment: &environment,
        defaults: &defaults,
        allow: &manifest.project.allow,
        complete,
        pool_keys: manifest.pools.keys().map(String::as_str).collect(),
        statement_keys: manifest.statements.keys().map(String::as_str).collect(),
        substitution,
        sources,
        problems: Vec::new(),
    };
    let mut pools = BTreeMap::new();
    for (key, at) in &manifest.pools {
        if let Some(pool) = check::pool::pool(&mut desk, key, at, chosen.value.pools.get(key)) {
            pools.insert(key.clone(), pool);
        }
    }
    let mut statements = BTreeMap::new();
    check::statement::check_alone(&mut desk, &defaults);
    for (key, at) in &manifest.statements {
        let overlay = chosen.value.statements.get(key);
        if let Some(statement) = check::statement::statement(&mut desk, key, at, overlay, bare.contains(key)) {
            statements.insert(key.clone(), statement);
        }
    }
    let moved = check::moved::moved(&mut desk, &manifest.moved);
    let secrets = check::secret::secrets(&mut desk, &secrets);
    check::statement::same_names(&statements, &mut desk.problems);
    problems.append(&mut desk.problems);
    problems.append(&mut desk.substitution.problems);
    Some(Project { name: name?, root: root.to_owned(), environment, pools, statements, moved, secrets })
}

fn project_name(
    name: &Option<At<String>>,
    complete: bool,
    substitution: &mut Substitution<'_>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    match name {
        Some(name) => {
            let name = substitution.plain(name)?;
            if name.value.trim().is_empty() {
                problems.push(Problem::new("the project's name is empty").at(name.place, "empty"));
            }
            Some(name.value)
        }
        None => {
            if complete {
                problems.push(
                    Problem::new("the project has no name").help("in `floe.toml`:\n\n[project]\nname = \"my-project\""),
                );
            }
            None
        }
    }
}

/// Overlays of any environment for what is not declared.
fn overlays_for_nothing(
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    let manifest = &written.manifest;
    for (name, environment) in environments {
        let pools = environment.value.pools.iter().map(|(key, at)| (Address::pool(key), &at.place));
        let statements = environment.value.statements.iter().map(|(key, at)| (Address::statement(key), &at.place));
        let missing = pools
            .filter(|(address, _)| !manifest.pools.contains_key(&address.key))
            .chain(statements.filter(|(address, _)| !manifest.statements.contains_key(&address.key)));
        for (address, place) in missing {
            problems.push(overlay_for_nothing(written, name, &address, place));
        }
    }
}

fn overlay_for_nothing(written: &Written, environment: &str, address: &Address, place: &Place) -> Problem {
    let near = match address.kind {
        crate::resource::Kind::Pool => near::nearest(&address.key, written.manifest.pools.keys().map(String::as_str)),
        crate::resource::Kind::Statement => {
            near::nearest(&address.key, written.manifest.statements.keys().map(String::as_str))
        }
    };
    let problem = Problem::new(format!("environment `{environment}` overlays `{address}`, which does not exist"))
        .at(place.clone(), "nothing to overlay");
    match near {
        Some(near) => problem.help(format!("did you mean `{}.{near}`?", address.kind.table())),
        None => problem.help("an overlay says what differs; declare the thing itself in a manifest"),
    }
}

/// Sorted by file and place, each once.
fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|one, other| sort_key(one).cmp(&sort_key(other)));
    problems.dedup();
    problems
}

fn sort_key(problem: &Problem) -> (Option<(&Path, usize)>, &str) {
    let first = problem.places.first().map(|(place, _)| (place.source.path.as_path(), place.span.start));
    (first, problem.message.as_str())
}
