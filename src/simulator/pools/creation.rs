//! Creates pools: by a POST, and as the default pool that a statement needs.

use serde_json::Value;

use super::{
    super::{
        api_request::ApiRequest,
        audit::EffectKind,
        response::{ApiError, ApiResponse, json_response},
        world::{SimulatedPool, SimulatedWorld},
    },
    regions,
    response_body::pool_body,
    validation::{
        check_display_name, check_name_is_free, check_only_default, invalid_property, missing_property,
        optional_max_cfu,
    },
};
use crate::resource::PoolPhase;

/// The attributes of a pool that is to be created.
pub(in crate::simulator) struct NewPoolRequest {
    /// The environment that will hold the pool.
    pub(in crate::simulator) environment: String,
    /// The display name, which may be shared.
    pub(in crate::simulator) display_name: String,
    /// The cloud in upper case.
    pub(in crate::simulator) cloud: String,
    /// The region within the cloud.
    pub(in crate::simulator) region: String,
    /// The most CFUs that the pool may use.
    pub(in crate::simulator) max_cfu: u32,
    /// The value of `spec.enable_ai`, which is only stored.
    pub(in crate::simulator) enable_ai: bool,
    /// Whether the pool is its region's default.
    pub(in crate::simulator) default_pool: bool,
    /// The id of its network, if it has one.
    pub(in crate::simulator) network: Option<String>,
}

impl NewPoolRequest {
    /// Returns the pool with this id as it is when it is ready for use.
    pub(in crate::simulator) fn into_ready_pool(self, id: String, time: i64) -> SimulatedPool {
        SimulatedPool {
            id,
            environment: self.environment,
            display_name: self.display_name,
            cloud: self.cloud,
            region: self.region,
            max_cfu: self.max_cfu,
            enable_ai: self.enable_ai,
            default_pool: self.default_pool,
            network: self.network,
            phase: PoolPhase::Provisioned,
            created_at: time,
            updated_at: time,
            phase_ends_at: None,
        }
    }
}

/// POST of a pool.
pub(super) fn create(world: &mut SimulatedWorld, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
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
    let pool = SimulatedPool { phase, phase_ends_at, ..wanted.into_ready_pool(format!("lfcp-{id}"), world.time) };
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
pub(in crate::simulator) fn existing_default_pool(
    world: &SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
) -> Option<String> {
    let (cloud, region) = statement_region(world, request);
    let existing = world.pools().find(|pool| {
        let same_place = pool.environment == environment && pool.region == region && pool.cloud == cloud;
        same_place && pool.default_pool && pool.phase != PoolPhase::Deprovisioning
    });
    existing.map(|pool| pool.id.clone())
}

/// Returns the id of the environment's default pool, which is created when it is first needed.
pub(in crate::simulator) fn ensure_default_pool(
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
