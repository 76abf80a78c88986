//! The two kinds of API key, and the header field they turn into.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};

/// Which of the two APIs a call goes to. Each has its own host and its own kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// `sql/v1`: statements, on a host of the region.
    Flink,
    /// `fcpm/v2`: compute pools and regions, on one host for all.
    Cloud,
}

/// An API key with its secret. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: String,
    secret: String,
}

impl Key {
    /// A key; white space around either part (a copied line's end) is dropped.
    pub fn new(id: impl AsRef<str>, secret: impl AsRef<str>) -> Self {
        Key { id: id.as_ref().trim().to_owned(), secret: secret.as_ref().trim().to_owned() }
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> String {
        format!("Basic {}", self.token())
    }

    fn token(&self) -> String {
        BASE64_STANDARD.encode(format!("{}:{}", self.id, self.secret))
    }

    fn redact(&self, text: String) -> String {
        // Confluent's secrets have 64 characters; one this short would only tear holes into ordinary words.
        const SHORTEST: usize = 4;
        [self.token().as_str(), self.secret.as_str()]
            .into_iter()
            .filter(|hidden| hidden.len() >= SHORTEST)
            .fold(text, |text, hidden| if text.contains(hidden) { text.replace(hidden, "(redacted)") } else { text })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

/// The keys at hand. A Flink key is bound to one environment and region and does not work for pools, nor a Cloud key
/// for statements (Confluent's page "Flink SQL REST API"); a Global key may be given as both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// For statements.
    pub flink: Option<Key>,
    /// For compute pools and regions.
    pub cloud: Option<Key>,
}

impl Credentials {
    pub(super) fn key(&self, api: Api) -> Option<&Key> {
        match api {
            Api::Flink => self.flink.as_ref(),
            Api::Cloud => self.cloud.as_ref(),
        }
    }

    /// `text` without any part of a key that must not be seen: for whatever a server or a proxy sends back.
    pub(super) fn redact(&self, text: String) -> String {
        [&self.flink, &self.cloud].into_iter().flatten().fold(text, |text, key| key.redact(text))
    }
}
