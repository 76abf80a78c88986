//! A transport that answers from a script on tokio's paused clock, and the tests of this room that use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod endpoints;
mod error_details;
mod lists;
mod loopback;
mod operations;
mod rate_limit;
mod redirects;
mod retries;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::resource::{self, EnvironmentIdentity};

use super::*;

/// The result of one exchange.
pub type TransportResult = std::result::Result<HttpResponse, TransportError>;

/// A function that returns the result for a request.
type AnswerFunction = Box<dyn FnMut(&HttpRequest) -> TransportResult + Send>;

/// Answers each request with a function, and records what was sent and when.
pub struct ScriptedTransport {
    /// The function that answers requests.
    answer: Mutex<AnswerFunction>,
    /// The requests so far, each with its time.
    received: Mutex<Vec<(Instant, HttpRequest)>>,
    /// The duration of each exchange.
    delay: Duration,
}

impl ScriptedTransport {
    /// Creates a transport that answers at once.
    pub fn new(answer: impl FnMut(&HttpRequest) -> TransportResult + Send + 'static) -> Arc<Self> {
        ScriptedTransport::with_delay(Duration::ZERO, answer)
    }

    /// Creates a transport whose exchanges each take `delay`.
    pub fn with_delay(
        delay: Duration,
        answer: impl FnMut(&HttpRequest) -> TransportResult + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(ScriptedTransport { answer: Mutex::new(Box::new(answer)), received: Mutex::default(), delay })
    }

    /// Creates a transport that returns `outcomes` in order, and then an error that no test expects.
    pub fn script(outcomes: impl IntoIterator<Item = TransportResult>) -> Arc<Self> {
        let mut outcomes: VecDeque<_> = outcomes.into_iter().collect();
        ScriptedTransport::new(move |_| outcomes.pop_front().unwrap_or_else(|| answer(418, "the script is finished")))
    }

    /// Returns the requests that were sent.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.received.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }

    /// Returns the times at which requests were sent.
    pub fn send_times(&self) -> Vec<Instant> {
        self.received.lock().unwrap().iter().map(|(time, _)| *time).collect()
    }

    /// Returns `GET path?query` for every request that was sent.
    pub fn request_lines(&self) -> Vec<String> {
        let line = |request: &HttpRequest| {
            let url = url::Url::parse(&request.url).unwrap();
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{} {}{query}", request.method, url.path())
        };
        self.requests().iter().map(line).collect()
    }

    /// Returns the JSON body of request number `index`, from 0.
    pub fn request_body(&self, index: usize) -> Value {
        serde_json::from_slice(&self.requests()[index].body).unwrap()
    }
}

impl Transport for ScriptedTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, TransportResult> {
        Box::pin(async move {
            let outcome = (self.answer.lock().unwrap())(&request);
            self.received.lock().unwrap().push((Instant::now(), request));
            if !self.delay.is_zero() {
                sleep(self.delay).await;
            }
            outcome
        })
    }
}

/// Returns a response without header fields.
pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> TransportResult {
    Ok(HttpResponse { status, headers: Headers::default(), body: body.into() })
}

/// Returns a response with header fields.
pub fn answer_with_headers(status: u16, headers: &[(&str, &str)], body: &str) -> TransportResult {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(HttpResponse { status, headers, body: body.into() })
}

/// Returns a failure before anything was sent.
pub fn lost_before_sending() -> TransportResult {
    Err(TransportError::BeforeSending("connection refused".to_owned()))
}

/// Returns a failure after the request was sent.
pub fn lost_after_sending() -> TransportResult {
    Err(TransportError::AfterSending("connection reset".to_owned()))
}

/// Returns the identity of the test environment.
pub fn identity() -> EnvironmentIdentity {
    EnvironmentIdentity {
        organization: "b0b21724-4586-4a07-b787-d0bb5aacbf87".to_owned(),
        environment: "env-z3y2x1".to_owned(),
        ..resource::tests::identity()
    }
}

/// Returns a key for each API.
pub fn credentials() -> Credentials {
    Credentials {
        flink: Some(ApiKey::new("FLINKKEY", "flink-secret-0123")),
        cloud: Some(ApiKey::new("CLOUDKEY", "cloud-secret-4567")),
    }
}

/// Returns the endpoints of the test environment, with both APIs at `origin`, which is allowed.
pub fn allowed_endpoints(origin: &str) -> Endpoints {
    let public = Endpoints::public(&identity()).unwrap().allowing(AllowedOrigins::parse(origin).unwrap());
    public.with_origins(Some(origin), Some(origin)).unwrap()
}

/// Returns a client for the test environment that uses `wire`.
pub fn client(wire: &Arc<ScriptedTransport>) -> CloudClient {
    CloudClient::new(wire.clone(), Endpoints::public(&identity()).unwrap(), credentials(), RateLimits::default(), 7)
}

/// The prefix of the paths of all statements.
pub const STATEMENTS: &str =
    "/sql/v1/organizations/b0b21724-4586-4a07-b787-d0bb5aacbf87/environments/env-z3y2x1/statements";

/// Returns a running statement as the service shows it, modeled after an observed body.
pub fn statement(name: &str) -> Value {
    json!({
        "api_version": "sql/v1", "kind": "Statement", "name": name,
        "organization_id": "b0b21724-4586-4a07-b787-d0bb5aacbf87", "environment_id": "env-z3y2x1",
        "metadata": {
            "created_at": "2026-04-02T14:05:22.440172Z", "updated_at": "2026-04-02T14:05:22.64651Z", "labels": {},
            "resource_version": "5", "uid": format!("uid-{name}"), "self": "https://example.confluent.cloud/x"
        },
        "spec": {
            "statement": "INSERT INTO a SELECT * FROM b;\n", "compute_pool_id": "lfcp-1", "principal": "sa-1",
            "properties": {"sql.current-catalog": "prod"}, "stopped": false, "execution_mode": "STREAMING"
        },
        "status": {
            "phase": "RUNNING", "detail": "", "network_kind": "PUBLIC", "warnings": [],
            "latest_offsets": {}, "latest_offsets_timestamp": "0001-01-01T00:00:00Z",
            "traits": {"sql_kind": "INSERT_INTO", "is_bounded": false, "is_append_only": true, "upsert_columns": null}
        }
    })
}

/// Returns a provisioned pool as the service shows it.
pub fn pool(id: &str) -> Value {
    json!({
        "id": id, "kind": "ComputePool", "metadata": {"created_at": "2026-01-01T00:00:00Z"},
        "spec": {
            "display_name": "main", "cloud": "AWS", "region": "us-east-1", "max_cfu": 10, "default_pool": false,
            "environment": {"id": "env-z3y2x1"}, "network": null
        },
        "status": {"phase": "PROVISIONED", "current_cfu": 3}
    })
}

/// Returns a response with one page of a list.
pub fn page(items: Vec<Value>, next: &str) -> TransportResult {
    answer(200, json!({"kind": "List", "metadata": {"next": next}, "data": items}).to_string())
}

/// Returns an error response in the service's format.
pub fn error_answer(status: u16, detail: &str) -> TransportResult {
    answer(
        status,
        json!({"errors": [{"id": "1", "status": status.to_string(), "detail": detail, "source": {}}]}).to_string(),
    )
}

/// Returns the response in which the service says that no statement of that name exists.
pub fn absent_answer(name: &str) -> TransportResult {
    error_answer(404, &format!("Statement resource={name} does not exist"))
}

/// Returns the same response for the statement that `request` asks for.
pub fn always_absent(request: &HttpRequest) -> TransportResult {
    let name = request.url.split_once("/statements/").unwrap().1;
    absent_answer(name.split('/').next().unwrap())
}

/// Returns a statement to submit, whose SQL holds a secret.
pub fn new_statement() -> NewStatement {
    NewStatement { name: "orders".to_owned(), sql: "SELECT 's3cr3t'".to_owned(), ..NewStatement::default() }
}
