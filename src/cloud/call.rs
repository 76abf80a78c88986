//! One call as the operations describe it, before authorization, rate limits, redirects and retries.

use serde::Serialize;
use url::Url;

use super::{Error, ErrorKind, Method, Result, endpoints::Endpoints, key::Api};
use crate::resource::ForeignText;

/// A call to one of the two APIs, as the operations describe it.
#[derive(Clone)]
pub(super) struct ApiCall {
    /// The API that the call goes to.
    pub(super) api: Api,
    /// The HTTP method of the call.
    pub(super) method: Method,
    /// The URL of the call, before any redirect.
    pub(super) url: Url,
    /// The name or id of the one resource that the call is about.
    pub(super) subject: Option<String>,
    /// The JSON body, which is empty if there is none.
    pub(super) body: Vec<u8>,
}

impl ApiCall {
    /// Creates a call to the path made of `segments` on the API's origin. Each name is escaped into one segment.
    ///
    /// # Errors
    /// When a segment is empty, `.` or `..`.
    pub(super) fn new(endpoints: &Endpoints, api: Api, method: Method, segments: &[&str]) -> Result<Self> {
        let mut call = ApiCall { api, method, url: endpoints.origin(api).clone(), subject: None, body: Vec::new() };
        // URLs drop `.` and go up at `..`, so a statement with such a name would address the list of statements.
        if let Some(invalid) = segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(call.error(ErrorKind::Rejected, format!("`{invalid}` is not a valid name or id")));
        }
        if let Ok(mut path) = call.url.path_segments_mut() {
            path.clear().extend(segments);
        }
        Ok(call)
    }

    /// Returns the call with the name or id of the resource that it is about, if there is one.
    pub(super) fn with_subject(self, name: Option<&str>) -> Self {
        ApiCall { subject: name.map(str::to_owned), ..self }
    }

    /// Returns the call with one more query parameter.
    pub(super) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Returns the call with `body` as its JSON body.
    pub(super) fn with_json<T: Serialize>(mut self, body: &T) -> Result<Self> {
        self.body = serde_json::to_vec(body)
            .map_err(|error| self.error(ErrorKind::Rejected, format!("the request cannot be serialized: {error}")))?;
        Ok(self)
    }

    /// Returns an error of this call without a response.
    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error {
            kind,
            method: self.method.clone(),
            url: without_query(&self.url),
            status: None,
            detail: ForeignText::from(detail.into()),
            request_id: None,
            has_service_body: false,
            help: None,
        }
    }
}

/// Returns `url` in a form that may be shown, without its query, which may hold page tokens.
pub(super) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
