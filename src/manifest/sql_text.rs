//! Where a text that was cut from a file, unescaped and filled in, stands in that file.

use std::sync::Arc;

use crate::resource::{SourceFile, SourceLocation, Span};

/// Where a statement's SQL stands in a file: maps offsets of the text after `${…}` to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlText {
    /// The `.sql` file or the manifest that holds the string.
    pub source: Arc<SourceFile>,
    /// Without gaps, in ascending order of the text.
    stretches: Vec<Stretch>,
}

/// A stretch of the text and the stretch of the file that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    text: Span,
    file: Span,
    /// Whether they are the same bytes. An escape or a variable is not: all of what it stands for maps to all of it.
    verbatim: bool,
}

impl SqlText {
    /// A text that is nothing yet.
    pub(super) fn empty(source: Arc<SourceFile>) -> Self {
        SqlText { source, stretches: Vec::new() }
    }

    /// The same, without room for more.
    pub(super) fn fitted(mut self) -> Self {
        self.stretches.shrink_to_fit();
        self
    }

    /// The text that is the whole file.
    pub(super) fn whole(source: Arc<SourceFile>) -> Self {
        let length = source.text.len();
        let mut text = SqlText::empty(source);
        text.push(length, 0..length, true);
        text
    }

    /// The place in the file of a span of the SQL.
    pub fn locate(&self, span: &Span) -> SourceLocation {
        let start = self.stretch_at(span.start).map_or_else(
            || self.stretches.last().map_or(0, |last| last.file.end),
            |stretch| match stretch.verbatim {
                true => stretch.file.start.saturating_add(span.start.saturating_sub(stretch.text.start)),
                false => stretch.file.start,
            },
        );
        let last = span.end.saturating_sub(1).max(span.start);
        let end = match self.stretch_at(last) {
            _ if span.end <= span.start => start,
            None => self.stretches.last().map_or(start, |last| last.file.end),
            Some(stretch) if stretch.verbatim => {
                stretch.file.start.saturating_add(span.end.saturating_sub(stretch.text.start)).min(stretch.file.end)
            }
            Some(stretch) => stretch.file.end,
        };
        SourceLocation { source: Arc::clone(&self.source), span: start..end.max(start) }
    }

    /// How long the text is.
    pub(super) fn len(&self) -> usize {
        self.stretches.last().map_or(0, |last| last.text.end)
    }

    /// Lets the text go on with `length` bytes that come from `file`.
    pub(super) fn push(&mut self, length: usize, file: Span, verbatim: bool) {
        let start = self.len();
        if let Some(last) = self.stretches.last_mut()
            && verbatim
            && last.verbatim
            && last.file.end == file.start
        {
            last.text.end = last.text.end.saturating_add(length);
            last.file.end = file.end;
            return;
        }
        self.stretches.push(Stretch { text: start..start.saturating_add(length), file, verbatim });
    }

    /// Lets the text go on with the bytes `span` of `other`, a text of the same file.
    pub(super) fn push_part(&mut self, other: &SqlText, span: &Span) {
        let first = other.stretches.partition_point(|stretch| stretch.text.end <= span.start);
        for stretch in other.stretches.iter().skip(first).take_while(|stretch| stretch.text.start < span.end) {
            let from = stretch.text.start.max(span.start);
            let to = stretch.text.end.min(span.end);
            let file = match stretch.verbatim {
                true => {
                    let shift = |at: usize| stretch.file.start.saturating_add(at.saturating_sub(stretch.text.start));
                    shift(from)..shift(to)
                }
                false => stretch.file.clone(),
            };
            self.push(to.saturating_sub(from), file, stretch.verbatim);
        }
    }

    fn stretch_at(&self, offset: usize) -> Option<&Stretch> {
        let index = self.stretches.partition_point(|stretch| stretch.text.end <= offset);
        self.stretches.get(index)
    }
}
