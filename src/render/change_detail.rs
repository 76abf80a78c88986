//! A detail of a change, as every format shows it.

use super::sql_diff::DiffLine;
use crate::resource::visible;

/// A detail below the headline of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ChangeDetail {
    /// Sentences. Lines after the first are there to be pasted.
    Prose(String),
    /// SQL lines that are removed and added.
    Sql(Vec<DiffLine>),
}

impl ChangeDetail {
    /// Returns the detail with characters that could steer a terminal spelled out. SQL lines already are.
    pub(super) fn made_visible(self) -> ChangeDetail {
        match self {
            ChangeDetail::Prose(text) => ChangeDetail::Prose(visible(&text).into_owned()),
            sql @ ChangeDetail::Sql(_) => sql,
        }
    }
}
