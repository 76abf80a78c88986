//! The pools API, `fcpm/v2`: compute pools, regions and the organization's configuration.

mod pool;
mod regions;
mod validation;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    api_request::{ApiRequest, PageRequest},
    audit::EffectKind,
    clock::rfc3339,
    response::{ApiError, ApiResponse, empty_response, json_response},
    world::SimulatedWorld,
};
use crate::{cloud::Method, resource::PoolPhase};
pub(super) use pool::SimulatedPool;
use validation::{
    check_display_name, check_name_is_free, check_only_default, invalid_property, missing_property, optional_cfu_at,
    optional_max_cfu,
};

/// The organization's configuration of default pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrgComputePoolConfig {
    /// Whether statements without a pool get a default pool.
    default_pool_enabled: bool,
    /// The `max_cfu` of new default pools.
    default_pool_max_cfu: u32,
}

impl Default for OrgComputePoolConfig {
    fn default() -> Self {
        OrgComputePoolConfig { default_pool_enabled: true, default_pool_max_cfu: 50 }
    }
}

/// Handles a request below `/fcpm/v2`; `rest` is the remaining path.
pub(super) fn handle(world: &mut SimulatedWorld, request: &ApiRequest, rest: &[&str]) -> Result<ApiResponse, ApiError> {
    match (&request.method, rest) {
        (&Method::GET, ["compute-pools"]) => list(world, request),
        (&Method::POST, ["compute-pools"]) => create(world, request),
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

/// Returns the body of `fcpm.v2.ComputePool`, with what real bodies hold beyond the specification.
fn pool_body(world: &SimulatedWorld, request: &ApiRequest, pool: &SimulatedPool) -> Value {
    let self_url = format!("{}/fcpm/v2/compute-pools/{}", request.origin, pool.id);
    let organization = &world.options.organization;
    let (environment, region, cloud) = (&pool.environment, &pool.region, pool.cloud.to_lowercase());
    let resource_name = format!(
        "crn://confluent.cloud/organization={organization}/environment={environment}/flink-region={cloud}.{region}\
         /compute-pool={}",
        pool.id
    );
    let jobs = u64::from(world.options.jobs_per_cfu.max(1));
    let running = u64::try_from(world.executing_on_pool(&pool.id)).unwrap_or(u64::MAX);
    let endpoint = regions::regional_endpoint(request, &cloud, region, "");
    let mut spec = json!({
        "display_name": pool.display_name, "cloud": pool.cloud, "region": region, "max_cfu": pool.max_cfu,
        "enable_ai": pool.enable_ai, "default_pool": pool.default_pool,
        "http_endpoint": format!("{endpoint}/sql/v1/organizations/{organization}/environments/{environment}"),
        "environment": {
            "id": environment, "related": self_url,
            "resource_name": format!("crn://confluent.cloud/organization={organization}/environment={environment}"),
        },
    });
    if let (Some(network), Some(spec)) = (&pool.network, spec.as_object_mut()) {
        let related = format!("{}/networking/v1/networks/{network}", request.origin);
        let crn =
            format!("crn://confluent.cloud/organization={organization}/environment={environment}/network={network}");
        let network = json!({ "id": network, "environment": environment, "related": related, "resource_name": crn });
        spec.insert("network".to_owned(), network);
    }
    json!({
        "api_version": "fcpm/v2", "kind": "ComputePool", "id": pool.id,
        "metadata": {
            "self": self_url, "resource_name": resource_name,
            "created_at": rfc3339(pool.created_at), "updated_at": rfc3339(pool.updated_at),
        },
        "spec": spec,
        "status": {
            "phase": pool.phase.as_str(),
            "current_cfu": running.div_ceil(jobs).min(u64::from(pool.max_cfu)),
        },
    })
}

/// The attributes of a pool that is to be created.
struct NewPoolRequest {
    /// The environment that will hold the pool.
    environment: String,
    /// The display name, which may be shared.
    display_name: String,
    /// The cloud in upper case.
    cloud: String,
    /// The region within the cloud.
    region: String,
    /// The most CFUs that the pool may use.
    max_cfu: u32,
    /// The value of `spec.enable_ai`, which is only stored.
    enable_ai: bool,
    /// Whether the pool is its region's default.
    default_pool: bool,
    /// The id of its network, if it has one.
    network: Option<String>,
}

/// POST of a pool.
fn create(world: &mut SimulatedWorld, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let body = request.json_body()?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let required_text = |pointer: &str| text(pointer).map(str::to_owned).ok_or_else(|| missing_property(pointer));
    let flag = |pointer: &str| body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let wanted = NewPoolRequest {
        display_name: required_text("/spec/display_name")?,
        cloud: required_text("/spec/cloud")?.to_uppercase(),
        region: required_text("/spec/region")?,
        max_cfu: optional_max_cfu(world, &body)?.ok_or_else(|| missing_property("/spec/max_cfu"))?,
        environment: required_text("/spec/environment/id")?,
        enable_ai: flag("/spec/enable_ai"),
        default_pool: flag("/spec/default_pool"),
        network: text("/spec/network/id").map(str::to_owned),
    };
    check_display_name(&wanted.display_name)?;
    if !matches!(wanted.cloud.as_str(), "AWS" | "GCP" | "AZURE") {
        return Err(invalid_property(400, format!("The cloud '{}' is not supported.", wanted.cloud), "/spec/cloud"));
    }
    if !regions::is_offered(world, &wanted.cloud, &wanted.region) {
        let detail = format!("The region '{}' of {} is not supported.", wanted.region, wanted.cloud);
        return Err(invalid_property(400, detail, "/spec/region"));
    }
    check_name_is_free(world, &wanted.environment, &wanted.display_name, "")?;
    let switches = &world.options.switches;
    let count = world.pools().filter(|pool| pool.environment == wanted.environment).count();
    if switches.pool_quota.is_some_and(|most| count >= most) {
        let detail = format!("The number of compute pools in {} is currently limited to {count}.", wanted.environment);
        return Err(ApiError::new(switches.quota_status, detail).with_code("quota_exceeded", "Quota Exceeded"));
    }
    if wanted.default_pool {
        check_only_default(world, &wanted.environment, &wanted.region, "")?;
    }
    let due = world.jittered_due(world.options.phase_durations.provision);
    let pool = add_pool(world, wanted, PoolPhase::Provisioning, Some(due));
    let response = json_response(202, &pool_body(world, request, &pool));
    Ok(response)
}

/// Adds a pool with a random id and records the effect.
fn add_pool(
    world: &mut SimulatedWorld,
    wanted: NewPoolRequest,
    phase: PoolPhase,
    phase_ends_at: Option<i64>,
) -> SimulatedPool {
    let mut random = world.next_random();
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let id: String = (0..6).filter_map(|_| random.choice(letters).map(|byte| char::from(*byte))).collect();
    let pool = SimulatedPool {
        id: format!("lfcp-{id}"),
        environment: wanted.environment,
        display_name: wanted.display_name,
        cloud: wanted.cloud,
        region: wanted.region,
        max_cfu: wanted.max_cfu,
        enable_ai: wanted.enable_ai,
        default_pool: wanted.default_pool,
        network: wanted.network,
        phase,
        created_at: world.time,
        updated_at: world.time,
        phase_ends_at,
    };
    world.put_pool(pool.clone());
    world.record_effect(EffectKind::PoolCreated, &pool.display_name, &pool.id);
    pool
}

/// Returns the cloud and region in which a statement without a pool runs.
fn statement_region(world: &SimulatedWorld, request: &ApiRequest) -> (String, String) {
    match request.cloud_and_region() {
        Some((cloud, region)) => (cloud.to_uppercase(), region.to_owned()),
        None => (world.options.home_region.0.to_uppercase(), world.options.home_region.1.clone()),
    }
}

/// Returns the id of the environment's default pool, if there is one.
pub(super) fn existing_default_pool(world: &SimulatedWorld, request: &ApiRequest, environment: &str) -> Option<String> {
    let (cloud, region) = statement_region(world, request);
    let existing = world.pools().find(|pool| {
        let same_place = pool.environment == environment && pool.region == region && pool.cloud == cloud;
        same_place && pool.default_pool && pool.phase != PoolPhase::Deprovisioning
    });
    existing.map(|pool| pool.id.clone())
}

/// Returns the id of the environment's default pool, which is created when it is first needed.
pub(super) fn ensure_default_pool(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
) -> Result<String, ApiError> {
    let (cloud, region) = statement_region(world, request);
    if let Some(existing) = existing_default_pool(world, request, environment) {
        return Ok(existing);
    }
    if !world.org_config.default_pool_enabled {
        return Err(ApiError::new(400, "No compute pool was given, and default pools are disabled."));
    }
    let wanted = NewPoolRequest {
        environment: environment.to_owned(),
        display_name: format!("default-pool-{region}"),
        cloud,
        region,
        max_cfu: world.org_config.default_pool_max_cfu,
        enable_ai: false,
        default_pool: true,
        network: None,
    };
    Ok(add_pool(world, wanted, PoolPhase::Provisioned, None).id)
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
    world.admit_waiting(id);
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

/// Starts deleting a pool. The statements that run or wait on it become STOPPED at once.
pub(super) fn begin_deprovisioning(world: &mut SimulatedWorld, id: &str) {
    let Some(mut pool) = world.pool(id).cloned() else { return };
    pool.phase = PoolPhase::Deprovisioning;
    pool.updated_at = world.time;
    pool.phase_ends_at = Some(world.jittered_due(world.options.phase_durations.deprovision));
    world.put_pool(pool);
    world.stop_all_on_pool(id);
    world.record_effect(EffectKind::PoolDeleted, id, id);
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

/// Returns a pool that was created out of band and is ready for use.
pub(super) fn ready_pool(
    time: i64,
    id: &str,
    environment: &str,
    cloud: &str,
    region: &str,
    max_cfu: u32,
) -> SimulatedPool {
    SimulatedPool {
        display_name: id.to_owned(),
        id: id.to_owned(),
        environment: environment.to_owned(),
        cloud: cloud.to_uppercase(),
        region: region.to_owned(),
        max_cfu,
        enable_ai: false,
        default_pool: false,
        network: None,
        phase: PoolPhase::Provisioned,
        created_at: time,
        updated_at: time,
        phase_ends_at: None,
    }
}
