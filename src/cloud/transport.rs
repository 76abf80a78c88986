//! The seam: one request out, one response back, or the knowledge of what may have happened.

use std::{fmt, future::Future, pin::Pin};

/// A boxed future, so that transports are chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries one exchange. Follows no redirect, retries nothing, adds no header.
pub trait Transport: Send + Sync {
    /// Sends `request` to its absolute URL and waits for the whole response.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

/// HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "HTTP's own words")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Whether a request of this method may change something.
    pub fn is_mutating(self) -> bool {
        self != Method::Get
    }

    /// HTTP's spelling.
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

/// Header fields in order; names are compared without case.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a field.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Headers(fields.into_iter().collect())
    }
}

/// Shows every field but the value of `Authorization`.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            let hidden = name.eq_ignore_ascii_case("authorization");
            (name, if hidden { "(redacted)" } else { value })
        });
        f.debug_map().entries(shown).finish()
    }
}

/// One request to an absolute URL. `Debug` shows neither the key nor the body, which may hold revealed secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The header fields, Authorization included.
    pub headers: Headers,
    /// The body; empty for none.
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
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body, as received.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpResponse { status, headers, body } = self;
        let body = format_args!("{} bytes", body.len());
        f.debug_struct("HttpResponse").field("status", status).field("headers", headers).field("body", &body).finish()
    }
}

/// An exchange without a whole response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing left: no connection, no name, no TLS. It is as if nothing had been tried.
    #[error("{0}")]
    BeforeSending(String),
    /// It may have been received and acted on: a reset, a time-out, a body cut short.
    #[error("{0}")]
    AfterSending(String),
    /// It was answered, by more than is taken in. Asked again it would be answered so again.
    #[error("{0}")]
    TooLarge(String),
}
