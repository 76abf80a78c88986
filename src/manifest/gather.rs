//! Everything that the files of a project say, side by side, before an environment is chosen.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    file,
    layer::{self, At, EnvironmentLayer, Manifest, Role, StatementLayer},
    substitute::Substitution,
};
use crate::resource::{Problem, SourceFile, SourceLocation};

/// What is written.
#[derive(Debug)]
pub(super) struct Written {
    /// `floe.toml` and all that it includes, as one; bare `.sql` files are statements of it with a `sql_file`.
    pub manifest: Manifest,
    /// Keys of statements that no manifest mentions.
    pub bare: BTreeSet<String>,
}

/// Files of SQL, each read once. A hash map, which is never iterated, since paths are slow to compare.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<PathBuf, Result<Arc<SourceFile>, Problem>>);

impl Sources {
    /// The file at `path`, relative to `root`.
    pub(super) fn read(&mut self, root: &Path, path: &Path) -> Result<Arc<SourceFile>, Problem> {
        if let Some(known) = self.0.get(path) {
            return known.clone();
        }
        let read = file::read(root, path);
        self.0.insert(path.to_owned(), read.clone());
        read
    }
}

/// Reads `floe.toml`; the one thing without which there is no project.
pub(super) fn main_manifest(root: &Path, problems: &mut Vec<Problem>) -> Option<Manifest> {
    let path = Path::new("floe.toml");
    if !root.join(path).exists() {
        let above = root
            .canonicalize()
            .ok()
            .and_then(|root| root.ancestors().skip(1).find(|folder| folder.join(path).is_file()).map(Path::to_owned));
        let help = match above {
            Some(folder) => format!("there is one further up: `-C {}`", folder.display()),
            None => "`floe init` makes a project here; `-C DIR` looks in another folder".to_owned(),
        };
        problems.push(Problem::new(format!("there is no `floe.toml` in `{}`", root.display())).help(help));
        return None;
    }
    match file::read(root, path) {
        Ok(source) => Some(layer::read(&source, Role::Main, problems)),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

/// Adds to `main` all that it includes. `claims` are the substitutions of all environments: a file that any of them
/// names by `sql_file` is no statement by itself.
pub(super) fn gather(
    root: &Path,
    main: Manifest,
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    include: Option<&[At<String>]>,
    mut claims: Vec<&mut Substitution<'_>>,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Written {
    let mut written = Written { manifest: main, bare: BTreeSet::new() };
    let before = problems.len();
    let included = file::included(root, include, problems);
    // A folder that could not be read may hold what others refer to.
    written.manifest.incomplete |= problems.len() > before;
    for path in &included.manifests {
        match file::read(root, path) {
            Ok(source) => add(&mut written.manifest, layer::read(&source, Role::Included, problems), problems),
            Err(problem) => {
                problems.push(problem);
                written.manifest.incomplete = true;
            }
        }
    }
    let claimed = claimed(&written.manifest, environments, &mut claims);
    let unclaimed = included.statements.iter().filter(|path| !claimed.contains(*path));
    let mut of_bare = Vec::new();
    add_bare(root, unclaimed, &mut written, sources, &mut of_bare);
    if written.manifest.broken.is_empty() {
        problems.append(&mut of_bare);
    } else {
        // A manifest that could not be read may name these files.
        written.bare.clear();
    }
    written
}

/// The file that a `sql_file` means: relative to the manifest that says so.
pub(super) fn sql_path(sql_file: &At<String>) -> PathBuf {
    let folder = sql_file.place.source.path.parent().unwrap_or(Path::new(""));
    file::tidy(&folder.join(&sql_file.value))
}

fn add(manifest: &mut Manifest, more: Manifest, problems: &mut Vec<Problem>) {
    for (key, pool) in more.pools {
        if let Some(first) = manifest.pools.get(&key) {
            problems.push(declared_twice("pools", &key, &first.place, &pool.place));
        } else {
            manifest.pools.insert(key, pool);
        }
    }
    for (key, statement) in more.statements {
        if let Some(first) = manifest.statements.get(&key) {
            problems.push(declared_twice("statements", &key, &first.place, &statement.place));
        } else {
            manifest.statements.insert(key, statement);
        }
    }
    manifest.moved.extend(more.moved);
    manifest.incomplete |= more.incomplete;
    manifest.broken.extend(more.broken);
}

fn declared_twice(table: &str, key: &str, first: &SourceLocation, again: &SourceLocation) -> Problem {
    Problem::new(format!("`{table}.{key}` is declared twice"))
        .at(again.clone(), "again here")
        .at(first.clone(), "first here")
        .help("give one of them another key, or remove it")
}

fn claimed(
    manifest: &Manifest,
    environments: &BTreeMap<String, At<EnvironmentLayer>>,
    claims: &mut [&mut Substitution<'_>],
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
        claimed.extend(claims.iter_mut().filter_map(|claim| claim.plain(sql_file)).map(|sql_file| sql_path(&sql_file)));
    }
    claimed
}

fn add_bare<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p PathBuf>,
    written: &mut Written,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) {
    let mut by_key: BTreeMap<String, Vec<(&PathBuf, SourceLocation)>> = BTreeMap::new();
    for path in paths {
        let Some(key) = path.file_stem().and_then(|stem| stem.to_str()).and_then(bare_key) else {
            problems.push(
                Problem::new(format!("the name of `{}` cannot be the name of a statement", path.display()))
                    .help(format!("rename it, or name it in a manifest:\n\n{}", entry("a-name", path))),
            );
            continue;
        };
        match sources.read(root, path) {
            Ok(source) => {
                let first_line = source.text.lines().next().map_or(0, str::len);
                by_key.entry(key).or_default().push((path, SourceLocation { source, span: 0..first_line }));
            }
            Err(problem) => {
                problems.push(problem);
                written.manifest.incomplete = true;
            }
        }
    }
    // An entry may spell the name as the file does, or as the statement will be called.
    let keys: BTreeMap<String, String> =
        written.manifest.statements.keys().filter_map(|key| Some((bare_key(key)?, key.clone()))).collect();
    let taken: BTreeSet<String> = keys.keys().chain(keys.values()).chain(by_key.keys()).cloned().collect();
    for (key, files) in by_key {
        let [(path, place)] = files.as_slice() else {
            problems.push(one_name(&key, &files, &taken));
            continue;
        };
        add_one(keys.get(&key).unwrap_or(&key), path, place, written, problems);
    }
}

fn add_one(key: &str, path: &Path, place: &SourceLocation, written: &mut Written, problems: &mut Vec<Problem>) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let sql_file = At { value: name.replace("${", "$${"), place: place.clone() };
    match written.manifest.statements.get_mut(key) {
        Some(declared) if declared.value.sql.is_some() || declared.value.sql_file.is_some() => {
            problems.push(
                declared_twice("statements", key, &declared.place, place).help(format!(
                    "`{}` is a statement by itself; rename it, or name it by `sql_file`",
                    path.display()
                )),
            );
        }
        Some(declared) => declared.value.sql_file = Some(Box::new(sql_file)),
        None => {
            let value = StatementLayer { sql_file: Some(Box::new(sql_file)), ..StatementLayer::default() };
            written.manifest.statements.insert(key.to_owned(), At { value: Box::new(value), place: place.clone() });
            written.bare.insert(key.to_owned());
        }
    }
}

/// The key of the statement that a file of this stem is.
fn bare_key(stem: &str) -> Option<String> {
    let key = stem.replace(['_', '.'], "-");
    let sound = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    sound.then_some(key)
}

/// Several files that would be one statement: shows the TOML that tells them apart.
fn one_name(key: &str, files: &[(&PathBuf, SourceLocation)], taken: &BTreeSet<String>) -> Problem {
    let paths: Vec<&Path> = files.iter().map(|(path, _)| path.as_path()).collect();
    let names = names_apart(key, &paths, taken);
    let entries: Vec<String> = names.iter().zip(&paths).map(|(name, path)| entry(name, path)).collect();
    let mut problem = Problem::new(format!("{} files would all be `statements.{key}`", files.len()))
        .help(format!("tell them apart in `floe.toml`:\n\n{}", entries.join("\n\n")));
    for (index, (_, place)) in files.iter().enumerate() {
        problem = problem.at(place.clone(), if index == 0 { "this one" } else { "and this one" });
    }
    problem
}

/// A name for each of the files: as many of its folders before the key as tell it from the others and from what is
/// `taken`, and a number where all of them do not.
fn names_apart(key: &str, paths: &[&Path], taken: &BTreeSet<String>) -> Vec<String> {
    let deepest = paths.iter().map(|path| path.components().count()).max().unwrap_or_default();
    for depth in 1..deepest.max(2) {
        let names: Vec<String> = paths.iter().map(|path| name_below(key, path, depth)).collect();
        let apart: BTreeSet<&String> = names.iter().collect();
        if apart.len() == names.len() && !names.iter().any(|name| taken.contains(name)) {
            return names;
        }
    }
    let mut used = taken.clone();
    let numbered = paths.iter().filter_map(|path| {
        let name = name_below(key, path, deepest);
        let numbers = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbers).find(|name| !used.contains(name))?;
        used.insert(free.clone());
        Some(free)
    });
    numbered.collect()
}

/// The key after the last `depth` folders of its file.
fn name_below(key: &str, path: &Path, depth: usize) -> String {
    let folders = path.parent().into_iter().flat_map(Path::ancestors).filter_map(Path::file_name).take(depth);
    let named = folders.map(|folder| folder.to_str().and_then(bare_key).unwrap_or_else(|| "other".to_owned()));
    let mut names: Vec<String> = named.collect();
    if names.is_empty() {
        names.push("other".to_owned());
    }
    names.reverse();
    names.push(key.to_owned());
    names.join("-")
}

/// The entry of `floe.toml` that makes the file at `path` the statement `key`.
pub(super) fn entry(key: &str, path: &Path) -> String {
    let path = path.display().to_string().replace("${", "$${");
    format!("[statements.{key}]\nsql_file = {}", toml::Value::String(path))
}
