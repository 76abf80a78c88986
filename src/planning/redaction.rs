//! Redacts secret values that are not available here. The cloud shows them in what was submitted, and its messages
//! may quote them.

use crate::{
    live::{Live, Presence},
    resource::{Operation, Secrets, Submission},
    state::Recorded,
};

/// Redacts secret values in the service's messages, including values that are not available here. Returns the
/// secrets, extended to redact those values as well.
pub fn redact_live(live: &mut Live, secrets: &Secrets, recorded: &Recorded) -> Secrets {
    let open_submissions = recorded.open_intents.values().filter_map(|open| match &open.intent.operation {
        Operation::Submit(submission) => Some(submission),
        _ => None,
    });
    let generations = recorded.statements.values().flat_map(|record| record.generations());
    let sent = generations.map(|generation| &generation.sent).chain(open_submissions);
    let cloud_values: Vec<_> = sent.flat_map(|submission| secret_values_in_cloud(submission, live)).collect();
    let extended = secrets.with_cloud_values(cloud_values);
    live.redact(&extended);
    extended
}

/// Returns the values that the cloud holds in place of a submission's secrets, with their names.
fn secret_values_in_cloud(submission: &Submission, live: &Live) -> Vec<(String, String)> {
    let Presence::Present(found) = live.statement(&submission.name) else { return Vec::new() };
    let mut values = Vec::new();
    if submission.sql.has_secrets() {
        values.extend(submission.sql.secret_values_in(&found.sql));
    }
    for (key, template) in submission.properties.iter().filter(|(_, template)| template.has_secrets()) {
        values.extend(found.properties.get(key).map(|value| template.secret_values_in(value)).unwrap_or_default());
    }
    values
}
