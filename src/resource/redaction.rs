//! Hides secrets in text that the service, a proxy or the transport returns.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// What replaces a part of an API key.
pub const REDACTED_KEY: &str = "(redacted)";

/// The length in bytes from which a fragment of an API key is redacted, because servers and proxies may shorten a text
/// or break its lines.
const FRAGMENT_LENGTH: usize = 12;

/// The rule for hiding secrets: which texts are looked for, how they are matched, and what replaces them.
///
/// The values of a project's secrets are matched as a whole, and each is replaced by its reference. They may be short,
/// so a part of one says little. Of API keys every longer fragment is matched and replaced by [`REDACTED_KEY`].
#[derive(Clone, Default)]
pub struct Redactor {
    /// The values of secrets with the references that replace them, in the order in which they are replaced.
    values: Vec<(String, String)>,
    /// The fragments of all API keys, by their length.
    key_fragments: BTreeMap<usize, BTreeSet<Vec<u8>>>,
}

impl Redactor {
    /// Creates a redactor for API keys, from every form in which they may occur.
    pub fn for_keys(spellings: impl Iterator<Item = String>) -> Redactor {
        let mut key_fragments: BTreeMap<usize, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for secret in spellings {
            let length = secret.len().min(FRAGMENT_LENGTH);
            let all = secret.as_bytes().windows(length.max(1)).map(<[u8]>::to_vec);
            key_fragments.entry(length).or_default().extend(all);
        }
        Redactor { values: Vec::new(), key_fragments }
    }

    /// Creates a redactor for secrets, from their names and values.
    pub fn for_secrets<'a>(secrets: impl Iterator<Item = (&'a String, &'a String)>) -> Redactor {
        let mut secrets: Vec<_> = secrets.filter(|(_, value)| !value.is_empty()).collect();
        // Replace the longest values first. Otherwise a value inside another one would leave the rest of the longer
        // one visible.
        secrets.sort_by_key(|(name, value)| (Reverse(value.len()), name.as_str()));
        let values = secrets.into_iter().map(|(name, value)| (value.clone(), placeholder(name))).collect();
        Redactor { values, key_fragments: BTreeMap::new() }
    }

    /// Returns `text` without the secrets.
    pub fn redact(&self, text: &str) -> String {
        let text = self.redact_keys(text);
        self.values.iter().fold(text, |text, (value, reference)| text.replace(value.as_str(), reference))
    }

    /// Returns `text` with each part of a key replaced by [`REDACTED_KEY`].
    fn redact_keys(&self, text: &str) -> String {
        if self.key_fragments.is_empty() {
            return text.to_owned();
        }
        let mut covered = vec![false; text.len()];
        for (length, fragments) in &self.key_fragments {
            for (at, fragment) in text.as_bytes().windows((*length).max(1)).enumerate() {
                if fragments.contains(fragment) {
                    covered.iter_mut().skip(at).take(*length).for_each(|byte| *byte = true);
                }
            }
        }
        if !covered.contains(&true) {
            return text.to_owned();
        }
        let (mut kept, mut in_hidden) = (String::with_capacity(text.len()), false);
        for (at, letter) in text.char_indices() {
            let is_hidden = covered.iter().skip(at).take(letter.len_utf8()).any(|byte| *byte);
            match (is_hidden, in_hidden) {
                (true, false) => kept.push_str(REDACTED_KEY),
                (true, true) => {}
                (false, _) => kept.push(letter),
            }
            in_hidden = is_hidden;
        }
        kept
    }
}

/// Returns the reference that replaces the value of a secret in output.
pub fn placeholder(name: &str) -> String {
    format!("${{secret.{name}}}")
}
