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
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// A key; white space around either part (a copied line's end) is dropped.
    pub fn new(id: impl AsRef<str>, secret: impl AsRef<str>) -> Self {
        ApiKey { id: id.as_ref().trim().to_owned(), secret: secret.as_ref().trim().to_owned() }
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> String {
        format!("Basic {}", self.basic_token())
    }

    fn basic_token(&self) -> String {
        BASE64_STANDARD.encode(format!("{}:{}", self.id, self.secret))
    }

    /// What must not be seen of it, in each spelling in which it may come back: as it is, in JSON, in a URL.
    fn secret_spellings(&self) -> Vec<String> {
        // Confluent's secrets have 64 characters and its ids 16; shorter ones than these would only tear holes into
        // ordinary words.
        const SHORTEST_SECRET: usize = 4;
        const SHORTEST_ID: usize = 12;
        let secrets =
            [self.basic_token(), self.secret.clone()].into_iter().filter(|text| text.len() >= SHORTEST_SECRET);
        let id = Some(self.id.clone()).filter(|id| id.len() >= SHORTEST_ID);
        let spellings = |text: String| {
            let in_url: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            [text.replace('/', "\\/"), in_url, text]
        };
        secrets.chain(id).flat_map(spellings).collect()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

/// The keys at hand. A Flink key is bound to one environment and region and does not work for pools, nor a Cloud key
/// for statements (Confluent's page "Flink SQL REST API"); a Global key may be given as both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// For statements.
    pub flink: Option<ApiKey>,
    /// For compute pools and regions.
    pub cloud: Option<ApiKey>,
}

impl Credentials {
    pub(super) fn key(&self, api: Api) -> Option<&ApiKey> {
        match api {
            Api::Flink => self.flink.as_ref(),
            Api::Cloud => self.cloud.as_ref(),
        }
    }

    /// What must not be seen of the keys.
    pub(super) fn secret_spellings(&self) -> impl Iterator<Item = String> {
        [&self.flink, &self.cloud].into_iter().flatten().flat_map(ApiKey::secret_spellings)
    }
}
