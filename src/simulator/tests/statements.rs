//! The requirements on statements, by their numbers.

use serde_json::{Value, json};

use super::client::{Client, options, pool, statement, wait};
use crate::{
    cloud::Method,
    simulator::{Options, Policy, Verb},
};

const JOB: &str = "INSERT INTO sink SELECT * FROM orders";
const TABLE: &str = "CREATE TABLE orders (id INT)";

#[tokio::test(start_paused = true)]
async fn s03_a_post_is_answered_201_pending_with_everything_the_service_fills_in() {
    let client = Client::new(options());
    let got = client.post(json!({ "name": "a", "spec": { "statement": TABLE } })).await;
    assert_eq!(got.status, 201, "{}", got.body);
    assert_eq!(got.phase(), "PENDING");
    assert_eq!(got.headers.get("location"), Some(Client::statements("/a").as_str()));
    assert_eq!(got.text("/metadata/self"), Client::statements("/a"));
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
async fn s16_phases_follow_the_kind() {
    let client = Client::new(options());
    client.submit("table", TABLE).await;
    client.submit("job", JOB).await;
    wait(60).await;
    assert_eq!(client.phase("table").await, "COMPLETED");
    let job = client.get("job").await;
    assert_eq!(job.phase(), "RUNNING");
    assert_eq!(job.text("/status/traits/sql_kind"), "INSERT_INTO");
}
