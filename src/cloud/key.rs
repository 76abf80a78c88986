//! The two kinds of API key, and the `Authorization` header that each one produces.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::resource::REDACTED_KEY;

/// The two APIs that a call can go to. Each has its own host and its own kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// The API `sql/v1` for statements, on a host of the region.
    Flink,
    /// The API `fcpm/v2` for compute pools and regions, on one host for all regions.
    Cloud,
}

/// An API key with its secret. `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id of the key, without surrounding white space.
    id: String,
    /// The secret of the key, without surrounding white space.
    secret: String,
}

impl ApiKey {
    /// Creates a key from its id and its secret. White space around either part is removed, because a copied line may
    /// end in a line break.
    pub fn new(id: impl AsRef<str>, secret: impl AsRef<str>) -> Self {
        ApiKey { id: id.as_ref().trim().to_owned(), secret: secret.as_ref().trim().to_owned() }
    }

    /// Returns the value of the `Authorization` header.
    pub(super) fn authorization(&self) -> String {
        format!("Basic {}", self.basic_token())
    }

    /// Returns the Base64 token of the Basic scheme.
    fn basic_token(&self) -> String {
        BASE64_STANDARD.encode(format!("{}:{}", self.id, self.secret))
    }

    /// Returns the texts of this key that must be redacted.
    fn secret_texts(&self) -> impl Iterator<Item = String> {
        // Confluent's secrets have 64 characters and its ids 16. Redacting texts shorter than the limits below would
        // only tear holes into ordinary words.
        /// The shortest secret that is redacted, in bytes.
        const SHORTEST_SECRET: usize = 4;
        /// The shortest id that is redacted, in bytes.
        const SHORTEST_ID: usize = 12;
        let secrets =
            [self.basic_token(), self.secret.clone()].into_iter().filter(|text| text.len() >= SHORTEST_SECRET);
        let id = Some(self.id.clone()).filter(|id| id.len() >= SHORTEST_ID);
        secrets.chain(id)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey{REDACTED_KEY}")
    }
}

/// The API keys that are available. A Flink key is bound to one environment and region and does not work for pools. A
/// Cloud key does not work for statements (Confluent's page "Flink SQL REST API"). A Global key may be given as both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// The key for statements, if one is set.
    pub flink: Option<ApiKey>,
    /// The key for compute pools and regions, if one is set.
    pub cloud: Option<ApiKey>,
}

impl Credentials {
    /// Returns the key for `api`, if one is set.
    pub(super) fn key(&self, api: Api) -> Option<&ApiKey> {
        match api {
            Api::Flink => self.flink.as_ref(),
            Api::Cloud => self.cloud.as_ref(),
        }
    }

    /// Returns whether the same key is set for both APIs, which cannot work: each API has keys of its own.
    pub(super) fn are_same_key(&self) -> bool {
        matches!((&self.flink, &self.cloud), (Some(flink), Some(cloud)) if flink.authorization() == cloud.authorization())
    }

    /// Returns the texts of all keys that must be redacted.
    pub(super) fn secret_texts(&self) -> impl Iterator<Item = String> {
        [&self.flink, &self.cloud].into_iter().flatten().flat_map(ApiKey::secret_texts)
    }
}
