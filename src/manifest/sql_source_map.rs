//! Where a text that was cut from a file, unescaped and filled in, stands in that file.

use std::sync::Arc;

use crate::resource::{SourceFile, SourceLocation, Span};

/// Where a statement's SQL stands in a file: maps offsets of the text after `${…}` to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlSourceMap {
    /// The `.sql` file or the manifest that holds the string.
    pub source: Arc<SourceFile>,
    /// Without gaps, in ascending order of the text.
    segments: Vec<SourceSegment>,
}

/// A stretch of the text and the stretch of the file that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceSegment {
    text: Span,
    file: Span,
    /// Whether they are the same bytes. An escape or a variable is not: all of what it stands for maps to all of it.
    verbatim: bool,
}

impl SqlSourceMap {
    /// A text that is nothing yet.
    pub(super) fn empty(source: Arc<SourceFile>) -> Self {
        SqlSourceMap { source, segments: Vec::new() }
    }

    /// The same, without room for more.
    pub(super) fn shrunk_to_fit(mut self) -> Self {
        self.segments.shrink_to_fit();
        self
    }

    /// The text that is the whole file.
    pub(super) fn of_file(source: Arc<SourceFile>) -> Self {
        let length = source.text.len();
        let mut text = SqlSourceMap::empty(source);
        text.push(length, 0..length, true);
        text
    }

    /// The place in the file of a span of the SQL.
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

    /// How long the text is.
    pub(super) fn len(&self) -> usize {
        self.segments.last().map_or(0, |last| last.text.end)
    }

    /// Lets the text go on with `length` bytes that come from `file`.
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

    /// Lets the text go on with the bytes `span` of `other`, a text of the same file.
    pub(super) fn push_range(&mut self, other: &SqlSourceMap, span: &Span) {
        let first = other.segments.partition_point(|segment| segment.text.end <= span.start);
        for segment in other.segments.iter().skip(first).take_while(|stretch| stretch.text.start < span.end) {
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

    fn segment_at(&self, offset: usize) -> Option<&SourceSegment> {
        let index = self.segments.partition_point(|segment| segment.text.end <= offset);
        self.segments.get(index)
    }
}
