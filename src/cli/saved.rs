//! Plans in files: what binds them, and that each is used once.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Trouble, door};
use crate::{
    diff::Request,
    graph::Graph,
    manifest::Project,
    plan::{FORMAT_VERSION, Plan, moved_since, taken_out, without_blocks_elsewhere},
    planning::Planned,
    resource::Fingerprint,
    state::{self, Disk, RealDisk},
};

/// A plan that was read from a file.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    /// The plan.
    pub plan: Plan,
    /// What it is marked as used under.
    id: String,
}

impl Saved {
    /// Reads a plan that `floe plan --out` wrote.
    pub fn read(path: &Path) -> Result<Saved, Trouble> {
        let text = fs::read_to_string(path).map_err(|error| door::unwritable("read", path, &error))?;
        let no_plan = |why: String| {
            Trouble::new(format!("{} is no plan: {why}", path.display())).help("`floe plan --out FILE` saves one")
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| no_plan(error.to_string()))?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => {
                return Err(no_plan(format!("it has format {version}, and this floe knows format {FORMAT_VERSION}")));
            }
            None => return Err(no_plan("it has no `format_version`".to_owned())),
        }
        // A plan that was printed rather than saved has no id of its own.
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = id.filter(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()));
        let id = id.unwrap_or_else(|| Fingerprint::of([text.as_str()]).to_string());
        let plan = serde_json::from_value(value).map_err(|error| no_plan(error.to_string()))?;
        Ok(Saved { plan, id })
    }

    /// The plan to execute, given the one that would be made now for the same request: the saved one, with what has
    /// to be recorded first as it is found now. Refuses, naming what moved.
    pub fn still_holds(self, now: &Planned, graph: &Graph) -> Result<Plan, Trouble> {
        let moved = moved_since(&self.plan, &now.plan, &taken_out(&self.plan, &now.plan, graph, &now.settled));
        let now = &now.plan;
        if moved.is_empty() {
            return Ok(Plan { found: now.found.clone(), entries: now.entries.clone(), ..self.plan });
        }
        let named: Vec<String> = moved.iter().map(|moved| format!("- {moved}")).collect();
        Err(Trouble::new(format!("the saved plan does not hold any more; nothing was done\n{}", named.join("\n")))
            .help("plan again, look at it, and apply that"))
    }

    /// What to plan for instead, where only what is no concern of this plan is blocked now.
    pub fn without_blocks_elsewhere(&self, now: &Plan) -> Option<Request> {
        without_blocks_elsewhere(&self.plan, now)
    }

    /// Refuses a plan that was applied before.
    pub fn is_unused(&self, project: &Project) -> Result<(), Trouble> {
        let file = marks(project)?;
        if is_marked(&file, &self.id).map_err(|error| door::unwritable("read", &file, &error))? {
            return Err(Trouble::new("this plan was applied before, and a plan is used once").help("plan again"));
        }
        Ok(())
    }

    /// What marks it as used.
    pub fn mark(&self) -> Mark {
        Mark { id: self.id.clone() }
    }
}

/// The mark of a plan that is about to be used.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    id: String,
}

impl Mark {
    /// Leaves it beside the state, durably, before the first request: a plan whose run was cut short is used too, and
    /// copies of its file are as used as itself. The caller holds the lock of the state.
    pub fn leave(&self, project: &Project) -> Result<(), Trouble> {
        let file = marks(project)?;
        append(&file, &self.id).map_err(|error| door::unwritable("write", &file, &error))
    }
}

/// Whether a plan is marked in `file`.
fn is_marked(file: &Path, id: &str) -> io::Result<bool> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        read => Ok(read?.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == id.as_bytes())),
    }
}

/// Adds a mark, durably, the name of the file included. It begins on a line of its own: a mark before it may have been
/// cut short, and the two together would mark neither plan.
fn append(file: &Path, id: &str) -> io::Result<()> {
    let mut marks: File = OpenOptions::new().create(true).append(true).open(file)?;
    marks.write_all(format!("\n{id}\n").as_bytes())?;
    marks.sync_all()?;
    RealDisk.sync_folder(file.parent().unwrap_or(Path::new("")))
}

/// Beside the state: the ids of the plans that were used, one a line.
fn marks(project: &Project) -> Result<PathBuf, Trouble> {
    Ok(state::sibling(&RealDisk, &door::state_file(&project.root, &project.environment), "plans")?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_behind_one_that_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prod.plans");
        assert!(!is_marked(&file, "aaaa").unwrap());
        // What a cut may leave: half a mark, or bytes that never reached the disk.
        for torn in [&b"bbb"[..], b"\0\0\0", b"\xff"] {
            fs::write(&file, torn).unwrap();
            append(&file, "aaaa").unwrap();
            append(&file, "cccc").unwrap();
            assert!(is_marked(&file, "aaaa").unwrap() && is_marked(&file, "cccc").unwrap());
            assert!(!is_marked(&file, "bbbb").unwrap() && !is_marked(&file, "aaa").unwrap());
        }
    }
}
