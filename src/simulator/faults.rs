//! Faults of requests and responses, and the rules that say which requests have them.

use serde::Deserialize;

use super::pattern::matches_pattern;
use crate::cloud::Method;

/// A fault, and the requests that have it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultRule {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`. Without a value any method matches.
    #[serde(default)]
    pub method: Option<String>,
    /// The path without query, with `*` for any text. Without a value any path matches.
    #[serde(default)]
    pub path: Option<String>,
    /// The statement's name, or the pool's id or display name, with `*` for any text. Without a value any name
    /// matches.
    #[serde(default)]
    pub name: Option<String>,
    /// The number of matching requests that pass before the first fault.
    #[serde(default)]
    pub after: u64,
    /// The number of matching requests that have the fault. Without a value all have it.
    #[serde(default)]
    pub times: Option<u64>,
    /// What happens to these requests.
    #[serde(rename = "does")]
    pub fault: InjectedFault,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum InjectedFault {
    /// A 429 without effect, with `Retry-After` if a value is given.
    #[serde(rename = "too-many")]
    TooManyRequests {
        /// The value of `Retry-After` in seconds.
        #[serde(default, rename = "retry-after")]
        retry_after: Option<u64>,
    },
    /// This status with an error body, without effect.
    Status(u16),
    /// The effect takes place, and the response has this status.
    StatusAfterEffect(u16),
    /// The connection is refused, so nothing is sent.
    #[serde(rename = "refused")]
    ConnectionRefused,
    /// The request has no effect and gets no response.
    LostBeforeEffect,
    /// The request takes effect and gets no response.
    LostAfterEffect,
    /// The request gets no response, and takes effect this many seconds of the world's time later, even if the
    /// simulator is killed and opened again in between.
    #[serde(rename = "lost-then-done")]
    LostThenApplied(f64),
    /// The request takes effect and is answered after this many seconds. It takes effect even if the client has given
    /// up by then.
    SlowEffect(f64),
    /// The request takes effect at once and is answered this many seconds later.
    #[serde(rename = "slow-answer")]
    SlowResponse(f64),
    /// The request takes effect, and only this many bytes of the response body arrive.
    #[serde(rename = "cut-body")]
    TruncatedBody(usize),
    /// A GET of a statement shows it as it was before its last change.
    StaleRead,
    /// A 307 to the same path at this origin (`https://host`), without effect.
    Redirect(String),
    /// A 404 arrives as a 403.
    #[serde(rename = "forbidden-for-absent")]
    ForbiddenInsteadOfNotFound,
    /// A 403 without effect.
    Forbidden,
    /// A 200 with a web page, without effect.
    Html,
    /// A 200 with bytes that are not JSON, without effect.
    #[serde(rename = "garbage")]
    InvalidJson,
    /// The request takes effect. Every object of the response has unknown fields, and empty maps are `null`.
    UnknownFields,
    /// The request takes effect, and the response shows this phase.
    UnknownPhase(String),
    /// A list lags this many seconds: it lacks what was created in that time and shows what was deleted in it.
    ListLag(f64),
    /// Each page of a list begins one entry too early.
    ShiftingPages,
    /// The next page is always the same page.
    EndlessPages,
    /// A 409 without effect, because the statement has changed since it was read.
    Conflict,
}

impl FaultRule {
    /// Returns a rule for every request.
    pub fn always(fault: InjectedFault) -> FaultRule {
        FaultRule { method: None, path: None, name: None, after: 0, times: None, fault }
    }

    /// Returns a rule for one request.
    pub fn once(fault: InjectedFault) -> FaultRule {
        FaultRule { times: Some(1), ..FaultRule::always(fault) }
    }

    /// Limits the rule to requests with this method.
    pub fn on(self, method: Method) -> FaultRule {
        FaultRule { method: Some(method.as_str().to_owned()), ..self }
    }

    /// Limits the rule to paths that match `pattern`, with `*` for any text.
    pub fn path(self, pattern: &str) -> FaultRule {
        FaultRule { path: Some(pattern.to_owned()), ..self }
    }

    /// Limits the rule to statements and pools whose name matches `pattern`, with `*` for any text.
    pub fn name(self, pattern: &str) -> FaultRule {
        FaultRule { name: Some(pattern.to_owned()), ..self }
    }

    /// Lets `count` matching requests pass before the first fault.
    pub fn after(self, count: u64) -> FaultRule {
        FaultRule { after: count, ..self }
    }

    /// Limits the rule to `count` requests.
    pub fn times(self, count: u64) -> FaultRule {
        FaultRule { times: Some(count), ..self }
    }
}

/// The fault rules in force, each with the number of requests that matched it.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults(Vec<(FaultRule, u64)>);

impl ActiveFaults {
    /// Adds a rule, which is tried after the others.
    pub(super) fn push(&mut self, rule: FaultRule) {
        self.0.push((rule, 0));
    }

    /// Returns the fault of one request: that of the first rule that matches and is due. Matching rules before that
    /// one count the request too, those after it do not. `names` is only called if a rule has a name.
    pub(super) fn fault_for(
        &mut self,
        method: &Method,
        path: &str,
        names: impl FnOnce() -> Vec<String>,
    ) -> Option<InjectedFault> {
        let names_matter = self.0.iter().any(|(rule, _)| rule.name.is_some());
        let names = if names_matter { names() } else { Vec::new() };
        let mut injected = None;
        for (rule, count) in &mut self.0 {
            let matches = rule.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()))
                && rule.path.as_deref().is_none_or(|pattern| matches_pattern(pattern, path))
                && rule.name.as_deref().is_none_or(|pattern| names.iter().any(|name| matches_pattern(pattern, name)));
            if !matches || injected.is_some() {
                continue;
            }
            let matched_before = *count;
            *count = count.saturating_add(1);
            let last = rule.times.map(|times| rule.after.saturating_add(times));
            if matched_before >= rule.after && last.is_none_or(|last| matched_before < last) {
                injected = Some(rule.fault.clone());
            }
        }
        injected
    }
}
