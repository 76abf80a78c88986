//! The pages of a list, read item by item if one of them cannot be read.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::object::{Decoded, WireObject};

/// One page of a list of `S`.
pub(in crate::cloud) struct WirePage<S: WireObject> {
    /// The items that could be read.
    pub(in crate::cloud) data: Vec<S::Domain>,
    /// The ids or names of items that could not be read, each with the reason.
    pub(in crate::cloud) unreadable: Vec<(String, String)>,
    /// The link to the next page, if there is one.
    pub(in crate::cloud) next: Option<String>,
}

impl<'de, S: WireObject> Deserialize<'de> for WirePage<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        /// The page as it is in JSON.
        #[derive(Deserialize)]
        #[serde(bound = "")]
        struct Raw<S: WireObject> {
            /// The metadata with the link to the next page.
            metadata: Option<Metadata>,
            /// The items, or `None` for null.
            // With `deserialize_with`, the field has no default. An object without `data` is not a list, and must not
            // be read as an empty one.
            #[serde(deserialize_with = "Option::deserialize")]
            data: Option<DecodedItems<S>>,
        }
        let raw = Raw::<S>::deserialize(deserializer)?;
        if raw.data.is_none() && raw.metadata.is_none() {
            return Err(D::Error::custom("neither `data` nor `metadata` has a value"));
        }
        let next = raw.metadata.and_then(Metadata::next);
        Ok(WirePage { data: raw.data.map(|DecodedItems(data)| data).unwrap_or_default(), unreadable: Vec::new(), next })
    }
}

/// The metadata of one page.
#[derive(Deserialize)]
struct Metadata {
    /// The link to the next page, which may be empty on the last one.
    next: Option<String>,
}

impl Metadata {
    /// Returns the link to the next page, if there is one.
    fn next(self) -> Option<String> {
        self.next.filter(|next| !next.is_empty())
    }
}

impl<S: WireObject> WirePage<S> {
    /// Reads a page item by item. An item that cannot be read is kept by its id or name. If it has neither, the page
    /// cannot be read.
    pub(super) fn decode_items(text: &str) -> serde_json::Result<Self> {
        /// The page with its items as unparsed JSON.
        #[derive(Deserialize)]
        struct Raw<'a> {
            /// The metadata with the link to the next page.
            metadata: Option<Metadata>,
            /// The items as unparsed JSON.
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
        }
        let raw: Raw<'_> = serde_json::from_str(text)?;
        let next = raw.metadata.and_then(Metadata::next);
        let mut page = WirePage { data: Vec::new(), unreadable: Vec::new(), next };
        for item in raw.data {
            match serde_json::from_str(item.get()) {
                Ok(Decoded::<S>(object)) => page.data.push(object),
                Err(error) => {
                    let fields: serde_json::Map<String, Value> = serde_json::from_str(item.get())?;
                    let handle = fields.get(S::ID_FIELD).and_then(Value::as_str).filter(|handle| !handle.is_empty());
                    let Some(handle) = handle else { return Err(error) };
                    page.unreadable.push((handle.to_owned(), error.to_string()));
                }
            }
        }
        Ok(page)
    }
}

/// An array of shapes, each converted as it is read, so that the list is not held in memory twice.
struct DecodedItems<S: WireObject>(Vec<S::Domain>);

impl<'de, S: WireObject> Deserialize<'de> for DecodedItems<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        /// Visits the array and converts each item.
        struct ItemsVisitor<S>(PhantomData<S>);
        impl<'de, S: WireObject> Visitor<'de> for ItemsVisitor<S> {
            type Value = DecodedItems<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<DecodedItems<S>, A::Error> {
                let mut objects = Vec::new();
                while let Some(Decoded(object)) = items.next_element::<Decoded<S>>()? {
                    objects.push(object);
                }
                Ok(DecodedItems(objects))
            }
        }
        deserializer.deserialize_seq(ItemsVisitor(PhantomData))
    }
}
