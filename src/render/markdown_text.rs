//! Text in Markdown and in its HTML: code stays code, and nothing else can become a mention, a link, an image, HTML, a
//! heading or a table.

use crate::resource::one_line;

/// The format of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inline {
    /// A paragraph or a heading in Markdown.
    Markdown,
    /// The content of an HTML element, in which Markdown has no meaning.
    Html,
}

impl Inline {
    /// Returns `text` on one line in this format. Text between back-quotes becomes code. So does each word outside of
    /// them that could have a meaning in Markdown: in code nothing has one, on every platform.
    pub(super) fn escape(self, text: &str) -> String {
        let text = one_line(text);
        let mut pieces = Pieces::default();
        let mut rest = text.as_str();
        while let Some((before, (code, after))) = split_code(rest) {
            pieces.push_words(before);
            pieces.push_code(code);
            rest = after;
        }
        pieces.push_words(rest);
        pieces.0.into_iter().map(|piece| self.write(piece)).collect()
    }

    /// Returns one piece in this format.
    fn write(self, piece: Piece) -> String {
        match (self, piece) {
            (_, Piece::Plain(text)) => text,
            (Inline::Markdown, Piece::Code(code)) => code_span(&code),
            (Inline::Html, Piece::Code(code)) => format!("<code>{}</code>", escape_html(&code)),
        }
    }
}

/// Splits a text at its first pair of back-quotes: what comes before it, what is between them, and what comes after.
fn split_code(text: &str) -> Option<(&str, (&str, &str))> {
    let (before, rest) = text.split_once('`')?;
    Some((before, rest.split_once('`')?))
}

/// A piece of a line.
enum Piece {
    /// Text without a meaning in Markdown or HTML.
    Plain(String),
    /// Text that is shown as code.
    Code(String),
}

/// The pieces of a line. No code follows other code directly, since their delimiters would merge.
#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    /// Adds the words of `text`, which holds no pair of back-quotes, with the spaces between them.
    fn push_words(&mut self, text: &str) {
        for part in text.split_inclusive(' ') {
            let word = part.strip_suffix(' ').unwrap_or(part);
            if is_plain_word(word) && !(self.0.is_empty() && opens_block(word)) {
                self.push_plain(part);
            } else {
                let word = without_unmatched_parentheses(word);
                self.push_code(word);
                self.push_plain(part.get(word.len()..).unwrap_or_default());
            }
        }
    }

    /// Adds text without a meaning.
    fn push_plain(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Plain(last)) => last.push_str(text),
            _ => self.0.push(Piece::Plain(text.to_owned())),
        }
    }

    /// Adds text that is shown as code.
    fn push_code(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Code(last)) => last.push_str(text),
            _ => self.0.push(Piece::Code(text.to_owned())),
        }
    }
}

/// Returns whether no renderer of Markdown gives a meaning to this word, wherever it is in a line.
fn is_plain_word(word: &str) -> bool {
    let is_plain = |letter: char| letter.is_alphanumeric() || ".,;:()'\"/=-+%?·→×…±–—_".contains(letter);
    let has_scheme = word.contains("://") || word.starts_with("www.") || word.starts_with("mailto:");
    // An underscore between letters stays as it is. At the edge of a word it may start emphasis.
    let emphasizes = word.starts_with('_') || word.ends_with('_') || word.contains("__");
    let is_command = word.starts_with("::");
    let is_emoji =
        word.trim_matches(|c: char| "(),.;".contains(c)).strip_prefix(':').is_some_and(|rest| rest.contains(':'));
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_issue = bare.split_once('-').is_some_and(|(tracker, number)| {
        !tracker.is_empty()
            && tracker.chars().all(|c| c.is_ascii_uppercase())
            && number.starts_with(|c: char| c.is_ascii_digit())
    });
    let is_hash = bare.len() >= 7
        && bare.chars().all(|c| c.is_ascii_hexdigit())
        && bare.contains(|c: char| c.is_ascii_digit())
        && bare.contains(|c: char| c.is_ascii_alphabetic());
    word.chars().all(is_plain) && !(has_scheme || emphasizes || is_command || is_emoji || is_issue || is_hash)
}

/// Returns a word without the closing parentheses at its end that belong to the sentence around it.
fn without_unmatched_parentheses(word: &str) -> &str {
    let mut kept = word;
    while let Some(shorter) = kept.strip_suffix(')').filter(|_| kept.matches(')').count() > kept.matches('(').count()) {
        kept = shorter;
    }
    kept
}

/// Returns whether this word at the start of a line would make it a list, a rule or a heading.
fn opens_block(word: &str) -> bool {
    let is_rule = !word.is_empty() && word.chars().all(|letter| "-+=".contains(letter));
    let is_number = word
        .strip_suffix(['.', ')'])
        .is_some_and(|number| !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit()));
    is_rule || is_number
}

/// Returns `code` as a code span, whose delimiters are longer than any run of back-quotes in it.
fn code_span(code: &str) -> String {
    let longest = longest_run_of_back_quotes(code);
    if longest == 0 && !code.trim().is_empty() && !code.starts_with(' ') {
        return format!("`{code}`");
    }
    let fence = "`".repeat(longest.saturating_add(1));
    format!("{fence} {code} {fence}")
}

/// Returns the length of the longest run of back-quotes.
pub(super) fn longest_run_of_back_quotes(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default()
}

/// Escapes HTML, so that a text cannot open or close a tag.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_stays_as_it_is() {
        for text in [
            "replace g1 → g2, starting over from its sources",
            "`sql.state-ttl` '1 d' → (not set); max_cfu 10.",
            "CREATE TABLE orders · pool main, principal sa-abc123",
            "it FAILED after it had run: Table 'x' not found",
            "",
        ] {
            assert_eq!(Inline::Markdown.escape(text), text);
        }
    }

    #[test]
    fn whatever_has_a_meaning_becomes_code() {
        let escaped = |text: &str| Inline::Markdown.escape(text);
        assert_eq!(escaped("ask @org/team now"), "ask `@org/team` now");
        assert_eq!(escaped("[x](http://evil) ![t](http://evil/p.png)"), "`[x](http://evil)` `![t](http://evil/p.png)`");
        assert_eq!(
            escaped("<img src=x> www.evil.com #12 GH-12 a@b.c"),
            "`<img` `src=x>` `www.evil.com` `#12` `GH-12` `a@b.c`"
        );
        assert_eq!(escaped("# head"), "`#` head");
        assert_eq!(escaped("- item"), "`-` item");
        assert_eq!(escaped("1. item"), "`1.` item");
        assert_eq!(escaped("a|b\n|-|-|"), "`a|b` `|-|-|`");
        assert_eq!(escaped("*a* ~b~ _c_ \\d $e$ :tada: deadbee1"), "`*a*` `~b~` `_c_` `\\d` `$e$` `:tada:` `deadbee1`");
        assert_eq!(escaped("::error::x"), "`::error::x`");
        assert_eq!(escaped("(at https://a.b) (https://a.b)"), "(at `https://a.b`) `(https://a.b)`");
    }

    #[test]
    fn back_quotes_never_free_what_is_between_them() {
        let escaped = |text: &str| Inline::Markdown.escape(text);
        assert_eq!(escaped("`a` @b `c"), "`a` `@b` `` `c ``");
        assert_eq!(escaped("a`b @c"), "`` a`b `` `@c`");
        assert_eq!(escaped("``` @c"), "`` ` `` `@c`");
        assert_eq!(escaped("`a`@b `c`"), "`a@b` `c`");
        assert_eq!(
            Inline::Html.escape("a `<b>` @c &d"),
            "a <code>&lt;b&gt;</code> <code>@c</code> <code>&amp;d</code>"
        );
    }
}
