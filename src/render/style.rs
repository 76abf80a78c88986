//! Width, color and wrapping of text.

use std::borrow::Cow;

use anstyle::AnsiColor;
use textwrap::{WordSeparator, WordSplitter, WrapAlgorithm};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::resource::one_line;

/// The width of a text and whether it may use color. The caller decides, since this module reads no environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The width in columns, or [`Style::UNLIMITED`].
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
    /// The width of text whose lines are not wrapped.
    pub const UNLIMITED: usize = usize::MAX;

    /// Returns `text` in a color, if colors may be used.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let codes = match paint {
            Paint::Green => AnsiColor::Green.on_default(),
            Paint::Yellow => AnsiColor::Yellow.on_default(),
            Paint::Red => AnsiColor::Red.on_default(),
            Paint::Cyan => AnsiColor::Cyan.on_default(),
            Paint::Dim => anstyle::Style::new().dimmed(),
            Paint::Bold => anstyle::Style::new().bold(),
            Paint::Plain => anstyle::Style::new(),
        };
        if self.color && !text.is_empty() { format!("{codes}{text}{codes:#}") } else { text.to_owned() }
    }
}

/// Returns the width of a text in columns. Wide characters take two.
pub fn display_width(text: &str) -> usize {
    text.width()
}

/// Returns how many of the first `chars` fit in `columns`.
pub fn count_fitting(chars: impl Iterator<Item = char>, columns: usize) -> usize {
    let mut used = 0_usize;
    let fits = |letter: &char| {
        used = used.saturating_add(letter.width().unwrap_or(1));
        used <= columns
    };
    chars.take_while(fits).count()
}

/// Returns `text` padded with spaces to `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(display_width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Breaks `text` between words into lines of at most `width` columns. A longer word gets its own line.
/// Newlines in the text are kept.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    // Only a space ends a word: paths, URLs and flags are there to be copied.
    let options = textwrap::Options::new(width)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    text.lines().flat_map(|line| textwrap::wrap(line, &options)).map(Cow::into_owned).collect()
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
    let kept: String = text.chars().take(count_fitting(text.chars(), limit.saturating_sub(1))).collect();
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
        assert_eq!(wrap("https://a.b/c-d?e=f --long-flag", 8), ["https://a.b/c-d?e=f", "--long-flag"]);
        assert_eq!(wrap("", 4), [""; 0]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrap("東京 大阪 ab", 9), ["東京 大阪", "ab"]);
        assert_eq!(wrap("東京 大阪 ab", 8), ["東京", "大阪 ab"]);
        assert_eq!(pad("東京", 6), "東京  ");
        assert_eq!(truncate("東京大阪", 6), "東京…");
        assert_eq!(truncate("東京大", 6), "東京大");
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
