//! Escapes that no output goes without: for terminals, for the logs of CI runners, for JSON and for diagrams.

use std::{borrow::Cow, fmt::Write};

use serde::Serialize;

use crate::resource::{code_point, is_deceptive};

/// Returns `text` in a form that is safe on a terminal and in the log of a CI runner. Every text that floe prints goes
/// through this function, as the last step.
///
/// Characters that steer a terminal or deceive a reader are spelled out as `<U+202E>`, except line feeds and the color
/// codes that floe itself uses, if `allows_color`. So are the characters that would make a runner take a line for a
/// command.
pub fn printable(text: &str, allows_color: bool) -> Cow<'_, str> {
    if !text.contains(is_deceptive) && !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let lines: Vec<String> = text.split('\n').map(|line| printable_line(line, allows_color)).collect();
    Cow::Owned(lines.join("\n"))
}

/// Returns one line in a form that is safe to print.
fn printable_line(line: &str, allows_color: bool) -> String {
    let mut shown = String::with_capacity(line.len().saturating_add(16));
    // Until the first character that is neither a space nor a color code, `::` would start a command.
    let mut is_start = true;
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        let (_, after) = rest.split_at_checked(letter.len_utf8()).unwrap_or((rest, ""));
        if let Some(length) = color_code_length(rest).filter(|_| allows_color) {
            let (code, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            shown.push_str(code);
            rest = after;
            continue;
        }
        let is_command = (is_start && rest.starts_with("::")) || starts_bracket_command(rest);
        match letter {
            '\t' => shown.push(' '),
            letter if is_command || is_deceptive(letter) => shown.push_str(&code_point(letter)),
            letter => shown.push(letter),
        }
        is_start &= letter.is_whitespace();
        rest = after;
    }
    shown
}

/// Returns the length of the color code at the start of `text`, such as `ESC [ 31 m`.
fn color_code_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    parameters.get(end..)?.starts_with('m').then(|| end.saturating_add("\u{1b}[m".len()))
}

/// Returns whether `text` starts with `##[`, `##vso[` or the like. Runners look for these anywhere in a line.
fn starts_bracket_command(text: &str) -> bool {
    text.strip_prefix("##")
        .is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).starts_with('['))
}

/// Returns a value as indented JSON that ends with a line feed. Strings keep their value. Characters that would deceive
/// a reader, steer a terminal or start a command of a CI runner are escaped.
///
/// # Errors
/// If the value cannot be written as JSON, which is a bug.
pub fn json_text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string_pretty(value)? + "\n";
    if !json.contains(is_deceptive) && !json.contains("##") {
        return Ok(json);
    }
    // Outside of strings there are no such characters.
    let mut escaped = String::with_capacity(json.len().saturating_add(64));
    for (at, letter) in json.char_indices() {
        if is_deceptive(letter) || starts_bracket_command(json.get(at..).unwrap_or_default()) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(letter);
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_color_codes_reach_a_terminal() {
        let text = "\u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{1b}]8;;http://evil\u{7}x\u{202e}\u{0}\r\n";
        let shown = "\u{1b}[31mred\u{1b}[0m <U+001B>[2J<U+001B>]8;;http://evil<U+0007>x<U+202E><U+0000><U+000D>\n";
        assert_eq!(printable(text, true), shown);
        assert_eq!(printable("\u{1b}[31mred", false), "<U+001B>[31mred");
    }

    #[test]
    fn no_line_starts_a_command_of_a_runner() {
        let commands = "::error::x\n   ::add-mask::y\n\u{1b}[1m::z\na ::b c::d\n##[group]e\nf ##vso[task]g\n## h";
        let shown = "<U+003A>:error::x\n   <U+003A>:add-mask::y\n\u{1b}[1m<U+003A>:z\na ::b c::d\n<U+0023>#[group]e\n\
                     f <U+0023>#vso[task]g\n## h";
        assert_eq!(printable(commands, true), shown);
    }

    #[test]
    fn json_keeps_the_value_of_every_string() {
        let value = "a\u{1b}\u{202e}\u{e0041}##[x] ::y\n";
        let text = json_text(&[value]).unwrap_or_default();
        assert_eq!(text, "[\n  \"a\\u001b\\u202e\\udb40\\udc41\\u0023#[x] ::y\\n\"\n]\n");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).ok(), Some(vec![value.to_owned()]));
        assert_eq!(printable(&text, false), text);
    }
}
