//! The JSON of the two APIs, read tolerantly: unknown fields are skipped, and a field that may be absent may also be
//! null. Only fields that decisions depend on are required. (`flink-gateway-v1` and `fcpm-v2` in Confluent's API
//! description.)

mod pool;
mod raw_object;
mod statement;

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{CloudClient, Error, ErrorKind, HttpResponse, Result, call::ApiCall, response_error};

pub(super) use pool::{NewPool, Pool, PoolChange, Region};
pub(super) use raw_object::RawObject;
pub(super) use statement::{Exception, NewStatement, Statement};

/// A JSON shape of the API that is converted to a type of the domain.
pub(super) trait WireObject: DeserializeOwned {
    /// The domain type for this shape.
    type Domain;

    /// The JSON field that identifies an object in a list.
    const ID_FIELD: &'static str;

    /// Converts the shape to the domain type.
    ///
    /// # Errors
    /// Returns the name of a required field that is missing.
    fn into_domain(self) -> std::result::Result<Self::Domain, MissingField>;
}

/// The name of a required field that is missing.
pub(super) struct MissingField(&'static str);

/// The domain value of the shape `S`, converted during deserialization.
pub(super) struct Decoded<S: WireObject>(pub(super) S::Domain);

impl<'de, S: WireObject> Deserialize<'de> for Decoded<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let shape = S::deserialize(deserializer)?;
        shape
            .into_domain()
            .map(Decoded)
            .map_err(|MissingField(field)| D::Error::custom(format_args!("`{field}` is missing")))
    }
}

/// One page of a list of `S`.
pub(super) struct WirePage<S: WireObject> {
    /// The items that could be read.
    pub(super) data: Vec<S::Domain>,
    /// The ids or names of items that could not be read, each with the reason.
    pub(super) unreadable: Vec<(String, String)>,
    /// The link to the next page, if there is one.
    pub(super) next: Option<String>,
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
    fn decode_items(text: &str) -> serde_json::Result<Self> {
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

impl CloudClient {
    /// Reads the object in the body of a 2xx.
    pub(super) fn decode_object<S: WireObject>(&self, call: &ApiCall, response: &HttpResponse) -> Result<S::Domain> {
        self.decode(call, response).map(|Decoded::<S>(object)| object)
    }

    /// Reads the page in the body of a 2xx. One item that cannot be read does not hide the others.
    pub(super) fn decode_page<S: WireObject>(&self, call: &ApiCall, response: &HttpResponse) -> Result<WirePage<S>> {
        self.decode(call, response).or_else(|error| {
            let text = std::str::from_utf8(&response.body).unwrap_or_default();
            let mut page = WirePage::<S>::decode_items(text).map_err(|_| error)?;
            for (_, why) in &mut page.unreadable {
                *why = self.sanitize_text(format!("the service returned it in a form that cannot be read: {why}"));
            }
            Ok(page)
        })
    }

    /// Reads a value from the body of a 2xx.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&self, call: &ApiCall, response: &'a HttpResponse) -> Result<T> {
        let text = std::str::from_utf8(&response.body)
            .map_err(|error| self.invalid_response(call, response, &error.to_string()))?;
        serde_json::from_str(text).map_err(|error| self.invalid_response(call, response, &error.to_string()))
    }

    /// Returns the error for a 2xx that is not a response of this API. After a request that changes something, it
    /// means that the outcome is unknown, not that nothing happened.
    pub(super) fn invalid_response(&self, call: &ApiCall, response: &HttpResponse, why: &str) -> Error {
        let kind = if call.method.is_safe() { ErrorKind::InvalidResponse } else { ErrorKind::Uncertain };
        let response = &self.redact_response(response.clone());
        let detail = match response.body.trim_ascii() {
            [] => "the response is empty".to_owned(),
            body => format!("unexpected response ({why}) that begins with `{}`", response_error::excerpt(body)),
        };
        let help = response_error::is_html(response).then(|| response_error::html_page_help(call));
        self.sanitize_error(Error { help, ..response_error::error_with_response(call, kind, response, detail) })
    }
}
