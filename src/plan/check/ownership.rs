//! The invariants of names: a step group touches only what belongs to its address, and no name is used again.

use std::collections::{BTreeMap, BTreeSet};

use super::violation::{Breach, Violation};
use crate::{
    plan::{Plan, step::StepRequest},
    resource::{Address, Operation, Role, Submission},
    state::{Fact, Recorded},
};

/// Finds step groups that change something that is not recorded for their address.
pub fn groups_touch_only_their_own_objects(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let record = recorded.statements.get(&group.address.key);
        let mut known: BTreeSet<&str> =
            record.into_iter().flat_map(|record| record.generations()).map(|g| g.sent.name.as_str()).collect();
        for step in group.forward.iter().chain(&group.rollback) {
            match &step.request {
                StepRequest::Submit { submission, .. } => drop(known.insert(&submission.name)),
                StepRequest::Update { name, .. } | StepRequest::Delete { name, .. }
                    if !known.contains(name.as_str()) =>
                {
                    found.push(Breach::StatementNotRecorded { name: name.clone() }.of(&group.address));
                }
                StepRequest::UpdatePool { id, .. } | StepRequest::DeletePool { id }
                    if recorded.pools.get(&group.address.key).is_none_or(|record| record.id != *id) =>
                {
                    found.push(Breach::PoolNotRecorded { id: id.clone() }.of(&group.address));
                }
                _ => {}
            }
        }
    }
    found
}

/// Finds step groups that adopt, submit or remove a name that another address has in the record, or that another step
/// group touches.
pub fn names_belong_to_one_address(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut owners: BTreeMap<&str, Address> = BTreeMap::new();
    for (key, record) in &recorded.statements {
        owners.extend(record.generations().map(|g| (g.sent.name.as_str(), Address::statement(key))));
    }
    let mut found = Vec::new();
    for group in &plan.groups {
        for name in group.forward.iter().chain(&group.rollback).filter_map(|step| step.request.statement_name()) {
            let owner = owners.entry(name).or_insert_with(|| group.address.clone());
            if *owner != group.address {
                found.push(Breach::NameOfAnother { name: name.to_owned(), owner: owner.clone() }.of(&group.address));
            }
        }
    }
    found
}

/// Finds submissions of a name or a generation number that was used before.
pub fn generation_numbers_are_new(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let key = &group.address.key;
        let record = recorded.statements.get(key);
        let mut used: BTreeSet<String> =
            record.into_iter().flat_map(|record| record.generations()).map(|g| g.sent.name.clone()).collect();
        let last = record.map(|record| record.last_generation);
        let is_in_flight = |submission: &Submission| {
            let mut open = recorded.open_intents.values().map(|open| &open.intent);
            open.any(|intent| {
                intent.address == group.address
                    && matches!(&intent.operation, Operation::Submit(sent) if sent.name == submission.name)
            })
        };
        for step in group.forward.iter().chain(&group.rollback) {
            let StepRequest::Submit { submission, .. } = &step.request else { continue };
            let is_reused = submission.role != Role::Undo
                && last.is_some_and(|last| submission.generation <= last)
                && !is_in_flight(submission);
            if is_reused || !used.insert(submission.name.clone()) {
                found.push(Breach::NameUsedBefore { name: submission.name.clone() }.of(&group.address));
            }
        }
    }
    found
}

/// Finds step groups that submit or adopt a generation without recording the declaration that it was made from.
pub fn generations_in_force_are_declared(plan: &Plan) -> Vec<Violation> {
    let mut found = Vec::new();
    for group in &plan.groups {
        let submits = group.forward.iter().any(
            |step| matches!(&step.request, StepRequest::Submit { submission, .. } if submission.role != Role::Undo),
        );
        let facts = || group.forward.iter().flat_map(|step| &step.facts_on_success);
        let adopts = facts().any(|fact| matches!(fact, Fact::Adopted { .. }));
        if (submits || adopts) && !facts().any(|fact| matches!(fact, Fact::Declared { .. })) {
            found.push(Breach::NoDeclaration.of(&group.address));
        }
    }
    found
}
