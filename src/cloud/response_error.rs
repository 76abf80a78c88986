//! From an answer that is no success to an error that a person can act on.

use serde_json::Value;

use super::{Error, ErrorKind, HttpResponse, Method, call::ApiCall, key::Api};

/// How much of a strange body is quoted.
const EXCERPT_LENGTH: usize = 160;
/// How a compressed body begins.
pub(super) const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// The error that a status outside 2xx means.
pub(super) fn error_from_response(call: &ApiCall, response: &HttpResponse) -> Error {
    let detail = detail_from_response(response);
    let kind = match response.status {
        401 => ErrorKind::Unauthorized,
        // The service answers 403 for a pool that does not exist: "The compute pool lfcp-abc123 was not found."
        403 if call.api == Api::Cloud && confirms_absence(call, response) => ErrorKind::NotFound,
        // Confluent's Terraform provider knows a 403 that speaks of an invalid API key.
        403 if detail.to_ascii_lowercase().contains("invalid api key") => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        // A page of some proxy says nothing about a statement.
        404 if is_html(response) => ErrorKind::InvalidResponse,
        404 if confirms_absence(call, response) => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        400..=499 | 501 => ErrorKind::Rejected,
        _ if call.method.is_mutating() => ErrorKind::Uncertain,
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

/// Whether the service says of the very thing that was asked for that it does not exist, as in "Statement
/// resource=orders does not exist". A gateway's 404, or one about an environment, says nothing about the thing.
fn confirms_absence(call: &ApiCall, response: &HttpResponse) -> bool {
    let (Some(name), Ok(body)) = (&call.subject, serde_json::from_slice::<Value>(&response.body)) else { return false };
    let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error.get("detail")?.as_str()).any(|detail| {
        let words = detail.to_ascii_lowercase();
        let denies = ["not exist", "n't exist", "not found", "no such", "deleted"].iter().any(|no| words.contains(no));
        denies && mentions_name(detail, name)
    })
}

/// Whether `name` stands in `text` by itself: in no longer name, and in no path.
fn mentions_name(text: &str, name: &str) -> bool {
    let is_name_character = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/');
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        let mut after = text.get(at.saturating_add(name.len())..).unwrap_or_default().chars();
        let (next, one_more) = (after.next(), after.next());
        let ends = match next {
            // The end of a sentence, or a dot in a longer name.
            Some('.') => !one_more.is_some_and(is_name_character),
            next => !next.is_some_and(is_name_character),
        };
        ends && !before.is_some_and(|c| is_name_character(c) || c == '.')
    })
}

fn not_found_help(call: &ApiCall) -> String {
    let said = call.subject.as_ref().map(|name| {
        format!("this answer does not say that `{name}` is what is missing, so it is not taken for absent; ")
    });
    let settings = match call.api {
        Api::Flink => "`organization` and `id` of the environment in `floe.toml`, and `endpoint` where one is set",
        Api::Cloud => "`id` of the environment in `floe.toml`, and `cloud_endpoint` where one is set",
    };
    format!("{}see to {settings}", said.unwrap_or_default())
}

/// The next step after a page for a browser: this API answers in JSON, whatever it answers.
pub(super) fn html_page_help(call: &ApiCall) -> String {
    let setting = match call.api {
        Api::Flink => "`endpoint` (or `private`)",
        Api::Cloud => "`cloud_endpoint`",
    };
    format!(
        "this is a page for people, so a proxy or another host answered, not the service: see to {setting} of the \
         environment in `floe.toml`, and to HTTPS_PROXY and NO_PROXY where floe runs"
    )
}

/// An error about `response`.
pub(super) fn error_with_response(
    call: &ApiCall,
    kind: ErrorKind,
    response: &HttpResponse,
    detail: impl Into<String>,
) -> Error {
    let request_id = response.headers.get("x-request-id").map(str::to_owned);
    Error { status: Some(response.status), request_id, ..call.error(kind, detail) }
}

/// The service's own words: `errors[]` with `detail`, `resolution` and the place it complains of, else `message`, else
/// `error.message`, else the beginning of the body, else what the headers or the status say. The order in which
/// Confluent's clients look.
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

fn detail_from_json(body: &Value) -> Option<String> {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let one = |error: &Value| {
        let words = text(error, "detail").or_else(|| text(error, "title")).or_else(|| text(error, "code"))?;
        let resolution = text(error, "resolution").map(|more| format!(" {more}")).unwrap_or_default();
        let source = error.get("source").and_then(|at| text(at, "pointer").or_else(|| text(at, "parameter")));
        let place = source.map(|place| format!(" (at {place})")).unwrap_or_default();
        Some(format!("{words}{resolution}{place}"))
    };
    let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<_> = errors.iter().filter_map(one).collect();
    if !errors.is_empty() {
        return Some(errors.join("; "));
    }
    text(body, "message")
        .or_else(|| text(body.get("error")?, "message"))
        .or_else(|| text(body, "error"))
        .or_else(|| text(body, "detail"))
}

/// The beginning of a body that is not what it should be, on one line.
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

/// Whether the body is a page for a browser.
pub(super) fn is_html(response: &HttpResponse) -> bool {
    let declared = response.headers.get("content-type").is_some_and(|kind| kind.contains("html"));
    declared || response.body.trim_ascii_start().starts_with(b"<")
}

fn status_description(status: u16) -> &'static str {
    match status {
        400 => "bad request",
        401 => "the key is missing or wrong",
        403 => "a role is missing",
        404 => "not found",
        408 => "the request took too long to arrive",
        409 => "conflict",
        422 => "the request is not valid",
        429 => "too many requests",
        500 => "internal error of the service",
        501 => "the service does not do this",
        502 => "bad gateway",
        503 => "the service is unavailable",
        504 => "the gateway waited in vain",
        300..=399 => "a redirect that leads nowhere",
        _ => "an unexpected status",
    }
}

/// The next step.
pub(super) fn help_for(kind: ErrorKind, call: &ApiCall) -> Option<String> {
    let text = match (kind, call.api) {
        (ErrorKind::Unauthorized, Api::Flink) => {
            "statements need a Flink API key in FLINK_API_KEY and FLINK_API_SECRET, made for this environment's \
             region; a Cloud API key does not work here, and a new key takes a moment to become valid"
        }
        (ErrorKind::Unauthorized, Api::Cloud) => {
            "compute pools need a Cloud API key in CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET (or \
             CLOUD_API_KEY and CLOUD_API_SECRET); a Flink API key does not work here"
        }
        (ErrorKind::Forbidden, Api::Flink) if call.method == Method::Get => {
            "the key's owner needs the role FlinkDeveloper on this environment (one limited to a pool sees only that \
             pool's statements)"
        }
        (ErrorKind::Forbidden, Api::Flink) => {
            "the key's owner needs the role FlinkDeveloper on this environment or pool, and the role Assigner on the \
             service account that the statement is to run as"
        }
        (ErrorKind::Forbidden, Api::Cloud) => "the key's owner needs the role FlinkAdmin on this environment",
        (ErrorKind::Unreachable, _) => {
            "see whether this machine reaches the host: name resolution, proxy (HTTPS_PROXY, NO_PROXY), and for \
             private networking `private = true` or `endpoint`"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
