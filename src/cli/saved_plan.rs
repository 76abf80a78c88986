//! Saved plans: reads them, checks that they are up to date, and ensures that each is applied only once.

use std::path::Path;

use serde_json::Value;

use super::{CommandError, connect};
use crate::{
    graph::Graph,
    manifest::Project,
    plan::{FORMAT_VERSION, Plan, approved_part, excluded_by, stale_reasons},
    planning::PlanningOutput,
    resource::Fingerprint,
    state::{ConsumedPlans, Disk, LockHolder, RealDisk},
};

/// A plan that was read from a file.
#[derive(Debug, Clone)]
pub(super) struct SavedPlan {
    /// The plan in the file.
    pub plan: Plan,
    /// The id under which the plan is marked as used.
    pub id: String,
}

impl SavedPlan {
    /// Reads a plan that `floe plan --out` wrote.
    pub fn read(path: &Path) -> Result<SavedPlan, CommandError> {
        let bytes = RealDisk.read(path).map_err(|error| connect::file_error("read", path, &error))?;
        let not_a_plan = |why: String| {
            CommandError::new(format!("`{}` is not a saved plan: {why}", path.display()))
                .with_help("`floe plan --out FILE` saves a plan.")
        };
        let text = String::from_utf8(bytes).map_err(|_| not_a_plan("it is not UTF-8".to_owned()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| not_a_plan(error.to_string()))?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => {
                return Err(not_a_plan(format!(
                    "it has format {version}, but this version of floe supports only format {FORMAT_VERSION}"
                )));
            }
            None => return Err(not_a_plan("it has no `format_version`".to_owned())),
        }
        // A plan from `floe plan --format json` has no id, so its text is hashed.
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        let id = id.filter(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric()));
        let id = id.unwrap_or_else(|| Fingerprint::of([text.as_str()]).to_string());
        let plan = serde_json::from_value(value).map_err(|error| not_a_plan(error.to_string()))?;
        Ok(SavedPlan { plan, id })
    }

    /// Returns whether the content of a file is that of a plan, of any version.
    pub fn is_plan(content: &[u8]) -> bool {
        let value: Option<Value> = serde_json::from_slice(content).ok();
        value.is_some_and(|value| value.get("format_version").is_some() && value.get("basis").is_some())
    }

    /// Returns the plan to execute, given the plan that would be made now for the same request: the part of the current
    /// plan that the saved plan approves. Nothing in the file decides what runs, it is only compared.
    ///
    /// # Errors
    /// Returns an error that names what has changed if the saved plan is out of date.
    pub fn plan_to_execute(self, now: &PlanningOutput, graph: &Graph) -> Result<Plan, CommandError> {
        let stale = stale_reasons(&self.plan, &now.plan, &excluded_by(&self.plan, &now.plan, graph, &now.settled));
        let now = &now.plan;
        if stale.is_empty() {
            return Ok(approved_part(&self.plan, now));
        }
        let named: Vec<String> = stale.iter().map(|moved| format!("- {moved}")).collect();
        Err(CommandError::new(format!("the saved plan is out of date\n{}", named.join("\n")))
            .with_help("No changes were made. Plan again, review the new plan, and apply it."))
    }

    /// Checks that this plan was not used before. `open_run` is the interrupted run that left its journal.
    pub fn check_unused(&self, project: &Project, open_run: Option<&LockHolder>) -> Result<(), CommandError> {
        let consumed = ConsumedPlans::for_state(&RealDisk, &connect::state_file(&project.root, &project.environment));
        if !consumed.contains(&self.id)? {
            return Ok(());
        }
        if open_run.is_some_and(|run| run.saved_plan_id.as_ref() == Some(&self.id)) {
            return Err(CommandError::new("the run of this plan was interrupted, and a plan can be applied only once")
                .with_help("`floe plan` shows what is left to do, and `floe apply` continues from there."));
        }
        Err(CommandError::new("this plan was already applied, and a plan can be applied only once")
            .with_help("Plan again."))
    }
}
