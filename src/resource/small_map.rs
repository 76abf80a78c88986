//! A map for a few named values.

use std::ops::{Deref, DerefMut};

use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::InternedStr;

/// A map from names to values, for the handful of properties or labels of a statement. It is a sorted list. A tree
/// would use five times the memory, and there are many thousands of these maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallMap<V, K = InternedStr>(LiteMap<K, V>);

impl<V, K> SmallMap<V, K> {
    /// Returns an empty map.
    pub const fn new() -> Self {
        SmallMap(LiteMap::new_vec())
    }

    /// Returns the same map without spare capacity.
    pub fn shrunk_to_fit(self) -> Self {
        let mut values = self.0.into_tuple_vec();
        values.shrink_to_fit();
        SmallMap(LiteMap::from_sorted_store_unchecked(values))
    }

    /// Returns whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V, K> Default for SmallMap<V, K> {
    fn default() -> Self {
        SmallMap::new()
    }
}

/// Always serializes as a map. The list's own implementation would write an empty map as `[]`.
impl<V: Serialize, K: Serialize> Serialize for SmallMap<V, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>, K: Ord + Deserialize<'de>> Deserialize<'de> for SmallMap<V, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        LiteMap::deserialize(deserializer).map(|values| SmallMap(values).shrunk_to_fit())
    }
}

impl<V, K> Deref for SmallMap<V, K> {
    type Target = LiteMap<K, V>;

    fn deref(&self) -> &LiteMap<K, V> {
        &self.0
    }
}

impl<V, K> DerefMut for SmallMap<V, K> {
    fn deref_mut(&mut self) -> &mut LiteMap<K, V> {
        &mut self.0
    }
}

impl<V, K: Ord, N: Into<K>> FromIterator<(N, V)> for SmallMap<V, K> {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        SmallMap(values.into_iter().map(|(name, value)| (name.into(), value)).collect()).shrunk_to_fit()
    }
}

impl<V, K: Ord> Extend<(K, V)> for SmallMap<V, K> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

impl<V, K> IntoIterator for SmallMap<V, K> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_tuple_vec().into_iter()
    }
}

impl<'a, V, K> IntoIterator for &'a SmallMap<V, K> {
    type Item = (&'a K, &'a V);
    type IntoIter = <&'a LiteMap<K, V> as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SmallMap;

    #[test]
    fn a_small_map_serializes_as_a_map_even_when_empty_and_reads_keys_in_any_order() {
        assert_eq!(serde_json::to_string(&SmallMap::<String>::new()).unwrap(), "{}");
        let read: SmallMap<u32> = serde_json::from_str(r#"{"b":2,"a":1,"b":3}"#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"a":1,"b":3}"#);
        assert_eq!(read, SmallMap::from_iter([("b".to_owned(), 3), ("a".to_owned(), 1)]));
        assert!(serde_json::from_str::<SmallMap<u32>>("[1]").is_err());
    }
}
