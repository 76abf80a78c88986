//! Addresses such as `pools.main` and `statements.orders-enriched`, which name the resources of a project.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kind of resource that an address names. Pools sort before statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A Flink compute pool.
    Pool,
    /// A Flink SQL statement, regardless of its generation.
    Statement,
}

impl ResourceKind {
    /// Returns the manifest table that declares resources of this kind.
    pub fn manifest_table(self) -> &'static str {
        match self {
            ResourceKind::Pool => "pools",
            ResourceKind::Statement => "statements",
        }
    }
}

/// The name of a resource in a project: its kind and its manifest key. It stays the same across generations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Whether the address names a pool or a statement.
    pub kind: ResourceKind,
    /// The key in the manifest, for example `orders-enriched`.
    pub key: String,
}

impl Address {
    /// Returns the address of the pool declared under `key`.
    pub fn pool(key: impl Into<String>) -> Self {
        Address { kind: ResourceKind::Pool, key: key.into() }
    }

    /// Returns the address of the statement declared under `key`.
    pub fn statement(key: impl Into<String>) -> Self {
        Address { kind: ResourceKind::Statement, key: key.into() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` honors the width that tables ask for.
        f.pad(&format!("{}.{}", self.kind.manifest_table(), self.key))
    }
}

/// The error for a text that is not an address. Its message shows what an address looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address: addresses look like `statements.orders` or `pools.main`")]
pub struct InvalidAddress(pub String);

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.split_once('.') {
            Some(("pools", key)) if is_valid_key(key) => Ok(Address::pool(key)),
            Some(("statements", key)) if is_valid_key(key) => Ok(Address::statement(key)),
            _ => Err(InvalidAddress(text.to_owned())),
        }
    }
}

/// Returns whether `key` is a valid manifest key: letters, digits, `_` and `-`, which TOML accepts without quotes.
pub fn is_valid_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_known_table_and_a_valid_key() {
        for text in ["pools.main", "statements.orders-enriched", "statements.a_1"] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "orders", "statements.", "statements.a b", "statements.a.b", "statements.ü", "tables.a"] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress(text.to_owned())), "{text}");
        }
    }
}
