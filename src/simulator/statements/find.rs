//! Finds the statement that a request names.

use super::super::{
    response::ApiError,
    world::{SimulatedStatement, SimulatedWorld},
};

/// Returns the statement with this name, or the service's 404.
pub(super) fn find<'a>(
    world: &'a SimulatedWorld,
    environment: &str,
    name: &str,
) -> Result<&'a SimulatedStatement, ApiError> {
    let absent = || ApiError::new(404, format!("Statement resource={name} does not exist"));
    world.statement_named(environment, name).ok_or_else(absent)
}
