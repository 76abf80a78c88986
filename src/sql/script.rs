//! A text as its recognisers walk it: tokens without hints, each bracket with its partner, statements told apart.

use super::{
    Fault,
    lex::{Sort, Token, lex, literal_value, unquote},
    normal::needs_no_quotes,
};
use crate::resource::Span;

/// How deep brackets may nest. Flink's own parser gives up at a few hundred to thousands, depending on its stack.
pub(super) const DEEPEST_NESTING: usize = 200;

const DOUBLE_QUOTES: &str = "double quotes mean nothing in Flink SQL; write '…' for a string, `…` for a name";

/// A lexed text.
pub(super) struct Script<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// For each token: its partner's index if it is a bracket that has one.
    partners: Vec<Option<usize>>,
    /// Hints, in order.
    pub hints: Vec<Token>,
    /// Unclosed quotes, comments and brackets, and nesting that is too deep.
    pub faults: Vec<Fault>,
    /// Whether brackets nest deeper than [`DEEPEST_NESTING`]: then nothing may walk them.
    pub too_deep: bool,
}

/// A possibly qualified name at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Its parts, unquoted.
    pub parts: Vec<String>,
    /// From its first part to its last.
    pub span: Span,
    /// The index of the token after it.
    pub next: usize,
}

impl<'a> Script<'a> {
    /// Lexes `text` and pairs its brackets.
    pub fn new(text: &'a str) -> Self {
        let (hints, tokens): (Vec<Token>, Vec<Token>) =
            lex(text).into_iter().partition(|token| token.sort == Sort::Hint);
        let mut script =
            Script { text, partners: vec![None; tokens.len()], tokens, hints, faults: Vec::new(), too_deep: false };
        script.find_broken();
        script.pair_brackets();
        script.faults.sort_by_key(|fault| fault.span.start);
        script
    }

    /// The whole text.
    pub fn source(&self) -> &'a str {
        self.text
    }

    /// How many tokens there are, hints apart.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The bytes of the token at `at`; empty behind the end.
    pub fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map(|token| token.text(self.text)).unwrap_or_default()
    }

    /// What the token at `at` is.
    pub fn sort(&self, at: usize) -> Option<Sort> {
        self.tokens.get(at).map(|token| token.sort)
    }

    /// Where the token at `at` stands; behind the end, the end of the text.
    pub fn span(&self, at: usize) -> Span {
        self.tokens.get(at).map_or(self.text.len()..self.text.len(), Token::span)
    }

    /// From the token at `first` to the one at `last`.
    pub fn span_of(&self, first: usize, last: usize) -> Span {
        let start = self.span(first).start;
        start..self.span(last).end.max(start)
    }

    /// Whether the token at `at` is the bare word `word`, in any case. Quotes that it does not need count for nothing: a
    /// text is read as its normal form is.
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.sort {
            Sort::Reserved => token.keyword == word,
            // Words that a recogniser asks for are in upper case, but for names of columns.
            Sort::Word => token.end - token.start == word.len() && token.text(self.text).eq_ignore_ascii_case(word),
            Sort::Quoted if token.end - token.start == word.len() + 2 => {
                self.word(at).is_some_and(|name| name.eq_ignore_ascii_case(word))
            }
            _ => false,
        })
    }

    /// The word at `at` that is no reserved one, where it has no quotes or needs none.
    pub fn word(&self, at: usize) -> Option<&'a str> {
        let token = self.tokens.get(at)?;
        let written = token.text(self.text);
        match token.sort {
            Sort::Word => Some(written),
            Sort::Quoted => {
                let name = written.strip_prefix('`')?.strip_suffix('`')?;
                needs_no_quotes(name, self.tokens.get(at + 1), self.text).then_some(name)
            }
            _ => None,
        }
    }

    /// The reserved word at `at` in upper case; empty if there is none.
    pub fn keyword(&self, at: usize) -> &'static str {
        self.tokens.get(at).map_or("", |token| token.keyword)
    }

    /// Whether the tokens from `at` on are these bare words.
    pub fn are(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| self.is(at + offset, word))
    }

    /// Whether the token at `at` is one of these bare words.
    pub fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    /// Whether the token at `at` is this operator or bracket.
    pub fn symbol(&self, at: usize, symbol: &str) -> bool {
        self.sort(at) == Some(Sort::Symbol) && self.text(at) == symbol
    }

    /// Whether the token at `at` is an opening bracket.
    pub fn opens(&self, at: usize) -> bool {
        ["(", "[", "{"].iter().any(|bracket| self.symbol(at, bracket))
    }

    /// The index of the bracket that closes the one at `open`, or `end` if there is none before it. Never before `open`, so
    /// that who goes on behind it goes forward.
    pub fn closing(&self, open: usize, end: usize) -> usize {
        match self.partners.get(open) {
            Some(Some(close)) if *close > open => (*close).min(end).max(open),
            _ => end.max(open),
        }
    }

    /// Whether the token at `at` can be (a part of) a name.
    pub fn is_identifier(&self, at: usize) -> bool {
        matches!(self.sort(at), Some(Sort::Word | Sort::Quoted))
    }

    /// The name that the token at `at` is or is a part of, unquoted.
    pub fn identifier(&self, at: usize) -> String {
        let text = self.text(at);
        if self.sort(at) == Some(Sort::Quoted) { unquote(text) } else { text.to_owned() }
    }

    /// The name that begins at `at`, if one does before `end`.
    pub fn name(&self, at: usize, end: usize) -> Option<Name> {
        let next = self.name_end(at, end)?;
        let parts = (at..next).step_by(2).map(|part| self.identifier(part)).collect();
        Some(Name { parts, span: self.span_of(at, next - 1), next })
    }

    /// The index behind the name that begins at `at`, if one does before `end`.
    pub fn name_end(&self, at: usize, end: usize) -> Option<usize> {
        if at >= end || !self.is_identifier(at) {
            return None;
        }
        let mut last = at;
        // After a dot even a reserved word is a part of the name.
        while last + 2 < end && self.symbol(last + 1, ".") && self.is_part(last + 2) {
            last += 2;
        }
        Some(last + 1)
    }

    fn is_part(&self, at: usize) -> bool {
        matches!(self.sort(at), Some(Sort::Word | Sort::Quoted | Sort::Reserved))
    }

    /// The value of the literal at `at`, if it is one.
    pub fn literal(&self, at: usize) -> Option<String> {
        (self.sort(at) == Some(Sort::Text)).then(|| literal_value(self.text(at)))
    }

    /// The first token from `at` on, before `end` and outside all brackets, that `wanted` takes.
    pub fn find(&self, mut at: usize, end: usize, wanted: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        while at < end {
            if wanted(self, at) {
                return Some(at);
            }
            at = match self.partners.get(at) {
                Some(Some(partner)) if *partner > at => partner + 1,
                _ => at + 1,
            };
        }
        None
    }

    fn find_broken(&mut self) {
        for token in self.tokens.iter().filter(|token| token.sort == Sort::Broken) {
            let opening = token.text(self.text);
            let (message, length) = match opening.as_bytes() {
                [b'"', .., b'"'] => (DOUBLE_QUOTES, opening.len()),
                [b'"', ..] => (DOUBLE_QUOTES, 1),
                [b'`', ..] => ("this back-quote is never closed; a back-quote inside a name is written twice", 1),
                [b'/', b'*', b'+', ..] => ("this hint is never closed; end it with `*/`", 3),
                [b'/', ..] => ("this comment is never closed; end it with `*/`", 2),
                _ => (
                    "this quote is never closed; a quote inside a string is written twice",
                    opening.find('\'').map_or(1, |at| at + 1),
                ),
            };
            self.faults.push(Fault { message: message.to_owned(), span: token.start..token.start + length });
        }
    }

    fn pair_brackets(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        let mut stray = false;
        for at in 0..self.tokens.len() {
            if self.sort(at) != Some(Sort::Symbol) {
                continue;
            }
            match self.text(at) {
                "(" | "[" | "{" => {
                    open.push(at);
                    if open.len() == DEEPEST_NESTING + 1 && !self.too_deep {
                        self.too_deep = true;
                        let message = format!(
                            "brackets nest deeper than {DEEPEST_NESTING} levels here; split the statement, for instance with WITH or a view"
                        );
                        self.faults.push(Fault { message, span: self.span(at) });
                    }
                }
                closing @ (")" | "]" | "}") => stray |= self.close(&mut open, at, closing, stray),
                _ => {}
            }
        }
        // One fault is enough: the innermost bracket that is still open, unless a closing one of another sort explains it.
        if let Some(at) = open.pop().filter(|_| !stray) {
            let message = format!("this `{}` is never closed", self.text(at));
            self.faults.push(Fault { message, span: self.span(at) });
        }
    }

    /// Pairs a closing bracket with the last open one; says whether it is stray, and tells so of the first one.
    fn close(&mut self, open: &mut Vec<usize>, at: usize, closing: &str, told: bool) -> bool {
        let opening = open.last().map(|&opening| self.text(opening));
        if matches!((opening, closing), (Some("("), ")") | (Some("["), "]") | (Some("{"), "}")) {
            if let Some(opening) = open.pop() {
                self.pair(opening, at);
            }
            return false;
        }
        if !told {
            let message = match opening {
                Some(opening) => {
                    format!("this `{closing}` has nothing that it closes: the last bracket still open is a `{opening}`")
                }
                None => format!("this `{closing}` has nothing that it closes"),
            };
            self.faults.push(Fault { message, span: self.span(at) });
        }
        true
    }

    fn pair(&mut self, opening: usize, closing: usize) {
        if let Some(partner) = self.partners.get_mut(opening) {
            *partner = Some(closing);
        }
        if let Some(partner) = self.partners.get_mut(closing) {
            *partner = Some(opening);
        }
    }
}
