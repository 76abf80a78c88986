//! What statements create, and the service's messages about objects that already exist or do not exist.

use super::client::{TestClient, options_without_limits, wait_seconds};
use crate::simulator::{CatalogMode, SimulatorOptions};

/// Submits a statement, waits a minute and returns its phase and detail.
async fn phase_and_detail(client: &TestClient, name: &str, sql: &str) -> (String, String) {
    client.submit(name, sql).await;
    wait_seconds(60).await;
    let got = client.get(name).await;
    (got.phase().to_owned(), got.text("/status/detail").to_owned())
}

#[tokio::test(start_paused = true)]
async fn objects_cannot_be_created_twice_and_dropped_objects_are_not_found() {
    let client = TestClient::new(options_without_limits());
    let already_exists = "Table '`dev`.`core`.`orders`' already exists.";
    let absent = "Table (or view) '`dev`.`core`.`orders`' does not exist, may be on a private cluster, or you do not have \
                  permission to access it.";
    for (number, (sql, phase, detail)) in [
        ("CREATE TABLE orders (id INT)", "COMPLETED", ""),
        ("CREATE TABLE orders (id INT)", "FAILED", already_exists),
        ("CREATE TABLE `dev`.`core`.`orders` (id INT)", "FAILED", already_exists),
        ("CREATE TABLE core.orders AS SELECT * FROM x", "FAILED", already_exists),
        ("CREATE TABLE IF NOT EXISTS orders (id INT)", "COMPLETED", ""),
        ("CREATE TABLE ORDERS (id INT)", "COMPLETED", ""),
        ("DROP TABLE orders", "COMPLETED", ""),
        ("INSERT INTO sink SELECT * FROM orders", "FAILED", absent),
        ("DROP TABLE orders", "FAILED", absent),
        ("DROP TABLE IF EXISTS orders", "COMPLETED", ""),
        ("CREATE TABLE orders (id INT)", "COMPLETED", ""),
        ("ALTER TABLE orders RENAME TO sales", "COMPLETED", ""),
        ("CREATE TABLE orders (id INT)", "COMPLETED", ""),
        ("CREATE TABLE sales (id INT)", "FAILED", "Table '`dev`.`core`.`sales`' already exists."),
        ("CREATE FUNCTION f AS 'x.Y' USING JAR 'confluent-artifact://cfa-1'", "COMPLETED", ""),
        (
            "CREATE FUNCTION F AS 'x.Y' USING JAR 'confluent-artifact://cfa-1'",
            "FAILED",
            "Function '`dev`.`core`.`f`' already exists.",
        ),
        ("CREATE VIEW v AS SELECT * FROM orders", "COMPLETED", ""),
        ("CREATE OR REPLACE VIEW v AS SELECT id FROM orders", "COMPLETED", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let got = phase_and_detail(&client, &format!("s-{number}"), sql).await;
        assert_eq!(got, (phase.to_owned(), detail.to_owned()), "{sql}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_table_exists_in_a_lenient_catalog_and_is_missing_in_a_strict_one() {
    let strict = TestClient::new(SimulatorOptions { catalog: CatalogMode::Strict, ..options_without_limits() });
    let lenient = TestClient::new(options_without_limits());
    let job = "INSERT INTO sink SELECT * FROM orders";
    assert_eq!(phase_and_detail(&lenient, "job", job).await.0, "RUNNING");
    let (phase, detail) = phase_and_detail(&strict, "job", job).await;
    assert_eq!(phase, "FAILED");
    assert_eq!(
        detail,
        "Table (or view) '`dev`.`core`.`orders`' does not exist, may be on a private cluster, or you do not have \
         permission to access it."
    );
    phase_and_detail(&strict, "orders", "CREATE TABLE orders (id INT)").await;
    phase_and_detail(&strict, "sink", "CREATE TABLE sink (id INT)").await;
    assert_eq!(phase_and_detail(&strict, "job-2", job).await.0, "RUNNING");
    let ctas = "CREATE TABLE big AS WITH c AS (SELECT * FROM orders) SELECT * FROM c";
    assert_eq!(phase_and_detail(&strict, "ctas", ctas).await.0, "RUNNING");
    let uses_model = "INSERT INTO sink SELECT * FROM orders, LATERAL TABLE(ML_PREDICT('m', id))";
    assert!(
        phase_and_detail(&strict, "asks", uses_model).await.1.starts_with("Model '`dev`.`core`.`m`' does not exist")
    );
    phase_and_detail(&strict, "model", "CREATE MODEL m INPUT (i INT) OUTPUT (o INT) WITH ('provider' = 'openai')")
        .await;
    assert_eq!(phase_and_detail(&strict, "asks-2", uses_model).await.0, "RUNNING");
    assert_eq!(phase_and_detail(&strict, "drop", "DROP TABLE missing").await.0, "FAILED");
    assert_eq!(phase_and_detail(&strict, "drop-2", "DROP TABLE IF EXISTS missing").await.0, "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_create_table_as_job_resumes_although_its_table_exists() {
    let client = TestClient::new(options_without_limits());
    assert_eq!(phase_and_detail(&client, "ctas", "CREATE TABLE big AS SELECT * FROM orders").await.0, "RUNNING");
    client.set_stopped("ctas", true).await;
    wait_seconds(60).await;
    client.set_stopped("ctas", false).await;
    wait_seconds(60).await;
    assert_eq!(client.phase("ctas").await, "RUNNING");
    client.delete("ctas").await;
    wait_seconds(60).await;
    let (phase, detail) = phase_and_detail(&client, "ctas", "CREATE TABLE big AS SELECT * FROM orders").await;
    assert_eq!((phase.as_str(), detail.as_str()), ("FAILED", "Table '`dev`.`core`.`big`' already exists."));
}
