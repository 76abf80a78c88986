//! Validates the attributes of a pool, with the service's message for each violation.

use serde_json::Value;

use super::super::{response::ApiError, world::SimulatedWorld};
use crate::resource::PoolPhase;

/// Returns the 400 for a required property that is missing.
pub(super) fn missing_property(pointer: &str) -> ApiError {
    invalid_property(400, format!("The property '{pointer}' is required."), pointer)
}

/// Returns the error for a property with an invalid value.
pub(super) fn invalid_property(status: u16, detail: String, pointer: &str) -> ApiError {
    ApiError::new(status, detail).with_code("invalid_configuration", "Validation Failed").with_pointer(pointer)
}

/// Returns `max_cfu`, if present: 5, 10, 20, 30, 40 or 50, and tens up to 1000 where large pools are available.
pub(super) fn optional_max_cfu(world: &SimulatedWorld, body: &Value) -> Result<Option<u32>, ApiError> {
    optional_cfu_at(world, body, "/spec/max_cfu")
}

/// Returns the number of CFUs at `pointer`, if present, with the same rules as `max_cfu`.
pub(super) fn optional_cfu_at(world: &SimulatedWorld, body: &Value, pointer: &str) -> Result<Option<u32>, ApiError> {
    let Some(value) = body.pointer(pointer).filter(|value| !value.is_null()) else { return Ok(None) };
    let switches = &world.options.switches;
    let accepted = |cfu: &u32| {
        matches!(cfu, 5 | 10 | 20 | 30 | 40 | 50) || (switches.large_pools && *cfu <= 1000 && cfu.is_multiple_of(10))
    };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(accepted);
    let field = pointer.rsplit('/').next().unwrap_or_default();
    let detail =
        || format!("The value {value} of '{field}' is not supported: it must be one of 5, 10, 20, 30, 40, 50.");
    number.map(Some).ok_or_else(|| invalid_property(switches.cfu_status, detail(), pointer))
}

/// Checks that no pool but `except_id` has this display name, unless names may be shared.
pub(super) fn check_name_is_free(
    world: &SimulatedWorld,
    environment: &str,
    name: &str,
    except_id: &str,
) -> Result<(), ApiError> {
    let Some(status) = world.options.switches.same_pool_name_status else { return Ok(()) };
    let mut pools = world.pools().filter(|pool| pool.environment == environment && pool.id != except_id);
    if pools.any(|pool| pool.display_name == name && pool.phase != PoolPhase::Deprovisioning) {
        return Err(invalid_property(status, format!("The display name '{name}' is in use."), "/spec/display_name"));
    }
    Ok(())
}

/// Checks a display name against `^(?:[0-9A-Za-z\-])[\w\.-]{0,63}$`.
pub(super) fn check_display_name(name: &str) -> Result<(), ApiError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    if first && rest && name.len() <= 64 {
        return Ok(());
    }
    let detail = format!("The display name '{name}' must match '^(?:[0-9A-Za-z\\-])[\\w\\.-]{{0,63}}$'.");
    Err(invalid_property(400, detail, "/spec/display_name"))
}

/// Checks that no pool but `except_id` is the default pool of the region.
pub(super) fn check_only_default(
    world: &SimulatedWorld,
    environment: &str,
    region: &str,
    except_id: &str,
) -> Result<(), ApiError> {
    let other = world.pools().find(|pool| {
        let here = pool.environment == environment && pool.region == region && pool.id != except_id;
        here && pool.default_pool && pool.phase != PoolPhase::Deprovisioning
    });
    let status = world.options.switches.second_default_status;
    match other {
        None => Ok(()),
        Some(pool) => Err(invalid_property(
            status,
            format!("The compute pool {} is already the default pool of {environment} in {region}.", pool.id),
            "/spec/default_pool",
        )),
    }
}
