//! What must not be seen of the keys, taken out of whatever a server or a proxy sends back.

use std::collections::{BTreeMap, BTreeSet};

use super::Credentials;

/// A stretch of a secret that is as long as this is hidden too: others cut texts short, and break lines.
const FRAGMENT_LENGTH: usize = 12;

/// The stretches of all secrets, by their length.
pub(super) struct Redactor(BTreeMap<usize, BTreeSet<Vec<u8>>>);

impl Redactor {
    /// Those of `credentials`.
    pub(super) fn new(credentials: &Credentials) -> Redactor {
        let mut fragments: BTreeMap<usize, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for secret in credentials.secret_spellings() {
            let length = secret.len().min(FRAGMENT_LENGTH);
            let all = secret.as_bytes().windows(length.max(1)).map(<[u8]>::to_vec);
            fragments.entry(length).or_default().extend(all);
        }
        Redactor(fragments)
    }

    /// `text` without any part of a key that must not be seen.
    pub(super) fn redact(&self, text: String) -> String {
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
