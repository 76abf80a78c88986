//! Statements as the API shows them: `sql.v1.Statement` and its list in the OpenAPI document, and a body seen live.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    super::{clock::rfc3339, options::Switches, reading::Sort},
    life::PARTITIONS,
    record::{Now, Statement},
};
use crate::resource::{Phase, SmallMap};

/// What `latest_offsets_timestamp` is while there are none: Go's zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// `sql.v1.Statement`.
#[derive(Serialize)]
pub(in crate::simulator) struct Shown<'a> {
    api_version: &'static str,
    environment_id: &'a str,
    kind: &'static str,
    metadata: Metadata<'a>,
    name: &'a str,
    organization_id: &'a str,
    spec: Spec<'a>,
    status: Status<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    created_at: String,
    labels: &'a SmallMap<String>,
    resource_version: String,
    #[serde(rename = "self")]
    this: String,
    uid: &'a str,
    updated_at: String,
}

#[derive(Serialize)]
struct Spec<'a> {
    compute_pool_id: &'a str,
    execution_mode: &'static str,
    principal: &'a str,
    properties: Option<&'a SmallMap<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling: Option<Scaling>,
    statement: &'a str,
    stopped: bool,
}

#[derive(Serialize)]
struct Scaling {
    baseline_cfu: u32,
}

#[derive(Serialize)]
struct Status<'a> {
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
    scaling_status: Option<ScalingStatus<'a>>,
    traits: Option<Traits<'a>>,
    warnings: Vec<Warned<'a>>,
}

#[derive(Serialize)]
struct ScalingStatus<'a> {
    scaling_state: &'a str,
    last_updated: String,
}

#[derive(Serialize)]
struct Traits<'a> {
    connection_refs: Vec<&'a str>,
    is_append_only: bool,
    is_bounded: bool,
    schema: Map<String, Value>,
    sql_kind: &'a str,
    upsert_columns: Option<Vec<u32>>,
}

#[derive(Serialize)]
struct Warned<'a> {
    created_at: String,
    message: &'a str,
    reason: &'a str,
    severity: &'a str,
}

/// The URL of a statement at the origin where it was asked for.
pub(in crate::simulator) fn url(origin: &str, statement: &Statement) -> String {
    let born = &statement.born;
    format!("{}/{}", collection(origin, &born.organization, &born.environment), born.name)
}

/// The URL of an environment's statements.
pub(in crate::simulator) fn collection(origin: &str, organization: &str, environment: &str) -> String {
    format!("{origin}/sql/v1/organizations/{organization}/environments/{environment}/statements")
}

/// `statement` as it is shown at `moment`, in the condition `now`.
pub(in crate::simulator) fn shown<'a>(
    statement: &'a Statement,
    now: &'a Now,
    origin: &str,
    moment: i64,
    switches: &Switches,
) -> Shown<'a> {
    let born = &statement.born;
    let (version, updated) = now.version_at(moment);
    Shown {
        api_version: "sql/v1",
        environment_id: &born.environment,
        kind: "Statement",
        metadata: Metadata {
            created_at: rfc3339(born.created),
            labels: &now.labels,
            resource_version: version.to_string(),
            this: url(origin, statement),
            uid: &born.uid,
            updated_at: rfc3339(updated),
        },
        name: &born.name,
        organization_id: &born.organization,
        spec: Spec {
            compute_pool_id: &now.pool,
            execution_mode: if born.snapshot() { "BATCH" } else { "STREAMING" },
            principal: &now.principal,
            properties: born.properties.as_ref(),
            scaling: now.baseline_cfu.map(|baseline_cfu| Scaling { baseline_cfu }),
            statement: &born.sql,
            stopped: now.stopped,
        },
        status: status(statement, now, switches),
    }
}

fn status<'a>(statement: &'a Statement, now: &'a Now, switches: &Switches) -> Status<'a> {
    let ended = now.ended.filter(|_| switches.ended_fields);
    let shows_offsets = now.offsets_at.is_some();
    let offsets = now.read.iter().filter(|_| shows_offsets).map(|(topic, count)| (topic.as_str(), offsets(*count)));
    let warnings = now.warnings.iter().map(|alarm| Warned {
        created_at: rfc3339(alarm.at),
        message: &alarm.message,
        reason: &alarm.reason,
        severity: &alarm.severity,
    });
    Status {
        detail: &now.detail,
        duration: ended.zip(now.began).map(|(ended, began)| {
            let seconds = ended.saturating_sub(began).div_euclid(1_000_000);
            format!("PT{seconds}S")
        }),
        end_time: ended.map(rfc3339),
        identity: identity(&statement.born.organization, &now.principal),
        latest_offsets: offsets.collect(),
        latest_offsets_timestamp: now.offsets_at.map_or_else(|| ZERO_TIME.to_owned(), rfc3339),
        network_kind: switches.network_kind_shown.then_some("PUBLIC"),
        phase: now.phase.as_str(),
        scaling_status: now
            .scaling
            .as_ref()
            .filter(|_| switches.scaling_status_shown)
            .map(|(state, at)| ScalingStatus { scaling_state: state, last_updated: rfc3339(*at) }),
        // Confluent's client for Python takes a statement without traits for a FAILED one, and for nothing else.
        traits: (!now.invalid || now.phase != Phase::Failed).then(|| traits(statement, switches)),
        warnings: warnings.collect(),
    }
}

fn traits<'a>(statement: &'a Statement, switches: &Switches) -> Traits<'a> {
    let held = &statement.born.traits;
    let mut schema = Map::new();
    if matches!(held.sort, Sort::Foreground | Sort::Inquiry) {
        schema.insert("columns".to_owned(), json!([])); // Which columns there are is not known here.
    }
    let streaming = match held.sort {
        Sort::Job | Sort::Foreground => true,
        Sort::TableJob => !switches.bounded_table_job,
        Sort::Definition | Sort::Inquiry | Sort::Refused => false,
    };
    Traits {
        connection_refs: held.connections.iter().map(String::as_str).collect(),
        is_append_only: true,
        is_bounded: !streaming || statement.born.snapshot(),
        schema,
        sql_kind: &held.kind,
        upsert_columns: None,
    }
}

fn identity(organization: &str, principal: &str) -> String {
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
fn offsets(count: u64) -> String {
    let of = |partition: u64| count.saturating_add(PARTITIONS - 1).saturating_sub(partition) / PARTITIONS;
    let parts: Vec<_> = (0..PARTITIONS).map(|p| format!("partition:{p},offset:{}", of(p))).collect();
    parts.join(";")
}

/// The exceptions of a statement, `sql.v1.StatementExceptionList`: the last ten, the newest first.
pub(in crate::simulator) fn exceptions(statement: &Statement, origin: &str) -> Value {
    let data: Vec<_> = statement.now.exceptions.iter().map(|(name, message, at)| {
        json!({ "kind": "StatementException", "name": name, "message": message, "timestamp": rfc3339(*at) })
    }).collect();
    json!({
        "api_version": "sql/v1", "kind": "StatementExceptionList",
        "metadata": { "self": format!("{}/exceptions", url(origin, statement)) },
        "data": data,
    })
}

/// The results of a statement: none, for data is not simulated.
pub(in crate::simulator) fn results(statement: &Statement, origin: &str) -> Value {
    json!({
        "api_version": "sql/v1", "kind": "StatementResult",
        "metadata": {
            "self": format!("{}/results", url(origin, statement)), "next": "",
            "created_at": rfc3339(statement.born.created),
        },
        "results": { "data": [] },
    })
}

/// Whether results can be fetched.
pub(in crate::simulator) fn has_results(phase: &Phase) -> bool {
    !matches!(phase, Phase::Pending | Phase::Deleting)
}
