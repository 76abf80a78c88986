//! Values with the place where they are written.

use std::sync::Arc;

use crate::resource::SourceLocation;

/// A value and the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct At<T> {
    /// The value as it is written or derived from what is written.
    pub value: T,
    /// The location of the value in its file.
    pub place: SourceLocation,
}

/// An optional field. It is boxed because most fields of most resources are not set.
pub(in crate::manifest) type Field<T> = Option<Box<At<T>>>;

/// One entry of a table of strings, such as `properties`.
#[derive(Debug, Clone)]
pub(in crate::manifest) struct StringEntry {
    /// The location of the key.
    pub key_place: SourceLocation,
    /// The string and its location.
    pub value: At<Arc<str>>,
}
