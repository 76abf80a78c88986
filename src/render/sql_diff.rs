//! The difference between two texts, line by line. Only this file and `line_diff` use the `similar` crate.

use similar::{ChangeTag, TextDiff};

use super::line_diff::{LinePair, compare_lines, printable_line, shorten};

/// The number of unchanged lines shown around each change.
const CONTEXT_LINES: usize = 2;

/// One line of a difference between two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiffLine {
    /// The mark: `+`, `-`, a space, `…` where unchanged lines are left out, or `?` for what the line above shows badly:
    /// which part of it changed, or characters that cannot be told apart.
    pub mark: char,
    /// The line without its newline.
    pub text: String,
}

/// Returns the lines that are removed and added, with some unchanged lines around each change. Of long lines, only the
/// parts around a change are shown.
pub(super) fn line_diff(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(before.trim_end(), after.trim_end());
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if number > 0 {
            lines.push(DiffLine { mark: '…', text: String::new() });
        }
        for op in group {
            let with_tag = |tag: ChangeTag| -> Vec<&str> {
                let changes = diff.iter_changes(op).filter(|change| change.tag() == tag);
                changes.map(|change| change.value().trim_end_matches('\n')).collect()
            };
            let unchanged = with_tag(ChangeTag::Equal);
            lines
                .extend(unchanged.into_iter().map(|line| DiffLine { mark: ' ', text: shorten(&printable_line(line)) }));
            lines.extend(changed_lines(&with_tag(ChangeTag::Delete), &with_tag(ChangeTag::Insert)));
        }
    }
    lines
}

/// Returns the lines of one change. The lines that take each other's place are compared with each other.
fn changed_lines(removed: &[&str], added: &[&str]) -> Vec<DiffLine> {
    let pairs: Vec<LinePair> = removed.iter().zip(added).map(|(before, after)| compare_lines(before, after)).collect();
    let whole = |line: &&str| (printable_line(line), None);
    let of_pairs = |side: fn(&LinePair) -> &(String, Option<String>)| pairs.iter().map(side).cloned();
    let removed = of_pairs(|pair| &pair.before).chain(removed.iter().skip(pairs.len()).map(whole));
    let added = of_pairs(|pair| &pair.after).chain(added.iter().skip(pairs.len()).map(whole));
    let removed = removed.map(|line| ('-', line));
    let mut lines = Vec::new();
    for (mark, (text, pointer)) in removed.chain(added.map(|line| ('+', line))) {
        lines.push(DiffLine { mark, text });
        lines.extend(pointer.map(|text| DiffLine { mark: '?', text }));
    }
    lines.extend(pairs.into_iter().flat_map(|pair| pair.notes).map(|text| DiffLine { mark: '?', text }));
    lines
}

/// Returns every line of a text as an added line.
pub(super) fn added_lines(text: &str) -> Vec<DiffLine> {
    text.trim_end().lines().map(|line| DiffLine { mark: '+', text: printable_line(line) }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::*;

    /// Returns a difference as text, with the mark in front of each line.
    fn drawn(before: &str, after: &str) -> Vec<String> {
        line_diff(before, after).into_iter().map(|line| format!("{} {}", line.mark, line.text)).collect()
    }

    #[test]
    fn unchanged_lines_far_from_a_change_are_left_out() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni";
        let after = "A\nb\nc\nd\ne\nf\ng\nh\nI";
        let marks: String = line_diff(before, after).iter().map(|line| line.mark).collect();
        assert_eq!(marks, "-+  …  -+");
    }

    #[test]
    fn a_missing_final_newline_is_not_a_difference() {
        assert_eq!(line_diff("a\n", "a"), []);
    }

    #[test]
    fn characters_that_cannot_be_told_apart_are_named() {
        for (before, after, note) in [
            ("SELECT 'a\tb'", "SELECT 'a    b'", "? column 10: 4 spaces (U+0020) for a tab (U+0009)"),
            ("SELECT 'a b'", "SELECT 'a\u{a0}b'", "? column 10: a no-break space (U+00A0) for a space (U+0020)"),
            ("SELECT 'ab'", "SELECT 'a\u{200b}b'", "? column 10: a zero-width space (U+200B) was added"),
            ("SELECT 'a\u{feff}b'", "SELECT 'ab'", "? column 10: a byte order mark (U+FEFF) was removed"),
            (
                "SELECT '\u{e9}'",
                "SELECT 'e\u{301}'",
                "? column 9: `e` (U+0065), a combining mark (U+0301) for `é` (U+00E9)",
            ),
            ("SELECT 'a'", "SELECT '\u{430}'", "? column 9: `а` (U+0430) for `a` (U+0061)"),
            ("SELECT 'a\r\nb'", "SELECT 'a\nb'", "? column 10: a carriage return (U+000D) was removed"),
            ("SELECT 'a'", "SELECT 'a\u{7}'", "? column 10: a control character (U+0007) was added"),
        ] {
            assert_eq!(drawn(before, after).iter().filter(|line| line.starts_with('?')).collect::<Vec<_>>(), [note]);
        }
        for (before, after) in [("SELECT 'a'", "SELECT 'b'"), ("SELECT 'Öl'", "SELECT 'Gas und Öl'"), ("a  b", "a b c")]
        {
            assert!(!drawn(before, after).iter().any(|line| line.starts_with('?')), "{before}");
        }
    }

    #[test]
    fn of_a_long_line_the_parts_around_each_change_are_shown_and_marked() {
        let literals: Vec<String> = (0..60).map(|at| format!("'literal-{at:03}'")).collect();
        let before = format!("SELECT {} FROM t", literals.join(", "));
        let after = before.replace("literal-030", "changed-030");
        let lines = drawn(&before, &after);
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() < 120), "{lines:#?}");
        assert!(
            lines[0].starts_with("- …") && lines[0].ends_with('…') && lines[0].contains("literal-030"),
            "{lines:#?}"
        );
        assert!(lines[2].starts_with("+ …") && lines[2].contains("changed-030"), "{lines:#?}");
        for (line, pointer, piece) in [(&lines[0], &lines[1], "literal"), (&lines[2], &lines[3], "changed")] {
            let start = pointer.chars().position(|letter| letter == '^').unwrap();
            assert!(line.chars().skip(start).collect::<String>().starts_with(piece), "{lines:#?}");
        }
        let two = after.replace("literal-002", "changed-002");
        let lines = drawn(&before, &two);
        assert!(lines[2].contains("changed-002") && lines[2].contains("changed-030"), "{lines:#?}");
        assert!(lines[2].chars().count() < 240, "{lines:#?}");
    }

    #[test]
    fn a_huge_line_that_is_all_new_is_cut() {
        let lines = drawn(&"a ".repeat(80_000), &"b ".repeat(80_000));
        assert!(lines.iter().all(|line| line.chars().count() < 400), "{}", lines.len());
    }
}
