//! Checks a plan independently of the code that made it: one named function per invariant, in tests and before every
//! apply.

mod groups;
mod ownership;
mod removal;
mod running;
mod violation;

use super::Plan;
use crate::{resource::Address, state::Recorded};

pub use violation::{Breach, Invariant, Violation};

/// Checks every invariant of `plan` against the record that it is to run on, as it is before the plan's own entries.
pub fn check(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut settled = recorded.clone();
    if let Some(error) = plan.entries.iter().find_map(|entry| settled.apply(entry).err()) {
        let address = plan.changes.keys().next().cloned().unwrap_or_else(|| Address::statement("-"));
        return vec![Breach::EntryContradictsRecord(error).of(&address)];
    }
    [
        groups::groups_wait_for_earlier_groups(plan),
        groups::blocked_plan_runs_nothing(plan),
        groups::groups_have_changes(plan),
        ownership::groups_touch_only_their_own_objects(plan, &settled),
        ownership::names_belong_to_one_address(plan, &settled),
        ownership::generation_numbers_are_new(plan, &settled),
        running::no_two_generations_run_at_once(plan, &settled),
        running::rollback_resume_is_guarded(plan),
        removal::gone_generations_are_confirmed(plan, recorded, &settled),
        removal::unused_generations_are_deleted_conditionally(plan, &settled),
        removal::data_loss_has_consent(plan),
        ownership::generations_in_force_are_declared(plan),
        removal::pools_are_deleted_empty(plan, &settled),
    ]
    .concat()
}
