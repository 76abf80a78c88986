//! The difference of two texts, line by line: the only place that knows `similar`.

use similar::{ChangeTag, TextDiff};

/// Unchanged lines shown around each change.
const AROUND: usize = 2;

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// `+`, `-`, a blank, or `…` where unchanged lines are left out.
    pub mark: char,
    /// The line without its end.
    pub text: String,
}

/// The lines that go and come, with a little around each.
pub(super) fn difference(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before.trim_end(), after.trim_end());
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if number > 0 {
            lines.push(Line { mark: '…', text: String::new() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(Line { mark, text: shown(change.value()) });
        }
    }
    lines
}

/// A text as lines that all come.
pub(super) fn whole(text: &str) -> Vec<Line> {
    text.trim_end().lines().map(|line| Line { mark: '+', text: shown(line) }).collect()
}

/// A line without its end, tabs as blanks, and without what would steer a terminal.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']).replace('\t', "    ");
    line.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_lines_are_left_out() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni";
        let after = "A\nb\nc\nd\ne\nf\ng\nh\nI";
        let marks: String = difference(before, after).iter().map(|line| line.mark).collect();
        assert_eq!(marks, "-+  …  -+");
    }

    #[test]
    fn a_last_line_without_its_end_is_no_change() {
        assert_eq!(difference("a\n", "a"), []);
    }
}
