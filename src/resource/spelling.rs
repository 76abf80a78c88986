//! Normal forms of text in which a value is found although it is encoded, quoted or broken over lines.

use std::ops::Range;

/// How a value may be encoded in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Not encoded, apart from quotes that are doubled.
    AsIs,
    /// Percent-encoded once or twice, as in a URL.
    Percent,
    /// Percent-encoded, with a plus sign for a space, as in a form.
    Form,
    /// With the escapes of JSON, applied once or twice.
    Json,
    /// With the escapes of JSON around percent-encoding, or the other way round.
    JsonAndPercent,
}

/// Which white space is left out of a normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Line breaks and the indent after them are left out. Spaces within a line stay.
    WithoutLineBreaks,
    /// All white space is left out.
    Without,
}

/// A text in normal form, and where each of its bytes comes from.
pub(super) struct NormalText {
    /// The bytes of the normal form.
    pub(super) bytes: Vec<u8>,
    /// The offset in the source at which each byte starts.
    starts: Vec<usize>,
    /// The offset in the source at which each byte ends.
    pub(super) ends: Vec<usize>,
}

impl NormalText {
    /// Returns the range of the source that these bytes come from.
    pub(super) fn source_of(&self, bytes: Range<usize>) -> Range<usize> {
        let start = self.starts.get(bytes.start).copied().unwrap_or_default();
        let end = self.ends.get(bytes.end.saturating_sub(1)).copied().unwrap_or_default();
        start..end.max(start)
    }
}

impl Spelling {
    /// Returns the spellings that can occur in `text`. Without escapes there is only one.
    pub(super) fn that_occur_in(text: &str) -> impl Iterator<Item = Spelling> {
        let (percent, backslash) = (text.contains('%'), text.contains('\\'));
        let all = [
            (Spelling::AsIs, true),
            (Spelling::Percent, percent),
            (Spelling::Form, percent || text.contains('+')),
            (Spelling::Json, backslash),
            (Spelling::JsonAndPercent, percent && backslash),
        ];
        all.into_iter().filter(|(_, occurs)| *occurs).map(|(spelling, _)| spelling)
    }

    /// Returns the decoders of this spelling, in the order in which they are applied.
    fn decoders(self) -> &'static [Decoder] {
        match self {
            Spelling::AsIs => &[],
            Spelling::Percent => &[percent_escape, percent_escape],
            Spelling::Form => &[plus_sign, percent_escape],
            Spelling::Json => &[json_escape, json_escape],
            Spelling::JsonAndPercent => &[json_escape, percent_escape, json_escape],
        }
    }
}

/// A byte with the range of the source that it comes from.
type SourceByte = (u8, usize, usize);

/// Reads one escape at the start of a text. Returns the bytes that it stands for and its length.
type Decoder = fn(&[SourceByte]) -> Option<(Vec<u8>, usize)>;

/// Returns the normal form of `text`.
pub(super) fn normalize(text: &str, spelling: Spelling, spacing: Spacing) -> NormalText {
    let mut bytes: Vec<SourceByte> =
        text.bytes().enumerate().map(|(at, byte)| (byte, at, at.saturating_add(1))).collect();
    for decoder in spelling.decoders() {
        bytes = decode(&bytes, *decoder);
    }
    let mut normal = NormalText { bytes: Vec::new(), starts: Vec::new(), ends: Vec::new() };
    let mut in_indent = false;
    for (byte, start, end) in bytes {
        let is_line_break = matches!(byte, b'\n' | b'\r');
        in_indent = is_line_break || (in_indent && byte.is_ascii_whitespace());
        let is_left_out = match spacing {
            Spacing::Without => byte.is_ascii_whitespace(),
            Spacing::WithoutLineBreaks => in_indent,
        };
        if is_left_out {
            continue;
        }
        // A doubled quote is one quote.
        if byte == b'\'' && normal.bytes.last() == Some(&b'\'') {
            if let Some(last) = normal.ends.last_mut() {
                *last = end;
            }
            continue;
        }
        normal.bytes.push(byte);
        normal.starts.push(start);
        normal.ends.push(end);
    }
    normal
}

/// Returns the text with each escape replaced by what it stands for.
fn decode(bytes: &[SourceByte], decoder: Decoder) -> Vec<SourceByte> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match decoder(rest) {
            Some((stands_for, length)) => {
                let (escape, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                let end = escape.last().map_or(first.2, |(_, _, end)| *end);
                decoded.extend(stands_for.into_iter().map(|byte| (byte, first.1, end)));
                rest = after;
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// Reads a percent escape such as `%2F`.
fn percent_escape(rest: &[SourceByte]) -> Option<(Vec<u8>, usize)> {
    let [(b'%', ..), high, low, ..] = rest else { return None };
    let value = hex_digit(high.0)?.checked_mul(16)?.checked_add(hex_digit(low.0)?)?;
    Some((vec![u8::try_from(value).ok()?], 3))
}

/// Reads the plus sign that stands for a space in a form.
fn plus_sign(rest: &[SourceByte]) -> Option<(Vec<u8>, usize)> {
    matches!(rest, [(b'+', ..), ..]).then(|| (vec![b' '], 1))
}

/// Reads an escape of JSON, such as `\"` or `\u00e9`.
fn json_escape(rest: &[SourceByte]) -> Option<(Vec<u8>, usize)> {
    let [(b'\\', ..), (letter, ..), tail @ ..] = rest else { return None };
    let one = |byte: u8| Some((vec![byte], 2));
    match letter {
        b'"' | b'\\' | b'/' | b'\'' => one(*letter),
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        b'b' => one(8),
        b'f' => one(12),
        b'u' => {
            let first = code_unit(tail)?;
            let next = match tail.get(4..) {
                Some([(b'\\', ..), (b'u', ..), tail @ ..]) => code_unit(tail),
                _ => None,
            };
            let pair = char::decode_utf16([first].into_iter().chain(next)).next()?;
            let (letter, length) = match pair {
                Ok(letter) if u32::from(letter) > 0xffff => (letter, 12),
                Ok(letter) => (letter, 6),
                Err(_) => return None,
            };
            Some((letter.to_string().into_bytes(), length))
        }
        _ => None,
    }
}

/// Reads the four hexadecimal digits of a UTF-16 code unit.
fn code_unit(digits: &[SourceByte]) -> Option<u16> {
    let digits = digits.get(..4)?;
    let value = digits.iter().try_fold(0_u32, |value, (digit, ..)| Some(value * 16 + hex_digit(*digit)?))?;
    u16::try_from(value).ok()
}

/// Returns the value of a hexadecimal digit.
fn hex_digit(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_normal_form_says_where_it_comes_from() {
        let text = "a%2fb\n  c";
        let normal = normalize(text, Spelling::Percent, Spacing::WithoutLineBreaks);
        assert_eq!(normal.bytes, b"a/bc");
        assert_eq!(normal.source_of(1..2), 1..4);
        assert_eq!(normal.source_of(2..4), 4..9);
        assert_eq!(normalize("it''s \\u00e9", Spelling::Json, Spacing::Without).bytes, "it'sé".as_bytes());
        assert_eq!(normalize("100% \\x %zz", Spelling::JsonAndPercent, Spacing::Without).bytes, b"100%\\x%zz");
    }
}
