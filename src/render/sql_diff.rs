//! The difference between two texts, line by line. Only this file uses the `similar` crate.

use similar::{ChangeTag, TextDiff};

use crate::resource::visible;

/// The number of unchanged lines shown around each change.
const CONTEXT_LINES: usize = 2;

/// One line of a difference between two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiffLine {
    /// The mark: `+`, `-`, a space, or `…` where unchanged lines are left out.
    pub mark: char,
    /// The line without its newline.
    pub text: String,
}

/// Returns the lines that are removed and added, with some unchanged lines around each change.
pub(super) fn line_diff(before: &str, after: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(before.trim_end(), after.trim_end());
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if number > 0 {
            lines.push(DiffLine { mark: '…', text: String::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(DiffLine { mark, text: printable_line(change.value()) });
        }
    }
    lines
}

/// Returns every line of a text as an added line.
pub(super) fn added_lines(text: &str) -> Vec<DiffLine> {
    text.trim_end().lines().map(|line| DiffLine { mark: '+', text: printable_line(line) }).collect()
}

/// Returns a line without its newline, with characters that could steer a terminal spelled out. Tabs become spaces.
fn printable_line(line: &str) -> String {
    visible(&line.trim_end_matches(['\n', '\r']).replace('\t', "    ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
