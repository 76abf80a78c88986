//! The statements API, `sql/v1`: the effect of each request and its response.

mod lifecycle;
mod response_body;
mod statement;
mod submission;
mod update;

use serde_json::{Value, json};

use super::{
    api_request::{ApiRequest, PageRequest},
    audit::EffectKind,
    response::{ApiError, ApiResponse, empty_response, json_response},
    world::SimulatedWorld,
};
use crate::{cloud::Method, resource::Phase, simulator::switches::RequestPolicy};
pub(super) use statement::{FixedFields, MutableFields, ScheduledTransition, SimulatedStatement, SimulatedWarning};
pub(super) use submission::{random_uuid, recreate_statement};

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
        (&Method::GET, []) => list(world, request, organization, environment),
        (&Method::POST, []) => submission::create(world, request, organization, environment),
        (&Method::GET, [name]) => get(world, request, environment, name),
        (&Method::PUT, [name]) => update::put(world, request, environment, name),
        (&Method::PATCH, [name]) => update::patch(world, request, environment, name),
        (&Method::DELETE, [name]) => delete(world, environment, name),
        (&Method::GET, [name, "exceptions"]) => {
            Ok(json_response(200, &response_body::exceptions_body(find(world, environment, name)?, &request.origin)))
        }
        (&Method::GET, [name, "results"]) => results(world, request, environment, name),
        (_, [] | [_]) => Err(ApiError::new(405, "Method Not Allowed")),
        _ => Err(ApiError::new(404, "Not Found")),
    }
}

/// Returns the statement with this name, or the service's 404.
fn find<'a>(world: &'a SimulatedWorld, environment: &str, name: &str) -> Result<&'a SimulatedStatement, ApiError> {
    let absent = || ApiError::new(404, format!("Statement resource={name} does not exist"));
    world.statement_named(environment, name).ok_or_else(absent)
}

/// Returns a response with the statement as `fields` describe it.
fn statement_response(
    world: &SimulatedWorld,
    request: &ApiRequest,
    status: u16,
    statement: &SimulatedStatement,
    fields: &MutableFields,
) -> ApiResponse {
    json_response(
        status,
        &response_body::statement_body(statement, fields, &request.origin, world.time, &world.options.switches),
    )
}

/// GET of one statement.
fn get(
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
fn list(
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

/// DELETE of a statement.
fn delete(world: &mut SimulatedWorld, environment: &str, name: &str) -> Result<ApiResponse, ApiError> {
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

/// Starts deleting a statement. A running statement continues to run until it is removed.
pub(super) fn begin_deletion(world: &mut SimulatedWorld, serial: u64, name: &str, uid: &str) {
    let due = world.jittered_due(world.options.phase_durations.delete);
    world.change_statement(serial, |fields| {
        fields.phase = Phase::Deleting;
        fields.detail.clear();
        fields.scaling = None;
        fields.waiting_for = None;
        fields.schedule_only(due, ScheduledTransition::Remove);
    });
    world.record_effect(EffectKind::Deleted, name, uid);
}

/// Starts stopping a statement, regardless of its phase.
pub(super) fn begin_stop(world: &mut SimulatedWorld, serial: u64) {
    let due = world.jittered_due(world.options.phase_durations.stop);
    world.change_statement(serial, |fields| {
        fields.stopped = true;
        fields.phase = Phase::Stopping;
        fields.detail.clear();
        fields.scaling = None;
        fields.waiting_for = None;
        fields.schedule_only(due, ScheduledTransition::FinishStopping);
    });
}

/// Starts resuming a statement. Its phase stays STOPPED for a moment.
pub(super) fn begin_resume(world: &mut SimulatedWorld, serial: u64) {
    let due = world.jittered_due(world.options.phase_durations.start.min(std::time::Duration::from_millis(300)));
    world.change_statement(serial, |fields| {
        fields.stopped = false;
        fields.schedule_only(due, ScheduledTransition::EnterPending);
    });
}

/// GET of a statement's results, which keeps an idle query alive.
fn results(
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
    world.results_fetched(serial, time);
    Ok(response)
}
