//! The files of one environment's state, and the errors of operations on them.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use crate::state::{Disk, DiskFile, LedgerError};

/// The files of one state, all in one folder. The snapshot, the lock and the ids of used plans stay after a run. Of
/// these, only the snapshot holds what the run recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateFiles {
    /// The folder of all files.
    pub folder: PathBuf,
    /// The snapshot, which is the state file.
    pub snapshot: PathBuf,
    /// The journal of a run.
    pub journal: PathBuf,
    /// The file that a run locks.
    pub lock: PathBuf,
    /// The next snapshot, until it is renamed into place.
    pub next_snapshot: PathBuf,
    /// The file with the ids of used saved plans.
    pub consumed_plans: PathBuf,
}

impl StateFiles {
    /// Returns the files for the state at `path`.
    ///
    /// # Errors
    /// When one of them is a symbolic link. A rename would replace the link, and writing through it would change a file
    /// elsewhere.
    pub fn for_state(disk: &impl Disk, path: &Path) -> Result<StateFiles, LedgerError> {
        let files = StateFiles::for_snapshot(path.to_owned());
        for file in [&files.snapshot, &files.journal, &files.lock, &files.next_snapshot, &files.consumed_plans] {
            if let Some(target) = disk.read_link(file).map_err(disk_error("check", file))? {
                return Err(LedgerError::Link { file: display_path(file), target: display_path(&target) });
            }
        }
        Ok(files)
    }

    /// Returns the files for a snapshot.
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

/// Returns the path of the file with this `ending` for the state at `path`: `prod.plans` for `prod.json`. All files
/// of an environment are named by this rule, so no two states share a file.
pub fn sibling(path: &Path, ending: &str) -> PathBuf {
    sibling_path(path, ending)
}

/// Returns the path with another ending. Only `.json` is replaced, because `a.v1` and `a.v2` are two states.
fn sibling_path(snapshot: &Path, ending: &str) -> PathBuf {
    match snapshot.extension() {
        Some(extension) if extension == "json" => with_suffix(&snapshot.with_extension(""), ending),
        _ => with_suffix(snapshot, ending),
    }
}

/// Returns `base` with `.` and `ending` appended.
pub(in crate::state) fn with_suffix(base: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(base);
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// Returns the folder of a path, which is empty for a plain file name.
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

/// Replaces the file at `to` with `bytes` atomically, so that a complete file exists at every moment. The bytes are
/// written to `next`, synced, and renamed.
pub(in crate::state) fn replace_atomically(
    disk: &impl Disk,
    next: &Path,
    bytes: &[u8],
    to: &Path,
) -> Result<(), LedgerError> {
    // An interrupted run may have left its own file.
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

/// Returns a function that converts the system's error while `doing` something with `path`.
pub(super) fn disk_error<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LedgerError + 'a {
    move |error| LedgerError::Disk { doing, file: display_path(path), why: error.to_string() }
}

/// Returns the path as text for messages.
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
            assert_eq!(display_path(&sibling(Path::new(state), "plans")), plans);
        }
    }
}
