//! The transport for real: one exchange over HTTP/1.1 or HTTP/2 and TLS. The only file that knows reqwest.

use std::{error::Error as _, sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, redirect};

use super::{BoxFuture, Headers, Lost, Method, Request, Response, Transport};

/// How much time and memory an exchange may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caps {
    /// Name, connection and TLS, each new connection.
    pub(super) connect: Duration,
    /// The whole exchange.
    pub(super) total: Duration,
    /// Bytes of a body.
    pub(super) body: usize,
}

/// How long one exchange may take.
pub(super) const TOTAL: Duration = Duration::from_secs(60);

const CAPS: Caps = Caps { connect: Duration::from_secs(10), total: TOTAL, body: 32 << 20 };

/// Exchanges over the network. Certificates are checked against the system's roots (on Linux, where `SSL_CERT_FILE` or
/// `SSL_CERT_DIR` is set, against the roots found there instead). `https://` goes through the proxy that `HTTPS_PROXY` names, unless
/// `NO_PROXY` excepts the host; `http://`, which is allowed to this machine only, never goes through a proxy.
pub struct Https {
    tls: Client,
    plain: Client,
    caps: Caps,
}

/// The machine cannot do HTTPS.
#[derive(Debug, thiserror::Error)]
#[error("HTTPS cannot be set up: {0}; are the system's certificates (`ca-certificates`) installed?")]
pub struct NoHttps(String);

impl Https {
    /// A transport. Reads the system's certificates, and the environment's proxies and certificate paths.
    pub fn new() -> Result<Self, NoHttps> {
        Https::with(CAPS)
    }

    pub(super) fn with(caps: Caps) -> Result<Self, NoHttps> {
        let told = |error: reqwest::Error| NoHttps(whole_story(&error));
        let ring = rustls::crypto::ring::default_provider();
        // reqwest takes the process's provider; if there already is one, that one serves.
        let _ = ring.clone().install_default();
        // The plain client never speaks TLS; without roots it is quick to make.
        let rootless = rustls::ClientConfig::builder_with_provider(Arc::new(ring))
            .with_safe_default_protocol_versions()
            .map_err(|error| NoHttps(error.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Ok(Https {
            tls: settings(caps).https_only(true).build().map_err(told)?,
            plain: settings(caps).tls_backend_preconfigured(rootless).no_proxy().build().map_err(told)?,
            caps,
        })
    }

    async fn exchange(&self, request: Request) -> Result<Response, Lost> {
        let client = if request.url.starts_with("http://") { &self.plain } else { &self.tls };
        let mut builder = client.request(method(request.method), &request.url);
        for (name, value) in request.headers.iter() {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut response = builder.send().await.map_err(lost)?;
        let headers: Headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let too_large = || Lost::TooLarge(format!("the answer is longer than {} bytes", self.caps.body));
        if response.content_length().is_some_and(|length| length > self.caps.body as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(lost_in_body)? {
            if body.len().saturating_add(piece.len()) > self.caps.body {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Response { status: response.status().as_u16(), headers, body })
    }
}

impl Transport for Https {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Lost>> {
        Box::pin(self.exchange(request))
    }
}

fn settings(caps: Caps) -> ClientBuilder {
    Client::builder()
        .connect_timeout(caps.connect)
        .timeout(caps.total)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Below the idle time of common load balancers: a connection that they drop loses whatever is then sent.
        .pool_idle_timeout(Duration::from_secs(20))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// Without a connection nothing left; with one, anything may have arrived.
fn lost(error: reqwest::Error) -> Lost {
    let detail = whole_story(&error);
    if error.is_connect() || error.is_builder() { Lost::BeforeSending(detail) } else { Lost::AfterSending(detail) }
}

fn lost_in_body(error: reqwest::Error) -> Lost {
    Lost::AfterSending(format!("the answer was cut short: {}", whole_story(&error)))
}

/// An error with its causes, the address left out: callers say it themselves, without its query.
fn whole_story(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        // "client error (SendRequest)" and the like name parts of the client, not of the trouble.
        if causes.last() != Some(&text) && !text.starts_with("client error (") {
            causes.push(text);
        }
        cause = next.source();
    }
    if error.is_timeout() && causes.is_empty() {
        causes.push("it took too long".to_owned());
    }
    if causes.is_empty() { "the exchange failed".to_owned() } else { causes.join(": ") }
}
