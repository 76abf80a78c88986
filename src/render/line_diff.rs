//! Compares two lines of which one takes the place of the other: what of a long line to show, and which characters look
//! alike.

use std::ops::Range;

use similar::{ChangeTag, TextDiff};

use super::style::truncate;

/// The number of characters from which a line is long.
const LONG_LINE: usize = 160;

/// The number of characters that are shown before and after a change in a long line.
const CONTEXT: usize = 40;

/// The most characters of one changed part that are shown.
const MAX_CHANGE: usize = 160;

/// The most characters that are compared word by word. A longer difference is one change.
const MAX_COMPARED: usize = 20_000;

/// The most changes of a long line that are shown.
const MAX_CHANGES: usize = 6;

/// The most characters of a change that may be a case of look-alike characters.
const MAX_LOOK_ALIKE: usize = 12;

/// The most characters of each side that a note names.
const MAX_NAMED: usize = 4;

/// Two lines as they are shown. Each has a pointer to what changed if only parts of it are shown.
pub(super) struct LinePair {
    /// The line before the change.
    pub before: (String, Option<String>),
    /// The line after the change.
    pub after: (String, Option<String>),
    /// What the lines do not show.
    pub notes: Vec<String>,
}

/// Compares two lines without their newlines.
pub(super) fn compare_lines(before: &str, after: &str) -> LinePair {
    let (old, new): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    let (old_change, new_change) = changed_range(&old, &new);
    let notes = look_alike_note(&old, &new, &old_change, &new_change).into_iter().collect();
    if old.len().max(new.len()) <= LONG_LINE {
        return LinePair { before: (printable_line(before), None), after: (printable_line(after), None), notes };
    }
    let (old_parts, new_parts) = changed_parts(&old, &new, old_change, new_change);
    LinePair { before: shown_parts(&old, &old_parts), after: shown_parts(&new, &new_parts), notes }
}

/// Returns a line without control characters, which could steer a terminal. Tabs become spaces.
pub(super) fn printable_line(line: &str) -> String {
    let line = line.replace('\t', "    ");
    line.chars().filter(|letter| !letter.is_control()).collect()
}

/// Returns the start of a long line.
pub(super) fn shorten(line: &str) -> String {
    truncate(line, LONG_LINE)
}

/// Returns the part of each line that is left without a common start and a common end.
fn changed_range(old: &[char], new: &[char]) -> (Range<usize>, Range<usize>) {
    let start = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let shorter = old.len().min(new.len()).saturating_sub(start);
    let end = old.iter().rev().zip(new.iter().rev()).take(shorter).take_while(|(one, other)| one == other).count();
    (start..old.len().saturating_sub(end), start..new.len().saturating_sub(end))
}

/// Returns the parts of each line that changed, word by word.
fn changed_parts(
    old: &[char],
    new: &[char],
    old_change: Range<usize>,
    new_change: Range<usize>,
) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    if old_change.len().max(new_change.len()) > MAX_COMPARED {
        return (vec![old_change], vec![new_change]);
    }
    let (old_text, new_text) = (text_of(old, &old_change), text_of(new, &new_change));
    let (mut old_at, mut new_at) = (old_change.start, new_change.start);
    let (mut old_parts, mut new_parts) = (Vec::new(), Vec::new());
    for change in TextDiff::from_words(&old_text, &new_text).iter_all_changes() {
        let length = change.value().chars().count();
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Delete => add_part(&mut old_parts, old_at, length),
            ChangeTag::Insert => add_part(&mut new_parts, new_at, length),
        }
        old_at = old_at.saturating_add(if change.tag() == ChangeTag::Insert { 0 } else { length });
        new_at = new_at.saturating_add(if change.tag() == ChangeTag::Delete { 0 } else { length });
    }
    (old_parts, new_parts)
}

/// Adds a part, or extends the last one if they meet.
fn add_part(parts: &mut Vec<Range<usize>>, start: usize, length: usize) {
    let end = start.saturating_add(length);
    match parts.last_mut().filter(|last| last.end == start) {
        Some(last) => last.end = end,
        None => parts.push(start..end),
    }
}

/// Returns the characters of a range as text.
fn text_of(line: &[char], range: &Range<usize>) -> String {
    line.get(range.clone()).unwrap_or_default().iter().collect()
}

/// Returns the parts of a line around its changes, and a line that points at the changes.
fn shown_parts(line: &[char], changes: &[Range<usize>]) -> (String, Option<String>) {
    let (mut text, mut pointer) = (String::new(), String::new());
    let mut shown_to = 0;
    for (range, mark) in visible_ranges(line.len(), changes) {
        if range.start > shown_to {
            text.push('…');
            pointer.push(' ');
        }
        shown_to = range.end;
        let part = printable_line(&text_of(line, &range));
        pointer.extend(part.chars().map(|_| mark));
        text.push_str(&part);
    }
    if shown_to < line.len() {
        text.push('…');
    }
    let pointer = pointer.trim_end();
    (text, (!pointer.is_empty()).then(|| pointer.to_owned()))
}

/// Returns what is shown of a line, each range with the mark to put below it.
fn visible_ranges(length: usize, changes: &[Range<usize>]) -> Vec<(Range<usize>, char)> {
    let mut visible = Vec::new();
    let mut at = 0;
    for change in changes.iter().take(MAX_CHANGES) {
        let before = change.start.saturating_sub(CONTEXT).max(at);
        if at > 0 {
            visible.push((at..at.saturating_add(CONTEXT).min(before), ' '));
        }
        visible.push((before..change.start, ' '));
        let half = MAX_CHANGE / 2;
        if change.len() > MAX_CHANGE {
            visible.push((change.start..change.start.saturating_add(half), '^'));
            visible.push((change.end.saturating_sub(half)..change.end, '^'));
        } else {
            visible.push((change.clone(), '^'));
        }
        at = change.end;
    }
    visible.push((at..at.saturating_add(CONTEXT).min(length), ' '));
    visible.retain(|(range, _)| !range.is_empty());
    visible
}

/// Returns a note about characters that look alike, or that cannot be seen, if lines differ in such characters.
fn look_alike_note(old: &[char], new: &[char], old_change: &Range<usize>, new_change: &Range<usize>) -> Option<String> {
    let (removed, added) = (old.get(old_change.clone())?, new.get(new_change.clone())?);
    let print_alike =
        printable_line(&old.iter().collect::<String>()) == printable_line(&new.iter().collect::<String>());
    let is_short = removed.len().max(added.len()) <= MAX_LOOK_ALIKE;
    let is_hidden = removed.iter().chain(added).any(|letter| is_hard_to_see(*letter));
    let is_confusable = removed.len() == added.len()
        && removed
            .iter()
            .zip(added)
            .any(|(one, other)| one.is_alphabetic() && other.is_alphabetic() && one.is_ascii() != other.is_ascii());
    if (removed.is_empty() && added.is_empty()) || !(print_alike || (is_short && (is_hidden || is_confusable))) {
        return None;
    }
    let verb = if removed.len().max(added.len()) == 1 { "was" } else { "were" };
    let what = match (removed, added) {
        ([], added) => format!("{} {verb} added", named(added)),
        (removed, []) => format!("{} {verb} removed", named(removed)),
        (removed, added) => format!("{} for {}", named(added), named(removed)),
    };
    Some(format!("column {}: {what}", new_change.start.saturating_add(1)))
}

/// Returns the names and codes of characters. A character that repeats is counted.
fn named(letters: &[char]) -> String {
    let runs: Vec<&[char]> = letters.chunk_by(|one, other| one == other).collect();
    let mut names: Vec<String> =
        runs.iter().take(MAX_NAMED).filter_map(|run| Some(named_run(*run.first()?, run.len()))).collect();
    if runs.len() > MAX_NAMED {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// Returns the name and code of a character that appears `count` times.
fn named_run(letter: char, count: usize) -> String {
    let code = format!("U+{:04X}", u32::from(letter));
    match (hidden_name(letter), count) {
        (Some(name), 1) => format!("a {name} ({code})"),
        (Some(name), count) => format!("{count} {name}s ({code})"),
        (None, 1) => format!("`{letter}` ({code})"),
        (None, count) => format!("{count} times `{letter}` ({code})"),
    }
}

/// Returns whether a character is invisible, or drawn into the character before it. A space can be seen.
fn is_hard_to_see(letter: char) -> bool {
    letter != ' ' && hidden_name(letter).is_some()
}

/// Returns the name of a character that is not seen as one, such as a kind of space.
fn hidden_name(letter: char) -> Option<&'static str> {
    Some(match letter {
        ' ' => "space",
        '\t' => "tab",
        '\r' => "carriage return",
        '\u{a0}' => "no-break space",
        '\u{202f}' => "narrow no-break space",
        '\u{3000}' => "wide space",
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{2060}' => "word joiner",
        '\u{feff}' => "byte order mark",
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "direction mark",
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' => {
            "combining mark"
        }
        '\u{fe00}'..='\u{fe0f}' => "variation selector",
        '\u{2061}'..='\u{2064}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{180e}' => {
            "invisible character"
        }
        _ if letter.is_whitespace() => "special space",
        _ if letter.is_control() => "control character",
        _ => return None,
    })
}
