//! DELETE of a statement.

use super::{
    super::{
        lifecycle::begin_deletion,
        response::{ApiError, ApiResponse, empty_response},
        switches::RequestPolicy,
        world::SimulatedWorld,
    },
    find::find,
};
use crate::resource::Phase;

/// Handles a DELETE of the statement `name`.
pub(super) fn delete(world: &mut SimulatedWorld, environment: &str, name: &str) -> Result<ApiResponse, ApiError> {
    let statement = find(world, environment, name)?;
    let (serial, uid) = (statement.serial, statement.fixed.uid.clone());
    let status = world.options.switches.delete_status;
    if statement.current.phase == Phase::Deleting {
        return match world.options.switches.repeated_delete {
            RequestPolicy::Apply | RequestPolicy::Ignore => Ok(empty_response(status)),
            RequestPolicy::Reject => Err(ApiError::new(404, format!("Statement resource={name} does not exist"))),
        };
    }
    begin_deletion(world, serial, name, &uid);
    Ok(empty_response(status))
}
