//! Plans again until nothing that the plan changes is in a transitional phase.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    PlanningError,
    one_plan::{PlanRequest, PlanningOutput, make_plan},
};
use crate::{
    cloud::CloudClient,
    plan::{Plan, options_without_foreign_blocks},
    resource::Address,
};

/// The interval at which resources in a transitional phase are read again.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How long to wait for resources in a transitional phase. It is as long as a statement may take by default.
const MOTION_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// What a plan waits for before it is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// These addresses are in a transitional phase.
    InMotion(Vec<Address>),
    /// These addresses are in a transitional phase, or wait for a request that got no response.
    InFlight {
        /// The addresses that wait.
        addresses: Vec<Address>,
        /// The seconds for which the request may still take effect.
        seconds_left: u64,
    },
}

impl Waiting {
    /// Returns the addresses that wait.
    fn addresses(&self) -> &[Address] {
        match self {
            Waiting::InMotion(addresses) | Waiting::InFlight { addresses, .. } => addresses,
        }
    }
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
    let mut recorded = Arc::clone(request.recorded);
    let mut announced: Vec<Address> = Vec::new();
    loop {
        let planned = plan_without_foreign_blocks(cloud, PlanRequest { recorded: &recorded, ..request }, saved).await?;
        if let Some(now) = planned.live.read_at
            && recorded.has_undated_intents(now)
        {
            // It is not known when these requests were sent, so the time counts from now.
            Arc::make_mut(&mut recorded).date_open_intents(now);
            continue;
        }
        let waiting = waiting_for(&planned.plan);
        // The dates are only for this wait. The run continues the record that was read.
        let original = |planned| PlanningOutput { recorded: Arc::clone(request.recorded), ..planned };
        let Some(waiting) = waiting else { return Ok((original(planned), true)) };
        if began.elapsed() >= MOTION_TIMEOUT {
            return Ok((original(planned), false));
        }
        if announced != waiting.addresses() {
            announced = waiting.addresses().to_vec();
            announce(waiting);
        }
        sleep(POLL_INTERVAL).await;
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

/// Returns what a plan waits for, if anything.
fn waiting_for(plan: &Plan) -> Option<Waiting> {
    let addresses: Vec<Address> = plan.addresses_in_motion().cloned().collect();
    // There is no point in waiting for a plan that stays blocked anyway.
    let stays_blocked = plan.is_blocked() && !plan.is_blocked_only_by_motion();
    if addresses.is_empty() || stays_blocked {
        return None;
    }
    Some(match plan.seconds_in_flight() {
        Some(seconds_left) => Waiting::InFlight { addresses, seconds_left },
        None => Waiting::InMotion(addresses),
    })
}
