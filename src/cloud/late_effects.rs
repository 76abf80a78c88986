//! How long a request without a response may still take effect.
//!
//! A lost response does not show whether the request arrived. It may be in flight, or the service may be acting on it.
//! Until these times have passed, a resource that is not there yet does not prove that nothing happened. In the run
//! that sent the request they start with the lost response, after an interrupted run with the next one. An effect that
//! is later still is found by the checks before each request, and by the next run.

use std::time::Duration;

/// How long to look for a statement whose submission got no response. Statement names are unique, so a submission that
/// is sent again cannot take effect twice, and a short wait is enough.
pub const LATE_SUBMISSION_TIMEOUT: Duration = Duration::from_secs(12);

/// How long to look for a pool whose creation got no response. Pools have no unique name that would prevent a second
/// one, so this is longer than for statements.
pub const LATE_POOL_CREATION_TIMEOUT: Duration = Duration::from_secs(60);
