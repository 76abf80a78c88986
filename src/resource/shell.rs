//! Quotes words for a shell, so that every command that floe prints works when it is pasted. Only this file uses shlex.

/// Returns a word in a form that a shell reads as exactly this word, with quotes only where it needs them. Control
/// characters are left out.
pub fn shell_quoted(word: &str) -> String {
    // No shell can paste control characters, and they could steer the terminal.
    let word: String = word.chars().filter(|letter| !letter.is_control()).collect();
    // Only a NUL cannot be quoted, and no control character is left.
    shlex::try_quote(&word).unwrap_or_default().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_with_special_characters_are_quoted() {
        assert_eq!(shell_quoted("a/b-c.sql"), "a/b-c.sql");
        assert_eq!(shell_quoted("/nix/store:/out"), "/nix/store:/out");
        assert_eq!(shell_quoted("bad name"), "'bad name'");
        assert_eq!(shell_quoted("a\u{1b}[2J\0b"), "'a[2Jb'");
        assert_eq!(shell_quoted(""), "''");
    }
}
