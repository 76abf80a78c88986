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

    /// Returns the same text with each line end CR LF of the file as LF, and its map. A checkout on Windows then declares
    /// the same SQL. A CR that an escape or a variable stands for stays.
    pub(super) fn with_unix_line_ends(self, text: &Arc<str>) -> (Arc<str>, SqlSourceMap) {
        let is_verbatim = |at: usize| self.segment_at(at).is_some_and(|segment| segment.verbatim);
        let mut unix_text = String::with_capacity(text.len());
        let mut map = SqlSourceMap::empty(Arc::clone(&self.source));
        let mut start = 0;
        for (at, _) in text.match_indices("\r\n").filter(|&(at, _)| is_verbatim(at)) {
            unix_text.push_str(text.get(start..at).unwrap_or_default());
            map.push_range(&self, &(start..at));
            start = at.saturating_add(1);
        }
        if start == 0 {
            return (Arc::clone(text), self);
        }
        unix_text.push_str(text.get(start..).unwrap_or_default());
        map.push_range(&self, &(start..text.len()));
        (Arc::from(unix_text), map)
    }

    /// Returns the location of a reference `${…}` that is empty or blank in `text`, and that only white space separates
    /// from `span`.
    pub(super) fn blank_reference_next_to(&self, text: &str, span: &Span) -> Option<SourceLocation> {
        let is_blank = |range: Span| text.get(range).is_some_and(|between| between.trim().is_empty());
        let found = self.segments.iter().find(|segment| {
            let is_reference = || {
                let written = self.source.text.get(segment.file.clone()).unwrap_or_default();
                written.starts_with("${")
            };
            let is_adjacent = is_blank(segment.text.end..span.start) || is_blank(span.end..segment.text.start);
            !segment.verbatim && is_blank(segment.text.clone()) && is_adjacent && is_reference()
        })?;
        Some(SourceLocation { source: Arc::clone(&self.source), span: found.file.clone() })
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
