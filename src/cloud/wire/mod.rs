//! The JSON of the two APIs, read with tolerance: unknown fields are skipped, and what may be absent may also be null.
//! Only what decisions rest on must be there. (`flink-gateway-v1` and `fcpm-v2` in Confluent's API description.)

mod pool;
mod statement;
mod whole;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Cloud, Error, ErrorKind, Response, Result, call::Call, failure};

pub(super) use pool::{NewPool, Pool, PoolChange, Region};
pub(super) use statement::{Exception, NewStatement, Statement};
pub(super) use whole::Whole;

/// A thing of the domain, or the name of the field that it cannot do without.
pub(super) type Read<T> = std::result::Result<T, String>;

/// One page of a list.
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Metadata {
            next: Option<String>,
        }
        #[derive(Deserialize)]
        struct Raw<T> {
            #[serde(default = "Option::default")]
            metadata: Option<Metadata>,
            // Without a default: an object that lacks `data` is no list, let alone an empty one.
            #[serde(deserialize_with = "Option::deserialize", bound = "T: Deserialize<'de>")]
            data: Option<Vec<T>>,
        }
        let raw = Raw::deserialize(deserializer)?;
        if raw.data.is_none() && raw.metadata.is_none() {
            return Err(D::Error::custom("neither `data` nor `metadata` holds anything"));
        }
        let next = raw.metadata.and_then(|metadata| metadata.next).filter(|next| !next.is_empty());
        Ok(Page { data: raw.data.unwrap_or_default(), next })
    }
}

impl Cloud {
    /// Reads the body of a 2xx.
    pub(super) fn decode<'a, T: Deserialize<'a>>(&self, call: &Call, response: &'a Response) -> Result<T> {
        serde_json::from_slice(&response.body).map_err(|error| self.garbled(call, response, &error.to_string()))
    }

    /// The error for a 2xx that does not read as an answer of this API. After a request that changes something it
    /// means that its outcome is unknown, not that nothing happened.
    pub(super) fn garbled(&self, call: &Call, response: &Response, why: &str) -> Error {
        let kind = if call.method.changes() { ErrorKind::Uncertain } else { ErrorKind::Garbled };
        let detail = match response.body.trim_ascii() {
            [] => "the answer is empty".to_owned(),
            body => format!("the answer is not one of this API ({why}); it begins `{}`", failure::excerpt(body)),
        };
        self.presentable(failure::answered(call, kind, response, detail))
    }
}
