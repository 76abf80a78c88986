//! The invariants of step groups: their order, and the changes that require them.

use std::collections::BTreeSet;

use super::violation::{Breach, Violation};
use crate::{
    diff::Action,
    plan::{Plan, step::StepGroup},
};

/// Finds step groups that wait for one that is not earlier, and addresses with two step groups.
pub fn groups_wait_for_earlier_groups(plan: &Plan) -> Vec<Violation> {
    let mut earlier = BTreeSet::new();
    let mut found = Vec::new();
    for group in &plan.groups {
        for before in group.after.iter().filter(|before| !earlier.contains(*before)) {
            found.push(Breach::WaitsForLaterGroup { group: before.clone() }.of(&group.address));
        }
        if !earlier.insert(&group.address) {
            found.push(Breach::TwoGroups.of(&group.address));
        }
    }
    found
}

/// Finds a blocked address in a plan that has step groups.
pub fn blocked_plan_runs_nothing(plan: &Plan) -> Vec<Violation> {
    let blocked = plan.blocked_addresses().next();
    blocked.filter(|_| !plan.groups.is_empty()).map(|address| Breach::Blocked.of(address)).into_iter().collect()
}

/// Finds step groups that no change requires.
pub fn groups_have_changes(plan: &Plan) -> Vec<Violation> {
    let has_no_change = |group: &&StepGroup| {
        plan.changes
            .get(&group.address)
            .is_none_or(|change| matches!(change.action, Action::Inform | Action::Blocked { .. }))
    };
    plan.groups.iter().filter(has_no_change).map(|group| Breach::NoChange.of(&group.address)).collect()
}
