//! What to do with the outcome of one attempt: the table of who retries what, and how long to wait.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use super::{Headers, Lost, Method, Response};

/// Attempts at one call, the first included.
pub(super) const ATTEMPTS: u32 = 8;
/// How long one call goes on, its attempts and the waits between them; the last attempt may go beyond it.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
/// The first wait; it doubles from attempt to attempt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait of our own choice.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long everything keeps quiet after a 429 that names no time: more than the shorter of the service's windows.
const QUIET: Duration = Duration::from_secs(2);
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
    /// A read whose answer is larger than is taken in.
    TooLarge(String),
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
/// | 408, 5xx but 501, lost after sending | again | unknown |
/// | too large an answer | too large | unknown |
pub(super) fn judge(method: Method, outcome: Result<Response, Lost>) -> Verdict {
    match outcome {
        Err(Lost::BeforeSending(detail)) => Verdict::Again(Trouble::Lost(detail), Wait::Unasked),
        Err(Lost::AfterSending(detail) | Lost::TooLarge(detail)) if method.changes() => {
            Verdict::Unknown(Trouble::Lost(detail))
        }
        Err(Lost::TooLarge(detail)) => Verdict::TooLarge(detail),
        Err(Lost::AfterSending(detail)) => Verdict::Again(Trouble::Lost(detail), Wait::Unasked),
        Ok(response) if response.status == 429 => {
            let asked = retry_after(&response.headers).or_else(|| rate_limit_reset(&response.headers));
            Verdict::Again(Trouble::Status(response), Wait::All(asked.unwrap_or(QUIET)))
        }
        // 501: the service does not do this, now or later.
        Ok(response) if response.status == 408 || (response.status >= 500 && response.status != 501) => {
            if method.changes() {
                return Verdict::Unknown(Trouble::Status(response));
            }
            let wait = retry_after(&response.headers).map_or(Wait::Unasked, Wait::This);
            Verdict::Again(Trouble::Status(response), wait)
        }
        Ok(response) => Verdict::Answered(response),
    }
}

/// How long to wait after attempt number `attempt` (from 1) before the next; `jitter` lies in [0, 1).
///
/// Half of the back-off is fixed and half is chance. What the service asks for is a lower bound, with up to a second on
/// top, so that the many calls that were told the same do not come back at once.
pub(super) fn wait(attempt: u32, wait: Wait, jitter: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
    let own = doubled.min(LONGEST_WAIT).mul_f64(0.5 + jitter / 2.0);
    match wait {
        Wait::This(asked) | Wait::All(asked) => asked.saturating_add(Duration::from_secs(1).mul_f64(jitter)).max(own),
        Wait::Unasked => own,
    }
}

/// How much longer a call goes on at most after its attempt number `attempt`, if each further attempt takes as long as
/// that one `took` and it is never asked to wait again; it has gone on for `spent`.
pub(super) fn at_most(attempt: u32, asked: Wait, took: Duration, spent: Duration) -> Duration {
    let own: Duration = (attempt..ATTEMPTS).map(|attempt| wait(attempt, Wait::Unasked, 1.0)).sum();
    let attempts = took.saturating_mul(ATTEMPTS.saturating_sub(attempt));
    own.max(wait(attempt, asked, 1.0)).saturating_add(attempts).min(PATIENCE.saturating_sub(spent).saturating_add(took))
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get("retry-after")?;
    seconds(text).or_else(|| {
        // Against the same answer's own clock, so that this machine's does not matter.
        let wait = date(text)?.duration_since(date(headers.get("date")?)?);
        Some(Duration::try_from(wait).unwrap_or_default().min(LONGEST_ASKED))
    })
}

/// `X-RateLimit-Reset`: in this API relative, in seconds (`fcpm-v2` in Confluent's API description).
fn rate_limit_reset(headers: &Headers) -> Option<Duration> {
    seconds(headers.get("x-ratelimit-reset")?)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST_ASKED.as_secs_f64())))
}

/// HTTP's date, `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}
