//! What can go wrong on the way: misfortunes, and the requests that meet them.

use serde::Deserialize;

use super::scenario::matches_pattern;
use crate::cloud::Method;

/// A misfortune and the requests that meet it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultRule {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`; any without.
    #[serde(default)]
    pub method: Option<String>,
    /// The path without query, with `*` for anything; any without.
    #[serde(default)]
    pub path: Option<String>,
    /// The statement's name or the pool's id or display name, with `*` for anything; any without.
    #[serde(default)]
    pub name: Option<String>,
    /// How many fitting requests go well before.
    #[serde(default)]
    pub after: u64,
    /// How many fitting requests meet it; all without.
    #[serde(default)]
    pub times: Option<u64>,
    /// What happens to them.
    #[serde(rename = "does")]
    pub fault: InjectedFault,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum InjectedFault {
    /// 429 without effect; with seconds in `Retry-After`, if given.
    #[serde(rename = "too-many")]
    TooManyRequests {
        /// Seconds.
        #[serde(default, rename = "retry-after")]
        retry_after: Option<u64>,
    },
    /// A status with a failure body, without effect.
    Status(u16),
    /// The effect, then this status.
    StatusAfterEffect(u16),
    /// No connection: nothing left.
    #[serde(rename = "refused")]
    ConnectionRefused,
    /// Nothing done, no answer.
    LostBeforeEffect,
    /// Done, no answer.
    LostAfterEffect,
    /// No answer; done so many seconds of the world's time later, even if the simulator is killed and opened again before.
    #[serde(rename = "lost-then-done")]
    LostThenApplied(f64),
    /// Done and answered after so many seconds; done even if the client has given up by then.
    SlowEffect(f64),
    /// Done, and answered so many seconds later.
    #[serde(rename = "slow-answer")]
    SlowResponse(f64),
    /// Done; of the body only so many bytes arrive.
    #[serde(rename = "cut-body")]
    TruncatedBody(usize),
    /// A GET of a statement shows it as it was before its last change.
    StaleRead,
    /// 307 to the same path at this origin (`https://host`), without effect.
    Redirect(String),
    /// A 404 comes as 403.
    #[serde(rename = "forbidden-for-absent")]
    ForbiddenInsteadOfNotFound,
    /// 403 without effect.
    Forbidden,
    /// 200 with a web page, without effect.
    Html,
    /// 200 with bytes that are no JSON, without effect.
    #[serde(rename = "garbage")]
    InvalidJson,
    /// Done; every object of the answer has fields that no client has heard of, and empty maps are `null`.
    UnknownFields,
    /// Done; the answer shows this phase.
    UnknownPhase(String),
    /// A list lacks what was made in the last so many seconds, and shows what went in that time.
    ListLag(f64),
    /// Each page of a list begins one entry too early.
    ShiftingPages,
    /// The next page is always the same page again.
    EndlessPages,
    /// 409: the statement changed since it was read, without effect.
    Conflict,
}

impl FaultRule {
    /// A misfortune that every request meets.
    pub fn always(fault: InjectedFault) -> FaultRule {
        FaultRule { method: None, path: None, name: None, after: 0, times: None, fault }
    }

    /// A misfortune that one request meets.
    pub fn once(fault: InjectedFault) -> FaultRule {
        FaultRule { times: Some(1), ..FaultRule::always(fault) }
    }

    /// Only requests of this method.
    pub fn on(self, method: Method) -> FaultRule {
        FaultRule { method: Some(method.as_str().to_owned()), ..self }
    }

    /// Only paths like this, `*` for anything.
    pub fn path(self, pattern: &str) -> FaultRule {
        FaultRule { path: Some(pattern.to_owned()), ..self }
    }

    /// Only the statement or pool named like this, `*` for anything.
    pub fn name(self, pattern: &str) -> FaultRule {
        FaultRule { name: Some(pattern.to_owned()), ..self }
    }

    /// Only after so many fitting requests went well.
    pub fn after(self, count: u64) -> FaultRule {
        FaultRule { after: count, ..self }
    }

    /// Only so many times.
    pub fn times(self, count: u64) -> FaultRule {
        FaultRule { times: Some(count), ..self }
    }
}

/// The faults in force, each with the count of the requests that fitted it.
#[derive(Debug, Default)]
pub(super) struct ActiveFaults(Vec<(FaultRule, u64)>);

impl ActiveFaults {
    pub(super) fn push(&mut self, rule: FaultRule) {
        self.0.push((rule, 0));
    }

    /// The misfortune of one request, if any: the first that fits and is due. Those before it count the request too,
    /// those behind it do not. What the request is about is only looked for where a fault asks.
    pub(super) fn fault_for(
        &mut self,
        method: Method,
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
