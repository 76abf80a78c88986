//! The seam of the cloud: one request out, one response back, or an error that says what may have happened.

use std::{fmt, future::Future, pin::Pin};

use crate::resource::REDACTED_KEY;

/// A boxed future, which allows a transport to be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries one exchange. It follows no redirects, retries nothing and adds no headers.
pub trait Transport: Send + Sync {
    /// Sends `request` to its absolute URL and waits for the whole response.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

/// The HTTP methods that floe uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are HTTP's own")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Returns whether a request with this method may change something.
    pub fn is_mutating(self) -> bool {
        self != Method::Get
    }

    /// Returns the name of the method in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Header fields in order. Names are compared case-insensitively.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Returns the first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a header field at the end.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Returns all header fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Headers(fields.into_iter().collect())
    }
}

/// Shows every header field except the value of `Authorization`.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            let hidden = name.eq_ignore_ascii_case("authorization");
            (name, if hidden { REDACTED_KEY } else { value })
        });
        f.debug_map().entries(shown).finish()
    }
}

/// One request to an absolute URL. `Debug` shows neither the key nor the body, which may contain revealed secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method of the request.
    pub method: Method,
    /// The absolute URL of the request.
    pub url: String,
    /// The header fields, including `Authorization`.
    pub headers: Headers,
    /// The body, which is empty if there is none.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpRequest { method, url, headers, body } = self;
        let body = format_args!("{} bytes", body.len());
        f.debug_struct("HttpRequest")
            .field("method", method)
            .field("url", url)
            .field("headers", headers)
            .field("body", &body)
            .finish()
    }
}

/// One whole response. `Debug` leaves out the body, which may echo secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status code.
    pub status: u16,
    /// The header fields of the response.
    pub headers: Headers,
    /// The body as it was received.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpResponse { status, headers, body } = self;
        let body = format_args!("{} bytes", body.len());
        f.debug_struct("HttpResponse").field("status", status).field("headers", headers).field("body", &body).finish()
    }
}

/// An exchange that ended without a whole response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent, because the name, the connection or TLS failed. The request had no effect.
    #[error("{0}")]
    BeforeSending(String),
    /// Nothing was sent, and another attempt would fail in the same way: an unknown host name, a certificate that is not
    /// valid, a server without TLS, or a URL that cannot be sent.
    #[error("{0}")]
    Permanent(String),
    /// The request may have been received and may have taken effect: a reset, a timeout, or a body that was cut
    /// short.
    #[error("{0}")]
    AfterSending(String),
    /// The response is larger than the limit. Another attempt would get the same response.
    #[error("{0}")]
    TooLarge(String),
}
