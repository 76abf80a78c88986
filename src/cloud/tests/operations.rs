//! Tests of what each operation sends, and of how it reads the response.

use serde_json::json;

use crate::resource::{
    Labels, Phase, Pool, PoolPhase, PoolUpdate, Properties, StatementUpdate, WarningSeverity,
    tests::pool as declared_pool,
};

use super::*;

#[tokio::test(start_paused = true)]
async fn every_field_of_a_statement_is_read() {
    let mut body = statement("orders");
    body["status"]["phase"] = json!("STOPPED");
    body["status"]["latest_offsets"] = json!({"b": "partition:0,offset:100"});
    body["status"]["latest_offsets_timestamp"] = json!("2026-04-02T15:00:00Z");
    body["status"]["scaling_status"] = json!({"scaling_state": "POOL_EXHAUSTED"});
    body["status"]["warnings"] = json!([{"severity": "CRITICAL", "reason": "STATE", "message": "grows"}]);
    let wire = ScriptedTransport::script([answer(200, body.to_string())]);
    let live = client(&wire).fetch_statement("orders").await.unwrap().unwrap().live;
    assert_eq!((live.name.as_str(), live.uid.as_str(), live.resource_version.as_str()), ("orders", "uid-orders", "5"));
    assert_eq!(live.sql, "INSERT INTO a SELECT * FROM b;\n");
    assert_eq!(live.properties, Properties::from_iter([("sql.current-catalog".to_owned(), "prod".to_owned())]));
    assert_eq!((live.pool.as_deref(), live.principal.as_deref()), (Some("lfcp-1"), Some("sa-1")));
    assert_eq!((live.phase, live.sql_kind.as_deref()), (Phase::Stopped, Some("INSERT_INTO")));
    assert_eq!((live.bounded, live.append_only, live.stopped), (Some(false), Some(true), false));
    assert_eq!(live.scaling_state.as_deref(), Some("POOL_EXHAUSTED"));
    assert_eq!(live.warnings[0].severity, WarningSeverity::Critical);
    assert_eq!(live.offsets.specific_offsets().as_deref(), Some("partition:0,offset:100"));
    assert_eq!(live.offsets.taken_at.as_deref(), Some("2026-04-02T15:00:00Z"));
    assert_eq!(live.updated_at.as_deref(), Some("2026-04-02T14:05:22.64651Z"));
    assert_eq!(wire.request_lines(), [format!("GET {STATEMENTS}/orders")]);
    assert!(wire.requests()[0].url.starts_with("https://flink.us-east-1.aws.confluent.cloud/"));
    // While a statement runs, it has no offsets, and their time is the first moment of year 1.
    let wire = ScriptedTransport::script([answer(200, statement("orders").to_string())]);
    let running = client(&wire).fetch_statement("orders").await.unwrap().unwrap().live;
    assert_eq!(running.offsets, crate::resource::Offsets::default());
}

#[tokio::test(start_paused = true)]
async fn unknown_null_and_missing_fields_are_tolerated() {
    let sparse = json!({
        "name": "a", "new_field": [1, {"x": null}],
        "metadata": {"uid": "u", "labels": null, "resource_version": "1", "more": 1},
        "spec": {"statement": "SELECT 1", "properties": null, "stopped": null, "compute_pool_id": ""},
        "status": {"phase": "HIBERNATING", "traits": null, "warnings": null, "latest_offsets": null, "detail": null}
    });
    let bare = json!({"name": "b", "metadata": {"uid": "v"}, "spec": {"statement": "SELECT 2"}});
    let null_value = json!({
        "name": "c", "metadata": {"uid": "w", "labels": {"k": null, "l": "x"}}, "spec": {"statement": ""},
        "status": {"traits": {"sql_kind": null, "schema": {}}, "warnings": [{}], "latest_offsets_timestamp": null}
    });
    let wire = ScriptedTransport::script([page(vec![sparse, bare, null_value], "")]);
    let live = client(&wire).list_statements(None).await.unwrap().items.into_values().collect::<Vec<_>>();
    assert_eq!(live[0].phase, Phase::Other("HIBERNATING".into()));
    assert_eq!((live[0].pool.as_deref(), live[0].properties.len(), live[0].sql_kind.as_deref()), (None, 0, None));
    assert_eq!(live[1].phase, Phase::Other("UNKNOWN".into()));
    assert_eq!(live[1].offsets.taken_at, None);
    assert_eq!(live[2].labels, Labels::from_iter([("l".to_owned(), "x".to_owned())]));
    assert_eq!(live[2].warnings.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_missing_required_field_is_an_error() {
    for (field, at) in [("name", ""), ("uid", "metadata"), ("statement", "spec"), ("metadata", ""), ("spec", "")] {
        let mut body = statement("orders");
        let object = if at.is_empty() { &mut body } else { &mut body[at] };
        object.as_object_mut().unwrap().remove(field);
        let wire = ScriptedTransport::script([answer(200, body.to_string()), page(vec![body], "")]);
        let cloud = client(&wire);
        let one = cloud.fetch_statement("orders").await.unwrap_err();
        assert_eq!(one.kind, ErrorKind::InvalidResponse, "{field}");
        match cloud.list_statements(None).await {
            Err(all) => assert_eq!((all.kind, field), (ErrorKind::InvalidResponse, "name")),
            Ok(all) => assert!(all.unreadable["orders"].contains(field), "{all:?}"),
        }
        assert!(one.detail.contains(field) && one.detail.contains("is missing"), "{one}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_404_means_absence() {
    let wire = ScriptedTransport::script([
        error_answer(404, "Statement resource=orders does not exist"),
        answer(204, ""),
        error_answer(403, "Statement orders was not found."),
        answer_with_headers(404, &[("content-type", "text/html")], "<html>no such page</html>"),
        answer(200, ""),
    ]);
    let cloud = client(&wire);
    assert!(cloud.fetch_statement("orders").await.unwrap().is_none());
    let deleting = cloud.fetch_statement("orders").await.unwrap().unwrap();
    assert_eq!((deleting.live.name.as_str(), &deleting.live.phase), ("orders", &Phase::Deleting));
    assert_eq!(cloud.fetch_statement("orders").await.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(cloud.fetch_statement("orders").await.unwrap_err().kind, ErrorKind::InvalidResponse);
    assert_eq!(cloud.fetch_statement("orders").await.unwrap_err().kind, ErrorKind::InvalidResponse);
    // Without content from a GET there is nothing that a PUT could send back.
    let refused = cloud.update_statement(deleting, &StatementUpdate::default()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert_eq!(wire.requests().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_404_that_does_not_name_the_object_is_not_its_absence() {
    let foreign = [
        "",
        "{}",
        r#"{"message":"Statement resource=orders does not exist"}"#,
        r#"{"errors":[{"status":"404","detail":"Not Found"}]}"#,
        r#"{"errors":[{"status":"404","detail":"Environment env-z3y2x1 does not exist"}]}"#,
        r#"{"errors":[{"status":"404","detail":"Statement resource=orders-v2 does not exist"}]}"#,
        r#"{"errors":[{"status":"404","detail":"Statement resource=orders.v2 does not exist"}]}"#,
        r#"{"errors":[{"status":"404","detail":"no such path: /statements/orders"}]}"#,
        r#"{"errors":[{"status":"404","detail":"orders is busy"}]}"#,
    ];
    for body in foreign {
        let cloud = client(&ScriptedTransport::new(move |_| answer(404, body)));
        let (read, removed) =
            (cloud.fetch_statement("orders").await.unwrap_err(), cloud.delete_statement("orders").await.unwrap_err());
        assert_eq!((read.kind, removed.kind), (ErrorKind::Rejected, ErrorKind::Rejected), "{body}");
        let help = read.help.unwrap();
        assert!(help.contains("`orders`") && help.contains("`organization` and `id` of the environment"), "{help}");
    }
    for words in
        ["Statement resource=orders does not exist", "Statement 'orders' not found", "No such statement: orders."]
    {
        let cloud = client(&ScriptedTransport::new(move |_| error_answer(404, words)));
        assert!(cloud.fetch_statement("orders").await.unwrap().is_none(), "{words}");
    }
    for words in ["The compute pool lfcp-10 was not found.", "The environment env-z3y2x1 was not found.", "Not Found"] {
        let cloud = client(&ScriptedTransport::new(move |_| error_answer(403, words)));
        let (read, removed) =
            (cloud.fetch_pool("lfcp-1").await.unwrap_err(), cloud.delete_pool("lfcp-1").await.unwrap_err());
        assert_eq!((read.kind, removed.kind), (ErrorKind::Forbidden, ErrorKind::Forbidden), "{words}");
        assert!(read.help.unwrap().contains("FlinkAdmin"));
    }
    let listed = client(&ScriptedTransport::new(|_| answer(404, ""))).list_statements(None).await.unwrap_err();
    assert_eq!((listed.kind, listed.detail.as_str()), (ErrorKind::Rejected, "not found"));
    assert!(listed.help.unwrap().starts_with("Check `organization` and `id`"));
}

#[tokio::test(start_paused = true)]
async fn a_submission_sends_every_field() {
    let wire = ScriptedTransport::script([
        answer(201, statement("orders").to_string()),
        answer(200, statement("b").to_string()),
    ]);
    let cloud = client(&wire);
    let text = |text: &str| text.to_owned();
    let new = NewStatement {
        name: text("orders"),
        sql: text("INSERT INTO a SELECT 'x';\n"),
        properties: Properties::from_iter([(text("sql.state-ttl"), text("7 d"))]),
        pool: Some(text("lfcp-1")),
        principal: Some(text("sa-1")),
        stopped: true,
        labels: Labels::from_iter([(text("user.confluent.io/floe-project"), text("clickstream"))]),
    };
    assert_eq!(cloud.submit_statement(&new).await.unwrap().uid, "uid-orders");
    let sent = &wire.requests()[0];
    assert_eq!(sent.headers.get("content-type"), Some("application/json"));
    assert_eq!(wire.request_lines(), [format!("POST {STATEMENTS}")]);
    let expected = json!({
        "name": "orders",
        "organization_id": "b0b21724-4586-4a07-b787-d0bb5aacbf87", "environment_id": "env-z3y2x1",
        "metadata": {"labels": {"user.confluent.io/floe-project": "clickstream"}},
        "spec": {
            "statement": "INSERT INTO a SELECT 'x';\n", "properties": {"sql.state-ttl": "7 d"},
            "compute_pool_id": "lfcp-1", "principal": "sa-1", "stopped": true
        }
    });
    assert_eq!(wire.request_body(0), expected);

    cloud.submit_statement(&new_statement()).await.unwrap();
    assert_eq!(wire.request_body(1)["spec"], json!({"statement": "SELECT 's3cr3t'"}));
    assert_eq!(wire.request_body(1).get("metadata"), None);
}

#[tokio::test(start_paused = true)]
async fn a_put_sends_unknown_fields_back_byte_for_byte() {
    // Numbers that floating point would change, escapes, unusual spaces and key order.
    let body = r#"{"z":1.10,"name":"orders","metadata":{"uid":"u","resource_version":"17","big":12345678901234567890123, "n":1e-7},
 "spec":{"future":{"b":1.0,"a":"\u00e9\/"},"statement":"SELECT 1;\n","stopped":false,"principal":"sa-1","compute_pool_id":"lfcp-1","properties":null},
 "status":{"phase":"RUNNING","x":[ 1 , 2 ]},"result":null}"#;
    let wire = ScriptedTransport::script([
        answer(200, body),
        answer(202, ""),
        answer(200, body),
        answer(200, statement("orders").to_string()),
    ]);
    let cloud = client(&wire);
    let fetched = cloud.fetch_statement("orders").await.unwrap().unwrap();
    cloud.update_statement(fetched, &StatementUpdate { stopped: true, pool: None, principal: None }).await.unwrap();
    let sent = String::from_utf8(wire.requests()[1].body.clone()).unwrap();
    assert_eq!(sent, body.replace("\"stopped\":false", "\"stopped\":true").replace(",\n ", ","));

    let fetched = cloud.fetch_statement("orders").await.unwrap().unwrap();
    let moved = StatementUpdate { stopped: false, pool: Some("lfcp-2".to_owned()), principal: Some("sa-2".to_owned()) };
    cloud.update_statement(fetched, &moved).await.unwrap();
    let spec = &wire.request_body(3)["spec"];
    assert_eq!(
        (&spec["compute_pool_id"], &spec["principal"], &spec["stopped"]),
        (&json!("lfcp-2"), &json!("sa-2"), &json!(false))
    );
    assert_eq!(wire.request_body(3)["metadata"]["resource_version"], json!("17"));
    assert_eq!(wire.request_lines()[3], format!("PUT {STATEMENTS}/orders"));
}

#[tokio::test(start_paused = true)]
async fn a_put_adds_fields_that_the_response_left_out() {
    let bare =
        json!({"name": "a", "metadata": {"uid": "u", "resource_version": "1"}, "spec": {"statement": "SELECT 1"}});
    let wire = ScriptedTransport::script([answer(200, bare.to_string()), answer(202, "")]);
    let cloud = client(&wire);
    let fetched = cloud.fetch_statement("a").await.unwrap().unwrap();
    cloud
        .update_statement(fetched, &StatementUpdate { stopped: true, pool: Some("lfcp-9".to_owned()), principal: None })
        .await
        .unwrap();
    assert_eq!(
        wire.request_body(1)["spec"],
        json!({"statement": "SELECT 1", "stopped": true, "compute_pool_id": "lfcp-9"})
    );
}

#[tokio::test(start_paused = true)]
async fn deletions_accept_any_success_and_absence() {
    let wire = ScriptedTransport::script([
        answer(202, ""),
        answer(204, ""),
        error_answer(404, "Statement resource=orders does not exist"),
        answer(204, ""),
        error_answer(403, "The compute pool lfcp-1 was not found."),
        error_answer(404, "The compute pool lfcp-1 was not found."),
        error_answer(404, "nothing"),
        answer(404, ""),
    ]);
    let cloud = client(&wire);
    for _ in 0..3 {
        cloud.delete_statement("orders").await.unwrap();
    }
    for _ in 0..3 {
        cloud.delete_pool("lfcp-1").await.unwrap();
    }
    // These responses say nothing about the pool.
    for _ in 0..2 {
        assert_eq!(cloud.delete_pool("lfcp-1").await.unwrap_err().kind, ErrorKind::Rejected);
    }
    assert_eq!(wire.request_lines()[0], format!("DELETE {STATEMENTS}/orders"));
    assert_eq!(wire.request_lines()[3], "DELETE /fcpm/v2/compute-pools/lfcp-1?environment=env-z3y2x1");
}

#[tokio::test(start_paused = true)]
async fn exceptions_are_read_in_the_services_order() {
    let body = json!({"data": [
        {"name": "java.lang.RuntimeException", "message": "boom", "timestamp": "2025-11-10T16:20:00Z", "kind": "x"},
        {"message": "and again"}
    ]});
    let wire = ScriptedTransport::script([answer(200, body.to_string()), answer(200, "{}")]);
    let cloud = client(&wire);
    let exceptions = cloud.list_exceptions("orders").await.unwrap();
    assert_eq!(exceptions[0].at.as_deref(), Some("2025-11-10T16:20:00Z"));
    assert_eq!(
        (exceptions[0].name.as_str(), exceptions[1].message.as_str()),
        ("java.lang.RuntimeException", "and again")
    );
    assert_eq!(wire.request_lines(), [format!("GET {STATEMENTS}/orders/exceptions")]);
    assert_eq!(cloud.list_exceptions("orders").await.unwrap_err().kind, ErrorKind::InvalidResponse);
}

#[tokio::test(start_paused = true)]
async fn pools_use_the_cloud_host_and_the_cloud_key() {
    let wire = ScriptedTransport::script([
        page(vec![pool("lfcp-2"), pool("lfcp-1")], ""),
        answer(200, pool("lfcp-1").to_string()),
        error_answer(403, "The compute pool lfcp-3 was not found."),
        error_answer(404, "The compute pool lfcp-3 was not found."),
        error_answer(403, "Forbidden Access"),
    ]);
    let cloud = client(&wire);
    let pools = cloud.list_pools().await.unwrap().items;
    assert_eq!(pools.keys().map(String::as_str).collect::<Vec<_>>(), ["lfcp-1", "lfcp-2"]);
    let one = cloud.fetch_pool("lfcp-1").await.unwrap().unwrap();
    assert_eq!((one.cloud.as_str(), one.max_cfu, one.current_cfu), ("aws", 10, 3));
    assert_eq!((one.phase, one.network), (PoolPhase::Provisioned, None));
    assert_eq!(cloud.fetch_pool("lfcp-3").await.unwrap(), None);
    assert_eq!(cloud.fetch_pool("lfcp-3").await.unwrap(), None);
    assert_eq!(cloud.fetch_pool("lfcp-3").await.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!(wire.request_lines()[0], "GET /fcpm/v2/compute-pools?environment=env-z3y2x1&page_size=100");
    assert_eq!(wire.request_lines()[1], "GET /fcpm/v2/compute-pools/lfcp-1?environment=env-z3y2x1");
    let sent = &wire.requests()[0];
    assert!(sent.url.starts_with("https://api.confluent.cloud/"));
    assert_eq!(sent.headers.get("authorization"), Some(credentials().cloud.unwrap().authorization().as_str()));
}

#[tokio::test(start_paused = true)]
async fn pool_requests_have_the_documented_form() {
    let wire =
        ScriptedTransport::script([answer(202, pool("lfcp-9").to_string()), answer(200, pool("lfcp-9").to_string())]);
    let cloud = client(&wire);
    let main =
        Pool { max_cfu: 10, network: Some("n-abc12".to_owned()), prevent_destroy: true, ..declared_pool("main") };
    assert_eq!(cloud.create_pool(&main).await.unwrap().id, "lfcp-9");
    let expected = json!({"spec": {
        "display_name": "main", "cloud": "AWS", "region": "us-east-1", "max_cfu": 10,
        "environment": {"id": "env-z3y2x1"}, "network": {"id": "n-abc12"}
    }});
    assert_eq!(wire.request_body(0), expected);
    cloud.update_pool("lfcp-9", &PoolUpdate { display_name: None, max_cfu: Some(20) }).await.unwrap();
    assert_eq!(wire.request_body(1), json!({"spec": {"environment": {"id": "env-z3y2x1"}, "max_cfu": 20}}));
    assert_eq!(wire.request_lines()[1], "PATCH /fcpm/v2/compute-pools/lfcp-9");
}

#[tokio::test(start_paused = true)]
async fn regions_are_filtered_and_show_both_endpoints() {
    let ohio = json!({
        "id": "aws.us-east-2", "cloud": "AWS", "region_name": "us-east-2", "display_name": "Ohio (us-east-2)",
        "http_endpoint": "https://flink.us-east-2.aws.confluent.cloud", "metadata": {"self": ""},
        "private_http_endpoint": "https://flink.us-east-2.aws.private.confluent.cloud"
    });
    let wire = ScriptedTransport::script([page(vec![ohio], "")]);
    let regions = client(&wire).list_regions(Some("aws"), Some("us-east-2")).await.unwrap();
    assert_eq!((regions[0].cloud.as_str(), regions[0].name.as_str()), ("aws", "us-east-2"));
    assert_eq!(regions[0].private_endpoint.as_deref(), Some("https://flink.us-east-2.aws.private.confluent.cloud"));
    assert_eq!(wire.request_lines(), ["GET /fcpm/v2/regions?cloud=AWS&region_name=us-east-2&page_size=100"]);
}

#[tokio::test(start_paused = true)]
async fn special_characters_in_names_are_escaped() {
    let wire = ScriptedTransport::new(|_| absent_answer("a/b?c#d e"));
    let cloud = client(&wire);
    cloud.delete_statement("a/b?c#d e").await.unwrap();
    assert_eq!(wire.request_lines(), [format!("DELETE {STATEMENTS}/a%2Fb%3Fc%23d%20e")]);
    for name in ["", ".", ".."] {
        assert_eq!(cloud.delete_statement(name).await.unwrap_err().kind, ErrorKind::Rejected, "{name}");
    }
    assert_eq!(wire.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_service_time_and_the_request_count_are_available() {
    let wire = ScriptedTransport::script([
        answer_with_headers(204, &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")], ""),
        answer(204, ""),
        answer_with_headers(204, &[("date", "noon")], ""),
    ]);
    let cloud = client(&wire);
    assert_eq!((cloud.service_time(), cloud.request_count()), (None, 0));
    for expected in ["1994-11-06T08:49:37Z", "1994-11-06T08:49:37Z", "noon"] {
        cloud.fetch_statement("a").await.unwrap();
        assert_eq!(cloud.clone().service_time().as_deref(), Some(expected));
    }
    assert_eq!(cloud.request_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn every_operation_can_be_spawned() {
    /// Runs an operation as a task and returns the kind of its error.
    async fn spawned<T: Send + 'static>(verb: impl Future<Output = Result<T>> + Send + 'static) -> ErrorKind {
        tokio::spawn(verb).await.unwrap().err().unwrap().kind
    }
    let refusing = ScriptedTransport::new(|_| error_answer(400, "no"));
    let cloud = client(&refusing);
    let made = ScriptedTransport::script([answer(200, statement("a").to_string())]);
    let fetched = super::client(&made).fetch_statement("a").await.unwrap().unwrap();
    let main = declared_pool("main");
    let clients: [CloudClient; 11] = std::array::from_fn(|_| cloud.clone());
    let [a, b, c, d, e, f, g, h, i, j, k] = clients;
    let kinds = [
        spawned(async move { a.list_statements(Some("p")).await }).await,
        spawned(async move { b.fetch_statement("a").await }).await,
        spawned(async move { c.submit_statement(&new_statement()).await }).await,
        spawned(async move { d.update_statement(fetched, &StatementUpdate::default()).await }).await,
        spawned(async move { e.delete_statement("a").await }).await,
        spawned(async move { f.list_exceptions("a").await }).await,
        spawned(async move { g.list_pools().await }).await,
        spawned(async move { h.fetch_pool("p").await }).await,
        spawned(async move { i.create_pool(&main).await }).await,
        spawned(async move { j.update_pool("p", &PoolUpdate::default()).await }).await,
        spawned(async move { k.list_regions(None, None).await }).await,
    ];
    assert_eq!(kinds, [ErrorKind::Rejected; 11]);
}
