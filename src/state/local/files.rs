//! The files of one environment's state, and how a refusal of one of them is told.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use crate::state::{Disk, DiskFile, LedgerError};

/// How many symbolic links may stand one behind another.
const LINKS: usize = 32;

/// The files in one folder. Snapshot, lock and the ids of used plans outlive a run; only the first holds what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub folder: PathBuf,
    pub snapshot: PathBuf,
    pub journal: PathBuf,
    pub lock: PathBuf,
    /// The next snapshot until it is renamed into place.
    pub next: PathBuf,
    /// The ids of the saved plans that were used.
    pub plans: PathBuf,
}

impl Files {
    /// The files beside `path`. If that is a symbolic link, beside what it points to: a rename would replace the link,
    /// and everybody who gets here by another name has to meet the same lock.
    pub fn beside(disk: &impl Disk, path: &Path) -> Result<Files, LedgerError> {
        followed(disk, path).map(Files::named_after)
    }

    fn named_after(snapshot: PathBuf) -> Files {
        Files {
            folder: folder_of(&snapshot).to_owned(),
            journal: named(&snapshot, "journal"),
            lock: named(&snapshot, "lock"),
            next: with(&snapshot, "next"),
            plans: named(&snapshot, "plans"),
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
    followed(disk, path).map(|snapshot| named(&snapshot, ending))
}

/// Where the snapshot lies that `path` leads to.
fn followed(disk: &impl Disk, path: &Path) -> Result<PathBuf, LedgerError> {
    let mut snapshot = path.to_owned();
    for _ in 0..LINKS {
        match disk.link(&snapshot).map_err(refused("follow", &snapshot))? {
            None => return Ok(snapshot),
            // An absolute target replaces the folder, a relative one is taken from it.
            Some(target) => snapshot = folder_of(&snapshot).join(target),
        }
    }
    Err(refused("follow", path)(io::Error::other("too many symbolic links, one behind another")))
}

/// Only `.json` is taken off: `a.v1` and `a.v2` are two states.
fn named(snapshot: &Path, ending: &str) -> PathBuf {
    match snapshot.extension() {
        Some(extension) if extension == "json" => with(&snapshot.with_extension(""), ending),
        _ => with(snapshot, ending),
    }
}

pub(in crate::state) fn with(base: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(base);
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Reads a file that may be missing.
pub(in crate::state) fn read(disk: &impl Disk, path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match disk.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused("read", path)(error)),
    }
}

/// Puts `bytes` in the place of the file at `to` so that at every instant one whole file is there: written as `next`,
/// synced, renamed.
pub(in crate::state) fn replace(disk: &impl Disk, next: &Path, bytes: &[u8], to: &Path) -> Result<(), LedgerError> {
    // What a cut run left of its own.
    remove(disk, next)?;
    let mut file = disk.create(next).map_err(refused("create", next))?;
    file.append(bytes).map_err(refused("write", next))?;
    file.sync().map_err(refused("fsync", next))?;
    disk.rename(next, to).map_err(refused("replace", to))?;
    let folder = folder_of(to);
    disk.sync_folder(folder).map_err(refused("fsync", folder))
}

/// Removes a file that may be missing.
pub(super) fn remove(disk: &impl Disk, path: &Path) -> Result<(), LedgerError> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused("remove", path)(error)),
        _ => Ok(()),
    }
}

/// What becomes of the system's error while `doing` something with `path`.
pub(super) fn refused<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LedgerError + 'a {
    move |error| LedgerError::Disk { doing, file: shown(path), why: error.to_string() }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_lie_beside_each_other() {
        let files = Files::named_after(PathBuf::from("state/prod.json"));
        let all = [&files.folder, &files.snapshot, &files.journal, &files.lock, &files.next].map(|path| shown(path));
        assert_eq!(all, ["state", "state/prod.json", "state/prod.journal", "state/prod.lock", "state/prod.json.next"]);
        let odd = Files::named_after(PathBuf::from("prod.journal"));
        assert_eq!((shown(&odd.folder), shown(&odd.journal)), (String::new(), "prod.journal.journal".to_owned()));
        assert_eq!(shown(&Files::named_after(PathBuf::from("a/prod.v2")).lock), "a/prod.v2.lock");
        for (state, plans) in [("a/prod.json", "a/prod.plans"), ("a/prod.v1", "a/prod.v1.plans"), ("b", "b.plans")] {
            let found = sibling(&crate::state::RealDisk, Path::new(state), "plans");
            assert_eq!(found.ok().as_deref().map(shown).as_deref(), Some(plans));
        }
    }
}
