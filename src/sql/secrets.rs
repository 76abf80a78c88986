//! Recognizes options and properties that hold a secret, and secrets that are written in plain text.

use crate::resource::properties;

/// Returns whether an option or property contains a secret in plain text.
pub(super) fn is_plaintext_secret(key: &str, value: &str) -> bool {
    is_sensitive_key(key) && is_plaintext(value)
}

/// Returns whether an option or property of this name holds a value that must stay secret.
pub fn is_sensitive_key(key: &str) -> bool {
    const SENSITIVE_SUFFIXES: [&str; 12] = [
        "password",
        "passwd",
        "secret",
        "secretkey",
        "token",
        "apikey",
        "privatekey",
        "accesskey",
        "credentials",
        "passphrase",
        "serviceaccountkey",
        "sasljaasconfig",
    ];
    let key = key.to_ascii_lowercase();
    let alphanumeric: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    properties::is_secret_key(&key) || SENSITIVE_SUFFIXES.iter().any(|ending| alphanumeric.ends_with(ending))
}

/// Returns whether a value is the secret itself instead of a reference: a placeholder of floe, or
/// `{{sessionconfig/sql.secrets.…}}` of Confluent Cloud.
fn is_plaintext(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty() && !value.contains("${") && !value.contains("{{")
}
