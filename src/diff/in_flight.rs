//! Blocks what a request that is still in flight could meet, until it can no longer take effect.
//!
//! A run that was interrupted does not know whether its last requests arrive. Until they cannot arrive any more, only
//! the same request is sent again.

use std::collections::BTreeMap;

use super::{
    action::{Action, Block, Change, Strategy},
    fields::{self, DesiredPool},
    inputs::Inputs,
};
use crate::{
    resource::{Address, KeyedHash, Operation, ResourceKind, Role, Submission},
    settle::RequestInFlight,
    sql,
    state::GenerationRecord,
};

/// Blocks the changes that a request in flight could meet, and those of a new job with the SQL of a submission in
/// flight.
pub(super) fn block_until_requests_land(
    inputs: Inputs,
    pools: &BTreeMap<String, DesiredPool>,
    changes: &mut BTreeMap<Address, Change>,
) {
    for request in &inputs.settlement.in_flight {
        let address = &request.intent.address;
        if is_covered(inputs, address) && !is_harmless(inputs, pools, request, changes.get(address)) {
            changes.insert(address.clone(), Change::blocked(block_of(request)));
        }
        for copy in new_jobs_with_the_same_sql(inputs, request, changes) {
            changes.insert(copy, Change::blocked(block_of(request)));
        }
    }
}

/// Returns whether this run covers the address, which may be neither declared nor recorded.
fn is_covered(inputs: Inputs, address: &Address) -> bool {
    let options = inputs.options;
    (options.targets.is_empty() || options.targets.contains(address)) && !options.excludes.contains(address)
}

/// Returns the block for a request in flight.
fn block_of(request: &RequestInFlight) -> Block {
    Block::RequestInFlight { operation: Box::new(request.intent.operation.clone()), seconds_left: request.seconds_left }
}

/// Returns whether the change of the same address may be carried out while the request is in flight.
fn is_harmless(
    inputs: Inputs,
    pools: &BTreeMap<String, DesiredPool>,
    request: &RequestInFlight,
    change: Option<&Change>,
) -> bool {
    let action = change.map(|change| &change.action);
    // A person or a phase has to be waited for anyway.
    if matches!(action, Some(Action::Blocked { .. })) {
        return true;
    }
    match &request.intent.operation {
        Operation::Submit(submission) if request.is_superseded => !removes_generation(action, submission),
        Operation::Submit(submission) => submits_again(inputs, pools, request, submission, action),
        Operation::Update { name, to, .. } if to.stopped => stops(inputs, action, &request.intent.address, name),
        Operation::Update { name, .. } => resumes(inputs, action, &request.intent.address, name),
        Operation::Delete { .. } | Operation::DeletePool { .. } => {
            matches!(
                action,
                Some(
                    Action::Delete { .. }
                        | Action::RollBackReplacement { .. }
                        | Action::Replace { strategy: Strategy::NeverRan | Strategy::Restart, .. }
                )
            )
        }
        Operation::UpdatePool { .. } => matches!(action, Some(Action::UpdatePool { .. })),
        Operation::CreatePool { .. } => false,
    }
}

/// Returns whether the action may delete what a later copy of the submission has created.
fn removes_generation(action: Option<&Action>, submission: &Submission) -> bool {
    match action {
        Some(
            Action::Delete { .. }
            | Action::Forget
            | Action::RollBackReplacement { .. }
            | Action::Replace { strategy: Strategy::NeverRan | Strategy::Redefine, .. },
        ) => true,
        Some(Action::Replace { .. }) => submission.role == Role::Successor,
        _ => false,
    }
}

/// Returns whether the action sends the same submission again, under the same name.
fn submits_again(
    inputs: Inputs,
    pools: &BTreeMap<String, DesiredPool>,
    request: &RequestInFlight,
    submission: &Submission,
    action: Option<&Action>,
) -> bool {
    let address = &request.intent.address;
    let Some(declared) = inputs.desired.graph.project.statements.get(&address.key) else { return false };
    let generation = match action {
        Some(Action::Create { generation, .. }) => *generation,
        Some(Action::Replace { to, .. }) => *to,
        _ => return false,
    };
    let sent = GenerationRecord {
        secrets: sent_secrets(inputs, request),
        ..GenerationRecord::submitted(submission.clone(), String::new())
    };
    let pool = declared.spec.pool.as_deref().and_then(|key| Some((key, pools.get(key)?)));
    let differences = fields::compare(&declared.spec, pool, inputs.desired.secrets, &sent);
    submission.role != Role::Undo
        && generation.name(&declared.spec.name) == submission.name
        && !differences.need_replacement()
        && differences.placement_change.is_empty()
}

/// Returns the hashes of the secrets that the request was sent with.
fn sent_secrets(inputs: Inputs, request: &RequestInFlight) -> BTreeMap<String, KeyedHash> {
    inputs.recorded.open_intents.get(&request.intent.id).map(|open| open.secrets.clone()).unwrap_or_default()
}

/// Returns whether `name` is the current generation of an address.
fn is_current(inputs: Inputs, address: &Address, name: &str) -> bool {
    let record = inputs.recorded.statements.get(&address.key);
    record.and_then(|record| record.current.as_ref()).is_some_and(|current| current.sent.name == name)
}

/// Returns whether the action stops the current generation, called `name`.
fn stops(inputs: Inputs, action: Option<&Action>, address: &Address, name: &str) -> bool {
    let is_stop = matches!(
        action,
        Some(
            Action::Stop
                | Action::Restart { .. }
                | Action::Delete { .. }
                | Action::FinishReplacement { .. }
                | Action::Replace { strategy: Strategy::Restart, .. }
        )
    );
    is_stop && is_current(inputs, address, name)
}

/// Returns whether the action resumes the generation called `name` and starts no other one.
fn resumes(inputs: Inputs, action: Option<&Action>, address: &Address, name: &str) -> bool {
    match action {
        Some(Action::Resume { .. } | Action::RollBackReplacement { .. }) => is_current(inputs, address, name),
        Some(Action::FinishReplacement { .. }) => !is_current(inputs, address, name),
        _ => false,
    }
}

/// Returns the addresses of other jobs that would be started with the SQL of a submission in flight.
fn new_jobs_with_the_same_sql(
    inputs: Inputs,
    request: &RequestInFlight,
    changes: &BTreeMap<Address, Change>,
) -> Vec<Address> {
    let Operation::Submit(submission) = &request.intent.operation else { return Vec::new() };
    let is_job = sql::analyze(&submission.sql.masked()).kind.class() == sql::StatementClass::Job;
    if request.is_superseded || !is_job {
        return Vec::new();
    }
    let statements = &inputs.desired.graph.project.statements;
    let starts_copy = |(address, change): &(&Address, &Change)| {
        address.kind == ResourceKind::Statement
            && **address != request.intent.address
            && matches!(change.action, Action::Create { .. } | Action::Replace { .. } | Action::Resume { .. })
            && statements
                .get(&address.key)
                .is_some_and(|declared| sql::are_equivalent(&declared.spec.sql.masked(), &submission.sql.masked()))
    };
    changes.iter().filter(starts_copy).map(|(address, _)| address.clone()).collect()
}
