//! Names that are held many thousand times over.

use std::{borrow::Borrow, cell::RefCell, collections::BTreeSet, fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a handful of is on every statement: the name of a property or a label, an environment's id. Those that are equal
/// share one text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// How many names a thread shares: far more than repeat, and far fewer than would be felt.
const SHARED: usize = 256;

thread_local! {
    static KNOWN: RefCell<BTreeSet<Name>> = const { RefCell::new(BTreeSet::new()) };
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        let shared = KNOWN.try_with(|known| {
            let mut known = known.borrow_mut();
            let name = known.get(text).cloned();
            name.unwrap_or_else(|| {
                let name = Name(Arc::from(text));
                if known.len() < SHARED {
                    known.insert(name.clone());
                }
                name
            })
        });
        // A thread that ends shares nothing any more.
        shared.unwrap_or_else(|_| Name(Arc::from(text)))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Name {
        Name::from(text.as_str())
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, text: &str) -> bool {
        *self.0 == *text
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
                Ok(Name::from(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_that_are_equal_share_their_text_however_they_came_about() {
        let (first, second) = (Name::from("sql.state-ttl"), Name::from("sql.state-ttl".to_owned()));
        let read: Name = serde_json::from_str("\"sql.state\\u002dttl\"").unwrap();
        for other in [&second, &read] {
            assert!(first == *other && Arc::ptr_eq(&first.0, &other.0));
        }
        assert_eq!(serde_json::to_string(&first).unwrap(), "\"sql.state-ttl\"");
        assert_ne!(first, Name::from("sql.State-ttl"));
    }

    #[test]
    fn names_beyond_those_that_are_shared_are_names_all_the_same() {
        let texts: Vec<String> = (0..2 * SHARED).map(|number| number.to_string()).collect();
        let names: Vec<Name> = texts.iter().map(|text| Name::from(text.as_str())).collect();
        assert!(names.iter().zip(&texts).all(|(name, text)| **name == **text));
    }
}
