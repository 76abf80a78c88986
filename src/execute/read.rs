//! Reads one resource, and judges an open request by that read.

use std::collections::BTreeMap;

use super::{context::RunContext, event::StepFailure};
use crate::{
    cloud::{FetchedStatement, Listing},
    live::Live,
    resource::{Intent, LiveStatement, Operation},
    settle::{IntentVerdict, judge_intent},
};

/// Reads a statement with one GET. The message of an error is redacted.
pub(super) async fn fetch(name: &str, context: &RunContext) -> Result<Option<FetchedStatement>, StepFailure> {
    context
        .inputs
        .cloud
        .fetch_statement(name)
        .await
        .map_err(|error| StepFailure::RequestFailed(context.redact_error(error)))
}

/// Returns the verdict on an intent from a single GET, as settling does for interrupted runs.
pub(super) fn statement_verdict(
    intent: &Intent,
    name: &str,
    found: Option<LiveStatement>,
    context: &RunContext,
) -> IntentVerdict {
    let mut live = Live::default();
    live.add_statement_answer(name, Ok(found));
    judge_intent(intent, &context.journal.lock_recorded(), &live)
}

/// Reads what an open request was to change, and returns the verdict on the request.
pub(super) async fn read_verdict(intent: &Intent, context: &RunContext) -> Result<IntentVerdict, StepFailure> {
    let unread = |error| StepFailure::RequestFailed(context.redact_error(error));
    let mut live = Live::default();
    match &intent.operation {
        Operation::Submit(submission) => {
            let found = fetch(&submission.name, context).await?;
            live.add_statement_answer(&submission.name, Ok(found.map(|found| found.live)));
        }
        Operation::Update { name, .. } | Operation::Delete { name, .. } => {
            let found = fetch(name, context).await?;
            live.add_statement_answer(name, Ok(found.map(|found| found.live)));
        }
        Operation::UpdatePool { id, .. } | Operation::DeletePool { id } => {
            live.add_pool_answer(id, Ok(context.inputs.cloud.fetch_pool(id).await.map_err(unread)?));
        }
        Operation::CreatePool { .. } => {
            let pools = context.inputs.cloud.list_pools().await.map_err(unread)?;
            live = Live::from_lists(Listing { items: BTreeMap::new(), unreadable: BTreeMap::new() }, Some(pools));
        }
    }
    Ok(judge_intent(intent, &context.journal.lock_recorded(), &live))
}
