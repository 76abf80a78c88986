//! The pools API, `fcpm/v2`: compute pools, regions and the organization's configuration.

mod creation;
mod regions;
mod response_body;
mod validation;

use serde_json::{Value, json};

use super::{
    api_request::{ApiRequest, PageRequest},
    audit::EffectKind,
    lifecycle::{admit_waiting, begin_deprovisioning},
    response::{ApiError, ApiResponse, empty_response, json_response},
    world::{SimulatedPool, SimulatedWorld},
};
use crate::{cloud::Method, resource::PoolPhase};
pub(super) use creation::{NewPoolRequest, ensure_default_pool, existing_default_pool};
use response_body::pool_body;
use validation::{
    check_display_name, check_name_is_free, check_only_default, invalid_property, missing_property, optional_cfu_at,
    optional_max_cfu,
};

/// Handles a request below `/fcpm/v2`; `rest` is the remaining path.
pub(super) fn handle(world: &mut SimulatedWorld, request: &ApiRequest, rest: &[&str]) -> Result<ApiResponse, ApiError> {
    match (&request.method, rest) {
        (&Method::GET, ["compute-pools"]) => list(world, request),
        (&Method::POST, ["compute-pools"]) => creation::create(world, request),
        (&Method::GET, ["compute-pools", id]) => {
            let environment = required_environment(request)?;
            Ok(json_response(200, &pool_body(world, request, find(world, &environment, id)?)))
        }
        (&Method::PATCH, ["compute-pools", id]) => patch(world, request, id),
        (&Method::DELETE, ["compute-pools", id]) => delete(world, request, id),
        (&Method::GET, ["regions"]) => regions::list(world, request),
        (&Method::GET, ["compute-pool-config"]) => Ok(json_response(200, &org_config_body(world))),
        (&Method::PATCH, ["compute-pool-config"]) => patch_org_config(world, request),
        (_, ["compute-pools" | "regions" | "compute-pool-config"] | ["compute-pools", _]) => {
            Err(ApiError::new(405, "Method Not Allowed"))
        }
        _ => Err(ApiError::new(404, "Not Found")),
    }
}

/// Returns the query parameter `environment`, or a 400 if it is missing.
fn required_environment(request: &ApiRequest) -> Result<String, ApiError> {
    let environment = request.query_value("environment").filter(|it| !it.is_empty()).map(str::to_owned);
    environment.ok_or_else(|| {
        ApiError::new(400, "The query parameter 'environment' is required")
            .with_code("invalid_filter", "Invalid Filter")
    })
}

/// Returns the pool, or the error for a pool that is absent or not shown.
fn find<'a>(world: &'a SimulatedWorld, environment: &str, id: &str) -> Result<&'a SimulatedPool, ApiError> {
    let switches = &world.options.switches;
    let is_shown = |pool: &&SimulatedPool| {
        pool.environment == environment && (switches.deprovisioning_shown || pool.phase != PoolPhase::Deprovisioning)
    };
    let absent = || ApiError::new(switches.pool_absent_status, format!("The compute pool {id} was not found."));
    world.pool(id).filter(is_shown).ok_or_else(absent)
}

/// GET of the pools of an environment, in pages.
fn list(world: &mut SimulatedWorld, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let environment = required_environment(request)?;
    let page = PageRequest::parse(request)?;
    let switches = &world.options.switches;
    let filter = |name| request.query_value(name).filter(|value| !value.is_empty());
    let (region, network) = (filter("spec.region"), filter("spec.network"));
    let lag_cutoff = request.distortion.list_lag.map(|lag| world.time.saturating_sub(lag));
    let matches = |pool: &&SimulatedPool| {
        pool.environment == environment
            && pool.id.as_str() > page.start_after()
            && region.is_none_or(|region| pool.region == region)
            && network.is_none_or(|network| pool.network.as_deref() == Some(network))
            && (switches.deprovisioning_shown || pool.phase != PoolPhase::Deprovisioning)
            && lag_cutoff.is_none_or(|fresh| pool.created_at < fresh)
    };
    let mut found: Vec<&SimulatedPool> = world.pools().filter(matches).take(page.page_size.saturating_add(1)).collect();
    let next = page.truncate_to_page(&mut found, |pool| pool.id.as_str());
    let data: Vec<_> = found.into_iter().map(|pool| pool_body(world, request, pool)).collect();
    let collection = format!("{}/fcpm/v2/compute-pools", request.origin);
    let next = next.map(|token| request.next_page_url(&collection, &token)).unwrap_or_default();
    let list = json!({
        "api_version": "fcpm/v2", "kind": "ComputePoolList", "data": data,
        "metadata": { "first": "", "next": next },
    });
    Ok(json_response(200, &list))
}

/// PATCH of a pool.
fn patch(world: &mut SimulatedWorld, request: &ApiRequest, id: &str) -> Result<ApiResponse, ApiError> {
    let body = request.json_body()?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let environment = text("/spec/environment/id").ok_or_else(|| missing_property("/spec/environment"))?;
    let mut pool = find(world, environment, id)?.clone();
    if pool.phase == PoolPhase::Deprovisioning {
        return Err(
            ApiError::new(409, format!("The compute pool {id} is being deleted.")).with_code("conflict", "Conflict")
        );
    }
    for (pointer, current) in [("/spec/cloud", &pool.cloud), ("/spec/region", &pool.region)] {
        if text(pointer).is_some_and(|given| !given.eq_ignore_ascii_case(current)) {
            return Err(invalid_property(400, format!("The property '{pointer}' cannot be changed."), pointer));
        }
    }
    if let Some(name) = text("/spec/display_name") {
        check_display_name(name)?;
        check_name_is_free(world, environment, name, id)?;
        name.clone_into(&mut pool.display_name);
    }
    if let Some(max_cfu) = optional_max_cfu(world, &body)? {
        if max_cfu < pool.max_cfu {
            let detail = "Decreasing the maximum number of CFUs of a compute pool is not supported.";
            return Err(invalid_property(world.options.switches.cfu_status, detail.to_owned(), "/spec/max_cfu"));
        }
        pool.max_cfu = max_cfu;
    }
    if let Some(default_pool) = body.pointer("/spec/default_pool").and_then(Value::as_bool) {
        if default_pool {
            check_only_default(world, environment, &pool.region, id)?;
        }
        pool.default_pool = default_pool;
    }
    pool.updated_at = world.time;
    world.put_pool(pool.clone());
    world.record_effect(EffectKind::PoolUpdated, id, id);
    admit_waiting(world, id);
    let response = json_response(200, &pool_body(world, request, &pool));
    Ok(response)
}

/// DELETE of a pool.
fn delete(world: &mut SimulatedWorld, request: &ApiRequest, id: &str) -> Result<ApiResponse, ApiError> {
    let environment = required_environment(request)?;
    let pool = find(world, &environment, id)?;
    if pool.phase == PoolPhase::Deprovisioning {
        return Ok(empty_response(204));
    }
    if world.executing_on_pool(id) > 0 && !world.options.switches.busy_pool_deletable {
        return Err(ApiError::new(409, format!("The compute pool {id} has running statements.")));
    }
    begin_deprovisioning(world, id);
    Ok(empty_response(204))
}

/// Returns the body of `OrgComputePoolConfig`.
fn org_config_body(world: &SimulatedWorld) -> Value {
    json!({
        "api_version": "fcpm/v2", "kind": "OrgComputePoolConfig",
        "organization_id": world.options.organization, "spec": world.org_config,
    })
}

/// PATCH of the organization's configuration.
fn patch_org_config(world: &mut SimulatedWorld, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let body = request.json_body()?;
    let mut config = world.org_config.clone();
    if let Some(enabled) = body.pointer("/spec/default_pool_enabled").and_then(Value::as_bool) {
        config.default_pool_enabled = enabled;
    }
    if let Some(max_cfu) = optional_cfu_at(world, &body, "/spec/default_pool_max_cfu")? {
        config.default_pool_max_cfu = max_cfu;
    }
    world.set_org_config(config);
    let response = json_response(200, &org_config_body(world));
    Ok(response)
}
