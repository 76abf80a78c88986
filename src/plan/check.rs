//! Someone other than the planner checks plans: one named function an invariant, in tests and before every apply.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan, order,
    step::{Act, Passage, PoolRef, Step, Until, When},
};
use crate::{
    diff::Action,
    resource::{Address, ResourceKind, Role, SeenStatement},
    state::{Entry, Fact, FurthestPhase, Recorded},
};

/// A plan that must not run: a bug of floe's, or a file that was edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {invariant}: {why}")]
pub struct Violation {
    /// Whose passage it is.
    pub address: Address,
    /// The invariant's name.
    pub invariant: &'static str,
    /// What was found.
    pub why: String,
}

/// Checks every invariant of `plan` against the record that it is to run on (before the plan's own entries).
pub fn check(plan: &Plan, recorded: &Recorded) -> Vec<Violation> {
    let mut settled = recorded.clone();
    if let Some(error) = plan.entries.iter().find_map(|entry| settled.apply(entry).err()) {
        let address = plan.changes.keys().next().cloned().unwrap_or_else(|| Address::statement("-"));
        return vec![Violation { address, invariant: "the record takes the plan's entries", why: error.to_string() }];
    }
    let mut violations = Vec::new();
    let mut found = |invariant, checked: Vec<(Address, String)>| {
        violations.extend(checked.into_iter().map(|(address, why)| Violation { address, invariant, why }));
    };
    found("a passage waits for earlier ones only", waits_for_earlier_passages(plan));
    found("a blocked plan runs nothing", blocked_runs_nothing(plan));
    found("every passage carries out a change", passages_have_changes(plan));
    found("only what is recorded or made here is touched", touches_its_own(plan, &settled));
    found("a cloud name is one address's", names_are_of_one_address(plan, &settled));
    found("a generation's number is never used again", numbers_are_new(plan, &settled));
    found("a job never runs twice", never_two_running(plan, &settled));
    found("a resume on the way back follows a confirmed deletion", way_back_is_guarded(plan));
    found("nothing is gone that is not confirmed to be", gone_is_confirmed(plan, recorded, &settled));
    found("what took effect is not deleted as if it had not", unused_is_deleted_unused(plan, &settled));
    found("data is dropped by consent only", data_loss_has_consent(plan));
    found("what is in force is declared", in_force_is_declared(plan));
    found("a pool goes once it is left", pools_go_empty(plan, &settled));
    violations
}

type Found = Vec<(Address, String)>;

fn waits_for_earlier_passages(plan: &Plan) -> Found {
    let mut earlier = BTreeSet::new();
    let mut found = Vec::new();
    for passage in &plan.passages {
        for before in passage.after.iter().filter(|before| !earlier.contains(*before)) {
            found.push((passage.address.clone(), format!("it waits for {before}, which does not come before it")));
        }
        if !earlier.insert(&passage.address) {
            found.push((passage.address.clone(), "it has two passages".to_owned()));
        }
    }
    found
}

fn blocked_runs_nothing(plan: &Plan) -> Found {
    let blocked = plan.blocked().next();
    blocked
        .filter(|_| !plan.passages.is_empty())
        .map(|address| (address.clone(), "it is blocked".to_owned()))
        .into_iter()
        .collect()
}

fn passages_have_changes(plan: &Plan) -> Found {
    let idle = |passage: &&Passage| {
        plan.changes
            .get(&passage.address)
            .is_none_or(|change| matches!(change.action, Action::Note | Action::Blocked { .. }))
    };
    plan.passages
        .iter()
        .filter(idle)
        .map(|passage| (passage.address.clone(), "no change asks for it".to_owned()))
        .collect()
}

fn touches_its_own(plan: &Plan, recorded: &Recorded) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let record = recorded.statements.get(&passage.address.key);
        let mut known: BTreeSet<&str> =
            record.into_iter().flat_map(|record| record.generations()).map(|g| g.sent.name.as_str()).collect();
        for step in passage.forward.iter().chain(&passage.way_back) {
            match &step.act {
                Act::Submit { submission, .. } => drop(known.insert(&submission.name)),
                Act::Amend { name, .. } | Act::Remove { name, .. } if !known.contains(name.as_str()) => {
                    found.push((passage.address.clone(), format!("`{name}` is not recorded for it")));
                }
                Act::AmendPool { id, .. } | Act::RemovePool { id }
                    if recorded.pools.get(&passage.address.key).is_none_or(|record| record.id != *id) =>
                {
                    found.push((passage.address.clone(), format!("pool {id} is not recorded for it")));
                }
                _ => {}
            }
        }
    }
    found
}

/// Nothing that another address has in the record, or another passage touches, is adopted, submitted or removed.
fn names_are_of_one_address(plan: &Plan, recorded: &Recorded) -> Found {
    let mut owners: BTreeMap<&str, Address> = BTreeMap::new();
    for (key, record) in &recorded.statements {
        owners.extend(record.generations().map(|g| (g.sent.name.as_str(), Address::statement(key))));
    }
    let mut found = Vec::new();
    for passage in &plan.passages {
        for name in passage.forward.iter().chain(&passage.way_back).filter_map(|step| step.act.statement()) {
            let owner = owners.entry(name).or_insert_with(|| passage.address.clone());
            if *owner != passage.address {
                found.push((passage.address.clone(), format!("`{name}` is {owner}'s")));
            }
        }
    }
    found
}

fn numbers_are_new(plan: &Plan, recorded: &Recorded) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let key = &passage.address.key;
        let record = recorded.statements.get(key);
        let mut used: BTreeSet<String> =
            record.into_iter().flat_map(|record| record.generations()).map(|g| g.sent.name.clone()).collect();
        let last = record.map(|record| record.last_generation);
        for step in passage.forward.iter().chain(&passage.way_back) {
            let Act::Submit { submission, .. } = &step.act else { continue };
            let again = submission.role != Role::Undo && last.is_some_and(|last| submission.generation <= last);
            if again || !used.insert(submission.name.clone()) {
                found.push((passage.address.clone(), format!("`{}` was used before", submission.name)));
            }
        }
    }
    found
}

/// Walks the forward list with what runs: nothing may be submitted or resumed while another generation may run.
fn never_two_running(plan: &Plan, recorded: &Recorded) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let mut running: BTreeMap<String, bool> = BTreeMap::new();
        if let Some(record) = recorded.statements.get(&passage.address.key) {
            for generation in record.generations().filter(|generation| generation.sent.role != Role::Undo) {
                let name = &generation.sent.name;
                let may_run =
                    plan.basis.seen.get(name).map_or(!plan.basis.absent.contains(name), SeenStatement::may_run);
                running.insert(name.clone(), may_run);
            }
        }
        for step in &passage.forward {
            if let Some(other) = starts_beside(step, &running) {
                let name = step.act.statement().unwrap_or_default();
                found.push((passage.address.clone(), format!("`{name}` would start while `{other}` may run")));
            }
            follow(step, &mut running);
        }
    }
    found
}

fn starts_beside<'a>(step: &Step, running: &'a BTreeMap<String, bool>) -> Option<&'a str> {
    let starts = match &step.act {
        Act::Submit { submission, .. } if submission.role != Role::Undo && step.until == Until::Running => {
            &submission.name
        }
        Act::Amend { name, to, .. } if !to.stopped => name,
        _ => return None,
    };
    running.iter().find(|(name, runs)| **runs && *name != starts).map(|(name, _)| name.as_str())
}

/// What runs after a step has succeeded.
fn follow(step: &Step, running: &mut BTreeMap<String, bool>) {
    let Some(name) = step.act.statement() else { return };
    let runs = match (&step.act, step.until) {
        (_, Until::Stopped | Until::Still | Until::Gone) => false,
        (Act::Submit { submission, .. }, _) if submission.role != Role::Undo => true,
        (Act::Amend { to, .. }, _) if !to.stopped => true,
        _ => return,
    };
    running.insert(name.to_owned(), runs);
}

/// On the way back the predecessor is resumed only where the successor is confirmed to be gone.
fn way_back_is_guarded(plan: &Plan) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let successors: BTreeSet<&String> = passage
            .forward
            .iter()
            .filter_map(|step| match &step.act {
                Act::Submit { submission, .. } if submission.role == Role::Successor => Some(&submission.name),
                _ => None,
            })
            .collect();
        for step in &passage.way_back {
            let resumes = matches!(&step.act, Act::Amend { name, to, .. } if !to.stopped && !successors.contains(name));
            let guarded = matches!(&step.when, Some(When::Gone { name }) if successors.contains(name));
            if resumes && !successors.is_empty() && !guarded {
                found.push((
                    passage.address.clone(),
                    "the predecessor would be resumed beside its successor".to_owned(),
                ));
            }
        }
    }
    found
}

/// A generation leaves the record on evidence: the plan's readings say that it is not there or that another one bears its
/// name, or an earlier step of the passage has deleted it.
fn gone_is_confirmed(plan: &Plan, recorded: &Recorded, settled: &Recorded) -> Found {
    let uid = |name: &str| {
        let records = recorded.statements.values().chain(settled.statements.values());
        records.filter_map(|record| record.generation_named(name)).map(|generation| generation.uid.as_str()).next()
    };
    let is_confirmed = |name: &str| {
        let seen = plan.basis.seen.get(name).map(|seen| seen.uid.as_str());
        let is_another = seen.is_some_and(|seen| !seen.is_empty() && Some(seen) != uid(name));
        plan.basis.absent.contains(name) || is_another
    };
    let mut found = Vec::new();
    let mut look = |address: &Address, facts: &[Fact], removed: &BTreeSet<&str>| {
        for fact in facts {
            if let Fact::GenerationGone { name, .. } = fact
                && !is_confirmed(name)
                && !removed.contains(name.as_str())
            {
                found.push((address.clone(), format!("`{name}` may still be there")));
            }
        }
    };
    for entry in &plan.entries {
        if let Entry::FactRecorded { fact: fact @ Fact::GenerationGone { key, .. } } = entry {
            look(&Address::statement(key), std::slice::from_ref(fact), &BTreeSet::new());
        }
    }
    for passage in &plan.passages {
        let mut removed = BTreeSet::new();
        for step in passage.forward.iter().chain(&passage.way_back) {
            if let (Act::Remove { name, .. }, Until::Gone) = (&step.act, step.until) {
                removed.insert(name.as_str());
            }
            look(&passage.address, &step.then, &removed);
        }
    }
    found
}

/// What the record has as never in force may be in force by the time it is deleted: then it stays.
fn unused_is_deleted_unused(plan: &Plan, recorded: &Recorded) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let Some(record) = recorded.statements.get(&passage.address.key) else { continue };
        for step in passage.forward.iter().chain(&passage.way_back) {
            let Act::Remove { name, unless_in_force: false, .. } = &step.act else { continue };
            let generation = record.generation_named(name).filter(|generation| generation.sent.role != Role::Undo);
            if generation.is_some_and(|generation| generation.reached == FurthestPhase::Submitted) {
                found.push((passage.address.clone(), format!("`{name}` may have taken effect by then")));
            }
        }
    }
    found
}

fn data_loss_has_consent(plan: &Plan) -> Found {
    let harmless = |passage: &Passage| {
        passage.forward.iter().all(|step| match &step.act {
            Act::Submit { submission, .. } if submission.role == Role::Undo => {
                crate::sql::analyze(&submission.sql.masked()).kind.keeps_data()
            }
            _ => true,
        })
    };
    let found = plan.passages.iter().filter(|passage| order::undoes(passage) && !plan.request.allow_data_loss);
    found
        .filter(|passage| !harmless(passage))
        .map(|passage| (passage.address.clone(), "a table would be dropped without --allow-data-loss".to_owned()))
        .collect()
}

/// Whoever submits or adopts a generation that is to be in force declares what it was made from, in the same passage.
fn in_force_is_declared(plan: &Plan) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let submits = passage
            .forward
            .iter()
            .any(|step| matches!(&step.act, Act::Submit { submission, .. } if submission.role != Role::Undo));
        let facts = || passage.forward.iter().flat_map(|step| &step.then);
        let adopts = facts().any(|fact| matches!(fact, Fact::Adopted { .. }));
        if (submits || adopts) && !facts().any(|fact| matches!(fact, Fact::Declared { .. })) {
            found.push((passage.address.clone(), "nothing records what it was made from".to_owned()));
        }
    }
    found
}

/// The deletion of a pool waits for every statement of this plan that the record has on it, and none is started there.
fn pools_go_empty(plan: &Plan, recorded: &Recorded) -> Found {
    let mut found = Vec::new();
    for passage in &plan.passages {
        let removed = passage.forward.iter().find_map(|step| match &step.act {
            Act::RemovePool { id } => Some(id),
            _ => None,
        });
        let Some(id) = removed else { continue };
        for other in plan.passages.iter().filter(|other| other.address.kind == ResourceKind::Statement) {
            let record = recorded.statements.get(&other.address.key);
            let on_it = |name: Option<&str>| {
                let mut generations = record.into_iter().flat_map(|record| record.generations());
                generations.any(|generation| {
                    name.is_none_or(|name| generation.sent.name == name) && generation.sent.pool.as_ref() == Some(id)
                })
            };
            let starts = |step: &Step| match &step.act {
                Act::Submit { submission, pool: Some(PoolRef::Id(pool)) } => {
                    submission.role != Role::Undo && pool == id
                }
                Act::Amend { to, pool: Some(PoolRef::Id(pool)), .. } => !to.stopped && pool == id,
                Act::Amend { name, to, pool: None, .. } => !to.stopped && on_it(Some(name)),
                _ => false,
            };
            if other.forward.iter().any(starts) {
                found.push((passage.address.clone(), format!("{} would be started on it", other.address)));
            } else if on_it(None) && !passage.after.contains(&other.address) {
                found.push((passage.address.clone(), format!("it does not wait for {}", other.address)));
            }
        }
    }
    found
}
