//! From text to tokens: every byte of a text belongs to exactly one token, to a comment or to blanks.

use super::keywords::find_reserved_word;
use crate::resource::Span;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A reserved word, in whatever case it is written.
    ReservedWord,
    /// A bare word that may be a name. A mask such as `${secret.key}` is part of the word it touches.
    Word,
    /// A name in back-quotes.
    QuotedIdentifier,
    /// A literal `'…'`, with its prefix if it has one.
    StringLiteral,
    /// A number.
    Number,
    /// A hint `/*+ … */`, whole.
    Hint,
    /// An operator, a bracket, a comma, or anything else of one character.
    Symbol,
    /// A quote or a comment that is opened and never closed, up to the end of the text; or text in double quotes.
    Invalid,
}

/// A token and the bytes it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub kind: TokenKind,
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
const MAX_PLACEHOLDER_LENGTH: usize = 128;

/// The tokens of `text`, in order, without blanks and comments. Takes any text; time is linear in it.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 5);
    let mut lexer = Lexer { bytes: text.as_bytes(), text, position: 0, last_keyword: "", next_brace_position: None };
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    text: &'a str,
    position: usize,
    /// The reserved word that was lexed last.
    last_keyword: &'static str,
    /// Where the first `}` at or after `at` stands, as far as it has been looked for.
    next_brace_position: Option<usize>,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        if let Some(unclosed_comment) = self.skip_whitespace_and_comments() {
            return Some(unclosed_comment);
        }
        let start = self.position;
        let first = *self.bytes.get(start)?;
        let kind = match first {
            b'\'' => self.lex_string_literal(start, false),
            b'`' => self.lex_quoted_identifier(),
            b'"' => self.lex_double_quotes(),
            b'/' if self.starts_with("/*+") => self.lex_hint(),
            b'0'..=b'9' => self.lex_number(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !self.follows_a_name(start) => {
                self.lex_number()
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.lex_word(),
            _ if self.word_piece_length() > 0 => self.lex_word(),
            _ => self.lex_symbol(),
        };
        // Whatever happens above, the lexer goes forward, on a character boundary.
        self.position = self.position.max(start + 1).min(self.bytes.len());
        while !self.text.is_char_boundary(self.position) {
            self.position += 1;
        }
        Some(Token { kind, start, end: self.position, keyword: std::mem::take(&mut self.last_keyword) })
    }

    /// The byte `ahead` of the current one.
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.position + ahead).copied()
    }

    fn starts_with(&self, what: &str) -> bool {
        self.rest().starts_with(what.as_bytes())
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Whether the byte before `start` ends a name or a bracket: then a dot is a separator and no decimal point.
    fn follows_a_name(&self, start: usize) -> bool {
        let before = start.checked_sub(1).and_then(|index| self.bytes.get(index));
        before.is_some_and(|&byte| is_word_byte(byte) || matches!(byte, b'`' | b')' | b']' | b'}'))
    }

    /// Goes to the next byte that counts. A block comment without an end is returned as a token.
    fn skip_whitespace_and_comments(&mut self) -> Option<Token> {
        loop {
            match self.peek(0)? {
                byte if byte.is_ascii_whitespace() || byte == 0x0b => self.position += 1,
                b'-' if self.peek(1) == Some(b'-') => self.skip_to_line_end(),
                b'/' if self.peek(1) == Some(b'/') => self.skip_to_line_end(),
                b'/' if self.peek(1) == Some(b'*') && self.peek(2) != Some(b'+') => {
                    let start = self.position;
                    match find_bytes(self.bytes.get(start + 2..).unwrap_or_default(), b"*/") {
                        Some(length) => self.position = start + 2 + length + 2,
                        None => {
                            self.position = self.bytes.len();
                            return Some(Token { kind: TokenKind::Invalid, start, end: self.position, keyword: "" });
                        }
                    }
                }
                _ => return None,
            }
        }
    }

    fn skip_to_line_end(&mut self) {
        let length = self.rest().iter().position(|&byte| byte == b'\n' || byte == b'\r');
        self.position = length.map_or(self.bytes.len(), |length| self.position + length);
    }

    /// Goes behind the closing `quote`, which a doubled one does not close; `false` if there is none.
    fn skip_to_closing(&mut self, quote: u8, backslash_escapes: bool) -> bool {
        self.position += 1;
        while let Some(byte) = self.peek(0) {
            if byte == b'\\' && backslash_escapes {
                self.position += 2;
            } else if byte != quote {
                self.position += 1;
            } else if self.peek(1) == Some(quote) {
                self.position += 2;
            } else {
                self.position += 1;
                return true;
            }
        }
        false
    }

    /// A literal whose opening quote is at `quote_at`, after its prefix.
    fn lex_string_literal(&mut self, quote_at: usize, backslash_escapes: bool) -> TokenKind {
        self.position = quote_at;
        if self.skip_to_closing(b'\'', backslash_escapes) { TokenKind::StringLiteral } else { TokenKind::Invalid }
    }

    fn lex_quoted_identifier(&mut self) -> TokenKind {
        if self.skip_to_closing(b'`', false) { TokenKind::QuotedIdentifier } else { TokenKind::Invalid }
    }

    /// Double quotes mean nothing in Flink SQL. What they enclose is one token, so that one mistake is told once.
    fn lex_double_quotes(&mut self) -> TokenKind {
        self.skip_to_closing(b'"', false);
        TokenKind::Invalid
    }

    /// A hint ends at the first `*/` outside its literals; without an end it takes the rest of the text.
    fn lex_hint(&mut self) -> TokenKind {
        self.position += 3;
        while let Some(byte) = self.peek(0) {
            if byte == b'\'' {
                self.skip_to_closing(b'\'', false);
            } else if byte == b'*' && self.peek(1) == Some(b'/') {
                self.position += 2;
                return TokenKind::Hint;
            } else {
                self.position += 1;
            }
        }
        TokenKind::Invalid
    }

    /// Digits, one decimal point, an exponent, and whatever sticks to them.
    /// Digits, a point, an exponent. A word may follow at once: `1LIMIT 3` is three tokens.
    fn lex_number(&mut self) -> TokenKind {
        self.skip_digits();
        if self.peek(0) == Some(b'.') {
            self.position += 1;
            self.skip_digits();
        }
        if self.peek(0).is_some_and(|byte| byte | 32 == b'e') {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.position += 1 + sign;
                self.skip_digits();
            }
        }
        TokenKind::Number
    }

    fn skip_digits(&mut self) {
        self.position += self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    /// Where the next `}` stands, or the end of the text. What was found is kept, which keeps the lexer linear.
    fn find_next_brace(&mut self) -> usize {
        match self.next_brace_position {
            Some(brace) if brace >= self.position => brace,
            _ => {
                let length = self.rest().iter().position(|&byte| byte == b'}');
                let brace = length.map_or(self.bytes.len(), |length| self.position + length);
                self.next_brace_position = Some(brace);
                brace
            }
        }
    }

    /// The length of the piece of a word that begins here: a character, or a mask `${…}`; zero if none does.
    fn word_piece_length(&mut self) -> usize {
        match self.peek(0) {
            Some(b'$') if self.peek(1) == Some(b'{') => {
                let close = self.find_next_brace();
                let inside = self.bytes.get(self.position..close).unwrap_or_default();
                // A mask ends on its line; without an end the `$` is a character like others.
                let is_placeholder =
                    close < self.bytes.len() && inside.len() < MAX_PLACEHOLDER_LENGTH && !inside.contains(&b'\n');
                if is_placeholder { inside.len() + 1 } else { 1 }
            }
            Some(byte) if byte < 0x80 => usize::from(is_word_byte(byte)),
            Some(_) => {
                let next = self.text.get(self.position..).and_then(|rest| rest.chars().next());
                next.filter(|c| c.is_alphanumeric()).map_or(0, char::len_utf8)
            }
            None => 0,
        }
    }

    fn lex_word(&mut self) -> TokenKind {
        let start = self.position;
        loop {
            // Nearly all of a text is this.
            self.position += self.rest().iter().take_while(|&&byte| is_word_byte(byte) && byte != b'$').count();
            let length = self.word_piece_length();
            if length == 0 {
                break;
            }
            self.position += length;
        }
        let word = self.text.get(start..self.position).unwrap_or_default();
        let quote_at = match self.peek(0) {
            Some(b'\'') => self.position,
            Some(b'&') if self.peek(1) == Some(b'\'') && word.eq_ignore_ascii_case("U") => self.position + 1,
            _ => return self.bare_word_kind(start),
        };
        // `E'…'`, `N'…'`, `X'…'`, `U&'…'`, `_utf8'…'`.
        let is_prefix = quote_at > self.position
            || ["E", "N", "X"].iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
            || word.starts_with('_');
        if is_prefix {
            self.lex_string_literal(quote_at, word.eq_ignore_ascii_case("E"))
        } else {
            self.bare_word_kind(start)
        }
    }

    /// The bare word from `start` to here.
    fn bare_word_kind(&mut self, start: usize) -> TokenKind {
        let word = self.text.get(start..self.position).unwrap_or_default();
        match find_reserved_word(word) {
            Some(keyword) => {
                self.last_keyword = keyword;
                TokenKind::ReservedWord
            }
            None => TokenKind::Word,
        }
    }

    fn lex_symbol(&mut self) -> TokenKind {
        const TWO_CHARACTER_OPERATORS: [&[u8]; 8] = [b"<=", b">=", b"<>", b"!=", b"||", b"=>", b"->", b"::"];
        let two = self.rest().get(..2).unwrap_or_default();
        self.position += if TWO_CHARACTER_OPERATORS.contains(&two) { 2 } else { 1 };
        TokenKind::Symbol
    }
}

/// Bytes of a bare word; characters beyond ASCII are judged one by one.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn find_bytes(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// The name that a back-quoted token stands for.
pub(super) fn unquote_identifier(quoted: &str) -> String {
    let inside = quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(quoted);
    inside.replace("``", "`")
}

/// What a plain literal `'…'` stands for.
pub(super) fn string_literal_value(literal: &str) -> String {
    let start = literal.find('\'').map_or(0, |at| at + 1);
    let inside = literal.get(start..).unwrap_or_default();
    inside.strip_suffix('\'').unwrap_or(inside).replace("''", "'")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(TokenKind, &str)> {
        lex(text).iter().map(|token| (token.kind, token.text(text))).collect()
    }

    #[test]
    fn words_names_literals_and_numbers_are_separate_tokens() {
        use TokenKind::*;
        assert_eq!(
            tokens("select `a``b`, 'it''s', 1.5e-3 from t.x"),
            [
                (ReservedWord, "select"),
                (QuotedIdentifier, "`a``b`"),
                (Symbol, ","),
                (StringLiteral, "'it''s'"),
                (Symbol, ","),
                (Number, "1.5e-3"),
                (ReservedWord, "from"),
                (Word, "t"),
                (Symbol, "."),
                (Word, "x"),
            ]
        );
    }

    #[test]
    fn a_word_can_follow_a_number_without_a_space() {
        use TokenKind::*;
        assert_eq!(
            tokens("1LIMIT 2.UNION .5e1e x"),
            [
                (Number, "1"),
                (ReservedWord, "LIMIT"),
                (Number, "2."),
                (ReservedWord, "UNION"),
                (Number, ".5e1"),
                (Word, "e"),
                (Word, "x"),
            ]
        );
    }

    #[test]
    fn a_string_prefix_is_part_of_its_literal() {
        use TokenKind::*;
        assert_eq!(tokens(r"E'a\'b' 'a\' x"), [(StringLiteral, r"E'a\'b'"), (StringLiteral, r"'a\'"), (Word, "x")]);
        assert_eq!(tokens("U&'\\00e9' X'0f' _utf8'ü' n'x'").len(), 4);
        assert_eq!(tokens("date'2024-01-01'"), [(ReservedWord, "date"), (StringLiteral, "'2024-01-01'")]);
    }

    #[test]
    fn comments_are_dropped_and_hints_are_kept() {
        let text = "-- one\n// two\n/* three */ a /*+ OPTIONS('k'='*/') */ b /**/ c";
        let kept: Vec<_> = tokens(text).into_iter().map(|(_, text)| text).collect();
        assert_eq!(kept, ["a", "/*+ OPTIONS('k'='*/') */", "b", "c"]);
    }

    #[test]
    fn a_placeholder_is_part_of_the_word_around_it() {
        let text = "pre_${secret.a b}x '${secret.y}' `${z}`";
        assert_eq!(tokens(text)[0], (TokenKind::Word, "pre_${secret.a b}x"));
        assert_eq!(tokens(text).len(), 3);
    }

    #[test]
    fn an_unclosed_token_is_invalid_to_the_end() {
        assert_eq!(tokens("a 'b c"), [(TokenKind::Word, "a"), (TokenKind::Invalid, "'b c")]);
        assert_eq!(tokens("a `b c"), [(TokenKind::Word, "a"), (TokenKind::Invalid, "`b c")]);
        assert_eq!(tokens("a /* c"), [(TokenKind::Word, "a"), (TokenKind::Invalid, "/* c")]);
        assert_eq!(tokens("\"x\" \""), [(TokenKind::Invalid, "\"x\""), (TokenKind::Invalid, "\"")]);
    }

    #[test]
    fn the_longest_operator_wins_except_for_angle_brackets() {
        let kept: Vec<_> = tokens("a>=b ARRAY<ROW<x INT>> c=>d").into_iter().map(|(_, text)| text).collect();
        assert_eq!(kept, ["a", ">=", "b", "ARRAY", "<", "ROW", "<", "x", "INT", ">", ">", "c", "=>", "d"]);
    }
}
