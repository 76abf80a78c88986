//! The invariants of what runs: a job never runs twice at once, not even after a rollback.

use std::collections::{BTreeMap, BTreeSet};

use super::violation::{Breach, Violation};
use crate::{
    plan::{
        Plan,
        step::{RollbackGuard, Step, StepRequest, Until},
    },
    resource::{Role, SeenStatement},
    state::Recorded,
};

/// Finds step groups that would run two generations at once.
///
/// It follows the forward steps and tracks what runs. Nothing may be submitted or resumed while another generation
/// may run.
pub fn no_two_generations_run_at_once(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let mut running: BTreeMap<String, bool> = BTreeMap::new();
        if let Some(record) = recorded.statements.get(&group.address.key) {
            for generation in record.generations().filter(|generation| generation.sent.role != Role::Undo) {
                let name = &generation.sent.name;
                let may_run =
                    plan.basis.seen.get(name).map_or(!plan.basis.absent.contains(name), SeenStatement::may_run);
                running.insert(name.clone(), may_run);
            }
        }
        for step in &group.forward {
            if let Some(other) = other_running_generation(step, &running) {
                let name = step.request.statement_name().unwrap_or_default().to_owned();
                found.push(Breach::StartsBesideAnother { name, other: other.to_owned() }.of(&group.address));
            }
            update_running(step, &mut running);
        }
    }
    found
}

/// Returns another generation that may run while the step starts one.
fn other_running_generation<'a>(step: &Step, running: &'a BTreeMap<String, bool>) -> Option<&'a str> {
    let starts = match &step.request {
        StepRequest::Submit { submission, .. } if submission.role != Role::Undo && step.until == Until::Running => {
            &submission.name
        }
        StepRequest::Update { name, to, .. } if !to.stopped => name,
        _ => return None,
    };
    running.iter().find(|(name, runs)| **runs && *name != starts).map(|(name, _)| name.as_str())
}

/// Updates what runs after a step has succeeded.
fn update_running(step: &Step, running: &mut BTreeMap<String, bool>) {
    let Some(name) = step.request.statement_name() else { return };
    let may_run = match (&step.request, step.until) {
        (_, Until::Stopped | Until::Inactive | Until::Gone) => false,
        (StepRequest::Submit { submission, .. }, _) if submission.role != Role::Undo => true,
        (StepRequest::Update { to, .. }, _) if !to.stopped => true,
        _ => return,
    };
    running.insert(name.to_owned(), may_run);
}

/// Finds rollbacks that resume the predecessor before the successor is confirmed to be gone.
pub fn rollback_resume_is_guarded(plan: &Plan) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let successors: BTreeSet<&String> = group
            .forward
            .iter()
            .filter_map(|step| match &step.request {
                StepRequest::Submit { submission, .. } if submission.role == Role::Successor => Some(&submission.name),
                _ => None,
            })
            .collect();
        for step in &group.rollback {
            let resumes = matches!(&step.request, StepRequest::Update { name, to, .. } if !to.stopped && !successors.contains(name));
            let is_guarded = matches!(&step.guard, Some(RollbackGuard::Gone { name }) if successors.contains(name));
            if resumes && !successors.is_empty() && !is_guarded {
                found.push(Breach::UnguardedResume.of(&group.address));
            }
        }
    }
    found
}
