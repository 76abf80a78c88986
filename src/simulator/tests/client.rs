//! A client for tests. It builds requests by hand from the OpenAPI document and reads responses as JSON.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    cloud::{Headers, HttpRequest, Method, Transport, TransportError},
    simulator::{SimulatedRateLimits, Simulator, SimulatorOptions},
};

/// The organization of all requests.
pub const ORG: &str = "b0b21724-4586-4a07-b787-d0bb5aacbf87";
/// The origin of the statements API.
pub const FLINK_ORIGIN: &str = "https://flink.us-east-1.aws.confluent.cloud";
/// The origin of the pools API.
pub const CLOUD_ORIGIN: &str = "https://api.confluent.cloud";

/// A response with its body as JSON.
#[derive(Debug)]
pub struct TestResponse {
    /// The status of the response.
    pub status: u16,
    /// The headers of the response.
    pub headers: Headers,
    /// The body, `null` if it is not JSON.
    pub body: Value,
    /// The body as it was received.
    pub bytes: Vec<u8>,
}

impl TestResponse {
    /// Returns the value at a JSON pointer, or `null`.
    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Returns the string at a JSON pointer, or `(none)`.
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or("(none)")
    }

    /// Returns the detail of the first error.
    pub fn detail(&self) -> &str {
        self.text("/errors/0/detail")
    }

    /// Returns the phase in the status.
    pub fn phase(&self) -> &str {
        self.text("/status/phase")
    }
}

/// A client of one simulator.
#[derive(Clone)]
pub struct TestClient {
    /// The simulator that answers the requests.
    pub simulator: Simulator,
    /// The key and secret with a colon; `None` sends none.
    pub key: Option<String>,
}

/// Returns options without rate limits, for tests that do not test them.
pub fn options_without_limits() -> SimulatorOptions {
    SimulatorOptions { rate_limits: SimulatedRateLimits::unlimited(), ..SimulatorOptions::default() }
}

impl TestClient {
    /// Creates a client of a new simulator.
    pub fn new(options: SimulatorOptions) -> TestClient {
        TestClient::for_simulator(Simulator::new(options))
    }

    /// Creates a client of this simulator, with a key.
    pub fn for_simulator(simulator: Simulator) -> TestClient {
        TestClient { simulator, key: Some("KEY:SECRET".to_owned()) }
    }

    /// Sends a request, whose response may be lost.
    pub async fn try_call(
        &self,
        method: Method,
        url: &str,
        body: Option<Value>,
    ) -> Result<TestResponse, TransportError> {
        let mut headers = Headers::default();
        if let Some(key) = &self.key {
            headers.push("Authorization", format!("Basic {}", STANDARD.encode(key)));
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = HttpRequest { method, url: url.to_owned(), headers, body };
        let response = self.simulator.send(request).await?;
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        Ok(TestResponse { status: response.status, headers: response.headers, body, bytes: response.body })
    }

    /// Sends a request that must get a response.
    pub async fn call(&self, method: Method, url: &str, body: Option<Value>) -> TestResponse {
        self.try_call(method, url, body).await.unwrap()
    }

    /// Returns the URL of the statements, followed by `rest`.
    pub fn statements_url(rest: &str) -> String {
        format!("{FLINK_ORIGIN}/sql/v1/organizations/{ORG}/environments/env-1/statements{rest}")
    }

    /// Returns the URL of the pools, followed by `rest`.
    pub fn pools_url(rest: &str) -> String {
        format!("{CLOUD_ORIGIN}/fcpm/v2/compute-pools{rest}")
    }

    /// Sends a GET of a statement.
    pub async fn get(&self, name: &str) -> TestResponse {
        self.call(Method::GET, &TestClient::statements_url(&format!("/{name}")), None).await
    }

    /// Returns the current phase of a statement.
    pub async fn phase(&self, name: &str) -> String {
        self.get(name).await.phase().to_owned()
    }

    /// Sends a GET of the statements, with this query.
    pub async fn list(&self, query: &str) -> TestResponse {
        self.call(Method::GET, &TestClient::statements_url(query), None).await
    }

    /// Sends a POST of a statement with this body.
    pub async fn post(&self, body: Value) -> TestResponse {
        self.call(Method::POST, &TestClient::statements_url(""), Some(body)).await
    }

    /// Submits a statement with default properties.
    pub async fn submit(&self, name: &str, sql: &str) -> TestResponse {
        self.post(statement_body(name, sql)).await
    }

    /// Reads a statement, changes its body and sends a PUT of the whole object.
    pub async fn put(&self, name: &str, change: impl FnOnce(&mut Value)) -> TestResponse {
        let mut body = self.get(name).await.body;
        change(&mut body);
        self.call(Method::PUT, &TestClient::statements_url(&format!("/{name}")), Some(body)).await
    }

    /// Stops or resumes a statement with a PUT.
    pub async fn set_stopped(&self, name: &str, stopped: bool) -> TestResponse {
        self.put(name, |body| body["spec"]["stopped"] = json!(stopped)).await
    }

    /// Sends a DELETE of a statement.
    pub async fn delete(&self, name: &str) -> TestResponse {
        self.call(Method::DELETE, &TestClient::statements_url(&format!("/{name}")), None).await
    }

    /// Creates a pool, waits until it is ready and returns its id.
    pub async fn create_ready_pool(&self, name: &str, max_cfu: u32) -> String {
        let created = self.call(Method::POST, &TestClient::pools_url(""), Some(pool_body(name, max_cfu))).await;
        assert_eq!(created.status, 202, "{}", created.body);
        wait_seconds(200).await;
        created.text("/id").to_owned()
    }
}

/// Returns the body of a minimal statement.
pub fn statement_body(name: &str, sql: &str) -> Value {
    json!({ "name": name, "organization_id": ORG, "environment_id": "env-1", "spec": {
        "statement": sql, "properties": { "sql.current-catalog": "dev", "sql.current-database": "core" },
    } })
}

/// Returns the body of a minimal pool.
pub fn pool_body(name: &str, max_cfu: u32) -> Value {
    json!({ "spec": {
        "display_name": name, "cloud": "aws", "region": "us-east-1", "max_cfu": max_cfu,
        "environment": { "id": "env-1" },
    } })
}

/// Lets the world's time pass by `seconds`.
pub async fn wait_seconds(seconds: u64) {
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
}
