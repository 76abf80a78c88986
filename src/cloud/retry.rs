//! What to do with the outcome of one attempt: the table of who retries what, and how long to wait.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use super::{Headers, Lost, Method, Response};

/// Attempts at one call, the first included.
pub(super) const ATTEMPTS: u32 = 8;
/// No attempt begins later than this after the call's first one.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// The first wait; it doubles from attempt to attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait of our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait the service may ask for: its longest window is a minute.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// What one attempt comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An answer to act upon, whatever its status.
    Answered(Response),
    /// Nothing was changed and it may pass: try again.
    Again(Trouble, Wait),
    /// Something may have been changed: never send it again.
    Unknown(Trouble),
}

/// An attempt that came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// An answer that is none.
    Status(Response),
    /// No answer.
    Lost(String),
}

/// What the service said about waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing.
    Unasked,
    /// This call should wait.
    This(Duration),
    /// Everything should wait: the limit is per address.
    All(Duration),
}

/// Who retries what (401, 403, 404, 409 and the like are answers; the caller's business):
///
/// | outcome | GET | a method that changes something |
/// |---|---|---|
/// | nothing left | again | again |
/// | 429: refused unread | again | again |
/// | 408, 5xx, lost after sending | again | unknown |
pub(super) fn judge(method: Method, outcome: Result<Response, Lost>) -> Verdict {
    match outcome {
        Err(Lost::BeforeSending(detail)) => Verdict::Again(Trouble::Lost(detail), Wait::Unasked),
        Err(Lost::AfterSending(detail)) if method.changes() => Verdict::Unknown(Trouble::Lost(detail)),
        Err(Lost::AfterSending(detail)) => Verdict::Again(Trouble::Lost(detail), Wait::Unasked),
        Ok(response) if response.status == 429 => {
            let wait = asked(&response.headers).map_or(Wait::Unasked, Wait::All);
            Verdict::Again(Trouble::Status(response), wait)
        }
        Ok(response) if response.status == 408 || response.status >= 500 => {
            if method.changes() {
                return Verdict::Unknown(Trouble::Status(response));
            }
            let wait = asked(&response.headers).map_or(Wait::Unasked, Wait::This);
            Verdict::Again(Trouble::Status(response), wait)
        }
        Ok(response) => Verdict::Answered(response),
    }
}

/// How long to wait after attempt number `attempt` (from 1) before the next; `jitter` lies in [0, 1).
///
/// What the service asked for is a lower bound, with up to a second on top, so that many calls that were told the same
/// do not come back at once. Otherwise half of the back-off is fixed and half is chance.
pub(super) fn wait(attempt: u32, wait: Wait, jitter: f64) -> Duration {
    match wait {
        Wait::This(asked) | Wait::All(asked) => asked.saturating_add(Duration::from_secs(1).mul_f64(jitter)),
        Wait::Unasked => {
            let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
            doubled.min(LONGEST_WAIT).mul_f64(0.5 + jitter / 2.0)
        }
    }
}

/// The wait that the headers ask for: `Retry-After` in seconds or as a date, else `X-RateLimit-Reset`, which here is
/// relative, in seconds (`fcpm-v2` in Confluent's API description).
fn asked(headers: &Headers) -> Option<Duration> {
    let seconds = |text: &str| text.trim().parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
    let retry_after = headers.get("retry-after").and_then(|text| {
        seconds(text).or_else(|| {
            // Against the same answer's own clock, so that this machine's does not matter.
            let until = date(text)?;
            let now = date(headers.get("date")?)?;
            Some(until.duration_since(now).as_secs_f64().max(0.0))
        })
    });
    let asked = retry_after.or_else(|| seconds(headers.get("x-ratelimit-reset")?))?;
    Some(Duration::from_secs_f64(asked.min(LONGEST_ASKED.as_secs_f64())))
}

/// HTTP's date, `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}
