//! Text that came from outside floe, and the characters in it that must not be shown as they are.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize};

/// Text that the service, a proxy, a state or a plan file supplied: a message, a phase, a severity, an exception.
///
/// It is cleaned when it is created, so it holds no character that steers a terminal, changes the direction of text or
/// cannot be seen. Each of these is spelled out as `<U+202E>`. Line breaks are kept for programs. [`fmt::Display`]
/// shows the text on one line. A renderer still has to escape what has a meaning in its format.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct ForeignText(String);

impl ForeignText {
    /// Returns the text with its line breaks.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text after `change`, cleaned again.
    pub fn map(self, change: impl FnOnce(&str) -> String) -> Self {
        if self.0.is_empty() { self } else { ForeignText::from(change(&self.0)) }
    }
}

impl From<String> for ForeignText {
    fn from(text: String) -> Self {
        match visible(&text) {
            Cow::Borrowed(_) => ForeignText(text),
            Cow::Owned(cleaned) => ForeignText(cleaned),
        }
    }
}

impl From<&str> for ForeignText {
    fn from(text: &str) -> Self {
        ForeignText(visible(text).into_owned())
    }
}

impl From<ForeignText> for String {
    fn from(text: ForeignText) -> Self {
        text.0
    }
}

impl Deref for ForeignText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ForeignText {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for ForeignText {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl fmt::Debug for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for ForeignText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(char::is_whitespace) { f.pad(&one_line(&self.0)) } else { f.pad(&self.0) }
    }
}

impl<'de> Deserialize<'de> for ForeignText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(ForeignText::from)
    }
}

/// Returns whether a character steers a terminal, changes the direction of text, or cannot be seen. Line breaks and
/// spaces are not among them, a tab is.
pub fn is_deceptive(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_control() && letter != '\n';
    }
    matches!(letter,
        // Controls, and the separators that break lines.
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}'
        // Marks, embeddings, overrides and isolates of the direction.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // What Unicode calls "default ignorable": it takes no room.
        | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        // Blank letters of other scripts.
        | '\u{2800}')
}

/// Returns `text` with each deceptive character spelled out as `<U+202E>`. A tab becomes a space. Line breaks stay, and
/// those of Windows become a line feed.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().saturating_add(16));
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\t' => shown.push(' '),
            '\r' if letters.peek() == Some(&'\n') => {}
            letter if is_deceptive(letter) => shown.push_str(&code_point(letter)),
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Returns `text` on one line, with single spaces between its words and deceptive characters spelled out.
pub fn one_line(text: &str) -> String {
    let is_break = |letter: char| letter.is_whitespace() && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{85}');
    let words: Vec<Cow<'_, str>> = text.split(is_break).filter(|word| !word.is_empty()).map(visible).collect();
    words.join(" ")
}

/// Returns how a character is spelled out: `<U+202E>`.
pub fn code_point(letter: char) -> String {
    format!("<U+{:04X}>", u32::from(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_deceive_are_spelled_out_and_others_stay() {
        assert_eq!(visible("a\u{1b}[2J\u{202e}b\u{200b}\u{0}c"), "a<U+001B>[2J<U+202E>b<U+200B><U+0000>c");
        assert_eq!(visible("größe → „ok“ 漢字 é\u{301}"), "größe → „ok“ 漢字 é\u{301}");
        assert_eq!(visible("one\r\ntwo\tthree\rfour"), "one\ntwo three<U+000D>four");
        assert_eq!(visible("x\u{e0041}\u{feff}\u{2028}"), "x<U+E0041><U+FEFF><U+2028>");
    }

    #[test]
    fn foreign_text_is_cleaned_once_and_shown_on_one_line() {
        let text = ForeignText::from("two\nlines\u{9b}2K");
        assert_eq!(&*text, "two\nlines<U+009B>2K");
        assert_eq!(text.to_string(), "two lines<U+009B>2K");
        assert_eq!(ForeignText::from(String::from(text.clone())), text);
        assert_eq!(serde_json::from_str::<ForeignText>("\"\\u001b[31m\"").ok(), Some("<U+001B>[31m".into()));
    }
}
