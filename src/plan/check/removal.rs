//! The invariants of what is removed: generations, data and pools.

use std::collections::BTreeSet;

use super::violation::{Breach, Violation};
use crate::{
    plan::{
        Plan, order,
        step::{PoolRef, Step, StepGroup, StepRequest, Until},
    },
    resource::{Address, ResourceKind, Role},
    state::{Entry, Fact, FurthestPhase, Recorded},
};

/// Finds generations that leave the record without evidence.
///
/// The evidence is a read of the plan that shows no such statement, or another one under its name, or an earlier step
/// of the step group that has deleted it.
pub fn gone_generations_are_confirmed(plan: &Plan, recorded: &Recorded, settled: &Recorded) -> Vec<Violation> {
    let uid = |name: &str| {
        let records = recorded.statements.values().chain(settled.statements.values());
        records.filter_map(|record| record.generation_named(name)).map(|generation| generation.uid.as_str()).next()
    };
    let is_confirmed = |name: &str| {
        let seen = plan.basis.seen.get(name).map(|seen| seen.uid.as_str());
        let is_another_uid = seen.is_some_and(|seen| !seen.is_empty() && Some(seen) != uid(name));
        plan.basis.absent.contains(name) || is_another_uid
    };
    let mut found = Vec::new();
    let mut check_facts = |address: &Address, facts: &[Fact], removed: &BTreeSet<&str>| {
        for fact in facts {
            if let Fact::GenerationGone { name, .. } = fact
                && !is_confirmed(name)
                && !removed.contains(name.as_str())
            {
                found.push(Breach::MayStillExist { name: name.clone() }.of(address));
            }
        }
    };
    for entry in &plan.entries {
        if let Entry::FactRecorded { fact: fact @ Fact::GenerationGone { key, .. } } = entry {
            check_facts(&Address::statement(key), std::slice::from_ref(fact), &BTreeSet::new());
        }
    }
    for group in &plan.groups {
        let mut removed = BTreeSet::new();
        for step in group.forward.iter().chain(&group.rollback) {
            if let (StepRequest::Delete { name, .. }, Until::Gone) = (&step.request, step.until) {
                removed.insert(name.as_str());
            }
            check_facts(&group.address, &step.facts_on_success, &removed);
        }
    }
    found
}

/// Finds unconditional deletions of generations that have never been in force as far as the record knows. Such a
/// generation may be in force by the time it is deleted, and then it has to stay.
pub fn unused_generations_are_deleted_conditionally(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let Some(record) = recorded.statements.get(&group.address.key) else { continue };
        for step in group.forward.iter().chain(&group.rollback) {
            let StepRequest::Delete { name, unless_in_force: false, .. } = &step.request else { continue };
            let generation = record.generation_named(name).filter(|generation| generation.sent.role != Role::Undo);
            if generation.is_some_and(|generation| generation.reached == FurthestPhase::Submitted) {
                found.push(Breach::MayHaveTakenEffect { name: name.clone() }.of(&group.address));
            }
        }
    }
    found
}

/// Finds step groups that may drop data without `--allow-data-loss`.
pub fn data_loss_has_consent(plan: &Plan) -> Vec<Violation> {
    let is_harmless = |group: &StepGroup| {
        group.forward.iter().all(|step| match &step.request {
            StepRequest::Submit { submission, .. } if submission.role == Role::Undo => {
                crate::sql::analyze(&submission.sql.masked()).kind.keeps_data()
            }
            _ => true,
        })
    };
    let found = plan.groups.iter().filter(|group| order::runs_undo(group) && !plan.options.allow_data_loss);
    found.filter(|group| !is_harmless(group)).map(|group| Breach::DropsData.of(&group.address)).collect()
}

/// Finds deletions of pools that do not wait for every statement of this plan that the record has on the pool, and
/// statements that would be started there.
pub fn pools_are_deleted_empty(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let removed = group.forward.iter().find_map(|step| match &step.request {
            StepRequest::DeletePool { id } => Some(id),
            _ => None,
        });
        let Some(id) = removed else { continue };
        for other in plan.groups.iter().filter(|other| other.address.kind == ResourceKind::Statement) {
            let record = recorded.statements.get(&other.address.key);
            let on_it = |name: Option<&str>| {
                let mut generations = record.into_iter().flat_map(|record| record.generations());
                generations.any(|generation| {
                    name.is_none_or(|name| generation.sent.name == name) && generation.sent.pool.as_ref() == Some(id)
                })
            };
            let starts = |step: &Step| match &step.request {
                StepRequest::Submit { submission, pool: Some(PoolRef::Id(pool)) } => {
                    submission.role != Role::Undo && pool == id
                }
                StepRequest::Update { to, pool: Some(PoolRef::Id(pool)), .. } => !to.stopped && pool == id,
                StepRequest::Update { name, to, pool: None, .. } => !to.stopped && on_it(Some(name)),
                _ => false,
            };
            if other.forward.iter().any(starts) {
                found.push(Breach::StartsOnDeletedPool { statement: other.address.clone() }.of(&group.address));
            } else if on_it(None) && !group.after.contains(&other.address) {
                found.push(Breach::DoesNotWaitFor { statement: other.address.clone() }.of(&group.address));
            }
        }
    }
    found
}
