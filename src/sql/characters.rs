//! Finds characters that no Flink SQL has outside strings and quoted names, and the delimiters of templates.

use super::{
    SqlError,
    lexer::{Token, TokenKind},
};

/// The help for a template that was not rendered.
const TEMPLATE_HELP: &str = "floe fills in only `${name}`. Render other templates before floe reads the file.";

/// Returns an error for each token that no Flink SQL has. Several in a row that belong to one word are one error.
pub(super) fn character_errors(tokens: &[Token], text: &str) -> Vec<SqlError> {
    let mut errors: Vec<SqlError> = Vec::new();
    let mut reported_end = 0;
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == TokenKind::Symbol) {
        let error = template_error(tokens, at, text).or_else(|| illegal_character_error(token, text));
        if let Some(error) = error {
            if token.start >= reported_end {
                errors.push(error);
            }
            // The rest of the word adds nothing to the message.
            let rest = text.get(token.end..).unwrap_or_default();
            let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';');
            reported_end = token.end + rest.find(is_end).unwrap_or(rest.len());
        }
    }
    errors
}

/// Returns the error of a template that starts at the token `at`: `{{ … }}`, `{% … %}`, `{# … #}` or `{name}`.
fn template_error(tokens: &[Token], at: usize, text: &str) -> Option<SqlError> {
    let written = |at: usize| tokens.get(at).map(|token| token.text(text)).unwrap_or_default();
    let (open, next) = (tokens.get(at)?, tokens.get(at + 1)?);
    if written(at) != "{" {
        return None;
    }
    let is_adjacent = next.start == open.end;
    let length = match written(at + 1) {
        "{" | "%" | "#" if is_adjacent => 2,
        _ if next.kind == TokenKind::Word && written(at + 2) == "}" => 1,
        _ => return None,
    };
    let delimiter = text.get(open.start..open.start + length).unwrap_or("{");
    let message = format!("a template was not rendered: `{delimiter}` is not Flink SQL");
    Some(SqlError { message, span: open.start..open.start + length, help: Some(TEMPLATE_HELP.to_owned()) })
}

/// Returns the error of a character that Flink's lexer rejects outside strings, quoted names and comments.
fn illegal_character_error(token: &Token, text: &str) -> Option<SqlError> {
    let character = token.text(text).chars().next()?;
    if character.is_ascii() && !matches!(character, '~' | '#' | '@' | '\\' | '!') && !character.is_ascii_control() {
        return None;
    }
    if token.text(text) == "!=" {
        return None;
    }
    let message = match character.is_ascii_graphic() {
        true => format!("the character `{character}` is not Flink SQL outside strings and back-quotes"),
        false => format!("the character {} is not Flink SQL outside strings and back-quotes", describe(character)),
    };
    let help = match character {
        '#' => "A comment starts with `--`. A name with special characters needs back-quotes.".to_owned(),
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => {
            "Use straight quotes `'…'` for a string, and back-quotes for a name.".to_owned()
        }
        _ if character.is_ascii_graphic() => {
            "Remove it. If it belongs to a name, write the name in back-quotes.".to_owned()
        }
        _ => {
            "Remove it, or replace it with a space. If it belongs to a name, write the name in back-quotes.".to_owned()
        }
    };
    Some(SqlError { message, span: token.span(), help: Some(help) })
}

/// Returns the code of a character, after the character itself if it can be seen.
fn describe(character: char) -> String {
    let code = u32::from(character);
    let is_visible = !character.is_control()
        && !character.is_whitespace()
        && !matches!(code, 0xad | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff);
    if is_visible { format!("`{character}` (U+{code:04X})") } else { format!("U+{code:04X}") }
}
