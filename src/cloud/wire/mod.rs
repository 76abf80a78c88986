//! The JSON of the two APIs, read with tolerance: unknown fields are skipped, and what may be absent may also be null.
//! Only what decisions rest on must be there. (`flink-gateway-v1` and `fcpm-v2` in Confluent's API description.)

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

/// A shape of the wire, and the thing of the domain that it stands for.
pub(super) trait WireObject: DeserializeOwned {
    /// The thing of the domain.
    type Domain;

    /// The field that tells its like apart.
    const ID_FIELD: &'static str;

    /// Reads it; fails with the name of a field that it cannot do without.
    fn into_domain(self) -> std::result::Result<Self::Domain, MissingField>;
}

/// The name of a field that must be there.
pub(super) struct MissingField(&'static str);

/// What `S` stands for, read on the spot.
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

/// One page of a list.
pub(super) struct WirePage<S: WireObject> {
    pub(super) data: Vec<S::Domain>,
    /// Handles of things that do not read, and why.
    pub(super) unreadable: Vec<(String, String)>,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

impl<'de, S: WireObject> Deserialize<'de> for WirePage<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "")]
        struct Raw<S: WireObject> {
            metadata: Option<Metadata>,
            // With a function of its own, so that it has no default: an object that lacks `data` is no list, let alone
            // an empty one.
            #[serde(deserialize_with = "Option::deserialize")]
            data: Option<DecodedItems<S>>,
        }
        let raw = Raw::<S>::deserialize(deserializer)?;
        if raw.data.is_none() && raw.metadata.is_none() {
            return Err(D::Error::custom("neither `data` nor `metadata` holds anything"));
        }
        let next = raw.metadata.and_then(Metadata::next);
        Ok(WirePage { data: raw.data.map(|DecodedItems(data)| data).unwrap_or_default(), unreadable: Vec::new(), next })
    }
}

#[derive(Deserialize)]
struct Metadata {
    next: Option<String>,
}

impl Metadata {
    fn next(self) -> Option<String> {
        self.next.filter(|next| !next.is_empty())
    }
}

impl<S: WireObject> WirePage<S> {
    /// A page thing by thing: one that does not read is kept by its handle, and spoils the page only without one.
    fn decode_items(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            metadata: Option<Metadata>,
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

/// An array of shapes, each turned into its noun as it comes, so that a list is not held twice.
struct DecodedItems<S: WireObject>(Vec<S::Domain>);

impl<'de, S: WireObject> Deserialize<'de> for DecodedItems<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
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
    /// Reads the thing in the body of a 2xx.
    pub(super) fn decode_object<S: WireObject>(&self, call: &ApiCall, response: &HttpResponse) -> Result<S::Domain> {
        self.decode(call, response).map(|Decoded::<S>(object)| object)
    }

    /// Reads the page in the body of a 2xx. One odd thing of somebody's does not hide all others.
    pub(super) fn decode_page<S: WireObject>(&self, call: &ApiCall, response: &HttpResponse) -> Result<WirePage<S>> {
        self.decode(call, response).or_else(|error| {
            let text = std::str::from_utf8(&response.body).unwrap_or_default();
            let mut page = WirePage::<S>::decode_items(text).map_err(|_| error)?;
            for (_, why) in &mut page.unreadable {
                *why = self.sanitize_text(format!("the service shows it in a form that does not read: {why}"));
            }
            Ok(page)
        })
    }

    /// Reads the body of a 2xx.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&self, call: &ApiCall, response: &'a HttpResponse) -> Result<T> {
        let text = std::str::from_utf8(&response.body)
            .map_err(|error| self.invalid_response(call, response, &error.to_string()))?;
        serde_json::from_str(text).map_err(|error| self.invalid_response(call, response, &error.to_string()))
    }

    /// The error for a 2xx that does not read as an answer of this API. After a request that changes something it
    /// means that its outcome is unknown, not that nothing happened.
    pub(super) fn invalid_response(&self, call: &ApiCall, response: &HttpResponse, why: &str) -> Error {
        let kind = if call.method.is_mutating() { ErrorKind::Uncertain } else { ErrorKind::InvalidResponse };
        let response = &self.redact_response(response.clone());
        let detail = match response.body.trim_ascii() {
            [] => "the answer is empty".to_owned(),
            body => format!("the answer is not one of this API ({why}); it begins `{}`", response_error::excerpt(body)),
        };
        let help = response_error::is_html(response).then(|| response_error::html_page_help(call));
        self.sanitize_error(Error { help, ..response_error::error_with_response(call, kind, response, detail) })
    }
}
