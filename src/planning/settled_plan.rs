//! Plans again until nothing that the plan changes is in a transitional phase.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    PlanningError,
    one_plan::{PlanRequest, PlanningOutput, make_plan},
};
use crate::{
    cloud::{CloudClient, LATE_SUBMISSION_TIMEOUT},
    plan::{Plan, options_without_foreign_blocks},
    resource::{Address, Operation},
};

/// The interval at which resources in a transitional phase are read again.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The interval at which a submission without a response is looked for.
const LATE_SUBMISSION_POLL_INTERVAL: Duration = Duration::from_secs(3);
/// How long to wait for resources in a transitional phase. It is as long as a statement may take by default.
const MOTION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// What a plan waits for before it is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A submission of an interrupted run got no response and may still take effect.
    LateSubmission,
    /// These addresses are in a transitional phase.
    InMotion(Vec<Address>),
}

/// Plans again until nothing that the plan changes is in a transitional phase. Returns the plan, and whether that was
/// reached before the timeout. If a `saved` plan is given, blocked addresses that it does not change are excluded each
/// time. Calls `announce` whenever the wait is for something else than before.
///
/// # Errors
/// When the cloud cannot be read, when the record contradicts itself, or when the request names an unknown address.
pub async fn plan_once_settled(
    cloud: &CloudClient,
    request: PlanRequest<'_>,
    saved: Option<&Plan>,
    announce: &mut (dyn FnMut(Waiting) + Send),
) -> Result<(PlanningOutput, bool), PlanningError> {
    let began = Instant::now();
    let mut announced = None;
    loop {
        let planned = plan_without_foreign_blocks(cloud, request, saved).await?;
        let (waiting, interval) = match waiting_for(&planned.plan, began.elapsed()) {
            None => return Ok((planned, true)),
            Some(Waiting::InMotion(_)) if began.elapsed() >= MOTION_TIMEOUT => return Ok((planned, false)),
            Some(Waiting::LateSubmission) => (Waiting::LateSubmission, LATE_SUBMISSION_POLL_INTERVAL),
            Some(in_motion) => (in_motion, POLL_INTERVAL),
        };
        if announced.as_ref() != Some(&waiting) {
            announce(waiting.clone());
            announced = Some(waiting);
        }
        sleep(interval).await;
    }
}

/// Makes a plan. If only addresses that the `saved` plan does not change are blocked, it is made without them.
async fn plan_without_foreign_blocks(
    cloud: &CloudClient,
    request: PlanRequest<'_>,
    saved: Option<&Plan>,
) -> Result<PlanningOutput, PlanningError> {
    let PlanRequest { graph, secrets, recorded, options } = request;
    let planned = make_plan(graph, secrets, recorded, cloud, options).await?;
    match saved.and_then(|saved| options_without_foreign_blocks(saved, &planned.plan)) {
        Some(options) => make_plan(graph, secrets, recorded, cloud, &options).await,
        None => Ok(planned),
    }
}

/// Returns what a plan waits for, `elapsed` after the first one was made.
fn waiting_for(plan: &Plan, elapsed: Duration) -> Option<Waiting> {
    if has_unseen_submission(plan) && elapsed < LATE_SUBMISSION_TIMEOUT {
        return Some(Waiting::LateSubmission);
    }
    let moving: Vec<Address> = plan.addresses_in_motion().cloned().collect();
    // There is no point in waiting for a plan that stays blocked anyway.
    let stays_blocked = plan.is_blocked() && !plan.is_blocked_only_by_motion();
    (!moving.is_empty() && !stays_blocked).then_some(Waiting::InMotion(moving))
}

/// Returns whether an interrupted run submitted a statement that does not exist.
fn has_unseen_submission(plan: &Plan) -> bool {
    plan.interrupted_requests
        .iter()
        .any(|found| !found.applied && matches!(found.intent.operation, Operation::Submit(_)))
}
