//! How text is laid out: width, colour, wrapping, and what is never let through to a terminal.

/// How wide a text may be, and whether it may be coloured. The caller decides: render reads no environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { width: 80, color: false }
    }
}

/// What a piece of text is to stand out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Something comes.
    Green,
    /// Something changes.
    Yellow,
    /// Something goes, or is wrong.
    Red,
    /// Something is taken over or moves.
    Cyan,
    /// What can be passed over.
    Dim,
    /// What the eye is to find first.
    Bold,
    /// As it is.
    Plain,
}

impl Style {
    /// `text` in a colour, if colours may be used.
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

/// How many columns a text takes, as far as its characters tell.
pub(super) fn display_width(text: &str) -> usize {
    text.chars().count()
}

/// `text` filled up with blanks to `width` columns.
pub(super) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(display_width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// `text` on lines of at most `width` columns, broken between words; a longer word has a line of its own.
/// Line ends of the text are kept.
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

/// What the service or a file says, without what would steer a terminal, on one line.
pub(super) fn sanitize(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

/// `text` cut to `limit` columns, with `…` where something is missing.
pub(super) fn truncate(text: &str, limit: usize) -> String {
    if display_width(text) <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `1 statement`, `2 statements`.
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
        assert_eq!(sanitize("bad\u{1b}[2J \r\n\tthing"), "bad [2J thing");
        assert_eq!(truncate("abcdef", 4), "abc…");
    }

    #[test]
    fn text_is_colored_only_if_color_is_allowed() {
        assert_eq!(Style { color: false, width: 80 }.paint(Paint::Red, "x"), "x");
        assert_eq!(Style { color: true, width: 80 }.paint(Paint::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
