//! Removes API keys from text that a server or a proxy sends back.

use std::collections::{BTreeMap, BTreeSet};

/// The length in bytes from which a fragment of a secret is redacted, because servers and proxies may shorten a text
/// or break its lines.
const FRAGMENT_LENGTH: usize = 12;

/// The fragments of all secrets, by their length.
pub struct Redactor(BTreeMap<usize, BTreeSet<Vec<u8>>>);

impl Redactor {
    /// Creates a redactor for `secrets`.
    pub fn new(secrets: impl Iterator<Item = String>) -> Redactor {
        let mut fragments: BTreeMap<usize, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for secret in secrets {
            let length = secret.len().min(FRAGMENT_LENGTH);
            let all = secret.as_bytes().windows(length.max(1)).map(<[u8]>::to_vec);
            fragments.entry(length).or_default().extend(all);
        }
        Redactor(fragments)
    }

    /// Returns `text` with each part of a key replaced by `(redacted)`.
    pub fn redact(&self, text: String) -> String {
        let mut covered = vec![false; text.len()];
        for (length, fragments) in &self.0 {
            for (at, fragment) in text.as_bytes().windows((*length).max(1)).enumerate() {
                if fragments.contains(fragment) {
                    covered.iter_mut().skip(at).take(*length).for_each(|byte| *byte = true);
                }
            }
        }
        if !covered.contains(&true) {
            return text;
        }
        let (mut kept, mut in_hidden) = (String::with_capacity(text.len()), false);
        for (at, letter) in text.char_indices() {
            let is_hidden = covered.iter().skip(at).take(letter.len_utf8()).any(|byte| *byte);
            match (is_hidden, in_hidden) {
                (true, false) => kept.push_str("(redacted)"),
                (true, true) => {}
                (false, _) => kept.push(letter),
            }
            in_hidden = is_hidden;
        }
        kept
    }
}
