//! The files of one environment's state, and how a refusal of one of them is told.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use crate::state::{Disk, LedgerError};

/// How many symbolic links may stand one behind another.
const LINKS: usize = 32;

/// Four files in one folder. Only the first three outlive a run, and only the first holds what an undisturbed run left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub folder: PathBuf,
    pub snapshot: PathBuf,
    pub journal: PathBuf,
    pub lock: PathBuf,
    /// The next snapshot until it is renamed into place.
    pub next: PathBuf,
}

impl Files {
    /// The files beside `path`. If that is a symbolic link, beside what it points to: a rename would replace the link,
    /// and everybody who gets here by another name has to meet the same lock.
    pub fn beside(disk: &impl Disk, path: &Path) -> Result<Files, LedgerError> {
        let mut snapshot = path.to_owned();
        for _ in 0..LINKS {
            match disk.link(&snapshot).map_err(refused("follow", &snapshot))? {
                None => return Ok(Files::named_after(snapshot)),
                // An absolute target replaces the folder, a relative one is taken from it.
                Some(target) => snapshot = folder_of(&snapshot).join(target),
            }
        }
        Err(refused("follow", path)(io::Error::other("too many symbolic links, one behind another")))
    }

    fn named_after(snapshot: PathBuf) -> Files {
        let stem = match snapshot.extension() {
            Some(extension) if extension == "json" => snapshot.with_extension(""),
            _ => snapshot.clone(),
        };
        let with = |base: &Path, ending: &str| {
            let mut name = OsString::from(base);
            name.push(ending);
            PathBuf::from(name)
        };
        Files {
            folder: folder_of(&snapshot).to_owned(),
            journal: with(&stem, ".journal"),
            lock: with(&stem, ".lock"),
            next: with(&snapshot, ".next"),
            snapshot,
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Reads a file that may be missing.
pub(super) fn read(disk: &impl Disk, path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match disk.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused("read", path)(error)),
    }
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
    }
}
