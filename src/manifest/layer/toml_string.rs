//! Maps each byte of a TOML string's value to its position in the file.

use std::sync::Arc;

use crate::{
    manifest::sql_source_map::SqlSourceMap,
    resource::{SourceFile, SourceLocation},
};

/// Returns the map from the value of the TOML string at `place`, which is `length` bytes long, to the file.
pub(in crate::manifest) fn value_source_map(place: &SourceLocation, length: usize) -> SqlSourceMap {
    let raw = place.source.text.get(place.span.clone()).unwrap_or_default();
    let map = map_string(&place.source, raw, place.span.start);
    if map.len() == length {
        return map;
    }
    // The string has an unexpected form, so the whole value maps to the whole string.
    let mut whole = SqlSourceMap::empty(Arc::clone(&place.source));
    whole.push(length, place.span.clone(), false);
    whole
}

/// Returns the map of the TOML string `raw`, quotes included, which begins at the byte `base` of the file.
fn map_string(source: &Arc<SourceFile>, raw: &str, base: usize) -> SqlSourceMap {
    let mut text = SqlSourceMap::empty(Arc::clone(source));
    let (quotes, escapes) = match raw {
        _ if raw.starts_with("\"\"\"") => (3, true),
        _ if raw.starts_with("'''") => (3, false),
        _ => (1, raw.starts_with('"')),
    };
    let mut at: usize = quotes;
    let end = raw.len().saturating_sub(quotes);
    if quotes == 3 {
        // A line break right after the opening quotes is not part of the value.
        at = at.saturating_add(line_break_length(raw.get(at..end).unwrap_or_default()));
    }
    while let Some(rest) = raw.get(at..end).filter(|rest| !rest.is_empty()) {
        let plain = if escapes { rest.find('\\').unwrap_or(rest.len()) } else { rest.len() };
        let start = base.saturating_add(at);
        if plain > 0 {
            text.push(plain, start..start.saturating_add(plain), true);
            at = at.saturating_add(plain);
            continue;
        }
        let (consumed, produced) = escape_lengths(rest);
        if produced > 0 {
            text.push(produced, start..start.saturating_add(consumed), false);
        }
        at = at.saturating_add(consumed.max(1));
    }
    text
}

/// Returns the length in bytes of the escape at the start of `rest`, and the length of the text that it stands for.
fn escape_lengths(rest: &str) -> (usize, usize) {
    let end: usize = match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(b'b' | b't' | b'n' | b'f' | b'r' | b'e' | b'"' | b'\\') => return (2, 1),
        // A backslash at the end of a line removes all whitespace that follows.
        _ => {
            let after = rest.get(1..).unwrap_or_default();
            return (rest.len().saturating_sub(after.trim_start_matches([' ', '\t', '\r', '\n']).len()), 0);
        }
    };
    let letter = rest.get(2..end).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
    (end, letter.map_or(0, char::len_utf8))
}

/// Returns the length in bytes of the line break at the start of `rest`, or 0 if there is none.
fn line_break_length(rest: &str) -> usize {
    match rest {
        _ if rest.starts_with("\r\n") => 2,
        _ if rest.starts_with('\n') => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    /// Returns the value of `x = <raw>` as the TOML crate reads it, and this module's map of it.
    fn read(raw: &str) -> (String, SqlSourceMap) {
        let document = format!("x = {raw}\n");
        let source = Arc::new(SourceFile { path: "floe.toml".into(), text: document.into() });
        let table = toml::de::DeTable::parse(&source.text).unwrap();
        let value = table.get_ref().get("x").unwrap();
        let text = value.get_ref().as_str().unwrap().to_owned();
        let place = SourceLocation { source: Arc::clone(&source), span: value.span() };
        let map = value_source_map(&place, text.len());
        (text, map)
    }

    /// Returns the text in the file that `span` of the value maps to.
    fn source_text(map: &SqlSourceMap, span: std::ops::Range<usize>) -> String {
        let place = map.locate(&span);
        place.source.text[place.span].to_owned()
    }

    #[test]
    fn every_string_form_maps_to_its_source() {
        for raw in
            ["\"SELECT X\"", "'SELECT X'", "\"\"\"\nSELECT X\"\"\"", "'''\r\nSELECT X'''", "\"\"\"SELECT X\"\"\""]
        {
            let (text, map) = read(raw);
            assert_eq!(source_text(&map, 7..8), "X", "{raw}");
            assert_eq!(&text[7..8], "X");
        }
    }

    #[test]
    fn line_breaks_of_both_kinds_keep_their_offsets() {
        for raw in ["\"\"\"SELECT 1,\r\n\r\n X\r\n\"\"\"", "'''SELECT 1,\r\n\r\n X'''", "'''SELECT 1,\n\r\n  X'''"] {
            let (text, map) = read(raw);
            let at = text.find('X').unwrap();
            assert_eq!(at, 14, "{raw:?}");
            assert_eq!(source_text(&map, at..at + 1), "X", "{raw:?}");
        }
    }

    #[test]
    fn escapes_map_to_their_source_text() {
        let (text, map) = read(r#""a\tb\u00e9c\\d""#);
        assert_eq!(text, "a\tb\u{e9}c\\d");
        assert_eq!(source_text(&map, 1..2), "\\t");
        assert_eq!(source_text(&map, 3..5), "\\u00e9");
        assert_eq!(source_text(&map, 2..6), "b\\u00e9c");
        assert_eq!(source_text(&map, 7..8), "d");
    }

    #[test]
    fn a_line_continuation_maps_past_the_skipped_whitespace() {
        let (text, map) = read("\"\"\"\nSELECT \\\n\n    X \\   \r\n  FROM t\"\"\"");
        assert_eq!(text, "SELECT X FROM t");
        assert_eq!(source_text(&map, 7..8), "X");
        assert_eq!(source_text(&map, 14..15), "t");
    }

    #[test]
    fn quotes_inside_the_closing_quotes_belong_to_the_value() {
        let (text, map) = read("\"\"\"say \"x\"\"\"\"");
        assert_eq!(text, "say \"x\"");
        assert_eq!(source_text(&map, 6..7), "\"");
    }

    proptest! {
        /// Whichever way a text is written as a TOML string, every character maps to its spelling in the file.
        #[test]
        fn every_character_maps_to_its_spelling_in_the_source(
            letters in proptest::collection::vec((any::<char>(), 0..4_u8), 0..40),
            multi_line in any::<bool>(),
        ) {
            let mut raw = String::new();
            let mut spellings = Vec::new();
            for (letter, form) in letters {
                let spelling = match (letter, form) {
                    ('a'..='z' | 'A'..='Z' | '0'..='9' | ' ', 0 | 1) => letter.to_string(),
                    (letter, 0 | 1) if !letter.is_control() && !"\"\\".contains(letter) => letter.to_string(),
                    ('\n', _) => "\\n".to_owned(),
                    ('"', _) => "\\\"".to_owned(),
                    (letter, 2) if u32::from(letter) < 0x1_0000 => format!("\\u{:04x}", u32::from(letter)),
                    (letter, _) => format!("\\U{:08X}", u32::from(letter)),
                };
                if multi_line && form == 3 {
                    raw.push_str("\\\n  \t\n");
                    // A space after a line continuation is skipped with the rest of the whitespace.
                    if spelling.starts_with(' ') { continue; }
                }
                raw.push_str(&spelling);
                spellings.push((letter, spelling));
            }
            let quotes = if multi_line { "\"\"\"" } else { "\"" };
            let open = if multi_line { "\n" } else { "" };
            let (text, map) = read(&format!("{quotes}{open}{raw}{quotes}"));
            let mut at = 0;
            for (letter, spelling) in spellings {
                let end = at + letter.len_utf8();
                prop_assert_eq!(&text[at..end], letter.to_string());
                prop_assert_eq!(source_text(&map, at..end), spelling);
                at = end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}
