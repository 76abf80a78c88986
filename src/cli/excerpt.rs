//! What is quoted of a file whose lines are longer than a screen is wide: a window of each around what is meant.

use std::borrow::Cow;

use super::problems::QuotedFile;
use crate::resource::Span;

/// What stands for what is left out.
const ELLIPSIS: &str = "…";

/// What of a window stands before what is meant: a quarter.
const LEADING_FRACTION: usize = 4;

/// The quoted lines around `span`, cut to `width` characters, and where the span stands in them. `None` where all of
/// them fit.
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

/// A line of which only `kept` is left.
struct LineExcerpt {
    text: String,
    kept: Span,
    /// The bytes before what is kept.
    prefix_length: usize,
}

impl LineExcerpt {
    fn offset_of(&self, at: usize) -> usize {
        self.prefix_length.saturating_add(at.clamp(self.kept.start, self.kept.end).saturating_sub(self.kept.start))
    }
}

/// `width` characters of `line`, so that the byte `meant` is among them.
fn line_excerpt(line: &str, target: usize, width: usize) -> LineExcerpt {
    let (left, right) = line.split_at_checked(target).unwrap_or((line, ""));
    let room = width.max(LEADING_FRACTION);
    let all_of = |text: &str, most: usize| text.chars().take(most.saturating_add(1)).count() <= most;
    let before = if all_of(line, room) { room } else { room / LEADING_FRACTION };
    let start = left.char_indices().rev().take(before).last().map_or(left.len(), |(at, _)| at);
    let taken = left.get(start..).unwrap_or_default().chars().count();
    let rest = room.saturating_sub(taken);
    let end = right.char_indices().nth(rest).map_or(line.len(), |(at, _)| left.len().saturating_add(at));
    let ahead = if start > 0 { ELLIPSIS } else { "" };
    let behind = if end < line.len() { ELLIPSIS } else { "" };
    let kept = start..end;
    LineExcerpt {
        text: [ahead, line.get(kept.clone()).unwrap_or_default(), behind].concat(),
        kept,
        prefix_length: ahead.len(),
    }
}
