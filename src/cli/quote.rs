//! What is quoted of a file whose lines are longer than a screen is wide: a window of each around what is meant.

use std::borrow::Cow;

use super::problems::File;
use crate::resource::Span;

/// What stands for what is left out.
const MORE: &str = "…";

/// What of a window stands before what is meant: a quarter.
const BEFORE: usize = 4;

/// The quoted lines around `span`, cut to `width` characters, and where the span stands in them. `None` where all of
/// them fit.
pub(super) fn window(file: &File<'_>, span: &Span, width: usize) -> Option<(File<'static>, Span)> {
    let (first, last) = (file.line(span.start), file.line(span.end.saturating_sub(1).max(span.start)));
    let top = first.saturating_sub(1);
    let bottom = last.saturating_add(1).min(file.lines().saturating_sub(1));
    let is_long = |line: usize| file.start(line.saturating_add(1)).saturating_sub(file.start(line)) > width;
    if !(top..=bottom).any(is_long) {
        return None;
    }
    let mut text = String::new();
    let (mut start, mut end) = (0, 0);
    for number in top..=bottom {
        let begins = file.start(number);
        let line = file.text.get(begins..file.start(number.saturating_add(1))).unwrap_or_default().trim_end();
        let inside = |at: usize| at.saturating_sub(begins).min(line.len());
        let meant = if number == first { inside(span.start) } else { 0 };
        let cut = cut(line, meant, width);
        let moved = |at: usize| text.len().saturating_add(cut.moved(at));
        if number == first {
            start = moved(inside(span.start));
        }
        if number == last {
            end = moved(inside(span.end));
        }
        text.push_str(&cut.text);
        text.push('\n');
    }
    let window = File::part(file.name.clone(), Cow::Owned(text), top, Some(file.at(span.start)));
    Some((window, start..end.max(start)))
}

/// A line of which only `kept` is left.
struct Cut {
    text: String,
    kept: Span,
    /// The bytes before what is kept.
    before: usize,
}

impl Cut {
    fn moved(&self, at: usize) -> usize {
        self.before.saturating_add(at.clamp(self.kept.start, self.kept.end).saturating_sub(self.kept.start))
    }
}

/// `width` characters of `line`, so that the byte `meant` is among them.
fn cut(line: &str, meant: usize, width: usize) -> Cut {
    let (left, right) = line.split_at_checked(meant).unwrap_or((line, ""));
    let room = width.max(BEFORE);
    let all_of = |text: &str, most: usize| text.chars().take(most.saturating_add(1)).count() <= most;
    let before = if all_of(line, room) { room } else { room / BEFORE };
    let start = left.char_indices().rev().take(before).last().map_or(left.len(), |(at, _)| at);
    let taken = left.get(start..).unwrap_or_default().chars().count();
    let rest = room.saturating_sub(taken);
    let end = right.char_indices().nth(rest).map_or(line.len(), |(at, _)| left.len().saturating_add(at));
    let ahead = if start > 0 { MORE } else { "" };
    let behind = if end < line.len() { MORE } else { "" };
    let kept = start..end;
    Cut { text: [ahead, line.get(kept.clone()).unwrap_or_default(), behind].concat(), kept, before: ahead.len() }
}
