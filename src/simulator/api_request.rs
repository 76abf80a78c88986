//! A parsed request: its origin, path, query, body and sender, and the page that a list request asks for.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use super::response::ApiError;
use crate::cloud::Method;

/// A parsed request, ready to be handled.
pub(super) struct ApiRequest {
    /// The HTTP method of the request.
    pub(super) method: Method,
    /// Scheme, host and port as the client wrote them. URLs in responses begin with it.
    pub(super) origin: String,
    /// The host name without the port.
    pub(super) host: String,
    /// The path, still percent-encoded.
    pub(super) path: String,
    /// The decoded query parameters, in order.
    pub(super) query_parameters: Vec<(String, String)>,
    /// The body as it was received.
    pub(super) body: Vec<u8>,
    /// The principal that owns the API key; empty until authentication.
    pub(super) principal: String,
    /// How a fault distorts what this request reads.
    pub(super) distortion: ReadDistortion,
}

/// How a fault distorts what a request reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ReadDistortion {
    /// Whether a GET of a statement shows it as it was before its last change.
    pub(super) stale: bool,
    /// The number of microseconds that lists lag behind.
    pub(super) list_lag: Option<i64>,
    /// Whether each page begins one entry too early.
    pub(super) shifting_pages: bool,
    /// Whether the next page is always the same page.
    pub(super) endless_pages: bool,
}

impl ApiRequest {
    /// Parses a request. Returns `None` if `url` is not a URL with a host.
    pub(super) fn parse(method: &Method, url: &str, body: &[u8]) -> Option<ApiRequest> {
        let url = Url::parse(url).ok()?;
        Some(ApiRequest {
            method: method.clone(),
            origin: url.origin().ascii_serialization(),
            host: url.host_str()?.to_owned(),
            path: url.path().to_owned(),
            query_parameters: url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            body: body.to_vec(),
            principal: String::new(),
            distortion: ReadDistortion::default(),
        })
    }

    /// Returns the non-empty segments of the path, percent-decoded.
    pub(super) fn path_segments(&self) -> Vec<String> {
        self.path.split('/').filter(|segment| !segment.is_empty()).map(percent_decoded).collect()
    }

    /// Returns the first value of a query parameter.
    pub(super) fn query_value(&self, name: &str) -> Option<&str> {
        self.query_parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Parses the body as JSON, or returns a 400.
    pub(super) fn json_body(&self) -> Result<Value, ApiError> {
        serde_json::from_slice(&self.body).map_err(|error| ApiError::new(400, format!("The body is not JSON: {error}")))
    }

    /// Returns whether this host serves the statements API and whether it serves the pools API. Hosts outside
    /// Confluent's domain serve both.
    pub(super) fn served_apis(&self) -> (bool, bool) {
        match self.host.as_str() {
            "api.confluent.cloud" | "confluent.cloud" => (false, true),
            host if host.ends_with(".confluent.cloud") => (true, false),
            _ => (true, true),
        }
    }

    /// Returns the cloud and region if the host names them, as in `flink.us-east-1.aws.confluent.cloud`, also with
    /// `.private` or with an endpoint's own label in between.
    pub(super) fn cloud_and_region(&self) -> Option<(&str, &str)> {
        let labels: Vec<_> = self.host.strip_suffix(".confluent.cloud")?.split('.').collect();
        let labels = labels.strip_suffix(&["private"]).unwrap_or(&labels);
        match labels {
            [first, .., region, cloud] if first.starts_with("flink") => Some((cloud, region)),
            _ => None,
        }
    }

    /// Returns the URL with this request's path and query at another origin.
    pub(super) fn url_at_origin(&self, origin: &str) -> String {
        let mut url = format!("{}{}", origin.trim_end_matches('/'), self.path);
        for (number, (key, value)) in self.query_parameters.iter().enumerate() {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let _ = write!(url, "{}{key}={value}", if number == 0 { '?' } else { '&' });
        }
        url
    }

    /// Returns the URL of the next page of `collection`, with the same filters and page size.
    pub(super) fn next_page_url(&self, collection: &str, token: &str) -> String {
        let mut url = format!("{collection}?");
        for (key, value) in self.query_parameters.iter().filter(|(key, _)| key != "page_token") {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let _ = write!(url, "{key}={value}&");
        }
        url.push_str("page_token=");
        url.push_str(token);
        url
    }
}

/// Replaces each percent escape in `text`, such as `%2B`, by its byte.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).filter(|digits| *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The page of a list that a request asks for.
pub(super) struct PageRequest {
    /// The largest number of entries on the page.
    pub(super) page_size: usize,
    /// The entry before the first one; empty on the first page.
    start_after: String,
    /// Whether a fault makes each page begin one entry too early.
    shifting_pages: bool,
    /// Whether a fault makes the next page the same page.
    endless_pages: bool,
}

impl PageRequest {
    /// Parses `page_size` (default 10, at most 100) and `page_token`, or returns a 400.
    pub(super) fn parse(request: &ApiRequest) -> Result<PageRequest, ApiError> {
        let invalid = |name: &str| {
            ApiError::new(400, format!("The value of '{name}' is invalid"))
                .with_code("invalid_filter", "Invalid Filter")
        };
        let page_size = match request.query_value("page_size").filter(|page_size| !page_size.is_empty()) {
            None => 10,
            Some(size) => {
                size.parse::<usize>().ok().filter(|size| *size > 0).ok_or_else(|| invalid("page_size"))?.min(100)
            }
        };
        let start_after = match request.query_value("page_token").filter(|token| !token.is_empty()) {
            None => String::new(),
            Some(token) => {
                let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid("page_token"))?;
                let text = String::from_utf8(bytes).map_err(|_| invalid("page_token"))?;
                text.strip_prefix("after:").ok_or_else(|| invalid("page_token"))?.to_owned()
            }
        };
        Ok(PageRequest {
            page_size,
            start_after,
            shifting_pages: request.distortion.shifting_pages,
            endless_pages: request.distortion.endless_pages,
        })
    }

    /// Returns the entry before the page's first one; empty on the first page.
    pub(super) fn start_after(&self) -> &str {
        &self.start_after
    }

    /// Truncates `found` to the page and returns the token of the next page. `found` must hold one entry more than
    /// the page if there are more.
    pub(super) fn truncate_to_page<'a, T>(
        &self,
        found: &mut Vec<&'a T>,
        name: impl Fn(&'a T) -> &'a str,
    ) -> Option<String> {
        let more = found.len() > self.page_size;
        found.truncate(self.page_size);
        let back = usize::from(self.shifting_pages && found.len() > 1);
        let last = found.iter().rev().nth(back).map(|last| name(last));
        match last {
            _ if self.endless_pages => Some(PageRequest::token_after(&self.start_after)),
            Some(last) if more => Some(PageRequest::token_after(last)),
            _ => None,
        }
    }

    /// Returns the token of the page that follows `entry`.
    pub(super) fn token_after(entry: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("after:{entry}"))
    }
}
