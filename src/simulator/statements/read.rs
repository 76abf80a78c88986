//! GET of one statement, of the statements of an environment, and of a statement's results and exceptions.

use serde_json::{Value, json};

use super::{
    super::{
        api_request::{ApiRequest, PageRequest},
        lifecycle::results_fetched,
        response::{ApiError, ApiResponse, empty_response, json_response},
        world::{SimulatedStatement, SimulatedWorld},
    },
    find::find,
    response_body::{self, statement_response},
};
use crate::resource::Phase;

/// GET of one statement.
pub(super) fn get(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
    name: &str,
) -> Result<ApiResponse, ApiError> {
    let statement = find(world, environment, name)?;
    if statement.current.phase == Phase::Deleting && world.options.switches.deleting_reads_empty {
        return Ok(empty_response(204));
    }
    Ok(statement_response(world, request, 200, statement, statement.fields_for_read(request.distortion.stale)))
}

/// GET of the statements of an environment, in pages.
pub(super) fn list(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    organization: &str,
    environment: &str,
) -> Result<ApiResponse, ApiError> {
    let page = PageRequest::parse(request)?;
    let labels = label_selector(request)?;
    let ordered = request.query_value("time_ordered") == Some("true");
    let name_part = request.query_value("statement_name_search_query").filter(|_| ordered);
    let switches = &world.options.switches;
    let lag_cutoff = request.distortion.list_lag.map(|lag| world.time.saturating_sub(lag));
    let matches = |statement: &&SimulatedStatement| {
        (switches.deleting_listed || statement.current.phase != Phase::Deleting)
            && labels.iter().all(|(key, value)| statement.current.labels.get(*key).is_some_and(|held| held == value))
            && name_part.is_none_or(|part| statement.fixed.name.contains(part))
            && lag_cutoff.is_none_or(|fresh| statement.fixed.created_at < fresh)
    };
    let pool = request.query_value("spec.compute_pool_id").filter(|pool| !pool.is_empty());
    let mut found: Vec<&SimulatedStatement> = world
        .statements_after(environment, pool, page.start_after())
        .filter(matches)
        .take(page.page_size.saturating_add(1))
        .collect();
    let next = page.truncate_to_page(&mut found, |statement| statement.fixed.name.as_str());
    if let (Some(lag_cutoff), true) = (lag_cutoff, page.start_after().is_empty()) {
        let recently_removed = world
            .removed_statements
            .iter()
            .filter(|(at, it)| *at >= lag_cutoff && it.fixed.environment == *environment);
        found.extend(recently_removed.map(|(_, statement)| statement));
    }
    let data: Vec<_> = found
        .iter()
        .map(|it| {
            response_body::statement_body(
                it,
                it.fields_for_read(request.distortion.stale),
                &request.origin,
                world.time,
                switches,
            )
        })
        .collect();
    let collection = response_body::statements_url(&request.origin, organization, environment);
    /// The API's list of statements.
    #[derive(serde::Serialize)]
    struct StatementListBody<'a> {
        /// The version of the API, always `sql/v1`.
        api_version: &'static str,
        /// The statements of the page.
        data: Vec<response_body::StatementBody<'a>>,
        /// The kind of the object, always `StatementList`.
        kind: &'static str,
        /// The URLs of this and the next page.
        metadata: Value,
    }
    let next = next.map(|token| request.next_page_url(&collection, &token)).unwrap_or_default();
    let metadata = json!({ "self": collection, "first": "", "last": "", "prev": "", "next": next });
    Ok(json_response(200, &StatementListBody { api_version: "sql/v1", data, kind: "StatementList", metadata }))
}

/// Parses `label_selector`: `key=value` pairs with commas. The rest of its grammar is not documented.
fn label_selector<'a>(request: &'a ApiRequest) -> Result<Vec<(&'a str, &'a str)>, ApiError> {
    let selector = request.query_value("label_selector").unwrap_or_default();
    let pairs = selector.split(',').filter(|pair| !pair.trim().is_empty());
    let pair = |pair: &'a str| pair.trim().split_once('=').map(|(key, value)| (key, value.trim_start_matches('=')));
    pairs.map(pair).collect::<Option<_>>().ok_or_else(|| {
        ApiError::new(400, "label_selector must be a comma-separated list of key=value pairs")
            .with_code("invalid_filter", "Invalid Filter")
    })
}

/// GET of a statement's results, which keeps an idle query alive.
pub(super) fn results(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
    name: &str,
) -> Result<ApiResponse, ApiError> {
    let statement = find(world, environment, name)?;
    if !response_body::has_results(&statement.current.phase) {
        return Err(ApiError::new(409, format!("Results for Statement={name} not ready")));
    }
    let response = json_response(200, &response_body::results_body(statement, &request.origin));
    let (serial, time) = (statement.serial, world.time);
    results_fetched(world, serial, time);
    Ok(response)
}

/// GET of a statement's exceptions.
pub(super) fn exceptions(
    world: &SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
    name: &str,
) -> Result<ApiResponse, ApiError> {
    Ok(json_response(200, &response_body::exceptions_body(find(world, environment, name)?, &request.origin)))
}
