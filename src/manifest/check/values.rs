//! Parses keywords, durations and ids.

use super::problem_at;
use crate::{
    manifest::{layer::At, suggest},
    resource::{Evolve, Problem, UnexpectedPhasePolicy},
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

/// The maximum timeout in seconds: thirty days. After that time the service purges a statement that has ended.
const MAX_TIMEOUT: u64 = 30 * 86_400;

/// Parses the value of `timeout` and returns it in seconds.
pub(super) fn parse_timeout(at: &At<String>, problems: &mut Vec<Problem>) -> Option<u64> {
    match parse_seconds(&at.value) {
        Some(0) => {
            problems.push(problem_at(at, "a `timeout` of zero would fail immediately", "must be longer than zero"));
            None
        }
        Some(seconds) if seconds > MAX_TIMEOUT => {
            problems.push(problem_at(at, format!("a `timeout` of {} is too long", at.value), "at most `30d`"));
            None
        }
        Some(seconds) => Some(seconds),
        None => {
            problems.push(
                problem_at(at, format!("`{}` is not a duration", at.value), "not a duration")
                    .help("Write a duration such as `90s`, `15m`, `1h30m` or `2d`."),
            );
            None
        }
    }
}

/// Returns the number of seconds in a duration such as `1h30m`: numbers with units, from the largest unit to the
/// smallest.
fn parse_seconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let unit_end = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let unit = match after.get(..unit_end)?.trim() {
            "d" => 86_400,
            "h" => 3_600,
            "m" | "min" => 60,
            "s" => 1,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after.get(unit_end..)?;
    }
    (last != u64::MAX).then_some(total)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, expected) in [("90s", 90), ("15m", 900), ("1h30m", 5_400), ("2d", 172_800), ("0s", 0)] {
            assert_eq!(parse_seconds(text), Some(expected), "{text}");
        }
        for text in ["", "15", "m", "15 minutes", "30m1h", "1.5h", "-5m", "99999999999999999999d", "213503982334602d"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }
}
