//! Plans in files: what binds them, and that each is used once.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Trouble, door};
use crate::{
    diff::PlanOptions,
    graph::Graph,
    manifest::Project,
    plan::{FORMAT_VERSION, Plan, excluded_by, options_without_foreign_blocks, rebase_onto, stale_reasons},
    planning::Planned,
    resource::Fingerprint,
    state::{Holder, RealDisk, Used},
};

/// A plan that was read from a file.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    /// The plan.
    pub plan: Plan,
    /// What it is marked as used under.
    pub id: String,
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
    /// to be recorded first as it is found now, and what that rests on. Refuses, naming what moved.
    pub fn still_holds(self, now: &Planned, graph: &Graph) -> Result<Plan, Trouble> {
        let moved = stale_reasons(&self.plan, &now.plan, &excluded_by(&self.plan, &now.plan, graph, &now.settled));
        let now = &now.plan;
        if moved.is_empty() {
            return Ok(rebase_onto(self.plan, now));
        }
        let named: Vec<String> = moved.iter().map(|moved| format!("- {moved}")).collect();
        Err(Trouble::new(format!("the saved plan does not hold any more; nothing was done\n{}", named.join("\n")))
            .help("plan again, look at it, and apply that"))
    }

    /// What to plan for instead, where only what is no concern of this plan is blocked now.
    pub fn without_blocks_elsewhere(&self, now: &Plan) -> Option<PlanOptions> {
        options_without_foreign_blocks(&self.plan, now)
    }

    /// Refuses a plan that was used before. `begun` is the run that left its journal open.
    pub fn is_unused(&self, project: &Project, begun: Option<&Holder>) -> Result<(), Trouble> {
        let used = Used::beside(&RealDisk, &door::state_file(&project.root, &project.environment))?;
        if !used.has(&self.id)? {
            return Ok(());
        }
        if begun.is_some_and(|run| run.plan.as_ref() == Some(&self.id)) {
            return Err(Trouble::new("this plan was begun and its run was interrupted, and a plan is used once")
                .help("`floe plan` shows what is left of it, and `floe apply` goes on from there"));
        }
        Err(Trouble::new("this plan was applied before, and a plan is used once").help("plan again"))
    }
}
