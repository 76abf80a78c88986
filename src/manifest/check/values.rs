//! Parses keywords, durations and ids.

use std::time::Duration;

use super::problem_at;
use crate::{
    manifest::{layer::At, suggest},
    resource::{DURATION_EXAMPLES, Evolve, InvalidDuration, Problem, UnexpectedPhasePolicy, parse_duration},
};

/// Parses the value of `evolve`.
pub(super) fn parse_evolve(at: &At<String>, problems: &mut Vec<Problem>) -> Option<Evolve> {
    let keywords = [("auto", Evolve::Auto), ("restart", Evolve::Restart), ("manual", Evolve::Manual)];
    parse_keyword("evolve", at, &keywords, problems)
}

/// Parses the value of `on_failed` or `on_stopped`.
pub(super) fn parse_unexpected_phase_policy(
    name: &str,
    at: &At<String>,
    problems: &mut Vec<Problem>,
) -> Option<UnexpectedPhasePolicy> {
    parse_keyword(
        name,
        at,
        &[("report", UnexpectedPhasePolicy::Report), ("resume", UnexpectedPhasePolicy::Resume)],
        problems,
    )
}

/// Parses a value that must be one of `keywords`.
pub(super) fn parse_keyword<T: Copy>(
    name: &str,
    at: &At<String>,
    keywords: &[(&str, T)],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let found = keywords.iter().find(|(word, _)| *word == at.value).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<String> = keywords.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let mut problem =
            problem_at(at, format!("`{name}` cannot be \"{}\"", at.value), format!("allowed: {}", known.join(", ")));
        problem.help = suggest::nearest(&at.value, keywords.iter().map(|(word, _)| *word))
            .map(|near| format!("Did you mean \"{near}\"?"));
        problems.push(problem);
    }
    found
}

/// The maximum timeout: thirty days. After that time the service purges a statement that has ended.
const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 86_400);

/// Parses the value of `timeout` and returns it in seconds.
pub(super) fn parse_timeout(at: &At<String>, problems: &mut Vec<Problem>) -> Option<u64> {
    let (message, label, help) = match parse_duration(&at.value) {
        Ok(Duration::ZERO) => {
            ("a `timeout` of zero would fail immediately".to_owned(), "must be longer than zero", None)
        }
        Ok(timeout) if timeout > MAX_TIMEOUT => {
            (format!("a `timeout` of {} is too long", at.value), "at most `30d`", None)
        }
        Ok(timeout) if timeout.subsec_nanos() != 0 => {
            (format!("a `timeout` of {} is not a whole number of seconds", at.value), "must be whole seconds", None)
        }
        Ok(timeout) => return Some(timeout.as_secs()),
        Err(InvalidDuration) => (
            format!("`{}` is not a duration", at.value),
            "not a duration",
            Some(format!("Write a duration such as {DURATION_EXAMPLES}.")),
        ),
    };
    problems.push(Problem { help, ..problem_at(at, message, label) });
    None
}

/// Returns an id of the service, if it is valid: one of `prefixes`, then lower-case letters and digits.
pub(super) fn check_id(
    name: &str,
    prefixes: &[&str],
    example: &str,
    at: &At<String>,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let is_valid = prefixes.iter().any(|prefix| {
        at.value.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        })
    });
    if !is_valid {
        let problem =
            problem_at(at, format!("`{}` is not a valid `{name}`", at.value), format!("should look like `{example}`"));
        problems.push(problem);
    }
    is_valid.then(|| at.value.clone())
}
