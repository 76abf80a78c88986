//! Splits text into tokens. Every byte of a text belongs to exactly one token, a comment or white space.

use super::keywords::find_reserved_word;
use crate::resource::Span;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A reserved word, in any case.
    ReservedWord,
    /// A bare word that may be a name. A placeholder such as `${secret.key}` is part of the word that it touches.
    Word,
    /// A name in back-quotes.
    QuotedIdentifier,
    /// A string literal `'…'`, including its prefix if it has one.
    StringLiteral,
    /// A number without a sign.
    Number,
    /// A complete hint, written `/*+ … */`.
    Hint,
    /// An operator, a bracket, a comma, or any other single character.
    Symbol,
    /// A quote or a comment that is never closed, up to the end of the text. Also text in double quotes.
    Invalid,
}

/// A token and the bytes that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// The kind of the token.
    pub kind: TokenKind,
    /// The offset of its first byte.
    pub start: usize,
    /// The offset of the byte after its last.
    pub end: usize,
    /// The reserved word in upper case. Empty for all other tokens.
    pub keyword: &'static str,
}

impl Token {
    /// Returns the byte range of the token.
    pub fn span(&self) -> Span {
        self.start..self.end
    }

    /// Returns the bytes of the token in the text that it was lexed from.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// The longest `${…}` that counts as a placeholder, in bytes.
const MAX_PLACEHOLDER_LENGTH: usize = 128;

/// Returns the tokens of `text` in order, without white space and comments. Accepts any text and takes linear time.
pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 5);
    let mut lexer = Lexer { bytes: text.as_bytes(), text, position: 0, last_keyword: "", next_brace_position: None };
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    tokens
}

/// Returns where the comments of `text` are, in order, each with the white space around it. A comment that is never
/// closed ends with the text.
pub fn comment_spans(text: &str) -> Vec<Span> {
    let is_open_comment = |token: &Token| {
        let written = token.text(text);
        token.kind == TokenKind::Invalid && written.starts_with("/*") && !written.starts_with("/*+")
    };
    let mut comments = Vec::new();
    let mut end = 0;
    for token in lex(text).iter().filter(|token| !is_open_comment(token)) {
        comments.push(end..token.start);
        end = token.end;
    }
    comments.push(end..text.len());
    comments.retain(|span| text.get(span.clone()).is_some_and(|between| !between.trim().is_empty()));
    comments
}

/// The state of a lexer inside one text.
struct Lexer<'a> {
    /// The text as bytes.
    bytes: &'a [u8],
    /// The text that is lexed.
    text: &'a str,
    /// The offset of the next byte.
    position: usize,
    /// The reserved word that was lexed last.
    last_keyword: &'static str,
    /// The offset of the first `}` at or after the position of the last search, or the end of the text. `None` before
    /// the first search.
    next_brace_position: Option<usize>,
}

impl Lexer<'_> {
    /// Returns the next token. `None` at the end of the text.
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
        // In every case the lexer advances, and stops at a character boundary.
        self.position = self.position.max(start + 1).min(self.bytes.len());
        while !self.text.is_char_boundary(self.position) {
            self.position += 1;
        }
        Some(Token { kind, start, end: self.position, keyword: std::mem::take(&mut self.last_keyword) })
    }

    /// Returns the byte that is `ahead` bytes after the current one.
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.position + ahead).copied()
    }

    /// Returns whether the rest of the text starts with `what`.
    fn starts_with(&self, prefix: &str) -> bool {
        self.rest().starts_with(prefix.as_bytes())
    }

    /// Returns the bytes that are not lexed yet.
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Returns whether the byte before `start` ends a name or a bracket. A dot is then a separator, not a decimal
    /// point.
    fn follows_a_name(&self, start: usize) -> bool {
        let before = start.checked_sub(1).and_then(|index| self.bytes.get(index));
        before.is_some_and(|&byte| is_word_byte(byte) || matches!(byte, b'`' | b')' | b']' | b'}'))
    }

    /// Skips white space and comments. Returns a block comment that is never closed as a token.
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

    /// Skips to the end of the line.
    fn skip_to_line_end(&mut self) {
        let length = self.rest().iter().position(|&byte| byte == b'\n' || byte == b'\r');
        self.position = length.map_or(self.bytes.len(), |length| self.position + length);
    }

    /// Skips past the closing `quote`. A doubled quote does not close. Returns `false` if there is no closing quote.
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

    /// Lexes a literal whose opening quote, after the prefix, is at `quote_at`.
    fn lex_string_literal(&mut self, quote_at: usize, backslash_escapes: bool) -> TokenKind {
        self.position = quote_at;
        if self.skip_to_closing(b'\'', backslash_escapes) { TokenKind::StringLiteral } else { TokenKind::Invalid }
    }

    /// Lexes a name in back-quotes.
    fn lex_quoted_identifier(&mut self) -> TokenKind {
        if self.skip_to_closing(b'`', false) { TokenKind::QuotedIdentifier } else { TokenKind::Invalid }
    }

    /// Lexes text in double quotes as one token, so that one mistake is reported once. Double quotes mean nothing in
    /// Flink SQL.
    fn lex_double_quotes(&mut self) -> TokenKind {
        self.skip_to_closing(b'"', false);
        TokenKind::Invalid
    }

    /// Lexes a hint. It ends at the first `*/` outside its literals. Without an end it is invalid and takes the rest
    /// of the text.
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

    /// Lexes a number: digits, a decimal point, an exponent. A word may follow without a space, so `1LIMIT 3` is
    /// three tokens.
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

    /// Skips the digits at the current position.
    fn skip_digits(&mut self) {
        self.position += self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
    }

    /// Returns the offset of the next `}`, or the end of the text. The result is cached, which keeps the lexer
    /// linear.
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

    /// Returns the length of the next piece of a word: a character or a placeholder `${…}`. Zero if no piece starts
    /// here.
    fn word_piece_length(&mut self) -> usize {
        match self.peek(0) {
            Some(b'$') if self.peek(1) == Some(b'{') => {
                let close = self.find_next_brace();
                let inside = self.bytes.get(self.position..close).unwrap_or_default();
                // A placeholder ends on its line. Without an end, the `$` is an ordinary character.
                let is_placeholder =
                    close < self.bytes.len() && inside.len() < MAX_PLACEHOLDER_LENGTH && !inside.contains(&b'\n');
                if is_placeholder { inside.len() + 1 } else { 1 }
            }
            Some(byte) if byte < 0x80 => usize::from(is_word_byte(byte)),
            Some(_) => {
                let next = self.text.get(self.position..).and_then(|rest| rest.chars().next());
                // Flink's lexer counts everything in this range as a letter, such as combining accents.
                let is_letter = |c: &char| c.is_alphanumeric() || ('\u{100}'..='\u{1fff}').contains(c);
                next.filter(is_letter).map_or(0, char::len_utf8)
            }
            None => 0,
        }
    }

    /// Lexes a word, or the literal that it is the prefix of.
    fn lex_word(&mut self) -> TokenKind {
        let start = self.position;
        loop {
            // Most of a text is consumed here.
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
        // Prefixed literals: `E'…'`, `N'…'`, `X'…'`, `U&'…'`, `_utf8'…'`.
        let is_prefix = quote_at > self.position
            || ["E", "N", "X"].iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
            || word.starts_with('_');
        if is_prefix {
            self.lex_string_literal(quote_at, word.eq_ignore_ascii_case("E"))
        } else {
            self.bare_word_kind(start)
        }
    }

    /// Returns the kind of the bare word from `start` to the current position.
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

    /// Lexes an operator or any other single character.
    fn lex_symbol(&mut self) -> TokenKind {
        const TWO_CHARACTER_OPERATORS: [&[u8]; 8] = [b"<=", b">=", b"<>", b"!=", b"||", b"=>", b"->", b"::"];
        let two = self.rest().get(..2).unwrap_or_default();
        self.position += if TWO_CHARACTER_OPERATORS.contains(&two) { 2 } else { 1 };
        TokenKind::Symbol
    }
}

/// Returns whether the byte belongs to a bare word. Characters beyond ASCII are checked one by one.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

/// Returns the offset of the first occurrence of `pattern`.
fn find_bytes(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// Returns the name inside a back-quoted token.
pub(super) fn unquote_identifier(quoted: &str) -> String {
    let inside = quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(quoted);
    inside.replace("``", "`")
}

/// Returns the value of a plain literal `'…'`.
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
    fn comments_are_found_outside_strings_names_and_hints() {
        let text = "-- a\nSELECT 'x -- b', `/* c */` /*+ h */ FROM t /* d */ WHERE // e\n y /* f";
        let found: Vec<_> = comment_spans(text).into_iter().map(|span| text[span].trim().to_owned()).collect();
        assert_eq!(found, ["-- a", "/* d */", "// e", "/* f"]);
        assert!(comment_spans("").is_empty());
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
