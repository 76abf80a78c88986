//! Quotes words for a shell, so that every command that floe prints works when it is pasted.

use std::borrow::Cow;

/// Returns a word in a form that a shell reads as exactly this word, with quotes only where it needs them.
pub fn shell_quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./=:,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_with_special_characters_are_quoted() {
        assert_eq!(shell_quoted("a/b-c.sql"), "a/b-c.sql");
        assert_eq!(shell_quoted("bad name!"), "'bad name!'");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
