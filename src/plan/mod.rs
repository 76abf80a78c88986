//! Turns changes into an ordered list of step groups that leave nothing to decide. Pure: equal inputs give byte-equal
//! plans.

mod adoption;
mod check;
mod context;
mod copy_check;
mod document;
mod order;
mod removal;
mod replacement;
mod saved;
mod step;
mod step_group;

use crate::{
    diff::{Change, Diff, Inputs},
    state::Entry,
};

pub use adoption::{import_facts, secret_names_of};
pub use check::{Breach, Invariant, Violation, check};
pub use copy_check::{CopyCheck, unexpected_copy};
pub use document::{Basis, FORMAT_VERSION, Plan};
pub use saved::{StaleReason, approved_part, excluded_by, options_without_foreign_blocks, stale_reasons};
pub use step::{PoolRef, RollbackGuard, Step, StepGroup, StepRequest, Until};

/// Makes a plan from a diff of the same inputs. `entries` are those that made the record settled, with moved facts
/// applied.
pub fn plan(inputs: Inputs, entries: Vec<Entry>, diff: Diff) -> Plan {
    let Inputs { desired, recorded, settlement, live, options } = inputs;
    let context = context::GroupContext { inputs, pools: &diff.pools };
    let mut groups: Vec<StepGroup> = if diff.changes.values().any(Change::is_blocked) {
        // A person has to decide first, so nothing runs.
        Vec::new()
    } else {
        diff.changes
            .iter()
            .filter_map(|(address, change)| step_group::group_for_change(&context, address, change))
            .collect()
    };
    order::order_groups(inputs, &mut groups);
    let project = &desired.graph.project;
    let names = saved::statement_names(recorded, &diff.changes, &entries);
    Plan {
        format_version: FORMAT_VERSION,
        basis: Basis {
            project: project.name.clone(),
            environment: project.environment.name.clone(),
            identity: project.environment.identity.clone(),
            simulated: project.environment.simulator.is_some(),
            hosts: project.environment.hosts_outside_confluent(),
            secret_variables: Some(saved::secret_variables(project, &diff.changes)),
            lineage: recorded.lineage.clone(),
            declared: diff.changes.keys().map(|a| (a.clone(), saved::declared_fingerprint(desired, a))).collect(),
            recorded: diff.changes.keys().map(|a| (a.clone(), saved::recorded_fingerprint(recorded, a))).collect(),
            seen: saved::seen_statements(&names, live),
            absent: saved::absent_statements(names, live),
            seen_pools: diff.changes.keys().filter_map(|address| saved::seen_pool(recorded, live, address)).collect(),
        },
        options: options.clone(),
        interrupted_requests: settlement.interrupted_requests.clone(),
        entries,
        changes: diff.changes,
        copy_check: CopyCheck { accepted: diff.accepted_copies, aliases: project.environment.aliases.clone() },
        unchanged: diff.unchanged,
        foreign: diff.foreign,
        groups,
    }
}
