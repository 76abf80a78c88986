//! What statements make, and what the service says of what is there already or not at all.

use super::client::{Client, options, wait};
use crate::simulator::{CatalogMode, Options};

async fn outcome(client: &Client, name: &str, sql: &str) -> (String, String) {
    client.submit(name, sql).await;
    wait(60).await;
    let got = client.get(name).await;
    (got.phase().to_owned(), got.text("/status/detail").to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_not_created_again_and_what_is_dropped_is_gone() {
    let client = Client::new(options());
    let words = "Table '`dev`.`core`.`orders`' already exists.";
    let absent = "Table (or view) '`dev`.`core`.`orders`' does not exist, may be on a private cluster, or you do not have \
                  permission to access it.";
    for (number, (sql, phase, detail)) in [
        ("CREATE TABLE orders (id INT)", "COMPLETED", ""),
        ("CREATE TABLE orders (id INT)", "FAILED", words),
        ("CREATE TABLE `dev`.`core`.`orders` (id INT)", "FAILED", words),
        ("CREATE TABLE core.orders AS SELECT * FROM x", "FAILED", words),
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
        let got = outcome(&client, &format!("s-{number}"), sql).await;
        assert_eq!(got, (phase.to_owned(), detail.to_owned()), "{sql}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_nobody_made_is_a_topic_from_outside_or_in_a_strict_catalog_nothing() {
    let strict = Client::new(Options { catalog: CatalogMode::Strict, ..options() });
    let lenient = Client::new(options());
    let job = "INSERT INTO sink SELECT * FROM orders";
    assert_eq!(outcome(&lenient, "job", job).await.0, "RUNNING");
    let (phase, detail) = outcome(&strict, "job", job).await;
    assert_eq!(phase, "FAILED");
    assert_eq!(
        detail,
        "Table (or view) '`dev`.`core`.`orders`' does not exist, may be on a private cluster, or you do not have \
         permission to access it."
    );
    outcome(&strict, "orders", "CREATE TABLE orders (id INT)").await;
    outcome(&strict, "sink", "CREATE TABLE sink (id INT)").await;
    assert_eq!(outcome(&strict, "job-2", job).await.0, "RUNNING");
    let ctas = "CREATE TABLE big AS WITH c AS (SELECT * FROM orders) SELECT * FROM c";
    assert_eq!(outcome(&strict, "ctas", ctas).await.0, "RUNNING");
    let asks = "INSERT INTO sink SELECT * FROM orders, LATERAL TABLE(ML_PREDICT('m', id))";
    assert!(outcome(&strict, "asks", asks).await.1.starts_with("Model '`dev`.`core`.`m`' does not exist"));
    outcome(&strict, "model", "CREATE MODEL m INPUT (i INT) OUTPUT (o INT) WITH ('provider' = 'openai')").await;
    assert_eq!(outcome(&strict, "asks-2", asks).await.0, "RUNNING");
    assert_eq!(outcome(&strict, "drop", "DROP TABLE nobody").await.0, "FAILED");
    assert_eq!(outcome(&strict, "drop-2", "DROP TABLE IF EXISTS nobody").await.0, "COMPLETED");
}

#[tokio::test(start_paused = true)]
async fn a_table_job_resumes_over_its_own_table() {
    let client = Client::new(options());
    assert_eq!(outcome(&client, "ctas", "CREATE TABLE big AS SELECT * FROM orders").await.0, "RUNNING");
    client.set_stopped("ctas", true).await;
    wait(60).await;
    client.set_stopped("ctas", false).await;
    wait(60).await;
    assert_eq!(client.phase("ctas").await, "RUNNING");
    client.delete("ctas").await;
    wait(60).await;
    let (phase, detail) = outcome(&client, "ctas", "CREATE TABLE big AS SELECT * FROM orders").await;
    assert_eq!((phase.as_str(), detail.as_str()), ("FAILED", "Table '`dev`.`core`.`big`' already exists."));
}
