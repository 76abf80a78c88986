//! The seam of the cloud: one request out, one response back, or an error that says what may have happened.

use std::{fmt, future::Future, pin::Pin};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// A boxed future, which allows a transport to be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries one exchange. It follows no redirects, retries nothing and adds no headers.
pub trait Transport: Send + Sync {
    /// Sends `request` to its absolute URL and waits for the whole response.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

/// The header fields of one exchange. The value of `Authorization` is marked as sensitive, so that `Debug` hides it and
/// HTTP/2 keeps it out of its compression tables. The map is boxed, because requests and responses are moved a lot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Box<HeaderMap>);

impl Headers {
    /// Returns the first value of `name`, if it is text. The case of `name` does not matter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// Adds a header field. A field that HTTP cannot carry, for example a value with a line break, is left out.
    pub fn push(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) {
        let name = HeaderName::from_bytes(name.as_ref().as_bytes());
        if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value.as_ref())) {
            value.set_sensitive(name == header::AUTHORIZATION);
            self.0.append(name, value);
        }
    }

    /// Returns all header fields whose value is text. Fields with the same name are in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?)))
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        let mut headers = Headers::default();
        fields.into_iter().for_each(|(name, value)| headers.push(name, value));
        headers
    }
}

impl From<HeaderMap> for Headers {
    fn from(mut fields: HeaderMap) -> Self {
        if let header::Entry::Occupied(mut authorization) = fields.entry(header::AUTHORIZATION) {
            authorization.iter_mut().for_each(|value| value.set_sensitive(true));
        }
        Headers(Box::new(fields))
    }
}

impl From<Headers> for HeaderMap {
    fn from(headers: Headers) -> Self {
        *headers.0
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_authorization_is_sensitive_wherever_it_comes_from() {
        let mut pushed = Headers::default();
        pushed.push("authorization", "Basic s3cr3t");
        pushed.push("X-Other", "shown");
        let mut fields = HeaderMap::new();
        fields.append("authorization", HeaderValue::from_static("Basic s3cr3t"));
        fields.append("authorization", HeaderValue::from_static("Basic s3cr3t-2"));
        fields.append("x-other", HeaderValue::from_static("shown"));
        for headers in [pushed, Headers::from(fields)] {
            let request = HttpRequest { method: Method::GET, url: String::new(), headers, body: b"s3cr3t".to_vec() };
            let debugged = format!("{request:?}");
            assert!(!debugged.contains("s3cr3t") && debugged.contains("shown"), "{debugged}");
            assert!(HeaderMap::from(request.headers).get_all("authorization").iter().all(HeaderValue::is_sensitive));
        }
    }

    #[test]
    fn a_field_that_http_cannot_carry_is_left_out() {
        let mut headers = Headers::default();
        headers.push("Location", "http://a\r\nSet-Cookie: b");
        headers.push("a name", "x");
        headers.push("X-Text", "zwölf");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("x-text", "zwölf")]);
        assert_eq!(headers.get("X-TEXT"), Some("zwölf"));
    }
}
