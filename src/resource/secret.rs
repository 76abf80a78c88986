//! Templates with placeholders for secrets, and the values that fill them. A value never reaches the state, a plan or
//! the screen.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    HashKey, KeyedHash, SecretHashes,
    redaction::{Redactor, placeholder},
};

/// A text in which `${secret.name}` stands for a secret's value and `$${` for a literal `${`. All other variables
/// have been replaced. The state and plans keep this form. Clones share the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(Arc<str>);

/// One part of a template.
enum TemplatePart<'a> {
    /// Literal text, with escapes resolved.
    Text(&'a str),
    /// The name of a secret.
    Secret(&'a str),
}

/// The error for a secret without an available value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret `{0}` has no value: its environment variable is not set")]
pub struct MissingSecret(pub String);

impl Template {
    /// Creates a template from its written form.
    pub fn new(written: impl Into<Arc<str>>) -> Self {
        Template(written.into())
    }

    /// Returns the template that produces exactly `text`.
    pub fn literal(text: &str) -> Self {
        Template(Arc::from(text.replace("${", "$${")))
    }

    /// Returns the written form, which the state and plans keep and which people see.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the names of the secrets that it refers to, in order of appearance.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.parts().filter_map(|part| match part {
            TemplatePart::Secret(name) => Some(name),
            TemplatePart::Text(_) => None,
        })
    }

    /// Returns whether it refers to any secret.
    pub fn has_secrets(&self) -> bool {
        self.secret_names().next().is_some()
    }

    /// Returns the text to send to the API.
    ///
    /// # Errors
    /// When a secret has no value. The error names the first such secret.
    pub fn reveal(&self, secrets: &Secrets) -> Result<String, MissingSecret> {
        let mut text = String::with_capacity(self.0.len());
        for part in self.parts() {
            match part {
                TemplatePart::Text(piece) => text.push_str(piece),
                TemplatePart::Secret(name) => {
                    text.push_str(secrets.value(name).ok_or_else(|| MissingSecret(name.to_owned()))?);
                }
            }
        }
        Ok(text)
    }

    /// Returns the text with a reference in place of each secret. The room `sql` reads this form.
    pub fn masked(&self) -> Cow<'_, str> {
        // A reference masks itself, so only escapes make a difference.
        if !self.0.contains("$${") {
            return Cow::Borrowed(&self.0);
        }
        let pieces = self.parts().map(|part| match part {
            TemplatePart::Text(piece) => Cow::Borrowed(piece),
            TemplatePart::Secret(name) => Cow::Owned(placeholder(name)),
        });
        Cow::Owned(pieces.collect())
    }

    /// Returns whether `text` could be this template with some values in place of the secrets. This allows comparing
    /// live text with what was sent without knowing a value.
    pub fn matches(&self, text: &str) -> bool {
        self.match_text(text, |_, _| {})
    }

    /// Returns the values in place of the secrets in `text`, by name. Returns nothing if `text` does not match the
    /// template. For adjacent secrets the boundary is ambiguous, so each is reported with the whole span.
    pub fn secret_values_in(&self, text: &str) -> Vec<(String, String)> {
        let mut values = Vec::new();
        let is_match = self.match_text(text, |name, value| values.push((name.to_owned(), value.to_owned())));
        if is_match { values } else { Vec::new() }
    }

    /// Matches `text` against the template and calls `on_secret` with each secret's name and the text in its place.
    fn match_text(&self, text: &str, mut on_secret: impl FnMut(&str, &str)) -> bool {
        if !self.0.contains("${") {
            return *self.0 == *text;
        }
        let mut rest = text;
        let mut pending: Vec<&str> = Vec::new();
        let mut parts = self.parts().peekable();
        while let Some(part) = parts.next() {
            match part {
                TemplatePart::Secret(name) => pending.push(name),
                TemplatePart::Text(piece) => {
                    let last = parts.peek().is_none();
                    let found = match (!pending.is_empty(), last) {
                        (false, _) => rest.starts_with(piece).then_some(0),
                        (true, true) => rest.ends_with(piece).then(|| rest.len() - piece.len()),
                        (true, false) => rest.find(piece),
                    };
                    let Some(start) = found else { return false };
                    pending.drain(..).for_each(|name| on_secret(name, rest.get(..start).unwrap_or_default()));
                    rest = rest.get(start + piece.len()..).unwrap_or_default();
                }
            }
        }
        let is_match = !pending.is_empty() || rest.is_empty();
        pending.into_iter().for_each(|name| on_secret(name, rest));
        is_match
    }

    /// Returns the parts of the template in order.
    fn parts(&self) -> impl Iterator<Item = TemplatePart<'_>> {
        let mut rest = self.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            if let Some(after) = rest.strip_prefix("$${") {
                let literal = rest.get(1..3).unwrap_or_default();
                rest = after;
                return Some(TemplatePart::Text(literal));
            }
            if let Some(after) = rest.strip_prefix("${secret.")
                && let Some((name, tail)) = after.split_once('}')
            {
                rest = tail;
                return Some(TemplatePart::Secret(name));
            }
            // Take everything up to the next placeholder or escape, or to the end. A lone `$` at the front is text.
            let opens = |at: usize| {
                let from = rest.get(at..).unwrap_or_default();
                at > 0 && (from.starts_with("$${") || from.starts_with("${secret."))
            };
            let cut = rest.match_indices('$').map(|(at, _)| at).find(|at| opens(*at)).unwrap_or(rest.len());
            let (piece, tail) = rest.split_at_checked(cut).unwrap_or((rest, ""));
            rest = tail;
            Some(TemplatePart::Text(piece))
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The values of a project's secrets. `cli` reads them from the environment and passes them to `execute` along with
/// the plan.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The values to send, by name.
    values: BTreeMap<String, String>,
    /// Names and values that the cloud shows in place of secrets. They are never sent, but they must be redacted too.
    cloud_values: BTreeSet<(String, String)>,
    /// The redactor for both kinds of values.
    redactor: Redactor,
    /// The redactor for the values to send only.
    available: Redactor,
    /// The hashes of this run by the key of the state and the value. Clones share them, so that each distinct value is
    /// hashed once.
    known_hashes: Arc<Mutex<BTreeMap<(HashKey, String), KeyedHash>>>,
}

impl Secrets {
    /// Creates secrets from values by name.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        let redactor = Redactor::for_secrets(values.iter());
        Secrets { available: redactor.clone(), redactor, values, ..Secrets::default() }
    }

    /// Returns the same secrets, extended so that they also redact `cloud_values`: what the cloud was seen to hold in
    /// place of secrets whose values are not available here.
    pub fn with_cloud_values(&self, cloud_values: impl IntoIterator<Item = (String, String)>) -> Self {
        let needs_redaction = |(name, value): &(String, String)| {
            self.value(name).is_none() && !value.is_empty() && *value != placeholder(name)
        };
        let mut extended = self.clone();
        extended.cloud_values.extend(cloud_values.into_iter().filter(needs_redaction));
        let cloud_values = extended.cloud_values.iter().map(|(name, value)| (name, value));
        extended.redactor = Redactor::for_secrets(extended.values.iter().chain(cloud_values));
        extended
    }

    /// Returns the value of `name`, if it is available here.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the hashes to record of those `names` whose values are available here.
    pub fn hashes<'a>(&self, names: impl Iterator<Item = &'a str>, key: &HashKey) -> BTreeMap<String, KeyedHash> {
        names.filter_map(|name| Some((name.to_owned(), self.hash_of(key, self.value(name)?)))).collect()
    }

    /// Returns the hashes of those `names` whose values are available here, to compare with recorded ones.
    pub fn comparable_hashes<'a>(&self, names: impl Iterator<Item = &'a str>, key: &HashKey) -> SecretHashes {
        let mut hashes = SecretHashes::new();
        for (name, value) in names.filter_map(|name| Some((name, self.value(name)?))) {
            hashes.insert(name, key, value, self.hash_of(key, value));
        }
        hashes
    }

    /// Returns the hash of a value under the key of a state.
    pub fn hash_of(&self, key: &HashKey, value: &str) -> KeyedHash {
        let mut known = self.known_hashes.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry((key.clone(), value.to_owned())).or_insert_with(|| KeyedHash::of(key, value)).clone()
    }

    /// Returns whether `text` contains an available value in any spelling.
    pub fn any_occurs_in(&self, text: &str) -> bool {
        self.available.finds_any_in(text)
    }

    /// Returns `text` with every known value replaced by its reference. Use it for everything that the service
    /// returns.
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(BTreeMap::from([("key".to_owned(), "s3cr3t".to_owned())]))
    }

    #[test]
    fn reveal_fills_in_secrets_and_unescapes_dollar_braces() {
        let template = Template::new("a $${x} ${secret.key} $ ${y");
        assert_eq!(template.reveal(&secrets()).as_deref(), Ok("a ${x} s3cr3t $ ${y"));
        assert_eq!(template.reveal(&Secrets::default()), Err(MissingSecret("key".to_owned())));
        assert_eq!(Template::literal("${secret.key}").reveal(&secrets()).as_deref(), Ok("${secret.key}"));
    }

    #[test]
    fn template_text_may_contain_multibyte_characters() {
        assert_eq!(Template::new("é${secret.key}ü$${").reveal(&secrets()).as_deref(), Ok("és3cr3tü${"));
        assert_eq!(Template::new("${secret.key}’${secret.key}").secret_names().count(), 2);
    }

    #[test]
    fn a_template_matches_any_value_in_place_of_a_secret() {
        let template = Template::new("WITH ('k' = '${secret.key}', 'v' = '1')");
        assert!(template.matches("WITH ('k' = 'whatever', 'v' = '1')"));
        assert!(!template.matches("WITH ('k' = 'whatever', 'v' = '2')"));
        assert!(Template::new("${secret.key}").matches("anything"));
        assert!(!Template::new("x${secret.key}").matches("anything"));
    }

    #[test]
    fn secret_values_seen_in_the_cloud_are_redacted_and_never_sent() {
        let template = Template::new("WITH ('k' = '${secret.other}', 'v' = '${secret.key}')");
        let cloud_values = template.secret_values_in("WITH ('k' = 'hunter2', 'v' = 'older')");
        assert_eq!(cloud_values, [("other".to_owned(), "hunter2".to_owned()), ("key".to_owned(), "older".to_owned())]);
        assert_eq!(template.secret_values_in("WITH ('k' = 'hunter2')"), []);
        assert_eq!(Template::new("${secret.a}${secret.b}").secret_values_in("xy").len(), 2);
        let extended =
            secrets().with_cloud_values(cloud_values).with_cloud_values([("third".to_owned(), placeholder("third"))]);
        assert_eq!(extended.redact("hunter2 s3cr3t ${secret.third}"), "${secret.other} ${secret.key} ${secret.third}");
        assert_eq!((extended.value("other"), extended.any_occurs_in("hunter2")), (None, false));
        assert!(!format!("{extended:?}").contains("hunter2"));
    }

    #[test]
    fn secret_values_are_redacted_and_absent_from_debug_output() {
        assert_eq!(secrets().redact("bad key s3cr3t!"), "bad key ${secret.key}!");
        assert!(!format!("{:?}", secrets()).contains("s3cr3t"));
    }
}
