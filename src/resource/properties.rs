//! Properties and labels of a statement, and every property key and table option that floe knows.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

use super::{InternedStr, SmallMap, Template};

/// The catalog that completes names, a Kafka environment on Confluent Cloud.
pub const CURRENT_CATALOG: &str = "sql.current-catalog";
/// The database that completes names, a Kafka cluster on Confluent Cloud.
pub const CURRENT_DATABASE: &str = "sql.current-database";
/// The time zone of the statement's session.
pub const LOCAL_TIME_ZONE: &str = "sql.local-time-zone";
/// How long the state of a key is kept.
pub const STATE_TTL: &str = "sql.state-ttl";
/// How long a silent partition holds watermarks back.
pub const IDLE_TIMEOUT: &str = "sql.tables.scan.idle-timeout";
/// The statement that a new one carries its offsets over from.
pub const INITIAL_OFFSET_FROM: &str = "sql.tables.initial-offset-from";
/// Asks the service to check a statement without running it.
pub const DRY_RUN: &str = "sql.dry-run";
/// Where every source starts.
pub const STARTUP_MODE: &str = "sql.tables.scan.startup.mode";
/// The offsets at which the source starts, with [`STARTUP_MODE`] set to [`SPECIFIC_OFFSETS`].
pub const STARTUP_SPECIFIC_OFFSETS: &str = "sql.tables.scan.startup.specific-offsets";
/// The value of [`STARTUP_MODE`] that starts at given offsets.
pub const SPECIFIC_OFFSETS: &str = "specific-offsets";
/// How every table option that sets where a source starts begins, in `WITH` and in hints.
pub const STARTUP_OPTION_PREFIX: &str = "scan.startup.";

/// Whether a query reads a snapshot, and so comes to an end.
const SNAPSHOT_MODE: &str = "sql.snapshot.mode";
/// Where every source ends.
const BOUNDED_MODE: &str = "sql.tables.scan.bounded.mode";
/// How the properties begin that set where every source starts.
const STARTUP_PREFIX: &str = "sql.tables.scan.startup.";
/// How the properties begin whose values the service hides.
const SECRET_PREFIX: &str = "sql.secrets.";

/// Returns whether the service treats the value of this property as a secret.
pub fn is_secret_key(key: &str) -> bool {
    key.starts_with(SECRET_PREFIX)
}

/// Returns whether this property decides which object a name refers to.
pub fn is_namespace_key(key: &str) -> bool {
    key == CURRENT_CATALOG || key == CURRENT_DATABASE
}

/// Returns whether this property sets where a statement's sources start, or which statement's offsets it carries over.
pub fn is_start_key(key: &str) -> bool {
    key == INITIAL_OFFSET_FROM || key.starts_with(STARTUP_PREFIX)
}

/// The properties of a statement: templates where they are desired or sent, texts where they are live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound = "V: Serialize + for<'a> Deserialize<'a>")]
pub struct Properties<V>(SmallMap<V>);

/// The labels of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(SmallMap<String>);

impl<V> Properties<V> {
    /// Returns a map without properties.
    pub const fn new() -> Self {
        Properties(SmallMap::new())
    }

    /// Returns whether there are no properties.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a property sets where the sources start.
    pub fn has_start_position(&self) -> bool {
        self.keys().any(|key| key.starts_with(STARTUP_PREFIX))
    }
}

impl Properties<Template> {
    /// Returns whether a property makes the statement finite.
    pub fn has_bounded_mode(&self) -> bool {
        let text = |key| self.get(key).map(Template::as_str);
        text(SNAPSHOT_MODE) == Some("now") || text(BOUNDED_MODE).is_some_and(|mode| mode != "unbounded")
    }
}

impl Properties<String> {
    /// Returns the catalog and the database that complete the names of the statement.
    pub fn namespace(&self) -> (Option<&str>, Option<&str>) {
        (self.get(CURRENT_CATALOG).map(String::as_str), self.get(CURRENT_DATABASE).map(String::as_str))
    }

    /// Returns whether the statement reads a snapshot.
    pub fn has_snapshot_mode(&self) -> bool {
        self.get(SNAPSHOT_MODE).is_some_and(|mode| mode.eq_ignore_ascii_case("now"))
    }
}

impl Labels {
    /// Returns a map without labels.
    pub const fn new() -> Self {
        Labels(SmallMap::new())
    }

    /// Returns whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> From<SmallMap<V>> for Properties<V> {
    fn from(values: SmallMap<V>) -> Self {
        Properties(values)
    }
}

impl From<SmallMap<String>> for Labels {
    fn from(values: SmallMap<String>) -> Self {
        Labels(values)
    }
}

impl<V> Default for Properties<V> {
    fn default() -> Self {
        Properties::new()
    }
}

impl<V> Deref for Properties<V> {
    type Target = SmallMap<V>;

    fn deref(&self) -> &SmallMap<V> {
        &self.0
    }
}

impl<V> DerefMut for Properties<V> {
    fn deref_mut(&mut self) -> &mut SmallMap<V> {
        &mut self.0
    }
}

impl Deref for Labels {
    type Target = SmallMap<String>;

    fn deref(&self) -> &SmallMap<String> {
        &self.0
    }
}

impl DerefMut for Labels {
    fn deref_mut(&mut self) -> &mut SmallMap<String> {
        &mut self.0
    }
}

impl<V, N: Into<InternedStr>> FromIterator<(N, V)> for Properties<V> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Properties(values.into_iter().collect())
    }
}

impl<N: Into<InternedStr>> FromIterator<(N, String)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, String)>>(values: I) -> Self {
        Labels(values.into_iter().collect())
    }
}

impl<V> IntoIterator for Properties<V> {
    type Item = (InternedStr, V);
    type IntoIter = std::vec::IntoIter<(InternedStr, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Properties<V> {
    type Item = (&'a InternedStr, &'a V);
    type IntoIter = <&'a SmallMap<V> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a InternedStr, &'a String);
    type IntoIter = <&'a SmallMap<String> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&self.0).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Properties, is_namespace_key, is_secret_key};
    use crate::resource::Template;

    fn properties(pairs: &[(&str, &str)]) -> Properties<Template> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Template::new(*value))).collect()
    }

    #[test]
    fn keys_are_recognized_by_what_they_mean() {
        assert!(is_secret_key("sql.secrets.openai") && !is_secret_key("sql.secret"));
        assert!(is_namespace_key("sql.current-catalog") && !is_namespace_key("sql.current-catalogs"));
    }

    #[test]
    fn properties_say_whether_a_statement_is_bounded_and_where_it_starts() {
        assert!(properties(&[("sql.snapshot.mode", "now")]).has_bounded_mode());
        assert!(properties(&[("sql.tables.scan.bounded.mode", "latest-offset")]).has_bounded_mode());
        assert!(!properties(&[("sql.tables.scan.bounded.mode", "unbounded")]).has_bounded_mode());
        assert!(properties(&[("sql.tables.scan.startup.mode", "latest-offset")]).has_start_position());
        assert!(!properties(&[("sql.state-ttl", "1 d")]).has_start_position());
    }
}
