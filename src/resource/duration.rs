//! Parses the durations of manifests and flags, such as `1h30m`.

use std::time::Duration;

use jiff::{SpanRelativeTo, fmt::friendly::SpanParser};

/// Examples of durations for messages and help.
pub const DURATION_EXAMPLES: &str = "`90s`, `15m`, `1h30m` or `2d`";

/// The error for a text that is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as {DURATION_EXAMPLES}")]
pub struct InvalidDuration;

/// Parses numbers with units, from the largest unit to the smallest, in the friendly format of jiff. A day has 24 hours.
///
/// # Errors
/// When the text is anything else: a number without a unit is ambiguous unless it is `0`, and so are weeks, months and
/// years. Negative durations are rejected, and so is the format of ISO 8601.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    // The friendly format also takes clock times, lists, signs and decimal commas. No other unit than a week has a `w`.
    if text.contains([':', ',', '+', '-', 'w']) {
        return Err(InvalidDuration);
    }
    let span = SpanParser::new().parse_span(text).map_err(|_| InvalidDuration)?;
    let has_long_units = span.get_weeks() != 0 || span.get_months() != 0 || span.get_years() != 0;
    if has_long_units || span.is_negative() {
        return Err(InvalidDuration);
    }
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| InvalidDuration)?;
    Duration::try_from(duration).map_err(|_| InvalidDuration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let valid = [
            ("0", 0.0),
            ("0s", 0.0),
            ("500ms", 0.5),
            ("90s", 90.0),
            (" 15m ", 900.0),
            ("15min", 900.0),
            ("15 minutes", 900.0),
            ("1h30m", 5_400.0),
            ("1h 30m", 5_400.0),
            ("1.5h", 5_400.0),
            ("1m60s", 120.0),
            ("2d", 172_800.0),
            ("1d12h", 129_600.0),
        ];
        for (text, seconds) in valid {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn a_duration_needs_units_that_always_last_equally_long() {
        let invalid = [
            "",
            " ",
            "15",
            "s",
            "soon",
            "1h30",
            "-5m",
            "5m ago",
            "30m1h",
            "PT15M",
            "P1D",
            "1w",
            "0w",
            "1:30:00",
            "1,5h",
            "1h, 30m",
            "+5m",
            "-0s",
            "2 weeks",
            "1mo",
            "1y",
            "1s²",
            "5ｍ",
            "99999999999999999999d",
            "213503982334602d",
        ];
        for text in invalid {
            assert_eq!(parse_duration(text), Err(InvalidDuration), "{text}");
        }
    }
}
