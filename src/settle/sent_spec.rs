//! Compares a live statement with what was sent. Every room that asks whether a statement runs as it was sent asks here.

use crate::{
    resource::{LiveStatement, Submission, properties},
    sql,
};

/// Returns the names of the immutable fields in which the live statement differs from what was sent: `sql`, or
/// `properties.KEY`.
///
/// SQL is compared by its normal form, and only properties that were sent are compared, because the service may show
/// another layout and values that it filled in. Secret values are not available here, so any value matches. What the
/// service shows for `sql.secrets.*` is not compared.
pub fn spec_differences(sent: &Submission, live: &LiveStatement) -> Vec<String> {
    let mut fields = Vec::new();
    if !sql::matches_template(&sent.sql, &live.sql) {
        fields.push("sql".to_owned());
    }
    let shown = |key: &str| live.properties.get(key).map(String::as_str);
    let declared = sent.properties.iter().filter(|(key, _)| !sent.added_properties.contains_key(*key));
    let differs = declared
        .filter(|(key, template)| {
            !properties::is_secret_key(key) && !shown(key).is_some_and(|value| template.matches(value))
        })
        .map(|(key, _)| key);
    let added = sent.added_properties.iter().filter(|(key, value)| shown(key) != Some(value.as_str()));
    fields.extend(differs.chain(added.map(|(key, _)| key)).map(|key| format!("properties.{key}")));
    fields
}

/// Returns whether the live statement matches what was sent, its pool and principal included.
pub fn matches_sent_spec(sent: &Submission, live: &LiveStatement) -> bool {
    spec_differences(sent, live).is_empty()
        && (sent.pool.is_none() || sent.pool == live.pool)
        && (sent.principal.is_none() || sent.principal == live.principal)
}
