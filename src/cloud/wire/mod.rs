//! The JSON of the two APIs, read with tolerance: unknown fields are skipped, and what may be absent may also be null.
//! Only what decisions rest on must be there. (`flink-gateway-v1` and `fcpm-v2` in Confluent's API description.)

mod pool;
mod statement;
mod whole;

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{Cloud, Error, ErrorKind, Response, Result, call::Call, failure};

pub(super) use pool::{NewPool, Pool, PoolChange, Region};
pub(super) use statement::{Exception, NewStatement, Statement};
pub(super) use whole::Whole;

/// A shape of the wire, and the thing of the domain that it stands for.
pub(super) trait Shape: DeserializeOwned {
    /// The thing of the domain.
    type Noun;

    /// The field that tells its like apart.
    const HANDLE: &'static str;

    /// Reads it; fails with the name of a field that it cannot do without.
    fn read(self) -> std::result::Result<Self::Noun, Missing>;
}

/// The name of a field that must be there.
pub(super) struct Missing(&'static str);

/// What `S` stands for, read on the spot.
pub(super) struct Read<S: Shape>(pub(super) S::Noun);

impl<'de, S: Shape> Deserialize<'de> for Read<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let shape = S::deserialize(deserializer)?;
        shape.read().map(Read).map_err(|Missing(field)| D::Error::custom(format_args!("`{field}` is missing")))
    }
}

/// One page of a list.
pub(super) struct Page<S: Shape> {
    pub(super) data: Vec<S::Noun>,
    /// Handles of things that do not read, and why.
    pub(super) unreadable: Vec<(String, String)>,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

impl<'de, S: Shape> Deserialize<'de> for Page<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "")]
        struct Raw<S: Shape> {
            metadata: Option<Metadata>,
            // With a function of its own, so that it has no default: an object that lacks `data` is no list, let alone
            // an empty one.
            #[serde(deserialize_with = "Option::deserialize")]
            data: Option<Nouns<S>>,
        }
        let raw = Raw::<S>::deserialize(deserializer)?;
        if raw.data.is_none() && raw.metadata.is_none() {
            return Err(D::Error::custom("neither `data` nor `metadata` holds anything"));
        }
        let next = raw.metadata.and_then(Metadata::next);
        Ok(Page { data: raw.data.map(|Nouns(data)| data).unwrap_or_default(), unreadable: Vec::new(), next })
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

impl<S: Shape> Page<S> {
    /// A page thing by thing: one that does not read is kept by its handle, and spoils the page only without one.
    fn piecemeal(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            metadata: Option<Metadata>,
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
        }
        let raw: Raw<'_> = serde_json::from_str(text)?;
        let next = raw.metadata.and_then(Metadata::next);
        let mut page = Page { data: Vec::new(), unreadable: Vec::new(), next };
        for thing in raw.data {
            match serde_json::from_str(thing.get()) {
                Ok(Read::<S>(noun)) => page.data.push(noun),
                Err(error) => {
                    let fields: serde_json::Map<String, Value> = serde_json::from_str(thing.get())?;
                    let handle = fields.get(S::HANDLE).and_then(Value::as_str).filter(|handle| !handle.is_empty());
                    let Some(handle) = handle else { return Err(error) };
                    page.unreadable.push((handle.to_owned(), error.to_string()));
                }
            }
        }
        Ok(page)
    }
}

/// An array of shapes, each turned into its noun as it comes, so that a list is not held twice.
struct Nouns<S: Shape>(Vec<S::Noun>);

impl<'de, S: Shape> Deserialize<'de> for Nouns<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Items<S>(PhantomData<S>);
        impl<'de, S: Shape> Visitor<'de> for Items<S> {
            type Value = Nouns<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Nouns<S>, A::Error> {
                let mut nouns = Vec::new();
                while let Some(Read(noun)) = items.next_element::<Read<S>>()? {
                    nouns.push(noun);
                }
                Ok(Nouns(nouns))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

impl Cloud {
    /// Reads the thing in the body of a 2xx.
    pub(super) fn read<S: Shape>(&self, call: &Call, response: &Response) -> Result<S::Noun> {
        self.decode(call, response).map(|Read::<S>(noun)| noun)
    }

    /// Reads the page in the body of a 2xx. One odd thing of somebody's does not hide all others.
    pub(super) fn page<S: Shape>(&self, call: &Call, response: &Response) -> Result<Page<S>> {
        self.decode(call, response).or_else(|error| {
            let text = std::str::from_utf8(&response.body).unwrap_or_default();
            let mut page = Page::<S>::piecemeal(text).map_err(|_| error)?;
            for (_, why) in &mut page.unreadable {
                *why = self.in_words(format!("the service shows it in a form that does not read: {why}"));
            }
            Ok(page)
        })
    }

    /// Reads the body of a 2xx.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&self, call: &Call, response: &'a Response) -> Result<T> {
        let text =
            std::str::from_utf8(&response.body).map_err(|error| self.garbled(call, response, &error.to_string()))?;
        serde_json::from_str(text).map_err(|error| self.garbled(call, response, &error.to_string()))
    }

    /// The error for a 2xx that does not read as an answer of this API. After a request that changes something it
    /// means that its outcome is unknown, not that nothing happened.
    pub(super) fn garbled(&self, call: &Call, response: &Response, why: &str) -> Error {
        let kind = if call.method.changes() { ErrorKind::Uncertain } else { ErrorKind::Garbled };
        let response = &self.quotable(response.clone());
        let detail = match response.body.trim_ascii() {
            [] => "the answer is empty".to_owned(),
            body => format!("the answer is not one of this API ({why}); it begins `{}`", failure::excerpt(body)),
        };
        let help = failure::is_page(response).then(|| failure::page_help(call));
        self.presentable(Error { help, ..failure::answered(call, kind, response, detail) })
    }
}
