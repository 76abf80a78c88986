//! A JSON object kept as it was received, so that fields unknown to floe are sent back byte for byte.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::{Error, SerializeMap},
};
use serde_json::value::{RawValue, to_raw_value};

use crate::resource::StatementUpdate;

/// The members of an object in their original order, each value as its original text.
#[derive(Clone, Default)]
pub(in crate::cloud) struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    /// Returns the object with the update applied to its `spec`.
    pub(in crate::cloud) fn with_update(&self, update: &StatementUpdate) -> serde_json::Result<RawObject> {
        let mut spec: RawObject = match self.get("spec") {
            Some(spec) => serde_json::from_str(spec.get())?,
            None => return Err(serde_json::Error::custom("`spec` is missing")),
        };
        spec.set("stopped", &update.stopped)?;
        if let Some(pool) = &update.pool {
            spec.set("compute_pool_id", pool)?;
        }
        if let Some(principal) = &update.principal {
            spec.set("principal", principal)?;
        }
        let mut object = self.clone();
        object.set("spec", &spec)?;
        Ok(object)
    }

    /// Returns the value of the member `name`.
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value.as_ref())
    }

    /// Sets the member `name`. A new member is added at the end.
    fn set<T: Serialize>(&mut self, name: &str, value: &T) -> serde_json::Result<()> {
        let value = to_raw_value(value)?;
        match self.0.iter_mut().find(|(member, _)| member == name) {
            Some((_, place)) => *place = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Visits the members of the object in order.
        struct RawObjectVisitor;
        impl<'de> Visitor<'de> for RawObjectVisitor {
            type Value = RawObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawObject, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawObject(members))
            }
        }
        deserializer.deserialize_map(RawObjectVisitor)
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
