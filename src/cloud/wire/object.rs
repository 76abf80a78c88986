//! The trait of JSON shapes that are converted to types of the domain.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};

/// A JSON shape of the API that is converted to a type of the domain.
pub(in crate::cloud) trait WireObject: DeserializeOwned {
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
pub(in crate::cloud) struct MissingField(pub(super) &'static str);

/// The domain value of the shape `S`, converted during deserialization.
pub(in crate::cloud) struct Decoded<S: WireObject>(pub(in crate::cloud) S::Domain);

impl<'de, S: WireObject> Deserialize<'de> for Decoded<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let shape = S::deserialize(deserializer)?;
        shape
            .into_domain()
            .map(Decoded)
            .map_err(|MissingField(field)| D::Error::custom(format_args!("`{field}` is missing")))
    }
}
