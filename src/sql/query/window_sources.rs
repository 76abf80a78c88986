//! Where a text names a source of windows: a call of `TUMBLE` or a similar function, or a common table expression with
//! one.

use std::collections::BTreeSet;

use super::query_starts::{QueryStart, query_starts};
use crate::sql::script::Script;

/// The functions that assign rows to windows.
const WINDOW_FUNCTIONS: [&str; 4] = ["TUMBLE", "HOP", "SESSION", "CUMULATE"];

/// The sources of windows in a text.
pub(in crate::sql) struct WindowSources {
    /// For each token, the number of sources before it. One more than there are tokens.
    counts: Vec<usize>,
    /// For each token, the start of the query around it.
    query_starts: Vec<QueryStart>,
}

impl WindowSources {
    /// Finds the sources in a text.
    pub fn new(script: &Script<'_>) -> Self {
        let (mut counts, mut count) = (Vec::with_capacity(script.len() + 1), 0_usize);
        let mut windowed_names: BTreeSet<String> = BTreeSet::new();
        // The open common table expressions, each with its name, its closing bracket and the count at its start.
        let mut open: Vec<(String, usize, usize)> = Vec::new();
        for at in 0..script.len() {
            counts.push(count);
            while let Some((name, _, before)) = open.pop_if(|(_, close, _)| *close <= at) {
                if count > before {
                    windowed_names.insert(name);
                }
            }
            let is_call = script.is_any_word(at, &WINDOW_FUNCTIONS) && script.is_symbol(at + 1, "(");
            let is_windowed_name = script.is_identifier(at) && windowed_names.contains(&script.identifier(at));
            count += usize::from(is_call || is_windowed_name);
            if let Some(bracket) = query_bracket(script, at) {
                open.push((script.identifier(at), script.closing_bracket(bracket, script.len()), count));
            }
        }
        counts.push(count);
        WindowSources { counts, query_starts: query_starts(script) }
    }

    /// Returns the start of the query around the token at `at`.
    pub fn query_start(&self, at: usize) -> QueryStart {
        self.query_starts.get(at).copied().unwrap_or_default()
    }

    /// Returns whether a source is named between two tokens.
    pub fn are_between(&self, start: usize, end: usize) -> bool {
        self.counts.get(start) < self.counts.get(end)
    }
}

/// Returns the bracket of the query that the name at `at` stands for, in `name [(columns)] AS (SELECT …)`.
fn query_bracket(script: &Script<'_>, at: usize) -> Option<usize> {
    if !script.is_identifier(at) {
        return None;
    }
    let after_name = at + 1;
    let after_columns = match script.is_symbol(after_name, "(") {
        true => script.closing_bracket(after_name, script.len()) + 1,
        false => after_name,
    };
    (script.is_word(after_columns, "AS") && script.is_symbol(after_columns + 1, "(")).then_some(after_columns + 1)
}
