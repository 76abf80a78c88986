//! Creates statements: validates a POST, fills in defaults, and handles dry runs.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::{
    super::{
        api_request::ApiRequest,
        audit::EffectKind,
        clock::micros,
        lifecycle::{self, ENDED_RETENTION},
        pools,
        response::{ApiError, ApiResponse},
        scenario::{ForcedOutcome, duration_from_seconds},
        sql_summary::SqlSummary,
        switches::{RequestPolicy, Switches},
        uuid::random_uuid,
        world::{
            FixedFields, MutableFields, ScheduledTransition, SimulatedStatement, SimulatedWorld, requests_dry_run,
        },
    },
    response_body::{self, statement_response},
};
use crate::resource::{InternedStr, Labels, Phase, Properties};

/// The most properties of a statement, according to the OpenAPI document.
const MAX_PROPERTIES: usize = 8192;
/// When the version changes without a request after a submission, in microseconds. A real one went from 1 to 5 within
/// 0.4 s.
const VERSION_BUMP_DELAYS: [i64; 3] = [120_000, 350_000, 900_000];

/// The attributes of a statement that a POST asks for.
struct NewStatementRequest {
    /// The name of the statement.
    name: String,
    /// The SQL exactly as submitted.
    sql: String,
    /// The properties, `None` if there were none.
    properties: Option<Properties<String>>,
    /// The labels of the statement.
    labels: Labels,
    /// Whether it should be created stopped.
    stopped: bool,
    /// The principal; by default the owner of the key.
    principal: Option<String>,
    /// The pool; by default the default pool.
    pool: Option<String>,
    /// The baseline of CFUs, if given.
    baseline_cfu: Option<u32>,
}

/// POST of a statement.
pub(super) fn create(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    organization: &str,
    environment: &str,
) -> Result<ApiResponse, ApiError> {
    let body = request.json_body()?;
    let switches = world.options.switches.clone();
    for (pointer, path_value) in [("/organization_id", organization), ("/environment_id", environment)] {
        if optional_text(&body, pointer)?.is_some_and(|body_value| body_value != path_value) {
            return Err(ApiError::new(400, format!("{pointer} differs from the path")).with_pointer(pointer));
        }
    }
    let submission = parse_submission(&body, &switches)?;
    if let Some(existing) = world.statement_named(environment, &submission.name) {
        return Err(name_taken(&submission.name, response_body::statement_url(&request.origin, existing), &switches));
    }
    if switches.statement_quota.is_some_and(|most| world.statement_count(environment) >= most) {
        let detail =
            format!("The number of statements in environment {environment} is currently limited to its quota.");
        return Err(ApiError::new(switches.quota_status, detail).with_code("quota_exceeded", "Quota Exceeded"));
    }
    let stopped = match (submission.stopped, switches.create_stopped) {
        (true, RequestPolicy::Reject) => return Err(ApiError::new(400, "A statement cannot be created stopped")),
        (stopped, policy) => stopped && policy == RequestPolicy::Apply,
    };
    let principal = submission.principal.unwrap_or_else(|| request.principal.clone());
    check_principal(world, &principal)?;
    let pool = match submission.pool {
        Some(pool) => check_pool(world, request, environment, &pool).map(|()| pool)?,
        // A dry run that is not stored needs no pool, so none is created for it.
        None if requests_dry_run(submission.properties.as_ref()) && !switches.dry_run_stored => {
            pools::existing_default_pool(world, request, environment).unwrap_or_default()
        }
        None => pools::ensure_default_pool(world, request, environment)?,
    };
    let mut fixed = FixedFields {
        organization: (*organization).into(),
        environment: (*environment).into(),
        name: submission.name,
        uid: String::new(),
        created_at: world.time,
        traits: SqlSummary::read(&submission.sql).traits,
        sql: submission.sql,
        properties: submission.properties,
    };
    let attributes = InitialAttributes {
        pool: pool.into(),
        principal: principal.into(),
        labels: submission.labels,
        stopped,
        baseline_cfu: submission.baseline_cfu,
    };
    let fields = initial_fields(world, &fixed, attributes);
    if fixed.is_dry_run() && !switches.dry_run_stored {
        return Ok(dry_run_response(world, request, fixed, fields));
    }
    fixed.uid = random_uuid(&mut world.next_random());
    let serial = add_created_statement(world, fixed, fields);
    let Some(statement) = world.statement(serial) else { return Err(ApiError::new(500, "Internal Server Error")) };
    let mut response = statement_response(world, request, 201, statement, &statement.current);
    response.headers.push("Location", response_body::statement_url(&request.origin, statement));
    Ok(response)
}

/// Parses and validates the body of a POST.
fn parse_submission(body: &Value, switches: &Switches) -> Result<NewStatementRequest, ApiError> {
    let name = optional_text(body, "/name")?.ok_or_else(|| missing_property("/name", switches))?;
    check_name(&name, switches)?;
    let sql = optional_text(body, "/spec/statement")?.filter(|sql| !sql.is_empty());
    let sql = sql.ok_or_else(|| missing_property("/spec/statement", switches))?;
    if sql.len() > switches.sql_limit {
        let detail = format!("This query is too large to process (exceeds {} bytes).", switches.sql_limit);
        return Err(invalid_property(switches, detail, "/spec/statement"));
    }
    let properties: Option<Properties<String>> = optional_map(body, "/spec/properties")?;
    if properties.as_ref().is_some_and(|properties| properties.len() > MAX_PROPERTIES) {
        let detail = format!("There are more than {MAX_PROPERTIES} properties.");
        return Err(invalid_property(switches, detail, "/spec/properties"));
    }
    Ok(NewStatementRequest {
        name,
        sql,
        properties,
        labels: optional_map(body, "/metadata/labels")?.unwrap_or_default(),
        stopped: optional_bool(body, "/spec/stopped")?.unwrap_or(false),
        principal: optional_text(body, "/spec/principal")?.filter(|principal| !principal.is_empty()),
        pool: optional_text(body, "/spec/compute_pool_id")?.filter(|pool| !pool.is_empty()),
        baseline_cfu: optional_number(body, "/spec/scaling/baseline_cfu")?,
    })
}

/// Returns the 409 for a name that is taken.
fn name_taken(name: &str, location: String, switches: &Switches) -> ApiError {
    let failure = ApiError::new(409, format!("Statement resource={name} already exists"))
        .with_code("resource_already_exists", "Resource Already exists");
    if switches.conflict_location { failure.with_header("Location", location) } else { failure }
}

/// Returns the result of a dry run in the response, without storing it, as Confluent's client for Python (0.7.0)
/// expects.
fn dry_run_response(
    world: &SimulatedWorld,
    request: &ApiRequest,
    fixed: FixedFields,
    fields: MutableFields,
) -> ApiResponse {
    let mut statement =
        SimulatedStatement { serial: 0, fixed: Box::new(fixed), current: Box::new(fields), previous: None };
    let forced = world.forced_outcome(&statement.fixed.name);
    match lifecycle::compile_statement(world, &statement, forced) {
        Ok(_) => statement.current.phase = Phase::Completed,
        Err(reason) => {
            statement.current.phase = Phase::Failed;
            statement.current.detail = reason;
            statement.current.failed_to_compile = true;
        }
    }
    statement_response(world, request, 201, &statement, &statement.current)
}

/// What a creation decides about the mutable fields of a statement.
struct InitialAttributes {
    /// The pool that the statement runs on.
    pool: InternedStr,
    /// The principal that it runs as.
    principal: InternedStr,
    /// The labels of the statement.
    labels: Labels,
    /// Whether it is created stopped.
    stopped: bool,
    /// The baseline of CFUs, if given.
    baseline_cfu: Option<u32>,
}

/// Returns the mutable fields of a new statement, which is PENDING, or STOPPED if it is created stopped.
fn initial_fields(world: &mut SimulatedWorld, fixed: &FixedFields, attributes: InitialAttributes) -> MutableFields {
    let InitialAttributes { pool, principal, labels, stopped, baseline_cfu } = attributes;
    let time = world.time;
    let durations = world.options.phase_durations;
    let mut due =
        world.jittered_due(if fixed.traits.behavior.is_resumable() { durations.start } else { durations.define });
    if let Some(ForcedOutcome::StartsAfter(after)) = world.forced_outcome(&fixed.name) {
        due = time.saturating_add(micros(duration_from_seconds(*after)));
    }
    let bumps: VecDeque<i64> = VERSION_BUMP_DELAYS.iter().map(|after| time.saturating_add(*after)).collect();
    MutableFields {
        pool,
        principal,
        pending_move: None,
        labels,
        stopped,
        phase: if stopped { Phase::Stopped } else { Phase::Pending },
        detail: String::new(),
        version: 4,
        version_bumps: if world.options.switches.early_version_bumps { bumps } else { VecDeque::new() },
        updated_at: time,
        scaling: None,
        baseline_cfu,
        warnings: Vec::new(),
        records_read: BTreeMap::new(),
        offsets_at: None,
        started_at: None,
        ended_at: stopped.then_some(time),
        executing: false,
        failed_to_compile: false,
        offsets_carried_over: false,
        waiting_for: None,
        exceptions: VecDeque::new(),
        scheduled: vec![if stopped {
            (time.saturating_add(micros(ENDED_RETENTION)), ScheduledTransition::Remove)
        } else {
            (due, ScheduledTransition::Start)
        }],
    }
}

/// Adds a statement and records its creation.
fn add_created_statement(world: &mut SimulatedWorld, fixed: FixedFields, fields: MutableFields) -> u64 {
    let (name, uid) = (fixed.name.clone(), fixed.uid.clone());
    let serial = world.add_statement(fixed, fields);
    world.record_effect(EffectKind::Created, &name, &uid);
    serial
}

/// Checks that a statement may run on this pool.
pub(super) fn check_pool(
    world: &SimulatedWorld,
    request: &ApiRequest,
    environment: &str,
    id: &str,
) -> Result<(), ApiError> {
    let pool = world.pool(id).filter(|pool| pool.environment == environment && pool.phase.as_str() != "DEPROVISIONING");
    let fits = pool.is_some_and(|pool| {
        request
            .cloud_and_region()
            .is_none_or(|(cloud, region)| pool.cloud.eq_ignore_ascii_case(cloud) && pool.region == region)
    });
    if fits { Ok(()) } else { Err(ApiError::new(400, format!("logical compute pool={id} not found"))) }
}

/// Checks a principal. A user that does not exist is rejected at once, while a service account makes the statement
/// FAIL later.
pub(super) fn check_principal(world: &SimulatedWorld, principal: &str) -> Result<(), ApiError> {
    let known = world.options.principals.as_ref().is_none_or(|known| known.contains(principal));
    if known || principal.starts_with("sa-") { Ok(()) } else { Err(ApiError::new(400, "Bad Request")) }
}

/// Checks the name of a statement.
fn check_name(name: &str, switches: &Switches) -> Result<(), ApiError> {
    let limit = if switches.strict_names { 72 } else { 100 };
    let word = |part: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        ends(part.chars().next())
            && ends(part.chars().last())
            && part.chars().all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let valid = if switches.strict_names { word(name) } else { name.split('.').all(word) };
    if valid && name.len() <= limit {
        return Ok(());
    }
    let detail = format!(
        "The name '{name}' is invalid: it must have at most {limit} characters, only lower-case letters, digits and \
         hyphens, and begin and end with a letter or digit."
    );
    Err(invalid_property(switches, detail, "/name"))
}

/// Returns the error for a property with an invalid value.
fn invalid_property(switches: &Switches, detail: String, pointer: &str) -> ApiError {
    ApiError::new(switches.invalid_status, detail)
        .with_code("invalid_configuration", "Validation Failed")
        .with_pointer(pointer)
}

/// Returns the error for a required property that is missing.
fn missing_property(pointer: &str, switches: &Switches) -> ApiError {
    invalid_property(switches, format!("The property '{pointer}' is required."), pointer)
}

/// Returns the 400 for a property of the wrong type.
fn wrong_type(pointer: &str, expected: &str) -> ApiError {
    ApiError::new(400, format!("The property '{pointer}' must be {expected}.")).with_pointer(pointer)
}

/// Returns the string at `pointer`; `None` if it is absent or null.
pub(super) fn optional_text(body: &Value, pointer: &str) -> Result<Option<String>, ApiError> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong_type(pointer, "a string")),
    }
}

/// Returns the boolean at `pointer`; `None` if it is absent or null.
pub(super) fn optional_bool(body: &Value, pointer: &str) -> Result<Option<bool>, ApiError> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(wrong_type(pointer, "true or false")),
    }
}

/// Returns the whole number at `pointer`; `None` if it is absent or null.
pub(super) fn optional_number(body: &Value, pointer: &str) -> Result<Option<u32>, ApiError> {
    match body.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number.map(Some).ok_or_else(|| wrong_type(pointer, "a whole number"))
        }
    }
}

/// Returns the map of strings at `pointer`; `None` if it is absent or null.
pub(super) fn optional_map<M: FromIterator<(String, String)>>(
    body: &Value,
    pointer: &str,
) -> Result<Option<M>, ApiError> {
    let entries = match body.pointer(pointer) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(wrong_type(pointer, "a map of strings")),
    };
    let entry = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    entries.iter().map(entry).collect::<Option<_>>().map(Some).ok_or_else(|| wrong_type(pointer, "a map of strings"))
}

/// Deletes a statement and creates it again at once, as another client would.
pub(in crate::simulator) fn recreate_statement(world: &mut SimulatedWorld, serial: u64, sql: Option<String>) {
    let Some(old) = world.remove_statement(serial) else { return };
    let (name, uid) = (old.fixed.name.clone(), old.fixed.uid.clone());
    world.record_effect(EffectKind::Deleted, &name, &uid);
    let sql = sql.unwrap_or(old.fixed.sql);
    let traits = SqlSummary::read(&sql).traits;
    let fixed =
        FixedFields { uid: random_uuid(&mut world.next_random()), created_at: world.time, traits, sql, ..*old.fixed };
    let old = *old.current;
    let attributes = InitialAttributes {
        pool: old.pool,
        principal: old.principal,
        labels: old.labels,
        stopped: false,
        baseline_cfu: old.baseline_cfu,
    };
    let fields = initial_fields(world, &fixed, attributes);
    add_created_statement(world, fixed, fields);
}
