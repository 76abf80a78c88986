//! Finds and reads the files of a project.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use glob::{MatchOptions, Pattern};

use super::{layer::At, suggest};
use crate::resource::{Problem, SourceFile, SourceLocation};

/// The patterns that a project without `include` uses.
pub(super) const DEFAULT_INCLUDE: [&str; 2] = ["pools.toml", "statements/**"];

/// Reads the file at `path`, which is relative to `root`, and strips a byte order mark.
pub(super) fn read_source(root: &Path, path: &Path) -> Result<Arc<SourceFile>, Problem> {
    let shown = path.display();
    let full = root.join(path);
    // Reading a pipe or a device might never end.
    let is_file = fs::metadata(&full).map(|metadata| metadata.is_file());
    let bytes = match is_file {
        Ok(true) => fs::read(&full),
        Ok(false) => return Err(Problem::new(format!("`{shown}` is not a regular file"))),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|error| Problem::new(format!("cannot read `{shown}`: {error}")))?;
    if let Some(problem) = binary_file_problem(path, &bytes) {
        return Err(problem);
    }
    match String::from_utf8(bytes) {
        Ok(text) => {
            let text = Arc::from(text.strip_prefix('\u{feff}').unwrap_or(&text));
            Ok(Arc::new(SourceFile { path: path.to_owned(), text }))
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = Arc::from(String::from_utf8_lossy(error.as_bytes()));
            let source = Arc::new(SourceFile { path: path.to_owned(), text });
            let span = at..at.saturating_add(char::REPLACEMENT_CHARACTER.len_utf8());
            Err(Problem::new(format!("`{shown}` is not UTF-8"))
                .at(SourceLocation { source, span }, format!("byte {at} is not valid UTF-8"))
                .help("Save the file as UTF-8."))
        }
    }
}

/// Returns the problem of a file that is no text because it contains a NUL byte before anything that is not UTF-8.
fn binary_file_problem(path: &Path, bytes: &[u8]) -> Option<Problem> {
    let at = bytes.iter().position(|&byte| byte == 0)?;
    let before = bytes.get(..at).and_then(|before| std::str::from_utf8(before).ok())?;
    let text = Arc::from(String::from_utf8_lossy(bytes));
    let source = Arc::new(SourceFile { path: path.to_owned(), text });
    let span = before.len()..before.len().saturating_add(1);
    let help = if bytes.starts_with(b"\0GITCRYPT\0") {
        "The file is encrypted by git-crypt. Run `git-crypt unlock`."
    } else if bytes.chunks(2).take(8).all(|pair| matches!(pair, [0, _] | [_, 0] | [_])) {
        "The file looks like UTF-16 without a byte order mark. Save it as UTF-8."
    } else {
        "Save the file as text in UTF-8."
    };
    let message = format!("`{}` is not a text file: it contains the character NUL (U+0000)", path.display());
    Some(Problem::new(message).at(SourceLocation { source, span }, format!("byte {at} is U+0000")).help(help))
}

/// The files that a project includes, separated by kind and sorted.
#[derive(Debug, Default)]
pub(super) struct IncludedFiles {
    /// The `.toml` files, without `floe.toml`.
    pub manifests: Vec<PathBuf>,
    /// The `.sql` files that match a pattern.
    pub statements: Vec<PathBuf>,
}

/// Finds the `.toml` and `.sql` files that match `patterns`. Without `patterns` it uses the default ones, which do
/// not have to match anything.
pub(super) fn find_included_files(
    root: &Path,
    patterns: Option<&[At<String>]>,
    problems: &mut Vec<Problem>,
) -> IncludedFiles {
    let mut included = IncludedFiles::default();
    let mut directory_cache = DirectoryCache { root, files_by_folder: BTreeMap::new(), problems: Vec::new() };
    let Some(patterns) = patterns else {
        for pattern in DEFAULT_INCLUDE {
            if let Ok(pattern) = Pattern::new(pattern) {
                included.add_files(directory_cache.matching_files(&pattern));
            }
        }
        problems.append(&mut directory_cache.problems);
        return included.sorted_and_deduplicated();
    };
    for pattern in patterns {
        let place = pattern.place.clone();
        if Path::new(&pattern.value).is_absolute() {
            problems.push(
                Problem::new(format!("`{}` is an absolute path", pattern.value))
                    .at(place, "not a path in the project")
                    .help("Write the pattern relative to the folder of `floe.toml`."),
            );
            continue;
        }
        match Pattern::new(pattern.value.trim_start_matches("./")) {
            Err(error) => problems.push(
                Problem::new(format!("`{}` is not a valid pattern: {}", pattern.value, error.msg)).at(place, "here"),
            ),
            Ok(compiled) => {
                if !included.add_files(directory_cache.matching_files(&compiled)) {
                    problems.push(no_match_problem(root, pattern, place));
                }
            }
        }
    }
    problems.append(&mut directory_cache.problems);
    included.sorted_and_deduplicated()
}

impl IncludedFiles {
    /// Returns the files sorted, each once even if several patterns match it.
    fn sorted_and_deduplicated(mut self) -> Self {
        for files in [&mut self.manifests, &mut self.statements] {
            files.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
            files.dedup();
        }
        self
    }

    /// Adds the manifests and statements among `files`. Returns whether there was at least one, `floe.toml` included.
    fn add_files(&mut self, files: Vec<PathBuf>) -> bool {
        let mut any = false;
        for file in files {
            let file = normalize_path(&file);
            let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if extension.eq_ignore_ascii_case("sql") {
                self.statements.push(file);
                any = true;
            } else if extension.eq_ignore_ascii_case("toml") {
                any = true;
                if file != Path::new("floe.toml") {
                    self.manifests.push(file);
                }
            }
        }
        any
    }
}

/// Returns the problem of a pattern that matches nothing, with help that fits its likely cause.
fn no_match_problem(root: &Path, pattern: &At<String>, place: SourceLocation) -> Problem {
    let problem = Problem::new(format!("`{}` matches no `.toml` or `.sql` file", pattern.value)).at(place, "no match");
    if root.join(&pattern.value).is_dir() {
        return problem.help(format!(
            "This is a folder. To include the files in it, write `{}/**`.",
            pattern.value.trim_end_matches('/')
        ));
    }
    // The first part of the path that does not exist is the misspelled one.
    let mut folder = PathBuf::new();
    for part in pattern.value.split('/').take_while(|part| !has_wildcard(part)) {
        if !root.join(folder.join(part)).exists() {
            let names = entry_names(root, &folder);
            if let Some(name) = suggest::nearest(part, names.iter().map(String::as_str)) {
                return problem.help(format!("Did you mean `{name}`?"));
            }
            break;
        }
        folder.push(part);
    }
    problem.help("Check the pattern. It is relative to the folder of `floe.toml`.")
}

/// Returns the names of the entries in `folder`, sorted, for suggestions.
pub(super) fn entry_names(root: &Path, folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Returns `path` without `.` and without `x/..`. Looks only at the text of the path, not at the file system.
pub(super) fn normalize_path(path: &Path) -> PathBuf {
    if path.components().all(|component| matches!(component, Component::Normal(_))) {
        return path.to_owned();
    }
    let mut normalized = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normalized.components().next_back(), Some(Component::Normal(_))) => {
                normalized.pop();
            }
            other => normalized.push(other),
        }
    }
    normalized
}

/// Returns the folder that contains every match of `pattern`.
fn literal_folder(pattern: &str) -> PathBuf {
    let mut parts: Vec<&str> = pattern.split('/').collect();
    parts.pop();
    parts.iter().take_while(|part| !has_wildcard(part)).collect()
}

/// Returns whether a part of a pattern has a wildcard.
fn has_wildcard(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// A cache of the files in folders, so that each folder is read only once.
struct DirectoryCache<'a> {
    /// The folder that holds `floe.toml`.
    root: &'a Path,
    /// All files under each folder that was read, relative to the root.
    files_by_folder: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// The problems with reading folders and links.
    problems: Vec<Problem>,
}

impl DirectoryCache<'_> {
    /// Returns the files that match `pattern`.
    fn matching_files(&mut self, pattern: &Pattern) -> Vec<PathBuf> {
        if !has_wildcard(pattern.as_str()) {
            let path = PathBuf::from(pattern.as_str());
            return if self.root.join(&path).is_file() { vec![path] } else { Vec::new() };
        }
        let folder = literal_folder(pattern.as_str());
        // `*` does not match across folders. Hidden files are skipped because they usually belong to an editor.
        let options =
            MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
        let files = self.files_under(&folder);
        // People expect `a/**` to match every file under `a`.
        let all_below = pattern.as_str().ends_with("**").then(|| Pattern::new(&format!("{}/*", pattern.as_str())).ok());
        let pattern = all_below.flatten().unwrap_or_else(|| pattern.clone());
        files.into_iter().filter(|file| pattern.matches_path_with(file, options)).collect()
    }

    /// Returns all files under `folder`, at any depth.
    fn files_under(&mut self, folder: &Path) -> Vec<PathBuf> {
        if let Some(files) = self.files_by_folder.get(folder) {
            return files.clone();
        }
        let mut files = Vec::new();
        let mut followed_folders = Vec::new();
        self.walk(folder, &mut followed_folders, &mut files);
        self.files_by_folder.insert(folder.to_owned(), files.clone());
        files
    }

    /// Adds all files under `folder` to `files`. `followed_folders` holds the real paths of the folders whose links
    /// were followed on the way here.
    fn walk(&mut self, folder: &Path, followed_folders: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) {
        let full = self.root.join(folder);
        let entries = match fs::read_dir(&full) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                self.problems.push(Problem::new(format!("`{}` cannot be read: {error}", folder.display())));
                return;
            }
        };
        for entry in entries {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            let path = folder.join(&name);
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.walk(&path, followed_folders, files);
            } else if kind.is_symlink() {
                self.follow_link(&path, followed_folders, files);
            } else {
                files.push(path);
            }
        }
    }

    /// Adds the file that a symbolic link at `path` points to, or the files in the folder that it points to.
    fn follow_link(&mut self, path: &Path, followed_folders: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) {
        let full = self.root.join(path);
        match fs::metadata(&full) {
            Ok(metadata) if metadata.is_dir() => {
                let real = fs::canonicalize(&full).unwrap_or(full);
                let parent = path.parent().map(|parent| self.root.join(parent)).unwrap_or_default();
                followed_folders.push(fs::canonicalize(&parent).unwrap_or(parent));
                // A link to a folder that is already being walked would never end.
                if !followed_folders.iter().any(|folder| folder.starts_with(&real)) {
                    self.walk(path, followed_folders, files);
                }
                followed_folders.pop();
            }
            Ok(_) => files.push(path.to_owned()),
            Err(error) => self.problems.push(
                Problem::new(format!("cannot follow the symbolic link `{}`: {error}", path.display()))
                    .help("Fix or remove the link."),
            ),
        }
    }
}
