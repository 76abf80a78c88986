//! From text to tokens: every byte of a text belongs to exactly one token, to a comment or to blanks.

use super::keywords::reserved;
use crate::resource::Span;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A reserved word, in whatever case it is written.
    Reserved,
    /// A bare word that may be a name. A mask such as `${secret.key}` is part of the word it touches.
    Word,
    /// A name in back-quotes.
    Quoted,
    /// A literal `'…'`, with its prefix if it has one.
    Text,
    /// A number.
    Number,
    /// A hint `/*+ … */`, whole.
    Hint,
    /// An operator, a bracket, a comma, or anything else of one character.
    Symbol,
    /// A quote or a comment that is opened and never closed, up to the end of the text; or text in double quotes.
    Broken,
}

/// A token and the bytes it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub sort: Sort,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// A reserved word in upper case; empty for all others.
    pub keyword: &'static str,
}

impl Token {
    /// Its byte range.
    pub fn span(&self) -> Span {
        self.start..self.end
    }

    /// Its bytes in the text it was lexed from.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The longest `${…}` that is taken for a mask.
const LONGEST_MASK: usize = 128;

/// The tokens of `text`, in order, without blanks and comments. Takes any text; time is linear in it.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 5);
    let mut lexer = Lexer { bytes: text.as_bytes(), text, at: 0, keyword: "", brace: None };
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    /// The reserved word that was lexed last.
    keyword: &'static str,
    /// Where the first `}` at or after `at` stands, as far as it has been looked for.
    brace: Option<usize>,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        if let Some(unclosed) = self.skip_blanks_and_comments() {
            return Some(unclosed);
        }
        let start = self.at;
        let first = *self.bytes.get(start)?;
        let sort = match first {
            b'\'' => self.literal(start, false),
            b'`' => self.quoted(),
            b'"' => self.double_quoted(),
            b'/' if self.starts_with("/*+") => self.hint(),
            b'0'..=b'9' => self.number(),
            b'.' if self.byte(1).is_some_and(|next| next.is_ascii_digit()) && !self.follows_a_name(start) => {
                self.number()
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            _ if self.word_piece() > 0 => self.word(),
            _ => self.symbol(),
        };
        // Whatever happens above, the lexer goes forward, on a character boundary.
        self.at = self.at.max(start + 1).min(self.bytes.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        Some(Token { sort, start, end: self.at, keyword: std::mem::take(&mut self.keyword) })
    }

    /// The byte `ahead` of the current one.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, what: &str) -> bool {
        self.rest().starts_with(what.as_bytes())
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether the byte before `start` ends a name or a bracket: then a dot is a separator and no decimal point.
    fn follows_a_name(&self, start: usize) -> bool {
        let before = start.checked_sub(1).and_then(|index| self.bytes.get(index));
        before.is_some_and(|&byte| is_word_byte(byte) || matches!(byte, b'`' | b')' | b']' | b'}'))
    }

    /// Goes to the next byte that counts. A block comment without an end is returned as a token.
    fn skip_blanks_and_comments(&mut self) -> Option<Token> {
        loop {
            match self.byte(0)? {
                byte if byte.is_ascii_whitespace() || byte == 0x0b => self.at += 1,
                b'-' if self.byte(1) == Some(b'-') => self.skip_line(),
                b'/' if self.byte(1) == Some(b'/') => self.skip_line(),
                b'/' if self.byte(1) == Some(b'*') && self.byte(2) != Some(b'+') => {
                    let start = self.at;
                    match find(self.bytes.get(start + 2..).unwrap_or_default(), b"*/") {
                        Some(length) => self.at = start + 2 + length + 2,
                        None => {
                            self.at = self.bytes.len();
                            return Some(Token { sort: Sort::Broken, start, end: self.at, keyword: "" });
                        }
                    }
                }
                _ => return None,
            }
        }
    }

    fn skip_line(&mut self) {
        let length = self.rest().iter().position(|&byte| byte == b'\n' || byte == b'\r');
        self.at = length.map_or(self.bytes.len(), |length| self.at + length);
    }

    /// Goes behind the closing `quote`, which a doubled one does not close; `false` if there is none.
    fn skip_to_closing(&mut self, quote: u8, backslash_escapes: bool) -> bool {
        self.at += 1;
        while let Some(byte) = self.byte(0) {
            if byte == b'\\' && backslash_escapes {
                self.at += 2;
            } else if byte != quote {
                self.at += 1;
            } else if self.byte(1) == Some(quote) {
                self.at += 2;
            } else {
                self.at += 1;
                return true;
            }
        }
        false
    }

    /// A literal whose opening quote is at `quote_at`, after its prefix.
    fn literal(&mut self, quote_at: usize, backslash_escapes: bool) -> Sort {
        self.at = quote_at;
        if self.skip_to_closing(b'\'', backslash_escapes) { Sort::Text } else { Sort::Broken }
    }

    fn quoted(&mut self) -> Sort {
        if self.skip_to_closing(b'`', false) { Sort::Quoted } else { Sort::Broken }
    }

    /// Double quotes mean nothing in Flink SQL. What they enclose is one token, so that one mistake is told once.
    fn double_quoted(&mut self) -> Sort {
        self.skip_to_closing(b'"', false);
        Sort::Broken
    }

    /// A hint ends at the first `*/` outside its literals; without an end it takes the rest of the text.
    fn hint(&mut self) -> Sort {
        self.at += 3;
        while let Some(byte) = self.byte(0) {
            if byte == b'\'' {
                self.skip_to_closing(b'\'', false);
            } else if byte == b'*' && self.byte(1) == Some(b'/') {
                self.at += 2;
                return Sort::Hint;
            } else {
                self.at += 1;
            }
        }
        Sort::Broken
    }

    /// Digits, one decimal point, an exponent, and whatever sticks to them.
    /// Digits, a point, an exponent. A word may follow at once: `1LIMIT 3` is three tokens.
    fn number(&mut self) -> Sort {
        self.digits();
        if self.byte(0) == Some(b'.') {
            self.at += 1;
            self.digits();
        }
        if self.byte(0).is_some_and(|byte| byte | 32 == b'e') {
            let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
            if self.byte(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + sign;
                self.digits();
            }
        }
        Sort::Number
    }

    fn digits(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    /// Where the next `}` stands, or the end of the text. What was found is kept, which keeps the lexer linear.
    fn next_brace(&mut self) -> usize {
        match self.brace {
            Some(brace) if brace >= self.at => brace,
            _ => {
                let length = self.rest().iter().position(|&byte| byte == b'}');
                let brace = length.map_or(self.bytes.len(), |length| self.at + length);
                self.brace = Some(brace);
                brace
            }
        }
    }

    /// The length of the piece of a word that begins here: a character, or a mask `${…}`; zero if none does.
    fn word_piece(&mut self) -> usize {
        match self.byte(0) {
            Some(b'$') if self.byte(1) == Some(b'{') => {
                let close = self.next_brace();
                let inside = self.bytes.get(self.at..close).unwrap_or_default();
                // A mask ends on its line; without an end the `$` is a character like others.
                let is_mask = close < self.bytes.len() && inside.len() < LONGEST_MASK && !inside.contains(&b'\n');
                if is_mask { inside.len() + 1 } else { 1 }
            }
            Some(byte) if byte < 0x80 => usize::from(is_word_byte(byte)),
            Some(_) => {
                let next = self.text.get(self.at..).and_then(|rest| rest.chars().next());
                next.filter(|c| c.is_alphanumeric()).map_or(0, char::len_utf8)
            }
            None => 0,
        }
    }

    fn word(&mut self) -> Sort {
        let start = self.at;
        loop {
            // Nearly all of a text is this.
            self.at += self.rest().iter().take_while(|&&byte| is_word_byte(byte) && byte != b'$').count();
            let length = self.word_piece();
            if length == 0 {
                break;
            }
            self.at += length;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        let quote_at = match self.byte(0) {
            Some(b'\'') => self.at,
            Some(b'&') if self.byte(1) == Some(b'\'') && word.eq_ignore_ascii_case("U") => self.at + 1,
            _ => return self.bare(start),
        };
        // `E'…'`, `N'…'`, `X'…'`, `U&'…'`, `_utf8'…'`.
        let is_prefix = quote_at > self.at
            || ["E", "N", "X"].iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
            || word.starts_with('_');
        if is_prefix { self.literal(quote_at, word.eq_ignore_ascii_case("E")) } else { self.bare(start) }
    }

    /// The bare word from `start` to here.
    fn bare(&mut self, start: usize) -> Sort {
        let word = self.text.get(start..self.at).unwrap_or_default();
        match reserved(word) {
            Some(keyword) => {
                self.keyword = keyword;
                Sort::Reserved
            }
            None => Sort::Word,
        }
    }

    fn symbol(&mut self) -> Sort {
        const OF_TWO: [&[u8]; 8] = [b"<=", b">=", b"<>", b"!=", b"||", b"=>", b"->", b"::"];
        let two = self.rest().get(..2).unwrap_or_default();
        self.at += if OF_TWO.contains(&two) { 2 } else { 1 };
        Sort::Symbol
    }
}

/// Bytes of a bare word; characters beyond ASCII are judged one by one.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The name that a back-quoted token stands for.
pub(super) fn unquote(quoted: &str) -> String {
    let inside = quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(quoted);
    inside.replace("``", "`")
}

/// What a plain literal `'…'` stands for.
pub(super) fn literal_value(literal: &str) -> String {
    let start = literal.find('\'').map_or(0, |at| at + 1);
    let inside = literal.get(start..).unwrap_or_default();
    inside.strip_suffix('\'').unwrap_or(inside).replace("''", "'")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(Sort, &str)> {
        lex(text).iter().map(|token| (token.sort, token.text(text))).collect()
    }

    #[test]
    fn words_names_literals_and_numbers() {
        use Sort::*;
        assert_eq!(
            tokens("select `a``b`, 'it''s', 1.5e-3 from t.x"),
            [
                (Reserved, "select"),
                (Quoted, "`a``b`"),
                (Symbol, ","),
                (Text, "'it''s'"),
                (Symbol, ","),
                (Number, "1.5e-3"),
                (Reserved, "from"),
                (Word, "t"),
                (Symbol, "."),
                (Word, "x"),
            ]
        );
    }

    #[test]
    fn a_word_may_follow_a_number_at_once() {
        use Sort::*;
        assert_eq!(
            tokens("1LIMIT 2.UNION .5e1e x"),
            [
                (Number, "1"),
                (Reserved, "LIMIT"),
                (Number, "2."),
                (Reserved, "UNION"),
                (Number, ".5e1"),
                (Word, "e"),
                (Word, "x"),
            ]
        );
    }

    #[test]
    fn prefixes_belong_to_their_literal() {
        use Sort::*;
        assert_eq!(tokens(r"E'a\'b' 'a\' x"), [(Text, r"E'a\'b'"), (Text, r"'a\'"), (Word, "x")]);
        assert_eq!(tokens("U&'\\00e9' X'0f' _utf8'ü' n'x'").len(), 4);
        assert_eq!(tokens("date'2024-01-01'"), [(Reserved, "date"), (Text, "'2024-01-01'")]);
    }

    #[test]
    fn comments_vanish_and_hints_stay() {
        let text = "-- one\n// two\n/* three */ a /*+ OPTIONS('k'='*/') */ b /**/ c";
        let kept: Vec<_> = tokens(text).into_iter().map(|(_, text)| text).collect();
        assert_eq!(kept, ["a", "/*+ OPTIONS('k'='*/') */", "b", "c"]);
    }

    #[test]
    fn masks_are_opaque_and_stick_to_their_word() {
        let text = "pre_${secret.a b}x '${secret.y}' `${z}`";
        assert_eq!(tokens(text)[0], (Sort::Word, "pre_${secret.a b}x"));
        assert_eq!(tokens(text).len(), 3);
    }

    #[test]
    fn what_is_never_closed_is_broken_to_the_end() {
        assert_eq!(tokens("a 'b c"), [(Sort::Word, "a"), (Sort::Broken, "'b c")]);
        assert_eq!(tokens("a `b c"), [(Sort::Word, "a"), (Sort::Broken, "`b c")]);
        assert_eq!(tokens("a /* c"), [(Sort::Word, "a"), (Sort::Broken, "/* c")]);
        assert_eq!(tokens("\"x\" \""), [(Sort::Broken, "\"x\""), (Sort::Broken, "\"")]);
    }

    #[test]
    fn operators_are_longest_first_but_angle_brackets_never_join() {
        let kept: Vec<_> = tokens("a>=b ARRAY<ROW<x INT>> c=>d").into_iter().map(|(_, text)| text).collect();
        assert_eq!(kept, ["a", ">=", "b", "ARRAY", "<", "ROW", "<", "x", "INT", ">", ">", "c", "=>", "d"]);
    }
}
