//! Source locations as JSON fields.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::resource::{SourceFile, SourceLocation};

/// The line ends of each source file, searched once per file.
#[derive(Default)]
pub(super) struct LineIndex(BTreeMap<*const SourceFile, Vec<usize>>);

impl LineIndex {
    /// Adds the file of a place, its line (counted from 1) and its byte range to a JSON object.
    pub(super) fn add_place(&mut self, to: &mut Value, place: Option<&SourceLocation>) {
        let (Value::Object(fields), Some(place)) = (to, place) else { return };
        let find_line_ends = |source: &SourceFile| source.text.match_indices('\n').map(|(at, _)| at).collect();
        let line_ends = self.0.entry(Arc::as_ptr(&place.source)).or_insert_with(|| find_line_ends(&place.source));
        let line = line_ends.partition_point(|end| *end < place.span.start).saturating_add(1);
        fields.insert("file".to_owned(), json!(place.source.path));
        fields.insert("line".to_owned(), json!(line));
        fields.insert("span".to_owned(), json!([place.span.start, place.span.end]));
    }
}
