//! Cuts quoted lines that are wider than the screen to a window around the location of the problem.

use std::borrow::Cow;

use super::quoted_file::QuotedFile;
use crate::{
    render::{count_fitting, display_width},
    resource::Span,
};

/// The mark in place of text that is left out.
const ELLIPSIS: &str = "…";

/// The divisor for the part of the window that is before the target: a quarter.
const LEADING_FRACTION: usize = 4;

/// Returns the lines around `span`, each cut to `width` columns, and the span in the excerpt. Returns `None` if all
/// lines fit.
pub(super) fn excerpt(file: &QuotedFile<'_>, span: &Span, width: usize) -> Option<(QuotedFile<'static>, Span)> {
    let (first, last) = (file.line_at(span.start), file.line_at(span.end.saturating_sub(1).max(span.start)));
    let top = first.saturating_sub(1);
    let bottom = last.saturating_add(1).min(file.line_count().saturating_sub(1));
    let is_long = |line: usize| file.line_start(line.saturating_add(1)).saturating_sub(file.line_start(line)) > width;
    if !(top..=bottom).any(is_long) {
        return None;
    }
    let mut text = String::new();
    let (mut start, mut end) = (0, 0);
    for number in top..=bottom {
        let line_start = file.line_start(number);
        let line = file.text.get(line_start..file.line_start(number.saturating_add(1))).unwrap_or_default().trim_end();
        let inside = |at: usize| at.saturating_sub(line_start).min(line.len());
        let target = if number == first { inside(span.start) } else { 0 };
        let shortened = line_excerpt(line, target, width);
        let text_offset = |at: usize| text.len().saturating_add(shortened.offset_of(at));
        if number == first {
            start = text_offset(inside(span.start));
        }
        if number == last {
            end = text_offset(inside(span.end));
        }
        text.push_str(&shortened.text);
        text.push('\n');
    }
    let excerpt = QuotedFile::partial(file.name.clone(), Cow::Owned(text), top, Some(file.position(span.start)));
    Some((excerpt, start..end.max(start)))
}

/// A line of which only the bytes in `kept` are left.
struct LineExcerpt {
    /// The shortened line, with an ellipsis where text is left out.
    text: String,
    /// The bytes of the whole line that are kept.
    kept: Span,
    /// The number of bytes in `text` before the kept part.
    prefix_length: usize,
}

impl LineExcerpt {
    /// Returns the offset in `text` of the byte `at` of the whole line.
    fn offset_of(&self, at: usize) -> usize {
        self.prefix_length.saturating_add(at.clamp(self.kept.start, self.kept.end).saturating_sub(self.kept.start))
    }
}

/// Cuts `line` to `width` columns that include the byte `target`.
fn line_excerpt(line: &str, target: usize, width: usize) -> LineExcerpt {
    let (left, right) = line.split_at_checked(target).unwrap_or((line, ""));
    let room = width.max(LEADING_FRACTION);
    let fits = line.chars().nth(count_fitting(line.chars(), room)).is_none();
    let before = count_fitting(left.chars().rev(), if fits { room } else { room / LEADING_FRACTION });
    let start = left.char_indices().rev().take(before).last().map_or(left.len(), |(at, _)| at);
    let rest = room.saturating_sub(display_width(left.get(start..).unwrap_or_default()));
    let after = count_fitting(right.chars(), rest);
    let end = right.char_indices().nth(after).map_or(line.len(), |(at, _)| left.len().saturating_add(at));
    let ahead = if start > 0 { ELLIPSIS } else { "" };
    let behind = if end < line.len() { ELLIPSIS } else { "" };
    let kept = start..end;
    LineExcerpt {
        text: [ahead, line.get(kept.clone()).unwrap_or_default(), behind].concat(),
        kept,
        prefix_length: ahead.len(),
    }
}
