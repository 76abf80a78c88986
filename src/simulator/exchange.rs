//! Handles one HTTP exchange: faults before the effect, the effect on the world, and faults of the response.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    api_request::{ApiRequest, ReadDistortion},
    clock::{http_date, micros},
    events::run_due_events,
    faults::InjectedFault,
    limiter::LimitExceeded,
    response::{ApiError, ApiResponse, empty_response},
    routes,
    scenario::duration_from_seconds,
    simulated_cloud::{Simulator, SimulatorState},
    uuid::random_uuid,
    world::{DelayedEffect, SimulatedWorld},
};
use crate::cloud::{HttpRequest, HttpResponse, Method, TransportError};

/// The number of requests that [`Simulator::requests`] keeps.
const MAX_RECORDED_REQUESTS: usize = 100_000;

/// What the client receives for one request.
pub(super) enum Delivery {
    /// The client receives the whole response.
    Complete(HttpResponse),
    /// The client receives the head and this many bytes of the body; then the connection breaks.
    Truncated(HttpResponse, usize),
    /// The client receives nothing, because the connection breaks.
    Lost(TransportError),
}

impl Simulator {
    /// Handles `request` from the client at `address` and returns what the client receives.
    pub(super) async fn exchange(&self, request: HttpRequest, address: &str) -> Delivery {
        let Some(api_request) = ApiRequest::parse(&request.method, &request.url, &request.body) else {
            return Delivery::Lost(TransportError::BeforeSending(format!("`{}` is not a URL", request.url)));
        };
        let (admitted, fault) = match self.admit(&request, &api_request, address) {
            Ok(admitted) => admitted,
            Err(delivery) => return delivery,
        };
        let (delivery, wait) = match fault {
            Some(InjectedFault::SlowEffect(after)) => self.handle_later(request, api_request, after).await,
            fault => self.handle(&request, api_request, fault),
        };
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        drop(admitted);
        delivery
    }

    /// Records the request and applies the rate limits and the faults that prevent its arrival.
    ///
    /// Returns the admitted request with the fault that still applies to it, or what the client receives instead.
    fn admit<'a>(
        &'a self,
        request: &HttpRequest,
        api_request: &ApiRequest,
        address: &'a str,
    ) -> Result<(AdmittedRequest<'a>, Option<InjectedFault>), Delivery> {
        let mut state = self.lock();
        run_due_events(&mut state.world);
        let fault = state.world.faults.fault_for(&request.method, &api_request.path, || names_in_request(api_request));
        if fault == Some(InjectedFault::ConnectionRefused) {
            return Err(Delivery::Lost(TransportError::BeforeSending("connection refused".to_owned())));
        }
        state.record_request(&request.method, &api_request.path);
        if fault == Some(InjectedFault::LostBeforeEffect) {
            return Err(Delivery::Lost(connection_reset()));
        }
        let limits = state.world.options.rate_limits;
        if let Err(exceeded) = state.limiter.try_acquire(address, &limits) {
            let response = too_many_requests(Some(exceeded), state.world.options.switches.retry_after);
            return Err(Delivery::Complete(state.add_common_headers(response)));
        }
        Ok((AdmittedRequest { simulator: self, address }, fault))
    }

    /// Handles the request after `after` seconds, even if the client has given up by then.
    async fn handle_later(
        &self,
        request: HttpRequest,
        api_request: ApiRequest,
        after: f64,
    ) -> (Delivery, Option<Duration>) {
        let simulator = self.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(duration_from_seconds(after)).await;
            simulator.handle(&request, api_request, None)
        });
        task.await.unwrap_or_else(|_| (Delivery::Lost(connection_reset()), None))
    }

    /// Handles the request at once and writes its changes to the log before anything is answered. Returns what the
    /// client receives, and how long to wait before that.
    fn handle(
        &self,
        request: &HttpRequest,
        mut api_request: ApiRequest,
        fault: Option<InjectedFault>,
    ) -> (Delivery, Option<Duration>) {
        let mut state = self.lock();
        let state = &mut *state;
        let world = &mut state.world;
        run_due_events(world);
        let principal = routes::authenticate(&api_request, &request.headers, &world.options);
        api_request.distortion = read_distortion(fault.as_ref());
        let result = match principal {
            Err(failure) => Err(failure),
            Ok(principal) => {
                api_request.principal = principal;
                match fault_before_effect(world, &api_request, fault.as_ref()) {
                    Some(InjectedResponse::Lost) => {
                        drop(world.commit());
                        return (Delivery::Lost(connection_reset()), None);
                    }
                    Some(InjectedResponse::Response(response)) => Ok(response),
                    Some(InjectedResponse::Error(failure)) => Err(failure),
                    None => routes::dispatch(world, &api_request),
                }
            }
        };
        let result = match world.commit() {
            Ok(()) => result,
            Err(error) => Err(ApiError::new(500, format!("cannot write the simulated world: {error}"))),
        };
        let id = random_uuid(&mut state.random);
        let response = result.unwrap_or_else(|failure| failure.into_response(&id));
        let wait = match fault {
            Some(InjectedFault::SlowResponse(after)) => Some(duration_from_seconds(after)),
            _ => None,
        };
        let delivery = match deliver_with_fault(response, fault, &id) {
            Delivery::Complete(response) => Delivery::Complete(state.add_common_headers(response)),
            Delivery::Truncated(response, keep) => Delivery::Truncated(state.add_common_headers(response), keep),
            lost @ Delivery::Lost(_) => lost,
        };
        (delivery, wait)
    }
}

/// A request that the rate limiter admitted. Dropping it releases its slot, also when the client abandons the
/// exchange.
struct AdmittedRequest<'a> {
    /// The simulator whose rate limiter admitted the request.
    simulator: &'a Simulator,
    /// The client address that the request counts for.
    address: &'a str,
}

impl Drop for AdmittedRequest<'_> {
    fn drop(&mut self) {
        self.simulator.lock().limiter.release(self.address);
    }
}

impl SimulatorState {
    /// Records a request, and drops the oldest one if the list is full.
    fn record_request(&mut self, method: &Method, path: &str) {
        if self.requests.len() >= MAX_RECORDED_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back((method.clone(), path.to_owned()));
    }

    /// Adds the headers that every response has.
    fn add_common_headers(&mut self, mut response: ApiResponse) -> HttpResponse {
        response.headers.push("Date", http_date(self.world.time));
        response.headers.push("X-Request-Id", random_uuid(&mut self.random));
        response
    }
}

/// Returns the error of a connection that broke after the request was sent.
fn connection_reset() -> TransportError {
    TransportError::AfterSending("connection reset before the response".to_owned())
}

/// Returns the names and ids in the request's path and body.
fn names_in_request(request: &ApiRequest) -> Vec<String> {
    let mut names: Vec<_> = request.path.split('/').skip(3).map(str::to_owned).collect();
    if let Ok(body) = request.json_body() {
        let named = ["/name", "/spec/display_name"].into_iter().filter_map(|pointer| body.pointer(pointer));
        names.extend(named.filter_map(Value::as_str).map(str::to_owned));
    }
    names
}

/// Returns how `fault` distorts what a request reads.
fn read_distortion(fault: Option<&InjectedFault>) -> ReadDistortion {
    ReadDistortion {
        stale: fault == Some(&InjectedFault::StaleRead),
        list_lag: match fault {
            Some(InjectedFault::ListLag(lag)) => Some(micros(duration_from_seconds(*lag))),
            _ => None,
        },
        shifting_pages: fault == Some(&InjectedFault::ShiftingPages),
        endless_pages: fault == Some(&InjectedFault::EndlessPages),
    }
}

/// A response that a fault sends instead of handling the request.
enum InjectedResponse {
    /// A complete response made by the fault.
    Response(ApiResponse),
    /// An error in the API's format.
    Error(ApiError),
    /// No response, because the connection breaks.
    Lost,
}

/// Returns the response that `fault` sends instead of handling the request, or `None` if the request is handled. A
/// delayed effect is scheduled here.
fn fault_before_effect(
    world: &mut SimulatedWorld,
    request: &ApiRequest,
    fault: Option<&InjectedFault>,
) -> Option<InjectedResponse> {
    let response_with_body = |content_type: &str, body: &str| {
        let mut response = empty_response(200);
        response.headers.push("Content-Type", content_type);
        response.body = body.as_bytes().to_vec();
        InjectedResponse::Response(response)
    };
    Some(match fault? {
        InjectedFault::TooManyRequests { retry_after } => {
            let exceeded = retry_after.map(|retry_after_seconds| LimitExceeded {
                limit: world.options.rate_limits.per_second,
                retry_after_seconds,
            });
            InjectedResponse::Response(too_many_requests(exceeded, true))
        }
        InjectedFault::Status(status) => InjectedResponse::Error(status_error(*status)),
        InjectedFault::Forbidden => InjectedResponse::Error(status_error(403)),
        InjectedFault::Conflict => InjectedResponse::Error(
            ApiError::new(409, "The resource has changed since it was fetched").with_code("conflict", "Conflict"),
        ),
        InjectedFault::Html => response_with_body(
            "text/html",
            "<!DOCTYPE html>\n<html><body><h1>Sign in to the network</h1></body></html>\n",
        ),
        InjectedFault::InvalidJson => response_with_body("application/json", "{\"api_version\": \"sql/v1\", \u{0}"),
        InjectedFault::Redirect(origin) => {
            let url = request.url_at_origin(origin);
            let mut response = empty_response(307);
            response.headers.push("Location", url);
            InjectedResponse::Response(response)
        }
        InjectedFault::LostThenApplied(after) => {
            let due = world.time.saturating_add(micros(duration_from_seconds(*after)));
            world.add_delayed_effect(DelayedEffect {
                due,
                method: request.method.as_str().to_owned(),
                url: request.url_at_origin(&request.origin),
                principal: request.principal.clone(),
                body: String::from_utf8_lossy(&request.body).into_owned(),
            });
            InjectedResponse::Lost
        }
        _ => return None,
    })
}

/// Applies the faults that change or lose the response of a request that was handled.
fn deliver_with_fault(mut response: ApiResponse, fault: Option<InjectedFault>, id: &str) -> Delivery {
    match fault {
        Some(InjectedFault::LostAfterEffect) => return Delivery::Lost(connection_reset()),
        Some(InjectedFault::StatusAfterEffect(status)) => {
            return Delivery::Complete(status_error(status).into_response(id));
        }
        Some(InjectedFault::TruncatedBody(keep)) => return Delivery::Truncated(response, keep),
        Some(InjectedFault::ForbiddenInsteadOfNotFound) if response.status == 404 => {
            return Delivery::Complete(status_error(403).into_response(id));
        }
        Some(InjectedFault::UnknownFields) => rewrite_body(&mut response, &mut add_unknown_fields),
        Some(InjectedFault::UnknownPhase(phase)) => rewrite_body(&mut response, &mut |value| set_phase(value, &phase)),
        _ => {}
    }
    Delivery::Complete(response)
}

/// Applies `change` to the body of `response` if it is JSON.
fn rewrite_body(response: &mut ApiResponse, change: &mut dyn FnMut(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice(&response.body) {
        change(&mut body);
        response.body = body.to_string().into_bytes();
    }
}

/// Adds an unknown field to every object and replaces empty maps by `null`.
fn add_unknown_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_unknown_fields),
        Value::Object(fields) if fields.is_empty() => *value = Value::Null,
        Value::Object(fields) => {
            // The keys of these maps are names that the user chose, not fields of the API.
            let maps = ["labels", "properties", "latest_offsets"];
            let may_be_extended =
                |(name, value): (&String, &Value)| !maps.contains(&name.as_str()) || *value == json!({});
            fields
                .iter_mut()
                .filter(|(name, value)| may_be_extended((name, value)))
                .for_each(|(_, value)| add_unknown_fields(value));
            fields.insert("x_never_heard_of".to_owned(), json!({ "depth": [1, null, "two"] }));
        }
        _ => {}
    }
}

/// Sets the phase of a statement or pool, or of every item of a list.
fn set_phase(value: &mut Value, phase: &str) {
    let set = |item: &mut Value| {
        if let Some(current) = item.pointer_mut("/status/phase") {
            *current = Value::from(phase);
        }
    };
    set(value);
    if let Some(Value::Array(items)) = value.get_mut("data") {
        items.iter_mut().for_each(set);
    }
}

/// Returns the API's error body for `status`.
fn status_error(status: u16) -> ApiError {
    let (code, title, detail) = match status {
        401 => ("user_unauthenticated", "Authentication Required", "Valid authentication credentials must be provided"),
        403 => ("user_unauthorized", "User Access Unauthorized", "The user is not allowed to access the resource."),
        404 => ("not_found", "Not Found", "Not Found"),
        409 => ("conflict", "Conflict", "The request is in conflict with the current server state"),
        503 => ("service_unavailable", "Service Unavailable", "The service is temporarily unavailable"),
        500.. => ("internal_server_error", "Internal Server Error", "Oops, something went wrong!"),
        _ => ("bad_request", "Bad Request", "Bad Request"),
    };
    ApiError::new(status, detail).with_code(code, title)
}

/// Returns a 429 response. It has no body, as in the API's OpenAPI document.
fn too_many_requests(exceeded: Option<LimitExceeded>, with_headers: bool) -> ApiResponse {
    let mut response = empty_response(429);
    if let Some(LimitExceeded { limit, retry_after_seconds }) = exceeded.filter(|_| with_headers) {
        response.headers.push("Retry-After", retry_after_seconds.to_string());
        response.headers.push("X-RateLimit-Limit", limit.to_string());
        response.headers.push("X-RateLimit-Remaining", "0");
        response.headers.push("X-RateLimit-Reset", retry_after_seconds.to_string());
    }
    response
}
