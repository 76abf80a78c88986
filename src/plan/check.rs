//! Checks a plan independently of the code that made it: one named function per invariant, in tests and before every
//! apply.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    Plan, order,
    step::{PoolRef, RollbackGuard, Step, StepGroup, StepRequest, Until},
};
use crate::{
    diff::Action,
    resource::{Address, Operation, ResourceKind, Role, SeenStatement, Submission},
    state::{Entry, Fact, FurthestPhase, InconsistentEntry, Recorded},
};

/// A plan that must not run. Either floe has a bug, or the file of the plan was edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {}: {breach}", breach.invariant())]
pub struct Violation {
    /// The address whose step group violates the invariant.
    pub address: Address,
    /// What violates the invariant.
    pub breach: Breach,
}

/// What must hold for every plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// The plan's own entries can be applied to the record.
    EntriesApply,
    /// A step group waits only for earlier ones, and each address has one at most.
    GroupsWaitForEarlier,
    /// A plan with a blocked change has no step groups.
    BlockedPlanRunsNothing,
    /// Every step group carries out a change.
    GroupsHaveChanges,
    /// A step group changes only what is recorded for its address.
    GroupsChangeOnlyTheirOwn,
    /// A cloud name belongs to one address.
    NamesBelongToOneAddress,
    /// The number of a generation is never used again.
    GenerationNumbersAreNew,
    /// A job never runs twice at once.
    OneGenerationRuns,
    /// A rollback resumes the predecessor only after a confirmed deletion of the successor.
    RollbackResumeIsGuarded,
    /// A generation leaves the record only if it is confirmed to be gone.
    GoneGenerationsAreConfirmed,
    /// A generation that was never in force is deleted only if that is still so.
    UnusedGenerationsAreDeletedConditionally,
    /// Data is dropped only with consent.
    DataLossHasConsent,
    /// A generation in force has a recorded declaration.
    GenerationsInForceAreDeclared,
    /// A pool is deleted only once it is empty.
    PoolsAreDeletedEmpty,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::EntriesApply => "plan entries apply to the record",
            Invariant::GroupsWaitForEarlier => "a step group waits only for earlier ones",
            Invariant::BlockedPlanRunsNothing => "a blocked plan runs nothing",
            Invariant::GroupsHaveChanges => "every step group carries out a change",
            Invariant::GroupsChangeOnlyTheirOwn => "a step group changes only its own resources",
            Invariant::NamesBelongToOneAddress => "a cloud name belongs to one address",
            Invariant::GenerationNumbersAreNew => "a generation number is never reused",
            Invariant::OneGenerationRuns => "a job never runs twice at once",
            Invariant::RollbackResumeIsGuarded => "a rollback resumes only after a confirmed deletion",
            Invariant::GoneGenerationsAreConfirmed => "a dropped generation is confirmed to be gone",
            Invariant::UnusedGenerationsAreDeletedConditionally => {
                "an unused generation is deleted only if still unused"
            }
            Invariant::DataLossHasConsent => "dropping data requires consent",
            Invariant::GenerationsInForceAreDeclared => "a generation in force has a recorded declaration",
            Invariant::PoolsAreDeletedEmpty => "a pool is deleted only once it is empty",
        })
    }
}

/// How a plan violates an invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// An entry of the plan contradicts the record.
    #[error(transparent)]
    EntryContradictsRecord(InconsistentEntry),
    /// The step group waits for one that is not earlier.
    #[error("it waits for {group}, which is not an earlier step group")]
    WaitsForLaterGroup {
        /// The address of the group that it waits for.
        group: Address,
    },
    /// The address has two step groups.
    #[error("it has two step groups")]
    TwoGroups,
    /// The change of the address is blocked, and the plan runs something.
    #[error("it is blocked")]
    Blocked,
    /// The step group carries out no change.
    #[error("no change requires it")]
    NoChange,
    /// A step changes a statement that is not recorded for the address.
    #[error("`{name}` is not recorded under this address")]
    StatementNotRecorded {
        /// The cloud name of the statement.
        name: String,
    },
    /// A step changes a pool that is not recorded for the address.
    #[error("pool `{id}` is not recorded under this address")]
    PoolNotRecorded {
        /// The id of the pool.
        id: String,
    },
    /// A step touches a statement of another address.
    #[error("`{name}` belongs to {owner}")]
    NameOfAnother {
        /// The cloud name of the statement.
        name: String,
        /// The address that the name belongs to.
        owner: Address,
    },
    /// A submission has a name or a number that was used before.
    #[error("`{name}` was used before")]
    NameUsedBefore {
        /// The cloud name of the submission.
        name: String,
    },
    /// A generation would start while another one may run.
    #[error("`{name}` would start while `{other}` may run")]
    StartsBesideAnother {
        /// The cloud name of the generation that would start.
        name: String,
        /// The cloud name of the generation that may run.
        other: String,
    },
    /// A rollback resumes the predecessor without confirming that the successor is gone.
    #[error("the predecessor may run together with its successor")]
    UnguardedResume,
    /// A generation leaves the record without evidence that it is gone.
    #[error("`{name}` may still exist")]
    MayStillExist {
        /// The cloud name of the generation.
        name: String,
    },
    /// A generation is deleted without a check that it never took effect.
    #[error("`{name}` may have taken effect by then")]
    MayHaveTakenEffect {
        /// The cloud name of the generation.
        name: String,
    },
    /// An undo drops data, and the options do not allow it.
    #[error("an undo would drop data without `--allow-data-loss`")]
    DropsData,
    /// A generation is submitted or adopted without its declaration.
    #[error("no step records its declaration")]
    NoDeclaration,
    /// A statement would be started on the pool that is deleted.
    #[error("{statement} would be started on the pool")]
    StartsOnDeletedPool {
        /// The address of the statement.
        statement: Address,
    },
    /// The deletion of the pool does not wait for a statement that is on it.
    #[error("it does not wait for {statement}")]
    DoesNotWaitFor {
        /// The address of the statement.
        statement: Address,
    },
}

impl Breach {
    /// Returns the invariant that does not hold.
    pub fn invariant(&self) -> Invariant {
        match self {
            Breach::EntryContradictsRecord(_) => Invariant::EntriesApply,
            Breach::WaitsForLaterGroup { .. } | Breach::TwoGroups => Invariant::GroupsWaitForEarlier,
            Breach::Blocked => Invariant::BlockedPlanRunsNothing,
            Breach::NoChange => Invariant::GroupsHaveChanges,
            Breach::StatementNotRecorded { .. } | Breach::PoolNotRecorded { .. } => Invariant::GroupsChangeOnlyTheirOwn,
            Breach::NameOfAnother { .. } => Invariant::NamesBelongToOneAddress,
            Breach::NameUsedBefore { .. } => Invariant::GenerationNumbersAreNew,
            Breach::StartsBesideAnother { .. } => Invariant::OneGenerationRuns,
            Breach::UnguardedResume => Invariant::RollbackResumeIsGuarded,
            Breach::MayStillExist { .. } => Invariant::GoneGenerationsAreConfirmed,
            Breach::MayHaveTakenEffect { .. } => Invariant::UnusedGenerationsAreDeletedConditionally,
            Breach::DropsData => Invariant::DataLossHasConsent,
            Breach::NoDeclaration => Invariant::GenerationsInForceAreDeclared,
            Breach::StartsOnDeletedPool { .. } | Breach::DoesNotWaitFor { .. } => Invariant::PoolsAreDeletedEmpty,
        }
    }

    /// Returns the violation of the step group of `address`.
    fn of(self, address: &Address) -> Violation {
        Violation { address: address.clone(), breach: self }
    }
}

/// Checks every invariant of `plan` against the record that it is to run on, as it is before the plan's own entries.
pub fn check(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut settled = recorded.clone();
    if let Some(error) = plan.entries.iter().find_map(|entry| settled.apply(entry).err()) {
        let address = plan.changes.keys().next().cloned().unwrap_or_else(|| Address::statement("-"));
        return vec![Breach::EntryContradictsRecord(error).of(&address)];
    }
    [
        groups_wait_for_earlier_groups(plan),
        blocked_plan_runs_nothing(plan),
        groups_have_changes(plan),
        groups_touch_only_their_own_objects(plan, &settled),
        names_belong_to_one_address(plan, &settled),
        generation_numbers_are_new(plan, &settled),
        no_two_generations_run_at_once(plan, &settled),
        rollback_resume_is_guarded(plan),
        gone_generations_are_confirmed(plan, recorded, &settled),
        unused_generations_are_deleted_conditionally(plan, &settled),
        data_loss_has_consent(plan),
        generations_in_force_are_declared(plan),
        pools_are_deleted_empty(plan, &settled),
    ]
    .concat()
}

/// Finds step groups that wait for one that is not earlier, and addresses with two step groups.
fn groups_wait_for_earlier_groups(plan: &Plan) -> Vec<Violation> {
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
fn blocked_plan_runs_nothing(plan: &Plan) -> Vec<Violation> {
    let blocked = plan.blocked_addresses().next();
    blocked.filter(|_| !plan.groups.is_empty()).map(|address| Breach::Blocked.of(address)).into_iter().collect()
}

/// Finds step groups that no change requires.
fn groups_have_changes(plan: &Plan) -> Vec<Violation> {
    let has_no_change = |group: &&StepGroup| {
        plan.changes
            .get(&group.address)
            .is_none_or(|change| matches!(change.action, Action::Inform | Action::Blocked { .. }))
    };
    plan.groups.iter().filter(has_no_change).map(|group| Breach::NoChange.of(&group.address)).collect()
}

/// Finds step groups that change something that is not recorded for their address.
fn groups_touch_only_their_own_objects(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
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
fn names_belong_to_one_address(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
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
fn generation_numbers_are_new(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
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

/// Finds step groups that would run two generations at once.
///
/// It follows the forward steps and tracks what runs. Nothing may be submitted or resumed while another generation
/// may run.
fn no_two_generations_run_at_once(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
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
fn rollback_resume_is_guarded(plan: &Plan) -> Vec<Violation> {
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

/// Finds generations that leave the record without evidence.
///
/// The evidence is a read of the plan that shows no such statement, or another one under its name, or an earlier step
/// of the step group that has deleted it.
fn gone_generations_are_confirmed(plan: &Plan, recorded: &Recorded, settled: &Recorded) -> Vec<Violation> {
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
fn unused_generations_are_deleted_conditionally(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
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
fn data_loss_has_consent(plan: &Plan) -> Vec<Violation> {
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

/// Finds step groups that submit or adopt a generation without recording the declaration that it was made from.
fn generations_in_force_are_declared(plan: &Plan) -> Vec<Violation> {
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

/// Finds deletions of pools that do not wait for every statement of this plan that the record has on the pool, and
/// statements that would be started there.
fn pools_are_deleted_empty(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
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
