//! The world's log: every change is written as one line, in one write, before its response is sent.
//!
//! A line holds the result and not the request, so replay needs no rules and the last value counts. Written lines
//! survive the end of the process at any moment. A truncated last line was never answered and is dropped. The log is
//! not synced to disk, because power loss is not simulated.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    super::audit::Effect,
    catalog::CatalogObject,
    delayed_effect::DelayedEffect,
    org_config::OrgComputePoolConfig,
    pool::SimulatedPool,
    statement::{FixedFields, MutableFields},
};

/// The bytes with which every line begins.
const RECORD_PREFIX: &[u8] = b"{\"at\":";

/// One line of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::simulator) struct LogRecord {
    /// The world's time, in microseconds since 1970.
    pub(in crate::simulator) at: i64,
    /// The number of random sources that were given out for ids.
    #[serde(rename = "ids")]
    pub(in crate::simulator) issued_ids: u64,
    /// The changes since the previous line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::simulator) changes: Vec<WorldChange>,
}

/// One change of the world, as its result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::simulator) enum WorldChange {
    /// A statement was created: serial number and fields.
    #[serde(rename = "born")]
    StatementCreated(u64, Box<FixedFields>, Box<MutableFields>),
    /// The mutable fields of a statement changed.
    #[serde(rename = "now")]
    StatementChanged(u64, Box<MutableFields>),
    /// A statement was removed.
    #[serde(rename = "gone")]
    StatementRemoved(u64),
    /// A pool was added or replaced.
    #[serde(rename = "pool")]
    PoolStored(Box<SimulatedPool>),
    /// The pool with this id was removed.
    #[serde(rename = "pool-gone")]
    PoolRemoved(String),
    /// A statement created this object.
    #[serde(rename = "made")]
    ObjectCreated(CatalogObject),
    /// A statement dropped this object.
    #[serde(rename = "dropped")]
    ObjectDropped(CatalogObject),
    /// The organization's configuration of default pools changed.
    #[serde(rename = "config")]
    ConfigChanged(OrgComputePoolConfig),
    /// A request was lost, and its effect scheduled under this number.
    #[serde(rename = "late")]
    EffectDelayed(u64, DelayedEffect),
    /// The delayed effect with this number took place.
    #[serde(rename = "arrived")]
    DelayedEffectApplied(u64),
    /// An effect was recorded in the audit trail.
    Effect(Effect),
    /// The peak of running copies of a logical statement; written when the log is compacted.
    #[serde(rename = "peak")]
    PeakRunning(String, usize),
}

/// The open log file, protected from other processes by a lock file next to it.
pub(in crate::simulator) struct WorldLog {
    /// The path of the log file.
    path: PathBuf,
    /// The log file, open for appending.
    file: File,
    /// The lock file, locked until the log is dropped or the process ends.
    _lock: File,
    /// The message of the error after which nothing more is written.
    write_error: Option<String>,
}

impl WorldLog {
    /// Opens or creates the log at `path` and passes each of its records to `on_record`. A last line without its end
    /// was never answered and is cut off.
    ///
    /// # Errors
    ///
    /// Fails if the log is in use by another process. Fails for any other damage, and leaves the file as it is.
    pub(in crate::simulator) fn open(path: &Path, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<WorldLog> {
        let lock = lock_file(path)?;
        let (complete, length) = read_file(path, on_record)?;
        let file = private(OpenOptions::new().create(true).append(true)).open(path)?;
        if complete < length {
            file.set_len(complete)?;
        }
        Ok(WorldLog { path: path.to_owned(), file, _lock: lock, write_error: None })
    }

    /// Appends one record in one write.
    ///
    /// # Errors
    ///
    /// Fails if this write or an earlier one failed. After a failure nothing more is written, because a line after a
    /// torn one would be lost with it.
    pub(in crate::simulator) fn append(&mut self, record: &LogRecord) -> io::Result<()> {
        if let Some(error) = self.write_error() {
            return Err(error);
        }
        let written = to_line(record).and_then(|line| self.file.write_all(&line));
        if let Err(error) = &written {
            self.write_error = Some(error.to_string());
        }
        written
    }

    /// Returns the error after which nothing more is written, if any.
    pub(in crate::simulator) fn write_error(&self) -> Option<io::Error> {
        self.write_error.clone().map(io::Error::other)
    }

    /// Makes every further write fail, as on a full disk.
    #[cfg(test)]
    pub(in crate::simulator) fn simulate_full_disk(&mut self) -> io::Result<()> {
        self.file = File::open(&self.path)?;
        Ok(())
    }

    /// Replaces the log with `records`, in one rename.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be replaced. After a failed append the log stays as it is, because the world in memory
    /// has changes that were never logged.
    pub(in crate::simulator) fn compact(&mut self, records: impl Iterator<Item = LogRecord>) -> io::Result<()> {
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

/// Passes the records of the log at `path` to `on_record`. The file is not changed and may be written meanwhile.
pub(in crate::simulator) fn read_without_lock(path: &Path, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<()> {
    read_file(path, on_record).map(drop)
}

/// Reads the file at `path`. Returns the number of bytes in complete lines, and in the whole file.
fn read_file(path: &Path, on_record: &mut dyn FnMut(LogRecord)) -> io::Result<(u64, u64)> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        file => file?,
    };
    read_records(BufReader::with_capacity(1 << 16, file), on_record).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => {
            io::Error::new(error.kind(), format!("{}: {error} (remove the file to start over)", path.display()))
        }
        _ => error,
    })
}

/// Restricts created files to their owner, because the log holds everything that was submitted.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

/// Returns `options` unchanged where file modes do not exist.
#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Locks the file next to the log. Two processes that append to one log would each lose the other's changes.
fn lock_file(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = private(OpenOptions::new().create(true).truncate(false).write(true)).open(&name)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let text = format!("the simulated world {} is in use by another run (wait until it ends)", path.display());
            Err(io::Error::new(io::ErrorKind::WouldBlock, text))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Encodes a record as one line of the log.
fn to_line(record: &LogRecord) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

/// Passes the record of each complete line to `on_record`, one at a time, so that a large world is never held twice.
/// Returns the number of bytes in complete lines, and in the whole input.
pub(in crate::simulator) fn read_records(
    mut lines: impl BufRead,
    on_record: &mut dyn FnMut(LogRecord),
) -> io::Result<(u64, u64)> {
    let invalid_data = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    let (mut line, mut number, mut complete) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        let length = u64::try_from(lines.read_until(b'\n', &mut line)?).unwrap_or(u64::MAX);
        let Some(text) = line.strip_suffix(b"\n") else {
            // Only the beginning of a record may be cut off. Another kind of file without a line end must not be
            // lost.
            let prefix = RECORD_PREFIX.get(..line.len().min(RECORD_PREFIX.len())).unwrap_or_default();
            return match line.starts_with(prefix) {
                true => Ok((complete, complete.saturating_add(length))),
                false => Err(invalid_data("the file is not a log of a simulated world".to_owned())),
            };
        };
        number = number.saturating_add(1);
        if !text.is_empty() {
            let not_a_log =
                |reason: String| invalid_data(format!("line {number} is not a record of a simulated world: {reason}"));
            let text = std::str::from_utf8(text).map_err(|error| not_a_log(error.to_string()))?;
            on_record(serde_json::from_str(text).map_err(|error| not_a_log(error.to_string()))?);
        }
        complete = complete.saturating_add(length);
    }
}
