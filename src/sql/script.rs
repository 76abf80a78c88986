//! A lexed text for the recognizers: tokens without hints, and each bracket with its partner.

use super::{
    SqlError,
    characters::character_errors,
    lexer::{Token, TokenKind, lex, string_literal_value, unquote_identifier},
    normalize::is_valid_unquoted,
    work::count_steps,
};
use crate::resource::Span;

/// How deep brackets may nest. Flink's own parser fails at a depth of a few hundred to a few thousand, depending on
/// its stack.
pub(super) const MAX_BRACKET_DEPTH: usize = 200;

/// The error message for text in double quotes.
const DOUBLE_QUOTES_MESSAGE: &str =
    "double quotes have no meaning in Flink SQL: write '…' for a string or `…` for a name";

/// A text, split into tokens.
pub(super) struct Script<'a> {
    /// The text that was lexed.
    text: &'a str,
    /// The tokens in order, without hints.
    tokens: Vec<Token>,
    /// For each token, the index of its partner if the token is a bracket that has one.
    partners: Vec<Option<usize>>,
    /// The hints of the text, in order.
    pub hints: Vec<Token>,
    /// Quotes, comments and brackets that are never closed, and brackets that nest too deep.
    pub errors: Vec<SqlError>,
    /// Whether brackets nest deeper than [`MAX_BRACKET_DEPTH`]. The brackets must not be walked then.
    pub is_too_deep: bool,
}

/// A possibly qualified name and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QualifiedName {
    /// The parts of the name, unquoted.
    pub parts: Vec<String>,
    /// The range from its first part to its last.
    pub span: Span,
    /// The index of the token after the name.
    pub next_token: usize,
}

impl<'a> Script<'a> {
    /// Lexes `text` and pairs its brackets.
    pub fn new(text: &'a str) -> Self {
        let (hints, tokens): (Vec<Token>, Vec<Token>) =
            lex(text).into_iter().partition(|token| token.kind == TokenKind::Hint);
        let mut script =
            Script { text, partners: vec![None; tokens.len()], tokens, hints, errors: Vec::new(), is_too_deep: false };
        script.report_invalid_tokens();
        script.errors.extend(character_errors(&script.tokens, text));
        script.pair_brackets();
        script.errors.sort_by_key(|error| error.span.start);
        script
    }

    /// Returns the whole text.
    pub fn source(&self) -> &'a str {
        self.text
    }

    /// Returns the number of tokens, hints excluded.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns the token at `at`.
    fn token(&self, at: usize) -> Option<&Token> {
        count_steps(1);
        self.tokens.get(at)
    }

    /// Returns the bytes of the token at `at`. Empty past the end.
    pub fn token_text(&self, at: usize) -> &'a str {
        self.token(at).map(|token| token.text(self.text)).unwrap_or_default()
    }

    /// Returns the kind of the token at `at`.
    pub fn token_kind(&self, at: usize) -> Option<TokenKind> {
        self.token(at).map(|token| token.kind)
    }

    /// Returns the range of the token at `at`. Past the end, the end of the text.
    pub fn token_span(&self, at: usize) -> Span {
        self.token(at).map_or(self.text.len()..self.text.len(), Token::span)
    }

    /// Returns the range from the token at `first` to the token at `last`.
    pub fn span_between(&self, first: usize, last: usize) -> Span {
        let start = self.token_span(first).start;
        start..self.token_span(last).end.max(start)
    }

    /// Returns whether the token at `at` is the bare word `word`, in any case. Unneeded quotes are ignored, as in the
    /// normal form of the text.
    pub fn is_word(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|token| match token.kind {
            TokenKind::ReservedWord => token.keyword == word,
            // Recognizers pass words in upper case, except for column names.
            TokenKind::Word => {
                token.end - token.start == word.len() && token.text(self.text).eq_ignore_ascii_case(word)
            }
            TokenKind::QuotedIdentifier if token.end - token.start == word.len() + 2 => {
                self.unreserved_word(at).is_some_and(|name| name.eq_ignore_ascii_case(word))
            }
            _ => false,
        })
    }

    /// Returns the word at `at` if it is not reserved and has no quotes or unneeded ones.
    pub fn unreserved_word(&self, at: usize) -> Option<&'a str> {
        let token = self.token(at)?;
        let written = token.text(self.text);
        match token.kind {
            TokenKind::Word => Some(written),
            TokenKind::QuotedIdentifier => {
                let name = written.strip_prefix('`')?.strip_suffix('`')?;
                is_valid_unquoted(name, self.tokens.get(at + 1), self.text).then_some(name)
            }
            _ => None,
        }
    }

    /// Returns the reserved word at `at` in upper case. Empty if there is none.
    pub fn reserved_word(&self, at: usize) -> &'static str {
        self.token(at).map_or("", |token| token.keyword)
    }

    /// Returns whether the tokens from `at` on are these bare words.
    pub fn are_words(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.is_word(at + offset, word))
    }

    /// Returns whether the token at `at` is one of these bare words.
    pub fn is_any_word(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(at, word))
    }

    /// Returns whether the token at `at` is this operator or bracket.
    pub fn is_symbol(&self, at: usize, symbol: &str) -> bool {
        self.token_kind(at) == Some(TokenKind::Symbol) && self.token_text(at) == symbol
    }

    /// Returns whether the token at `at` is an opening bracket.
    pub fn is_opening_bracket(&self, at: usize) -> bool {
        ["(", "[", "{"].iter().any(|bracket| self.is_symbol(at, bracket))
    }

    /// Returns the index of the bracket that closes the one at `open`, or `end` if there is none before it. The
    /// result is never before `open`, so a caller that continues after it always advances.
    pub fn closing_bracket(&self, open: usize, end: usize) -> usize {
        match self.partners.get(open) {
            Some(Some(close)) if *close > open => (*close).min(end).max(open),
            _ => end.max(open),
        }
    }

    /// Returns whether the token at `at` can be a name or a part of one.
    pub fn is_identifier(&self, at: usize) -> bool {
        matches!(self.token_kind(at), Some(TokenKind::Word | TokenKind::QuotedIdentifier))
    }

    /// Returns the name, or the part of a name, that the token at `at` spells, unquoted.
    pub fn identifier(&self, at: usize) -> String {
        let text = self.token_text(at);
        if self.token_kind(at) == Some(TokenKind::QuotedIdentifier) {
            unquote_identifier(text)
        } else {
            text.to_owned()
        }
    }

    /// Returns the name that starts at `at`, if there is one before `end`.
    pub fn qualified_name(&self, at: usize, end: usize) -> Option<QualifiedName> {
        let next_token = self.name_end(at, end)?;
        let parts = (at..next_token).step_by(2).map(|part| self.identifier(part)).collect();
        Some(QualifiedName { parts, span: self.span_between(at, next_token - 1), next_token })
    }

    /// Returns the index after the name that starts at `at`, if there is one before `end`.
    pub fn name_end(&self, at: usize, end: usize) -> Option<usize> {
        if at >= end || !self.is_identifier(at) {
            return None;
        }
        let mut last = at;
        // After a dot, even a reserved word is a part of the name.
        while last + 2 < end && self.is_symbol(last + 1, ".") && self.is_name_part(last + 2) {
            last += 2;
        }
        Some(last + 1)
    }

    /// Returns whether the token at `at` can be a part of a name after a dot.
    fn is_name_part(&self, at: usize) -> bool {
        matches!(self.token_kind(at), Some(TokenKind::Word | TokenKind::QuotedIdentifier | TokenKind::ReservedWord))
    }

    /// Returns the value of the literal at `at`, if there is one.
    pub fn string_literal(&self, at: usize) -> Option<String> {
        (self.token_kind(at) == Some(TokenKind::StringLiteral)).then(|| string_literal_value(self.token_text(at)))
    }

    /// Returns the first token from `at` on, before `end` and outside all brackets, that satisfies `predicate`. After
    /// a bracket that is not closed before `end`, nothing is outside all brackets.
    pub fn find_at_top_level(
        &self,
        mut at: usize,
        end: usize,
        predicate: impl Fn(&Self, usize) -> bool,
    ) -> Option<usize> {
        while at < end {
            if predicate(self, at) {
                return Some(at);
            }
            at = match self.partners.get(at) {
                Some(Some(partner)) if *partner > at => partner + 1,
                _ if self.is_opening_bracket(at) => return None,
                _ => at + 1,
            };
        }
        None
    }

    /// Returns where each item of the list between two tokens starts. Commas in brackets and in types such as
    /// `MAP<STRING, INT>` separate no items. An empty list has one empty item.
    pub fn list_items(&self, start: usize, end: usize) -> Vec<usize> {
        let mut items = vec![start];
        let (mut at, mut types) = (start, 0_usize);
        while let Some(next) = self
            .find_at_top_level(at, end, |script, at| [",", "<", ">"].iter().any(|symbol| script.is_symbol(at, symbol)))
        {
            match self.token_text(next) {
                "," if types == 0 => items.push(next + 1),
                "<" if next > start && self.is_any_word(next - 1, &["ARRAY", "MAP", "MULTISET", "ROW"]) => types += 1,
                ">" => types = types.saturating_sub(1),
                _ => {}
            }
            at = next + 1;
        }
        items
    }

    /// Adds an error for each invalid token.
    fn report_invalid_tokens(&mut self) {
        for token in self.tokens.iter().filter(|token| token.kind == TokenKind::Invalid) {
            let opening = token.text(self.text);
            let (message, length) = match opening.as_bytes() {
                [b'"', .., b'"'] => (DOUBLE_QUOTES_MESSAGE, opening.len()),
                [b'"', ..] => (DOUBLE_QUOTES_MESSAGE, 1),
                [b'`', ..] => ("this back-quote is never closed: double a back-quote inside a name", 1),
                [b'/', b'*', b'+', ..] => ("this hint is never closed: end it with `*/`", 3),
                [b'/', ..] => ("this comment is never closed: end it with `*/`", 2),
                _ => (
                    "this quote is never closed: double a quote inside a string",
                    opening.find('\'').map_or(1, |at| at + 1),
                ),
            };
            self.errors.push(SqlError {
                message: message.to_owned(),
                span: token.start..token.start + length,
                help: None,
            });
        }
    }

    /// Links each bracket to its partner and adds an error for the first bracket without one.
    fn pair_brackets(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        let mut found_stray = false;
        for at in 0..self.tokens.len() {
            if self.token_kind(at) != Some(TokenKind::Symbol) {
                continue;
            }
            match self.token_text(at) {
                "(" | "[" | "{" => {
                    open.push(at);
                    if open.len() == MAX_BRACKET_DEPTH + 1 && !self.is_too_deep {
                        self.is_too_deep = true;
                        let message = format!(
                            "brackets nest deeper than {MAX_BRACKET_DEPTH} levels here: split the statement, for \
                             example with `WITH` or a view"
                        );
                        self.errors.push(SqlError { message, span: self.token_span(at), help: None });
                    }
                }
                closing @ (")" | "]" | "}") => found_stray |= self.close_bracket(&mut open, at, closing, found_stray),
                _ => {}
            }
        }
        // One error is enough: the innermost bracket that is still open, unless a mismatched closing bracket explains
        // it.
        if let Some(at) = open.pop().filter(|_| !found_stray) {
            let message = format!("this `{}` is never closed", self.token_text(at));
            self.errors.push(SqlError { message, span: self.token_span(at), help: None });
        }
    }

    /// Pairs a closing bracket with the last open one. Returns whether it has no partner, and reports the first such
    /// bracket.
    fn close_bracket(&mut self, open: &mut Vec<usize>, at: usize, closing: &str, already_reported: bool) -> bool {
        let opening = open.last().map(|&opening| self.token_text(opening));
        if matches!((opening, closing), (Some("("), ")") | (Some("["), "]") | (Some("{"), "}")) {
            if let Some(opening) = open.pop() {
                self.link_partners(opening, at);
            }
            return false;
        }
        if !already_reported {
            let message = match opening {
                Some(opening) => {
                    format!("this `{closing}` closes nothing: the last open bracket is `{opening}`")
                }
                None => format!("this `{closing}` closes nothing"),
            };
            self.errors.push(SqlError { message, span: self.token_span(at), help: None });
        }
        true
    }

    /// Records that two brackets are partners.
    fn link_partners(&mut self, opening: usize, closing: usize) {
        if let Some(partner) = self.partners.get_mut(opening) {
            *partner = Some(closing);
        }
        if let Some(partner) = self.partners.get_mut(closing) {
            *partner = Some(opening);
        }
    }
}

/// Returns the parts of the possibly qualified name in a literal.
pub(super) fn parse_qualified_name(text: &str) -> Vec<String> {
    let script = Script::new(text);
    match script.qualified_name(0, script.len()) {
        Some(name) if name.next_token == script.len() => name.parts,
        // `my-model`, or anything else that is not a bare name, is one name as written.
        _ => vec![text.trim().to_owned()],
    }
}
