//! The world's log: one line and one write for each thing that happened, before it is answered.
//!
//! A line says what is, not what was asked, so reading it back needs no rules: the last word counts. What was written
//! survives the end of the process at any instant; a line that was cut short was never answered and is dropped.
//! It is not synchronized to the disk: the loss of the machine's power is not simulated.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    audit::Effect,
    catalog::CatalogObject,
    pools::{OrgComputePoolConfig, SimulatedPool},
    statements::{FixedFields, MutableFields},
    world::DelayedEffect,
};

/// How every line begins.
const RECORD_PREFIX: &[u8] = b"{\"at\":";

/// One line: the time, how many ids were given out, and what changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LogRecord {
    pub(super) at: i64,
    #[serde(rename = "ids")]
    pub(super) issued_ids: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<WorldChange>,
}

/// One change of the world.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WorldChange {
    #[serde(rename = "born")]
    StatementCreated(u64, Box<FixedFields>, Box<MutableFields>),
    #[serde(rename = "now")]
    StatementChanged(u64, Box<MutableFields>),
    #[serde(rename = "gone")]
    StatementRemoved(u64),
    #[serde(rename = "pool")]
    PoolStored(Box<SimulatedPool>),
    #[serde(rename = "pool-gone")]
    PoolRemoved(String),
    #[serde(rename = "made")]
    ObjectCreated(CatalogObject),
    #[serde(rename = "dropped")]
    ObjectDropped(CatalogObject),
    #[serde(rename = "config")]
    ConfigChanged(OrgComputePoolConfig),
    #[serde(rename = "late")]
    EffectDelayed(u64, DelayedEffect),
    #[serde(rename = "arrived")]
    DelayedEffectApplied(u64),
    Effect(Effect),
    #[serde(rename = "peak")]
    PeakRunning(String, usize),
}

/// The open file, held against other processes by a lock on a file beside it.
pub(super) struct WorldLog {
    path: PathBuf,
    file: File,
    /// Held as long as the log is; goes with the process.
    _lock: File,
    /// Why nothing can be written any more, if so.
    write_error: Option<String>,
}

impl WorldLog {
    /// Opens the log at `path`, or begins one, and gives each of its records to `take`. A last line without its end was
    /// never answered, and is cut off; any other damage is an error, and the file is left as it is.
    pub(super) fn open(path: &Path, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<WorldLog> {
        let lock = lock_file(path)?;
        let (complete, length) = read_file(path, on_record)?;
        let file = private(OpenOptions::new().create(true).append(true)).open(path)?;
        if complete < length {
            file.set_len(complete)?;
        }
        Ok(WorldLog { path: path.to_owned(), file, _lock: lock, write_error: None })
    }

    /// Appends one record in one write. After a failure nothing is written any more: a line after a torn one would be
    /// lost with it.
    pub(super) fn append(&mut self, record: &LogRecord) -> io::Result<()> {
        if let Some(error) = self.write_error() {
            return Err(error);
        }
        let written = to_line(record).and_then(|line| self.file.write_all(&line));
        if let Err(error) = &written {
            self.write_error = Some(error.to_string());
        }
        written
    }

    /// Why nothing can be written any more, if so.
    pub(super) fn write_error(&self) -> Option<io::Error> {
        self.write_error.clone().map(io::Error::other)
    }

    /// As on a disk that is full from now on.
    #[cfg(test)]
    pub(super) fn simulate_full_disk(&mut self) -> io::Result<()> {
        self.file = File::open(&self.path)?;
        Ok(())
    }

    /// Begins anew with records of everything, in one rename; after a failure it stays as it is, for the world holds what
    /// it was never told.
    pub(super) fn compact(&mut self, records: impl Iterator<Item = LogRecord>) -> io::Result<()> {
        if let Some(reason) = &self.write_error {
            return Err(io::Error::other(reason.clone()));
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut replacement = tempfile::NamedTempFile::new_in(folder)?;
        for record in records {
            replacement.write_all(&to_line(&record)?)?;
        }
        replacement.persist(&self.path).map_err(|error| error.error)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }
}

/// Gives `take` the records of the log at `path`, which is left as it is and may be written meanwhile.
pub(super) fn read_without_lock(path: &Path, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<()> {
    read_file(path, on_record).map(drop)
}

/// Reads the file at `path`: how many bytes its whole lines have, and how many there are.
fn read_file(path: &Path, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<(u64, u64)> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        file => file?,
    };
    read_records(BufReader::with_capacity(1 << 16, file), on_record).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            io::Error::new(error.kind(), format!("{}, {error}; remove the file", path.display()))
        }
        _ => error,
    })
}

/// What is created is its owner's alone: the log holds whatever was submitted.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Two processes that append to one log would each lose what the other did.
fn lock_file(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = private(OpenOptions::new().create(true).truncate(false).write(true)).open(&name)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let text = format!("the simulated world {} is in use by another run; wait until it ends", path.display());
            Err(io::Error::new(io::ErrorKind::WouldBlock, text))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn to_line(record: &LogRecord) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// Gives `take` the record of each whole line, one at a time, so that a large world is never held twice. Returns how many
/// bytes those lines have, and how many there are.
pub(super) fn read_records(mut lines: impl BufRead, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<(u64, u64)> {
    let invalid_data = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    let (mut line, mut number, mut complete) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        let length = u64::try_from(lines.read_until(b'\n', &mut line)?).unwrap_or(u64::MAX);
        let Some(text) = line.strip_suffix(b"\n") else {
            // What is cut off has to be the beginning of a record: some other file, without any end of line, is not to
            // be lost.
            let prefix = RECORD_PREFIX.get(..line.len().min(RECORD_PREFIX.len())).unwrap_or_default();
            return match line.starts_with(prefix) {
                true => Ok((complete, complete.saturating_add(length))),
                false => Err(invalid_data("this is no log of a simulated world".to_owned())),
            };
        };
        number = number.saturating_add(1);
        if !text.is_empty() {
            let not_a_log =
                |reason: String| invalid_data(format!("line {number}: this is no log of a simulated world ({reason})"));
            let text = std::str::from_utf8(text).map_err(|error| not_a_log(error.to_string()))?;
            on_record(serde_json::from_str(text).map_err(|error| not_a_log(error.to_string()))?);
        }
        complete = complete.saturating_add(length);
    }
}
