//! The folder of a project, and which files a manifest may name: those in the project and those that the environment of
//! the process allows.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::Permissions;
use crate::resource::Problem;

/// The folder of a project, with the folders whose files a manifest may name.
#[derive(Debug)]
pub(super) struct ProjectFolder<'a> {
    /// The folder that holds `floe.toml`, as it was given.
    path: &'a Path,
    /// The real path of the root of the git work tree that holds `floe.toml`, or else of the folder itself.
    root: PathBuf,
    /// The real paths of the other folders that are allowed.
    allowed: Vec<PathBuf>,
    /// What the environment of the process allows.
    pub permissions: &'a Permissions,
}

impl<'a> ProjectFolder<'a> {
    /// Returns the project folder at `path`.
    pub fn new(path: &'a Path, permissions: &'a Permissions) -> Self {
        let real = path.canonicalize().unwrap_or_else(|_| absolute(path));
        let work_tree = real.ancestors().find(|folder| fs::symlink_metadata(folder.join(".git")).is_ok());
        let root = work_tree.unwrap_or(&real).to_owned();
        let allowed = permissions.paths.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
        ProjectFolder { path, root, allowed, permissions }
    }

    /// Returns the folder that holds `floe.toml`, as it was given.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// Returns `path`, which is relative to the folder, as a path that can be opened.
    pub fn join(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// Returns the real path of `path`, which need not exist.
    ///
    /// # Errors
    /// When the real path is neither in the project nor in a folder that is allowed.
    pub fn check_inside(&self, path: &Path) -> Result<PathBuf, Problem> {
        let real = self.real_path(path);
        if self.contains(&real) { Ok(real) } else { Err(self.outside_problem(path, &real)) }
    }

    /// Returns the real path of `path` if it is a regular file that a manifest may name, whose name ends in
    /// `extension` before and after links.
    pub fn check_file(&self, path: &Path, extension: &str) -> Result<PathBuf, Problem> {
        let shown = path.display();
        if !has_extension(path, extension) {
            return Err(Problem::new(format!("the name of `{shown}` does not end in `.{extension}`"))
                .help(format!("Rename the file. floe reads only files whose names end in `.{extension}` here.")));
        }
        let real = self.check_inside(path)?;
        if !has_extension(&real, extension) {
            let message = format!("`{shown}` links to `{}`, whose name does not end in `.{extension}`", real.display());
            return Err(Problem::new(message).help(format!(
                "Replace the link with the file itself, or rename its target. floe follows links only to files whose \
                 names end in `.{extension}`."
            )));
        }
        check_regular(path, &real).map(|()| real)
    }

    /// Returns the real path of `path` if it is a regular file with any name that a manifest may name.
    pub fn check_any_file(&self, path: &Path) -> Result<PathBuf, Problem> {
        let real = self.check_inside(path)?;
        check_regular(path, &real).map(|()| real)
    }

    /// Returns whether a real path is in the project or in a folder that is allowed.
    fn contains(&self, real: &Path) -> bool {
        real.starts_with(&self.root) || self.allowed.iter().any(|folder| real.starts_with(folder))
    }

    /// Returns the path without links, as far as it exists.
    fn real_path(&self, path: &Path) -> PathBuf {
        resolve(&absolute(&self.join(path)), MAX_LINKS)
    }

    /// Returns the problem of a path that leads outside, which names the path, its target and the variable.
    fn outside_problem(&self, path: &Path, real: &Path) -> Problem {
        let folder = if real.is_dir() { real } else { real.parent().unwrap_or(real) };
        Problem::new(format!("`{}` leads to `{}`, outside the project", path.display(), real.display())).help(format!(
            "floe reads and writes files of a project only below `{}`. To allow another folder, set this where floe \
             runs:\n\n{}",
            self.root.display(),
            self.permissions.export_path(folder)
        ))
    }
}

/// The maximum number of links whose targets do not exist, one to the next.
const MAX_LINKS: usize = 32;

/// Returns an absolute path without links, as far as it exists. The system resolves the existing part, because `..` after
/// a link leads out of the link's target.
fn resolve(whole: &Path, links: usize) -> PathBuf {
    for existing in whole.ancestors() {
        let rest = whole.strip_prefix(existing).unwrap_or(Path::new(""));
        if let Ok(real) = existing.canonicalize() {
            return if rest.as_os_str().is_empty() { real } else { normalize_path(&real.join(rest)) };
        }
        // A link whose target does not exist leads to where the target would be.
        if let (Ok(target), Some(folder), true) = (fs::read_link(existing), existing.parent(), links > 0) {
            return resolve(&folder.join(target).join(rest), links.saturating_sub(1));
        }
    }
    normalize_path(whole)
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

/// Checks that a real path is a regular file. Opening a pipe or a device might never end.
fn check_regular(path: &Path, real: &Path) -> Result<(), Problem> {
    let shown = path.display();
    match fs::metadata(real) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(Problem::new(format!("`{shown}` is not a regular file"))),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Returns the problem of a file that the system does not let floe read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("cannot read `{}`: {error}", path.display()))
}

/// Returns whether the name of `path` ends in `extension`, in upper or lower case.
fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().and_then(|found| found.to_str()).is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Returns `path` as an absolute path, without looking at the file system.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
