//! The world's log: one line and one write for each thing that happened, before it is answered.
//!
//! A line says what is, not what was asked, so reading it back needs no rules: the last word counts. What was written
//! survives the end of the process at any instant; a line that was cut short was never answered and is dropped.
//! It is not synchronized to the disk: the loss of the machine's power is not simulated.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    audit::Effect,
    catalog::Thing,
    pools::{OrgConfig, Pool},
    statements::{Born, Now},
    world::Late,
};

/// One line: the time, how many ids were given out, and what changed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) at: i64,
    pub(super) ids: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
}

/// One change of the world.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Change {
    Born(u64, Box<Born>, Box<Now>),
    Now(u64, Box<Now>),
    Gone(u64),
    Pool(Box<Pool>),
    PoolGone(String),
    Made(Thing),
    Dropped(Thing),
    Config(OrgConfig),
    Late(u64, Late),
    Arrived(u64),
    Effect(Effect),
    Peak(String, usize),
}

/// The open file.
pub(super) struct Log {
    file: File,
    /// Why nothing can be written any more, if so.
    broken: Option<String>,
}

impl Log {
    /// Begins a log anew with one record of everything, in one rename.
    pub(super) fn create(path: &Path, whole: &Record) -> io::Result<Log> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        fresh.write_all(&line(whole)?)?;
        fresh.persist(path).map_err(|error| error.error)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Log { file, broken: None })
    }

    /// Appends one record in one write. After a failure nothing is written any more: a line after a torn one would be
    /// lost with it.
    pub(super) fn append(&mut self, record: &Record) -> io::Result<()> {
        if let Some(reason) = &self.broken {
            return Err(io::Error::other(reason.clone()));
        }
        let written = line(record).and_then(|line| self.file.write_all(&line));
        if let Err(error) = &written {
            self.broken = Some(error.to_string());
        }
        written
    }
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a log. A last line without its end was never answered, and is left out; any other damage is an error.
pub(super) fn read(path: &Path) -> io::Result<Vec<Record>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes?,
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
    let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let record = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            let number = number.saturating_add(1);
            let path = path.display();
            let text = format!("{path}, line {number}: this is no log of a simulated world ({error}); remove the file");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    };
    lines.enumerate().map(record).collect()
}
