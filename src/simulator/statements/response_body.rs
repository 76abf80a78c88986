//! The API's JSON for statements: `sql.v1.Statement` and its list from the OpenAPI document, and a body recorded from
//! the live service.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::{
    api_request::ApiRequest,
    clock::rfc3339,
    response::{ApiResponse, json_response},
    sql_summary::StatementBehavior,
    switches::Switches,
    world::{MutableFields, SimulatedStatement, SimulatedWorld},
};
use crate::{
    resource::{Labels, Phase, Properties, properties},
    sql,
};

/// The number of partitions of every topic.
const PARTITIONS: u64 = 2;
/// The value of `latest_offsets_timestamp` while there are no offsets: Go's zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// The API's `sql.v1.Statement` object.
#[derive(Serialize)]
pub(in crate::simulator) struct StatementBody<'a> {
    /// The version of the API, always `sql/v1`.
    api_version: &'static str,
    /// The environment that holds the statement.
    environment_id: &'a str,
    /// The kind of the object, always `Statement`.
    kind: &'static str,
    /// The metadata that the service maintains.
    metadata: MetadataBody<'a>,
    /// The name of the statement.
    name: &'a str,
    /// The organization of the environment.
    organization_id: &'a str,
    /// The desired state of the statement.
    spec: SpecBody<'a>,
    /// The observed state of the statement.
    status: StatusBody<'a>,
}

/// The `metadata` of a statement.
#[derive(Serialize)]
struct MetadataBody<'a> {
    /// When the statement was created, in RFC 3339.
    created_at: String,
    /// The labels of the statement.
    labels: &'a Labels,
    /// The version that a PUT must repeat.
    resource_version: String,
    /// The URL of the statement.
    #[serde(rename = "self")]
    this: String,
    /// The `uid` of the statement.
    uid: &'a str,
    /// When the statement last changed, in RFC 3339.
    updated_at: String,
}

/// The `spec` of a statement.
#[derive(Serialize)]
struct SpecBody<'a> {
    /// The pool that the statement runs on.
    compute_pool_id: &'a str,
    /// The execution mode, `BATCH` or `STREAMING`.
    execution_mode: &'static str,
    /// The principal that the statement runs as.
    principal: &'a str,
    /// The properties as submitted, with the defaults if the service normalizes; `null` if there are none.
    properties: Option<Cow<'a, Properties<String>>>,
    /// The scaling that was requested, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling: Option<ScalingBody>,
    /// The SQL as submitted, or trimmed if the service normalizes.
    statement: &'a str,
    /// Whether the statement should be stopped.
    stopped: bool,
}

/// The `spec.scaling` of a statement.
#[derive(Serialize)]
struct ScalingBody {
    /// The smallest number of CFUs that was requested.
    baseline_cfu: u32,
}

/// The `status` of a statement.
#[derive(Serialize)]
struct StatusBody<'a> {
    /// The service's message about the phase.
    detail: &'a str,
    /// How long the last run took, in ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    /// When the statement ended, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    /// The resource name of the principal.
    identity: String,
    /// The offsets of each topic, present once stopped.
    latest_offsets: BTreeMap<&'a str, String>,
    /// When the offsets were taken, in RFC 3339.
    latest_offsets_timestamp: String,
    /// The kind of network, always `PUBLIC` if shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    network_kind: Option<&'static str>,
    /// The current phase of the statement.
    phase: &'a str,
    /// The state of scaling, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_status: Option<ScalingStatusBody<'a>>,
    /// The traits, `null` if the SQL did not compile.
    traits: Option<TraitsBody<'a>>,
    /// The warnings of the service.
    warnings: Vec<WarningBody<'a>>,
}

/// The `status.scaling_status` of a statement.
#[derive(Serialize)]
struct ScalingStatusBody<'a> {
    /// The state, such as `OK` or `POOL_EXHAUSTED`.
    scaling_state: &'a str,
    /// When the state was entered, in RFC 3339.
    last_updated: String,
}

/// The `status.traits` of a statement.
#[derive(Serialize)]
struct TraitsBody<'a> {
    /// The connections that the SQL names.
    connection_refs: Vec<&'a str>,
    /// Whether the result is append-only; always true here.
    is_append_only: bool,
    /// Whether the result is bounded.
    is_bounded: bool,
    /// The schema of the results, without columns here.
    schema: Map<String, Value>,
    /// The API's name of the statement's kind.
    sql_kind: &'a str,
    /// The columns of an upsert key; always `null` here.
    upsert_columns: Option<Vec<u32>>,
}

/// One of the `status.warnings` of a statement.
#[derive(Serialize)]
struct WarningBody<'a> {
    /// When the warning was created, in RFC 3339.
    created_at: String,
    /// The text of the warning.
    message: &'a str,
    /// The machine-readable reason of the warning.
    reason: &'a str,
    /// The severity, such as `CRITICAL`.
    severity: &'a str,
}

/// Returns the URL of a statement at the origin of the request.
pub(in crate::simulator) fn statement_url(origin: &str, statement: &SimulatedStatement) -> String {
    let fixed = &statement.fixed;
    format!("{}/{}", statements_url(origin, &fixed.organization, &fixed.environment), fixed.name)
}

/// Returns the URL of an environment's statements.
pub(in crate::simulator) fn statements_url(origin: &str, organization: &str, environment: &str) -> String {
    format!("{origin}/sql/v1/organizations/{organization}/environments/{environment}/statements")
}

/// Returns the body of `statement` at `time`, with the given mutable fields.
pub(in crate::simulator) fn statement_body<'a>(
    statement: &'a SimulatedStatement,
    fields: &'a MutableFields,
    origin: &str,
    time: i64,
    switches: &Switches,
) -> StatementBody<'a> {
    let fixed = &statement.fixed;
    let (version, updated_at) = fields.version_at(time);
    StatementBody {
        api_version: "sql/v1",
        environment_id: &fixed.environment,
        kind: "Statement",
        metadata: MetadataBody {
            created_at: rfc3339(fixed.created_at),
            labels: &fields.labels,
            resource_version: version.to_string(),
            this: statement_url(origin, statement),
            uid: &fixed.uid,
            updated_at: rfc3339(updated_at),
        },
        name: &fixed.name,
        organization_id: &fixed.organization,
        spec: SpecBody {
            compute_pool_id: &fields.pool,
            execution_mode: if fixed.is_snapshot_query() { "BATCH" } else { "STREAMING" },
            principal: &fields.principal,
            properties: shown_properties(statement, switches),
            scaling: fields.baseline_cfu.map(|baseline_cfu| ScalingBody { baseline_cfu }),
            statement: if switches.normalizes { sql::statement_body(&fixed.sql) } else { &fixed.sql },
            stopped: fields.stopped,
        },
        status: status_body(statement, fields, switches),
    }
}

/// Returns the properties that a response shows.
fn shown_properties<'a>(statement: &'a SimulatedStatement, switches: &Switches) -> Option<Cow<'a, Properties<String>>> {
    let submitted = statement.fixed.properties.as_ref();
    if !switches.normalizes {
        return submitted.map(Cow::Borrowed);
    }
    let mut shown = submitted.cloned().unwrap_or_default();
    let catalog = &*statement.fixed.environment;
    let defaults = [
        (properties::CURRENT_CATALOG, catalog),
        (properties::CURRENT_DATABASE, "cluster_0"),
        (properties::LOCAL_TIME_ZONE, "UTC"),
    ];
    for (key, value) in defaults {
        if !shown.contains_key(key) {
            shown.insert(key.into(), value.to_owned());
        }
    }
    Some(Cow::Owned(shown))
}

/// Returns the `status` of a statement.
fn status_body<'a>(
    statement: &'a SimulatedStatement,
    fields: &'a MutableFields,
    switches: &Switches,
) -> StatusBody<'a> {
    let ended_at = fields.ended_at.filter(|_| switches.ended_fields);
    let shows_offsets = fields.offsets_at.is_some();
    let offsets = fields
        .records_read
        .iter()
        .filter(|_| shows_offsets)
        .map(|(topic, count)| (topic.as_str(), offsets_text(*count)));
    let warnings = fields.warnings.iter().map(|warning| WarningBody {
        created_at: rfc3339(warning.created_at),
        message: &warning.message,
        reason: &warning.reason,
        severity: &warning.severity,
    });
    StatusBody {
        detail: &fields.detail,
        duration: ended_at.zip(fields.started_at).map(|(ended, began)| {
            let seconds = ended.saturating_sub(began).div_euclid(1_000_000);
            format!("PT{seconds}S")
        }),
        end_time: ended_at.map(rfc3339),
        identity: identity_of(&statement.fixed.organization, &fields.principal),
        latest_offsets: offsets.collect(),
        latest_offsets_timestamp: fields.offsets_at.map_or_else(|| ZERO_TIME.to_owned(), rfc3339),
        network_kind: switches.network_kind_shown.then_some("PUBLIC"),
        phase: fields.phase.as_str(),
        scaling_status: fields
            .scaling
            .as_ref()
            .filter(|_| switches.scaling_status_shown)
            .map(|(state, at)| ScalingStatusBody { scaling_state: state, last_updated: rfc3339(*at) }),
        // Confluent's client for Python takes a statement without traits to be FAILED, so only FAILED ones lack them.
        traits: (!fields.failed_to_compile || fields.phase != Phase::Failed).then(|| traits_body(statement, switches)),
        warnings: warnings.collect(),
    }
}

/// Returns the traits of a statement.
fn traits_body<'a>(statement: &'a SimulatedStatement, switches: &Switches) -> TraitsBody<'a> {
    let traits = &statement.fixed.traits;
    let mut schema = Map::new();
    if matches!(traits.behavior, StatementBehavior::Foreground | StatementBehavior::Introspection) {
        schema.insert("columns".to_owned(), json!([])); // The simulator does not know the columns.
    }
    let streaming = match traits.behavior {
        StatementBehavior::Job | StatementBehavior::Foreground => true,
        StatementBehavior::TableJob => !switches.bounded_table_job,
        StatementBehavior::Definition | StatementBehavior::Introspection | StatementBehavior::Unsupported => false,
    };
    TraitsBody {
        connection_refs: traits.connections.iter().map(String::as_str).collect(),
        is_append_only: true,
        is_bounded: !streaming || statement.fixed.is_snapshot_query() || traits.bounded,
        schema,
        sql_kind: &traits.kind,
        upsert_columns: None,
    }
}

/// Returns the resource name of a principal.
fn identity_of(organization: &str, principal: &str) -> String {
    if principal.starts_with("crn:") {
        return principal.to_owned();
    }
    let kind = match principal.split_once('-') {
        Some(("sa", _)) => "service-account",
        Some(("pool", _)) => "identity-pool",
        _ => "user",
    };
    format!("crn://confluent.cloud/organization={organization}/{kind}={principal}")
}

/// Formats a number of records, spread over the partitions, in the service's notation for offsets.
fn offsets_text(count: u64) -> String {
    let offset_in = |partition: u64| count.saturating_add(PARTITIONS - 1).saturating_sub(partition) / PARTITIONS;
    let parts: Vec<_> = (0..PARTITIONS).map(|p| format!("partition:{p},offset:{}", offset_in(p))).collect();
    parts.join(";")
}

/// Returns the exceptions of a statement as `sql.v1.StatementExceptionList`: the last ten, newest first.
pub(in crate::simulator) fn exceptions_body(statement: &SimulatedStatement, origin: &str) -> Value {
    let data: Vec<_> = statement.current.exceptions.iter().map(|(name, message, at)| {
        json!({ "kind": "StatementException", "name": name, "message": message, "timestamp": rfc3339(*at) })
    }).collect();
    json!({
        "api_version": "sql/v1", "kind": "StatementExceptionList",
        "metadata": { "self": format!("{}/exceptions", statement_url(origin, statement)) },
        "data": data,
    })
}

/// Returns the results of a statement. They are empty, because data is not simulated.
pub(in crate::simulator) fn results_body(statement: &SimulatedStatement, origin: &str) -> Value {
    json!({
        "api_version": "sql/v1", "kind": "StatementResult",
        "metadata": {
            "self": format!("{}/results", statement_url(origin, statement)), "next": "",
            "created_at": rfc3339(statement.fixed.created_at),
        },
        "results": { "data": [] },
    })
}

/// Returns whether results can be fetched in this phase.
pub(in crate::simulator) fn has_results(phase: &Phase) -> bool {
    !matches!(phase, Phase::Pending | Phase::Deleting)
}

/// Returns a response with the statement as `fields` describe it.
pub(super) fn statement_response(
    world: &SimulatedWorld,
    request: &ApiRequest,
    status: u16,
    statement: &SimulatedStatement,
    fields: &MutableFields,
) -> ApiResponse {
    json_response(status, &statement_body(statement, fields, &request.origin, world.time, &world.options.switches))
}
