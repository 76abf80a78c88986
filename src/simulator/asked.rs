//! A request taken apart: where it was sent, what it names, who sent it.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use super::answer::Failure;
use crate::cloud::Method;

/// A request on its way to the world.
pub(super) struct Asked {
    pub(super) method: Method,
    /// Scheme, host and port, as the client wrote them: answers name their URLs by it.
    pub(super) origin: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The principal that owns the key.
    pub(super) owner: String,
    pub(super) view: View,
}

/// How a misfortune makes the world look.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct View {
    /// As it was before the last change.
    pub(super) stale: bool,
    /// Lists are so many microseconds late.
    pub(super) lag: Option<i64>,
    /// Pages begin one entry too early.
    pub(super) shifting: bool,
    /// The next page is this page.
    pub(super) endless: bool,
}

impl Asked {
    /// Takes a request apart; `None` for a URL that is none.
    pub(super) fn of(method: Method, url: &str, body: &[u8]) -> Option<Asked> {
        let url = Url::parse(url).ok()?;
        Some(Asked {
            method,
            origin: url.origin().ascii_serialization(),
            host: url.host_str()?.to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            body: body.to_vec(),
            owner: String::new(),
            view: View::default(),
        })
    }

    /// The path's segments, what is escaped in them read.
    pub(super) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|segment| !segment.is_empty()).map(unescaped).collect()
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(super) fn body(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::new(400, format!("The body is not JSON: {error}")))
    }

    /// Whether this host serves the statements API, and whether it serves the pools API. Hosts outside Confluent's
    /// domain serve both.
    pub(super) fn serves(&self) -> (bool, bool) {
        match self.host.as_str() {
            "api.confluent.cloud" | "confluent.cloud" => (false, true),
            host if host.ends_with(".confluent.cloud") => (true, false),
            _ => (true, true),
        }
    }

    /// Cloud and region, where the host names them: `flink.us-east-1.aws.confluent.cloud`, `.private` or an endpoint's
    /// own label in between.
    pub(super) fn place(&self) -> Option<(&str, &str)> {
        let labels: Vec<_> = self.host.strip_suffix(".confluent.cloud")?.split('.').collect();
        let labels = labels.strip_suffix(&["private"]).unwrap_or(&labels);
        match labels {
            [first, .., region, cloud] if first.starts_with("flink") => Some((cloud, region)),
            _ => None,
        }
    }

    /// The same path and query at another origin.
    pub(super) fn at_origin(&self, origin: &str) -> String {
        let mut url = format!("{}{}", origin.trim_end_matches('/'), self.path);
        for (number, (key, value)) in self.query.iter().enumerate() {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let _ = write!(url, "{}{key}={value}", if number == 0 { '?' } else { '&' });
        }
        url
    }

    /// The URL of the next page of `collection`: the same filters and page size, and the token.
    pub(super) fn next_page(&self, collection: &str, token: &str) -> String {
        let mut url = format!("{collection}?");
        for (key, value) in self.query.iter().filter(|(key, _)| key != "page_token") {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let _ = write!(url, "{key}={value}&");
        }
        url.push_str("page_token=");
        url.push_str(token);
        url
    }
}

/// `text` with each `%2B` and the like as the byte that it stands for.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digits = after.get(..2).filter(|digits| *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
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

/// Which page of a list is wanted.
pub(super) struct Page {
    pub(super) size: usize,
    after: String,
    shifting: bool,
    endless: bool,
}

impl Page {
    /// `page_size` (10, at most 100) and `page_token`.
    pub(super) fn of(asked: &Asked) -> Result<Page, Failure> {
        let bad = |name: &str| {
            Failure::new(400, format!("The value of '{name}' is invalid")).coded("invalid_filter", "Invalid Filter")
        };
        let size = match asked.query("page_size").filter(|size| !size.is_empty()) {
            None => 10,
            Some(size) => size.parse::<usize>().ok().filter(|size| *size > 0).ok_or_else(|| bad("page_size"))?.min(100),
        };
        let after = match asked.query("page_token").filter(|token| !token.is_empty()) {
            None => String::new(),
            Some(token) => {
                let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad("page_token"))?;
                let text = String::from_utf8(bytes).map_err(|_| bad("page_token"))?;
                text.strip_prefix("after:").ok_or_else(|| bad("page_token"))?.to_owned()
            }
        };
        Ok(Page { size, after, shifting: asked.view.shifting, endless: asked.view.endless })
    }

    /// The entry before the page's first; empty on the first page.
    pub(super) fn after(&self) -> &str {
        &self.after
    }

    /// Cuts `found`, which holds one entry more than the page if there are more, and gives the token of the next page.
    pub(super) fn next<'a, T>(&self, found: &mut Vec<&'a T>, name: impl Fn(&'a T) -> &'a str) -> Option<String> {
        let more = found.len() > self.size;
        found.truncate(self.size);
        let back = usize::from(self.shifting && found.len() > 1);
        let last = found.iter().rev().nth(back).map(|last| name(last));
        match last {
            _ if self.endless => Some(Page::token(&self.after)),
            Some(last) if more => Some(Page::token(last)),
            _ => None,
        }
    }

    /// The token of the page after `entry`.
    pub(super) fn token(entry: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("after:{entry}"))
    }
}
