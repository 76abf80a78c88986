//! The numbered requirements on statements.

use serde_json::{Value, json};

use super::client::{FLINK_ORIGIN, TestClient, options_without_limits, pool_body, statement_body, wait_seconds};
use crate::{
    cloud::Method,
    simulator::{EffectKind, RequestPolicy, SimulatorOptions, Switches},
};

/// The SQL of a job.
pub const JOB: &str = "INSERT INTO sink SELECT * FROM orders";
/// The SQL of a definition.
pub const TABLE: &str = "CREATE TABLE orders (id INT)";

/// Returns options without rate limits and with changed switches.
pub fn options_with(change: impl FnOnce(&mut Switches)) -> SimulatorOptions {
    let mut options = options_without_limits();
    change(&mut options.switches);
    options
}

#[tokio::test(start_paused = true)]
async fn s03_a_post_returns_201_pending_with_all_defaults_filled_in() {
    let client = TestClient::new(options_without_limits());
    let got = client.post(json!({ "name": "a", "spec": { "statement": TABLE } })).await;
    assert_eq!(got.status, 201, "{}", got.body);
    assert_eq!(got.phase(), "PENDING");
    assert_eq!(got.headers.get("location"), Some(TestClient::statements_url("/a").as_str()));
    assert_eq!(got.text("/metadata/self"), TestClient::statements_url("/a"));
    assert_eq!(got.text("/metadata/uid").len(), 36);
    assert!(got.text("/metadata/created_at") <= got.text("/metadata/updated_at"));
    assert!(!got.text("/metadata/resource_version").is_empty());
    assert_eq!(*got.at("/metadata/labels"), json!({}));
    assert_eq!(*got.at("/spec/properties"), Value::Null);
    assert_eq!(got.text("/api_version"), "sql/v1");
    assert_eq!(got.text("/kind"), "Statement");
    assert!(got.headers.get("x-request-id").is_some());
    assert_eq!(got.headers.get("date"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
}

#[tokio::test(start_paused = true)]
async fn s03_a_post_response_has_the_fields_of_a_recorded_live_response() {
    let client = TestClient::new(options_without_limits());
    let got = client.submit("a", "CREATE FUNCTION f AS 'x.Y' USING JAR 'confluent-artifact://cfa-1';\n").await;
    let keys = |pointer: &str| got.at(pointer).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(""),
        ["api_version", "environment_id", "kind", "metadata", "name", "organization_id", "spec", "status"]
    );
    assert_eq!(keys("/metadata"), ["created_at", "labels", "resource_version", "self", "uid", "updated_at"]);
    assert_eq!(keys("/spec"), ["compute_pool_id", "execution_mode", "principal", "properties", "statement", "stopped"]);
    for key in ["detail", "network_kind", "phase", "traits", "warnings"] {
        assert!(keys("/status").iter().any(|held| held == key), "{key}");
    }
    assert_eq!(
        *got.at("/status/traits"),
        json!({
            "connection_refs": [], "is_append_only": true, "is_bounded": true, "schema": {},
            "sql_kind": "CREATE_FUNCTION", "upsert_columns": null,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn s04_sql_and_properties_are_returned_byte_for_byte_and_pool_and_principal_are_filled_in() {
    let client = TestClient::new(options_without_limits());
    let sql = "  INSERT INTO `sink`\n SELECT 'ü', \"x\" FROM orders ; \n\n";
    let body = json!({ "name": "a", "spec": { "statement": sql, "properties": { "b": " 2", "a": "" } } });
    client.post(body).await;
    let got = client.get("a").await;
    assert_eq!(got.text("/spec/statement"), sql);
    assert_eq!(*got.at("/spec/properties"), json!({ "b": " 2", "a": "" }));
    assert!(got.text("/spec/principal").starts_with("u-"), "{}", got.body);
    let pool = got.text("/spec/compute_pool_id").to_owned();
    let again = client.submit("b", sql).await;
    assert_eq!(again.text("/spec/compute_pool_id"), pool, "an environment and region must have one default pool");
    let shown = client.call(Method::GET, &TestClient::pools_url(&format!("/{pool}?environment=env-1")), None).await;
    assert_eq!(*shown.at("/spec/default_pool"), json!(true));
}

#[tokio::test(start_paused = true)]
async fn s05_names_follow_the_specification_or_with_a_switch_the_documentation() {
    let client = TestClient::new(options_without_limits());
    for name in ["Upper", "under_score", "-begins", "ends-", "a..b", "a b", "", &"x".repeat(101)] {
        assert_eq!(client.submit(name, JOB).await.status, 400, "{name}");
    }
    for name in ["a", "0", "a-b.c-d", &"x".repeat(100)] {
        assert_eq!(client.submit(name, JOB).await.status, 201, "{name}");
    }
    let client = TestClient::new(options_with(|switches| {
        switches.strict_names = true;
        switches.invalid_status = 422;
    }));
    for name in ["a.b", &"x".repeat(73)] {
        let got = client.submit(name, JOB).await;
        assert_eq!((got.status, got.text("/errors/0/source/pointer")), (422, "/name"), "{name}");
    }
    assert_eq!(client.submit(&"x".repeat(72), JOB).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn s06_a_name_conflicts_in_every_phase_and_on_every_pool() {
    let client = TestClient::new(options_without_limits());
    let pool = client.create_ready_pool("other", 5).await;
    client.submit("a", TABLE).await;
    for _ in 0..2 {
        let mut body = statement_body("a", JOB);
        body["spec"]["compute_pool_id"] = json!(pool);
        let got = client.post(body).await;
        assert_eq!((got.status, got.text("/errors/0/code")), (409, "resource_already_exists"));
        assert_eq!(got.text("/errors/0/status"), "409", "the API's document says a string");
        assert_eq!(got.headers.get("location"), Some(TestClient::statements_url("/a").as_str()));
        wait_seconds(60).await;
        assert_eq!(client.phase("a").await, "COMPLETED");
    }
    let elsewhere = TestClient::statements_url("").replace("env-1", "env-2");
    assert_eq!(
        client.call(Method::POST, &elsewhere, Some(json!({ "name": "a", "spec": { "statement": JOB } }))).await.status,
        201
    );
}

#[tokio::test(start_paused = true)]
async fn s07_a_deleting_statement_is_visible_and_blocks_its_name_until_it_is_removed() {
    let client = TestClient::new(options_without_limits());
    let uid = client.submit("a", JOB).await.text("/metadata/uid").to_owned();
    wait_seconds(30).await;
    client.delete("a").await;
    assert_eq!(client.phase("a").await, "DELETING");
    assert_eq!(client.submit("a", JOB).await.status, 409);
    wait_seconds(30).await;
    let gone = client.get("a").await;
    assert_eq!((gone.status, gone.detail()), (404, "Statement resource=a does not exist"));
    let again = client.submit("a", JOB).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.text("/metadata/uid"), uid);
    let reads_empty = TestClient::new(options_with(|switches| switches.deleting_reads_empty = true));
    reads_empty.submit("a", JOB).await;
    reads_empty.delete("a").await;
    assert_eq!((reads_empty.get("a").await.status, reads_empty.get("a").await.bytes.len()), (204, 0));
}

#[tokio::test(start_paused = true)]
async fn s08_delete_returns_202_without_a_body_and_404_for_an_unknown_statement() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", JOB).await;
    let got = client.delete("a").await;
    assert_eq!((got.status, got.bytes.len()), (202, 0));
    assert_eq!(client.delete("a").await.status, 202, "a second DELETE while the first is under way");
    assert_eq!(client.delete("missing").await.status, 404);
    let other = TestClient::new(options_with(|switches| {
        switches.delete_status = 204;
        switches.repeated_delete = RequestPolicy::Reject;
    }));
    other.submit("a", JOB).await;
    assert_eq!(other.delete("a").await.status, 204);
    assert_eq!(other.delete("a").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn s09_a_put_needs_the_current_resource_version() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    let got = client.put("a", |body| body["metadata"]["resource_version"] = json!("1")).await;
    assert_eq!(got.status, 409, "{}", got.body);
    let got = client.put("a", |body| drop(body["metadata"].as_object_mut().unwrap().remove("resource_version"))).await;
    assert_eq!(got.status, 400, "{}", got.body);
    let got = client.set_stopped("a", true).await;
    assert_eq!((got.status, got.bytes.len()), (202, 0));
    let returns_statement = TestClient::new(options_with(|switches| switches.put_returns_statement = true));
    returns_statement.submit("a", JOB).await;
    wait_seconds(60).await;
    let got = returns_statement.set_stopped("a", true).await;
    assert_eq!((got.status, got.at("/spec/stopped")), (200, &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn s10_a_put_of_a_partial_object_is_rejected() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    let version = client.get("a").await.text("/metadata/resource_version").to_owned();
    let partial = json!({ "name": "a", "metadata": { "resource_version": version }, "spec": { "stopped": true } });
    for body in [partial, json!({ "spec": { "stopped": true } })] {
        let got = client.call(Method::PUT, &TestClient::statements_url("/a"), Some(body)).await;
        assert_eq!(got.status, 400, "{}", got.body);
    }
    assert_eq!(client.phase("a").await, "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn s11_the_version_changes_with_every_change_and_several_times_in_the_first_second() {
    let client = TestClient::new(options_without_limits());
    let mut seen = vec![client.submit("a", JOB).await.text("/metadata/resource_version").to_owned()];
    assert_ne!(seen[0], "1");
    let read = client.get("a").await.body;
    for pause in [200, 400, 400] {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        seen.push(client.get("a").await.text("/metadata/resource_version").to_owned());
    }
    let naive = client.call(Method::PUT, &TestClient::statements_url("/a"), Some(read)).await;
    assert_eq!(naive.status, 409, "a PUT with a version that was read a second ago must conflict");
    wait_seconds(60).await;
    seen.push(client.get("a").await.text("/metadata/resource_version").to_owned());
    client.set_stopped("a", true).await;
    seen.push(client.get("a").await.text("/metadata/resource_version").to_owned());
    wait_seconds(60).await;
    seen.push(client.get("a").await.text("/metadata/resource_version").to_owned());
    let before = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), before, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn s12_patch_accepts_operations_in_either_case_and_can_be_disabled() {
    let client = TestClient::new(options_without_limits());
    for (name, op) in [("a", "replace"), ("b", "REPLACE")] {
        client.submit(name, JOB).await;
        wait_seconds(60).await;
        let body = json!([{ "op": op, "path": "/spec/stopped", "value": true }]);
        let got = client.call(Method::PATCH, &TestClient::statements_url(&format!("/{name}")), Some(body)).await;
        assert_eq!((got.status, got.phase(), got.at("/spec/stopped")), (200, "RUNNING", &json!(true)));
        wait_seconds(60).await;
        assert_eq!(client.phase(name).await, "STOPPED");
    }
    let bad = json!([{ "op": "replace", "path": "/spec/statement", "value": "x" }]);
    assert_eq!(client.call(Method::PATCH, &TestClient::statements_url("/a"), Some(bad)).await.status, 400);
    let disabled = TestClient::new(options_with(|switches| switches.patch = false));
    disabled.submit("a", JOB).await;
    let got = disabled.call(Method::PATCH, &TestClient::statements_url("/a"), Some(json!([]))).await;
    assert_eq!((got.status, got.detail()), (403, "Patch feature is currently disabled"));
}

#[tokio::test(start_paused = true)]
async fn s13_a_stop_is_accepted_at_once_and_offsets_appear_only_when_stopped() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    let running = client.get("a").await;
    assert_eq!(*running.at("/status/latest_offsets"), json!({}));
    assert_eq!(running.text("/status/latest_offsets_timestamp"), "0001-01-01T00:00:00Z");
    client.set_stopped("a", true).await;
    let stopping = client.get("a").await;
    assert_eq!((stopping.phase(), stopping.at("/spec/stopped")), ("STOPPING", &json!(true)));
    assert_eq!(*stopping.at("/status/latest_offsets"), json!({}));
    wait_seconds(60).await;
    let stopped = client.get("a").await;
    assert_eq!(stopped.phase(), "STOPPED");
    let offsets = stopped.text("/status/latest_offsets/orders");
    assert!(offsets.starts_with("partition:0,offset:") && offsets.contains(";partition:1,offset:"), "{offsets}");
    assert_ne!(stopped.text("/status/latest_offsets_timestamp"), "0001-01-01T00:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn s14_a_resume_passes_through_pending_and_can_change_pool_and_principal() {
    let client = TestClient::new(options_without_limits());
    let pool = client.create_ready_pool("heavy", 10).await;
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    client.set_stopped("a", true).await;
    wait_seconds(60).await;
    let got = client
        .put("a", |body| {
            body["spec"]["stopped"] = json!(false);
            body["spec"]["compute_pool_id"] = json!(pool);
            body["spec"]["principal"] = json!("sa-other");
        })
        .await;
    assert_eq!(got.status, 202, "{}", got.body);
    let at_once = client.get("a").await;
    assert_eq!((at_once.phase(), at_once.at("/spec/stopped")), ("STOPPED", &json!(false)), "the phase changes later");
    wait_seconds(2).await;
    assert_eq!(client.phase("a").await, "PENDING");
    wait_seconds(60).await;
    let running = client.get("a").await;
    assert_eq!((running.phase(), running.text("/spec/compute_pool_id")), ("RUNNING", pool.as_str()));
    assert_eq!(running.text("/spec/principal"), "sa-other");
    assert!(running.text("/status/identity").ends_with("/service-account=sa-other"));
}

#[tokio::test(start_paused = true)]
async fn s14_only_jobs_resume_and_unknown_pools_and_principals_fail_differently() {
    let mut restricted = options_without_limits();
    let known = TestClient::new(options_without_limits()).submit("a", JOB).await.text("/spec/principal").to_owned();
    restricted.principals = Some([known, "sa-1".to_owned()].into());
    let client = TestClient::new(restricted);
    client.submit("a", JOB).await;
    client.submit("table", TABLE).await;
    wait_seconds(60).await;
    client.set_stopped("a", true).await;
    wait_seconds(60).await;
    let resume = |field: &'static str, value: &'static str| {
        let client = client.clone();
        async move {
            let change = |body: &mut Value| {
                body["spec"]["stopped"] = json!(false);
                body["spec"][field] = json!(value);
            };
            client.put("a", change).await
        }
    };
    let got = resume("compute_pool_id", "lfcp-none").await;
    assert_eq!((got.status, got.detail()), (400, "logical compute pool=lfcp-none not found"));
    assert_eq!(resume("principal", "u-none").await.status, 400);
    assert_eq!(client.phase("a").await, "STOPPED");
    assert_eq!(resume("principal", "sa-none").await.status, 202);
    wait_seconds(60).await;
    assert_eq!(client.phase("a").await, "FAILED");
    assert_eq!(resume("principal", "sa-1").await.status, 202);
    wait_seconds(60).await;
    assert_eq!(client.phase("a").await, "RUNNING");
    client.submit("select", "SELECT * FROM orders").await;
    wait_seconds(60).await;
    client.set_stopped("select", true).await;
    wait_seconds(60).await;
    assert_eq!(client.set_stopped("select", false).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn s15_a_put_never_changes_sql_or_properties() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    let change = |body: &mut Value| {
        body["spec"]["statement"] = json!("INSERT INTO other SELECT * FROM orders");
        body["spec"]["properties"] = json!({});
    };
    assert_eq!(client.put("a", change).await.status, 202);
    let got = client.get("a").await;
    assert_eq!(got.text("/spec/statement"), JOB);
    assert_eq!(got.text("/spec/properties/sql.current-catalog"), "dev");
    let strict = TestClient::new(options_with(|switches| switches.immutable_change = RequestPolicy::Reject));
    strict.submit("a", JOB).await;
    wait_seconds(60).await;
    assert_eq!(strict.put("a", change).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn s16_the_phases_of_a_statement_depend_on_its_kind() {
    let client = TestClient::new(options_without_limits());
    let cases = [
        ("table", TABLE, "COMPLETED", "CREATE_TABLE"),
        ("values", "INSERT INTO orders VALUES (1)", "COMPLETED", "INSERT_INTO"),
        ("show", "SHOW TABLES", "COMPLETED", "SHOW"),
        ("job", JOB, "RUNNING", "INSERT_INTO"),
        ("ctas", "CREATE TABLE big AS SELECT * FROM orders", "RUNNING", "CREATE_TABLE_AS"),
        ("set", "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT * FROM b; END", "RUNNING", "EXECUTE_STATEMENT_SET"),
        ("select", "SELECT * FROM orders", "RUNNING", "SELECT"),
    ];
    for (name, sql, _, kind) in cases {
        let got = client.submit(name, sql).await;
        assert_eq!((got.phase(), got.text("/status/traits/sql_kind")), ("PENDING", kind));
    }
    wait_seconds(60).await;
    for (name, _, phase, _) in cases {
        assert_eq!(client.phase(name).await, phase, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn s16_a_snapshot_query_completes_and_invalid_sql_fails_without_traits() {
    let client = TestClient::new(options_without_limits());
    let mut snapshot = statement_body("snapshot", "SELECT * FROM orders");
    snapshot["spec"]["properties"]["sql.snapshot.mode"] = json!("now");
    assert_eq!(client.post(snapshot).await.text("/spec/execution_mode"), "BATCH");
    client.submit("set", "SET 'a' = 'b';").await;
    client.submit("two", "CREATE TABLE a (i INT); CREATE TABLE b (i INT);").await;
    let mut phases = Vec::new();
    for _ in 0..60 {
        phases.push(client.phase("snapshot").await);
        wait_seconds(1).await;
    }
    phases.dedup();
    assert_eq!(phases, ["PENDING", "RUNNING", "COMPLETED"]);
    for name in ["set", "two"] {
        let got = client.get(name).await;
        assert_eq!((got.phase(), got.at("/status/traits")), ("FAILED", &Value::Null), "{name}");
        assert!(!got.text("/status/detail").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn s17_statements_stay_pending_on_a_full_pool_until_capacity_is_free() {
    let client = TestClient::new(options_without_limits());
    let pool = client.create_ready_pool("small", 5).await;
    for number in 0..7 {
        let mut body = statement_body(&format!("job-{number}"), JOB);
        body["spec"]["compute_pool_id"] = json!(pool);
        client.post(body).await;
        wait_seconds(1).await;
    }
    wait_seconds(60).await;
    let list = client.list(&format!("?spec.compute_pool_id={pool}")).await;
    let items = list.at("/data").as_array().unwrap();
    let waiting: Vec<_> = items.iter().filter(|item| item["status"]["phase"] == "PENDING").collect();
    assert_eq!(waiting.len(), 2);
    for item in &waiting {
        assert_eq!(item["status"]["scaling_status"]["scaling_state"], "POOL_EXHAUSTED");
    }
    let shown = client.call(Method::GET, &TestClient::pools_url(&format!("/{pool}?environment=env-1")), None).await;
    assert_eq!(*shown.at("/status/current_cfu"), json!(5));
    let running = items.iter().find(|item| item["status"]["phase"] == "RUNNING").unwrap();
    client.set_stopped(running["name"].as_str().unwrap(), true).await;
    wait_seconds(60).await;
    let more = json!({ "spec": { "environment": { "id": "env-1" }, "max_cfu": 10 } });
    let phases =
        |list: Value| list["data"].as_array().unwrap().iter().filter(|i| i["status"]["phase"] == "PENDING").count();
    assert_eq!(phases(client.list("").await.body), 1, "one statement must take the room of the stopped one");
    client.call(Method::PATCH, &TestClient::pools_url(&format!("/{pool}")), Some(more)).await;
    wait_seconds(1).await;
    assert_eq!(phases(client.list("").await.body), 0, "the other must start on the larger pool");
}

/// Returns the body of a job that carries over the offsets of `from`.
fn carry_over_body(name: &str, from: &str) -> Value {
    let mut body = statement_body(name, JOB);
    body["spec"]["properties"]["sql.tables.initial-offset-from"] = json!(from);
    body
}

#[tokio::test(start_paused = true)]
async fn s18_carry_over_waits_with_the_service_message_until_the_predecessor_is_stopped() {
    let client = TestClient::new(options_without_limits());
    client.submit("v1", JOB).await;
    wait_seconds(60).await;
    client.post(carry_over_body("v2", "v1")).await;
    wait_seconds(60).await;
    let waiting = client.get("v2").await;
    assert_eq!(waiting.phase(), "PENDING");
    assert_eq!(
        waiting.text("/status/detail"),
        "Statement is currently pending until referenced statement v1 is stopped. If v1 is not stopped before \
         2026-01-01T06:01:00Z, this statement will fail."
    );
    client.set_stopped("v1", true).await;
    wait_seconds(30).await;
    assert_eq!((client.phase("v1").await, client.phase("v2").await), ("STOPPED".to_owned(), "RUNNING".to_owned()));
    let offset = |text: &str| text.split([':', ';', ',']).nth(3).unwrap().parse::<u64>().unwrap();
    let first = offset(client.get("v1").await.text("/status/latest_offsets/orders"));
    wait_seconds(100).await;
    client.set_stopped("v2", true).await;
    wait_seconds(30).await;
    let second = offset(client.get("v2").await.text("/status/latest_offsets/orders"));
    assert!(second > first && second < first + 20_000, "{first} {second}");
}

#[tokio::test(start_paused = true)]
async fn s18_carry_over_fails_after_six_hours_or_for_an_unknown_predecessor() {
    let client = TestClient::new(options_without_limits());
    client.submit("v1", JOB).await;
    client.post(carry_over_body("v2", "v1")).await;
    client.post(carry_over_body("v3", "missing")).await;
    wait_seconds(60).await;
    assert_eq!(client.phase("v3").await, "FAILED");
    wait_seconds(6 * 3600 - 120).await;
    assert_eq!(client.phase("v2").await, "PENDING");
    wait_seconds(120).await;
    assert_eq!(client.phase("v2").await, "FAILED");
    assert_eq!(client.phase("v1").await, "RUNNING");
    for (policy, phase) in
        [(RequestPolicy::Apply, "RUNNING"), (RequestPolicy::Ignore, "PENDING"), (RequestPolicy::Reject, "FAILED")]
    {
        let client = TestClient::new(options_with(|switches| switches.carry_over_from_ended = policy));
        client.submit("v1", JOB).await;
        client.post(carry_over_body("v2", "v1")).await;
        wait_seconds(60).await;
        client.delete("v1").await;
        wait_seconds(60).await;
        assert_eq!(client.phase("v2").await, phase, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s19_a_dry_run_is_validated_and_leaves_nothing_behind() {
    for stored in [false, true] {
        let client = TestClient::new(options_with(|switches| switches.dry_run_stored = stored));
        for (name, sql, phase) in
            [("good", TABLE, "COMPLETED"), ("job", JOB, "COMPLETED"), ("bad", "SET 'a' = 'b'", "FAILED")]
        {
            let mut body = statement_body(name, sql);
            body["spec"]["properties"]["sql.dry-run"] = json!("true");
            let got = client.post(body).await;
            assert_eq!((got.status, got.phase()), (201, if stored { "PENDING" } else { phase }), "{name}");
            assert_eq!(got.text("/metadata/uid").is_empty(), !stored);
            wait_seconds(60).await;
            assert_eq!(client.get(name).await.status, if stored { 200 } else { 404 });
            assert!(!stored || client.phase(name).await == phase);
        }
        assert_eq!(client.simulator.audit_report().creations.len(), if stored { 3 } else { 0 });
        let pools = client.call(Method::GET, &TestClient::pools_url("?environment=env-1"), None).await;
        assert_eq!(pools.at("/data").as_array().map(Vec::len), Some(usize::from(stored)), "a stored one needs a pool");
        client.submit("table", TABLE).await;
        wait_seconds(60).await;
        assert_eq!(client.phase("table").await, "COMPLETED", "the dry run must not create the table");
    }
}

#[tokio::test(start_paused = true)]
async fn s20_ended_statements_are_purged_after_thirty_days_and_idle_queries_stop_after_five_minutes() {
    let client = TestClient::new(options_without_limits());
    client.submit("table", TABLE).await;
    client.submit("job", JOB).await;
    client.submit("select", "SELECT * FROM orders").await;
    client.submit("watched", "SELECT * FROM orders").await;
    wait_seconds(60).await;
    for _ in 0..10 {
        let got = client.call(Method::GET, &TestClient::statements_url("/watched/results"), None).await;
        assert_eq!((got.status, got.at("/results/data")), (200, &json!([])));
        wait_seconds(60).await;
    }
    let select = client.get("select").await;
    assert_eq!((select.phase(), select.at("/spec/stopped")), ("STOPPED", &json!(true)));
    assert_eq!(client.phase("watched").await, "RUNNING");
    wait_seconds(29 * 24 * 3600).await;
    assert_eq!(client.phase("table").await, "COMPLETED");
    wait_seconds(24 * 3600).await;
    assert_eq!(client.get("table").await.status, 404);
    assert_eq!(client.get("select").await.status, 404);
    assert_eq!(client.phase("job").await, "RUNNING");
    let purged = client.simulator.effects().into_iter().filter(|effect| effect.kind == EffectKind::Purged);
    assert_eq!(purged.map(|effect| effect.name).collect::<Vec<_>>(), ["table", "select"]);
    client.submit("again", TABLE).await;
    wait_seconds(60).await;
    assert_eq!(client.phase("again").await, "FAILED", "the table must outlive its purged statement");
}

#[tokio::test(start_paused = true)]
async fn s21_lists_are_paged_and_filtered() {
    let client = TestClient::new(options_without_limits());
    let pool = client.create_ready_pool("other", 50).await;
    for number in 0..25 {
        let mut body = statement_body(&format!("job-{number:02}"), JOB);
        if number % 5 == 0 {
            body["spec"]["compute_pool_id"] = json!(pool);
            body["metadata"] = json!({ "labels": { "team": "a", "user.confluent.io/x": "true" } });
        }
        client.post(body).await;
    }
    let first = client.list("").await;
    assert_eq!(first.at("/data").as_array().unwrap().len(), 10);
    assert_eq!((first.text("/kind"), first.text("/api_version")), ("StatementList", "sql/v1"));
    let mut names = Vec::new();
    let mut url = TestClient::statements_url("?page_size=7&unknown=x");
    let mut pages = 0;
    while !url.is_empty() {
        assert!(url.starts_with(FLINK_ORIGIN), "not an absolute URL: {url}");
        let page = client.call(Method::GET, &url, None).await;
        names.extend(page.at("/data").as_array().unwrap().iter().map(|item| item["name"].to_string()));
        url = page.at("/metadata/next").as_str().unwrap_or_default().to_owned();
        pages += 1;
    }
    assert_eq!((pages, names.len()), (4, 25));
    names.dedup();
    assert_eq!(names.len(), 25);
    assert_eq!(client.list("?page_size=1000").await.at("/data").as_array().unwrap().len(), 25);
    assert_eq!(client.list("?page_size=x").await.status, 400);
    assert_eq!(client.list("?page_token=!").await.status, 400);
    let count = |list: Value| list["data"].as_array().unwrap().len();
    assert_eq!(count(client.list(&format!("?page_size=100&spec.compute_pool_id={pool}")).await.body), 5);
    assert_eq!(count(client.list("?label_selector=user.confluent.io/x=true,team=a").await.body), 5);
    assert_eq!(count(client.list("?label_selector=team=b").await.body), 0);
    assert_eq!(
        count(client.list("?page_size=100&statement_name_search_query=-1").await.body),
        25,
        "needs `time_ordered`"
    );
    assert_eq!(count(client.list("?time_ordered=true&statement_name_search_query=-1").await.body), 10);
}

#[tokio::test(start_paused = true)]
async fn switches_decide_undocumented_stops_and_moves() {
    let client = TestClient::new(options_without_limits());
    client.submit("pending", JOB).await;
    assert_eq!(client.set_stopped("pending", true).await.status, 202);
    client.submit("table", TABLE).await;
    wait_seconds(60).await;
    assert_eq!(client.phase("pending").await, "STOPPED");
    assert_eq!(client.set_stopped("table", true).await.status, 202);
    assert_eq!(client.phase("table").await, "COMPLETED");
    client.submit("job", JOB).await;
    wait_seconds(60).await;
    let change_principal = |body: &mut Value| body["spec"]["principal"] = json!("sa-2");
    assert_eq!(client.put("job", change_principal).await.status, 400);
    client.set_stopped("job", true).await;
    wait_seconds(60).await;
    assert_eq!(client.put("job", change_principal).await.status, 202);
    let got = client.get("job").await;
    assert_eq!((got.phase(), got.text("/spec/principal")), ("STOPPED", "sa-2"));

    let other = TestClient::new(options_with(|switches| {
        switches.stop_pending = RequestPolicy::Reject;
        switches.stop_ended = RequestPolicy::Reject;
        switches.move_running = RequestPolicy::Apply;
        switches.move_stopped = RequestPolicy::Reject;
        switches.create_stopped = RequestPolicy::Apply;
    }));
    other.submit("pending", JOB).await;
    other.submit("table", TABLE).await;
    assert_eq!(other.set_stopped("pending", true).await.status, 400);
    wait_seconds(60).await;
    assert_eq!(other.set_stopped("table", true).await.status, 400);
    assert_eq!(other.put("pending", change_principal).await.status, 202);
    assert_ne!(other.get("pending").await.text("/spec/principal"), "sa-2", "the principal changes at the next start");
    other.set_stopped("pending", true).await;
    wait_seconds(60).await;
    assert_eq!(other.put("pending", |body| body["spec"]["principal"] = json!("sa-3")).await.status, 400);
    other.set_stopped("pending", false).await;
    wait_seconds(60).await;
    assert_eq!(other.get("pending").await.text("/spec/principal"), "sa-2");
    let mut created_stopped = statement_body("held", JOB);
    created_stopped["spec"]["stopped"] = json!(true);
    assert_eq!(other.post(created_stopped.clone()).await.phase(), "STOPPED");
    assert_eq!(client.post(created_stopped).await.phase(), "PENDING", "`stopped` is ignored by default");
}

#[tokio::test(start_paused = true)]
async fn a_statement_waiting_for_provisioning_does_not_report_pool_exhaustion() {
    let client = TestClient::new(options_without_limits());
    let made = client.call(Method::POST, &TestClient::pools_url(""), Some(pool_body("main", 5))).await;
    let mut body = statement_body("job", JOB);
    body["spec"]["compute_pool_id"] = made.at("/id").clone();
    client.post(body).await;
    wait_seconds(60).await;
    let waiting = client.get("job").await;
    assert_eq!((waiting.phase(), waiting.at("/status/scaling_status")), ("PENDING", &Value::Null));
    wait_seconds(120).await;
    assert_eq!(client.phase("job").await, "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_successor_waiting_for_pool_capacity_keeps_its_carried_over_offsets() {
    let client = TestClient::new(options_without_limits());
    let pool = client.create_ready_pool("small", 5).await;
    let on_pool = |mut body: Value| {
        body["spec"]["compute_pool_id"] = json!(pool);
        body
    };
    client.submit("v1", JOB).await;
    for number in 0..5 {
        client.post(on_pool(statement_body(&format!("other-{number}"), JOB))).await;
    }
    wait_seconds(60).await;
    client.set_stopped("v1", true).await;
    wait_seconds(60).await;
    client.post(on_pool(carry_over_body("v2", "v1"))).await;
    wait_seconds(60).await;
    assert_eq!(client.get("v2").await.text("/status/scaling_status/scaling_state"), "POOL_EXHAUSTED");
    client.delete("v1").await;
    client.delete("other-0").await;
    wait_seconds(60).await;
    assert_eq!(client.phase("v2").await, "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn statements_over_the_quota_are_rejected() {
    let client = TestClient::new(options_with(|switches| switches.statement_quota = Some(2)));
    assert_eq!(client.submit("a", JOB).await.status, 201);
    assert_eq!(client.submit("b", JOB).await.status, 201);
    let got = client.submit("c", JOB).await;
    assert_eq!((got.status, got.text("/errors/0/code")), (402, "quota_exceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_right_after_a_resume_takes_precedence() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", JOB).await;
    wait_seconds(60).await;
    client.set_stopped("a", true).await;
    wait_seconds(60).await;
    assert_eq!(client.set_stopped("a", false).await.status, 202);
    assert_eq!(client.set_stopped("a", true).await.status, 202);
    wait_seconds(60).await;
    let got = client.get("a").await;
    assert_eq!((got.phase(), got.at("/spec/stopped")), ("STOPPED", &json!(true)));
    assert_eq!(client.set_stopped("a", false).await.status, 202);
    wait_seconds(60).await;
    assert_eq!(client.phase("a").await, "RUNNING");
}

#[tokio::test(start_paused = true)]
async fn a_successor_does_not_start_while_its_predecessor_is_resuming() {
    let client = TestClient::new(options_without_limits());
    client.submit("job", JOB).await;
    wait_seconds(60).await;
    client.set_stopped("job", true).await;
    wait_seconds(60).await;
    client.post(carry_over_body("job-g2", "job")).await;
    client.set_stopped("job", false).await;
    wait_seconds(60).await;
    assert_eq!((client.phase("job").await, client.phase("job-g2").await), ("RUNNING".into(), "PENDING".into()));
    assert_eq!(client.simulator.audit_report().peak_running["job"], 1);
}

#[tokio::test(start_paused = true)]
async fn traits_are_null_only_while_a_statement_is_in_phase_failed() {
    let client = TestClient::new(options_without_limits());
    client.submit("bad", "SET 'a' = 'b'").await;
    wait_seconds(60).await;
    let failed = client.get("bad").await;
    assert_eq!((failed.phase(), failed.at("/status/traits")), ("FAILED", &Value::Null));
    client.delete("bad").await;
    let deleting = client.get("bad").await;
    assert_eq!((deleting.phase(), deleting.at("/status/traits").is_object()), ("DELETING", true));
}

#[tokio::test(start_paused = true)]
async fn a_materialized_table_statement_completes_and_its_job_is_not_a_statement() {
    let client = TestClient::new(options_without_limits());
    for (name, sql, kind) in [
        ("first", "CREATE MATERIALIZED TABLE t AS SELECT 1", "CREATE_MATERIALIZED_TABLE"),
        ("again", "CREATE OR ALTER MATERIALIZED TABLE t AS SELECT 2", "CREATE_OR_ALTER_MATERIALIZED_TABLE"),
        ("alter", "ALTER MATERIALIZED TABLE t SUSPEND", "ALTER_MATERIALIZED_TABLE"),
    ] {
        let created = client.submit(name, sql).await;
        assert_eq!(created.text("/status/traits/sql_kind"), kind);
        wait_seconds(60).await;
        assert_eq!(client.phase(name).await, "COMPLETED", "{sql}: {}", client.get(name).await.body);
    }
}

#[tokio::test(start_paused = true)]
async fn an_environment_belongs_to_one_organization() {
    let client = TestClient::new(options_without_limits());
    client.submit("a", TABLE).await;
    let url_in_another_organization =
        |rest: &str| TestClient::statements_url(rest).replace(super::client::ORG, "another");
    for (method, rest) in [(Method::GET, "/a"), (Method::GET, ""), (Method::DELETE, "/a"), (Method::POST, "")] {
        let got = client.call(method, &url_in_another_organization(rest), None).await;
        assert_eq!((got.status, got.detail()), (404, "Environment env-1 does not exist in organization another"));
    }
    assert_eq!(
        client.call(Method::GET, &url_in_another_organization("").replace("env-1", "env-2"), None).await.status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn percent_encoded_paths_are_decoded() {
    let client = TestClient::new(options_without_limits());
    client.submit("a-b", TABLE).await;
    assert_eq!(client.get("a%2Db").await.text("/name"), "a-b");
    assert_eq!(client.get("%61%2db").await.text("/name"), "a-b");
    assert_eq!(client.get("a%2").await.detail(), "Statement resource=a%2 does not exist");
}
