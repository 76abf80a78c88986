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
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

pub use project::{DeclaredPool, DeclaredStatement, Environment, Flawed, Moved, Project, Simulated, StateLocation};
pub use sql_text::SqlText;

use crate::resource::{Address, Problem, SourceLocation};
use check::{Desk, environment::Interest};
use gather::{Sources, Written};
use layer::{At, EnvironmentLayer, Field, Manifest, ProjectLayer, StatementLayer};
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

/// Loads a project as one environment sees it, or says everything that is wrong with it, beside what stands.
pub fn load(inputs: &Inputs) -> Result<Project, Flawed> {
    let mut problems = Vec::new();
    match load_into(inputs, &mut problems) {
        Some(project) if problems.is_empty() => Ok(project),
        sound => Err(Flawed { problems: in_order(problems), sound: sound.map(Box::new) }),
    }
}

/// The chosen environment by itself, from `floe.toml` alone: it says where everything else is kept. `None` where something
/// is wrong with it; [`load`] says what. What is wrong elsewhere is no concern here.
pub fn environment(inputs: &Inputs) -> Option<Environment> {
    let mut problems = Vec::new();
    let main = gather::main_manifest(&inputs.root, &mut problems)?;
    let chosen = check::environment::choose(inputs.environment.as_deref(), &main.environments).ok()?;
    if !(main.broken.is_empty() && chosen.1.value.sound) {
        return None;
    }
    let mut problems = Vec::new();
    let mut fields = Scope { inputs, secrets: main.secrets.keys().map(String::as_str).collect() }.outer();
    let environment =
        check::environment::environment(&inputs.root, chosen, Interest::Chosen, &mut fields, &mut problems);
    problems.append(&mut fields.problems);
    problems.is_empty().then_some(environment)
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
    let mut main = gather::main_manifest(&inputs.root, problems)?;
    let environments = std::mem::take(&mut main.environments);
    let secrets = std::mem::take(&mut main.secrets);
    let scope = Scope { inputs, secrets: secrets.keys().map(String::as_str).collect() };

    // What is found from here on is told apart: where a file is no TOML, it may be the parser's guess that is wrong.
    let mut found = Vec::new();
    let chosen = check::environment::choose(inputs.environment.as_deref(), &environments);
    let chosen = chosen.map_err(|problem| found.push(problem)).ok();
    let mut fields = scope.outer();
    let desired = chosen
        .map(|chosen| check::environment::environment(&inputs.root, chosen, Interest::Chosen, &mut fields, &mut found));
    found.append(&mut fields.problems);
    for (name, at) in environments.iter().filter(|(name, _)| chosen.is_none_or(|(chosen, _)| chosen != *name)) {
        // Their variables may not be known here, so undefined ones are let be.
        check::environment::environment(&inputs.root, (name, at), Interest::Other, &mut scope.outer(), &mut found);
    }
    found.extend(check::apart::apart(&inputs.root, &environments, &mut fields));

    let mut substitution = chosen.map_or_else(|| scope.outer(), |(_, at)| scope.inner(at));
    substitution.used.append(&mut fields.used);
    let patterns = main.project.include.as_deref();
    let include = patterns.map(|patterns| substitution.plains(patterns));
    // What a pattern would have found may be what others refer to.
    main.incomplete |= include.as_ref().map(Vec::len) != patterns.map(<[_]>::len);
    let mut others: BTreeMap<&str, Substitution<'_>> =
        environments.iter().map(|(name, at)| (name.as_str(), scope.inner(at))).collect();
    let mut sources = Sources::default();
    let claims = others.values_mut().collect();
    let written = gather::gather(&inputs.root, main, &environments, include.as_deref(), claims, &mut sources, problems);
    overlays_for_nothing(&environments, &written, &mut found);

    let chosen = chosen.map(|(name, _)| name);
    if let Some(chosen) = chosen {
        others.remove(chosen);
    }
    let manifest = &written.manifest;
    let desk = Desk {
        root: &inputs.root,
        environment: &desired.unwrap_or_else(Environment::unknown),
        defaults: &defaults_in(manifest, chosen.and_then(|chosen| environments.get(chosen))),
        allow: &manifest.project.allow,
        complete: !manifest.incomplete,
        pool_keys: manifest.pools.keys().map(String::as_str).collect(),
        statement_keys: manifest.statements.keys().map(String::as_str).collect(),
        substitution,
        sources,
        problems: Vec::new(),
        unsound: BTreeSet::new(),
    };
    let project = checked(desk, &written, (chosen, &environments), others, &secrets, &mut found);
    problems.extend(found.into_iter().filter(|problem| is_certain(problem, manifest)));
    is_known(manifest, Path::new("floe.toml")).then_some(project)
}

/// Whether a file could be read, so that what it says is what was meant.
fn is_known(manifest: &Manifest, path: &Path) -> bool {
    !manifest.broken.iter().any(|source| source.path == path)
}

/// Whether a problem stands on files that could be read.
fn is_certain(problem: &Problem, manifest: &Manifest) -> bool {
    let main_is_broken = !is_known(manifest, Path::new("floe.toml"));
    let stands_nowhere = problem.locations.is_empty();
    let stands_on_broken = problem.locations.iter().any(|(place, _)| manifest.broken.contains(&place.source));
    !(stands_on_broken || stands_nowhere && main_is_broken)
}

/// The values that texts may use.
struct Scope<'a> {
    inputs: &'a Inputs,
    secrets: BTreeSet<&'a str>,
}

impl<'a> Scope<'a> {
    /// For the fields of environments: flags and the process's environment only.
    fn outer(&self) -> Substitution<'a> {
        let variables = Variables {
            flags: Some(&self.inputs.var_flags),
            process: Some(&self.inputs.var_environment),
            table: BTreeMap::new(),
        };
        Substitution::new(variables, self.secrets.clone())
    }

    /// For everything else: the environment's variables too.
    fn inner(&self, environment: &At<EnvironmentLayer>) -> Substitution<'a> {
        let mut substitution = self.outer();
        substitution.variables.table = check::environment::variables(&environment.value, &mut self.outer());
        substitution
    }
}

/// What an environment says for all its statements lies between `[defaults]` and what a statement says itself.
fn defaults_in(manifest: &Manifest, environment: Option<&At<EnvironmentLayer>>) -> StatementLayer {
    let mut defaults = manifest.defaults.clone();
    if let Some(evolve) = environment.and_then(|environment| environment.value.evolve.as_ref()) {
        defaults.evolve = Some(evolve.clone());
    }
    defaults
}

/// Everything that is declared, checked as the chosen environment sees it; and, as far as that can be known, what the
/// overlays of the others say. Where none could be chosen, what holds in all of them.
fn checked<'a>(
    mut desk: Desk<'a>,
    written: &Written,
    (chosen, environments): (Option<&str>, &BTreeMap<String, At<EnvironmentLayer>>),
    others: BTreeMap<&str, Substitution<'a>>,
    secrets: &BTreeMap<String, At<Field<String>>>,
    problems: &mut Vec<Problem>,
) -> Project {
    let Written { manifest, bare } = written;
    let overlays = chosen.and_then(|chosen| environments.get(chosen)).map(|at| &at.value);
    // What an overlay may complete is not judged without it.
    let open = |is_overlaid: &dyn Fn(&EnvironmentLayer) -> bool| {
        chosen.is_none() && environments.values().any(|environment| is_overlaid(&environment.value))
    };
    let name = project_name(&manifest.project, &mut desk).unwrap_or_default();
    let mut pools = BTreeMap::new();
    for (key, at) in manifest.pools.iter().filter(|(key, _)| !open(&|layer| layer.pools.contains_key(*key))) {
        let overlay = overlays.and_then(|overlays| overlays.pools.get(key));
        pools.extend(check::pool::pool(&mut desk, key, at, overlay).map(|pool| (key.clone(), pool)));
    }
    check::statement::defaults(&mut desk);
    let declared = manifest.statements.iter().filter(|(key, _)| !open(&|layer| layer.statements.contains_key(*key)));
    let mut statements = BTreeMap::new();
    for (key, at) in declared {
        let overlay = overlays.and_then(|overlays| overlays.statements.get(key));
        let statement = check::statement::statement(&mut desk, key, at, overlay, bare.contains(key));
        statements.extend(statement.map(|statement| (key.clone(), Box::new(statement))));
    }
    let moved = check::moved::moved(&mut desk, &manifest.moved);
    let secrets = check::secret::secrets(&mut desk, secrets);
    check::name::same_names(&statements, &mut desk.problems);
    if chosen.is_some() {
        problems.append(&mut desk.substitution.problems);
    }
    let tables = environments.values().flat_map(|at| at.value.variables.keys().map(|name| &**name));
    problems.extend(desk.substitution.stray_flags(tables));
    for (name, substitution) in others {
        desk.substitution = substitution;
        if let Some(at) = environments.get(name) {
            check_overlays(&mut desk, manifest, &at.value);
            check::name::names_there(&mut desk, manifest, &statements, (name, at));
        }
    }
    problems.append(&mut desk.problems);
    let Desk { root, environment, unsound, .. } = desk;
    statements.retain(|key, statement| !unsound.contains(key) && is_as_written(statement, manifest));
    Project { name, root: root.to_owned(), environment: environment.clone(), pools, statements, moved, secrets }
}

/// Whether a statement says what was meant. A manifest that could not be read may have named a file that seems to be one
/// by itself.
fn is_as_written(statement: &DeclaredStatement, manifest: &Manifest) -> bool {
    let is_by_itself = statement.place.source.path.extension().is_some_and(|extension| extension == "sql");
    is_known(manifest, &statement.place.source.path) && (manifest.broken.is_empty() || !is_by_itself)
}

/// Overlays of an environment that was not chosen. Its variables may not be known here, so undefined ones are let be.
fn check_overlays(desk: &mut Desk<'_>, manifest: &Manifest, environment: &EnvironmentLayer) {
    check::statement::policy(desk, environment);
    for (key, overlay) in &environment.pools {
        if let Some(declared) = manifest.pools.get(key) {
            check::pool::pool(desk, key, declared, Some(overlay));
        }
    }
    for (key, overlay) in &environment.statements {
        if let Some(declared) = manifest.statements.get(key) {
            check::statement::overlay(desk, key, declared, overlay);
        }
    }
}

fn project_name(project: &ProjectLayer, desk: &mut Desk<'_>) -> Option<String> {
    let Some(name) = &project.name else {
        if !project.flawed {
            let problem = Problem::new("the project has no name");
            desk.problems.push(problem.help("in `floe.toml`:\n\n[project]\nname = \"my-project\""));
        }
        return None;
    };
    let name = desk.substitution.plain(name)?;
    if name.value.trim().is_empty() {
        desk.problems.push(Problem::new("the project's name is empty").at(name.place, "empty"));
    } else if name.value.chars().any(char::is_control) {
        let problem = Problem::new("the project's name holds a control character").at(name.place, "more than text");
        desk.problems
            .push(problem.help("it becomes a label of every statement, and is printed: letters, digits and blanks do"));
    }
    Some(name.value)
}

/// Overlays of any environment for what is not declared.
fn overlays_for_nothing(
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    let manifest = &written.manifest;
    if manifest.incomplete {
        return;
    }
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

fn overlay_for_nothing(written: &Written, environment: &str, address: &Address, place: &SourceLocation) -> Problem {
    let near = match address.kind {
        crate::resource::ResourceKind::Pool => {
            near::nearest(&address.key, written.manifest.pools.keys().map(String::as_str))
        }
        crate::resource::ResourceKind::Statement => {
            near::nearest(&address.key, written.manifest.statements.keys().map(String::as_str))
        }
    };
    let problem = Problem::new(format!("environment `{environment}` overlays `{address}`, which does not exist"))
        .at(place.clone(), "nothing to overlay");
    match near {
        Some(near) => problem.help(format!("did you mean `{}.{near}`?", address.kind.manifest_table())),
        None => problem.help("an overlay says what differs; declare the thing itself in a manifest"),
    }
}

/// Sorted by file and place, each once.
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|one, other| sort_key(one).cmp(&sort_key(other)));
    problems.dedup();
    problems
}

fn sort_key(problem: &Problem) -> (Option<(&Path, usize)>, &str) {
    let first = problem.locations.first().map(|(place, _)| (place.source.path.as_path(), place.span.start));
    (first, problem.message.as_str())
}
