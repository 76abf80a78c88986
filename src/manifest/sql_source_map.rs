//! Maps a text that was read from a file, unescaped and expanded, back to its position in that file.

use std::sync::Arc;

use crate::resource::{SourceFile, SourceLocation, Span};

/// The map from a statement's SQL, after `${…}` is expanded, to the file that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlSourceMap {
    /// The `.sql` file or the manifest that holds the string.
    pub source: Arc<SourceFile>,
    /// The segments of the text, in ascending order and without gaps.
    segments: Vec<SourceSegment>,
}

/// A span of the text and the span of the file that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceSegment {
    /// The span of the expanded text.
    text: Span,
    /// The span of the file.
    file: Span,
    /// Whether both spans hold the same bytes. If not, as for an escape or a variable, the whole value maps to the
    /// whole escape or reference.
    verbatim: bool,
}

impl SqlSourceMap {
    /// Returns the map of an empty text.
    pub(super) fn empty(source: Arc<SourceFile>) -> Self {
        SqlSourceMap { source, segments: Vec::new() }
    }

    /// Returns the same map without spare capacity.
    pub(super) fn shrunk_to_fit(mut self) -> Self {
        self.segments.shrink_to_fit();
        self
    }

    /// Returns the map of a text that is the whole file.
    pub(super) fn of_file(source: Arc<SourceFile>) -> Self {
        let length = source.text.len();
        let mut text = SqlSourceMap::empty(source);
        text.push(length, 0..length, true);
        text
    }

    /// Returns the location in the file of a span of the SQL.
    pub fn locate(&self, span: &Span) -> SourceLocation {
        let start = self.segment_at(span.start).map_or_else(
            || self.segments.last().map_or(0, |last| last.file.end),
            |segment| match segment.verbatim {
                true => segment.file.start.saturating_add(span.start.saturating_sub(segment.text.start)),
                false => segment.file.start,
            },
        );
        let last = span.end.saturating_sub(1).max(span.start);
        let end = match self.segment_at(last) {
            _ if span.end <= span.start => start,
            None => self.segments.last().map_or(start, |last| last.file.end),
            Some(segment) if segment.verbatim => {
                segment.file.start.saturating_add(span.end.saturating_sub(segment.text.start)).min(segment.file.end)
            }
            Some(segment) => segment.file.end,
        };
        SourceLocation { source: Arc::clone(&self.source), span: start..end.max(start) }
    }

    /// Returns the length of the text in bytes.
    pub(super) fn len(&self) -> usize {
        self.segments.last().map_or(0, |last| last.text.end)
    }

    /// Appends `length` bytes that come from the span `file` of the file.
    pub(super) fn push(&mut self, length: usize, file: Span, verbatim: bool) {
        let start = self.len();
        if let Some(last) = self.segments.last_mut()
            && verbatim
            && last.verbatim
            && last.file.end == file.start
        {
            last.text.end = last.text.end.saturating_add(length);
            last.file.end = file.end;
            return;
        }
        self.segments.push(SourceSegment { text: start..start.saturating_add(length), file, verbatim });
    }

    /// Appends the bytes at `span` of `other`, which must map to the same file.
    pub(super) fn push_range(&mut self, other: &SqlSourceMap, span: &Span) {
        let first = other.segments.partition_point(|segment| segment.text.end <= span.start);
        for segment in other.segments.iter().skip(first).take_while(|segment| segment.text.start < span.end) {
            let from = segment.text.start.max(span.start);
            let to = segment.text.end.min(span.end);
            let file = match segment.verbatim {
                true => {
                    let shift = |at: usize| segment.file.start.saturating_add(at.saturating_sub(segment.text.start));
                    shift(from)..shift(to)
                }
                false => segment.file.clone(),
            };
            self.push(to.saturating_sub(from), file, segment.verbatim);
        }
    }

    /// Returns the segment that contains the byte at `offset` of the text.
    fn segment_at(&self, offset: usize) -> Option<&SourceSegment> {
        let index = self.segments.partition_point(|segment| segment.text.end <= offset);
        self.segments.get(index)
    }
}
