//! Short strings that are held many thousand times.

use std::{borrow::Borrow, cell::RefCell, collections::BTreeSet, fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A short string that recurs on many statements, such as a property name, a label name or an environment id. Equal
/// values share one allocation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternedStr(Arc<str>);

/// The maximum number of strings that a thread shares. It is far more than the number that recur, and small enough
/// that its memory does not matter.
const MAX_INTERNED: usize = 256;

thread_local! {
    /// The strings that this thread shares.
    static INTERNED: RefCell<BTreeSet<InternedStr>> = const { RefCell::new(BTreeSet::new()) };
}

impl From<&str> for InternedStr {
    fn from(text: &str) -> InternedStr {
        let shared = INTERNED.try_with(|known| {
            let mut known = known.borrow_mut();
            let name = known.get(text).cloned();
            name.unwrap_or_else(|| {
                let name = InternedStr(Arc::from(text));
                if known.len() < MAX_INTERNED {
                    known.insert(name.clone());
                }
                name
            })
        });
        // A thread that is ending can no longer share strings.
        shared.unwrap_or_else(|_| InternedStr(Arc::from(text)))
    }
}

impl From<String> for InternedStr {
    fn from(text: String) -> InternedStr {
        InternedStr::from(text.as_str())
    }
}

impl Deref for InternedStr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for InternedStr {
    fn eq(&self, text: &str) -> bool {
        *self.0 == *text
    }
}

impl Borrow<str> for InternedStr {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InternedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for InternedStr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for InternedStr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InternedStrVisitor;
        impl de::Visitor<'_> for InternedStrVisitor {
            type Value = InternedStr;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<InternedStr, E> {
                Ok(InternedStr::from(text))
            }
        }
        deserializer.deserialize_str(InternedStrVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn equal_strings_share_one_allocation() {
        let (first, second) = (InternedStr::from("sql.state-ttl"), InternedStr::from("sql.state-ttl".to_owned()));
        let read: InternedStr = serde_json::from_str("\"sql.state\\u002dttl\"").unwrap();
        for other in [&second, &read] {
            assert!(first == *other && Arc::ptr_eq(&first.0, &other.0));
        }
        assert_eq!(serde_json::to_string(&first).unwrap(), "\"sql.state-ttl\"");
        assert_ne!(first, InternedStr::from("sql.State-ttl"));
    }

    #[test]
    fn strings_beyond_the_interning_limit_still_work() {
        let texts: Vec<String> = (0..2 * MAX_INTERNED).map(|number| number.to_string()).collect();
        let names: Vec<InternedStr> = texts.iter().map(|text| InternedStr::from(text.as_str())).collect();
        assert!(names.iter().zip(&texts).all(|(name, text)| **name == **text));
    }
}
