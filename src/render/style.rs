//! Width, color and wrapping of text.

use crate::resource::one_line;

/// The width of a text and whether it may use color. The caller decides, since this module reads no environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The width in columns.
    pub width: usize,
    /// Whether color codes may be used.
    pub color: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { width: 80, color: false }
    }
}

/// The color or weight of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// For something that is added.
    Green,
    /// For something that changes.
    Yellow,
    /// For something that is removed or wrong.
    Red,
    /// For something that is adopted or moved.
    Cyan,
    /// For text that readers can skip.
    Dim,
    /// For text that readers should see first.
    Bold,
    /// For text without any color.
    Plain,
}

impl Style {
    /// Returns `text` in a color, if colors may be used.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Red => "31",
            Paint::Cyan => "36",
            Paint::Dim => "2",
            Paint::Bold => "1",
            Paint::Plain => return text.to_owned(),
        };
        if self.color && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Returns the width of a text in columns, counting one per character.
pub(super) fn display_width(text: &str) -> usize {
    text.chars().count()
}

/// Returns `text` padded with spaces to `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(display_width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Breaks `text` between words into lines of at most `width` columns. A longer word gets its own line.
/// Newlines in the text are kept.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            if !line.is_empty() && display_width(&line) + 1 + display_width(word) > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Returns text from the service or a file on one line, with characters that could steer a terminal spelled out.
pub(super) fn sanitize(text: &str) -> String {
    one_line(text)
}

/// Returns `text` cut to `limit` columns, with `…` at the end if something is missing.
pub(super) fn truncate(text: &str, limit: usize) -> String {
    if display_width(text) <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Returns a number with its noun: `1 statement`, `2 statements`.
pub(super) fn pluralize(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrap_breaks_only_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-very-long-word b", 4), ["a-very-long-word", "b"]);
        assert_eq!(wrap("a\n\nb", 4), ["a", "", "b"]);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(sanitize("bad\u{1b}[2J \r\n\tthing"), "bad<U+001B>[2J thing");
        assert_eq!(truncate("abcdef", 4), "abc…");
    }

    #[test]
    fn text_is_colored_only_if_color_is_allowed() {
        assert_eq!(Style { color: false, width: 80 }.paint(Paint::Red, "x"), "x");
        assert_eq!(Style { color: true, width: 80 }.paint(Paint::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
