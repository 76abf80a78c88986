//! The statements API, `sql/v1`: the effect of each request and its response.

mod deletion;
mod find;
mod read;
mod response_body;
mod submission;
mod update;

use super::{
    api_request::ApiRequest,
    response::{ApiError, ApiResponse},
    world::SimulatedWorld,
};
use crate::cloud::Method;
pub(super) use submission::recreate_statement;

/// Handles a request below `…/environments/{environment}/statements`; `rest` is the remaining path.
pub(super) fn handle(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    organization: &str,
    environment: &str,
    rest: &[&str],
) -> Result<ApiResponse, ApiError> {
    // An environment belongs to one organization: the one whose statements it already holds.
    let owner = world.statements_after(environment, None, "").next().map(|statement| &statement.fixed.organization);
    if owner.is_some_and(|owner| *owner != *organization) {
        let detail = format!("Environment {environment} does not exist in organization {organization}");
        return Err(ApiError::new(404, detail).with_code("not_found", "Not Found"));
    }
    match (&request.method, rest) {
        (&Method::GET, []) => read::list(world, request, organization, environment),
        (&Method::POST, []) => submission::create(world, request, organization, environment),
        (&Method::GET, [name]) => read::get(world, request, environment, name),
        (&Method::PUT, [name]) => update::put(world, request, environment, name),
        (&Method::PATCH, [name]) => update::patch(world, request, environment, name),
        (&Method::DELETE, [name]) => deletion::delete(world, environment, name),
        (&Method::GET, [name, "exceptions"]) => read::exceptions(world, request, environment, name),
        (&Method::GET, [name, "results"]) => read::results(world, request, environment, name),
        (_, [] | [_]) => Err(ApiError::new(405, "Method Not Allowed")),
        _ => Err(ApiError::new(404, "Not Found")),
    }
}
