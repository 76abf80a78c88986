//! Answers: bodies of JSON, and failures in the shape that both APIs share.

use serde::Serialize;
use serde_json::{Value, json};

use crate::cloud::{Headers, HttpResponse};

/// What the world answers, before the way back adds its headers.
pub(super) type ApiResponse = HttpResponse;

/// An answer with a body of JSON.
pub(super) fn json_response(status: u16, body: &impl Serialize) -> ApiResponse {
    let mut headers = Headers::default();
    headers.push("Content-Type", "application/json");
    // The simulator's own shapes have string keys only, so this cannot fail; if it did, the client would see it.
    let body = serde_json::to_vec(body).unwrap_or_else(|error| error.to_string().into_bytes());
    HttpResponse { status, headers, body }
}

/// An answer without a body.
pub(super) fn empty_response(status: u16) -> ApiResponse {
    HttpResponse { status, headers: Headers::default(), body: Vec::new() }
}

/// A refusal: everything of the API's `Error` object but the id, which the way back adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: Option<&'static str>,
    pub(super) title: Option<&'static str>,
    pub(super) detail: String,
    pub(super) pointer: Option<String>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl ApiError {
    /// A refusal in the service's words.
    pub(super) fn new(status: u16, detail: impl Into<String>) -> ApiError {
        ApiError { status, code: None, title: None, detail: detail.into(), pointer: None, headers: Vec::new() }
    }

    /// The same with a code and a title.
    pub(super) fn with_code(self, code: &'static str, title: &'static str) -> ApiError {
        ApiError { code: Some(code), title: Some(title), ..self }
    }

    /// The same with the place in the request's body.
    pub(super) fn with_pointer(self, pointer: impl Into<String>) -> ApiError {
        ApiError { pointer: Some(pointer.into()), ..self }
    }

    /// The same with a header.
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> ApiError {
        self.headers.push((name, value.into()));
        self
    }

    /// The body of the API's `Failure`, `status` a string as specified.
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
