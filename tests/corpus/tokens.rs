//! A small lexer for edits of statements, independent of floe's.

/// The kind of a piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// White space or a comment.
    Layout,
    /// A hint.
    Hint,
    /// A literal without a prefix.
    Literal,
    /// A name in back-quotes.
    Quoted,
    /// A word that is no number.
    Word,
    /// Anything else: numbers, operators, literals with a prefix.
    Other,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The kind of the piece.
    pub kind: PieceKind,
    /// The text of the piece.
    pub text: String,
}

/// Returns the pieces of a valid statement, which together are the whole text.
pub fn split_into_pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let follows_word = pieces.last().is_some_and(|piece| piece.kind == PieceKind::Word);
        let (kind, length) = piece_at(rest, follows_word);
        let (piece, after) = rest.split_at(length);
        pieces.push(Piece { kind, text: piece.to_owned() });
        rest = after;
    }
    pieces
}

/// Returns the kind and the length of the piece at the start of `rest`.
fn piece_at(rest: &str, follows_word: bool) -> (PieceKind, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    let up_to = |end: &str, from: usize| {
        let inside = rest.get(from..).unwrap_or_default();
        inside.find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    match first {
        _ if first.is_whitespace() => {
            (PieceKind::Layout, rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()))
        }
        '-' if rest.starts_with("--") => (PieceKind::Layout, up_to("\n", 2)),
        '/' if rest.starts_with("//") => (PieceKind::Layout, up_to("\n", 2)),
        '/' if rest.starts_with("/*+") => (PieceKind::Hint, up_to("*/", 3)),
        '/' if rest.starts_with("/*") => (PieceKind::Layout, up_to("*/", 2)),
        // The prefix of a literal is the word before it.
        '\'' => (if follows_word { PieceKind::Other } else { PieceKind::Literal }, quoted_length(rest, '\'')),
        '`' => (PieceKind::Quoted, quoted_length(rest, '`')),
        _ if is_word_character(first) => {
            let length = rest.find(|c: char| !is_word_character(c)).unwrap_or(rest.len());
            (if first.is_ascii_digit() { PieceKind::Other } else { PieceKind::Word }, length)
        }
        _ => (PieceKind::Other, first.len_utf8()),
    }
}

/// Returns whether a character belongs to a word.
fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Returns the length of the quoted text at the start of `rest`. A doubled quote does not end it.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == quote {
            if characters.peek().is_some_and(|&(_, next)| next == quote) {
                characters.next();
            } else {
                return at + 1;
            }
        }
    }
    rest.len()
}
