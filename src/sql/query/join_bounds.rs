//! Which joins are bounded in time or by a window, from the conditions after them.

use std::collections::BTreeMap;

use crate::sql::{lexer::TokenKind, script::Script};

/// The words before which the conditions of a join end.
const CONDITIONS_END: [&str; 4] = ["JOIN", "GROUP", "UNION", "SELECT"];

/// For each token of a text, what the conditions from there to the next join, query or statement say about a join
/// before them.
pub(super) struct JoinBounds {
    /// Whether they limit how far apart the rows of a pair may be in time.
    in_time: Vec<bool>,
    /// Whether they equate both bounds of a window.
    by_window: Vec<bool>,
}

/// What one condition says about the columns that it compares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Limits {
    /// Whether the first column, in the order of their names, has a lower limit.
    lower: bool,
    /// Whether it has an upper limit.
    upper: bool,
    /// Whether an `INTERVAL` is part of a limit.
    interval: bool,
}

/// A column as it is written: its qualifier, if it has one, and its name.
type Column<'a> = (Option<&'a str>, &'a str);

impl JoinBounds {
    /// Finds the bounds in a text.
    pub fn new(script: &Script<'_>) -> Self {
        let conditions: BTreeMap<usize, usize> = conditions(script).into_iter().collect();
        let (mut limits, mut equal_bounds) = (BTreeMap::<_, Limits>::new(), [false; 2]);
        let mut is_limited = false;
        let (mut in_time, mut by_window) = (vec![false; script.len()], vec![false; script.len()]);
        for at in (0..script.len()).rev() {
            if ends_conditions(script, at) {
                limits.clear();
                (is_limited, equal_bounds) = (false, [false; 2]);
            }
            if let Some(&end) = conditions.get(&at) {
                if let Some((columns, found)) = limits_of(script, at, end) {
                    let all = limits.entry(columns).or_default();
                    all.lower |= found.lower;
                    all.upper |= found.upper;
                    all.interval |= found.interval;
                    is_limited |= all.lower && all.upper && all.interval;
                }
                let bound = equated_window_bound(script, at, end);
                equal_bounds =
                    [equal_bounds[0] || bound == Some("window_start"), equal_bounds[1] || bound == Some("window_end")];
            }
            if let (Some(in_time), Some(by_window)) = (in_time.get_mut(at), by_window.get_mut(at)) {
                (*in_time, *by_window) = (is_limited, equal_bounds == [true; 2]);
            }
        }
        JoinBounds { in_time, by_window }
    }

    /// Returns whether the conditions from `at` on bound a join in time.
    pub fn are_in_time(&self, at: usize) -> bool {
        self.in_time.get(at).copied().unwrap_or_default()
    }

    /// Returns whether the conditions from `at` on equate both bounds of a window.
    pub fn are_by_window(&self, at: usize) -> bool {
        self.by_window.get(at).copied().unwrap_or_default()
    }
}

/// Returns whether the conditions before the token at `at` end there.
fn ends_conditions(script: &Script<'_>, at: usize) -> bool {
    script.is_any_word(at, &CONDITIONS_END) || script.is_symbol(at, ";")
}

/// Returns the start and end of each condition that has to hold: those of `ON` and `WHERE` that `AND` combines. An
/// operand of `OR` need not hold.
fn conditions(script: &Script<'_>) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut start, mut in_between, mut after_or) = (None, false, false);
    for at in 0..=script.len() {
        let is_and = script.is_word(at, "AND");
        if is_and && in_between {
            in_between = false;
            continue;
        }
        let begins = script.is_any_word(at, &["ON", "WHERE"]);
        let is_or = script.is_word(at, "OR");
        in_between |= script.is_word(at, "BETWEEN");
        if begins || is_and || is_or || at == script.len() || ends_conditions(script, at) {
            if let Some(start) = start.filter(|_| !is_or && !after_or) {
                found.push((start, at));
            }
            in_between = false;
            after_or = is_or;
            start = (begins || is_and || is_or).then_some(at + 1);
        }
    }
    found
}

/// Returns the two columns that a condition compares, in the order of their names, and the limits that it sets. `None`
/// if it does not compare columns of two tables.
fn limits_of<'a>(script: &Script<'a>, start: usize, end: usize) -> Option<([Column<'a>; 2], Limits)> {
    let is_comparison =
        |&at: &usize| script.is_word(at, "BETWEEN") || ["<", ">", "<=", ">="].contains(&script.token_text(at));
    let operator = (start..end).find(is_comparison).filter(|&at| !script.is_word(at.saturating_sub(1), "NOT"))?;
    let left = columns(script, start, operator).into_iter().next()?;
    let right = columns(script, operator + 1, end).into_iter().find(|right| table_of(*right) != table_of(left))?;
    let is_between = script.is_word(operator, "BETWEEN");
    let is_below = script.token_text(operator).starts_with('<') == (left < right);
    let interval = (start..end).any(|at| script.is_word(at, "INTERVAL"));
    let limits = Limits { lower: is_between || !is_below, upper: is_between || is_below, interval };
    Some((if left < right { [left, right] } else { [right, left] }, limits))
}

/// Returns the bound of a window that a condition equates on both sides of a join.
fn equated_window_bound(script: &Script<'_>, start: usize, end: usize) -> Option<&'static str> {
    let operator = (start..end).find(|&at| script.is_symbol(at, "="))?;
    let (left, right) = (columns(script, start, operator), columns(script, operator + 1, end));
    let ([left], [right]) = (left.as_slice(), right.as_slice()) else { return None };
    ["window_start", "window_end"]
        .into_iter()
        .find(|bound| left.0 != right.0 && left.1.eq_ignore_ascii_case(bound) && right.1.eq_ignore_ascii_case(bound))
}

/// Returns what tells the table of a column: its qualifier, or else its name.
fn table_of<'a>((qualifier, name): Column<'a>) -> &'a str {
    qualifier.unwrap_or(name)
}

/// Returns the columns between two tokens.
fn columns<'a>(script: &Script<'a>, start: usize, end: usize) -> Vec<Column<'a>> {
    let mut found = Vec::new();
    let mut at = start;
    while at < end {
        let is_unit =
            at.checked_sub(1).is_some_and(|before| script.token_kind(before) == Some(TokenKind::StringLiteral));
        let name_end = script.name_end(at, end).filter(|_| script.is_identifier(at) && !is_unit);
        let Some(next) = name_end else {
            at += 1;
            continue;
        };
        if !script.is_symbol(next, "(") {
            let qualifier = (next > at + 1).then(|| script.token_text(at));
            found.push((qualifier, script.token_text(next - 1)));
        }
        at = next;
    }
    found
}
