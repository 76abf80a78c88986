//! Compares what floe and the simulator send with the shapes of the API. The shapes are written by hand from the
//! facts of its OpenAPI documents (`sql/v1` and `fcpm/v2`), so that a field that both misspell is noticed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use floe::{
    cloud::{BoxFuture, Headers, HttpRequest, HttpResponse, Method, NewStatement, Transport, TransportError},
    resource::{Labels, Properties},
    resource::{Phase, Pool, PoolPhase, PoolUpdate, StatementUpdate, WarningSeverity},
    simulator::{OutOfBandChange, Simulator},
};
use serde_json::{Value, json};

use crate::test_project::{self, TestProject};

/// Records every exchange with the simulator, or answers from a script.
#[derive(Clone)]
struct RecordingTransport {
    /// The simulator that answers, if there is no script.
    simulator: Option<Simulator>,
    /// The statuses and bodies of the scripted responses, in order.
    script: Arc<Mutex<Vec<(u16, Value)>>>,
    /// The exchanges so far, in order.
    exchanges: Arc<Mutex<Vec<(HttpRequest, HttpResponse)>>>,
}

impl Transport for RecordingTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let response = match &self.simulator {
                Some(simulator) => simulator.send(request.clone()).await?,
                None => {
                    let (status, body) = self.script.lock().unwrap().remove(0);
                    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
                    HttpResponse { status, headers: Headers::default(), body }
                }
            };
            self.exchanges.lock().unwrap().push((request, response.clone()));
            Ok(response)
        })
    }
}

impl RecordingTransport {
    /// Returns a transport that records the exchanges with the project's simulator.
    fn recording(project: &TestProject) -> RecordingTransport {
        RecordingTransport {
            simulator: Some(project.simulator.clone()),
            script: Arc::default(),
            exchanges: Arc::default(),
        }
    }

    /// Returns a transport that answers from `script`.
    fn scripted(script: Vec<(u16, Value)>) -> RecordingTransport {
        RecordingTransport { simulator: None, script: Arc::new(Mutex::new(script)), exchanges: Arc::default() }
    }

    /// Returns the last request and its response.
    fn last_exchange(&self) -> (HttpRequest, HttpResponse) {
        self.exchanges.lock().unwrap().last().unwrap().clone()
    }

    /// Returns the method, the URL and the body of the last request.
    fn last_sent(&self) -> (Method, String, Value) {
        let (request, _) = self.last_exchange();
        let url = request.url.replace("00000000-0000-0000-0000-000000000000", "ORG");
        (request.method, url, body(&request.body))
    }

    /// Returns the status and the body of the last response.
    fn last_received(&self) -> (u16, Value) {
        let (_, response) = self.last_exchange();
        (response.status, body(&response.body))
    }
}

/// Returns `bytes` as JSON, or null if there are none.
fn body(bytes: &[u8]) -> Value {
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(bytes).unwrap() }
}

/// The URL of the list of statements.
const STATEMENTS: &str =
    "https://flink.us-east-1.aws.confluent.cloud/sql/v1/organizations/ORG/environments/env-sim/statements";
/// The URL of the list of pools.
const POOLS: &str = "https://api.confluent.cloud/fcpm/v2/compute-pools";

/// Asserts that `value` has exactly the fields of `shape`, each with its type. A `?` marks a field that may be absent
/// or null.
fn assert_matches_shape(value: &Value, shape: &Value, place: &str) {
    match (shape, value) {
        (Value::String(kind), _) => {
            let (kind, optional) = match kind.strip_suffix('?') {
                Some(kind) => (kind, true),
                None => (kind.as_str(), false),
            };
            let fits = match kind {
                "string" => value.is_string(),
                "int" => value.is_u64(),
                "bool" => value.is_boolean(),
                "map" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
                "object" => value.is_object(),
                "time" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                "url" => value.as_str().is_some_and(|text| text.starts_with("https://")),
                other => panic!("unknown type `{other}` in a shape"),
            };
            assert!(fits || (optional && value.is_null()), "{place} is {value} instead of {kind}");
        }
        (Value::Object(shape), Value::Object(fields)) => {
            for (name, shape) in shape {
                assert_matches_shape(fields.get(name).unwrap_or(&Value::Null), shape, &format!("{place}.{name}"));
            }
            let unknown: Vec<_> = fields.keys().filter(|name| !shape.contains_key(*name)).collect();
            assert!(unknown.is_empty(), "{place} has the fields {unknown:?}, which the API does not have");
        }
        (Value::Array(shape), Value::Array(items)) => {
            items.iter().for_each(|item| assert_matches_shape(item, &shape[0], &format!("{place}[]")));
        }
        _ => panic!("{place} is {value} instead of {shape}"),
    }
}

/// Returns the shape of `sql.v1.Statement` in the response to a GET.
fn statement_shape() -> Value {
    json!({
        "api_version": "string", "kind": "string", "name": "string", "organization_id": "string",
        "environment_id": "string",
        "metadata": {
            "self": "url", "resource_name": "string?", "created_at": "time", "updated_at": "time", "uid": "string",
            "resource_version": "string", "labels": "map"
        },
        "spec": {
            "statement": "string", "properties": "map?", "compute_pool_id": "string", "principal": "string",
            "stopped": "bool", "execution_mode": "string?", "scaling": "object?"
        },
        "status": {
            "phase": "string", "detail": "string?", "network_kind": "string?", "identity": "string?",
            "scaling_status": "object?", "state_limit_status": "object?", "traits": "object?",
            "latest_offsets": "map?", "latest_offsets_timestamp": "time?",
            "warnings": [{ "severity": "string", "created_at": "time", "reason": "string", "message": "string" }]
        },
        "result": "object?"
    })
}

/// Returns the shape of `fcpm.v2.ComputePool`.
fn pool_shape() -> Value {
    json!({
        "api_version": "string", "kind": "string", "id": "string",
        "metadata": {
            "self": "url", "resource_name": "string", "created_at": "time", "updated_at": "time", "deleted_at": "time?"
        },
        "spec": {
            "display_name": "string", "cloud": "string", "region": "string", "max_cfu": "int", "default_pool": "bool?",
            "enable_ai": "bool?", "http_endpoint": "string?",
            "environment": { "id": "string", "related": "string?", "resource_name": "string?", "environment": "string?" },
            "network": "object?"
        },
        "status": { "phase": "string", "current_cfu": "int" }
    })
}

/// Returns a pool that can be created.
fn pool() -> Pool {
    Pool { max_cfu: 10, cloud: "AWS".to_owned(), ..test_project::pool("main") }
}

/// Returns a statement that can be submitted to `pool`.
fn new_statement(name: &str, pool: &str) -> NewStatement {
    NewStatement {
        name: name.to_owned(),
        sql: "INSERT INTO b SELECT * FROM a;\n".to_owned(),
        properties: Properties::from_iter([("sql.current-catalog".to_owned(), "prod".to_owned())]),
        pool: Some(pool.to_owned()),
        principal: Some("sa-1".to_owned()),
        stopped: false,
        labels: Labels::from_iter([("user.confluent.io/project".to_owned(), "clicks".to_owned())]),
    }
}

#[tokio::test(start_paused = true)]
async fn pools_are_created_read_listed_changed_and_deleted_in_the_format_of_the_api() {
    let project = TestProject::with_statements("");
    let tap = RecordingTransport::recording(&project);
    let cloud = project.cloud_through(Arc::new(tap.clone()));
    let id = cloud.create_pool(&pool()).await.unwrap().id;
    let spec = json!({
        "display_name": "main", "cloud": "AWS", "region": "us-east-1", "max_cfu": 10, "environment": { "id": "env-sim" }
    });
    assert_eq!(tap.last_sent(), (Method::POST, POOLS.to_owned(), json!({ "spec": spec })));
    assert_eq!(tap.last_received().0, 202);
    assert_matches_shape(&tap.last_received().1, &pool_shape(), "created");
    assert_eq!(tap.last_received().1.pointer("/status/phase"), Some(&json!("PROVISIONING")));

    cloud.list_pools().await.unwrap();
    let (method, url, sent) = tap.last_sent();
    assert_eq!((method, sent), (Method::GET, Value::Null));
    assert!(url.starts_with(&format!("{POOLS}?environment=env-sim")) && url.contains("page_size=100"), "{url}");
    let (status, list) = tap.last_received();
    assert_eq!((status, &list["kind"], &list["api_version"]), (200, &json!("ComputePoolList"), &json!("fcpm/v2")));
    assert_matches_shape(&list["data"], &json!([pool_shape()]), "list");

    cloud.update_pool(&id, &PoolUpdate { max_cfu: Some(20), display_name: None }).await.unwrap();
    let (method, url, sent) = tap.last_sent();
    assert_eq!((method, url), (Method::PATCH, format!("{POOLS}/{id}")));
    assert_eq!(sent, json!({ "spec": { "max_cfu": 20, "environment": { "id": "env-sim" } } }));
    assert_eq!(tap.last_received().0, 200);

    cloud.delete_pool(&id).await.unwrap();
    assert_eq!(tap.last_sent(), (Method::DELETE, format!("{POOLS}/{id}?environment=env-sim"), Value::Null));
    assert_eq!(tap.last_received(), (204, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn statements_are_submitted_read_stopped_and_deleted_in_the_format_of_the_api() {
    let project = TestProject::with_statements("");
    let tap = RecordingTransport::recording(&project);
    let cloud = project.cloud_through(Arc::new(tap.clone()));
    let pool = cloud.create_pool(&pool()).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(300)).await;

    cloud.submit_statement(&new_statement("copy", &pool)).await.unwrap();
    let (method, url, sent) = tap.last_sent();
    assert_eq!((method, url.as_str()), (Method::POST, STATEMENTS));
    assert_eq!(
        (&sent["name"], &sent["spec"]["statement"]),
        (&json!("copy"), &json!("INSERT INTO b SELECT * FROM a;\n"))
    );
    assert_eq!(sent["spec"]["properties"], json!({ "sql.current-catalog": "prod" }));
    assert_eq!((&sent["spec"]["compute_pool_id"], &sent["spec"]["principal"]), (&json!(pool), &json!("sa-1")));
    assert_eq!(sent["metadata"]["labels"], json!({ "user.confluent.io/project": "clicks" }));
    let known = ["name", "spec", "metadata", "organization_id", "environment_id"];
    assert!(sent.as_object().unwrap().keys().all(|field| known.contains(&field.as_str())), "{sent}");
    assert_eq!(tap.last_received().0, 201);
    assert_matches_shape(&tap.last_received().1, &statement_shape(), "created");
    tokio::time::sleep(Duration::from_secs(60)).await;

    project
        .simulator
        .apply_out_of_band(OutOfBandChange::Warn("copy".into(), "MODERATE".into(), "state grows".into()))
        .unwrap();
    let fetched = cloud.fetch_statement("copy").await.unwrap().unwrap();
    assert_eq!(tap.last_sent(), (Method::GET, format!("{STATEMENTS}/copy"), Value::Null));
    let (status, whole) = tap.last_received();
    assert_eq!(status, 200);
    assert_matches_shape(&whole, &statement_shape(), "read");
    assert_eq!((fetched.live.phase.clone(), fetched.live.warnings.len()), (Phase::Running, 1));

    // PUT sends back the complete object that was read, with only the intended change.
    cloud.update_statement(fetched, &StatementUpdate { stopped: true, ..StatementUpdate::default() }).await.unwrap();
    let (method, url, sent) = tap.last_sent();
    assert_eq!((method, url), (Method::PUT, format!("{STATEMENTS}/copy")));
    let mut expected = whole.clone();
    expected["spec"]["stopped"] = json!(true);
    assert_eq!(sent["metadata"]["resource_version"], whole["metadata"]["resource_version"]);
    assert_eq!((&sent["name"], &sent["spec"]), (&expected["name"], &expected["spec"]));
    assert_eq!(tap.last_received(), (202, Value::Null));

    tokio::time::sleep(Duration::from_secs(60)).await;
    let stopped = cloud.fetch_statement("copy").await.unwrap().unwrap().live;
    assert_matches_shape(&tap.last_received().1, &statement_shape(), "stopped");
    assert_eq!((stopped.phase, stopped.stopped, stopped.offsets.is_empty()), (Phase::Stopped, true, false));

    cloud.list_statements(Some(&pool)).await.unwrap();
    let (method, url, _) = tap.last_sent();
    assert_eq!(method, Method::GET);
    assert!(url.contains("page_size=100") && url.contains(&format!("spec.compute_pool_id={pool}")), "{url}");
    let (_, list) = tap.last_received();
    assert_eq!((&list["kind"], &list["api_version"]), (&json!("StatementList"), &json!("sql/v1")));
    assert_matches_shape(&list["data"], &json!([statement_shape()]), "list");
    assert!(list["metadata"]["next"].as_str().unwrap_or_default().is_empty(), "{}", list["metadata"]);

    cloud.delete_statement("copy").await.unwrap();
    assert_eq!(tap.last_sent(), (Method::DELETE, format!("{STATEMENTS}/copy"), Value::Null));
    assert_eq!(tap.last_received(), (202, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_format_of_the_api() {
    let project = TestProject::with_statements("");
    let tap = RecordingTransport::recording(&project);
    let cloud = project.cloud_through(Arc::new(tap.clone()));
    cloud.submit_statement(&new_statement("copy", "lfcp-none")).await.unwrap_err();
    let (_, failure) = tap.last_received();
    let error = json!({
        "id": "string", "status": "string", "code": "string?", "title": "string?", "detail": "string", "source": "object?"
    });
    assert_matches_shape(&failure, &json!({ "errors": [error] }), "failure");
    assert!(cloud.fetch_statement("missing").await.unwrap().is_none());
    assert_eq!((tap.last_received().0, &tap.last_received().1["errors"][0]["status"]), (404, &json!("404")));
    let (request, _) = tap.last_exchange();
    let authorization = request.headers.get("authorization").unwrap().to_owned();
    assert!(authorization.starts_with("Basic "), "{authorization}");
}

/// Returns a statement as the service would return it, with every field of the API's document, written by hand.
fn full_statement() -> Value {
    json!({
        "api_version": "sql/v1", "kind": "Statement", "name": "copy",
        "organization_id": "7c60d51f-b44e-4682-87d6-449835ea4de6", "environment_id": "env-123",
        "metadata": {
            "self": "https://flink.us-west1.aws.confluent.cloud/sql/v1/environments/env-123/statements/copy",
            "resource_name": "", "created_at": "2026-01-23T16:20:22.64651Z", "updated_at": "2026-03-31T00:00:00Z",
            "uid": "12345678-1234-1234-1234-123456789012", "resource_version": "a23av", "labels": {}
        },
        "spec": {
            "statement": "SELECT 1", "properties": null, "compute_pool_id": "lfcp-1", "principal": "sa-1",
            "stopped": true, "execution_mode": "STREAMING", "scaling": { "baseline_cfu": 2 }
        },
        "status": {
            "phase": "STOPPED", "detail": "", "network_kind": "PUBLIC",
            "scaling_status": { "scaling_state": "POOL_EXHAUSTED", "last_updated": "2026-01-23T16:20:22Z" },
            "state_limit_status": { "state_limit_state": "OK", "last_updated": "2026-01-23T16:20:22Z", "detail": "" },
            "traits": {
                "sql_kind": "INSERT_INTO", "is_bounded": false, "is_append_only": true, "upsert_columns": null,
                "schema": { "columns": [] }, "connection_refs": []
            },
            "latest_offsets": { "orders": "partition:0,offset:15;partition:1,offset:7" },
            "latest_offsets_timestamp": "2026-01-23T16:30:00Z",
            "warnings": [{
                "severity": "CRITICAL", "created_at": "2026-01-23T16:20:22Z", "reason": "MISSING_WINDOW", "message": "beware"
            }]
        }
    })
}

#[tokio::test(start_paused = true)]
async fn every_field_of_a_statement_is_read_and_sent_back_unchanged() {
    let project = TestProject::with_statements("");
    let tap = RecordingTransport::scripted(vec![(200, full_statement()), (202, Value::Null)]);
    let cloud = project.cloud_through(Arc::new(tap.clone()));
    let fetched = cloud.fetch_statement("copy").await.unwrap().unwrap();
    let live = fetched.live.clone();
    assert_eq!((live.name.as_str(), live.resource_version.as_str()), ("copy", "a23av"));
    assert_eq!(live.uid, "12345678-1234-1234-1234-123456789012");
    assert_eq!(live.created_at.as_deref(), Some("2026-01-23T16:20:22.64651Z"));
    assert_eq!((live.sql.as_str(), live.properties.len()), ("SELECT 1", 0));
    assert_eq!((live.pool.as_deref(), live.principal.as_deref()), (Some("lfcp-1"), Some("sa-1")));
    assert_eq!((live.phase, live.stopped, live.sql_kind.as_deref()), (Phase::Stopped, true, Some("INSERT_INTO")));
    assert_eq!(live.scaling_state.as_deref(), Some("POOL_EXHAUSTED"));
    assert_eq!(live.offsets.topics["orders"], "partition:0,offset:15;partition:1,offset:7");
    assert_eq!(live.offsets.taken_at.as_deref(), Some("2026-01-23T16:30:00Z"));
    assert_eq!(
        (live.warnings[0].severity.clone(), live.warnings[0].message.as_str()),
        (WarningSeverity::Critical, "beware")
    );
    cloud
        .update_statement(
            fetched,
            &StatementUpdate { stopped: false, pool: Some("lfcp-2".to_owned()), principal: None },
        )
        .await
        .unwrap();
    let (_, _, sent) = tap.last_sent();
    let mut expected = full_statement();
    expected["spec"]["stopped"] = json!(false);
    expected["spec"]["compute_pool_id"] = json!("lfcp-2");
    assert_eq!((&sent["metadata"], &sent["spec"]), (&expected["metadata"], &expected["spec"]));
}

#[tokio::test(start_paused = true)]
async fn every_field_of_a_pool_is_read() {
    let full_pool = json!({
        "api_version": "fcpm/v2", "kind": "ComputePool", "id": "lfcp-1",
        "metadata": { "self": "https://api.confluent.cloud/fcpm/v2/compute-pools/lfcp-1", "created_at": "2026-01-23T16:20:22Z" },
        "spec": {
            "display_name": "main", "cloud": "AWS", "region": "us-east-1", "max_cfu": 30, "default_pool": false,
            "http_endpoint": "https://flink.us-east-1.aws.confluent.cloud/sql/v1/environments/env-sim",
            "environment": { "id": "env-sim", "related": "https://api.confluent.cloud/x", "resource_name": "crn://x" },
            "network": { "id": "n-1" }
        },
        "status": { "phase": "PROVISIONED", "current_cfu": 7 }
    });
    let tap = RecordingTransport::scripted(vec![(200, full_pool)]);
    let found =
        TestProject::with_statements("").cloud_through(Arc::new(tap)).fetch_pool("lfcp-1").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.display_name.as_str()), ("lfcp-1", "main"));
    assert_eq!((found.max_cfu, found.current_cfu, found.phase), (30, 7, PoolPhase::Provisioned));
    assert_eq!((found.cloud.as_str(), found.region.as_str()), ("aws", "us-east-1"));
    assert_eq!(found.network.as_deref(), Some("n-1"));
}
