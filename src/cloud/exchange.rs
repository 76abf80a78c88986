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
    Credentials, Error, ErrorKind, Headers, Limits, Method, Request, Response, Result, Site, Transport,
    call::{Call, without_query},
    failure, https,
    pace::Pace,
    redaction::Hidden,
    retry::{self, ATTEMPTS, PATIENCE, Trouble, Verdict, Wait},
    site::may_follow,
};

/// Redirects that one call follows; Confluent's own command line follows as many.
const REDIRECTS: usize = 5;

/// How long a call may fail before somebody is told.
const SILENCE: Duration = Duration::from_secs(2);
/// The same where the service only asks for patience, which it does in every large run.
const PATIENT_SILENCE: Duration = Duration::from_secs(10);

/// How much of an answer that is none is looked through for what may be said of it.
const QUOTABLE: usize = 256 << 10;
/// The longest id of a request that is passed on.
const LONGEST_ID: usize = 128;

/// A call that failed and is tried again, or that nobody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrying {
    /// What went wrong, as [`Error`] would say it.
    pub trouble: Error,
    /// How long that may go on, about.
    pub at_most: Duration,
    /// Whether its first answer is still waited for, and nothing is sent again.
    pub waits: bool,
}

/// Whoever wants to know that calls are tried again.
type Listener = Box<dyn Fn(&Retrying) + Send + Sync>;

/// The door to one environment. Clones share one limiter, one source of jitter and one count.
#[derive(Clone)]
pub struct Cloud(Arc<Door>);

struct Door {
    wire: Arc<dyn Transport>,
    site: Site,
    credentials: Credentials,
    hidden: Hidden,
    pace: Pace,
    jitter: Mutex<fastrand::Rng>,
    requests: AtomicU64,
    /// The last `Date` that was seen.
    date: Mutex<Option<String>>,
    listener: OnceLock<Listener>,
    /// Whether the listener knows of the present trouble.
    told: AtomicBool,
}

impl Cloud {
    /// A door to `site` through `wire`. `seed` decides the jitter of repetitions and nothing else.
    pub fn new(wire: Arc<dyn Transport>, site: Site, credentials: Credentials, limits: Limits, seed: u64) -> Self {
        Cloud(Arc::new(Door {
            wire,
            site,
            hidden: Hidden::of(&credentials),
            credentials,
            pace: Pace::new(limits),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: AtomicU64::new(0),
            date: Mutex::default(),
            listener: OnceLock::new(),
            told: AtomicBool::new(false),
        }))
    }

    /// Lets `listener` know, once until an answer comes, that a call has failed or stayed without an answer for about two
    /// seconds. The first listener stays.
    pub fn on_retry(&self, listener: impl Fn(&Retrying) + Send + Sync + 'static) {
        // A second one is dropped.
        let _ = self.0.listener.set(Box::new(listener));
    }

    /// Lets the listener know that the caller asks again what the service has refused for a while.
    pub fn still_refused(&self, refusal: &Error, at_most: Duration) {
        if let Some(listener) = self.0.listener.get() {
            listener(&Retrying { trouble: refusal.clone(), at_most, waits: false });
        }
    }

    /// Where it leads.
    pub fn site(&self) -> &Site {
        &self.0.site
    }

    /// Whether pools can be asked for at all. (A Flink key is needed for anything.)
    pub fn has_cloud_key(&self) -> bool {
        self.0.credentials.cloud.is_some()
    }

    /// The service's clock as of its last answer, RFC 3339: what ages are measured against. A date that does not read
    /// as one is given as it came.
    pub fn service_time(&self) -> Option<String> {
        let date = locked(&self.0.date).clone()?;
        Some(retry::date(&date).map_or(date, |time| time.to_string()))
    }

    /// How many requests have left, repetitions and redirects included.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Makes `call` and gives back its answer: a 2xx, and not somebody's log-in page.
    pub(super) async fn make(&self, call: &Call) -> Result<Response> {
        let response = self.carry(call).await.map_err(|error| self.presentable(error))?;
        match response.status {
            200..300 if failure::is_page(&response) => Err(self.garbled(call, &response, "it is a page for a browser")),
            200..300 => Ok(response),
            _ => Err(self.presentable(failure::refusal(call, &response))),
        }
    }

    /// `error` without any part of a key, and without what would steer a terminal.
    pub(super) fn presentable(&self, error: Error) -> Error {
        let request_id = error.request_id.map(|id| self.in_words(id.replace('\n', "")));
        Error {
            detail: self.in_words(error.detail),
            request_id: request_id.map(|id| id.chars().take(LONGEST_ID).collect()),
            help: error.help.map(|help| self.in_words(help)),
            ..error
        }
    }

    /// What a server says, as it may be passed on: no part of a key in it, and nothing that would steer a terminal.
    pub(super) fn in_words(&self, text: String) -> String {
        if text.is_empty() {
            return text;
        }
        let text = self.0.hidden.out_of(text);
        // Controls, and what turns the direction of writing.
        let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let kept = text.chars().map(|c| if c == '\t' { ' ' } else { c });
        kept.filter(|c| !steers(*c) || *c == '\n').collect()
    }

    /// `response` as it may be quoted. It is cut short only after this: of a key that is cut first, a part would stay.
    pub(super) fn quotable(&self, mut response: Response) -> Response {
        response.body.truncate(QUOTABLE);
        // A compressed body is never quoted.
        if !response.body.starts_with(failure::GZIP) {
            let body = String::from_utf8_lossy(&response.body).into_owned();
            response.body = self.0.hidden.out_of(body).into_bytes();
        }
        response
    }

    /// Tries until there is an answer that is no redirect, or a reason to stop.
    async fn carry(&self, call: &Call) -> Result<Response> {
        let authorization = self.authorization(call)?;
        // Without the queue before the limiter, which may be long and is nobody's failure.
        let mut spent = Duration::ZERO;
        let mut url = call.url.clone();
        let (mut attempt, mut redirects) = (1, 0);
        loop {
            let (outcome, took) = self.exchange(call, &url, &authorization, spent).await;
            spent = spent.saturating_add(took);
            let verdict = retry::judge(call.method, outcome);
            // Where every answer is slow that is told once.
            if matches!(verdict, Verdict::Answered(_)) && took < SILENCE {
                self.0.told.store(false, Ordering::Relaxed);
            }
            match verdict {
                Verdict::Answered(response) if (300..400).contains(&response.status) => {
                    url = next_url(call, &url, &response)?;
                    redirects += 1;
                    if redirects > REDIRECTS {
                        let detail =
                            format!("more than {REDIRECTS} redirects; the last one leads to {}", without_query(&url));
                        return Err(failure::answered(call, ErrorKind::Rejected, &response, detail));
                    }
                }
                Verdict::Answered(response) => return Ok(response),
                Verdict::Unknown(trouble) => return Err(unknown(call, &trouble)),
                Verdict::TooLarge(detail) => return Err(call.error(ErrorKind::TooLarge, detail)),
                Verdict::Again(trouble, asked) => {
                    let wait = retry::wait(attempt, asked, locked(&self.0.jitter).f64());
                    if let Wait::All(time) = asked {
                        self.0.pace.hold(time);
                    }
                    let at_most = retry::at_most(attempt, asked, took, spent);
                    spent = spent.saturating_add(wait);
                    if attempt >= ATTEMPTS || spent > PATIENCE {
                        return Err(given_up(call, &trouble, attempt));
                    }
                    let silence = if matches!(asked, Wait::All(_)) { PATIENT_SILENCE } else { SILENCE };
                    if spent >= silence {
                        self.tell(call, &trouble, at_most, false);
                    }
                    sleep(wait).await;
                    attempt += 1;
                    // From the start: whoever redirected may know a better address by now.
                    (url, redirects) = (call.url.clone(), 0);
                }
            }
        }
    }

    fn tell(&self, call: &Call, trouble: &Trouble, at_most: Duration, waits: bool) {
        if let Some(listener) = self.0.listener.get()
            && !self.0.told.swap(true, Ordering::Relaxed)
        {
            let error = match trouble {
                Trouble::Lost(detail) => call.error(ErrorKind::Unreachable, detail.clone()),
                Trouble::Status(response) => {
                    failure::answered(call, ErrorKind::Unreachable, response, failure::detail(response))
                }
            };
            listener(&Retrying { trouble: self.presentable(error), at_most, waits });
        }
    }

    fn authorization(&self, call: &Call) -> Result<String> {
        let key = self.0.credentials.key(call.api).ok_or_else(|| Error {
            help: failure::help(ErrorKind::Unauthorized, call),
            ..call.error(ErrorKind::Unauthorized, "there is no key for this API, so nothing was sent")
        })?;
        Ok(key.authorization())
    }

    /// One exchange of a call that has gone on for `spent`, and how long it took.
    async fn exchange(
        &self,
        call: &Call,
        url: &Url,
        authorization: &str,
        spent: Duration,
    ) -> (std::result::Result<Response, super::Lost>, Duration) {
        let mut headers = Headers::default();
        headers.push("Authorization", authorization);
        headers.push("Accept", "application/json");
        headers.push("User-Agent", concat!("floe/", env!("CARGO_PKG_VERSION")));
        if !call.body.is_empty() {
            headers.push("Content-Type", "application/json");
        }
        let request = Request { method: call.method, url: url.to_string(), headers, body: call.body.clone() };
        let _permit = self.0.pace.permit().await;
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let mut sent = self.0.wire.send(request);
        let outcome = match timeout(SILENCE.saturating_sub(spent), &mut sent).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let left = PATIENCE.saturating_sub(spent);
                let at_most = if call.method.changes() { https::TOTAL } else { left.max(https::TOTAL) };
                self.tell(call, &Trouble::Lost("no answer yet".to_owned()), at_most, spent.is_zero());
                sent.await
            }
        };
        if let Ok(response) = &outcome
            && let Some(date) = response.headers.get("date")
        {
            *locked(&self.0.date) = Some(date.to_owned());
        }
        let outcome = outcome.map(|response| match response.status {
            200..300 => response,
            _ => self.quotable(response),
        });
        (outcome, began.elapsed())
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("site", &self.0.site).field("requests", &self.requests()).finish_non_exhaustive()
    }
}

/// Where a redirect leads, if the key may go there and the method may be kept.
fn next_url(call: &Call, from: &Url, response: &Response) -> Result<Url> {
    let refuse = |kind, detail: String| Err(failure::answered(call, kind, response, detail));
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
            let kind = if call.method.changes() { ErrorKind::Uncertain } else { ErrorKind::Garbled };
            return refuse(kind, "a redirect of a kind that this API does not use".to_owned());
        }
    }
    let location = response.headers.get("location").unwrap_or_default();
    let Some(mut to) = Some(location).filter(|to| !to.is_empty()).and_then(|to| from.join(to).ok()) else {
        return refuse(ErrorKind::Garbled, "a redirect without an address".to_owned());
    };
    to.set_fragment(None);
    if !may_follow(from, &to) {
        let host = to.host_str().unwrap_or_default();
        let detail = format!("redirected to {}://{host}, where the API key must not go", to.scheme());
        return refuse(ErrorKind::Rejected, detail);
    }
    Ok(to)
}

fn unknown(call: &Call, trouble: &Trouble) -> Error {
    troubled(call, ErrorKind::Uncertain, trouble, "it may or may not have taken effect")
}

fn given_up(call: &Call, trouble: &Trouble, attempts: u32) -> Error {
    let times = if attempts == 1 { "one attempt".to_owned() } else { format!("{attempts} attempts") };
    let error = troubled(call, ErrorKind::Unreachable, trouble, &format!("given up after {times}"));
    let help = match trouble {
        Trouble::Lost(detail) if detail.contains("certificate") => Some(
            "a company's own certificate authority can be added to the system's roots, or to the file that SSL_CERT_FILE names"
                .to_owned(),
        ),
        Trouble::Lost(_) => failure::help(ErrorKind::Unreachable, call),
        Trouble::Status(response) if response.status == 429 => Some(
            "the service's limits are per address; somebody else may be using them up from here, so try again later \
             or lower this run's own limits"
                .to_owned(),
        ),
        Trouble::Status(_) => {
            Some("the service is in trouble; nothing was changed by this call, so try again later".to_owned())
        }
    };
    Error { help, ..error }
}

fn troubled(call: &Call, kind: ErrorKind, trouble: &Trouble, note: &str) -> Error {
    match trouble {
        Trouble::Lost(detail) => call.error(kind, format!("{detail} ({note})")),
        Trouble::Status(response) => {
            let detail = format!("{} ({note})", failure::detail(response));
            failure::answered(call, kind, response, detail)
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
