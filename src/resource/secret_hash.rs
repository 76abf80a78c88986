//! What a state keeps of a secret's value: enough to see that it changed, too little to guess it.

use std::collections::BTreeMap;

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fingerprint::hex;

/// The value from which the hashes of a state are salted. It is created once per lineage, is stored in the state, and
/// is not a secret itself. It makes equal secrets of different environments hash differently.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HashKey(pub String);

/// The hash of a secret's value. It begins with the scheme that made it, `argon2id-m19456-t2:`. A hash of floe 0.1.0
/// has no scheme: it is an HMAC-SHA256 under the [`HashKey`].
///
/// Argon2id makes each guess cost a fixed amount of memory and time, since a state is often committed next to the
/// manifests, with its [`HashKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedHash(String);

/// How many KiB of memory one hash takes. With [`PASSES`], this is the first choice of the OWASP cheat sheet on storing
/// passwords. One hash takes less than 50 ms of one processor core.
const MEMORY_KIB: u32 = 19_456;
/// The number of passes over that memory.
const PASSES: u32 = 2;
/// The number of bytes of a hash that are kept.
const HASH_LENGTH: usize = 16;

impl KeyedHash {
    /// Hashes `value` with Argon2id. It is slow on purpose: use [`Secrets::hashes`](super::Secrets::hashes), which
    /// hashes each value once.
    pub fn of(key: &HashKey, value: &str) -> Self {
        let salt = Sha256::digest(key.0.as_bytes());
        let mut hash = [0; HASH_LENGTH];
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(HASH_LENGTH));
        let result = params.and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                value.as_bytes(),
                &salt,
                &mut hash,
            )
        });
        // The parameters and the length of the salt are constant, and a value is far shorter than 4 GiB.
        debug_assert!(result.is_ok(), "{result:?}");
        KeyedHash(format!("{}{}", scheme(), hex(&hash, HASH_LENGTH)))
    }

    /// Returns the hash that floe 0.1.0 stored for `value`.
    fn of_0_1_0(key: &HashKey, value: &str) -> Self {
        // HMAC takes a key of any length. The error type exists only for other constructions.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.0.as_bytes()) else {
            unreachable!("HMAC accepts keys of any length");
        };
        mac.update(value.as_bytes());
        KeyedHash(hex(&mac.finalize().into_bytes(), 16))
    }

    /// Returns whether floe 0.1.0 made this hash, so that its value can be guessed quickly.
    pub fn is_weak(&self) -> bool {
        !self.0.contains(':')
    }
}

/// Returns the prefix that says how a hash was made.
fn scheme() -> String {
    format!("argon2id-m{MEMORY_KIB}-t{PASSES}:")
}

/// The hashes of the secrets whose values are available here, in every scheme that a state may hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretHashes(BTreeMap<String, SchemeHashes>);

/// The hashes of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SchemeHashes {
    /// The hash that is recorded now.
    current: KeyedHash,
    /// The hash that floe 0.1.0 recorded.
    weak: KeyedHash,
}

impl SecretHashes {
    /// Returns the hashes of no secrets.
    pub const fn new() -> Self {
        SecretHashes(BTreeMap::new())
    }

    /// Adds the secret `name`, whose hash under `key` is `current`.
    pub(super) fn insert(&mut self, name: &str, key: &HashKey, value: &str, current: KeyedHash) {
        self.0.insert(name.to_owned(), SchemeHashes { current, weak: KeyedHash::of_0_1_0(key, value) });
    }

    /// Returns whether the value of this secret is available here.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns whether `recorded` was made from the value of this secret. `None` if the value is not available here. A
    /// hash of a scheme that floe does not know counts as the hash of another value.
    pub fn matches(&self, name: &str, recorded: &KeyedHash) -> Option<bool> {
        let hashes = self.0.get(name)?;
        Some(*recorded == *if recorded.is_weak() { &hashes.weak } else { &hashes.current })
    }

    /// Returns `recorded` with each weak hash of an available value replaced by a strong one of the same value.
    /// `None` if there is nothing to replace.
    pub fn strengthened(&self, recorded: &BTreeMap<String, KeyedHash>) -> Option<BTreeMap<String, KeyedHash>> {
        let mut stronger = recorded.clone();
        for (name, hash) in stronger.iter_mut().filter(|(_, hash)| hash.is_weak()) {
            if let Some(hashes) = self.0.get(name).filter(|hashes| hashes.weak == *hash) {
                *hash = hashes.current.clone();
            }
        }
        (stronger != *recorded).then_some(stronger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_names_its_scheme_and_depends_on_the_state_and_the_value() {
        let key = |text: &str| HashKey(text.to_owned());
        let hash = KeyedHash::of(&key("one"), "hunter2");
        assert_eq!(hash.0.len(), "argon2id-m19456-t2:".len() + 32);
        assert!(hash.0.starts_with("argon2id-m19456-t2:") && !hash.is_weak());
        assert_eq!(hash, KeyedHash::of(&key("one"), "hunter2"));
        assert_ne!(hash, KeyedHash::of(&key("two"), "hunter2"));
        assert_ne!(hash, KeyedHash::of(&key("one"), "hunter3"));
    }

    #[test]
    fn a_hash_of_0_1_0_is_compared_and_replaced_by_a_strong_one() {
        let (key, mut hashes) = (HashKey("key".to_owned()), SecretHashes::new());
        hashes.insert("s", &key, "hunter2", KeyedHash::of(&key, "hunter2"));
        let weak = KeyedHash::of_0_1_0(&key, "hunter2");
        assert!(weak.is_weak());
        assert_eq!(hashes.matches("s", &weak), Some(true));
        assert_eq!(hashes.matches("s", &KeyedHash::of_0_1_0(&key, "other")), Some(false));
        assert_eq!(hashes.matches("t", &weak), None);
        let recorded = BTreeMap::from([("s".to_owned(), weak)]);
        let stronger = hashes.strengthened(&recorded).unwrap_or_default();
        assert_eq!(stronger.get("s"), Some(&KeyedHash::of(&key, "hunter2")));
        assert_eq!(hashes.strengthened(&stronger), None);
        let other = BTreeMap::from([("s".to_owned(), KeyedHash::of_0_1_0(&key, "other"))]);
        assert_eq!(hashes.strengthened(&other), None, "the value of this hash is not known");
    }
}
