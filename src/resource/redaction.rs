//! Hides secrets in text that the service, a proxy or the transport returns.
//!
//! API keys and the values of declared secrets are found by the same rules: as they are, with quotes doubled or not,
//! percent-encoded, escaped as in JSON, in Base64, cut into pieces, and broken over lines.

use std::{cmp::Reverse, collections::BTreeSet};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

use super::spelling::{Spacing, Spelling, normalize};

/// What replaces a part of an API key.
pub const REDACTED_KEY: &str = "(redacted)";

/// The length in bytes from which any piece of a value is hidden, because servers and proxies may shorten a text or
/// break its lines.
const PIECE_LENGTH: usize = 12;

/// The length in bytes from which a piece is hidden where a text was cut off, if it does not look like a word.
const CUT_PIECE_LENGTH: usize = 6;

/// The length in bytes from which a value is looked for in other spellings. Shorter ones would hit ordinary text.
const MIN_SPELLED_LENGTH: usize = 4;

/// The length in Base64 digits from which an encoded value is looked for.
const MIN_BASE64_LENGTH: usize = 8;

/// The rule for hiding secrets: which texts are looked for, how they are matched, and what replaces them.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The hidden values, the longest first, since a value may be a part of another one.
    values: Vec<HiddenValue>,
}

/// A value that is hidden, and what replaces it.
#[derive(Clone)]
struct HiddenValue {
    /// The value as it is.
    text: String,
    /// The text that replaces the value.
    replacement: String,
    /// What is looked for in normalized text: the value, its pieces, and its Base64.
    needles: Vec<Needles>,
    /// The normalized value, of which a cut text may show the beginning or the end.
    normalized: Vec<u8>,
    /// Whether spaces within a line are ignored. A long value does not occur in a sentence by chance.
    ignores_spaces: bool,
}

/// Texts of one length that are looked for.
#[derive(Clone)]
struct Needles {
    /// The length of each text in bytes.
    length: usize,
    /// The texts that are looked for.
    texts: BTreeSet<Vec<u8>>,
}

impl Redactor {
    /// Creates a redactor for the texts of API keys. Each is replaced by [`REDACTED_KEY`].
    pub fn for_keys(texts: impl Iterator<Item = String>) -> Redactor {
        Redactor::new(texts.map(|text| (text, REDACTED_KEY.to_owned())))
    }

    /// Creates a redactor for secrets, from their names and values. Each value is replaced by its reference.
    pub fn for_secrets<'a>(secrets: impl Iterator<Item = (&'a String, &'a String)>) -> Redactor {
        Redactor::new(secrets.map(|(name, value)| (value.clone(), placeholder(name))))
    }

    /// Creates a redactor for values, each with what replaces it.
    fn new(values: impl Iterator<Item = (String, String)>) -> Redactor {
        let values = values.filter(|(value, _)| !value.is_empty());
        let mut values: Vec<_> = values.map(|(value, replacement)| HiddenValue::new(value, replacement)).collect();
        values.sort_by(|one, other| {
            (Reverse(one.text.len()), &one.replacement).cmp(&(Reverse(other.text.len()), &other.replacement))
        });
        Redactor { values }
    }

    /// Returns whether `text` contains a value or a part of one.
    pub fn finds_any_in(&self, text: &str) -> bool {
        self.cover(text).iter().any(|by| matches!(by, Cover::Hidden(_)))
    }

    /// Returns `text` without the secrets.
    pub fn redact(&self, text: &str) -> String {
        let cover = self.cover(text);
        let (mut kept, mut last) = (String::with_capacity(text.len()), Cover::Open);
        for (at, letter) in text.char_indices() {
            let bytes = cover.iter().skip(at).take(letter.len_utf8());
            let cover = bytes.copied().find(|by| matches!(by, Cover::Hidden(_))).unwrap_or(Cover::Open);
            match cover {
                Cover::Hidden(_) if cover == last => {}
                Cover::Hidden(number) => {
                    kept.push_str(self.values.get(number).map_or(REDACTED_KEY, |value| &value.replacement));
                }
                Cover::Open | Cover::Shown => kept.push(letter),
            }
            last = cover;
        }
        kept
    }

    /// Returns what covers each byte of `text`.
    fn cover(&self, text: &str) -> Vec<Cover> {
        if self.values.is_empty() || text.is_empty() {
            return Vec::new();
        }
        let mut cover = vec![Cover::Open; text.len()];
        // A text may be redacted more than once, so what stands for a value is left alone.
        for replacement in self.values.iter().map(|value| &value.replacement) {
            for (at, _) in text.match_indices(replacement.as_str()) {
                paint(&mut cover, at..at.saturating_add(replacement.len()), Cover::Shown);
            }
        }
        for (number, value) in self.values.iter().enumerate() {
            for (at, _) in text.match_indices(value.text.as_str()) {
                paint(&mut cover, at..at.saturating_add(value.text.len()), Cover::Hidden(number));
            }
        }
        for spacing in [Spacing::WithoutLineBreaks, Spacing::Without] {
            let ignores_spaces = spacing == Spacing::Without;
            let spelled: Vec<_> =
                self.values.iter().enumerate().filter(|(_, value)| value.is_spelled(ignores_spaces)).collect();
            if spelled.is_empty() {
                continue;
            }
            for spelling in Spelling::that_occur_in(text) {
                let normal = normalize(text, spelling, spacing);
                for (number, value) in &spelled {
                    for found in value.find_in(&normal.bytes, text, &normal.ends) {
                        paint(&mut cover, normal.source_of(found), Cover::Hidden(*number));
                    }
                }
            }
        }
        cover
    }
}

/// What covers a byte of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    /// Nothing covers the byte, so it is shown.
    Open,
    /// The byte belongs to what replaces a value, so it is shown.
    Shown,
    /// The byte belongs to the hidden value with this number.
    Hidden(usize),
}

/// Covers those bytes of `range` that are still open.
fn paint(cover: &mut [Cover], range: std::ops::Range<usize>, with: Cover) {
    let bytes = cover.iter_mut().skip(range.start).take(range.len());
    bytes.filter(|byte| **byte == Cover::Open).for_each(|byte| *byte = with);
}

impl HiddenValue {
    /// Prepares a value and the pieces and encodings in which it is looked for.
    fn new(text: String, replacement: String) -> Self {
        let is_long = text.len() >= PIECE_LENGTH;
        let spacing = if is_long { Spacing::Without } else { Spacing::WithoutLineBreaks };
        let normalized = normalize(&text, Spelling::AsIs, spacing).bytes;
        let mut needles = Vec::new();
        if normalized.len() >= MIN_SPELLED_LENGTH {
            needles.push(Needles::pieces_of(&normalized, PIECE_LENGTH));
            for encoded in base64_forms(text.as_bytes()).filter(|encoded| encoded.len() >= MIN_BASE64_LENGTH) {
                needles.push(Needles::pieces_of(&encoded, PIECE_LENGTH.max(MIN_BASE64_LENGTH)));
            }
        }
        HiddenValue { text, replacement, needles, normalized, ignores_spaces: is_long }
    }

    /// Returns whether this value is looked for in text that is normalized with or without its spaces.
    fn is_spelled(&self, ignores_spaces: bool) -> bool {
        !self.needles.is_empty() && self.ignores_spaces == ignores_spaces
    }

    /// Returns where the value, a piece of it or its Base64 occurs in normalized text. `ends` says where in `source`
    /// each byte ends.
    fn find_in(&self, bytes: &[u8], source: &str, ends: &[usize]) -> Vec<std::ops::Range<usize>> {
        let mut found = Vec::new();
        for needles in &self.needles {
            let windows = bytes.windows(needles.length).enumerate();
            let hits = windows.filter(|(_, window)| needles.texts.contains(*window));
            found.extend(hits.map(|(at, _)| at..at.saturating_add(needles.length)));
        }
        found.extend(self.beginning_at_cut(bytes, source, ends));
        found.extend(self.end_after_cut(bytes));
        found
    }

    /// Returns where the text is cut off within the value: it ends, or `…` follows, after the value's beginning.
    fn beginning_at_cut(&self, bytes: &[u8], source: &str, ends: &[usize]) -> Option<std::ops::Range<usize>> {
        let cut = ["…", "..."].iter().filter_map(|mark| source.find(mark)).min().unwrap_or(source.len());
        let until = ends.partition_point(|end| *end <= cut);
        let before = bytes.get(..until)?;
        let most = self.normalized.len().min(before.len());
        let length = (CUT_PIECE_LENGTH..=most).rev().find(|length| {
            let piece = self.normalized.get(..*length).unwrap_or_default();
            before.ends_with(piece) && !looks_like_a_word(piece)
        })?;
        Some(until.saturating_sub(length)..until)
    }

    /// Returns where the text begins within the value, as the rest of a longer one does.
    fn end_after_cut(&self, bytes: &[u8]) -> Option<std::ops::Range<usize>> {
        let bytes = bytes.strip_prefix("…".as_bytes()).map_or(bytes, |rest| rest);
        let most = self.normalized.len().min(bytes.len());
        let length = (CUT_PIECE_LENGTH..=most).rev().find(|length| {
            let piece = self.normalized.get(self.normalized.len().saturating_sub(*length)..).unwrap_or_default();
            bytes.starts_with(piece) && !looks_like_a_word(piece)
        })?;
        Some(0..length)
    }
}

impl Needles {
    /// Returns all pieces of `text` with the given length, or the text itself if it is shorter.
    fn pieces_of(text: &[u8], length: usize) -> Self {
        let length = text.len().min(length).max(1);
        Needles { length, texts: text.windows(length).map(<[u8]>::to_vec).collect() }
    }
}

/// Returns whether a piece of a value may be an ordinary word, such as the `password` of `password123`.
fn looks_like_a_word(piece: &[u8]) -> bool {
    let (_, rest) = piece.split_at_checked(1).unwrap_or((piece, &[]));
    piece.iter().all(u8::is_ascii_alphabetic) && !rest.iter().any(u8::is_ascii_uppercase)
}

/// Returns the Base64 digits that stand for `value` wherever it lies in an encoded text. At its edges, digits that also
/// depend on the neighboring bytes are left out.
fn base64_forms(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..3_usize).flat_map(move |shift| {
        let shifted: Vec<u8> = std::iter::repeat_n(0, shift).chain(value.iter().copied()).collect();
        // Each digit has 6 bits. The first ones mix in the bytes before the value, the last one those after it.
        let first = shift.saturating_mul(8).div_ceil(6);
        let last = shifted.len().saturating_mul(8) / 6;
        let digits = |encoded: String| encoded.into_bytes().get(first..last).unwrap_or_default().to_vec();
        [digits(BASE64_STANDARD_NO_PAD.encode(&shifted)), digits(BASE64_URL_SAFE_NO_PAD.encode(&shifted))]
    })
}

/// Returns the reference that replaces the value of a secret in output.
pub fn placeholder(name: &str) -> String {
    format!("${{secret.{name}}}")
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

    use super::*;

    /// Returns the redactor of one declared secret `s`.
    fn hiding(value: &str) -> Redactor {
        Redactor::for_secrets([(&"s".to_owned(), &value.to_owned())].into_iter())
    }

    #[test]
    fn a_secret_is_hidden_in_every_spelling() {
        for value in ["it''s/a+b&c=\"d\"", "Tr0ub4dor&3é", "p@ss w0rd/with spaces"] {
            let percent: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let json = serde_json::to_string(value).unwrap_or_default();
            let json = json[1..json.len() - 1].to_owned();
            let unicode: String = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let (left, right) = value.split_at(5);
            let spellings = [
                value.to_owned(),
                value.replace("''", "'"),
                value.replace('\'', "''"),
                percent.to_lowercase(),
                percent.replace('%', "%25"),
                percent,
                form,
                json.replace('/', "\\/"),
                json.replace('\\', "\\\\"),
                json,
                unicode,
                format!("{left}\n    {right}"),
                format!("{left}\r\n{right}"),
            ];
            for spelling in spellings {
                let hidden = hiding(value).redact(&format!("it is <{spelling}> there"));
                assert_eq!(hidden, "it is <${secret.s}> there", "{value}: {spelling}");
            }
        }
    }

    #[test]
    fn a_secret_is_hidden_in_base64_at_every_alignment() {
        let value = "Tr0ub4dor&3é/hunter2";
        for before in ["", "a", "ab", "user:", "{\"k\":\""] {
            for after in ["", "z", "yz"] {
                let joined = format!("{before}{value}{after}");
                for encoded in [BASE64_STANDARD.encode(&joined), BASE64_URL_SAFE.encode(&joined)] {
                    let hidden = hiding(value).redact(&format!("got {encoded} here"));
                    let left: String = hidden.replace("${secret.s}", "");
                    // Only what the neighbors decide as well may remain.
                    let most = "got  here".len() + (before.len() + after.len()) * 4 / 3 + 8;
                    assert!(hidden.contains("${secret.s}") && left.len() <= most, "{joined}: {encoded}: {hidden}");
                }
            }
        }
    }

    #[test]
    fn pieces_of_a_secret_are_hidden_where_a_text_was_cut() {
        let redactor = hiding("hunter2hunter2hunter3");
        assert_eq!(redactor.redact("it says 'hunter2hun"), "it says '${secret.s}");
        assert_eq!(redactor.redact("it says 'hunter2hun…' and more"), "it says '${secret.s}…' and more");
        assert_eq!(redactor.redact("nter2hunter3' is wrong"), "${secret.s}' is wrong");
        assert_eq!(redactor.redact("r2hunter2hunt is in the middle"), "${secret.s} is in the middle");
        assert_eq!(redactor.redact("a hunter"), "a hunter");
    }

    #[test]
    fn ordinary_words_are_not_hidden() {
        let redactor = hiding("password123456");
        assert_eq!(redactor.redact("the user has no password"), "the user has no password");
        assert_eq!(redactor.redact("password expired"), "password expired");
        let short = hiding("test");
        assert_eq!(short.redact("the best estimate"), "the best estimate");
        assert_eq!(short.redact("a test"), "a ${secret.s}");
        assert_eq!(hiding("a").redact("%61 b"), "%61 b");
    }

    #[test]
    fn a_redacted_text_stays_as_it_is() {
        let names = ["secret".to_owned(), "s".to_owned()];
        let values = ["secret".to_owned(), "s}secret-of-some-length".to_owned()];
        let redactor = Redactor::for_secrets(names.iter().zip(&values));
        let once = redactor.redact("secret, s}secret-of-some-length");
        assert_eq!(once, "${secret.secret}, ${secret.s}");
        assert_eq!(redactor.redact(&once), once);
    }

    #[test]
    fn keys_and_secrets_are_found_by_the_same_rules() {
        let value = "q/9Xb+1zR4tY7uI0oP2aS5dF8gH3jK6lZ9xC1vB4nM7qW0eR3tY6uI9oP2aS5dF8";
        let keys = Redactor::for_keys([value.to_owned()].into_iter());
        for text in [value.to_owned(), value[7..40].to_owned(), BASE64_STANDARD.encode(value)] {
            assert_eq!(
                keys.redact(&text).replace(REDACTED_KEY, "X"),
                hiding(value).redact(&text).replace("${secret.s}", "X")
            );
            assert!(keys.finds_any_in(&text));
        }
    }
}
