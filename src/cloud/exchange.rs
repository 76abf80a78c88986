//! The call loop: authorization, pace, repetitions and redirects around one exchange of the transport.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use url::Url;

use super::{
    Credentials, Error, ErrorKind, Headers, Limits, Method, Request, Response, Result, Site, Transport,
    call::{Call, without_query},
    failure,
    pace::Pace,
    retry::{self, ATTEMPTS, PATIENCE, Trouble, Verdict, Wait},
    site::may_follow,
};

/// Redirects that one call follows; Confluent's own command line follows as many.
const REDIRECTS: usize = 5;

/// How long a call may fail before somebody is told.
const SILENCE: Duration = Duration::from_secs(2);
/// The same where the service only asks for patience, which it does in every large run.
const PATIENT_SILENCE: Duration = Duration::from_secs(10);

/// A call that failed, and is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrying {
    /// What went wrong, as [`Error`] would say it.
    pub trouble: Error,
    /// How long it may be tried again, about: what the call itself takes comes on top.
    pub at_most: Duration,
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
            credentials,
            pace: Pace::new(limits),
            jitter: Mutex::new(fastrand::Rng::with_seed(seed)),
            requests: AtomicU64::new(0),
            date: Mutex::default(),
            listener: OnceLock::new(),
            told: AtomicBool::new(false),
        }))
    }

    /// Lets `listener` know, once until an answer comes, that a call has failed for about two seconds and is tried
    /// again. The first listener stays.
    pub fn on_retry(&self, listener: impl Fn(&Retrying) + Send + Sync + 'static) {
        // A second one is dropped.
        let _ = self.0.listener.set(Box::new(listener));
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
        let mut detail = self.0.credentials.redact(error.detail);
        detail.retain(|c| !c.is_control() || c == '\n');
        Error { detail, ..error }
    }

    /// Tries until there is an answer that is no redirect, or a reason to stop.
    async fn carry(&self, call: &Call) -> Result<Response> {
        let authorization = self.authorization(call)?;
        let mut waited = Duration::ZERO;
        let began = Instant::now();
        let mut url = call.url.clone();
        let (mut attempt, mut redirects) = (1, 0);
        loop {
            let outcome = self.exchange(call, &url, &authorization).await;
            let verdict = retry::judge(call.method, outcome);
            if matches!(verdict, Verdict::Answered(_)) {
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
                Verdict::Again(trouble, asked) => {
                    let wait = retry::wait(attempt, asked, locked(&self.0.jitter).f64());
                    if let Wait::All(time) = asked {
                        self.0.pace.hold(time);
                    }
                    // Its own waits alone: the queue before the limiter may be long, and is nobody's failure.
                    waited = waited.saturating_add(wait);
                    if attempt >= ATTEMPTS || waited > PATIENCE {
                        return Err(given_up(call, &trouble, attempt));
                    }
                    let silence = if matches!(asked, Wait::All(_)) { PATIENT_SILENCE } else { SILENCE };
                    if began.elapsed().saturating_add(wait) >= silence {
                        self.tell(call, &trouble, retry::at_most(attempt, asked));
                    }
                    sleep(wait).await;
                    attempt += 1;
                    // From the start: whoever redirected may know a better address by now.
                    (url, redirects) = (call.url.clone(), 0);
                }
            }
        }
    }

    fn tell(&self, call: &Call, trouble: &Trouble, at_most: Duration) {
        if let Some(listener) = self.0.listener.get()
            && !self.0.told.swap(true, Ordering::Relaxed)
        {
            let error = match trouble {
                Trouble::Lost(detail) => call.error(ErrorKind::Unreachable, detail.clone()),
                Trouble::Status(response) => {
                    failure::answered(call, ErrorKind::Unreachable, response, failure::detail(response))
                }
            };
            listener(&Retrying { trouble: self.presentable(error), at_most });
        }
    }

    fn authorization(&self, call: &Call) -> Result<String> {
        let key = self.0.credentials.key(call.api).ok_or_else(|| Error {
            help: failure::help(ErrorKind::Unauthorized, call),
            ..call.error(ErrorKind::Unauthorized, "there is no key for this API, so nothing was sent")
        })?;
        Ok(key.authorization())
    }

    async fn exchange(
        &self,
        call: &Call,
        url: &Url,
        authorization: &str,
    ) -> std::result::Result<Response, super::Lost> {
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
        let outcome = self.0.wire.send(request).await;
        if let Ok(response) = &outcome
            && let Some(date) = response.headers.get("date")
        {
            *locked(&self.0.date) = Some(date.to_owned());
        }
        outcome
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
