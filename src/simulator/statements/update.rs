//! PUT and PATCH of a statement: stop, resume, and changes of its pool or principal.

use serde_json::Value;

use super::{
    super::{
        api_request::ApiRequest,
        audit::EffectKind,
        clock::micros,
        lifecycle::{ENDED_RETENTION, begin_resume, begin_stop},
        response::{ApiError, ApiResponse, empty_response},
        switches::RequestPolicy,
        world::{ScheduledTransition, SimulatedStatement, SimulatedWorld},
    },
    find::find,
    response_body::statement_response,
    submission::{check_pool, check_principal, optional_bool, optional_map, optional_number, optional_text},
};
use crate::resource::{InternedStr, Labels, Phase};

/// The attributes of a statement that an update asks for.
struct StatementUpdateRequest {
    /// Whether the statement should be stopped.
    stopped: bool,
    /// The pool that it should run on.
    pool: InternedStr,
    /// The principal that it should run as.
    principal: InternedStr,
    /// The labels, `None` if they are not mentioned.
    labels: Option<Labels>,
    /// The baseline of CFUs, if any.
    baseline_cfu: Option<u32>,
}

/// PUT of the whole statement, with the version that was read.
pub(super) fn put(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
    name: &str,
) -> Result<ApiResponse, ApiError> {
    let body = request.json_body()?;
    let statement = find(world, environment, name)?;
    let required = ["/name", "/organization_id", "/environment_id", "/spec/statement", "/spec/compute_pool_id"];
    for pointer in required.into_iter().chain(["/metadata/resource_version", "/spec/stopped"]) {
        if body.pointer(pointer).is_none_or(Value::is_null) {
            return Err(ApiError::new(400, format!("The property '{pointer}' is required.")).with_pointer(pointer));
        }
    }
    let version = optional_text(&body, "/metadata/resource_version")?.unwrap_or_default();
    if version != statement.current.version_at(world.time).0.to_string() {
        return Err(version_conflict(name));
    }
    let switches = &world.options.switches;
    let renamed = optional_text(&body, "/name")?.is_some_and(|new_name| new_name != name);
    let rewritten = optional_text(&body, "/spec/statement")?.is_some_and(|new_sql| new_sql != statement.fixed.sql);
    if (renamed || rewritten) && switches.immutable_change == RequestPolicy::Reject {
        let pointer = if renamed { "/name" } else { "/spec/statement" };
        return Err(ApiError::new(400, format!("The property '{pointer}' cannot be changed.")).with_pointer(pointer));
    }
    let wanted = StatementUpdateRequest {
        stopped: optional_bool(&body, "/spec/stopped")?.unwrap_or(statement.current.stopped),
        pool: optional_text(&body, "/spec/compute_pool_id")?
            .map_or_else(|| statement.current.pool.clone(), InternedStr::from),
        principal: optional_text(&body, "/spec/principal")?
            .filter(|principal| !principal.is_empty())
            .map_or_else(|| statement.current.principal.clone(), InternedStr::from),
        labels: optional_map(&body, "/metadata/labels")?,
        baseline_cfu: optional_number(&body, "/spec/scaling/baseline_cfu")?.or(statement.current.baseline_cfu),
    };
    let serial = statement.serial;
    apply_update(world, request, serial, wanted)?;
    match world.statement(serial).filter(|_| world.options.switches.put_returns_statement) {
        Some(statement) => Ok(statement_response(world, request, 200, statement, &statement.current)),
        None => Ok(empty_response(202)),
    }
}

/// PATCH of a statement by RFC 6902, without a version.
pub(super) fn patch(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
    name: &str,
) -> Result<ApiResponse, ApiError> {
    if !world.options.switches.patch {
        return Err(ApiError::new(403, "Patch feature is currently disabled"));
    }
    let body = request.json_body()?;
    let statement = find(world, environment, name)?;
    let (serial, unchanged) = (statement.serial, statement.clone());
    let fields = &statement.current;
    let mut wanted = StatementUpdateRequest {
        stopped: fields.stopped,
        pool: fields.pool.clone(),
        principal: fields.principal.clone(),
        labels: None,
        baseline_cfu: fields.baseline_cfu,
    };
    let operations = body.as_array().ok_or_else(|| ApiError::new(400, "The body must be a list of operations."))?;
    for operation in operations {
        let field = |name| operation.get(name).and_then(Value::as_str).unwrap_or_default();
        let value = operation.get("value");
        let path = field("path");
        match (field("op").to_ascii_lowercase().as_str(), path, value) {
            ("add" | "replace", "/spec/stopped", Some(Value::Bool(stopped))) => wanted.stopped = *stopped,
            ("add" | "replace", "/spec/compute_pool_id", Some(Value::String(pool))) => {
                wanted.pool = pool.as_str().into()
            }
            ("add" | "replace", "/spec/principal", Some(Value::String(id))) => wanted.principal = id.as_str().into(),
            ("test", "/metadata/resource_version", Some(Value::String(version))) => {
                if *version != fields.version_at(world.time).0.to_string() {
                    return Err(version_conflict(name));
                }
            }
            ("test", "/spec/stopped", Some(Value::Bool(stopped))) if *stopped == fields.stopped => {}
            ("test", ..) => return Err(ApiError::new(409, format!("The test of '{path}' failed."))),
            (op, ..) => {
                return Err(ApiError::new(400, format!("The operation '{op}' on '{path}' is not supported.")));
            }
        }
    }
    apply_update(world, request, serial, wanted)?;
    // As the service does: `spec.stopped` changes at once, while the phase may still be the previous one.
    let Some(after) = world.statement(serial) else { return Err(ApiError::new(500, "Internal Server Error")) };
    let mut fields = after.current.clone();
    if fields.phase == Phase::Stopping {
        fields.phase = unchanged.current.phase;
    }
    Ok(statement_response(world, request, 200, after, &fields))
}

/// Returns the 409 for a version that is not the current one.
fn version_conflict(name: &str) -> ApiError {
    ApiError::new(409, format!("Statement resource={name} has changed since it was fetched"))
        .with_code("resource_version_mismatch", "Conflict")
}

/// The effect of an update on a statement in its current phase.
enum UpdateEffect {
    /// The statement is stopped.
    Stop,
    /// Only the value of `spec.stopped` changes.
    SetStoppedOnly,
    /// The statement is resumed.
    Resume,
    /// The pool or principal changes, now or at the next start.
    Move,
    /// Neither `spec.stopped` nor the pool nor the principal changes.
    NoChange,
}

/// Applies an update and records its effect.
fn apply_update(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    serial: u64,
    wanted: StatementUpdateRequest,
) -> Result<(), ApiError> {
    let Some(statement) = world.statement(serial).cloned() else { return Ok(()) };
    let fields = &statement.current;
    let is_moved = wanted.pool != fields.pool || wanted.principal != fields.principal;
    let effect = update_effect(world, &statement, &wanted, is_moved)?;
    if matches!(effect, UpdateEffect::Resume | UpdateEffect::Move) {
        check_pool(world, request, &statement.fixed.environment, &wanted.pool)?;
        check_principal(world, &wanted.principal)?;
    }
    let labels = wanted.labels.filter(|labels| *labels != fields.labels);
    let labels = match (labels, world.options.switches.label_change) {
        (Some(_), RequestPolicy::Reject) => {
            return Err(ApiError::new(400, "Labels cannot be changed.").with_pointer("/metadata/labels"));
        }
        (labels, policy) => labels.filter(|_| policy == RequestPolicy::Apply),
    };
    let other_fields_changed = labels.is_some() || wanted.baseline_cfu != fields.baseline_cfu;
    if other_fields_changed {
        world.change_statement(serial, |fields| {
            fields.labels = labels.unwrap_or_else(|| std::mem::take(&mut fields.labels));
            fields.baseline_cfu = wanted.baseline_cfu;
        });
    }
    let (name, uid) = (&statement.fixed.name, &statement.fixed.uid);
    match effect {
        UpdateEffect::Stop => {
            begin_stop(world, serial);
            world.record_effect(EffectKind::Stopped, name, uid);
        }
        UpdateEffect::SetStoppedOnly => {
            let purge = world.time.saturating_add(micros(ENDED_RETENTION));
            world.change_statement(serial, |fields| {
                fields.stopped = wanted.stopped;
                if wanted.stopped && fields.scheduled.iter().any(|(_, next)| *next == ScheduledTransition::EnterPending)
                {
                    // A resume was requested, but has not begun yet.
                    fields.schedule_only(purge, ScheduledTransition::Remove);
                }
            });
            world.record_effect(if wanted.stopped { EffectKind::Stopped } else { EffectKind::Resumed }, name, uid);
        }
        UpdateEffect::Resume => {
            if is_moved {
                world.change_statement(serial, |fields| {
                    fields.pool = wanted.pool;
                    fields.principal = wanted.principal;
                    fields.pending_move = None;
                });
            }
            begin_resume(world, serial);
            world.record_effect(EffectKind::Resumed, name, uid);
        }
        UpdateEffect::Move => {
            let at_rest = fields.phase == Phase::Stopped;
            world.change_statement(serial, |fields| {
                if at_rest {
                    fields.pool = wanted.pool;
                    fields.principal = wanted.principal;
                } else {
                    fields.pending_move = Some(Box::new((wanted.pool, wanted.principal)));
                }
            });
            world.record_effect(EffectKind::Updated, name, uid);
        }
        UpdateEffect::NoChange if other_fields_changed => world.record_effect(EffectKind::Updated, name, uid),
        // The version changes anyway, because it is not known whether the service compares the values.
        UpdateEffect::NoChange => world.change_statement(serial, |_| {}),
    }
    Ok(())
}

/// Returns the effect of an update, or the error with which the service rejects it.
fn update_effect(
    world: &SimulatedWorld,
    statement: &SimulatedStatement,
    wanted: &StatementUpdateRequest,
    is_moved: bool,
) -> Result<UpdateEffect, ApiError> {
    let switches = &world.options.switches;
    let fields = &statement.current;
    let name = &statement.fixed.name;
    let bad_request = |detail: String| Err(ApiError::new(400, detail));
    let by_policy = |policy: RequestPolicy, apply: UpdateEffect, detail: String| match policy {
        RequestPolicy::Apply => Ok(apply),
        RequestPolicy::Ignore => Ok(UpdateEffect::NoChange),
        RequestPolicy::Reject => bad_request(detail),
    };
    let resumable = statement.fixed.traits.behavior.is_resumable();
    if fields.phase == Phase::Deleting {
        return Err(ApiError::new(409, format!("Statement resource={name} is being deleted")));
    }
    let cannot_move = || format!("Statement {name} must be stopped before its compute pool or principal is changed.");
    match (fields.stopped, wanted.stopped, &fields.phase) {
        (_, true, _) if is_moved && fields.phase != Phase::Stopped => {
            by_policy(switches.move_running, UpdateEffect::Move, cannot_move())
        }
        (false, true, Phase::Pending) => by_policy(
            switches.stop_pending,
            UpdateEffect::Stop,
            format!("Statement {name} is PENDING and cannot be stopped."),
        ),
        (false, true, Phase::Completed | Phase::Failed) => {
            let detail = format!("Statement {name} is {} and cannot be stopped.", fields.phase);
            by_policy(switches.stop_ended, UpdateEffect::SetStoppedOnly, detail)
        }
        (false, true, Phase::Failing | Phase::Stopping | Phase::Stopped) => Ok(UpdateEffect::SetStoppedOnly),
        (false, true, _) => Ok(UpdateEffect::Stop),
        (true, false, Phase::Stopping) => {
            Err(ApiError::new(409, format!("Statement resource={name} is being stopped; resume it when it is STOPPED")))
        }
        (true, false, Phase::Completed) => Ok(UpdateEffect::SetStoppedOnly),
        (true, false, _) if !resumable => {
            let kind = &statement.fixed.traits.kind;
            by_policy(
                switches.resume_other_kind,
                UpdateEffect::Resume,
                format!("A statement of kind {kind} cannot be resumed."),
            )
        }
        (_, false, Phase::Failed) if resumable && switches.failed_resumable => Ok(UpdateEffect::Resume),
        (_, false, Phase::Failed) => bad_request(format!("Statement {name} is FAILED and cannot be resumed.")),
        (true, false, _) => Ok(UpdateEffect::Resume),
        (true, true, Phase::Stopped) if is_moved => by_policy(switches.move_stopped, UpdateEffect::Move, cannot_move()),
        (false, false, _) if is_moved => by_policy(switches.move_running, UpdateEffect::Move, cannot_move()),
        _ => Ok(UpdateEffect::NoChange),
    }
}
