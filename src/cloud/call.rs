//! One call as the domain means it: before authorization, pace, redirects and repetitions.

use serde::Serialize;
use url::Url;

use super::{Error, ErrorKind, Method, Result, endpoints::Endpoints, key::Api};

/// A call: which API, and what is asked of it.
#[derive(Clone)]
pub(super) struct ApiCall {
    pub(super) api: Api,
    pub(super) method: Method,
    pub(super) url: Url,
    /// The name or id of the one thing that it is about.
    pub(super) subject: Option<String>,
    /// JSON; empty for none.
    pub(super) body: Vec<u8>,
}

impl ApiCall {
    /// A call to the path made of `segments` on the API's origin. Names are escaped into one segment each.
    pub(super) fn new(endpoints: &Endpoints, api: Api, method: Method, segments: &[&str]) -> Result<Self> {
        let mut call = ApiCall { api, method, url: endpoints.origin(api).clone(), subject: None, body: Vec::new() };
        // URLs drop `.` and go up at `..`: a statement of such a name would be the list of statements.
        if let Some(invalid) = segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(call.error(ErrorKind::Rejected, format!("`{invalid}` cannot be a name or an id")));
        }
        if let Ok(mut path) = call.url.path_segments_mut() {
            path.clear().extend(segments);
        }
        Ok(call)
    }

    /// Makes it a call about the thing of that name or id, if there is one.
    pub(super) fn with_subject(self, name: Option<&str>) -> Self {
        ApiCall { subject: name.map(str::to_owned), ..self }
    }

    /// Adds a query parameter.
    pub(super) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Gives it a JSON body.
    pub(super) fn with_json<T: Serialize>(mut self, body: &T) -> Result<Self> {
        self.body = serde_json::to_vec(body)
            .map_err(|error| self.error(ErrorKind::Rejected, format!("the request cannot be written: {error}")))?;
        Ok(self)
    }

    /// An error of this call without an answer.
    pub(super) fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error {
            kind,
            method: self.method,
            url: without_query(&self.url),
            status: None,
            detail: detail.into(),
            request_id: None,
            help: None,
        }
    }
}

/// `url` as people may see it: page tokens and the like left out.
pub(super) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}
