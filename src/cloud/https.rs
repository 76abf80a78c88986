//! The real transport: one exchange over HTTP/1.1 or HTTP/2 with TLS. No other file uses reqwest.

use std::{error::Error as _, sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, redirect};

use super::{BoxFuture, Headers, HttpRequest, HttpResponse, Transport, TransportError};

/// Limits on the time and the memory of one exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransportLimits {
    /// The timeout for name resolution, connection and TLS together, for each new connection.
    pub(super) connect_timeout: Duration,
    /// The timeout for the whole exchange.
    pub(super) total_timeout: Duration,
    /// The largest response body in bytes.
    pub(super) max_body_bytes: usize,
    /// The most bytes in all header fields of a response.
    pub(super) max_header_bytes: usize,
}

/// The longest time that one exchange may take.
pub(super) const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most header fields of a response. The service sends about 30.
const MAX_HEADER_FIELDS: usize = 100;

/// The limits that [`HttpsTransport::new`] uses.
const DEFAULT_LIMITS: TransportLimits = TransportLimits {
    connect_timeout: Duration::from_secs(10),
    total_timeout: EXCHANGE_TIMEOUT,
    max_body_bytes: 32 << 20,
    max_header_bytes: 64 << 10,
};

/// Sends requests over the network. Certificates are checked against the system's root certificates. On Linux, if
/// `SSL_CERT_FILE` or `SSL_CERT_DIR` is set, they are checked against the certificates found there instead.
/// `https://` uses the proxy that `HTTPS_PROXY` names, unless `NO_PROXY` excludes the host. `http://`, which is
/// allowed only to this machine, never uses a proxy.
pub struct HttpsTransport {
    /// The client for `https://` URLs.
    tls_client: Client,
    /// The client for `http://` URLs, which never uses TLS or a proxy.
    plaintext_client: Client,
    /// The limits of each exchange.
    limits: TransportLimits,
}

/// The error when HTTPS cannot be set up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up HTTPS (are the system's certificates, `ca-certificates`, installed?): {0}")]
pub struct HttpsSetupError(String);

impl HttpsTransport {
    /// Creates a transport. Reads the system's certificates, and the proxies and certificate paths from the
    /// environment.
    ///
    /// # Errors
    /// When HTTPS cannot be set up on this machine.
    pub fn new() -> Result<Self, HttpsSetupError> {
        HttpsTransport::with_limits(DEFAULT_LIMITS)
    }

    /// Creates a transport with the given limits.
    pub(super) fn with_limits(limits: TransportLimits) -> Result<Self, HttpsSetupError> {
        let setup_error = |error: reqwest::Error| HttpsSetupError(error_with_causes(&error, limits));
        let ring = rustls::crypto::ring::default_provider();
        // reqwest uses the provider of the process. If one is installed already, that one is used.
        let _ = ring.clone().install_default();
        // The plaintext client never uses TLS, and without root certificates it is quick to create.
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

    /// Sends one request and reads the whole response within the limits.
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let client = if request.url.starts_with("http://") { &self.plaintext_client } else { &self.tls_client };
        let mut builder = client.request(request.method, &request.url).headers(request.headers.into());
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut response = builder.send().await.map_err(|error| transport_error(error, self.limits))?;
        let header_bytes: usize =
            response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if header_bytes > self.limits.max_header_bytes {
            let limit = self.limits.max_header_bytes;
            return Err(TransportError::TooLarge(format!("the headers of the response are larger than {limit} bytes")));
        }
        let headers = Headers::from(response.headers().clone());
        let too_large =
            || TransportError::TooLarge(format!("the response is larger than {} bytes", self.limits.max_body_bytes));
        if response.content_length().is_some_and(|length| length > self.limits.max_body_bytes as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| body_error(error, self.limits))? {
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

/// Returns a builder with the settings that both clients share.
fn client_builder(limits: TransportLimits) -> ClientBuilder {
    Client::builder()
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.total_timeout)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_max_headers(MAX_HEADER_FIELDS)
        .http2_max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        // Shorter than the idle timeout of common load balancers, because a request on a connection that they have
        // dropped is lost.
        .pool_idle_timeout(Duration::from_secs(20))
}

/// The message for a server that does not answer in TLS.
pub(super) const NO_TLS: &str = "the server does not use TLS, but the address begins with `https://`";

/// What the systems say about a host name that does not exist. Other failures of name resolution may pass.
const UNKNOWN_HOST_MESSAGES: [&str; 5] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "nodename nor servname provided, or not known",
    "No such host is known",
];

/// Returns the transport error for a request that failed. Without a connection nothing was sent. With one, the
/// request may have arrived.
fn transport_error(error: reqwest::Error, limits: TransportLimits) -> TransportError {
    let detail = error_with_causes(&error, limits);
    if error.is_builder() {
        return TransportError::Permanent(detail);
    }
    if !error.is_connect() {
        return TransportError::AfterSending(detail);
    }
    match find_cause::<rustls::Error>(&error) {
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            TransportError::Permanent(NO_TLS.to_owned())
        }
        // A clock that is wrong is not right a moment later either.
        Some(rustls::Error::InvalidCertificate(_)) => TransportError::Permanent(detail),
        _ if UNKNOWN_HOST_MESSAGES.iter().any(|message| detail.contains(message)) => TransportError::Permanent(detail),
        _ => TransportError::BeforeSending(detail),
    }
}

/// Returns the first cause of `error` of type `E`. The source of an IO error is that of the error inside it, so the error
/// inside is looked at first.
fn find_cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(found) = next.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = next.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => next.source(),
        };
    }
    None
}

/// Returns the error for a response whose body could not be read to its end.
fn body_error(error: reqwest::Error, limits: TransportLimits) -> TransportError {
    TransportError::AfterSending(format!("the response was cut short: {}", error_with_causes(&error, limits)))
}

/// Returns the causes of `error` as one text. The URL is left out, because callers print it themselves without its
/// query.
fn error_with_causes(error: &reqwest::Error, limits: TransportLimits) -> String {
    if error.is_timeout() {
        let (what, limit) = match error.is_connect() {
            true => ("connection", limits.connect_timeout),
            false => ("complete response", limits.total_timeout),
        };
        return format!("no {what} within {limit:?}");
    }
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        // "client error (SendRequest)" and the like name a part of the client, not the cause.
        if causes.last() != Some(&text) && !text.starts_with("client error (") {
            causes.push(text);
        }
        cause = next.source();
    }
    if causes.is_empty() { "the request failed".to_owned() } else { causes.join(": ") }
}
