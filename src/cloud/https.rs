//! The transport for real: one exchange over HTTP/1.1 or HTTP/2 and TLS. The only file that knows reqwest.

use std::{error::Error as _, sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, redirect};

use super::{BoxFuture, Headers, HttpRequest, HttpResponse, Method, Transport, TransportError};

/// How much time and memory an exchange may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransportLimits {
    /// Name, connection and TLS, each new connection.
    pub(super) connect_timeout: Duration,
    /// The whole exchange.
    pub(super) total_timeout: Duration,
    /// Bytes of a body.
    pub(super) max_body_bytes: usize,
}

/// How long one exchange may take.
pub(super) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

const DEFAULT_LIMITS: TransportLimits = TransportLimits {
    connect_timeout: Duration::from_secs(10),
    total_timeout: EXCHANGE_TIMEOUT,
    max_body_bytes: 32 << 20,
};

/// Exchanges over the network. Certificates are checked against the system's roots (on Linux, where `SSL_CERT_FILE` or
/// `SSL_CERT_DIR` is set, against the roots found there instead). `https://` goes through the proxy that `HTTPS_PROXY` names, unless
/// `NO_PROXY` excepts the host; `http://`, which is allowed to this machine only, never goes through a proxy.
pub struct HttpsTransport {
    tls_client: Client,
    plaintext_client: Client,
    limits: TransportLimits,
}

/// The machine cannot do HTTPS.
#[derive(Debug, thiserror::Error)]
#[error("HTTPS cannot be set up: {0}; are the system's certificates (`ca-certificates`) installed?")]
pub struct HttpsSetupError(String);

impl HttpsTransport {
    /// A transport. Reads the system's certificates, and the environment's proxies and certificate paths.
    pub fn new() -> Result<Self, HttpsSetupError> {
        HttpsTransport::with_limits(DEFAULT_LIMITS)
    }

    pub(super) fn with_limits(limits: TransportLimits) -> Result<Self, HttpsSetupError> {
        let setup_error = |error: reqwest::Error| HttpsSetupError(error_with_causes(&error));
        let ring = rustls::crypto::ring::default_provider();
        // reqwest takes the process's provider; if there already is one, that one serves.
        let _ = ring.clone().install_default();
        // The plain client never speaks TLS; without roots it is quick to make.
        let tls_without_roots = rustls::ClientConfig::builder_with_provider(Arc::new(ring))
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpsSetupError(error.to_string()))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        Ok(HttpsTransport {
            tls_client: client_builder(limits).https_only(true).build().map_err(setup_error)?,
            plaintext_client: client_builder(limits)
                .tls_backend_preconfigured(tls_without_roots)
                .no_proxy()
                .build()
                .map_err(setup_error)?,
            limits,
        })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let client = if request.url.starts_with("http://") { &self.plaintext_client } else { &self.tls_client };
        let mut builder = client.request(reqwest_method(request.method), &request.url);
        for (name, value) in request.headers.iter() {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut response = builder.send().await.map_err(transport_error)?;
        let headers: Headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let too_large =
            || TransportError::TooLarge(format!("the answer is longer than {} bytes", self.limits.max_body_bytes));
        if response.content_length().is_some_and(|length| length > self.limits.max_body_bytes as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(body_error)? {
            if body.len().saturating_add(piece.len()) > self.limits.max_body_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpResponse { status: response.status().as_u16(), headers, body })
    }
}

impl Transport for HttpsTransport {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

fn client_builder(limits: TransportLimits) -> ClientBuilder {
    Client::builder()
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.total_timeout)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Below the idle time of common load balancers: a connection that they drop loses whatever is then sent.
        .pool_idle_timeout(Duration::from_secs(20))
}

fn reqwest_method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// Without a connection nothing left; with one, anything may have arrived.
fn transport_error(error: reqwest::Error) -> TransportError {
    let detail = error_with_causes(&error);
    if error.is_connect() || error.is_builder() {
        TransportError::BeforeSending(detail)
    } else {
        TransportError::AfterSending(detail)
    }
}

fn body_error(error: reqwest::Error) -> TransportError {
    TransportError::AfterSending(format!("the answer was cut short: {}", error_with_causes(&error)))
}

/// An error with its causes, the address left out: callers say it themselves, without its query.
fn error_with_causes(error: &reqwest::Error) -> String {
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
