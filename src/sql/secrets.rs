//! Recognizes options and properties that hold a secret, and secrets that are written in plain text. In doubt, a value
//! counts as a secret.

use crate::resource::properties;

/// How a secret is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// The option is named like a secret, and its value is the secret.
    Value,
    /// The option is named like a secret, and its value is a placeholder that was not filled in, such as
    /// `<your-api-key>`.
    Placeholder,
    /// The value contains credentials, for example those of a URL: `https://user:password@host`.
    Credentials,
}

/// Parts of names that hold a secret, without punctuation. The first line is the list of Apache Flink
/// (`GlobalConfiguration.SENSITIVE_KEYS`). The others are those of Confluent Cloud's connections and models, and of the
/// clients of Kafka and cloud providers.
#[rustfmt::skip]
const SENSITIVE_PARTS: [&str; 24] = [
    "password", "secret", "accountkey", "apikey", "authparams", "servicekey", "token", "basicauth", "jaasconfig", "httpheaders",
    "accesskey", "privatekey", "sharedkey", "masterkey", "signingkey", "encryptionkey", "subscriptionkey",
    "serviceaccountkey", "keystorekey",
    "passwd", "passphrase", "credential", "authorization", "userinfo",
];

/// Words that are a secret only on their own, because they occur inside other words.
const SENSITIVE_WORDS: [&str; 5] = ["pwd", "pass", "jwt", "sas", "pat"];

/// Last words of names that say something about a secret and do not hold it: `token-endpoint`, `token-limit`.
#[rustfmt::skip]
const ATTRIBUTE_WORDS: [&str; 30] = [
    "algorithm", "arn", "class", "count", "email", "enabled", "endpoint", "expiration", "expiry", "format", "interval",
    "length", "lifetime", "limit", "limits", "location", "mechanism", "method", "ms", "policy", "provider", "region",
    "required", "source", "timeout", "ttl", "type", "uri", "url", "version",
];

/// Words of names that count something, such as `max-tokens`.
const COUNTING_WORDS: [&str; 11] =
    ["max", "min", "num", "number", "per", "budget", "window", "size", "total", "tokens", "chunk"];

/// Returns whether an option or property of this name holds a value that must stay secret.
pub fn is_sensitive_key(key: &str) -> bool {
    if properties::is_secret_key(&key.to_ascii_lowercase()) {
        return true;
    }
    let words = words_of(key);
    // `tokenizer` and `tokenization` are about words of a text.
    let joined = words.concat().replace("tokeniz", "");
    let is_named_like_secret = SENSITIVE_PARTS.iter().any(|part| joined.contains(part))
        || words.iter().any(|word| SENSITIVE_WORDS.contains(&word.as_str()));
    is_named_like_secret && !words.last().is_some_and(|last| ATTRIBUTE_WORDS.contains(&last.as_str()))
}

/// Returns how an option or property contains a secret in plain text. `None` if it contains none.
pub fn plaintext_secret_form(key: &str, value: &str) -> Option<SecretForm> {
    let value = value.trim();
    if !is_plaintext(value) {
        return contains_credentials(value).then_some(SecretForm::Credentials);
    }
    if is_sensitive_key(key) && !is_count(key, value) {
        return Some(if is_placeholder(value) { SecretForm::Placeholder } else { SecretForm::Value });
    }
    contains_credentials(value).then_some(SecretForm::Credentials)
}

/// Returns the words of a name in lower case. They are separated by punctuation, or start with a capital letter.
fn words_of(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower_case = false;
    for letter in key.chars() {
        if !letter.is_ascii_alphanumeric() || (after_lower_case && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        after_lower_case = letter.is_ascii_lowercase();
        if let Some(word) = words.last_mut().filter(|_| letter.is_ascii_alphanumeric()) {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns whether a value is written out, so that it is no reference: a placeholder of floe, or
/// `{{sessionconfig/sql.secrets.…}}` of Confluent Cloud.
fn is_plaintext(value: &str) -> bool {
    !value.is_empty() && !value.contains("${") && !value.contains("{{")
}

/// Returns whether an option holds the number of something: `'max-tokens' = '500'`, `'context-tokens' = '4096'`.
fn is_count(key: &str, value: &str) -> bool {
    let is_number = value.len() < 10 && value.bytes().all(|digit| digit.is_ascii_digit());
    let words = words_of(key);
    is_number
        && words.iter().any(|word| word.contains("token"))
        && words.iter().any(|word| COUNTING_WORDS.contains(&word.as_str()))
}

/// Returns whether a value is a placeholder that people are meant to fill in: `<your-api-key>`, `YOUR_KEY`, `****`.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_enclosed = |start, end| lower.starts_with(start) && lower.ends_with(end);
    let is_one_letter = |letter: char| lower.chars().all(|other| other == letter);
    let begins_like_text =
        ["your-", "your_", "your ", "my-", "my_", "insert-", "insert_", "enter-", "enter_", "replace"];
    is_enclosed('<', '>')
        || is_enclosed('[', ']')
        || (is_enclosed('{', '}') && !lower.contains('"'))
        || lower.starts_with('$')
        || begins_like_text.iter().any(|start| lower.starts_with(start))
        || ["changeme", "change-me", "change_me", "todo", "tbd", "redacted", "placeholder"].contains(&lower.as_str())
        || ['x', '*', '.', '…', '-', '?'].into_iter().any(is_one_letter)
}

/// Returns whether a value contains credentials, whatever the name of its option: a URL with a password, a parameter
/// that is named like a secret, or a private key.
fn contains_credentials(value: &str) -> bool {
    let is_private_key = value.contains("-----BEGIN") && value.contains("PRIVATE KEY");
    is_private_key || has_url_password(value) || has_secret_parameter(value)
}

/// Returns whether a URL in the value has a password: `scheme://user:password@host`. In a web address, a user alone is
/// a token.
fn has_url_password(value: &str) -> bool {
    value.match_indices("://").any(|(at, separator)| {
        let (before, after) =
            (value.get(..at).unwrap_or_default(), value.get(at + separator.len()..).unwrap_or_default());
        let authority = after.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or_default();
        let Some((user_info, _)) = authority.rsplit_once('@') else { return false };
        match user_info.split_once(':') {
            Some((_, password)) => is_plaintext(password),
            None => before.to_ascii_lowercase().ends_with("http") || before.to_ascii_lowercase().ends_with("https"),
        }
    })
}

/// Returns whether a URL or a connection string has a parameter that is named like a secret: `…?api_key=…`,
/// `Endpoint=…;SharedAccessKey=…`. A text with white space outside a URL is prose.
fn has_secret_parameter(value: &str) -> bool {
    let is_text = value.contains(char::is_whitespace) && !value.contains("://");
    let mut parameters = value.split(['?', '&', ';', '#']).filter_map(|piece| piece.trim().split_once('='));
    !is_text
        && parameters.any(|(name, secret)| {
            let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
            let is_signature = name.eq_ignore_ascii_case("sig");
            is_name && is_plaintext(secret) && (is_signature || is_sensitive_key(name)) && !is_count(name, secret)
        })
}
