//! What can go wrong on the way: misfortunes, and the requests that meet them.

use serde::Deserialize;

use super::scenario::fits;
use crate::cloud::Method;

/// A misfortune and the requests that meet it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fault {
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
    pub does: Misfortune,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Misfortune {
    /// 429 without effect; with seconds in `Retry-After`, if given.
    TooMany {
        /// Seconds.
        #[serde(default, rename = "retry-after")]
        retry_after: Option<u64>,
    },
    /// A status with a failure body, without effect.
    Status(u16),
    /// The effect, then this status.
    StatusAfterEffect(u16),
    /// No connection: nothing left.
    Refused,
    /// Nothing done, no answer.
    LostBeforeEffect,
    /// Done, no answer.
    LostAfterEffect,
    /// No answer; done so many seconds of the world's time later, even if the simulator is killed and opened again before.
    LostThenDone(f64),
    /// Done and answered after so many seconds; done even if the client has given up by then.
    SlowEffect(f64),
    /// Done, and answered so many seconds later.
    SlowAnswer(f64),
    /// Done; of the body only so many bytes arrive.
    CutBody(usize),
    /// A GET of a statement shows it as it was before its last change.
    StaleRead,
    /// 307 to the same path at this origin (`https://host`), without effect.
    Redirect(String),
    /// A 404 comes as 403.
    ForbiddenForAbsent,
    /// 403 without effect.
    Forbidden,
    /// 200 with a web page, without effect.
    Html,
    /// 200 with bytes that are no JSON, without effect.
    Garbage,
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

impl Fault {
    /// A misfortune that every request meets.
    pub fn always(does: Misfortune) -> Fault {
        Fault { method: None, path: None, name: None, after: 0, times: None, does }
    }

    /// A misfortune that one request meets.
    pub fn once(does: Misfortune) -> Fault {
        Fault { times: Some(1), ..Fault::always(does) }
    }

    /// Only requests of this method.
    pub fn on(self, method: Method) -> Fault {
        Fault { method: Some(method.as_str().to_owned()), ..self }
    }

    /// Only paths like this, `*` for anything.
    pub fn path(self, pattern: &str) -> Fault {
        Fault { path: Some(pattern.to_owned()), ..self }
    }

    /// Only the statement or pool named like this, `*` for anything.
    pub fn name(self, pattern: &str) -> Fault {
        Fault { name: Some(pattern.to_owned()), ..self }
    }

    /// Only after so many fitting requests went well.
    pub fn after(self, count: u64) -> Fault {
        Fault { after: count, ..self }
    }

    /// Only so many times.
    pub fn times(self, count: u64) -> Fault {
        Fault { times: Some(count), ..self }
    }
}

/// The faults in force, each with the count of the requests that fitted it.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, u64)>);

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    /// The misfortune of one request, if any: the first that fits and is due. Those before it count the request too,
    /// those behind it do not. What the request is about is only looked for where a fault asks.
    pub(super) fn meet(
        &mut self,
        method: Method,
        path: &str,
        names: impl FnOnce() -> Vec<String>,
    ) -> Option<Misfortune> {
        let named = self.0.iter().any(|(fault, _)| fault.name.is_some());
        let names = if named { names() } else { Vec::new() };
        let mut met = None;
        for (fault, count) in &mut self.0 {
            let fitting = fault.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()))
                && fault.path.as_deref().is_none_or(|pattern| fits(pattern, path))
                && fault.name.as_deref().is_none_or(|pattern| names.iter().any(|name| fits(pattern, name)));
            if !fitting || met.is_some() {
                continue;
            }
            let number = *count;
            *count = count.saturating_add(1);
            let last = fault.times.map(|times| fault.after.saturating_add(times));
            if number >= fault.after && last.is_none_or(|last| number < last) {
                met = Some(fault.does.clone());
            }
        }
        met
    }
}
