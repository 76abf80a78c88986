//! Turns a response that is not a success into an error that a person can act on.

use serde_json::Value;

use super::{Error, ErrorKind, HttpResponse, Method, call::ApiCall, key::Api};

/// How many characters of an unexpected body are quoted.
const EXCERPT_LENGTH: usize = 160;
/// The first bytes of a body compressed with gzip.
pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// Returns the error for a status outside 2xx.
pub(super) fn error_from_response(call: &ApiCall, response: &HttpResponse) -> Error {
    let detail = detail_from_response(response);
    let kind = match response.status {
        401 => ErrorKind::Unauthorized,
        // The service answers 403 for a pool that does not exist: "The compute pool lfcp-abc123 was not found."
        403 if call.api == Api::Cloud && confirms_absence(call, response) => ErrorKind::NotFound,
        // Confluent's Terraform provider handles a 403 that mentions an invalid API key.
        403 if detail.to_ascii_lowercase().contains("invalid api key") => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        // A proxy's HTML page says nothing about a statement.
        404 if is_html(response) => ErrorKind::InvalidResponse,
        404 if confirms_absence(call, response) => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        400..=499 | 501 => ErrorKind::Rejected,
        _ if !call.method.is_safe() => ErrorKind::Uncertain,
        _ => ErrorKind::InvalidResponse,
    };
    let help = match (response.status, kind) {
        (_, ErrorKind::Unauthorized) => help_for(kind, call),
        _ if is_html(response) => Some(html_page_help(call)),
        (404, ErrorKind::Rejected) => Some(not_found_help(call)),
        _ => help_for(kind, call),
    };
    Error { help, ..error_with_response(call, kind, response, detail) }
}

/// Returns whether the service says that the requested resource itself does not exist, as in "Statement
/// resource=orders does not exist". A gateway's 404, or one about an environment, says nothing about the resource.
fn confirms_absence(call: &ApiCall, response: &HttpResponse) -> bool {
    let (Some(name), Ok(body)) = (&call.subject, serde_json::from_slice::<Value>(&response.body)) else { return false };
    let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error.get("detail")?.as_str()).any(|detail| {
        let words = detail.to_ascii_lowercase();
        let denies = ["not exist", "n't exist", "not found", "no such", "deleted"].iter().any(|no| words.contains(no));
        denies && mentions_name(detail, name)
    })
}

/// Returns whether `text` contains `name` as a whole name, not as a part of a longer name or of a path.
fn mentions_name(text: &str, name: &str) -> bool {
    let is_name_character = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/');
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        let mut after = text.get(at.saturating_add(name.len())..).unwrap_or_default().chars();
        let (next, one_more) = (after.next(), after.next());
        let ends = match next {
            // The dot may end a sentence or belong to a longer name.
            Some('.') => !one_more.is_some_and(is_name_character),
            next => !next.is_some_and(is_name_character),
        };
        ends && !before.is_some_and(|c| is_name_character(c) || c == '.')
    })
}

/// Returns the next step after a 404 that does not confirm the absence of a resource.
fn not_found_help(call: &ApiCall) -> String {
    let confirmation_note = call.subject.as_ref().map(|name| {
        format!("This response does not say that `{name}` is missing, so floe does not assume that it is absent. ")
    });
    let settings = match call.api {
        Api::Flink => "`organization` and `id` of the environment in `floe.toml`, and `endpoint` if it is set",
        Api::Cloud => "`id` of the environment in `floe.toml`, and `cloud_endpoint` if it is set",
    };
    format!("{}Check {settings}.", confirmation_note.unwrap_or_default())
}

/// Returns the next step after an HTML page. This API always answers in JSON.
pub(super) fn html_page_help(call: &ApiCall) -> String {
    let setting = match call.api {
        Api::Flink => "`endpoint` (or `private`)",
        Api::Cloud => "`cloud_endpoint`",
    };
    format!(
        "This is an HTML page, so a proxy or another host answered instead of the service. Check {setting} of the \
         environment in `floe.toml`, and `HTTPS_PROXY` and `NO_PROXY` where floe runs."
    )
}

/// Returns an error with the status and the request id of `response`.
pub(super) fn error_with_response(
    call: &ApiCall,
    kind: ErrorKind,
    response: &HttpResponse,
    detail: impl Into<String>,
) -> Error {
    let request_id = response.headers.get("x-request-id").map(Box::from);
    let has_service_body = has_error_list(response);
    Error { status: Some(response.status), request_id, has_service_body, ..call.error(kind, detail) }
}

/// Returns whether the body has a list `errors` that is not empty, as the service's own error bodies do.
fn has_error_list(response: &HttpResponse) -> bool {
    let body = serde_json::from_slice::<Value>(&response.body).ok();
    body.as_ref().and_then(|body| body.get("errors")?.as_array()).is_some_and(|errors| !errors.is_empty())
}

/// Returns the service's message: `errors[]` with `detail`, `resolution` and the location of the error, else
/// `message`, else `error.message`, else the beginning of the body, else what the headers or the status say.
/// Confluent's clients look in the same order.
pub(super) fn detail_from_response(response: &HttpResponse) -> String {
    let json_detail = serde_json::from_slice::<Value>(&response.body).ok().and_then(|body| detail_from_json(&body));
    let authenticate = || {
        let challenge = response.headers.get("www-authenticate")?;
        let (_, rest) = challenge.split_once("error_description=\"")?;
        rest.split_once('"').map(|(words, _)| words.to_owned())
    };
    json_detail
        .or_else(|| (!response.body.trim_ascii().is_empty()).then(|| excerpt(&response.body)))
        .or_else(authenticate)
        .unwrap_or_else(|| status_description(response.status).to_owned())
}

/// Returns the service's message in a JSON body, if there is one.
fn detail_from_json(body: &Value) -> Option<String> {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let error_message = |error: &Value| {
        let words = text(error, "detail").or_else(|| text(error, "title")).or_else(|| text(error, "code"))?;
        let resolution = text(error, "resolution").map(|more| format!(" {more}")).unwrap_or_default();
        let source = error.get("source").and_then(|at| text(at, "pointer").or_else(|| text(at, "parameter")));
        let place = source.map(|place| format!(" (at {place})")).unwrap_or_default();
        Some(format!("{words}{resolution}{place}"))
    };
    let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<_> = errors.iter().filter_map(error_message).collect();
    if !errors.is_empty() {
        return Some(errors.join("; "));
    }
    text(body, "message")
        .or_else(|| text(body.get("error")?, "message"))
        .or_else(|| text(body, "error"))
        .or_else(|| text(body, "detail"))
}

/// Returns the beginning of an unexpected body on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let head = body.get(..EXCERPT_LENGTH * 4).unwrap_or(body);
    if head.starts_with(GZIP_MAGIC) {
        return "(a compressed body)".to_owned();
    }
    let text = String::from_utf8_lossy(head);
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT_LENGTH) {
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
        None => line,
    }
}

/// Returns whether the body is an HTML page.
pub(super) fn is_html(response: &HttpResponse) -> bool {
    let declared = response.headers.get("content-type").is_some_and(|kind| kind.contains("html"));
    declared || response.body.trim_ascii_start().starts_with(b"<")
}

/// Returns a description of `status` for a response without a message.
fn status_description(status: u16) -> &'static str {
    match status {
        400 => "bad request",
        401 => "the API key is missing or wrong",
        403 => "a required role is missing",
        404 => "not found",
        408 => "request timeout",
        409 => "conflict",
        422 => "the request is not valid",
        429 => "too many requests",
        500 => "internal server error",
        501 => "the service does not support this request",
        502 => "bad gateway",
        503 => "the service is unavailable",
        504 => "gateway timeout",
        300..=399 => "a redirect that cannot be followed",
        _ => "an unexpected status",
    }
}

/// Returns the next step for a key that is set for both APIs although each API has keys of its own.
pub(super) fn wrong_kind_help(api: Api) -> String {
    let (needed, given) = match api {
        Api::Flink => ("Flink", "Cloud"),
        Api::Cloud => ("Cloud", "Flink"),
    };
    format!(
        "The same key is set for both APIs, so this looks like the other kind of key: a {needed} API key is needed here, \
         not a {given} API key."
    )
}

/// Returns the next step after an error of this kind, if there is one.
pub(super) fn help_for(kind: ErrorKind, call: &ApiCall) -> Option<String> {
    let text = match (kind, call.api) {
        (ErrorKind::Unauthorized, Api::Flink) => {
            "Statements need a Flink API key for this environment's region, in `FLINK_API_KEY` and \
             `FLINK_API_SECRET`. A Cloud API key does not work here, and a new key takes a moment to become valid."
        }
        (ErrorKind::Unauthorized, Api::Cloud) => {
            "Compute pools need a Cloud API key, in `CONFLUENT_CLOUD_API_KEY` and `CONFLUENT_CLOUD_API_SECRET` (or \
             `CLOUD_API_KEY` and `CLOUD_API_SECRET`). A Flink API key does not work here."
        }
        (ErrorKind::Forbidden, Api::Flink) if call.method == Method::GET => {
            "The key's owner needs the FlinkDeveloper role on this environment. (An owner with the role on one pool \
             sees only that pool's statements.) If `FLINK_API_KEY` holds a Cloud API key, set a Flink API key instead."
        }
        (ErrorKind::Forbidden, Api::Flink) => {
            "The key's owner needs the FlinkDeveloper role on this environment or pool, and the Assigner role on \
             the service account that the statement runs as."
        }
        (ErrorKind::Forbidden, Api::Cloud) => {
            "The key's owner needs the FlinkAdmin role on this environment. If `CONFLUENT_CLOUD_API_KEY` (or \
             `CLOUD_API_KEY`) holds a Flink API key, set a Cloud API key instead."
        }
        (ErrorKind::Unreachable, _) => {
            "Check that this machine can reach the host: name resolution, the proxy (`HTTPS_PROXY`, `NO_PROXY`) and, \
             for private networking, `private = true` or `endpoint`."
        }
        _ => return None,
    };
    Some(text.to_owned())
}
