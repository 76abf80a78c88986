//! Decides what to do after one attempt: which calls are retried, and how long to wait before that.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use super::{Headers, HttpResponse, Method, TransportError};

/// The most attempts of one call, including the first.
pub(super) const MAX_ATTEMPTS: u32 = 8;
/// The longest time that one call takes, with its attempts and the waits between them. The last attempt may exceed
/// it.
pub(super) const MAX_CALL_DURATION: Duration = Duration::from_secs(300);
/// The first wait, which doubles from attempt to attempt.
const INITIAL_BACKOFF: Duration = Duration::from_millis(500);
/// The longest wait that floe chooses.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long all calls pause after a 429 that names no time. It is longer than the shorter of the service's windows.
const DEFAULT_RATE_LIMIT_WAIT: Duration = Duration::from_secs(2);
/// The longest wait that the service may request. Its longest window is a minute.
const MAX_REQUESTED_WAIT: Duration = Duration::from_secs(120);

/// What follows from one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RetryVerdict {
    /// A response to act on, with any status.
    Answered(HttpResponse),
    /// Nothing was changed and the failure may pass: try again.
    Retry(AttemptFailure, RequestedWait),
    /// Nothing was changed and another attempt would fail in the same way.
    Permanent(String),
    /// Something may have been changed: never send the request again.
    Uncertain(AttemptFailure),
    /// A read whose response is larger than the limit.
    TooLarge(String),
}

/// The failure of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptFailure {
    /// A response that reports a failure.
    ErrorResponse(HttpResponse),
    /// No response, with the transport's message.
    NoResponse(String),
}

/// The wait that the service requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestedWait {
    /// The service requested no wait.
    NotRequested,
    /// This call should wait this long.
    ThisCall(Duration),
    /// All calls should wait this long, because the limit is per address.
    AllCalls(Duration),
}

/// Returns what follows from an attempt. 401, 403, 404, 409 and the like are responses that the caller handles.
///
/// | outcome | GET | a method that changes something |
/// |---|---|---|
/// | nothing was sent | retry | retry |
/// | nothing can be sent: no such host, no valid certificate | fail | fail |
/// | 429: rejected unread | retry | retry |
/// | 408, 5xx except 501, lost after sending | retry | uncertain |
/// | the response is too large | too large | uncertain |
pub(super) fn classify(method: &Method, outcome: Result<HttpResponse, TransportError>) -> RetryVerdict {
    match outcome {
        Err(TransportError::BeforeSending(detail)) => {
            RetryVerdict::Retry(AttemptFailure::NoResponse(detail), RequestedWait::NotRequested)
        }
        Err(TransportError::Permanent(detail)) => RetryVerdict::Permanent(detail),
        Err(TransportError::AfterSending(detail) | TransportError::TooLarge(detail)) if !method.is_safe() => {
            RetryVerdict::Uncertain(AttemptFailure::NoResponse(detail))
        }
        Err(TransportError::TooLarge(detail)) => RetryVerdict::TooLarge(detail),
        Err(TransportError::AfterSending(detail)) => {
            RetryVerdict::Retry(AttemptFailure::NoResponse(detail), RequestedWait::NotRequested)
        }
        Ok(response) if response.status == 429 => {
            let requested = retry_after(&response.headers).or_else(|| rate_limit_reset(&response.headers));
            RetryVerdict::Retry(
                AttemptFailure::ErrorResponse(response),
                RequestedWait::AllCalls(requested.unwrap_or(DEFAULT_RATE_LIMIT_WAIT)),
            )
        }
        // 501 is final: the service does not support this request.
        Ok(response) if response.status == 408 || (response.status >= 500 && response.status != 501) => {
            if !method.is_safe() {
                return RetryVerdict::Uncertain(AttemptFailure::ErrorResponse(response));
            }
            let wait = retry_after(&response.headers).map_or(RequestedWait::NotRequested, RequestedWait::ThisCall);
            RetryVerdict::Retry(AttemptFailure::ErrorResponse(response), wait)
        }
        Ok(response) => RetryVerdict::Answered(response),
    }
}

/// Returns how long to wait after attempt number `attempt` (from 1) before the next one. `jitter` lies in [0, 1).
///
/// Half of the backoff is fixed and half is random. The wait that the service requests is a lower bound. Up to a
/// second is added to it, so that many calls with the same requested wait are not repeated all at once.
pub(super) fn backoff(attempt: u32, wait: RequestedWait, jitter: f64) -> Duration {
    let doubled = INITIAL_BACKOFF.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    let own = doubled.min(MAX_BACKOFF).mul_f64(0.5 + jitter / 2.0);
    match wait {
        RequestedWait::ThisCall(requested) | RequestedWait::AllCalls(requested) => {
            requested.saturating_add(Duration::from_secs(1).mul_f64(jitter)).max(own)
        }
        RequestedWait::NotRequested => own,
    }
}

/// Returns the longest time that a call may still take after attempt number `attempt`, if each further attempt takes
/// as long as that one (`took`) and the service requests no further wait. The call has taken `elapsed` so far.
pub(super) fn max_remaining(
    attempt: u32,
    requested_wait: RequestedWait,
    took: Duration,
    elapsed: Duration,
) -> Duration {
    let own: Duration = (attempt..MAX_ATTEMPTS).map(|attempt| backoff(attempt, RequestedWait::NotRequested, 1.0)).sum();
    let attempts = took.saturating_mul(MAX_ATTEMPTS.saturating_sub(attempt));
    own.max(backoff(attempt, requested_wait, 1.0))
        .saturating_add(attempts)
        .min(MAX_CALL_DURATION.saturating_sub(elapsed).saturating_add(took))
}

/// Returns the wait in `Retry-After`, which is in seconds or a date.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get("retry-after")?;
    parse_seconds(text).or_else(|| {
        // The date is relative to the `Date` of the same response, so that this machine's clock does not matter.
        let wait = parse_http_date(text)?.duration_since(parse_http_date(headers.get("date")?)?);
        Some(Duration::try_from(wait).unwrap_or_default().min(MAX_REQUESTED_WAIT))
    })
}

/// Returns the wait in `X-RateLimit-Reset`. In this API it is relative and in seconds (`fcpm-v2` in Confluent's API
/// description).
fn rate_limit_reset(headers: &Headers) -> Option<Duration> {
    parse_seconds(headers.get("x-ratelimit-reset")?)
}

/// Returns a number of seconds as a duration, up to the longest wait that the service may request.
fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(MAX_REQUESTED_WAIT.as_secs_f64())))
}

/// Parses a date of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}
