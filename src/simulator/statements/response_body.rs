//! Statements as the API shows them: `sql.v1.Statement` and its list in the OpenAPI document, and a body seen live.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::{clock::rfc3339, options::Switches, sql_summary::StatementBehavior},
    lifecycle::PARTITIONS,
    statement::{MutableFields, SimulatedStatement},
};
use crate::resource::{Labels, Phase, Properties};

/// What `latest_offsets_timestamp` is while there are none: Go's zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// `sql.v1.Statement`.
#[derive(Serialize)]
pub(in crate::simulator) struct StatementBody<'a> {
    api_version: &'static str,
    environment_id: &'a str,
    kind: &'static str,
    metadata: MetadataBody<'a>,
    name: &'a str,
    organization_id: &'a str,
    spec: SpecBody<'a>,
    status: StatusBody<'a>,
}

#[derive(Serialize)]
struct MetadataBody<'a> {
    created_at: String,
    labels: &'a Labels,
    resource_version: String,
    #[serde(rename = "self")]
    this: String,
    uid: &'a str,
    updated_at: String,
}

#[derive(Serialize)]
struct SpecBody<'a> {
    compute_pool_id: &'a str,
    execution_mode: &'static str,
    principal: &'a str,
    properties: Option<&'a Properties<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling: Option<ScalingBody>,
    statement: &'a str,
    stopped: bool,
}

#[derive(Serialize)]
struct ScalingBody {
    baseline_cfu: u32,
}

#[derive(Serialize)]
struct StatusBody<'a> {
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    identity: String,
    latest_offsets: BTreeMap<&'a str, String>,
    latest_offsets_timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_kind: Option<&'static str>,
    phase: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_status: Option<ScalingStatusBody<'a>>,
    traits: Option<TraitsBody<'a>>,
    warnings: Vec<WarningBody<'a>>,
}

#[derive(Serialize)]
struct ScalingStatusBody<'a> {
    scaling_state: &'a str,
    last_updated: String,
}

#[derive(Serialize)]
struct TraitsBody<'a> {
    connection_refs: Vec<&'a str>,
    is_append_only: bool,
    is_bounded: bool,
    schema: Map<String, Value>,
    sql_kind: &'a str,
    upsert_columns: Option<Vec<u32>>,
}

#[derive(Serialize)]
struct WarningBody<'a> {
    created_at: String,
    message: &'a str,
    reason: &'a str,
    severity: &'a str,
}

/// The URL of a statement at the origin where it was asked for.
pub(in crate::simulator) fn statement_url(origin: &str, statement: &SimulatedStatement) -> String {
    let fixed = &statement.fixed;
    format!("{}/{}", statements_url(origin, &fixed.organization, &fixed.environment), fixed.name)
}

/// The URL of an environment's statements.
pub(in crate::simulator) fn statements_url(origin: &str, organization: &str, environment: &str) -> String {
    format!("{origin}/sql/v1/organizations/{organization}/environments/{environment}/statements")
}

/// `statement` as it is shown at `moment`, in the condition `now`.
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
            properties: fixed.properties.as_ref(),
            scaling: fields.baseline_cfu.map(|baseline_cfu| ScalingBody { baseline_cfu }),
            statement: &fixed.sql,
            stopped: fields.stopped,
        },
        status: status_body(statement, fields, switches),
    }
}

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
        // Confluent's client for Python takes a statement without traits for a FAILED one, and for nothing else.
        traits: (!fields.failed_to_compile || fields.phase != Phase::Failed).then(|| traits_body(statement, switches)),
        warnings: warnings.collect(),
    }
}

fn traits_body<'a>(statement: &'a SimulatedStatement, switches: &Switches) -> TraitsBody<'a> {
    let traits = &statement.fixed.traits;
    let mut schema = Map::new();
    if matches!(traits.behavior, StatementBehavior::Foreground | StatementBehavior::Introspection) {
        schema.insert("columns".to_owned(), json!([])); // Which columns there are is not known here.
    }
    let streaming = match traits.behavior {
        StatementBehavior::Job | StatementBehavior::Foreground => true,
        StatementBehavior::TableJob => !switches.bounded_table_job,
        StatementBehavior::Definition | StatementBehavior::Introspection | StatementBehavior::Unsupported => false,
    };
    TraitsBody {
        connection_refs: traits.connections.iter().map(String::as_str).collect(),
        is_append_only: true,
        is_bounded: !streaming || statement.fixed.is_snapshot_query(),
        schema,
        sql_kind: &traits.kind,
        upsert_columns: None,
    }
}

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

/// A count of records spread over the partitions, in the service's notation.
fn offsets_text(count: u64) -> String {
    let offset_in = |partition: u64| count.saturating_add(PARTITIONS - 1).saturating_sub(partition) / PARTITIONS;
    let parts: Vec<_> = (0..PARTITIONS).map(|p| format!("partition:{p},offset:{}", offset_in(p))).collect();
    parts.join(";")
}

/// The exceptions of a statement, `sql.v1.StatementExceptionList`: the last ten, the newest first.
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

/// The results of a statement: none, for data is not simulated.
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

/// Whether results can be fetched.
pub(in crate::simulator) fn has_results(phase: &Phase) -> bool {
    !matches!(phase, Phase::Pending | Phase::Deleting)
}
