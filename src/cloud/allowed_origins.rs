//! The origins outside Confluent Cloud that may receive API keys. Only the environment of the process allows them, never
//! a manifest alone.

use std::collections::BTreeSet;

use url::Url;

use super::origin::{InvalidOrigin, check_origin, origin_of};
use crate::resource::{is_confluent_origin, shell_quoted};

/// The origins, besides the hosts of Confluent Cloud, that API keys may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedOrigins(BTreeSet<String>);

impl AllowedOrigins {
    /// The environment variable with the allowed origins, separated by commas.
    pub const VARIABLE: &str = "FLOE_ALLOW_ENDPOINTS";

    /// Returns the origins of a list that is separated by commas. Empty parts are ignored.
    ///
    /// # Errors
    /// When a part is not an origin that may receive a key at all.
    pub fn parse(list: &str) -> Result<Self, InvalidOrigin> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| check_origin(part).map(|url| origin_of(&url))).collect::<Result<_, _>>().map(AllowedOrigins)
    }

    /// Returns whether an API key may be sent to the origin of `url`: a host of Confluent Cloud over TLS, or an origin
    /// in this list.
    pub(super) fn allows(&self, url: &Url) -> bool {
        is_confluent_origin(&origin_of(url)) || self.contains(url)
    }

    /// Returns whether the list names the origin of `url`.
    pub(super) fn contains(&self, url: &Url) -> bool {
        self.0.contains(&origin_of(url))
    }

    /// Returns the shell command that allows these origins and those of `more`.
    pub fn export_command<'a>(&self, more: impl IntoIterator<Item = &'a Url>) -> String {
        let all: BTreeSet<String> = self.0.iter().cloned().chain(more.into_iter().map(origin_of)).collect();
        let list = all.into_iter().collect::<Vec<_>>().join(",");
        format!("export {}={}", AllowedOrigins::VARIABLE, shell_quoted(&list))
    }
}
