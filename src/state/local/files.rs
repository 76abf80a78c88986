//! The files of one environment's state, and how a refusal of one of them is told.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use crate::state::{Disk, DiskFile, LedgerError};

/// How many symbolic links may stand one behind another.
const MAX_LINKS: usize = 32;

/// The files in one folder. Snapshot, lock and the ids of used plans outlive a run; only the first holds what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateFiles {
    pub folder: PathBuf,
    pub snapshot: PathBuf,
    pub journal: PathBuf,
    pub lock: PathBuf,
    /// The next snapshot until it is renamed into place.
    pub next_snapshot: PathBuf,
    /// The ids of the saved plans that were used.
    pub consumed_plans: PathBuf,
}

impl StateFiles {
    /// The files beside `path`. If that is a symbolic link, beside what it points to: a rename would replace the link,
    /// and everybody who gets here by another name has to meet the same lock.
    pub fn for_state(disk: &impl Disk, path: &Path) -> Result<StateFiles, LedgerError> {
        resolve_links(disk, path).map(StateFiles::for_snapshot)
    }

    fn for_snapshot(snapshot: PathBuf) -> StateFiles {
        StateFiles {
            folder: folder_of(&snapshot).to_owned(),
            journal: sibling_path(&snapshot, "journal"),
            lock: sibling_path(&snapshot, "lock"),
            next_snapshot: with_suffix(&snapshot, "next"),
            consumed_plans: sibling_path(&snapshot, "plans"),
            snapshot,
        }
    }
}

/// The file of this `ending` that lies beside the state at `path`: `prod.plans` beside `prod.json`. The one rule for all
/// files of an environment, links included, so that no two states share one.
///
/// # Errors
/// When a symbolic link at `path` cannot be followed.
pub fn sibling(disk: &impl Disk, path: &Path, ending: &str) -> Result<PathBuf, LedgerError> {
    resolve_links(disk, path).map(|snapshot| sibling_path(&snapshot, ending))
}

/// Where the snapshot lies that `path` leads to.
fn resolve_links(disk: &impl Disk, path: &Path) -> Result<PathBuf, LedgerError> {
    let mut snapshot = path.to_owned();
    for _ in 0..MAX_LINKS {
        match disk.read_link(&snapshot).map_err(disk_error("follow", &snapshot))? {
            None => return Ok(snapshot),
            // An absolute target replaces the folder, a relative one is taken from it.
            Some(target) => snapshot = folder_of(&snapshot).join(target),
        }
    }
    Err(disk_error("follow", path)(io::Error::other("too many symbolic links, one behind another")))
}

/// Only `.json` is taken off: `a.v1` and `a.v2` are two states.
fn sibling_path(snapshot: &Path, ending: &str) -> PathBuf {
    match snapshot.extension() {
        Some(extension) if extension == "json" => with_suffix(&snapshot.with_extension(""), ending),
        _ => with_suffix(snapshot, ending),
    }
}

pub(in crate::state) fn with_suffix(base: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(base);
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Reads a file that may be missing.
pub(in crate::state) fn read_if_exists(disk: &impl Disk, path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match disk.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk_error("read", path)(error)),
    }
}

/// Puts `bytes` in the place of the file at `to` so that at every instant one whole file is there: written as `next`,
/// synced, renamed.
pub(in crate::state) fn replace_atomically(
    disk: &impl Disk,
    next: &Path,
    bytes: &[u8],
    to: &Path,
) -> Result<(), LedgerError> {
    // What a cut run left of its own.
    remove_if_exists(disk, next)?;
    let mut file = disk.create_new(next).map_err(disk_error("create", next))?;
    file.append(bytes).map_err(disk_error("write", next))?;
    file.sync().map_err(disk_error("fsync", next))?;
    disk.rename(next, to).map_err(disk_error("replace", to))?;
    let folder = folder_of(to);
    disk.sync_folder(folder).map_err(disk_error("fsync", folder))
}

/// Removes a file that may be missing.
pub(super) fn remove_if_exists(disk: &impl Disk, path: &Path) -> Result<(), LedgerError> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk_error("remove", path)(error)),
        _ => Ok(()),
    }
}

/// What becomes of the system's error while `doing` something with `path`.
pub(super) fn disk_error<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LedgerError + 'a {
    move |error| LedgerError::Disk { doing, file: display_path(path), why: error.to_string() }
}

pub(super) fn display_path(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_files_share_the_folder_and_base_name_of_the_snapshot() {
        let files = StateFiles::for_snapshot(PathBuf::from("state/prod.json"));
        let all = [&files.folder, &files.snapshot, &files.journal, &files.lock, &files.next_snapshot]
            .map(|path| display_path(path));
        assert_eq!(all, ["state", "state/prod.json", "state/prod.journal", "state/prod.lock", "state/prod.json.next"]);
        let odd = StateFiles::for_snapshot(PathBuf::from("prod.journal"));
        assert_eq!(
            (display_path(&odd.folder), display_path(&odd.journal)),
            (String::new(), "prod.journal.journal".to_owned())
        );
        assert_eq!(display_path(&StateFiles::for_snapshot(PathBuf::from("a/prod.v2")).lock), "a/prod.v2.lock");
        for (state, plans) in [("a/prod.json", "a/prod.plans"), ("a/prod.v1", "a/prod.v1.plans"), ("b", "b.plans")] {
            let found = sibling(&crate::state::RealDisk, Path::new(state), "plans");
            assert_eq!(found.ok().as_deref().map(display_path).as_deref(), Some(plans));
        }
    }
}
