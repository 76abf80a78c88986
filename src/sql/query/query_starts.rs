//! Where the query around each token of a text starts.

use crate::sql::script::Script;

/// Where the query around a token starts: at the last such word before the token and outside brackets, or at the
/// bracket around both.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sql) struct QueryStart {
    /// The index of its `SELECT`.
    pub select: usize,
    /// The index of its `FROM`.
    pub from: usize,
}

/// Returns the start of the query around each token.
pub(super) fn query_starts(script: &Script<'_>) -> Vec<QueryStart> {
    let mut starts = Vec::with_capacity(script.len());
    let mut start = QueryStart::default();
    // The starts outside the open brackets, the innermost last.
    let mut outer = Vec::new();
    for at in 0..script.len() {
        if script.is_symbol(at, ")") {
            start = outer.pop().unwrap_or_default();
        }
        starts.push(start);
        if script.is_symbol(at, "(") {
            outer.push(start);
            start = QueryStart { select: at, from: at };
        } else if script.is_word(at, "SELECT") {
            start.select = at;
        } else if script.is_word(at, "FROM") {
            start.from = at;
        }
    }
    starts
}
