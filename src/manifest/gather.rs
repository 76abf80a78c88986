//! Combines all files of a project into one manifest, before an environment is applied.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    file,
    layer::{self, At, EnvironmentLayer, Manifest, ManifestRole, StatementLayer},
    project_folder::{ProjectFolder, normalize_path},
    substitute::Substitution,
};
use crate::resource::{Problem, SourceFile, SourceLocation};

/// All manifests of a project as one.
#[derive(Debug)]
pub(super) struct GatheredManifest {
    /// `floe.toml` combined with all files that it includes. A bare `.sql` file is a statement with a `sql_file`.
    pub manifest: Manifest,
    /// The keys of the statements that only a bare `.sql` file declares.
    pub bare_keys: BTreeSet<String>,
}

/// A cache that reads each SQL file only once. It is a hash map because paths are slow to compare. It is never
/// iterated.
#[derive(Debug, Default)]
pub(super) struct SqlFileCache(HashMap<PathBuf, Result<Arc<SourceFile>, Problem>>);

impl SqlFileCache {
    /// Returns the SQL file at `path`, which is relative to `folder`.
    pub(super) fn read(&mut self, folder: &ProjectFolder<'_>, path: &Path) -> Result<Arc<SourceFile>, Problem> {
        if let Some(known) = self.0.get(path) {
            return known.clone();
        }
        let read = file::read_source(folder, path, "sql");
        self.0.insert(path.to_owned(), read.clone());
        read
    }
}

/// Reads `floe.toml`. Returns `None` if it cannot be read, since there is no project without it.
pub(super) fn read_main_manifest(folder: &ProjectFolder<'_>, problems: &mut Vec<Problem>) -> Option<Manifest> {
    let root = folder.path();
    let path = Path::new("floe.toml");
    if !root.join(path).exists() {
        let above = root
            .canonicalize()
            .ok()
            .and_then(|root| root.ancestors().skip(1).find(|folder| folder.join(path).is_file()).map(Path::to_owned));
        let help = match above {
            Some(folder) => format!("A parent folder has one. To use it, pass `-C {}`.", folder.display()),
            None => "Run `floe init` to create a project here, or pass `-C DIR` to use another folder.".to_owned(),
        };
        problems.push(Problem::new(format!("could not find `floe.toml` in `{}`", root.display())).help(help));
        return None;
    }
    match file::read_source(folder, path, "toml") {
        Ok(source) => Some(layer::read_manifest(&source, ManifestRole::Main, problems)),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// Where the included files are, and what decides which of them are bare files.
pub(super) struct GatherScope<'e, 'a> {
    /// The folder of the project.
    pub folder: &'e ProjectFolder<'e>,
    /// The tables of all environments, by name.
    pub environments: &'e BTreeMap<String, At<EnvironmentLayer>>,
    /// The glob patterns of the files to include, without variables.
    pub include: Option<&'e [At<String>]>,
    /// The variables and secrets of all environments.
    pub substitutions: Vec<&'e mut Substitution<'a>>,
}

/// Adds all included files to `main`. A `.sql` file that a statement of any environment names in a `sql_file` is not a
/// bare file.
pub(super) fn gather_manifests(
    scope: GatherScope<'_, '_>,
    main: Manifest,
    sources: &mut SqlFileCache,
    problems: &mut Vec<Problem>,
) -> GatheredManifest {
    let GatherScope { folder, environments, include, mut substitutions } = scope;
    let mut gathered = GatheredManifest { manifest: main, bare_keys: BTreeSet::new() };
    let before = problems.len();
    let included = file::find_included_files(folder, include, problems);
    // A folder that could not be read may hold declarations that other files refer to.
    gathered.manifest.is_incomplete |= problems.len() > before;
    for path in &included.manifests {
        match file::read_source(folder, path, "toml") {
            Ok(source) => add_manifest(
                &mut gathered.manifest,
                layer::read_manifest(&source, ManifestRole::Included, problems),
                problems,
            ),
            Err(problem) => {
                problems.push(problem);
                gathered.manifest.is_incomplete = true;
            }
        }
    }
    let claimed = claimed_sql_files(&gathered.manifest, environments, &mut substitutions);
    let unclaimed = included.statements.iter().filter(|path| !claimed.contains(*path));
    let mut bare_problems = Vec::new();
    add_bare_statements(folder, unclaimed, &mut gathered, sources, &mut bare_problems);
    if gathered.manifest.unparsable.is_empty() {
        problems.append(&mut bare_problems);
    } else {
        // A manifest with syntax errors may name these files in a `sql_file`.
        gathered.bare_keys.clear();
    }
    gathered
}

/// Returns the path that a `sql_file` refers to. It is relative to the manifest that contains the `sql_file`.
pub(super) fn sql_path(sql_file: &At<String>) -> PathBuf {
    let folder = sql_file.place.source.path.parent().unwrap_or(Path::new(""));
    normalize_path(&folder.join(&sql_file.value))
}

/// Adds the declarations of an included manifest to `manifest`, and reports those that are already in it.
fn add_manifest(manifest: &mut Manifest, included: Manifest, problems: &mut Vec<Problem>) {
    for (key, pool) in included.pools {
        if let Some(first) = manifest.pools.get(&key) {
            problems.push(duplicate_declaration("pools", &key, &first.place, &pool.place));
        } else {
            manifest.pools.insert(key, pool);
        }
    }
    for (key, statement) in included.statements {
        if let Some(first) = manifest.statements.get(&key) {
            problems.push(duplicate_declaration("statements", &key, &first.place, &statement.place));
        } else {
            manifest.statements.insert(key, statement);
        }
    }
    manifest.moved.extend(included.moved);
    manifest.removed.extend(included.removed);
    manifest.is_incomplete |= included.is_incomplete;
    manifest.unparsable.extend(included.unparsable);
}

/// Returns the problem of a key that is declared in two places.
fn duplicate_declaration(table: &str, key: &str, first: &SourceLocation, second: &SourceLocation) -> Problem {
    Problem::new(format!("`{table}.{key}` is declared twice"))
        .at(second.clone(), "declared again here")
        .at(first.clone(), "first declared here")
        .help("Give one of them another key, or remove it.")
}

/// Returns the `.sql` files that a `sql_file` names, in a declaration or in an overlay of any environment.
fn claimed_sql_files(
    manifest: &Manifest,
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    substitutions: &mut [&mut Substitution<'_>],
) -> BTreeSet<PathBuf> {
    let overlays = environments.values().flat_map(|environment| environment.value.statements.values());
    let mut claimed = BTreeSet::new();
    for sql_file in
        manifest.statements.values().chain(overlays).filter_map(|statement| statement.value.sql_file.as_ref())
    {
        if !sql_file.value.contains("${") {
            claimed.insert(sql_path(sql_file));
            continue;
        }
        claimed.extend(
            substitutions
                .iter_mut()
                .filter_map(|substitution| substitution.interpolate(sql_file))
                .map(|sql_file| sql_path(&sql_file)),
        );
    }
    claimed
}

/// Adds a statement for each of the bare `.sql` files at `paths`.
fn add_bare_statements<'p>(
    folder: &ProjectFolder<'_>,
    paths: impl Iterator<Item = &'p PathBuf>,
    gathered: &mut GatheredManifest,
    sources: &mut SqlFileCache,
    problems: &mut Vec<Problem>,
) {
    let mut by_key: BTreeMap<String, Vec<(&PathBuf, SourceLocation)>> = BTreeMap::new();
    for path in paths {
        let Some(key) = path.file_stem().and_then(|stem| stem.to_str()).and_then(key_from_stem) else {
            problems.push(
                Problem::new(format!("the file name of `{}` cannot be used as a statement key", path.display()))
                    .help(format!("Rename the file, or name it in `floe.toml`:\n\n{}", toml_entry("a-name", path))),
            );
            continue;
        };
        match sources.read(folder, path) {
            Ok(source) => {
                let first_line = source.text.lines().next().map_or(0, str::len);
                by_key.entry(key).or_default().push((path, SourceLocation { source, span: 0..first_line }));
            }
            Err(problem) => {
                problems.push(problem);
                gathered.manifest.is_incomplete = true;
            }
        }
    }
    // A manifest entry may spell the key like the file name or like the key that derives from it.
    let keys: BTreeMap<String, String> =
        gathered.manifest.statements.keys().filter_map(|key| Some((key_from_stem(key)?, key.clone()))).collect();
    let taken_keys: BTreeSet<String> = keys.keys().chain(keys.values()).chain(by_key.keys()).cloned().collect();
    for (key, files) in by_key {
        let [(path, place)] = files.as_slice() else {
            problems.push(same_key_problem(&key, &files, &taken_keys));
            continue;
        };
        add_bare_statement(keys.get(&key).unwrap_or(&key), path, place, gathered, problems);
    }
}

/// Adds the bare file at `path` as the SQL of the statement `key`, which may already have settings.
fn add_bare_statement(
    key: &str,
    path: &Path,
    place: &SourceLocation,
    gathered: &mut GatheredManifest,
    problems: &mut Vec<Problem>,
) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let sql_file = At { value: name.replace("${", "$${"), place: place.clone() };
    match gathered.manifest.statements.get_mut(key) {
        Some(declared) if declared.value.sql.is_some() || declared.value.sql_file.is_some() => {
            problems.push(duplicate_declaration("statements", key, &declared.place, place).help(format!(
                "`{}` is a statement of its own, because no `sql_file` names it. Rename the file, or name it in a \
                 `sql_file`.",
                path.display()
            )));
        }
        Some(declared) => declared.value.sql_file = Some(Box::new(sql_file)),
        None => {
            let value = StatementLayer { sql_file: Some(Box::new(sql_file)), ..StatementLayer::default() };
            gathered.manifest.statements.insert(key.to_owned(), At { value: Box::new(value), place: place.clone() });
            gathered.bare_keys.insert(key.to_owned());
        }
    }
}

/// Returns the statement key for a file with this stem: `_` and `.` become `-`. Returns `None` if it is not a valid
/// key.
fn key_from_stem(stem: &str) -> Option<String> {
    let key = stem.replace(['_', '.'], "-");
    let is_valid = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    is_valid.then_some(key)
}

/// Returns the problem of several files that have the same statement key. Its help shows TOML that gives them
/// distinct keys.
fn same_key_problem(key: &str, files: &[(&PathBuf, SourceLocation)], taken: &BTreeSet<String>) -> Problem {
    let paths: Vec<&Path> = files.iter().map(|(path, _)| path.as_path()).collect();
    let names = distinct_keys(key, &paths, taken);
    let entries: Vec<String> = names.iter().zip(&paths).map(|(name, path)| toml_entry(name, path)).collect();
    let mut problem = Problem::new(format!("{} files declare the same statement, `statements.{key}`", files.len()))
        .help(format!("Give each file its own key in `floe.toml`:\n\n{}", entries.join("\n\n")));
    for (index, (_, place)) in files.iter().enumerate() {
        problem = problem.at(place.clone(), if index == 0 { "this file" } else { "and this file" });
    }
    problem
}

/// Returns a distinct key for each of the files: `key` prefixed with as many of the file's folders as make it differ
/// from the other keys and from `taken`. If all folders are not enough, a number is added.
fn distinct_keys(key: &str, paths: &[&Path], taken: &BTreeSet<String>) -> Vec<String> {
    let deepest = paths.iter().map(|path| path.components().count()).max().unwrap_or_default();
    for depth in 1..deepest.max(2) {
        let names: Vec<String> = paths.iter().map(|path| key_with_folders(key, path, depth)).collect();
        let distinct: BTreeSet<&String> = names.iter().collect();
        if distinct.len() == names.len() && !names.iter().any(|name| taken.contains(name)) {
            return names;
        }
    }
    let mut used = taken.clone();
    let numbered = paths.iter().filter_map(|path| {
        let name = key_with_folders(key, path, deepest);
        let numbers = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbers).find(|name| !used.contains(name))?;
        used.insert(free.clone());
        Some(free)
    });
    numbered.collect()
}

/// Returns `key` prefixed with the names of the last `depth` folders of its file.
fn key_with_folders(key: &str, path: &Path, depth: usize) -> String {
    let folders = path.parent().into_iter().flat_map(Path::ancestors).filter_map(Path::file_name).take(depth);
    let named = folders.map(|folder| folder.to_str().and_then(key_from_stem).unwrap_or_else(|| "other".to_owned()));
    let mut names: Vec<String> = named.collect();
    if names.is_empty() {
        names.push("other".to_owned());
    }
    names.reverse();
    names.push(key.to_owned());
    names.join("-")
}

/// Returns the `floe.toml` entry that declares the file at `path` as the statement `key`.
pub(super) fn toml_entry(key: &str, path: &Path) -> String {
    let path = path.display().to_string().replace("${", "$${");
    format!("[statements.{key}]\nsql_file = {}", toml::Value::String(path))
}
