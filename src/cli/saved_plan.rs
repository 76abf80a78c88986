//! Plans in files: what binds them, and that each is used once.

use std::{fs, path::Path};

use serde_json::Value;

use super::{CommandError, connect};
use crate::{
    diff::PlanOptions,
    graph::Graph,
    manifest::Project,
    plan::{FORMAT_VERSION, Plan, excluded_by, options_without_foreign_blocks, rebase_onto, stale_reasons},
    planning::PlanningOutput,
    resource::Fingerprint,
    state::{ConsumedPlans, LockHolder, RealDisk},
};

/// A plan that was read from a file.
#[derive(Debug, Clone)]
pub(super) struct SavedPlan {
    /// The plan.
    pub plan: Plan,
    /// What it is marked as used under.
    pub id: String,
}

impl SavedPlan {
    /// Reads a plan that `floe plan --out` wrote.
    pub fn read(path: &Path) -> Result<SavedPlan, CommandError> {
        let text = fs::read_to_string(path).map_err(|error| connect::file_error("read", path, &error))?;
        let not_a_plan = |why: String| {
            CommandError::new(format!("{} is no plan: {why}", path.display()))
                .with_help("`floe plan --out FILE` saves one")
        };
        let value: Value = serde_json::from_str(&text).map_err(|error| not_a_plan(error.to_string()))?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => {
                return Err(not_a_plan(format!(
                    "it has format {version}, and this floe knows format {FORMAT_VERSION}"
                )));
            }
            None => return Err(not_a_plan("it has no `format_version`".to_owned())),
        }
        // A plan that was printed rather than saved has no id of its own.
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = id.filter(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()));
        let id = id.unwrap_or_else(|| Fingerprint::of([text.as_str()]).to_string());
        let plan = serde_json::from_value(value).map_err(|error| not_a_plan(error.to_string()))?;
        Ok(SavedPlan { plan, id })
    }

    /// The plan to execute, given the one that would be made now for the same request: the saved one, with what has
    /// to be recorded first as it is found now, and what that rests on. Refuses, naming what moved.
    pub fn plan_to_execute(self, now: &PlanningOutput, graph: &Graph) -> Result<Plan, CommandError> {
        let stale = stale_reasons(&self.plan, &now.plan, &excluded_by(&self.plan, &now.plan, graph, &now.settled));
        let now = &now.plan;
        if stale.is_empty() {
            return Ok(rebase_onto(self.plan, now));
        }
        let named: Vec<String> = stale.iter().map(|moved| format!("- {moved}")).collect();
        Err(CommandError::new(format!("the saved plan does not hold any more; nothing was done\n{}", named.join("\n")))
            .with_help("plan again, look at it, and apply that"))
    }

    /// What to plan for instead, where only what is no concern of this plan is blocked now.
    pub fn request_without_foreign_blocks(&self, now: &Plan) -> Option<PlanOptions> {
        options_without_foreign_blocks(&self.plan, now)
    }

    /// Refuses a plan that was used before. `begun` is the run that left its journal open.
    pub fn check_unused(&self, project: &Project, open_run: Option<&LockHolder>) -> Result<(), CommandError> {
        let consumed = ConsumedPlans::for_state(&RealDisk, &connect::state_file(&project.root, &project.environment))?;
        if !consumed.contains(&self.id)? {
            return Ok(());
        }
        if open_run.is_some_and(|run| run.saved_plan_id.as_ref() == Some(&self.id)) {
            return Err(CommandError::new("this plan was begun and its run was interrupted, and a plan is used once")
                .with_help("`floe plan` shows what is left of it, and `floe apply` goes on from there"));
        }
        Err(CommandError::new("this plan was applied before, and a plan is used once").with_help("plan again"))
    }
}
