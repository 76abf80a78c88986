//! Responses: JSON bodies, and errors in the format that both APIs share.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cloud::{Headers, HttpResponse};

/// A response without the common headers, which are added before it is sent.
pub(super) type ApiResponse = HttpResponse;

/// Returns a response with a JSON body.
pub(super) fn json_response(status: u16, body: &impl Serialize) -> ApiResponse {
    let mut headers = Headers::default();
    headers.push("Content-Type", "application/json");
    // The simulator's own types have only string keys, so this cannot fail. If it did, the client would see the
    // error.
    let body = serde_json::to_vec(body).unwrap_or_else(|error| error.to_string().into_bytes());
    HttpResponse { status, headers, body }
}

/// Returns a response without a body.
pub(super) fn empty_response(status: u16) -> ApiResponse {
    HttpResponse { status, headers: Headers::default(), body: Vec::new() }
}

/// A rejected request: the API's `Error` object without its id, which [`ApiError::into_response`] adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// The HTTP status, which the body repeats.
    pub(super) status: u16,
    /// The machine-readable code, if there is one.
    pub(super) code: Option<&'static str>,
    /// The short title, present if there is a code.
    pub(super) title: Option<&'static str>,
    /// The service's message about this request.
    pub(super) detail: String,
    /// The JSON pointer to the wrong value in the request's body.
    pub(super) pointer: Option<String>,
    /// The headers of the response, besides the usual ones.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl ApiError {
    /// Creates an error with the service's message.
    pub(super) fn new(status: u16, detail: impl Into<String>) -> ApiError {
        ApiError { status, code: None, title: None, detail: detail.into(), pointer: None, headers: Vec::new() }
    }

    /// Adds a code and a title.
    pub(super) fn with_code(self, code: &'static str, title: &'static str) -> ApiError {
        ApiError { code: Some(code), title: Some(title), ..self }
    }

    /// Adds the location in the request's body.
    pub(super) fn with_pointer(self, pointer: impl Into<String>) -> ApiError {
        ApiError { pointer: Some(pointer.into()), ..self }
    }

    /// Adds a response header.
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> ApiError {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the response with the API's `Failure` body, whose `status` is a string as specified.
    pub(super) fn into_response(self, id: &str) -> ApiResponse {
        let source = self.pointer.map_or_else(|| json!({}), |pointer| json!({ "pointer": pointer }));
        let mut error = json!({
            "id": id, "status": self.status.to_string(), "detail": self.detail, "source": source,
        });
        if let (Some(fields), Some(code), Some(title)) = (error.as_object_mut(), self.code, self.title) {
            fields.insert("code".to_owned(), Value::from(code));
            fields.insert("title".to_owned(), Value::from(title));
        }
        let mut response = json_response(self.status, &json!({ "errors": [error] }));
        for (name, value) in self.headers {
            response.headers.push(name, value);
        }
        response
    }
}
