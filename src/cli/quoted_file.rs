//! A source file, or an excerpt of one, with the offsets of its lines.

use std::borrow::Cow;

use crate::resource::{SourceFile, visible};

/// A file or an excerpt of one, with the offsets of its lines.
#[derive(Debug, Clone)]
pub(super) struct QuotedFile<'a> {
    /// The path of the file, as shown.
    pub name: String,
    /// The text of the file or the excerpt.
    pub text: Cow<'a, str>,
    /// The byte offset of each line in `text`. The first is 0. No line starts after a final line end.
    line_starts: Vec<usize>,
    /// The number in the file of the first line of `text`, from 0.
    pub first_line: usize,
    /// The line and column in the file that an excerpt is about, if they differ from those in `text`.
    pub target_position: Option<(usize, usize)>,
}

impl<'a> QuotedFile<'a> {
    /// Returns the whole file `source`.
    pub fn of(source: &'a SourceFile) -> Self {
        // Color codes in a file must not pass for floe's own. Spans count bytes, so the substitute is one byte, too.
        let text = match source.text.contains('\u{1b}') {
            true => Cow::Owned(source.text.replace('\u{1b}', "\u{1a}")),
            false => Cow::Borrowed(&*source.text),
        };
        QuotedFile::partial(visible(&source.path.to_string_lossy()).into_owned(), text, 0, None)
    }

    /// Returns an excerpt that starts with the line `first_line` of a file.
    pub(super) fn partial(
        name: String,
        text: Cow<'a, str>,
        first_line: usize,
        target_position: Option<(usize, usize)>,
    ) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at.saturating_add(1)).filter(|start| *start < text.len());
        let line_starts = std::iter::once(0).chain(ends).collect();
        QuotedFile { name, text, line_starts, first_line, target_position }
    }

    /// Returns the number of lines.
    pub(super) fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// Returns the line that contains an offset, from 0.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Returns the offset at which a line starts, or the end of the text if there is no such line.
    pub(super) fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// Returns the line and the column of an offset, both from 0. The column is counted in characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_at(offset);
        let before = self.text.get(self.line_start(line)..offset).unwrap_or_default();
        (line, before.chars().count())
    }
}
