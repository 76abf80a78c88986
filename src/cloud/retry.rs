//! What to do with the outcome of one attempt: the table of who retries what, and how long to wait.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use super::{Headers, HttpResponse, Method, TransportError};

/// Attempts at one call, the first included.
pub(super) const MAX_ATTEMPTS: u32 = 8;
/// How long one call goes on, its attempts and the waits between them; the last attempt may go beyond it.
pub(super) const MAX_CALL_DURATION: Duration = Duration::from_secs(300);
/// The first wait; it doubles from attempt to attempt.
const INITIAL_BACKOFF: Duration = Duration::from_millis(500);
/// The longest wait of our own choice.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long everything keeps quiet after a 429 that names no time: more than the shorter of the service's windows.
const DEFAULT_RATE_LIMIT_WAIT: Duration = Duration::from_secs(2);
/// The longest wait the service may ask for: its longest window is a minute.
const MAX_REQUESTED_WAIT: Duration = Duration::from_secs(120);

/// What one attempt comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RetryVerdict {
    /// An answer to act upon, whatever its status.
    Answered(HttpResponse),
    /// Nothing was changed and it may pass: try again.
    Retry(AttemptFailure, RequestedWait),
    /// Something may have been changed: never send it again.
    Uncertain(AttemptFailure),
    /// A read whose answer is larger than is taken in.
    TooLarge(String),
}

/// An attempt that came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AttemptFailure {
    /// An answer that is none.
    ErrorResponse(HttpResponse),
    /// No answer.
    NoResponse(String),
}

/// What the service said about waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestedWait {
    /// Nothing.
    NotRequested,
    /// This call should wait.
    ThisCall(Duration),
    /// Everything should wait: the limit is per address.
    AllCalls(Duration),
}

/// Who retries what (401, 403, 404, 409 and the like are answers; the caller's business):
///
/// | outcome | GET | a method that changes something |
/// |---|---|---|
/// | nothing left | again | again |
/// | 429: refused unread | again | again |
/// | 408, 5xx but 501, lost after sending | again | unknown |
/// | too large an answer | too large | unknown |
pub(super) fn classify(method: Method, outcome: Result<HttpResponse, TransportError>) -> RetryVerdict {
    match outcome {
        Err(TransportError::BeforeSending(detail)) => {
            RetryVerdict::Retry(AttemptFailure::NoResponse(detail), RequestedWait::NotRequested)
        }
        Err(TransportError::AfterSending(detail) | TransportError::TooLarge(detail)) if method.is_mutating() => {
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
        // 501: the service does not do this, now or later.
        Ok(response) if response.status == 408 || (response.status >= 500 && response.status != 501) => {
            if method.is_mutating() {
                return RetryVerdict::Uncertain(AttemptFailure::ErrorResponse(response));
            }
            let wait = retry_after(&response.headers).map_or(RequestedWait::NotRequested, RequestedWait::ThisCall);
            RetryVerdict::Retry(AttemptFailure::ErrorResponse(response), wait)
        }
        Ok(response) => RetryVerdict::Answered(response),
    }
}

/// How long to wait after attempt number `attempt` (from 1) before the next; `jitter` lies in [0, 1).
///
/// Half of the back-off is fixed and half is chance. What the service asks for is a lower bound, with up to a second on
/// top, so that the many calls that were told the same do not come back at once.
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

/// How much longer a call goes on at most after its attempt number `attempt`, if each further attempt takes as long as
/// that one `took` and it is never asked to wait again; it has gone on for `spent`.
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

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get("retry-after")?;
    parse_seconds(text).or_else(|| {
        // Against the same answer's own clock, so that this machine's does not matter.
        let wait = parse_http_date(text)?.duration_since(parse_http_date(headers.get("date")?)?);
        Some(Duration::try_from(wait).unwrap_or_default().min(MAX_REQUESTED_WAIT))
    })
}

/// `X-RateLimit-Reset`: in this API relative, in seconds (`fcpm-v2` in Confluent's API description).
fn rate_limit_reset(headers: &Headers) -> Option<Duration> {
    parse_seconds(headers.get("x-ratelimit-reset")?)
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(MAX_REQUESTED_WAIT.as_secs_f64())))
}

/// HTTP's date, `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}
