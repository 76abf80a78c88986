//! What differs between a statement that exists and its declaration, as lines of text.

use super::{PlanContext, sql_diff::line_diff, words::reason_text};
use crate::diff::Reason;

/// Returns the differences, one a line: the changed lines of the SQL, then the other fields.
pub fn difference_lines(differences: &[Reason], context: &PlanContext) -> Vec<String> {
    let mut lines = Vec::new();
    for difference in differences {
        match difference {
            Reason::SqlChanged { before, after } => lines.extend(
                line_diff(before.as_str(), after.as_str()).iter().map(|line| format!("{} {}", line.mark, line.text)),
            ),
            other => lines.push(reason_text(other, context)),
        }
    }
    lines
}

/// Returns the name of the field that differs: `sql`, `pool`, `principal` or `properties.KEY`.
pub fn differing_field(difference: &Reason) -> String {
    match difference {
        Reason::SqlChanged { .. } => "sql".to_owned(),
        Reason::PoolChanged { .. } => "pool".to_owned(),
        Reason::PrincipalChanged { .. } => "principal".to_owned(),
        Reason::PropertyChanged { key, .. } => format!("properties.{key}"),
        other => reason_text(other, &PlanContext::default()),
    }
}
