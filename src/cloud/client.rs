//! The call loop: authorization, rate limits, retries and redirects around single exchanges of the transport.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::{
    Credentials, Endpoints, Error, ErrorKind, Headers, HttpRequest, HttpResponse, Method, RateLimits, Result,
    Transport,
    call::{ApiCall, without_query},
    https,
    rate_limit::RateLimiter,
    response_error,
    retry::{self, AttemptFailure, MAX_ATTEMPTS, MAX_CALL_DURATION, RequestedWait, RetryVerdict},
};
use crate::resource::{ForeignText, Redactor, ServiceTime, visible};

/// The most redirects that one call follows, which is as many as Confluent's own command-line tool follows.
const MAX_REDIRECTS: usize = 5;

/// The most attempts of one call that run into the time limit of an exchange. A server that is that slow, or that sends
/// informational responses without end, is not asked for minutes.
const MAX_SLOW_ATTEMPTS: u32 = 2;

/// How long a call may fail before the user is notified.
const NOTICE_DELAY: Duration = Duration::from_secs(2);
/// How long a call may be rate limited before the user is notified. The service limits the rate in every large run.
const RATE_LIMIT_NOTICE_DELAY: Duration = Duration::from_secs(10);

/// How many bytes of an error response are searched for text to quote.
const MAX_QUOTED_BYTES: usize = 256 << 10;
/// The longest request id that is shown, in characters.
const MAX_REQUEST_ID_LENGTH: usize = 128;

/// Notice of a call that failed and is retried, or that has received no response yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryNotice {
    /// The failure in the form in which a call would return it.
    pub error: Error,
    /// The approximate upper limit on how long the call may continue.
    pub max_duration: Duration,
    /// Whether the first attempt is still waiting for a response, so that nothing has been sent again.
    pub is_waiting: bool,
}

/// A function that receives the notices of retried calls.
type RetryListener = Box<dyn Fn(&RetryNotice) + Send + Sync>;

/// The client for one environment. Clones share one rate limiter, one source of jitter and one request count.
#[derive(Clone)]
pub struct CloudClient(Arc<ApiConnection>);

/// The state that all clones of a client share.
struct ApiConnection {
    /// The transport that carries the exchanges.
    transport: Arc<dyn Transport>,
    /// The origins of the two APIs.
    endpoints: Endpoints,
    /// The API keys of the requests.
    credentials: Credentials,
    /// Redacts the API keys in received text.
    redactor: Redactor,
    /// The limiter for all requests of the run.
    rate_limiter: RateLimiter,
    /// The source of jitter for retries.
    jitter: Mutex<fastrand::Rng>,
    /// The number of requests sent, including retries and redirects.
    request_count: AtomicU64,
    /// The last `Date` header that was received, and when.
    last_date: Mutex<Option<(String, Instant)>>,
    /// Whether the Cloud API key was able to read a pool.
    has_seen_pool: AtomicBool,
    /// The listener for retried calls, if one was set.
    retry_listener: OnceLock<RetryListener>,
    /// Whether the listener has been notified of the current failure.
    has_notified: AtomicBool,
}

impl CloudClient {
    /// Creates a client that reaches `endpoints` through `transport`. `seed` determines the jitter of retries and
    /// nothing else.
    pub fn new(
        transport: Arc<dyn Transport>,
        endpoints: Endpoints,
        credentials: Credentials,
        limits: RateLimits,
        seed: u64,
    ) -> Self {
        CloudClient(Arc::new(ApiConnection {
            transport,
            endpoints,
            redactor: Redactor::for_keys(credentials.secret_texts()),
            credentials,
            rate_limiter: RateLimiter::new(limits),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            request_count: AtomicU64::new(0),
            last_date: Mutex::default(),
            has_seen_pool: AtomicBool::new(false),
            retry_listener: OnceLock::new(),
            has_notified: AtomicBool::new(false),
        }))
    }

    /// Calls `listener` when a call has failed or stayed without a response for about two seconds, once until a
    /// response arrives. Only the first listener is kept.
    pub fn on_retry(&self, listener: impl Fn(&RetryNotice) + Send + Sync + 'static) {
        // A second listener is dropped.
        let _ = self.0.retry_listener.set(Box::new(listener));
    }

    /// Notifies the listener that the caller repeats a request that the service has rejected for some time.
    pub fn notify_still_rejected(&self, rejection: &Error, max_duration: Duration) {
        if let Some(listener) = self.0.retry_listener.get() {
            listener(&RetryNotice { error: rejection.clone(), max_duration, is_waiting: false });
        }
    }

    /// Returns the endpoints that this client calls.
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// Returns whether pools can be read at all, which needs a Cloud API key. (A Flink API key is always needed.)
    pub fn has_cloud_key(&self) -> bool {
        self.0.credentials.cloud.is_some()
    }

    /// Returns the service's time as of its last response (RFC 3339), from which ages are measured. A `Date` that
    /// cannot be parsed is returned as it was received.
    pub fn service_time(&self) -> Option<String> {
        let (date, _) = lock(&self.0.last_date).clone()?;
        Some(retry::parse_http_date(&date).map_or(date, |time| time.to_string()))
    }

    /// Returns what the service's clock shows now: the `Date` of its last response, and the time that has passed since
    /// then. `None` before the first response, or if the service sends no date.
    pub fn service_clock(&self) -> Option<ServiceTime> {
        let (date, received) = lock(&self.0.last_date).clone()?;
        Some(ServiceTime::of(retry::parse_http_date(&date)?).after(received.elapsed()))
    }

    /// Returns whether the Cloud API key was able to read a pool.
    pub(super) fn has_seen_pool(&self) -> bool {
        self.0.has_seen_pool.load(Ordering::Relaxed)
    }

    /// Notes that the Cloud API key was able to read a pool.
    pub(super) fn note_visible_pool(&self) {
        self.0.has_seen_pool.store(true, Ordering::Relaxed);
    }

    /// Returns how many requests were sent, including retries and redirects.
    pub fn request_count(&self) -> u64 {
        self.0.request_count.load(Ordering::Relaxed)
    }

    /// Sends `call` and returns its 2xx response. An HTML page with such a status, like a login page, is an error.
    pub(super) async fn send_call(&self, call: &ApiCall) -> Result<HttpResponse> {
        let response = self.send_with_retries(call).await.map_err(|error| self.sanitize_error(error))?;
        match response.status {
            200..300 if response_error::is_html(&response) => {
                Err(self.invalid_response(call, &response, "it is an HTML page"))
            }
            200..300 => Ok(response),
            _ => {
                Err(self
                    .sanitize_error(self.explain_wrong_key(call, response_error::error_from_response(call, &response))))
            }
        }
    }

    /// Returns `error` with the likely cause of a 401 or 403 if one key is set for both APIs.
    fn explain_wrong_key(&self, call: &ApiCall, error: Error) -> Error {
        let is_denied = matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::Forbidden);
        if !is_denied || !self.0.credentials.are_same_key() {
            return error;
        }
        let help = [error.help.unwrap_or_default(), response_error::wrong_kind_help(call.api)].join(" ");
        Error { help: Some(help.trim().to_owned()), ..error }
    }

    /// Returns `error` without any part of an API key, and with characters that control a terminal spelled out.
    pub(super) fn sanitize_error(&self, error: Error) -> Error {
        let request_id = error.request_id.map(|id| self.sanitize_text(id.replace('\n', "")));
        Error {
            detail: self.sanitize_foreign(error.detail),
            request_id: request_id.map(|id| id.chars().take(MAX_REQUEST_ID_LENGTH).collect()),
            help: error.help.map(|help| self.sanitize_text(help)),
            ..error
        }
    }

    /// Returns the error for a 2xx that is not a response of this API. After a request that changes something, it
    /// means that the outcome is unknown, not that nothing happened.
    pub(super) fn invalid_response(&self, call: &ApiCall, response: &HttpResponse, why: &str) -> Error {
        let kind = if call.method.is_safe() { ErrorKind::InvalidResponse } else { ErrorKind::Uncertain };
        let response = &self.redact_response(response.clone());
        let detail = match response.body.trim_ascii() {
            [] => "the response is empty".to_owned(),
            body => format!("unexpected response ({why}) that begins with `{}`", response_error::excerpt(body)),
        };
        let help = response_error::is_html(response).then(|| response_error::html_page_help(call));
        self.sanitize_error(Error { help, ..response_error::error_with_response(call, kind, response, detail) })
    }

    /// Returns a value without any part of an API key. Its other characters stay as they are, because it is compared.
    pub(super) fn redact_keys(&self, text: String) -> String {
        if text.is_empty() { text } else { self.0.redactor.redact(&text) }
    }

    /// Returns a server's text without any part of an API key.
    pub(super) fn sanitize_foreign(&self, text: ForeignText) -> ForeignText {
        text.map(|text| self.0.redactor.redact(text))
    }

    /// Returns a server's text in a form that may be shown: without any part of an API key, and with characters that
    /// control a terminal spelled out.
    pub(super) fn sanitize_text(&self, text: String) -> String {
        if text.is_empty() {
            return text;
        }
        visible(&self.0.redactor.redact(&text)).into_owned()
    }

    /// Returns `response` in a form that may be quoted. Excerpts are cut only after this, because part of a key would
    /// remain if the key were cut first.
    pub(super) fn redact_response(&self, mut response: HttpResponse) -> HttpResponse {
        response.body.truncate(MAX_QUOTED_BYTES);
        // A compressed body is never quoted.
        if !response.body.starts_with(response_error::GZIP_MAGIC) {
            let body = String::from_utf8_lossy(&response.body);
            response.body = self.0.redactor.redact(&body).into_bytes();
        }
        response
    }

    /// Sends `call` until there is a response that is not a redirect, or a reason to stop.
    async fn send_with_retries(&self, call: &ApiCall) -> Result<HttpResponse> {
        let authorization = self.authorization(call)?;
        // Excludes the wait for the rate limiter, which may be long and is not a failure.
        let mut elapsed = Duration::ZERO;
        let mut url = call.url.clone();
        let (mut attempt, mut redirects, mut slow_attempts) = (1, 0, 0);
        loop {
            let (outcome, took) = self.send_once(call, &url, &authorization, elapsed).await;
            elapsed = elapsed.saturating_add(took);
            let verdict = retry::classify(&call.method, outcome);
            // If every response is slow, the listener is notified only once.
            if matches!(verdict, RetryVerdict::Answered(_)) && took < NOTICE_DELAY {
                self.0.has_notified.store(false, Ordering::Relaxed);
            }
            match verdict {
                RetryVerdict::Answered(response) if (300..400).contains(&response.status) => {
                    url = redirect_target(&self.0.endpoints, call, &url, &response)?;
                    redirects += 1;
                    if redirects > MAX_REDIRECTS {
                        let detail =
                            format!("more than {MAX_REDIRECTS} redirects, the last one to {}", without_query(&url));
                        return Err(response_error::error_with_response(call, ErrorKind::Rejected, &response, detail));
                    }
                }
                RetryVerdict::Answered(response) => return Ok(response),
                RetryVerdict::Permanent(detail) => return Err(connection_error(call, detail)),
                RetryVerdict::Uncertain(failure) => return Err(uncertain_error(call, &failure)),
                RetryVerdict::TooLarge(detail) => return Err(call.error(ErrorKind::TooLarge, detail)),
                RetryVerdict::Retry(failure, requested_wait) => {
                    let wait = retry::backoff(attempt, requested_wait, lock(&self.0.jitter).f64());
                    if let RequestedWait::AllCalls(time) = requested_wait {
                        self.0.rate_limiter.pause_all(time);
                    }
                    let max_duration = retry::max_remaining(attempt, requested_wait, took, elapsed);
                    elapsed = elapsed.saturating_add(wait);
                    slow_attempts += u32::from(took >= https::EXCHANGE_TIMEOUT);
                    if attempt >= MAX_ATTEMPTS || elapsed > MAX_CALL_DURATION || slow_attempts >= MAX_SLOW_ATTEMPTS {
                        return Err(exhausted_error(call, &failure, attempt));
                    }
                    let notice_delay = if matches!(requested_wait, RequestedWait::AllCalls(_)) {
                        RATE_LIMIT_NOTICE_DELAY
                    } else {
                        NOTICE_DELAY
                    };
                    if elapsed >= notice_delay {
                        self.notify_listener(call, &failure, max_duration, false);
                    }
                    sleep(wait).await;
                    attempt += 1;
                    // Start at the original URL, because it may now redirect to a better address.
                    (url, redirects) = (call.url.clone(), 0);
                }
            }
        }
    }

    /// Notifies the listener of `failure`, unless it has been notified of the current one.
    fn notify_listener(&self, call: &ApiCall, failure: &AttemptFailure, max_duration: Duration, is_waiting: bool) {
        if let Some(listener) = self.0.retry_listener.get()
            && !self.0.has_notified.swap(true, Ordering::Relaxed)
        {
            let error = match failure {
                AttemptFailure::NoResponse(detail) => call.error(ErrorKind::Unreachable, detail.clone()),
                AttemptFailure::ErrorResponse(response) => response_error::error_with_response(
                    call,
                    ErrorKind::Unreachable,
                    response,
                    response_error::detail_from_response(response),
                ),
            };
            listener(&RetryNotice { error: self.sanitize_error(error), max_duration, is_waiting });
        }
    }

    /// Returns the `Authorization` header for `call`.
    ///
    /// # Errors
    /// When there is no key for the API of the call.
    fn authorization(&self, call: &ApiCall) -> Result<String> {
        let key = self.0.credentials.key(call.api).ok_or_else(|| Error {
            help: response_error::help_for(ErrorKind::Unauthorized, call),
            ..call.error(ErrorKind::Unauthorized, "no key is set for this API, so no request was sent")
        })?;
        Ok(key.authorization())
    }

    /// Sends one request for a call that has taken `elapsed` so far. Returns the outcome and how long the exchange
    /// took.
    async fn send_once(
        &self,
        call: &ApiCall,
        url: &Url,
        authorization: &str,
        elapsed: Duration,
    ) -> (std::result::Result<HttpResponse, super::TransportError>, Duration) {
        let mut headers = Headers::default();
        headers.push("Authorization", authorization);
        headers.push("Accept", "application/json");
        headers.push("User-Agent", concat!("floe/", env!("CARGO_PKG_VERSION")));
        if !call.body.is_empty() {
            headers.push("Content-Type", "application/json");
        }
        let request =
            HttpRequest { method: call.method.clone(), url: url.to_string(), headers, body: call.body.clone() };
        let _permit = self.0.rate_limiter.acquire().await;
        self.0.request_count.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let mut sent = self.0.transport.send(request);
        let outcome = match timeout(NOTICE_DELAY.saturating_sub(elapsed), &mut sent).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let left = MAX_CALL_DURATION.saturating_sub(elapsed);
                let max_duration =
                    if call.method.is_safe() { left.max(https::EXCHANGE_TIMEOUT) } else { https::EXCHANGE_TIMEOUT };
                self.notify_listener(
                    call,
                    &AttemptFailure::NoResponse("no response yet".to_owned()),
                    max_duration,
                    elapsed.is_zero(),
                );
                sent.await
            }
        };
        if let Ok(response) = &outcome
            && let Some(date) = response.headers.get("date")
        {
            *lock(&self.0.last_date) = Some((date.to_owned(), Instant::now()));
        }
        let outcome = outcome.map(|response| match response.status {
            200..300 => response,
            _ => self.redact_response(response),
        });
        (outcome, began.elapsed())
    }
}

impl fmt::Debug for CloudClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudClient")
            .field("endpoints", &self.0.endpoints)
            .field("requests", &self.request_count())
            .finish_non_exhaustive()
    }
}

/// Returns the target of a redirect.
///
/// # Errors
/// When the API key must not be sent to the target, the method cannot be kept, or the redirect is invalid.
fn redirect_target(endpoints: &Endpoints, call: &ApiCall, from: &Url, response: &HttpResponse) -> Result<Url> {
    let redirect_error = |kind, detail: String| Err(response_error::error_with_response(call, kind, response, detail));
    let keeps_method = matches!(response.status, 307 | 308);
    match response.status {
        301 | 302 | 307 | 308 if keeps_method || call.method == Method::GET => {}
        303 if call.method == Method::GET => {}
        301 | 302 => {
            let detail = "the service's redirect would turn this change into a GET (is `endpoint` correct?)";
            return redirect_error(ErrorKind::Rejected, detail.to_owned());
        }
        // "See Other": the request may well have taken effect.
        303 => {
            return redirect_error(
                ErrorKind::Uncertain,
                "the service refers to another address for the result".to_owned(),
            );
        }
        _ => {
            let kind = if call.method.is_safe() { ErrorKind::InvalidResponse } else { ErrorKind::Uncertain };
            return redirect_error(kind, "a kind of redirect that this API does not use".to_owned());
        }
    }
    let location = response.headers.get("location").unwrap_or_default();
    let Some(mut to) = Some(location).filter(|to| !to.is_empty()).and_then(|to| from.join(to).ok()) else {
        return redirect_error(ErrorKind::InvalidResponse, "a redirect without a valid `Location`".to_owned());
    };
    to.set_fragment(None);
    if !endpoints.may_forward_key(from, &to) {
        let host = to.host_str().unwrap_or_default();
        let detail = format!("redirected to {}://{host}, where the API key must not be sent", to.scheme());
        let has_credentials = !to.username().is_empty() || to.password().is_some();
        let export_command = endpoints.export_command(&to).filter(|_| !has_credentials);
        let help =
            export_command.map(|command| format!("If you trust this host, allow it where floe runs:\n\n{command}"));
        return redirect_error(ErrorKind::Rejected, detail).map_err(|error| Error { help, ..error });
    }
    Ok(to)
}

/// Returns the error for a change whose outcome is unknown.
fn uncertain_error(call: &ApiCall, failure: &AttemptFailure) -> Error {
    error_from_failure(call, ErrorKind::Uncertain, failure, "the request may or may not have taken effect")
}

/// Returns the error for a call that failed in every attempt.
fn exhausted_error(call: &ApiCall, failure: &AttemptFailure, attempts: u32) -> Error {
    let times = if attempts == 1 { "one attempt".to_owned() } else { format!("{attempts} attempts") };
    let error = error_from_failure(call, ErrorKind::Unreachable, failure, &format!("gave up after {times}"));
    let help = match failure {
        AttemptFailure::NoResponse(detail) => connection_help(call, detail),
        AttemptFailure::ErrorResponse(response) if response.status == 429 => Some(
            "The service's rate limits are per address, and another client behind the same address may be using them up. Try again \
             later, or lower this run's own limits."
                .to_owned(),
        ),
        AttemptFailure::ErrorResponse(_) => {
            Some("The service is failing. This call changed nothing, so try again later.".to_owned())
        }
    };
    Error { help, ..error }
}

/// Returns the error for a call that was not sent, because no connection to the host can be made.
fn connection_error(call: &ApiCall, detail: String) -> Error {
    Error { help: connection_help(call, &detail), ..call.error(ErrorKind::Unreachable, detail) }
}

/// Returns the next step for a call without a response.
fn connection_help(call: &ApiCall, detail: &str) -> Option<String> {
    if detail.contains("certificate") {
        let text = "Add your company's certificate authority to the system's root certificates, or to the file that \
                    `SSL_CERT_FILE` names.";
        return Some(text.to_owned());
    }
    if detail == https::NO_TLS {
        let text = "This port does not use TLS. For a simulator on this machine, write `http://` instead of `https://`. \
                    Otherwise check the port, and the proxy in `HTTPS_PROXY`.";
        return Some(text.to_owned());
    }
    response_error::help_for(ErrorKind::Unreachable, call)
}

/// Returns the error for `failure`, with `note` in parentheses after its detail.
fn error_from_failure(call: &ApiCall, kind: ErrorKind, failure: &AttemptFailure, note: &str) -> Error {
    match failure {
        AttemptFailure::NoResponse(detail) => call.error(kind, format!("{detail} ({note})")),
        AttemptFailure::ErrorResponse(response) => {
            let detail = format!("{} ({note})", response_error::detail_from_response(response));
            response_error::error_with_response(call, kind, response, detail)
        }
    }
}

/// Locks `mutex`, even if a thread panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
