//! Any request gets a response in the API's format and leaves the world intact.

use serde_json::{Value, json};

use super::{
    client::{CLOUD_ORIGIN, FLINK_ORIGIN, TestClient, options_without_limits, pool_body, statement_body, wait_seconds},
    statements::JOB,
};
use crate::cloud::{Headers, HttpRequest, Method, Transport};

/// Replaces or removes one value of a JSON body at random.
fn corrupt_one_value(random: &mut fastrand::Rng, value: &mut Value) {
    let junk =
        [json!(null), json!(-1), json!("\u{0}"), json!([]), json!({ "a": {} }), json!(1e300), json!(true), json!("-")];
    match value {
        Value::Object(fields) if !fields.is_empty() && random.u8(0..4) > 0 => {
            let key = fields.keys().nth(random.usize(0..fields.len())).unwrap().clone();
            if random.u8(0..5) == 0 {
                fields.remove(&key);
            } else {
                corrupt_one_value(random, &mut fields[&key]);
            }
        }
        _ => *value = junk[random.usize(0..junk.len())].clone(),
    }
}

#[tokio::test(start_paused = true)]
async fn corrupted_bodies_are_accepted_or_rejected_and_never_break_the_world() {
    let client = TestClient::new(options_without_limits());
    let id = client.create_ready_pool("main", 10).await;
    client.submit("job", JOB).await;
    wait_seconds(60).await;
    let mut random = fastrand::Rng::with_seed(11);
    let (mut rejected, mut accepted) = (0, 0);
    for number in 0..3000 {
        let (method, url, mut body) = match random.u8(0..5) {
            0 => (Method::POST, TestClient::statements_url(""), statement_body(&format!("s-{number}"), JOB)),
            1 => (Method::PUT, TestClient::statements_url("/job"), client.get("job").await.body),
            2 => {
                let body = json!([{ "op": "replace", "path": "/spec/stopped", "value": random.bool() }]);
                (Method::PATCH, TestClient::statements_url("/job"), body)
            }
            3 => (Method::POST, TestClient::pools_url(""), pool_body("other", 5)),
            _ => (Method::PATCH, TestClient::pools_url(&format!("/{id}")), pool_body("main", 20)),
        };
        corrupt_one_value(&mut random, &mut body);
        let got = client.call(method.clone(), &url, Some(body.clone())).await;
        match got.status {
            200..300 => accepted += 1,
            400..500 => {
                assert!(!got.detail().is_empty() && got.detail() != "(none)", "{method} {url} {body}");
                rejected += 1;
            }
            status => panic!("{status} for {method} {url} {body}"),
        }
        wait_seconds(random.u64(0..20)).await;
    }
    assert!(rejected > 500 && accepted > 500, "{rejected} rejected, {accepted} accepted");
    assert_eq!(client.list("?page_size=100").await.status, 200);
    assert!(client.simulator.audit_report().peak_running.values().all(|most| *most <= 1));
}

#[tokio::test(start_paused = true)]
async fn unusual_requests_get_a_response() {
    let client = TestClient::new(options_without_limits());
    let send = |method: Method, url: String, headers: &[(&str, &str)], body: &[u8]| {
        let headers: Headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (simulator, body) = (client.simulator.clone(), body.to_vec());
        async move { simulator.send(HttpRequest { method, url, headers, body }).await.map(|response| response.status) }
    };
    let basic = [("authorization", "Basic S0VZOlNFQ1JFVA==")];
    for (method, path, status) in [
        (Method::GET, "/", 404),
        (Method::GET, "//", 404),
        (Method::GET, "/sql/v1", 404),
        (Method::PUT, "/sql/v1/organizations/o/environments/e/statements", 405),
        (Method::POST, "/sql/v1/organizations/o/environments/e/statements", 400),
        (Method::GET, "/sql/v1/organizations/o/environments/e/statements/%00", 404),
        (Method::GET, "/sql/v1/organizations/o/environments/e/statements/a/b/c", 404),
        (Method::GET, "/sql/v1/organizations/o/environments/e/statements?page_size=0", 400),
        (Method::GET, "/sql/v1/organizations/o/environments/e/statements?page_token=4pi6", 400),
        (Method::GET, "/sql/v1/organizations/o/environments/e/statements?label_selector=a", 400),
    ] {
        assert_eq!(
            send(method.clone(), format!("{FLINK_ORIGIN}{path}"), &basic, b"\xff{").await,
            Ok(status),
            "{method} {path}"
        );
    }
    for authorization in ["", "Basic", "Basic !", "Basic Og==", "Digest x", "Bearer "] {
        let url = format!("{CLOUD_ORIGIN}/fcpm/v2/regions");
        assert_eq!(send(Method::GET, url, &[("Authorization", authorization)], b"").await, Ok(401), "{authorization}");
    }
    assert_eq!(
        send(Method::GET, format!("{CLOUD_ORIGIN}/fcpm/v2/regions"), &[("Authorization", "Bearer t")], b"").await,
        Ok(200)
    );
    assert!(send(Method::GET, "not a url".to_owned(), &basic, b"").await.is_err());
}
