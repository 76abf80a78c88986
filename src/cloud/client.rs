//! The call loop: authorization, pace, repetitions and redirects around one exchange of the transport.

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
    endpoints::may_forward_key,
    https,
    rate_limit::RateLimiter,
    redaction::Redactor,
    response_error,
    retry::{self, AttemptFailure, MAX_ATTEMPTS, MAX_CALL_DURATION, RequestedWait, RetryVerdict},
};

/// Redirects that one call follows; Confluent's own command line follows as many.
const MAX_REDIRECTS: usize = 5;

/// How long a call may fail before somebody is told.
const NOTICE_DELAY: Duration = Duration::from_secs(2);
/// The same where the service only asks for patience, which it does in every large run.
const RATE_LIMIT_NOTICE_DELAY: Duration = Duration::from_secs(10);

/// How much of an answer that is none is looked through for what may be said of it.
const MAX_QUOTED_BYTES: usize = 256 << 10;
/// The longest id of a request that is passed on.
const MAX_REQUEST_ID_LENGTH: usize = 128;

/// A call that failed and is tried again, or that nobody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryNotice {
    /// What went wrong, as [`Error`] would say it.
    pub error: Error,
    /// How long that may go on, about.
    pub max_duration: Duration,
    /// Whether its first answer is still waited for, and nothing is sent again.
    pub is_waiting: bool,
}

/// Whoever wants to know that calls are tried again.
type RetryListener = Box<dyn Fn(&RetryNotice) + Send + Sync>;

/// The door to one environment. Clones share one limiter, one source of jitter and one count.
#[derive(Clone)]
pub struct CloudClient(Arc<ApiConnection>);

struct ApiConnection {
    transport: Arc<dyn Transport>,
    endpoints: Endpoints,
    credentials: Credentials,
    redactor: Redactor,
    rate_limiter: RateLimiter,
    jitter: Mutex<fastrand::Rng>,
    request_count: AtomicU64,
    /// The last `Date` that was seen.
    last_date: Mutex<Option<String>>,
    retry_listener: OnceLock<RetryListener>,
    /// Whether the listener knows of the present trouble.
    has_notified: AtomicBool,
}

impl CloudClient {
    /// A door to `site` through `wire`. `seed` decides the jitter of repetitions and nothing else.
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
            redactor: Redactor::new(&credentials),
            credentials,
            rate_limiter: RateLimiter::new(limits),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            request_count: AtomicU64::new(0),
            last_date: Mutex::default(),
            retry_listener: OnceLock::new(),
            has_notified: AtomicBool::new(false),
        }))
    }

    /// Lets `listener` know, once until an answer comes, that a call has failed or stayed without an answer for about two
    /// seconds. The first listener stays.
    pub fn on_retry(&self, listener: impl Fn(&RetryNotice) + Send + Sync + 'static) {
        // A second one is dropped.
        let _ = self.0.retry_listener.set(Box::new(listener));
    }

    /// Lets the listener know that the caller asks again what the service has refused for a while.
    pub fn notify_still_refused(&self, refusal: &Error, max_duration: Duration) {
        if let Some(listener) = self.0.retry_listener.get() {
            listener(&RetryNotice { error: refusal.clone(), max_duration, is_waiting: false });
        }
    }

    /// Where it leads.
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// Whether pools can be asked for at all. (A Flink key is needed for anything.)
    pub fn has_cloud_key(&self) -> bool {
        self.0.credentials.cloud.is_some()
    }

    /// The service's clock as of its last answer, RFC 3339: what ages are measured against. A date that does not read
    /// as one is given as it came.
    pub fn service_time(&self) -> Option<String> {
        let date = lock(&self.0.last_date).clone()?;
        Some(retry::parse_http_date(&date).map_or(date, |time| time.to_string()))
    }

    /// How many requests have left, repetitions and redirects included.
    pub fn request_count(&self) -> u64 {
        self.0.request_count.load(Ordering::Relaxed)
    }

    /// Makes `call` and gives back its answer: a 2xx, and not somebody's log-in page.
    pub(super) async fn send_call(&self, call: &ApiCall) -> Result<HttpResponse> {
        let response = self.send_with_retries(call).await.map_err(|error| self.sanitize_error(error))?;
        match response.status {
            200..300 if response_error::is_html(&response) => {
                Err(self.invalid_response(call, &response, "it is a page for a browser"))
            }
            200..300 => Ok(response),
            _ => Err(self.sanitize_error(response_error::error_from_response(call, &response))),
        }
    }

    /// `error` without any part of a key, and without what would steer a terminal.
    pub(super) fn sanitize_error(&self, error: Error) -> Error {
        let request_id = error.request_id.map(|id| self.sanitize_text(id.replace('\n', "")));
        Error {
            detail: self.sanitize_text(error.detail),
            request_id: request_id.map(|id| id.chars().take(MAX_REQUEST_ID_LENGTH).collect()),
            help: error.help.map(|help| self.sanitize_text(help)),
            ..error
        }
    }

    /// What a server says, as it may be passed on: no part of a key in it, and nothing that would steer a terminal.
    pub(super) fn sanitize_text(&self, text: String) -> String {
        if text.is_empty() {
            return text;
        }
        let text = self.0.redactor.redact(text);
        // Controls, and what turns the direction of writing.
        let is_unsafe = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let kept = text.chars().map(|c| if c == '\t' { ' ' } else { c });
        kept.filter(|c| !is_unsafe(*c) || *c == '\n').collect()
    }

    /// `response` as it may be quoted. It is cut short only after this: of a key that is cut first, a part would stay.
    pub(super) fn redact_response(&self, mut response: HttpResponse) -> HttpResponse {
        response.body.truncate(MAX_QUOTED_BYTES);
        // A compressed body is never quoted.
        if !response.body.starts_with(response_error::GZIP_MAGIC) {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            response.body = self.0.redactor.redact(body).into_bytes();
        }
        response
    }

    /// Tries until there is an answer that is no redirect, or a reason to stop.
    async fn send_with_retries(&self, call: &ApiCall) -> Result<HttpResponse> {
        let authorization = self.authorization(call)?;
        // Without the queue before the limiter, which may be long and is nobody's failure.
        let mut elapsed = Duration::ZERO;
        let mut url = call.url.clone();
        let (mut attempt, mut redirects) = (1, 0);
        loop {
            let (outcome, took) = self.send_once(call, &url, &authorization, elapsed).await;
            elapsed = elapsed.saturating_add(took);
            let verdict = retry::classify(call.method, outcome);
            // Where every answer is slow that is told once.
            if matches!(verdict, RetryVerdict::Answered(_)) && took < NOTICE_DELAY {
                self.0.has_notified.store(false, Ordering::Relaxed);
            }
            match verdict {
                RetryVerdict::Answered(response) if (300..400).contains(&response.status) => {
                    url = redirect_target(call, &url, &response)?;
                    redirects += 1;
                    if redirects > MAX_REDIRECTS {
                        let detail = format!(
                            "more than {MAX_REDIRECTS} redirects; the last one leads to {}",
                            without_query(&url)
                        );
                        return Err(response_error::error_with_response(call, ErrorKind::Rejected, &response, detail));
                    }
                }
                RetryVerdict::Answered(response) => return Ok(response),
                RetryVerdict::Uncertain(failure) => return Err(uncertain_error(call, &failure)),
                RetryVerdict::TooLarge(detail) => return Err(call.error(ErrorKind::TooLarge, detail)),
                RetryVerdict::Retry(failure, requested_wait) => {
                    let wait = retry::backoff(attempt, requested_wait, lock(&self.0.jitter).f64());
                    if let RequestedWait::AllCalls(time) = requested_wait {
                        self.0.rate_limiter.pause_all(time);
                    }
                    let max_duration = retry::max_remaining(attempt, requested_wait, took, elapsed);
                    elapsed = elapsed.saturating_add(wait);
                    if attempt >= MAX_ATTEMPTS || elapsed > MAX_CALL_DURATION {
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
                    // From the start: whoever redirected may know a better address by now.
                    (url, redirects) = (call.url.clone(), 0);
                }
            }
        }
    }

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

    fn authorization(&self, call: &ApiCall) -> Result<String> {
        let key = self.0.credentials.key(call.api).ok_or_else(|| Error {
            help: response_error::help_for(ErrorKind::Unauthorized, call),
            ..call.error(ErrorKind::Unauthorized, "there is no key for this API, so nothing was sent")
        })?;
        Ok(key.authorization())
    }

    /// One exchange of a call that has gone on for `spent`, and how long it took.
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
        let request = HttpRequest { method: call.method, url: url.to_string(), headers, body: call.body.clone() };
        let _permit = self.0.rate_limiter.acquire().await;
        self.0.request_count.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let mut sent = self.0.transport.send(request);
        let outcome = match timeout(NOTICE_DELAY.saturating_sub(elapsed), &mut sent).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let left = MAX_CALL_DURATION.saturating_sub(elapsed);
                let max_duration =
                    if call.method.is_mutating() { https::EXCHANGE_TIMEOUT } else { left.max(https::EXCHANGE_TIMEOUT) };
                self.notify_listener(
                    call,
                    &AttemptFailure::NoResponse("no answer yet".to_owned()),
                    max_duration,
                    elapsed.is_zero(),
                );
                sent.await
            }
        };
        if let Ok(response) = &outcome
            && let Some(date) = response.headers.get("date")
        {
            *lock(&self.0.last_date) = Some(date.to_owned());
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
            .field("site", &self.0.endpoints)
            .field("requests", &self.request_count())
            .finish_non_exhaustive()
    }
}

/// Where a redirect leads, if the key may go there and the method may be kept.
fn redirect_target(call: &ApiCall, from: &Url, response: &HttpResponse) -> Result<Url> {
    let refuse = |kind, detail: String| Err(response_error::error_with_response(call, kind, response, detail));
    let keeps_method = matches!(response.status, 307 | 308);
    match response.status {
        301 | 302 | 307 | 308 if keeps_method || call.method == Method::Get => {}
        303 if call.method == Method::Get => {}
        301 | 302 => {
            let detail =
                "the service redirects this change in a way that would turn it into a GET; is `endpoint` right?";
            return refuse(ErrorKind::Rejected, detail.to_owned());
        }
        // "See other": what was asked may well have been done.
        303 => return refuse(ErrorKind::Uncertain, "the service says to see another address".to_owned()),
        _ => {
            let kind = if call.method.is_mutating() { ErrorKind::Uncertain } else { ErrorKind::InvalidResponse };
            return refuse(kind, "a redirect of a kind that this API does not use".to_owned());
        }
    }
    let location = response.headers.get("location").unwrap_or_default();
    let Some(mut to) = Some(location).filter(|to| !to.is_empty()).and_then(|to| from.join(to).ok()) else {
        return refuse(ErrorKind::InvalidResponse, "a redirect without an address".to_owned());
    };
    to.set_fragment(None);
    if !may_forward_key(from, &to) {
        let host = to.host_str().unwrap_or_default();
        let detail = format!("redirected to {}://{host}, where the API key must not go", to.scheme());
        return refuse(ErrorKind::Rejected, detail);
    }
    Ok(to)
}

fn uncertain_error(call: &ApiCall, failure: &AttemptFailure) -> Error {
    error_from_failure(call, ErrorKind::Uncertain, failure, "it may or may not have taken effect")
}

fn exhausted_error(call: &ApiCall, failure: &AttemptFailure, attempts: u32) -> Error {
    let times = if attempts == 1 { "one attempt".to_owned() } else { format!("{attempts} attempts") };
    let error = error_from_failure(call, ErrorKind::Unreachable, failure, &format!("given up after {times}"));
    let help = match failure {
        AttemptFailure::NoResponse(detail) if detail.contains("certificate") => Some(
            "a company's own certificate authority can be added to the system's roots, or to the file that SSL_CERT_FILE names"
                .to_owned(),
        ),
        AttemptFailure::NoResponse(_) => response_error::help_for(ErrorKind::Unreachable, call),
        AttemptFailure::ErrorResponse(response) if response.status == 429 => Some(
            "the service's limits are per address; somebody else may be using them up from here, so try again later \
             or lower this run's own limits"
                .to_owned(),
        ),
        AttemptFailure::ErrorResponse(_) => {
            Some("the service is in trouble; nothing was changed by this call, so try again later".to_owned())
        }
    };
    Error { help, ..error }
}

fn error_from_failure(call: &ApiCall, kind: ErrorKind, failure: &AttemptFailure, note: &str) -> Error {
    match failure {
        AttemptFailure::NoResponse(detail) => call.error(kind, format!("{detail} ({note})")),
        AttemptFailure::ErrorResponse(response) => {
            let detail = format!("{} ({note})", response_error::detail_from_response(response));
            response_error::error_with_response(call, kind, response, detail)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
